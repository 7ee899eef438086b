"""The command that compares a data set with real exam problems: what is stated, words and symbols, the look of figures.

What real problems state is counted in FormalGeo7k's `train`; texts and pictures are those of its `val`. Both sides are
measured alike: every picture is put on a square of white paper and brought to SIDE_PX, as an encoder sees it, before
anything is counted.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps
from scipy import ndimage, stats
from tqdm import tqdm

from data_gen.checks import shares
from data_gen.drawing.png import decode_png, encode_png
from data_gen.records.tfrecords import RecordSource
from data_gen.shared import cli
from data_gen.shared.errors import UserError
from data_gen.shared.files import open_atomic
from data_gen.sources.formalgeo.published import ROOT_HELP
from data_gen.sources.formalgeo.reading import load
from data_gen.sources.formalgeo.source import picture

SIDE_PX, ZOOM, PATCH_PX = 224, 3, 14
INK_BELOW = 160  # grey; paper is 255
# How high and wide, as shares of the side, a connected part is that counts as a letter or digit; a dot is smaller.
LETTER_HIGH = (0.035, 0.11)
LETTER_WIDE = (0.006, 0.11)
MOST_MISSING, COLUMNS = 40, 5
LETTERED = "geometry3k_diagram"  # annotators have put second letters on these pictures
EXAMPLE = """mmgeo domain-gap --root=../shared/data/formalgeo7k --data=data/composed --sheet=beside.png"""

# ---- words --------------------------------------------------------------------------------------------------------

# "Div(LengthOfLine(AB)=2)": some texts have kept pieces of formal language.
FORMAL = re.compile(r"\b(?:[A-Z][a-z]+[A-Za-z]*|sqrt)\(([^()]*)\)")
NAMES = re.compile(r"(?<![A-Za-z])[A-Z]+(?![a-z])|\d+")
TOKEN = re.compile(r"[a-z]+|[^\sa-z]")


def tokens(text: str) -> list[str]:
    """Returns the words, in small letters, and the symbols of a text, without names of points, digits, formal text."""
    while FORMAL.search(text):  # the innermost first
        text = FORMAL.sub(r" \1 ", text)
    return TOKEN.findall(NAMES.sub(" ", text).lower())


def without_question(text: str) -> str:
    """Returns a problem without its question: captions ask nothing."""
    return re.split(r"\bFind\b", text)[0]


class Coverage(NamedTuple):
    """The share of a text's words, all or distinct, that another text uses; the missing ones, commonest first."""

    of_all: float
    of_distinct: float
    missing: list[tuple[str, int]]


def coverage(real: Iterable[str], ours: Iterable[str]) -> Coverage:
    """Returns the share of real texts' words that ours use. Raises UserError if the real ones have no word."""
    counts, known = Counter(word for text in real for word in tokens(text)), {word for t in ours for word in tokens(t)}
    if not counts:
        raise UserError("there are no words to compare with: is the split empty?")
    return Coverage(
        sum(n for word, n in counts.items() if word in known) / counts.total(),
        len(known & set(counts)) / len(counts),
        [(word, n) for word, n in counts.most_common() if word not in known],
    )


# ---- figures ------------------------------------------------------------------------------------------------------


def squared(picture: np.ndarray) -> np.ndarray:
    """Scales a picture uint8[H, W], centred on a square of white paper, to uint8[SIDE_PX, SIDE_PX]."""
    return np.asarray(ImageOps.pad(Image.fromarray(picture), (SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS, "white"))


def _box(ink: np.ndarray) -> tuple[int, int]:
    """Returns height and width of the ink, px."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return (int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1) if rows.size else (1, 1)


def stroke_px(picture: np.ndarray) -> float:
    """Computes the width of strokes, px: twice the area of the ink by the length of its outline; nan without ink. The
    picture is enlarged ZOOM times. Pixel edges are longer than the outline that they follow, 4 / pi times on
    average."""
    side = ZOOM * picture.shape[0]
    ink = np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC)) < INK_BELOW
    sides = np.count_nonzero(np.diff(ink, axis=0)) + np.count_nonzero(np.diff(ink, axis=1))
    return float(2 * ink.sum() / (np.pi / 4 * sides)) / ZOOM if sides else np.nan


def letters(ink: np.ndarray) -> np.ndarray:
    """Returns float64[n, 2]: height and width, as shares of the side, of the connected parts of a letter's size."""
    parts = ndimage.find_objects(ndimage.label(ink, np.ones((3, 3)))[0])
    sizes = np.array([[s.stop - s.start for s in part] for part in parts], float).reshape(-1, 2) / ink.shape[0]
    high, wide = sizes.T
    fits = (high >= LETTER_HIGH[0]) & (high <= LETTER_HIGH[1]) & (wide >= LETTER_WIDE[0]) & (wide <= LETTER_WIDE[1])
    return sizes[fits]


def appearance(picture: np.ndarray) -> dict[str, float]:
    """Returns row of the report -> number of a picture uint8[H, W]. Shares in %, lengths of a side of 224 px."""
    square = squared(picture)
    ink = square < INK_BELOW
    sizes = letters(ink)
    high, wide = _box(ink)
    patches = ink.reshape(SIDE_PX // PATCH_PX, PATCH_PX, -1, PATCH_PX).any((1, 3))
    return {
        "width of the file, px": picture.shape[1],
        "width : height of the ink": wide / high,
        "ink's longer side, % of the side": 100 * max(high, wide) / SIDE_PX,
        "darkness, %": float(100 * (1 - square / 255).mean()),
        "patches of 14 px with ink, %": float(100 * patches.mean()),
        "stroke, px": stroke_px(square),
        "letters and digits": len(sizes),
        "height of a letter, px": float(np.median(sizes[:, 0]) * SIDE_PX) if len(sizes) else np.nan,
        "area of letters, % of the ink's box": float(100 * sizes.prod(1).sum() * SIDE_PX**2 / (high * wide)),
    }


def appearances(pictures: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Returns row of the report -> float64[pictures], without nan."""
    found = [appearance(picture) for picture in tqdm(pictures, "pictures", unit=" pictures", leave=False)]
    columns = {row: np.array([one[row] for one in found], float) for row in found[0]}
    return {row: values[~np.isnan(values)] for row, values in columns.items()}


# ---- the command --------------------------------------------------------------------------------------------------


def compare_words(real: Sequence[str], ours: Sequence[str]) -> str:
    """Returns the part of the report about English."""
    lines = [f"words and symbols of {len(real)} real problems that {len(ours)} captions use"]
    whole, back = coverage(real, ours), coverage(ours, real)
    stated = coverage([without_question(text) for text in real], ours)
    titles = "whole problems", "without their questions", "the other way, of ours"
    for title, share in zip(titles, (whole, stated, back), strict=True):
        lines.append(f"  {title}: {share.of_all:6.1%} of all, {share.of_distinct:6.1%} of the distinct ones")
    for title, share in (("missing", stated), ("only ours", back)):
        lines.append(f"  {title} (times): " + ", ".join(f"{word} {n}" for word, n in share.missing[:MOST_MISSING]))
    return "\n".join(lines)


def compare_appearance(real: Sequence[np.ndarray], ours: Sequence[np.ndarray]) -> str:
    """Returns the part of the report about figures: quartiles of both, and the distance of their distributions."""
    first, second = appearances(real), appearances(ours)
    lines = [f"{'lower quartile, median, upper quartile':38}{f'{len(real)} real':>24}{f'{len(ours)} ours':>24}   apart"]
    for row in first:
        both = len(first[row]) and len(second[row])
        apart = stats.ks_2samp(first[row], second[row]).statistic if both else np.nan
        lines.append(f"{row:38}{_quartiles(first[row]):>24}{_quartiles(second[row]):>24}{apart:8.2f}")
    return "\n".join([*lines, "apart: the Kolmogorov-Smirnov distance, 0 for equal distributions, 1 for disjoint ones"])


def _quartiles(values: np.ndarray) -> str:
    return " ".join(f"{q:7.2f}" for q in np.percentile(values, (25, 50, 75))) if len(values) else "none"


def side_by_side(real: Sequence[np.ndarray], ours: Sequence[np.ndarray]) -> np.ndarray:
    """Returns one grey picture, uint8[H, W]: real figures on the left of a black line, ours on the right."""
    halves = []
    for pictures in (real, ours):
        cells = [np.pad(squared(picture), 4, constant_values=255) for picture in pictures]
        cells += [np.full_like(cells[0], 255)] * (-len(cells) % COLUMNS)
        rows = [np.concatenate(cells[i : i + COLUMNS], 1) for i in range(0, len(cells), COLUMNS)]
        halves.append(np.concatenate(rows))
    high = max(len(half) for half in halves)
    left, right = (np.pad(half, ((0, high - len(half)), (0, 0)), constant_values=255) for half in halves)
    return np.concatenate([left, np.zeros((high, 4), np.uint8), right], 1)


def _sample(count: int, most: int, seed: int) -> list[int]:
    return sorted(int(i) for i in np.random.default_rng(seed).choice(count, min(count, most), replace=False))


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit status."""
    parser = cli.parser("domain-gap", __doc__, EXAMPLE)
    parser.add_argument("--root", required=True, help=ROOT_HELP)
    parser.add_argument("--data", required=True, help="folder of a data set")
    parser.add_argument("--split", default="train", help="of the data set (default: %(default)s)")
    parser.add_argument("--most", type=int, default=300, help="pictures of each side (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of pictures")
    parser.add_argument("--sheet", help="PNG to write: ten real figures beside ten of ours")
    options = parser.parse_args(arguments)
    problems, source = load(options.root, "val"), RecordSource(options.data, options.split)
    if not len(source) or options.most < 1:
        raise UserError(f"{options.data} {options.split} has {len(source)} families and --most is {options.most}: "
                        "at least 1 of each is needed")  # fmt: skip
    families = [source[i] for i in tqdm(range(len(source)), "families", leave=False)]
    stated = [shares.of_problem(p, without_question(p["problem_text_en"])) for p in load(options.root, "train")]
    print(shares.compare(stated, [shares.of_family(family) for family in families]) + "\n")
    own = [pair for family in families for pair in zip(family.images, family.captions, strict=False)]
    print(compare_words([str(p["problem_text_en"]) for p in problems], [text for _, text in own]))
    clean = [problem for problem in problems if not problem.get(LETTERED)]
    real = [decode_png(picture(options.root, clean[i])) for i in _sample(len(clean), options.most, options.seed)]
    ours = [decode_png(own[i][0]) for i in _sample(len(own), options.most, options.seed)]
    print("\n" + compare_appearance(real, ours))
    if options.sheet:
        some = [[half[i] for i in _sample(len(half), 2 * COLUMNS, options.seed)] for half in (real, ours)]
        with open_atomic(options.sheet) as file:
            file.write(encode_png(side_by_side(*some)))
    return 0
