"""Writes the report of a run again."""

from collections.abc import Sequence

from data_gen.shared import cli
from mmgeo_jax import config as configs
from mmgeo_jax.checkpoints import manager as checkpoints
from mmgeo_jax.report import clip as clip_report
from mmgeo_jax.report import lmm as lmm_report


@cli.command
def main(arguments: Sequence[str]) -> int:
    parser = cli.parser("report", __doc__, "mmgeo report --run=runs/clip_tiny")
    parser.add_argument("--run", required=True, help="the folder of an evaluated run, such as runs/clip_tiny")
    run = parser.parse_args(arguments).run
    is_lmm = checkpoints.kind_of(configs.read_run_config(run).model) == "lmm"
    print(f"report: {(lmm_report if is_lmm else clip_report).write_report(run)}")
    return 0
