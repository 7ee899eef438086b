"""The same command by Apache Beam, for a cluster: each missing shard is one element, made by `build.make_shard`.

The bytes are the same. The folder must be one that all workers reach, and they need this package.
"""

import contextlib
import logging
import threading
from collections.abc import Iterator, Sequence
from functools import partial

import apache_beam
from apache_beam.options.pipeline_options import PipelineOptions

from data_gen.build import shards as shard_files
from data_gen.shared import cli
from data_gen.shared.errors import UserError

POLL_S = 2.0
QUIET = "--default_sdk_harness_log_level=CRITICAL"
EXAMPLE = """mmgeo beam --spec=configs/data_tiny.py --out=data/tiny --workers=2 --spec.families.train=800
  mmgeo beam --spec=configs/data_tiny.py --out=gs://bucket/tiny --runner=DataflowRunner --project=...

--spec.KEY=VALUE sets a value of the spec file; what else is not listed above goes to Beam. Without a --runner the
work is done here, by --workers processes."""


def make_shards(shards: list[shard_files.ShardTask], workers: int, options: list[str]) -> Iterator[int]:
    """Make shards by a pipeline with these options of Beam's; yields the families of those that have come.

    Raises UserError where a shard cannot be made, and with the last line of the fault where the pipeline fails.
    """
    local = [f"--direct_num_workers={workers}", "--direct_running_mode=multi_processing", QUIET] if workers > 1 else []
    faults: list[Exception] = []

    def run() -> None:
        try:
            with apache_beam.Pipeline(options=PipelineOptions([*local, *options])) as pipeline:
                rows = pipeline | apache_beam.Create(shards) | apache_beam.Reshuffle()
                rows | apache_beam.Map(_make_shard)
        except Exception as fault:
            faults.append(fault)

    # Beam blocks and tells nothing of its progress, but the folder does.
    job = threading.Thread(target=run, daemon=True)
    job.start()
    missing = shards
    while job.is_alive():
        job.join(POLL_S)
        come = [shard for shard in missing if shard_files.is_whole(shard)]
        missing = [shard for shard in missing if shard not in come]
        yield from (shard.families for shard in come)
    if faults:
        raise UserError(f"the Beam pipeline failed: {str(faults[0]).strip().splitlines()[-1]}")
    # What the workers had to leave fails here too, and tells why.
    yield from map(shard_files.make_shard, missing)


def _make_shard(shard: shard_files.ShardTask) -> None:
    with contextlib.suppress(UserError):
        shard_files.make_shard(shard)


@cli.command
def main(arguments: Sequence[str]) -> int:
    """The command; returns the exit status."""
    # A fault is told in one line, by the exception.
    logging.getLogger("apache_beam.runners").setLevel(logging.CRITICAL)
    parser = shard_files.build_parser("beam", "Make a data set with Apache Beam.", EXAMPLE)
    options, others = parser.parse_known_args(arguments)
    overrides = [argument for argument in others if argument.startswith("--spec.")]
    beam_options = [argument for argument in others if argument not in overrides]
    return shard_files.run_build(options, overrides, partial(make_shards, options=beam_options))
