"""Describes the frozen benchmark: its version, a hash of its shards, and its kinds of edits."""

import hashlib
from collections import Counter
from collections.abc import Sequence

from data_gen.records import tfrecords
from data_gen.shared import cli


def benchmark_version(manifest: dict) -> str:
    """Returns twelve hexadecimal digits that name a data set: the same for the same shards."""
    hashes = [row["sha256"] for split in sorted(manifest["splits"]) for row in manifest["splits"][split]]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()[:12]


def describe(directory: str) -> str:
    """Returns a table of layouts, difficulties and kinds of edits. Raises UserError if a shard is missing or broken."""
    manifest = tfrecords.read_manifest(directory)
    lines = [f"{directory}: version {benchmark_version(manifest)}"]
    for split in manifest["splits"]:
        source = tfrecords.RecordSource(directory, split)
        families = [source[row] for row in range(len(source))]
        if not families:
            continue
        layouts = Counter((family.layout, family.difficulty) for family in families)
        kinds = Counter(kind for family in families for some in family.kinds[: len(family.images)] for kind in some)
        holding = Counter(kind for family in families for kind in {k for some in family.kinds for k in some})
        lines.append(f"{split}: {len(families)} families of {len(families[0].images)}")
        lines += [f"  {layout}, difficulty {level}: {count}" for (layout, level), count in sorted(layouts.items())]
        total = sum(kinds.values())
        lines += [
            f"  {kind:16} {100 * count / total:5.1f} % of {total} edits, in {holding[kind]} families"
            for kind, count in kinds.most_common()
        ]
    return "\n".join(lines)


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit status."""
    parser = cli.parser("hardset", __doc__, "mmgeo hardset --data=data/hardset")
    parser.add_argument("--data", required=True, help="folder of the data set")
    options = parser.parse_args(arguments)
    print(describe(options.data))
    return 0
