"""The command that makes a page to leaf through the families of a data set, by kind of edit.

One HTML file, which asks for nothing outside itself. A sibling's picture lies over the anchor's in colour: grey ink is
in both, blue only in the anchor's, orange only in the sibling's. Words that the anchor's caption lacks are marked.
"""

from __future__ import annotations

import difflib
import io
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import escape

import numpy as np
from PIL import Image, ImageFilter
from tqdm import tqdm

from data_gen.records.schema import Family
from data_gen.records.tfrecords import RecordSource
from data_gen.retrieval.sidecar import Retrieved, Sidecar
from data_gen.shared import cli
from data_gen.shared.errors import UserError
from data_gen.shared.files import open_atomic
from data_gen.shared.html import page

TRUTH_WORDS = {1: "true", 0: "false", -1: "cannot say"}
TRUTH_MARKS = {1: "✓", 0: "·", -1: "?"}
KNOWN_BY = {0: "unknown", 1: "computed", 2: "asserted"}
PAPER, TINT, BOTH, ANCHOR, SIBLING = (
    np.array(rgb) / 255 for rgb in ((255, 255, 255), (255, 241, 190), (70, 70, 70), (60, 145, 230), (225, 75, 0))
)
PLAIN = 0.35  # of black: less is a stroke that has moved by a part of a pixel
FEW = 0.2  # of the picture
LEVELS = 8  # of ink: few enough for small files
MOST_READ = 40  # times as many families are looked at as a kind may have
SHOWN_RETRIEVED = 5
EXAMPLE = """mmgeo gallery --data=data/tiny --split=test --each=30 --out=gallery.html"""


# ---- choosing -----------------------------------------------------------------------------------------------------


def choose(source: RecordSource, each: int) -> list[tuple[int, Family]]:
    """(row, family), spread over a split, until every kind of edit met has `each` families."""
    chosen: list[tuple[int, Family]] = []
    counts: Counter[str] = Counter()
    rows = {int(row) for row in np.linspace(0, len(source) - 1, each * MOST_READ)} if len(source) else set()
    # In an order that comes to every part of the split early.
    for row in tqdm(sorted(rows, key=lambda row: row * 0.6180339887 % 1), "families", leave=False):
        family = source[row]
        kinds = kinds_of(family) or {""}
        if any(counts[kind] < each for kind in kinds):
            chosen.append((row, family))
            counts.update(kinds)
    return sorted(chosen, key=lambda pair: pair[0])


def kinds_of(family: Family) -> set[str]:
    """The kinds of edit that a family shows."""
    return {kind for kinds in family.kinds for kind in kinds}


# ---- what an edit changed -----------------------------------------------------------------------------------------


def changed_words(old: str, new: str) -> str:
    """The new caption as HTML: words that the old one has not in their place are marked, and what is only left out is
    struck through."""
    before, after = (re.findall(r"\S+", text) for text in (old, new))
    parts = []
    for how, i, j, k, m in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        here = escape(" ".join(after[k:m]))
        if how == "delete":
            parts.append(f"<del>{escape(' '.join(before[i:j]))}</del>")
        else:
            parts.append(here if how == "equal" else f"<mark>{here}</mark>")
    return " ".join(parts)


def overlay(anchor: bytes, sibling: bytes) -> bytes | None:
    """A PNG of two pictures' ink, one over the other, on a tint where they differ if that is in few places; None where
    they are not of one size or do not decode."""
    try:
        ink = [1 - np.asarray(Image.open(io.BytesIO(png)).convert("L"), float) / 255 for png in (anchor, sibling)]
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    if ink[0].shape != ink[1].shape:
        return None
    both = np.minimum(*ink)
    differs = Image.fromarray((np.abs(ink[0] - ink[1]) > PLAIN).astype(np.uint8) * 255)
    reach_px = max(ink[0].shape) // 20 * 2 + 1
    tint = np.asarray(differs.filter(ImageFilter.MaxFilter(reach_px)), float) / 255
    pixels = PAPER - tint[..., None] * (PAPER - TINT) * (tint.mean() < FEW)
    for layer, colour in ((both, BOTH), (ink[0] - both, ANCHOR), (ink[1] - both, SIBLING)):
        pixels += np.rint(layer * LEVELS)[..., None] / LEVELS * (colour - pixels)
    file = io.BytesIO()
    Image.fromarray(np.rint(255 * pixels).astype(np.uint8)).save(file, "PNG", optimize=True)
    return file.getvalue()


# ---- HTML ---------------------------------------------------------------------------------------------------------


def card(row: int, family: Family, numbers: dict[str, int], retrieved: Sequence[Retrieved]) -> str:
    """One family: its members, the captions without a picture, the truth table, and how it came to be."""
    about = f"<span>row {row}</span><span>{escape(family.layout)}</span><span>difficulty {family.difficulty}</span>"
    members = "".join(_member(family, i, numbers) for i in range(len(family.images)))
    kinds = " ".join(str(numbers[kind]) for kind in sorted(kinds_of(family)))
    return (
        f'<article class="family" data-kinds="{kinds}"><header><h3>{escape(family.key)}</h3>{about}</header>'
        f'<div class="members">{members}</div>{_text_only(family, numbers)}{_retrieved(family, retrieved)}'
        f"{_truth(family)}{_problem(family)}{_origin(family)}</article>"
    )


def _member(family: Family, i: int, numbers: dict[str, int]) -> str:
    picture = _image("drawn", family.images[i], f"picture {i + 1} of {family.key}")
    over = overlay(family.images[0], family.images[i]) if i else None
    if over:
        picture += _image("over", over, f"picture {i + 1} over the anchor of {family.key}")
    words = changed_words(family.captions[0], family.captions[i]) if i else escape(family.captions[0])
    return (
        f'<figure class="member" data-kinds="{_numbers(family, i, numbers)}">{picture}'
        f"<figcaption><b>{i + 1}</b> {chips(family, i)}<p>{words}</p></figcaption></figure>"
    )


def _image(kind: str, png: bytes, says: str) -> str:
    return f'<img class="{kind}" src="data:image/png;base64,{b64encode(png).decode()}" alt="{escape(says)}">'


def _numbers(family: Family, j: int, numbers: dict[str, int]) -> str:
    return " ".join(str(numbers[kind]) for kind in family.kinds[j])


def chips(family: Family, j: int) -> str:
    """What caption j changes, as little labels in the colours of the axes."""
    if not family.kinds[j]:
        return f'<span class="chip anchor">{"anchor" if j == 0 else "no edit"}</span>'
    axes = family.edits[j] if len(family.edits[j]) == len(family.kinds[j]) else ("",) * len(family.kinds[j])
    pairs = zip(axes, family.kinds[j], strict=True)
    return "".join(f'<span class="chip {escape(axis)}">{escape(_spoken(kind))}</span>' for axis, kind in pairs)


def _spoken(kind: str) -> str:
    return kind.replace("_", " ")


def _text_only(family: Family, numbers: dict[str, int]) -> str:
    rows = [
        f'<li data-kinds="{_numbers(family, j, numbers)}" value="{j + 1}">{chips(family, j)}'
        f"{changed_words(family.captions[0], family.captions[j])}</li>"
        for j in range(len(family.images), len(family.captions))
    ]
    return f"<h4>Captions without a picture</h4><ol>{''.join(rows)}</ol>" if rows else ""


def _retrieved(family: Family, retrieved: Sequence[Retrieved]) -> str:
    rows = [
        f'<li><span class="chip">row {each.row} · {each.similarity:.2f}</span>'
        f"{changed_words(family.captions[0], each.text)}</li>"
        for each in retrieved
    ]
    return f"<h4>Retrieved from other families</h4><ul>{''.join(rows)}</ul>" if rows else ""


def _truth(family: Family) -> str:
    """Rows are pictures, columns captions; a cell's margin and provenance show where the pointer rests."""
    counts = range(len(family.captions))
    head = "".join(f"<th>{j + 1}</th>" for j in counts)
    rows = "".join(
        f"<tr><th>{i + 1}</th>{''.join(_cell(family, i, j) for j in counts)}</tr>" for i in range(len(family.images))
    )
    return (
        "<h4>Truth: is the caption (column) true of the picture (row)?</h4>"
        f'<div class="scroll"><table class="truth"><tr><th></th>{head}</tr>{rows}</table></div>'
    )


def _cell(family: Family, i: int, j: int) -> str:
    truth, margin = int(family.truth[i, j]), float(family.margin_px[i, j])
    plain = f", by {margin:.1f} px" if np.isfinite(margin) else ""
    says = f"caption {j + 1} of picture {i + 1}: {TRUTH_WORDS[truth]}, {KNOWN_BY[int(family.provenance[i, j])]}{plain}"
    kind = {1: "yes", 0: "no", -1: "unsure"}[truth]
    return f'<td class="{kind}" title="{says}">{TRUTH_MARKS[truth]}</td>'


def _problem(family: Family) -> str:
    """The question over the anchor, its choices, answer and solution; nothing where there is none."""
    if not family.question:
        return ""
    fields = vars(family.question).items()
    told = {name: ", ".join(value) if isinstance(value, tuple) else value for name, value in fields}
    return f"<dl>{_entries(told)}</dl>"


def _origin(family: Family) -> str:
    """The anchor's facts and program, as they are stored."""
    told = {"facts": family.facts[0], "program": (family.programs or ("",))[0], "canvas": family.canvas}
    return (
        f"<details><summary>where it comes from: {escape(family.source)}</summary><dl>{_entries(told)}</dl></details>"
    )


def _entries(told: Mapping[str, str]) -> str:
    return "".join(f"<dt>{name}</dt><dd><code>{escape(text)}</code></dd>" for name, text in told.items() if text)


def write_page(title: str, chosen: Sequence[tuple[int, Family]], retrieved: Sequence[Sequence[Retrieved]]) -> str:
    """The page of (row, family) pairs, with retrieved captions for each of them (or none)."""
    kinds = sorted({kind for _, family in chosen for kind in kinds_of(family)})
    numbers = {kind: i for i, kind in enumerate(kinds)}
    counts = Counter(kind for _, family in chosen for kind in kinds_of(family))
    options = "".join(
        f'<option value="{i}">{escape(_spoken(kind))} ({counts[kind]})</option>' for kind, i in numbers.items()
    )
    cards = (card(row, family, numbers, some) for (row, family), some in zip(chosen, retrieved, strict=True))
    body = (
        f"<h1>{escape(title)}</h1><p class='note'>{len(chosen)} families. Ink of a sibling over the anchor's: "
        '<span class="key both">in both</span> <span class="key gone">only in the anchor</span> '
        '<span class="key new">only in the sibling</span>. Captions: '
        "<mark>words that the anchor's caption has not there</mark>.</p>"
        '<nav hidden><label>kind of edit <select id="kind"><option value="">all '
        f"({len(chosen)})</option>{options}</select></label>"
        '<span class="pager"><button id="back" aria-label="the family before">←</button><output id="place"></output>'
        '<button id="on" aria-label="the next family">→</button></span>'
        '<label><input type="checkbox" id="colour" checked> changes in colour</label></nav>'
        f"{''.join(cards)}"
    )
    return page(title, body, STYLE, SCRIPT)


STYLE = """
nav { display: flex; flex-wrap: wrap; gap: 8px 22px; align-items: center; position: sticky; top: 0; z-index: 3;
  background: var(--paper); padding: 10px 0; font-size: 14px; border-bottom: 1px solid var(--line); }
nav[hidden], .family[hidden] { display: none; }
nav select, nav button { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line);
  border-radius: 7px; padding: 5px 10px; min-height: 34px; max-width: 100%; }
nav button { min-width: 44px; cursor: pointer; }
nav input { accent-color: var(--ours); }
.pager { display: inline-flex; gap: 10px; align-items: center; font-variant-numeric: tabular-nums; }
.pager output { min-width: 62px; text-align: center; }
.members { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 230px), 1fr)); gap: 18px; }
.member { margin: 0; padding: 8px; border: 2px solid transparent; border-radius: 10px; }
.member img { width: 100%; aspect-ratio: 1; object-fit: contain; background: #fff; border: 1px solid var(--line);
  border-radius: 6px; }
.member .over { display: none; }
.colour .member .over { display: block; }
.colour .member:has(.over) .drawn { display: none; }
.member img { display: block; }
.member:not(:has(.over)) { max-width: 420px; }
.member figcaption { font-size: 14px; line-height: 1.4; margin-top: 6px; }
.member figcaption p { margin: 4px 0 0; }
.wanted { border-color: var(--second); }
li.wanted { background: color-mix(in srgb, var(--second) 12%, transparent); }
mark { background: color-mix(in srgb, var(--second) 30%, transparent); color: inherit; border-radius: 3px;
  padding: 0 2px; }
del { color: var(--soft); }
h4 { font-size: 13px; font-weight: 600; color: var(--soft); margin: 18px 0 4px; }
ol, ul { margin: 0; padding-left: 26px; font-size: 14px; line-height: 1.4; }
li { padding: 3px 4px; border-radius: 5px; }
.truth th { font-weight: 400; font-size: 12px; color: var(--soft); padding: 0 8px 0 0; text-align: center; }
.truth td { width: 34px; min-width: 30px; height: 27px; text-align: center; border: 1px solid var(--line);
  font-size: 13px; }
.truth .yes { background: color-mix(in srgb, var(--good) 25%, transparent); font-weight: 700; }
.truth .no { color: var(--soft); }
.truth .unsure { background: repeating-linear-gradient(45deg, transparent 0 4px, var(--line) 4px 5px); }
.key::before { content: ""; display: inline-block; width: 12px; height: 3px; border-radius: 2px; margin: 0 5px 0 6px;
  vertical-align: middle; background: #464646; }
.key.gone::before { background: #3c91e6; } .key.new::before { background: #e14b00; }
@media (prefers-color-scheme: dark) { .key.both::before { background: #9aa3ad; } }
details { margin-top: 14px; }
details code { font-size: 12px; overflow-wrap: anywhere; }
@media (max-width: 640px) { .members { grid-template-columns: 1fr 1fr; gap: 8px; } .member { padding: 4px; }
  .member figcaption { font-size: 13px; } .members:has(> :only-child) { grid-template-columns: 1fr; }
  nav { gap: 6px 12px; } nav select { max-width: 60vw; } dl { grid-template-columns: 1fr; } }
"""

# Without a script every family is shown, one below the other. The address keeps the place: #KIND/NUMBER.
SCRIPT = """
const cards = [...document.querySelectorAll('.family')], find = id => document.getElementById(id);
const has = (e, kind) => e.dataset.kinds.split(' ').includes(kind);
let at = 0;
function show(n) {
  const kind = find('kind').value, some = cards.filter(c => !kind || has(c, kind));
  at = some.length ? (n + some.length) % some.length : 0;
  for (const c of cards) c.hidden = c !== some[at];
  for (const e of document.querySelectorAll('[data-kinds]:not(.family)'))
    e.classList.toggle('wanted', kind !== '' && has(e, kind));
  find('place').textContent = some.length ? `${at + 1} of ${some.length}` : 'none';
  history.replaceState(null, '', `#${kind}/${at + 1}`);
}
function colour() { document.body.classList.toggle('colour', find('colour').checked); }
find('kind').onchange = () => show(0);
find('back').onclick = () => show(at - 1);
find('on').onclick = () => show(at + 1);
find('colour').onchange = colour;
addEventListener('keydown', e => {
  if (e.target.tagName !== 'SELECT' && e.key.startsWith('Arrow'))
    e.key === 'ArrowLeft' ? show(at - 1) : e.key === 'ArrowRight' && show(at + 1);
});
document.querySelector('nav').hidden = false;
const [kind, place] = location.hash.slice(1).split('/');
if ([...find('kind').options].some(o => o.value === kind)) find('kind').value = kind;
colour();
show((parseInt(place) || 1) - 1);
"""


# ---- the command --------------------------------------------------------------------------------------------------


def retrieved_of(source: RecordSource, chosen: Sequence[tuple[int, Family]]) -> Iterator[list[Retrieved]]:
    """Retrieved captions for each family; none where there is no sidecar (or only a stale one)."""
    try:
        sidecar = Sidecar(source.directory, source.split)
        yield from [sidecar.negatives(row, family, SHOWN_RETRIEVED) for row, family in chosen]
    except UserError:
        yield from ([] for _ in chosen)


@cli.command
def main(arguments: Sequence[str]) -> int:
    """The command; returns the exit status."""
    parser = cli.parser("gallery", "Make a page to leaf through the families of a data set, by kind of edit.", EXAMPLE)
    parser.add_argument("--data", default="data/tiny", help="folder of a data set (default: data/tiny)")
    parser.add_argument("--split", default="train", help="default: train")
    parser.add_argument("--each", type=int, default=12, help="families to show of each kind of edit (default: 12)")
    parser.add_argument("--out", help="the page (default: gallery-SPLIT.html in the folder)")
    options = parser.parse_args(arguments)
    out = options.out or f"{options.data}/gallery-{options.split}.html"

    source = RecordSource(options.data, options.split)
    chosen = choose(source, max(1, options.each))
    title = f"{source.directory.name or options.data}, {options.split}"
    text = write_page(title, chosen, list(retrieved_of(source, chosen)))
    with open_atomic(out) as file:
        file.write(text.encode())
    print(f"{out}: {len(chosen)} families")
    return 0
