"""The command that writes the report of a run again."""

from collections.abc import Sequence
from pathlib import Path

from data_gen.shared import cli
from mmgeo_jax import config as configs
from mmgeo_jax.checkpoints import manager as checkpoints
from mmgeo_jax.report import lmm as lmm_report
from mmgeo_jax.report.clip import write_report


def write_any_report(run_dir: str | Path) -> Path:
    """Writes the report of a run of any trainer; returns its path."""
    if checkpoints.kind_of(configs.read_run_config(run_dir).model) == "lmm":
        return lmm_report.write_report(run_dir)
    return write_report(run_dir)


@cli.command
def main(arguments: Sequence[str]) -> int:
    parser = cli.parser("report", __doc__, "mmgeo report --run=runs/clip_tiny")
    parser.add_argument("--run", required=True, help="the folder of an evaluated run, such as runs/clip_tiny")
    path = write_any_report(parser.parse_args(arguments).run)
    print(f"report: {path}")
    return 0
