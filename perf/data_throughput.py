"""Figures per second on one core: this engine, matplotlib in process, a fresh Python with matplotlib for each figure.

All draw the same figures. Ours goes from a program to a record, with captions, truth table and signatures; matplotlib
gets the strokes, the marks and the labels' places for nothing, and draws and saves a PNG of the same size. They take
turns, three times over, so that what else the machine does strikes all alike.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter, process_time
from unittest import mock

for library in ("OMP", "OPENBLAS", "MKL"):  # read when numpy is imported
    os.environ[f"{library}_NUM_THREADS"] = "1"

from tqdm import tqdm  # noqa: E402

from data_gen.build.spec import load_spec  # noqa: E402
from data_gen.constructions import program  # noqa: E402
from data_gen.drawing import draw as drawing  # noqa: E402
from data_gen.drawing import png, primitives, raster, strokes  # noqa: E402
from data_gen.drawing.canvas import canvas_from_json  # noqa: E402
from data_gen.drawing.draw import Member  # noqa: E402
from data_gen.drawing.glyphs import FONTS  # noqa: E402
from data_gen.families import assemble as assembling  # noqa: E402
from data_gen.families.assemble import assemble  # noqa: E402
from data_gen.families.family import FamilyDraft  # noqa: E402
from data_gen.records import schema, tfrecords  # noqa: E402
from data_gen.shared.errors import UserError  # noqa: E402
from data_gen.sources.templates import source as templates  # noqa: E402
from perf import matplotlib_figure  # noqa: E402

ROUNDS = 3
IN_PROCESS, FRESH = 6, 150  # how many times faster ours has to be
# What is a stage, by the function that the engine calls; none of them calls another.
STAGES = {
    "read": (program, "program_from_json"),
    "solve": (drawing, "draw"),
    "labels": (drawing, "place_labels"),
    "drawing": (raster, "to_pixels"),
    "PNG": (png, "encode_png"),
    "captions": (assembling, "write_caption"),
    "truth": (assembling, "truth_table"),
    "signatures of pictures": (assembling, "image_signatures"),
    "signatures of captions": (assembling, "caption_signature"),
    "record": (schema, "encode"),
}
EXAMPLE = """example:
  python -m perf.data_throughput --figures=200 --size=384 --fresh=20

Times are of the processor, children included; the clock's stand beside them."""


class Watch:
    """Adds up seconds by name: of the processor, with those of ended children, and of the clock."""

    def __init__(self):
        self.processor_s: dict[str, float] = defaultdict(float)
        self.clock_s: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """What is done in the block goes to this name."""
        processor, clock = _processor_s(), perf_counter()
        yield
        self.processor_s[name] += _processor_s() - processor
        self.clock_s[name] += perf_counter() - clock

    def wrap(self, name: str, function: Callable) -> Callable:
        """The function, timed at every call; not for one that starts processes."""

        def timed(*arguments):
            start = process_time()
            result = function(*arguments)
            self.processor_s[name] += process_time() - start
            return result

        return timed


def _processor_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return process_time() + children.ru_utime + children.ru_stime


Work = list[tuple[schema.Family, list[dict]]]  # families, and their figures as matplotlib needs them


def figures(size_px: int, count: int) -> Work:
    """Families with at least `count` figures in all, drawn as in books."""
    overrides = [f"--spec.size_px={size_px}", "--spec.difficulty=1"]
    spec = load_spec("configs/data_tiny.py", overrides)
    found: Work = []
    with tqdm(total=count, desc="figures to draw", leave=False) as bar:
        while bar.n < count:
            family = templates.family(spec, "train", len(found))
            found.append((family, [shapes(member) for member in members(family)]))
            bar.update(len(family.images))
    return found


def members(family: schema.Family) -> list[Member]:
    """The members of a family, solved and laid out anew from their programs."""
    canvas = canvas_from_json(family.canvas)
    drawn = (drawing.draw(program.program_from_json(text), canvas) for text in family.programs)
    return [member for member in drawn if member]


def ours(family: schema.Family) -> tuple[bytes, ...]:
    """From a family's programs to its record, made anew; returns the pictures."""
    draft = FamilyDraft(drawn := members(family), [()] * len(drawn))
    canvas = canvas_from_json(family.canvas)
    made = assemble(family.key, family.layout, draft, canvas, family.source, family.difficulty)
    tfrecords.frame_record(schema.encode(made))
    return made.images


def shapes(member: Member) -> dict:
    """A figure for matplotlib: every stroke and every mark a path of its own."""
    drawn = strokes.Ink(member.diagram)
    looks = (
        (drawn.solid, drawn.stroke_px, ()),
        (drawn.dashed, drawn.stroke_px, drawn.dash),
        (drawn.marks, drawn.mark_px, ()),
        (drawn.filled, 0.0, ()),
    )
    labels = member.labels or ()
    return {
        "size_px": member.diagram.size_px,
        "paths": [(*piece, width, dash) for path, width, dash in looks for piece in _pieces(path)],
        "texts": [(label.text, *label.origin, label.font_px, FONTS[label.font]) for label in labels],
    }


def _pieces(path: strokes.Path) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """The commands and points of a path's pieces, each from one M to the next; to close takes a point too."""
    xy = iter(path.xy)
    for ops in "".join(path.ops).split("M")[1:]:
        counts = [primitives.POINTS[op] for op in "M" + ops]
        yield "M" + ops, [(next(xy), next(xy)) if n else (0.0, 0.0) for n in counts for _ in range(max(n, 1))]


def fresh(figure: dict, folder: Path) -> bytes:
    """The PNG of a figure by a Python of its own."""
    source, target = folder / "figure.json", folder / "figure.png"
    source.write_text(json.dumps(figure))
    subprocess.run([sys.executable, matplotlib_figure.__file__, source, target], check=True)
    return target.read_bytes()


def measure(work: Work, fresh_count: int) -> tuple[Watch, Counter[str]]:
    """Times by name, and how many figures each has drawn. Raises UserError where ours draws another picture."""
    watch, counts = Watch(), Counter[str]()
    drawn = [figure for _, rows in work for figure in rows]
    sample = drawn[:: max(1, len(drawn) // fresh_count)][:fresh_count]
    ours(work[0][0])  # what is loaded at first use
    matplotlib_figure.png(drawn[0])
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        for name, (module, function) in STAGES.items():
            stack.enter_context(mock.patch.object(module, function, watch.wrap(name, getattr(module, function))))
        for turn in tqdm(range(ROUNDS), desc="rounds", leave=False):
            with watch("ours"):
                images = [ours(family) for family, _ in work]
            with watch("matplotlib"):
                for figure in drawn:
                    matplotlib_figure.png(figure)
            with watch("fresh"):
                for figure in sample[turn::ROUNDS]:
                    fresh(figure, Path(folder))
            counts.update(ours=len(drawn), matplotlib=len(drawn), fresh=len(sample[turn::ROUNDS]))
            for (family, _), again in zip(work, images, strict=True):
                if again != family.images:
                    raise UserError(f"{family.key} comes out differently from its own programs")
    return watch, counts


def report(watch: Watch, counts: Counter[str]) -> tuple[str, bool]:
    """The table, and whether ours is as much faster as it has to be."""
    titles = {"ours": "ours, program to record", "matplotlib": "matplotlib in process", "fresh": "fresh Python each"}
    processor, clock = ({k: 1e3 * v[k] / counts[k] for k in titles} for v in (watch.processor_s, watch.clock_s))
    lines = [f"{'':24}  drawn  ms/figure  times ours   by the clock  times ours"]
    for name, title in titles.items():
        ratio, clock_ratio = processor[name] / processor["ours"], clock[name] / clock["ours"]
        lines.append(
            f"{title:24} {counts[name]:6} {processor[name]:10.2f} {ratio:11.1f} {clock[name]:14.2f} {clock_ratio:11.1f}"
        )
    lines += ["", "ours by stage, ms of the processor for a figure"]
    stages = {name: 1e3 * watch.processor_s[name] / counts["ours"] for name in STAGES}
    stages["the rest"] = processor["ours"] - sum(stages.values())
    lines += [f"{name:24} {ms:8.3f} {ms / processor['ours']:6.0%}" for name, ms in stages.items()]
    goals = {"matplotlib": IN_PROCESS, "fresh": FRESH}
    missed = [f"{n} times {titles[k]}" for k, n in goals.items() if processor[k] < n * processor["ours"]]
    lines += ["", f"missed: {', '.join(missed)}" if missed else f"at least {IN_PROCESS} and {FRESH} times as fast: yes"]
    return "\n".join(lines), not missed


def main(arguments: list[str] | None = None) -> int:
    """The command; its exit status is 1 where ours is not as much faster as it has to be."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--figures", type=int, default=200, help="how many (whole families of eight)")
    parser.add_argument("--size", type=int, default=384, help="width and height, px")
    parser.add_argument("--fresh", type=int, default=20, help="figures that get a process each")
    options = parser.parse_args(arguments)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    try:
        watch, counts = measure(figures(options.size, options.figures), max(1, options.fresh))
    except UserError as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 1
    text, good = report(watch, counts)
    print(text)
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
