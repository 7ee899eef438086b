"""Compares a family with its own programs: what it holds is computed again, and every difference is named.

Sources without programs only assert: there, captions' signatures and pictures are all that can be checked.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from data_gen.constructions.program import Program, program_from_json
from data_gen.drawing.canvas import Canvas, canvas_from_json
from data_gen.drawing.draw import Member, broken_rules, draw
from data_gen.drawing.png import decode_png, encode_png
from data_gen.language.captions import write_caption
from data_gen.language.fact import Fact, facts_from_json, facts_to_json, printed_only, same_facts
from data_gen.records.schema import COMPUTED, Family
from data_gen.shared import own_json
from data_gen.shared.errors import UserError
from data_gen.sources.problems.sketch import misstated
from data_gen.truth.signatures import caption_signature, drawable, image_signatures
from data_gen.truth.truth_table import Scene, truth_table

STAGES = ("rebuild", "truth", "signatures", "png")
BREAKS = "breaks the rule of legibility "
MARGIN_TOLERANCE_PX = 1e-3  # between versions of the libraries; none within one
# What a program that reads, but is of another making, may raise in the code that draws it: it becomes a difference.
UNREADABLE = (UserError, *own_json.UNREADABLE)
Facts = tuple[Fact, ...]


class Difference(NamedTuple):
    """A disagreement of what is stored and what is computed; field: as in "images[2]"."""

    field: str
    what: str


class Clock:
    """Sums up seconds by stage: `with clock("truth"): ...`."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)

    def __call__(self, stage: str) -> Clock:
        self._stage = stage
        return self

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *fault: object) -> None:
        self.seconds[self._stage] += time.perf_counter() - self._start


def find_differences(family: Family, clock: Clock, exact: bool = True) -> list[Difference]:
    """Returns all differences between a family and what its programs, canvas and facts give. `exact`: whether this
    environment has the versions that wrote the family. If not, PNGs are compared by their pixels and margins to
    MARGIN_TOLERANCE_PX."""
    if not family.programs:
        return list(_asserted(family, clock))
    with clock("rebuild"):
        found, canvas, members, stated = _rebuilt(family)
    if canvas is None or None in members or None in stated:
        return found
    whole, said = [m for m in members if m], [facts for facts in stated if facts is not None]
    found += _texts(family, canvas, whole, said)
    found += _axes(family, [m.program for m in whole], said)
    found += _question(family, whole[0].program)
    with clock("rebuild"):
        for i, member in enumerate(whole):
            found += [Difference(f"images[{i}]", BREAKS + rule) for rule in broken_rules(member, canvas)]
    with clock("truth"):
        scene = Scene.from_diagrams([m.diagram for m in whole])
        truth, margin = truth_table(said, scene, canvas.margin_px)
    found += _tables(family, truth, margin.astype(np.float32), exact)
    with clock("signatures"):
        images, captions = image_signatures(scene, canvas.margin_px), np.stack([caption_signature(f) for f in said])
    found += _bits("image_signatures", family.image_signatures, images)
    found += _bits("caption_signatures", family.caption_signatures, captions)
    with clock("png"):
        for i, (png, member) in enumerate(zip(family.images, whole, strict=True)):
            what = _picture(png, member, exact)
            found += [Difference(f"images[{i}]", what)] if what else []
    found += _annotations(family, whole)
    return found


def _rebuilt(family: Family) -> tuple[list[Difference], Canvas | None, list[Member | None], list[Facts | None]]:
    """Returns (differences, canvas, members, facts of every caption); None for what cannot be read or drawn."""
    found: list[Difference] = []
    try:
        canvas = canvas_from_json(family.canvas)
    except UserError as fault:
        return [Difference("canvas", f"is unreadable ({fault})")], None, [], []
    if canvas.to_json() != family.canvas:
        found.append(Difference("canvas", "is not as this code writes it"))
    if canvas.size_px != family.size_px:
        found.append(Difference("size_px", f"is {family.size_px}, its canvas has {canvas.size_px}"))
    members: list[Member | None] = []
    for i, text in enumerate(family.programs):
        try:
            program = program_from_json(text)
            members.append(draw(program, canvas))
            why = "" if members[-1] else "draws nothing that is clear"
            why = why or ("" if program.to_json() == text else "is not as this code writes it")
        except UNREADABLE as fault:
            members.append(None)
            why = f"is unreadable ({fault})"
        found += [Difference(f"programs[{i}]", why)] if why else []
    stated: list[Facts | None] = []
    for j, text in enumerate(family.facts):
        stated.append(_facts(text))
        if stated[-1] is None:
            found.append(Difference(f"facts[{j}]", "are unreadable"))
    return found, canvas, members, stated


def _facts(text: str) -> Facts | None:
    """Returns the facts of a caption; None if they are not facts of the predicate table."""
    try:
        return tuple(facts_from_json(text))
    except UserError:
        return None


def _texts(family: Family, canvas: Canvas, members: Sequence[Member], stated: Sequence[Facts]) -> Iterator[Difference]:
    for i, member in enumerate(members):
        if facts_to_json(member.facts) != family.facts[i]:
            yield Difference(f"facts[{i}]", f"are {family.facts[i]}, the program states {facts_to_json(member.facts)}")
    for j, (text, facts) in enumerate(zip(family.captions, stated, strict=True)):
        expected = write_caption(facts, canvas.wording)
        if text != expected:
            yield Difference(f"captions[{j}]", f"is '{text}', its facts read '{expected}'")


def _axes(family: Family, programs: Sequence[Program], stated: Sequence[Facts]) -> Iterator[Difference]:
    """Compares the edits with programs and facts: letters that moved, printed values that changed. A caption without a
    picture may be an edit of any corner of the family, so less is known of it."""
    for j, (axes, kinds) in enumerate(zip(family.edits, family.kinds, strict=True)):
        if len(axes) != len(kinds) or bool(axes) != bool(j):
            yield Difference(f"edits[{j}]", f"are {axes} of the kinds {kinds}")
        if j and same_facts(stated[0], stated[j]):
            yield Difference(f"facts[{j}]", "say the same as those of the anchor")
    for i, program in enumerate(programs[1:], 1):
        named, axes = "+".join(family.edits[i]), family.edits[i]
        if "order" not in axes and ("value" in axes) != (printed_only(stated[0]) != printed_only(stated[i])):
            change = "no printed value changes" if "value" in axes else "a printed value changes"
            yield Difference(f"edits[{i}]", f"are {named}, but {change}")
        old, new = ([name for step in p.steps for name in step.outs] for p in (programs[0], program))
        if sorted(old) == sorted(new) and ("order" in axes) != (old != new):
            change = "letters change places" if old != new else "no letters change places"
            yield Difference(f"edits[{i}]", f"are {named}, but {change}")


def _question(family: Family, program: Program) -> Iterator[Difference]:
    """Checks a worked problem of ours: its choices hold the answer once, and its steps are what its figure measures."""
    if family.source != "problems" or family.question is None:
        return
    question = family.question
    if question.choices.count(question.answer) != 1 or len(set(question.choices)) < len(question.choices):
        yield Difference("question/choices", f"are {question.choices}, the answer is '{question.answer}'")
    if not question.solution.endswith(f"\\boxed{{{question.answer}}}."):
        yield Difference("question/answer", f"is '{question.answer}', not that of its solution")
    circles = program.strokes.circles
    for what in misstated(question.solution, program.points, circles[0].through if circles else ""):
        yield Difference("question/solution", what)


def _tables(family: Family, truth: np.ndarray, margin: np.ndarray, exact: bool) -> Iterator[Difference]:
    """Compares truth int8[N, C] and margins float32[N, C] entry by entry."""
    for i, j in zip(*np.nonzero(family.truth != truth), strict=True):
        yield Difference(f"truth[{i},{j}]", f"is {family.truth[i, j]}, computed {truth[i, j]}")
    for i, j in zip(*np.nonzero(family.provenance != COMPUTED), strict=True):
        yield Difference(f"provenance[{i},{j}]", f"is {family.provenance[i, j]}, with a program it is {COMPUTED}")
    same = (family.margin_px == margin) | (np.isnan(family.margin_px) & np.isnan(margin))
    if not exact:
        same |= np.isclose(family.margin_px, margin, rtol=1e-5, atol=MARGIN_TOLERANCE_PX)
    for i, j in zip(*np.nonzero(~same), strict=True):
        yield Difference(f"margin_px[{i},{j}]", f"is {family.margin_px[i, j]:.6g}, computed {margin[i, j]:.6g}")


def _bits(field: str, stored: np.ndarray, computed: np.ndarray) -> Iterator[Difference]:
    """Compares signatures uint32[M, 8] row by row."""
    for i, (old, new) in enumerate(zip(stored, computed, strict=True)):
        wrong = sum(int(word).bit_count() for word in old ^ new)
        if wrong:
            yield Difference(f"{field}[{i}]", f"differs from the computed one in {wrong} bits")


def _picture(png: bytes, member: Member, exact: bool) -> str:
    """Returns what is wrong with a stored picture, or ""."""
    if member.labels is None:
        return "its labels find no place"
    pixels = member.pixels()
    if png == encode_png(pixels):
        return ""
    try:
        stored = decode_png(png)
    except UserError as fault:
        return str(fault)
    if stored.shape != pixels.shape:
        return f"has the shape {stored.shape}, drawn {pixels.shape}"
    wrong = int((stored != pixels).sum())
    return f"{wrong} of {pixels.size} pixels differ" if wrong else "same pixels, other bytes" if exact else ""


def _annotations(family: Family, members: Sequence[Member]) -> Iterator[Difference]:
    for i, (stored, member) in enumerate(zip(family.annotations, members, strict=True)):
        if stored != (computed := member.annotations().to_json()):
            yield Difference(f"annotations[{i}]", f"are {stored}, computed {computed}")


def _asserted(family: Family, clock: Clock) -> Iterator[Difference]:
    """Checks a family without programs: pictures decode, and signatures fit the facts if its source gives facts."""
    with clock("png"):
        for i, png in enumerate(family.images):
            try:
                decode_png(png)
            except UserError as fault:
                yield Difference(f"images[{i}]", str(fault))
    with clock("signatures"):
        for j, text in enumerate(family.facts):
            facts = _facts(text) if text else ()
            if facts is None:
                yield Difference(f"facts[{j}]", "are unreadable")
            elif not np.array_equal(family.caption_signatures[j], caption_signature(drawable(facts))):
                yield Difference(f"caption_signatures[{j}]", f"is not that of the facts {json.dumps(text)}")
