"""From an anchor program to a family: siblings by accepted edits, captions, the truth table.

A *star* is an anchor and single edits of it; a *cube* is every combination of k independent edits. In both, the
pictures and their own captions form a block whose truth table is the identity; captions without a picture follow.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from data_gen import perturb, render
from data_gen.captions import caption
from data_gen.constructions import (
    Program,
    Strokes,
    marks,
    printed_facts,
    printed_texts,
    shown_marks,
    solve,
    stated_facts,
    strokes,
)
from data_gen.diagram import (
    AngleArc,
    AngleText,
    AreaText,
    Diagram,
    Divisions,
    LengthText,
    Mark,
    RightAngle,
    Style,
    Ticks,
)
from data_gen.facts import Fact, Scene, to_json, truth_table, values_of
from data_gen.geometry import angle_deg, segment_distance
from data_gen.layout import LEAST_ANGLE_DEG
from data_gen.records import Family
from data_gen.regions import divided
from data_gen.signatures import caption_signature, image_signatures

COMPUTED = 1
HARDEST_FIRST = ("shape", "relation", "value", "order")  # a star that fails should fail early
TRIES = 3  # figures drawn for one wish
LEAST_STROKE = 1.2  # of the canvas's least gap
SAME_LINE_DEG = 0.5  # strokes that turn less run along one line; none part by less than layout.LEAST_ANGLE_DEG
TICK_ROOM = 0.04  # of the canvas, the least distance between small strokes on a segment, and from its ends
Angled = AngleText | AngleArc | RightAngle


@dataclass(frozen=True)
class Canvas:
    """How a family is put on paper: the same for all its members, so that looks tell nothing."""

    size_px: int
    border_px: float
    rotation_deg: float
    mirror: bool
    style: Style
    marks: bool
    wording: int
    margin_px: float  # a fact is false only if the drawing is this far from it
    gap_px: float  # no two named points are closer than this

    def to_json(self) -> str:
        """One line of JSON; `canvas_from_json` reads it."""
        return json.dumps(asdict(self), separators=(",", ":"))


def canvas_from_json(text: str) -> Canvas:
    """The inverse of `Canvas.to_json`."""
    data = json.loads(text)
    return Canvas(**data | {"style": Style(**data["style"])})


@dataclass(frozen=True)
class Member:
    """One figure of a family: its program, its picture and what its caption states."""

    program: Program
    diagram: Diagram
    facts: tuple[Fact, ...]

    @cached_property
    def labels(self) -> tuple[render.Label, ...] | None:
        """Where the names and printed values go; None where they do not all find a place."""
        try:
            return render.place_labels(self.diagram)
        except render.LabelCollision:
            return None


Wish = tuple[str, perturb.Proposal]  # an axis, and what proposes edits along it
Candidate = tuple[perturb.Edit, Member]  # an edit, and what came of it


@dataclass(frozen=True)
class Built:
    """A family before it is put into words and pixels: members, the edits by which each differs from the first,
    members of which only the caption is kept."""

    members: list[Member]
    edits: list[tuple[perturb.Edit, ...]]
    extra: list[Candidate]


def fit(points: dict[str, complex], circles, canvas: Canvas) -> dict[str, complex]:
    """Turns, mirrors and scales a construction so that its strokes fill the canvas inside the border."""
    turn = np.exp(1j * math.radians(canvas.rotation_deg))
    placed = {n: (z.conjugate() if canvas.mirror else z) * turn for n, z in points.items()}
    xs, ys = [z.real for z in placed.values()], [z.imag for z in placed.values()]
    for circle in circles:
        centre, radius = placed[circle.centre], abs(placed[circle.through] - placed[circle.centre])
        xs += [centre.real - radius, centre.real + radius]
        ys += [centre.imag - radius, centre.imag + radius]
    span = max(max(xs) - min(xs), max(ys) - min(ys))
    scale = (canvas.size_px - 2 * canvas.border_px) / span
    shift = complex(canvas.size_px, canvas.size_px) / 2 - scale * complex(max(xs) + min(xs), max(ys) + min(ys)) / 2
    return {name: complex(z * scale + shift) for name, z in placed.items()}


def draw(program: Program, canvas: Canvas) -> Member | None:
    """Solves a program and puts it on paper; None where it cannot be drawn clearly."""
    try:
        solved = solve(program)
        texts = printed_texts(program, solved)
    except (ZeroDivisionError, ValueError):
        return None
    drawn = strokes(program)
    points = fit(solved, drawn.circles, canvas)
    if not _clear(points, program.names, canvas) or _cramped(points, drawn, canvas):
        return None
    if any(isinstance(m, LengthText) and _shared((m.a, m.b), points, program.names) for m in texts):
        return None
    shows = shown_marks(program)
    plain = tuple(
        m
        for m in marks(program)
        if canvas.marks and _fits(m, texts + shows, points, program.names) and not _unclear(m, points, drawn, canvas)
    )
    if any(isinstance(m, Ticks) and _shared((m.a, m.b), points, program.names) for m in shows):
        return None
    in_angles = [m for m in texts + shows if isinstance(m, AngleText)]
    if any(_unclear(m, points, drawn, canvas) for m in texts + shows) or _doubled(in_angles, points):
        return None
    if any(isinstance(m, AreaText) and _doubtful(m, points, drawn, shows) for m in texts):
        return None
    diagram = Diagram(
        size_px=canvas.size_px,
        points={name: (z.real, z.imag) for name, z in points.items()},
        **drawn._asdict(),
        marks=plain + shows + texts,
        dots=_dots(program, points, drawn),
        style=canvas.style,
    )
    return Member(program, diagram, stated_facts(program) + printed_facts(program, solved))


def _shared(ends: Sequence[str], points: dict[str, complex], names: Sequence[str]) -> bool:
    """Whether a third point lies on a segment: what is marked or printed beside it might belong to a part of it."""
    a, b = (points[name] for name in ends)
    others = np.array([points[n] for n in names if n not in ends])
    return bool((segment_distance(others, a, b) < 1.0).any())


def _unclear(mark: Mark, points: dict[str, complex], drawn: Strokes, canvas: Canvas) -> bool:
    """Whether one cannot see which angle is marked, or a segment is too short for the small strokes on it."""
    if isinstance(mark, Angled):
        return _split(mark, points, drawn)
    if isinstance(mark, Ticks | Divisions):
        gaps = mark.count + isinstance(mark, Ticks)  # `count` ticks, or so many parts
        return abs(points[mark.a] - points[mark.b]) < gaps * TICK_ROOM * canvas.size_px
    return False


def _split(mark: Angled, points: dict[str, complex], drawn: Strokes) -> bool:
    """Whether a stroke runs from an angle's vertex between its arms: what stands there might belong to a part."""
    a, vertex, b = points[mark.a], points[mark.vertex], points[mark.b]
    ends = np.array([(points[s.a], points[s.b]) for s in drawn.segments]).reshape(-1, 2)
    ways = ends[segment_distance(vertex, ends[:, 0], ends[:, 1]) < 1.0].ravel()
    ways = ways[np.abs(ways - vertex) > 1.0]
    first, second = angle_deg(a, vertex, ways), angle_deg(ways, vertex, b)
    return bool(((np.minimum(first, second) > 1.0) & (first + second < angle_deg(a, vertex, b) + 1.0)).any())


def _doubled(marks: Sequence[AngleText], points: dict[str, complex]) -> bool:
    """Whether two texts are of one angle, whatever points name its arms: they would be read as one."""
    for m, n in itertools.combinations(marks, 2):
        a, v, b, p, q = (points[name] for name in (m.a, m.vertex, m.b, n.a, n.b))
        ways = [max(angle_deg(a, v, x), angle_deg(b, v, y)) for x, y in ((p, q), (q, p))]
        if m.vertex == n.vertex and min(ways) < 1.0:
            return True
    return False


def _doubtful(mark: AreaText, points: dict[str, complex], drawn: Strokes, shows: Sequence[Mark]) -> bool:
    """Whether a stroke divides the region of a printed area: it might be that of a part."""
    return divided([points[name] for name in mark.corners], points, drawn, shows, least=1.5)


def _clear(points: dict[str, complex], names: Sequence[str], canvas: Canvas) -> bool:
    """On the canvas, and no two named points too close to tell apart."""
    low, high = canvas.border_px - 1e-6, canvas.size_px - canvas.border_px + 1e-6
    inside = all(low <= points[n].real <= high and low <= points[n].imag <= high for n in names)
    return inside and all(abs(points[a] - points[b]) >= canvas.gap_px for a, b in itertools.combinations(names, 2))


def _cramped(points: dict[str, complex], drawn: Strokes, canvas: Canvas) -> bool:
    """Whether a stroke is hardly longer than the least gap between two points, or two part so little that they look
    like one thick line."""
    a, b = np.array([(points[s.a], points[s.b]) for s in drawn.segments]).reshape(-1, 2).T
    starts, ways = np.concatenate([a, b]), np.concatenate([b - a, a - b])
    turn = np.abs(np.degrees(np.angle(ways[:, None] * ways.conj())))
    narrow = (np.abs(starts[:, None] - starts) < 1.0) & (turn > SAME_LINE_DEG) & (turn < LEAST_ANGLE_DEG)
    return bool((np.abs(ways) < LEAST_STROKE * canvas.gap_px).any() or narrow.any())


def _fits(mark: Any, others: Sequence[Mark], points: dict[str, complex], names: Sequence[str]) -> bool:
    """Whether a mark can stand: no printed angle has its place, and what is ticked is one segment of one meaning."""
    if isinstance(mark, Ticks):
        counted = any(isinstance(other, Ticks | Divisions) for other in others)
        return not counted and not _shared((mark.a, mark.b), points, names)
    vertex = getattr(mark, "vertex", None)
    return not any(vertex == t.vertex and {t.a, t.b} == {mark.a, mark.b} for t in others if isinstance(t, AngleText))


def _dots(program: Program, points: dict[str, complex], drawn: Strokes) -> tuple[str, ...]:
    """Points that no stroke ends in, and those that strokes only run straight through, would be lost without a dot:
    centres, and points along a line. A circle through the point shows it too."""
    names = program.names
    ends = {end for s in drawn.segments for end in (s.a, s.b)}
    centres = {c.centre for c in drawn.circles}
    places = np.array([points[name] for name in names])
    straight = _straight(places, np.array([(points[s.a], points[s.b]) for s in drawn.segments]).reshape(-1, 2))
    for circle in drawn.circles:
        centre = points[circle.centre]
        straight &= np.abs(np.abs(places - centre) - abs(points[circle.through] - centre)) >= 1.0
    return tuple(n for n, lost in zip(names, straight, strict=True) if n in centres or n not in ends or lost)


def _straight(points: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """bool[K]: whether strokes, complex[S, 2], leave a point both ways along one line, and in no other direction."""
    if not lines.size:
        return np.zeros(len(points), bool)
    on = segment_distance(points[:, None], lines[:, 0], lines[:, 1]) < 1.0
    ways = lines.reshape(1, -1) - points[:, None]
    length = np.abs(ways)
    there = np.repeat(on, 2, 1) & (length > 1.0)
    ways = ways / np.maximum(length, 1e-9)
    along = ways * np.conj(np.take_along_axis(ways, there.argmax(1)[:, None], 1))
    bent = there & (np.abs(along.imag) >= 1e-3)
    return ~bent.any(1) & (there & (along.real < 0)).any(1)


def one_edit(anchor: Member, sibling: Member, axis: str) -> bool:
    """An edit of a shape or a relation leaves the printed values as they are, and one of a value everything else."""
    same = values_of(anchor.facts) == values_of(sibling.facts)
    return axis == "order" or same == (axis != "value")


def star(anchor: Member, wishes: Sequence[Wish], canvas: Canvas, rng: np.random.Generator) -> Built | None:
    """The anchor and a sibling for each wish that all tell each other apart; None where it fails."""
    if told([anchor], canvas)[0, 0] != 1 or anchor.labels is None:
        return None
    members = [anchor]
    edits: list[tuple[perturb.Edit, ...]] = [()]
    for axis in HARDEST_FIRST:
        some = [wish for wish in wishes if wish[0] == axis]
        found = _join(members, anchor, some, canvas, rng) if some else []
        if len(found) < len(some):
            return None
        members += [member for _, member in found]
        edits += [(edit,) for edit, _ in found]
    return Built(members, edits, [])


def cube(anchor: Member, wishes: Sequence[Wish], canvas: Canvas, rng: np.random.Generator) -> Built | None:
    """All products of the edits that are wished for, or None where they do not all tell each other apart."""
    edits = [edit for _, proposal in wishes if (edit := proposal(anchor.program, rng))]
    return cube_of(anchor.program, edits, canvas, rng) if len(edits) == len(wishes) else None


def cube_of(program: Program, edits: Sequence[perturb.Edit], canvas: Canvas, rng: np.random.Generator) -> Built | None:
    """All products of the edits of a program, or None where they do not all tell each other apart.

    Which corner is called the anchor is drawn at the end: every corner might have been it, so nothing tells it.
    """
    members = []
    for corner in range(2 ** len(edits)):
        chosen = [edit for bit, edit in enumerate(edits) if corner >> bit & 1]
        member = draw(perturb.product(chosen, program), canvas)
        if member is None:
            return None
        members.append(member)
    for corner, (bit, edit) in itertools.product(range(len(members)), enumerate(edits)):
        if not one_edit(members[corner], members[corner ^ 1 << bit], edit.axis):
            return None
    if not np.array_equal(told(members, canvas), np.eye(len(members), dtype=np.int8)):
        return None
    if any(member.labels is None for member in members):
        return None
    root = int(rng.integers(len(members)))
    corners = range(len(members))
    changed = [tuple(edit for bit, edit in enumerate(edits) if corner >> bit & 1) for corner in corners]
    return Built([members[root ^ corner] for corner in corners], changed, [])


def with_text_only(
    built: Built, base: Member, wishes: Sequence[Wish], canvas: Canvas, rng: np.random.Generator
) -> Built:
    """The family with up to `len(wishes)` captions more that have no picture: edits of `base`, one of its members.

    They pass the rule that siblings pass, so that nothing but the missing picture sets their captions apart.
    """
    return replace(built, extra=_join(built.members, base, wishes, canvas, rng))


def _join(
    members: Sequence[Member], base: Member, wishes: Sequence[Wish], canvas: Canvas, rng: np.random.Generator
) -> list[Candidate]:
    """For each wish the first edit of `base` that is told apart from the members and from those found before it."""
    pool: list[tuple[int, perturb.Edit, Member]] = []
    for number, (axis, proposal) in enumerate(wishes):
        for _ in range(TRIES):
            edit = proposal(base.program, rng)
            new = draw(edit.apply(base.program), canvas) if edit else None
            if edit and new and one_edit(base, new, axis):
                pool.append((number, edit, new))
    everyone = [*members, *(member for _, _, member in pool)]
    truth = told(everyone, canvas)
    chosen, found = list(range(len(members))), {}
    for i, (number, edit, new) in enumerate(pool, len(members)):
        if number not in found and perturb.accepts(truth, chosen, i) and new.labels is not None:
            chosen.append(i)
            found[number] = (edit, new)
    return list(found.values())


def told(members: Sequence[Member], canvas: Canvas) -> np.ndarray:
    """int8[N, N]: whether caption j is true of figure i."""
    return truth_table([m.facts for m in members], Scene.of([m.diagram for m in members]), canvas.margin_px)[0]


def assemble(key: str, layout: str, built: Built, canvas: Canvas, source: str, difficulty: int) -> Family:
    """Pictures, captions, truth table and signatures of a family."""
    scene = Scene.of([m.diagram for m in built.members])
    stated = [m.facts for m in built.members] + [member.facts for _, member in built.extra]
    edits = built.edits + [(edit,) for edit, _ in built.extra]
    truth, margin = truth_table(stated, scene, canvas.margin_px)
    return Family(
        key=key,
        layout=layout,
        images=tuple(render.encode_png(render.to_pixels(m.diagram, m.labels)) for m in built.members),
        captions=tuple(caption(facts, canvas.wording) for facts in stated),
        truth=truth,
        provenance=np.full(truth.shape, COMPUTED, np.uint8),
        margin_px=margin.astype(np.float32),
        edits=tuple(tuple(edit.axis for edit in some) for some in edits),
        kinds=tuple(tuple(edit.kind for edit in some) for some in edits),
        image_signatures=image_signatures(scene, canvas.margin_px),
        caption_signatures=np.stack([caption_signature(facts) for facts in stated]),
        facts=tuple(to_json(facts) for facts in stated),
        programs=tuple(m.program.to_json() for m in built.members),
        canvas=canvas.to_json(),
        source=source,
        difficulty=difficulty,
        size_px=canvas.size_px,
    )
