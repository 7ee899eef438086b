"""Runs VLMEvalKit, with a run of train-lmm among its models.

ROOT is a checkout of github open-compass/VLMEvalKit, whose run.py gets all other options, and the model's name, that of
the run's folder. Its table of responses is read by `mmgeo benchmark --responses=`.

VLMEvalKit has no plugins: a model is a row of `vlmeval.config.supported_VLM`, from a name to what makes a
`vlmeval.vlm.base.BaseModel`. `generate_inner` gets a list of {"type": "text" or "image", "value": ...} and returns a
text. The model sees the first picture, or blank paper.
"""

import functools
import importlib
import runpy
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_gen.shared import cli
from data_gen.shared.errors import UserError
from mmgeo_jax.inference import chat
from mmgeo_jax.inference.sampling import Sampling

EXAMPLE = """mmgeo vlmevalkit --run=runs/lmm_tiny --root=VLMEvalKit --data MathVista_MINI --mode infer"""


def make_model(run: str, length: int = 192, tokenizer: str | None = None, **_: Any) -> Any:
    """Returns a run as a model of VLMEvalKit, which must be installed."""
    base: Any = importlib.import_module("vlmeval.vlm.base").BaseModel
    solver = chat.load(run, tokenizer)

    class Mmgeo(base):
        INSTALL_REQ = False
        INTERLEAVE = False

        def set_dump_image(self, function: Any) -> None:
            """Does nothing: the dataset writes prompts and pictures. Not every version's base has this."""

        def generate_inner(self, message: Sequence[Mapping[str, str]], dataset: str | None = None) -> str:
            question = "\n".join(part["value"] for part in message if part["type"] == "text")
            picture = next((part["value"] for part in message if part["type"] == "image"), None)
            return solver.ask([picture], [question], Sampling(length=length), 1)[0]

    return Mmgeo()


@cli.command
def main(arguments: Sequence[str]) -> int:
    parser = cli.parser("vlmevalkit", __doc__, EXAMPLE)
    parser.add_argument("--run", required=True, metavar="DIR", help="a run of train-lmm, or a published PaliGemma")
    parser.add_argument("--root", required=True, metavar="DIR", help="a checkout of VLMEvalKit")
    parser.add_argument("--tokenizer", help="of a published model: a file or folder")
    parser.add_argument("--length", type=int, default=192, help="most tokens of an answer (default: 192)")
    options, rest = parser.parse_known_args(arguments)
    script, name = Path(options.root) / "run.py", Path(options.run).resolve().name
    if not script.is_file():
        raise UserError(f"{options.root} has no run.py: give a checkout of github open-compass/VLMEvalKit")
    if options.length < 1:
        raise UserError(f"--length={options.length} must be at least 1")
    sys.path.insert(0, str(script.parent.resolve()))
    try:
        models = importlib.import_module("vlmeval.config").supported_VLM
    except ModuleNotFoundError as fault:
        raise UserError(
            f"VLMEvalKit needs {fault.name}, which is not installed: pip install -e {options.root}"
        ) from None
    models[name] = functools.partial(make_model, options.run, options.length, options.tokenizer)
    sys.argv = [str(script), "--model", name, *rest]
    runpy.run_path(str(script), run_name="__main__")
    return 0
