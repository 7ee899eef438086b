"""One figure as a matplotlib script draws it: a JSON file of shapes -> a PNG file, by a command or a function."""

import argparse
import io
import json
from functools import cache
from pathlib import Path as FilePath

import matplotlib
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.font_manager import FontProperties  # noqa: E402
from matplotlib.patches import PathPatch  # noqa: E402
from matplotlib.path import Path  # noqa: E402

matplotlib.use("agg")

EXAMPLE = "example:\n  python -m perf.matplotlib_figure figure.json figure.png"
CODES = {"M": (Path.MOVETO,), "L": (Path.LINETO,), "C": (Path.CURVE4,) * 3, "Z": (Path.CLOSEPOLY,)}
FONTS = FilePath(matplotlib.get_data_path(), "fonts/ttf")


@cache
def _font(file: str) -> FontProperties:
    return FontProperties(fname=FONTS / file)


def png(figure: dict) -> bytes:
    """The PNG of a figure: {"size_px", "paths": [[ops, points, width_px, dash_px], ...], "texts": [[text, x, y of its
    baseline's start, font_px, file of its font], ...]}, all in px, y down.

    ops are of M, L, C, Z, with a point for Z too; a path of width 0 is filled. At 72 dpi a point is a pixel.
    """
    size = figure["size_px"]
    canvas = plt.figure(figsize=(size / 72, size / 72), dpi=72)
    axes = canvas.add_axes((0, 0, 1, 1), xlim=(0, size), ylim=(size, 0))
    axes.set_axis_off()
    for ops, points, width, dash in figure["paths"]:
        path = Path(points, [code for op in ops for code in CODES[op]])
        style = {"linewidth": width, "linestyle": (0, tuple(d / width for d in dash)) if dash else "-"}
        axes.add_patch(PathPatch(path, fill=not width, color="black", capstyle="butt" if dash else "round", **style))
    for text, x, y, font_px, file in figure["texts"]:
        axes.text(x, y, text, size=font_px, fontproperties=_font(file))
    data = io.BytesIO()
    canvas.savefig(data, format="png", dpi=72)
    plt.close(canvas)
    return data.getvalue()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shapes", type=FilePath, help="a JSON file, as `png` takes it")
    parser.add_argument("picture", type=FilePath, help="the PNG file to write")
    options = parser.parse_args()
    options.picture.write_bytes(png(json.loads(options.shapes.read_text())))
