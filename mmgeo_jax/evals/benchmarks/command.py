"""Scores a model's responses on a public benchmark.

responses.jsonl holds {"key": ..., "response": ...} a line; a question without a line counts as wrong. The keys are said
in each benchmark's module, and --prompts writes them with the text that a model is asked, ours or, with
--prompts=public, that of the benchmark's authors. Output files of MathVista,
We-Math, lmms-eval and VLMEvalKit are read as they are, several responses a key too (evals/benchmarks/responses.py);
NAME_judged.jsonl beside the scores says what each response was taken to say.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial

from data_gen.shared import cli
from mmgeo_jax.evals.benchmarks import run as benchmarks
from mmgeo_jax.evals.benchmarks.item import PROMPTS

EXAMPLE = """mmgeo benchmark --list
  mmgeo benchmark --name=wemath --root=DIR --run=runs/lmm_tiny
  mmgeo benchmark --name=visonlyqa --root=DIR --encoder=runs/clip_tiny
  mmgeo benchmark --name=wemath --root=DIR --responses=responses.jsonl --out=eval.json
  mmgeo benchmark --name=wemath --root=DIR --baseline --out=eval.json"""


@cli.command
def main(arguments: Sequence[str]) -> int:
    parser = cli.parser("benchmark", __doc__, EXAMPLE)
    parser.add_argument("--list", action="store_true", help="the benchmarks, and where their data is")
    parser.add_argument("--name", choices=list(benchmarks.BENCHMARKS), help="which benchmark")
    parser.add_argument("--root", help="the folder of its data")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--responses", metavar="FILE", help="what the model said: .jsonl, .json, .tsv, .csv, .xlsx")
    what.add_argument("--run", metavar="DIR", help="a run of train-lmm, which is asked")
    what.add_argument("--encoder", metavar="DIR", help="a run of train-clip, or a published folder: scores captions")
    what.add_argument("--baseline", action="store_true", help="score the first choice, or the most frequent answer")
    what.add_argument(
        "--prompts",
        nargs="?",
        const="ours",
        choices=list(PROMPTS),
        help="print key, prompt and pictures of every question; public: as its authors ask (default: ours)",
    )
    parser.add_argument(
        "--score", choices=("cosine", "likelihood"), default="cosine", help="of --encoder (default: cosine)"
    )
    parser.add_argument("--length", type=int, default=128, help="most tokens of an answer of the run (default: 128)")
    parser.add_argument("--out", help="where the scores go (default: eval.json; of a run, NAME.json in its folder)")
    options = parser.parse_args(arguments)
    if not options.list and not (
        options.name
        and options.root
        and (options.responses or options.run or options.encoder or options.baseline or options.prompts)
    ):
        parser.error("give --list, or --name, --root and one of --responses, --run, --encoder, --baseline, --prompts")
    options.out = options.out or (f"{options.run}/{options.name}.json" if options.run else "eval.json")
    return _run_command(options)


def _run_command(options: argparse.Namespace) -> int:
    name, root = options.name, options.root
    if options.list:
        for each, module in benchmarks.BENCHMARKS.items():
            print(f"{each:10} {module.WHERE}")
        return 0
    if options.prompts:
        items = benchmarks.read_items(name, root)
        if options.prompts == "public" and not any(item.public_prompt for item in items):
            print(f"{name} has no public prompt for free responses: these are ours", file=sys.stderr)
        for item in items:
            line = {
                "key": item.key,
                "prompt": PROMPTS[options.prompts](item),
                "pictures": [str(p) for p in item.pictures],
            }
            print(json.dumps(line, ensure_ascii=False))
        return 0
    if options.run:
        from mmgeo_jax.evals.benchmarks import answerer
        from mmgeo_jax.inference import chat

        answer = answerer.make_answerer(chat.load(options.run), options.length)
        scores = benchmarks.run_benchmark(name, root, answer, options.out)
    elif options.encoder:
        from mmgeo_jax.evals.benchmarks import answerer
        from mmgeo_jax.inference import encoder

        answer = answerer.make_chooser(partial(encoder.load(options.encoder).score, score=options.score))
        scores = benchmarks.run_benchmark(name, root, answer, options.out)
    elif options.baseline:
        baseline = benchmarks.make_baseline(benchmarks.read_items(name, root))
        scores = benchmarks.run_benchmark(name, root, baseline, options.out)
    else:
        scores = benchmarks.score_file(name, root, options.responses, options.out)
    print(
        f"{name}: {scores['right']} of {scores['count']} right ({100 * scores['accuracy']:.1f} %), "
        f"{scores['no_answer']} without an answer, {scores['missing']} of them missing; {options.out}"
    )
    return 0
