"""Describes the frozen benchmark: its version, a hash of what it asks, and its kinds of edits."""

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image

from data_gen.records import tfrecords
from data_gen.records.schema import Family
from data_gen.shared import cli


def benchmark_version(families: Iterable[Family]) -> str:
    """Returns twelve hexadecimal digits that name what is asked: the same for the same pixels, captions, truth and
    edits in the same order, whatever else the records keep and however they store it."""
    digest = hashlib.sha256()
    for family in families:
        said = [family.key, family.layout, family.captions, family.edits, family.kinds, family.truth.tolist()]
        digest.update(json.dumps(said).encode())
        for png in family.images:
            digest.update(np.asarray(Image.open(io.BytesIO(png))).tobytes())
    return digest.hexdigest()[:12]


def describe(directory: str) -> str:
    """Returns a table of layouts, difficulties and kinds of edits. Raises UserError if a shard is missing or broken."""
    manifest = tfrecords.read_manifest(directory)
    sources = {name: tfrecords.RecordSource(directory, name) for name in sorted(manifest["splits"])}
    splits = {name: [source[row] for row in range(len(source))] for name, source in sources.items()}
    version = benchmark_version(family for families in splits.values() for family in families)
    lines = [f"{directory}: version {version}"]
    for split, families in splits.items():
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
