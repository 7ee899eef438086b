"""`mmgeo eval`: scores a run on its own test sets, or any checkpoint on any data set."""

import argparse
from collections.abc import Sequence
from typing import Any

from data_gen.shared import cli
from data_gen.shared.errors import UserError
from mmgeo_jax.checkpoints import manager as checkpoints
from mmgeo_jax.evals.clip import evaluate_checkpoint, evaluate_run
from mmgeo_jax.inference import encoder

EXAMPLE = """mmgeo eval --run=runs/clip_tiny
  mmgeo eval --checkpoint=siglip --data data/hardset data/formalgeo7k"""


def summarize(results: dict[str, Any]) -> str:
    """Formats eval.json of a run: a line for each test set."""
    lines = []
    for name in ("synthetic", "real"):
        if section := results[name]:
            keys = ("image_hit1", "text_hit1", "chance", "unimodal_text_hit1", "untrained_text_hit1")
            scores = {key: section[key] for key in keys} | section["by_kind"]
            values = ", ".join(f"{key} {value:.3f}" for key, value in scores.items() if value is not None)
            lines.append(f"{name} ({section['families']} families): {values}")
    return "\n".join(lines)


def format_table(results: dict[str, Any]) -> str:
    """Formats eval.json of a checkpoint: both Hit@1 by layout and difficulty, then pairwise accuracies by kind."""
    scores, data = results["scores"], results["data"]
    details, hits = scores["details"], ("text_hit1", "image_hit1")
    overall = {
        name: {"score": scores[name], "interval": scores["intervals"][name], "chance": details["chance"][name]}
        for name in hits
    }
    rows = {"all": overall}
    for title, groups in (("", details["by_layout"]), ("difficulty ", details["by_difficulty"])):
        rows |= {f"{title}{name}": group for name, group in groups.items()}
    for kinds in (details["by_kind"], details["by_finer_kind"]):
        rows |= {kind: {name: kinds[name.removesuffix("_hit1")][kind] for name in hits} for kind in kinds["text"]}
    lines = [
        f"{results['checkpoint']} on {data['folder']}, {data['split']}, {scores['families']} families; 95 % intervals",
        f"{'':20}{'picture finds caption':27}{'caption finds picture':27}chance",
    ]
    for name, row in rows.items():
        cells = [row[each] for each in hits]
        if any(cell["score"] is not None for cell in cells):
            chance = next(cell["chance"] for cell in cells if cell["score"] is not None)
            lines.append(f"{name:20}{_format_score(cells[0]):27}{_format_score(cells[1]):27}{chance:.3f}")
    if share := results["merged_share"]:
        lines.append(f"{share:.1%} of false captions have the tokens of a true one: merged by the tokenizer, or cut")
    return "\n".join(lines)


def _format_score(cell: dict[str, Any]) -> str:
    if cell["score"] is None:
        return "-"
    low, high = cell["interval"]
    return f"{cell['score']:.3f} ({low:.3f} to {high:.3f})"


@cli.command
def main(arguments: Sequence[str]) -> int:
    parser = cli.parser("eval", __doc__, EXAMPLE)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run", help="the folder of a trained run, scored on its own data, or a checkpoint with --data")
    what.add_argument("--checkpoint", help="a run, a big_vision .npz, or a folder of SigLIP, CLIP or PaliGemma")
    parser.add_argument("--data", nargs="+", default=[], metavar="DIR", help="data sets for a checkpoint")
    parser.add_argument("--tokenizer", help="of a published checkpoint: a file or folder (default: in its own folder)")
    parser.add_argument("--force", action="store_true", help="measure again what is there, for --run")
    options = parser.parse_args(arguments)
    source = options.run or options.checkpoint
    if options.checkpoint and not options.data:
        parser.error("--checkpoint and --data go together")
    if options.run and options.data and not checkpoints.is_published(source):
        parser.error("a run is scored on its own data; on others give --checkpoint instead of --run")
    if not options.data and checkpoints.is_published(source):
        raise UserError(f"{source} is a published checkpoint, which has no data of its own: name some with --data=DIR")
    if checkpoints.kind_of_source(source) == "lmm":
        return _evaluate_lmm(source, options)
    if not options.data:
        print(summarize(evaluate_run(source, options.force)))
        return 0
    model = encoder.load(source, options.tokenizer)
    for folder in options.data:
        results, where = evaluate_checkpoint(model, folder)
        print(f"{format_table(results)}\n{where / 'eval.json'}")
    return 0


def _evaluate_lmm(source: str, options: argparse.Namespace) -> int:
    from mmgeo_jax.evals import lmm as lmm_eval
    from mmgeo_jax.inference import chat

    if not options.data:
        print(lmm_eval.summarize(lmm_eval.evaluate_run(source, options.force)))
        return 0
    solver = chat.load(source, options.tokenizer)
    for folder in options.data:
        results, where = lmm_eval.evaluate_checkpoint(solver, source, folder)
        print(f"{lmm_eval.summarize(results)}\n{where / 'eval.json'}")
    return 0
