"""Scores a run on its own test sets, or any checkpoint on any data set."""

from collections.abc import Sequence

from data_gen.shared import cli
from data_gen.shared.errors import UserError
from mmgeo_jax.checkpoints import manager as checkpoints
from mmgeo_jax.data import preparation
from mmgeo_jax.evals import clip as clip_eval
from mmgeo_jax.evals import lmm as lmm_eval
from mmgeo_jax.inference import chat, encoder

EXAMPLE = """mmgeo eval --run=runs/clip_tiny
  mmgeo eval --checkpoint=siglip --data data/hardset data/formalgeo7k"""


@cli.command
def main(arguments: Sequence[str]) -> int:
    parser = cli.parser("eval", __doc__, EXAMPLE)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run", help="the folder of a trained run, scored on its own data, or a checkpoint with --data")
    what.add_argument("--checkpoint", help="a run, a big_vision .npz, or a folder of SigLIP, CLIP or PaliGemma")
    parser.add_argument("--data", nargs="+", default=[], metavar="DIR", help="data sets for a checkpoint")
    parser.add_argument("--tokenizer", help="of a published checkpoint: a file or folder (default: in its own folder)")
    parser.add_argument(
        "--preparation",
        choices=preparation.NAMES,
        default=preparation.NAMES[0],
        help="of pictures for a checkpoint: ours, or its own, as its preprocessor_config.json says (default: ours)",
    )
    parser.add_argument("--force", action="store_true", help="measure again what is there, for --run")
    options = parser.parse_args(arguments)
    source = options.checkpoint if options.run is None else options.run
    if not source:  # as an unset variable of a shell leaves it
        raise UserError("the name of the run or checkpoint is empty: name its folder")
    if options.checkpoint and not options.data:
        parser.error("--checkpoint and --data go together")
    if options.run and options.data and not checkpoints.is_published(source):
        parser.error("a run is scored on its own data; on others give --checkpoint instead of --run")
    if not options.data and checkpoints.is_published(source):
        raise UserError(f"{source} is a published checkpoint, which has no data of its own: name some with --data=DIR")
    if options.preparation == "own" and not checkpoints.is_published(source):
        raise UserError(f"{source} is a run, whose own preparation is ours: leave --preparation=own out")
    is_lmm = checkpoints.kind_of_source(source) == "lmm"
    evals, load = (lmm_eval, chat.load) if is_lmm else (clip_eval, encoder.load)
    if not options.data:
        print(evals.summarize(evals.evaluate_run(source, options.force)))
        return 0
    model = load(source, options.tokenizer)
    for folder in options.data:
        results, where = evals.evaluate_checkpoint(model, source, folder, preparation=options.preparation)
        print(f"{evals.summarize(results)}\n{where / 'eval.json'}")
    return 0
