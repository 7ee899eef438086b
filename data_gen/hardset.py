"""What a frozen benchmark is: its version, the hash of its shards, and what its edits are.

python -m data_gen.hardset --data=data/hardset
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections import Counter

from data_gen import tfrecords
from data_gen.errors import exit_status


def version(manifest: dict) -> str:
    """Twelve hexadecimal digits that name a data set: the same for the same shards."""
    hashes = [row["sha256"] for split in sorted(manifest["splits"]) for row in manifest["splits"][split]]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()[:12]


def describe(directory: str) -> str:
    """A table of layouts, difficulties and kinds of edits. Raises UserError where a shard is missing or broken."""
    manifest = tfrecords.read_manifest(directory)
    lines = [f"{directory}: version {version(manifest)}"]
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


def main(arguments: list[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(
        "python -m data_gen.hardset", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="folder of the data set")
    options = parser.parse_args(arguments)

    def command() -> int:
        print(describe(options.data))
        return 0

    return exit_status(command, options.data)


if __name__ == "__main__":
    sys.exit(main())
