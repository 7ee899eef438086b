"""The command that makes data sets with Apache Beam, on a cluster: each missing shard is one element of a pipeline.

The bytes are those of `mmgeo data`. The folder must be one that all workers reach, and they need this package.
"""

import contextlib
import logging
import threading
from collections.abc import Iterator, Sequence
from functools import partial

import apache_beam
from apache_beam.options.pipeline_options import PipelineOptions

from data_gen.build import shards
from data_gen.shared import cli
from data_gen.shared.errors import UserError

POLL_S = 2.0
QUIET = "--default_sdk_harness_log_level=CRITICAL"
EXAMPLE = """mmgeo beam --spec=configs/data_tiny.py --out=data/tiny --workers=2 --spec.families.train=800
  mmgeo beam --spec=configs/data_tiny.py --out=gs://bucket/tiny --runner=DataflowRunner --project=...

--spec.KEY=VALUE sets a value of the spec file; other options that are not listed above go to Beam. Without --runner
the work is done here, by --workers processes."""


def make_shards(tasks: list[shards.ShardTask], workers: int, options: list[str]) -> Iterator[int]:
    """Makes shards by a pipeline with these options of Beam's; yields the families of each that is finished. Raises
    UserError if a shard cannot be made, or with the last line of the fault if the pipeline fails."""
    local = [f"--direct_num_workers={workers}", "--direct_running_mode=multi_processing", QUIET] if workers > 1 else []
    faults: list[Exception] = []

    def run() -> None:
        try:
            with apache_beam.Pipeline(options=PipelineOptions([*local, *options])) as pipeline:
                rows = pipeline | apache_beam.Create(tasks) | apache_beam.Reshuffle()
                rows | apache_beam.Map(_make_shard)
        except Exception as fault:
            faults.append(fault)

    # Beam blocks without reporting its progress; the folder shows it.
    job = threading.Thread(target=run, daemon=True)
    job.start()
    missing = tasks
    while job.is_alive():
        job.join(POLL_S)
        done = [shard for shard in missing if shards.is_whole(shard)]
        missing = [shard for shard in missing if shard not in done]
        yield from (shard.families for shard in done)
    if faults:
        raise UserError(f"the Beam pipeline failed: {str(faults[0]).strip().splitlines()[-1]}")
    # A shard that the workers could not make fails here, too, and says why.
    yield from map(shards.make_shard, missing)


def _make_shard(shard: shards.ShardTask) -> None:
    with contextlib.suppress(UserError):
        shards.make_shard(shard)


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit status."""
    # The exception is the one line that reports a fault.
    logging.getLogger("apache_beam.runners").setLevel(logging.CRITICAL)
    parser = shards.build_parser("beam", "Make a data set with Apache Beam.", EXAMPLE)
    options, others = parser.parse_known_args(arguments)
    overrides = [argument for argument in others if argument.startswith("--spec.")]
    beam_options = [argument for argument in others if argument not in overrides]
    return shards.run_build(options, overrides, partial(make_shards, options=beam_options))
