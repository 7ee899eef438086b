"""The entry point of every command: `mmgeo COMMAND ...`, or `python -m mmgeo_jax COMMAND ...` from a checkout.

A command is a module with `main(arguments) -> exit status`, imported only when it is called for: making data needs no
JAX, and training needs no drawing.
"""

import difflib
import importlib
import os
import sys
from collections.abc import Sequence

from data_gen.shared import signals
from data_gen.shared.cli import program

# what a user does -> command -> (module, what it does)
GROUPS = {
    "make data": {
        "data": ("data_gen.build.shards", "make a data set: a spec -> TFRecord shards"),
        "beam": ("data_gen.build.beam", "make a data set with Apache Beam"),
        "retrieval": ("data_gen.retrieval.mine", "find similar captions that are false of a picture, as negatives"),
    },
    "look at data": {
        "gallery": ("data_gen.view.gallery", "an HTML gallery of a data set's families"),
        "contact-sheet": ("data_gen.view.contact_sheet", "one family as a PNG"),
        "coco": ("data_gen.view.coco", "pictures and their ground truth, in COCO's format for detectors"),
    },
    "check data": {
        "verify": ("data_gen.checks.verify", "redraw a data set from its programs, and look for leaks"),
        "check-truth": ("checker.check", "compare truth tables with an independent reading of the captions"),
        "hardset": ("data_gen.checks.hardset", "describe the frozen benchmark, and its version"),
        "domain-gap": ("data_gen.checks.domain_gap", "compare a data set with real exam problems"),
        "question-only": ("data_gen.checks.question_only", "how well problems are answered without their picture"),
        "alphageometry": ("data_gen.sources.alphageometry.source", "which AlphaGeometry problems can be drawn"),
        "formalgeo": ("data_gen.sources.formalgeo.source", "which FormalGeo7k problems can be parsed"),
        "redrawn": ("data_gen.sources.redrawn.source", "which FormalGeo7k figures can be redrawn, and how closely"),
    },
    "train": {
        "compile-report": ("mmgeo_jax.train.compile_report", "bytes per device and FLOPs, without the hardware"),
        "train-clip": ("mmgeo_jax.train.clip", "train an image encoder with a text encoder"),
        "train-lmm": ("mmgeo_jax.train.lmm", "train a multimodal model"),
    },
    "evaluate": {
        "eval": ("mmgeo_jax.evals.command", "evaluate a run or a published checkpoint"),
        "report": ("mmgeo_jax.report.command", "write report.html of an evaluated run"),
        "benchmark": ("mmgeo_jax.evals.benchmarks.command", "score a model's answers on a public benchmark"),
    },
    "in other harnesses": {
        "lmms-task": (
            "mmgeo_jax.evals.harnesses.lmms_task",
            "write a benchmark, or own problems, as a task of lmms-eval",
        ),
        "vlmevalkit": ("mmgeo_jax.evals.harnesses.vlmevalkit", "run VLMEvalKit on a run of train-lmm"),
    },
    "use": {
        "export": ("mmgeo_jax.checkpoints.export", "write a run for transformers, or as a big_vision .npz"),
        "solve": ("mmgeo_jax.inference.chat", "ask a multimodal model about a diagram"),
    },
}
COMMANDS = {name: command for group in GROUPS.values() for name, command in group.items()}


def usage() -> str:
    """Returns the list of commands."""
    lines = [f"usage: {program()} COMMAND ..."]
    for title, group in GROUPS.items():
        lines += ["", f"{title}:", *(f"  {name:15} {what}" for name, (_, what) in group.items())]
    return "\n".join([*lines, "", f"{program()} COMMAND --help shows a command's options and an example."])


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command, without `arguments` that of this process; returns its exit status."""
    return signals.run(lambda: run(sys.argv[1:])) if arguments is None else run(arguments)


def run(arguments: Sequence[str]) -> int:
    """Runs a command; returns its exit status."""
    name, *rest = list(arguments) or ["--help"]
    if name in ("-h", "--help"):
        print(usage())
        return 0
    if name not in COMMANDS:
        near = [each for each in COMMANDS if each.startswith(name)] or difflib.get_close_matches(name, COMMANDS, 1, 0)
        meant = " or ".join(f"'{each}'" for each in near)
        print(f"error: there is no command '{name}': did you mean {meant}? {program()} --help", file=sys.stderr)
        return 2
    try:
        module = importlib.import_module(COMMANDS[name][0])
    except ModuleNotFoundError as fault:
        where = "requirements.txt and the extras of pyproject.toml say what is needed for what"
        print(f"error: {name} needs {fault.name}, which is not installed: {where}", file=sys.stderr)
        return 1
    try:
        return module.main(rest)
    except (RuntimeError, AssertionError):
        if (asked := os.environ.get("JAX_PLATFORMS")) is None or _has_device():
            raise
        print(
            f"error: JAX_PLATFORMS is {asked!r}, and no such device is here: unset it, or set it to cpu",
            file=sys.stderr,
        )
        return 1


def _has_device() -> bool:
    import jax  # here, since not every command needs it

    try:
        return bool(jax.devices())
    except (RuntimeError, AssertionError):
        return False
