"""Worked problems: a figure with its values, a question, four choices, and a solution step by step, all of it checked.

`KINDS` is their table. `family(spec, split, index)` is a pure function that yields a family of
one picture, whose `question` has

* question: the text; where what is given stands in the picture alone, it asks no more than "Find ∠ABC.";
* choices: four texts, as "40°" or "12π cm"; answer: the one that is right (`letter` is its letter);
* solution: a numbered line for each step with its theorem, then "The answer is \\boxed{...}.";
* tags: the kind (a name of KINDS), and "picture" where the question needs its picture.

The family's caption states what the figure shows, its difficulty is the number of steps. Every stated value is measured
in the figure's own coordinates. The set of letters of a figure names its split, so no text of one is in another.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from data_gen.constructions.program import Program
from data_gen.constructions.step import Step
from data_gen.drawing.canvas import Difficulty, canvas_of
from data_gen.drawing.draw import draw
from data_gen.families.acceptance import proves_itself, truth_of
from data_gen.families.assemble import assemble
from data_gen.families.family import FamilyDraft
from data_gen.families.splits import draw_letters
from data_gen.geometry.diagram import Circle, Segment
from data_gen.language.fact import Fact
from data_gen.records.schema import IN_PICTURE, Family, Question
from data_gen.shared.errors import UserError
from data_gen.sources.problems import angles, distractors, lengths
from data_gen.sources.problems.sketch import MEASURES, Sketch, amount, faults, lettered, measured, named, solution

MAX_SETS, MAX_FIGURES = 40, 60  # sets of choices for a problem, figures for a set
FONTS = ("serif-italic", "sans", "serif", "cm-italic")
DIFFICULTY = Difficulty(12, (0.072, 0.092), (0.0065, 0.0105), 0.02, 300, 1.0, FONTS, 0.05, 1.1)
UNITS = ("cm", "m", "")
SAID = 0.5  # share of the problems in pictures whose text says the relations all the same
UNKNOWN = 0.25  # share of them that print x for what is asked
ASKS = ("find {}.", "what is {}?", "determine {}.")
SMALL = (1, 2, 3, 4, 5, 6)


@dataclass(frozen=True)
class Kind:
    """A kind of problem: its answers, each as likely as the others; the patterns of its errors; and its figure."""

    name: str
    answers: Sequence[int]
    errors: tuple[str, ...]
    build: Callable[[int, int, np.random.Generator], Sketch]
    slips: tuple[int, ...] = distractors.SLIPS


KINDS = {kind.name: kind for kind in (
    Kind("angle_sum", range(25, 131), ("supplement", "repeat"), angles.angle_sum),
    Kind("exterior_angle", range(50, 151), ("supplement", "repeat"), angles.exterior),
    Kind("isosceles", range(20, 141, 2), ("double_supplement", "supplement"), angles.isosceles, (10, 20, 24, 30, 36)),
    Kind("inscribed_angle", range(20, 76), ("double",), angles.inscribed, (4, 5, 6, 8, 10, 12, 15)),
    Kind("central_angle", range(40, 151, 2), ("double",), angles.central, (8, 10, 12, 16, 20, 24)),
    Kind("central_base_angle", range(18, 73), ("complement",), angles.central_base),
    Kind("semicircle", range(18, 73), ("complement",), angles.semicircle),
    Kind("same_arc", range(22, 69), ("complement",), angles.same_arc),
    Kind("cyclic_quadrilateral", range(55, 126), ("supplement",), angles.cyclic),
    Kind("corresponding_angles", range(40, 141), ("supplement",), angles.corresponding),
    Kind("alternate_angles", range(40, 141), ("supplement",), angles.alternate),
    Kind("co_interior_angles", range(40, 141), ("supplement",), angles.co_interior),
    Kind("parallel_in_triangle", range(30, 101), ("supplement", "repeat"), angles.parallel_triangle),
    Kind("tangent_radius", range(22, 69), ("complement",), angles.tangent_radius),
    Kind("tangent_chord", range(35, 116), ("supplement", "repeat"), angles.tangent_chord),
    Kind("equal_tangents", range(54, 79), ("repeat", "two_values"), angles.equal_tangents, (3, 4, 5, 6, 8)),
    Kind("tangents_and_arc", range(30, 105, 2), ("repeat", "double"), angles.tangents_arc, (6, 8, 10, 12, 16)),
    Kind("isosceles_exterior", range(100, 156), ("repeat",), angles.isosceles_exterior, (4, 5, 6, 8, 10, 12)),
    Kind("bisected_angle", range(55, 126), ("supplement", "repeat"), angles.bisected),
    Kind("hypotenuse", range(5, 42), ("two_values", "repeat"), lengths.hypotenuse, SMALL),
    Kind("leg", range(4, 37), ("two_values", "repeat"), lengths.leg, SMALL),
    Kind("tangent_length", range(4, 37), ("two_values", "repeat"), lengths.tangent_length, SMALL),
    Kind("chord", range(6, 49, 2), ("double", "two_values"), lengths.chord, (2, 4, 6, 8)),
    Kind("similar_triangles", range(6, 25), ("two_values", "repeat"), lengths.similar, SMALL),
    Kind("midsegment", range(3, 31), ("double",), lengths.midsegment, SMALL),
    Kind("triangle_area", lengths.products(8, 100, half=True), ("double",), lengths.triangle_area, (2, 3, 5, 6, 9)),
    Kind("parallelogram_area", lengths.products(16, 160), ("double", "two_values"), lengths.parallelogram_area,
        (4, 5, 8, 9, 12)),
    Kind("trapezoid_area", lengths.products(12, 90, True, 4, 4.5), ("double", "two_values"), lengths.trapezoid_area,
        (2, 4, 6, 9, 12)),
    Kind("rectangle_perimeter", range(12, 81, 2), ("double", "two_values"), lengths.rectangle_perimeter, (2, 4, 6, 8)),
    Kind("rectangle_area", lengths.products(12, 120), ("double", "two_values"), lengths.rectangle_area, (4, 5, 8, 12)),
    Kind("isosceles_area", lengths.products(12, 120), ("double", "two_values"), lengths.isosceles_area, (4, 5, 8, 12)),
    Kind("incircle_perimeter", range(24, 73, 2), ("double", "two_values"), lengths.incircle_perimeter, (2, 4, 6, 8)),
    Kind("circumference", range(4, 41, 2), ("double", "two_values"), lengths.circumference, (2, 4, 6, 8)),
    Kind("circle_area", [r * r for r in range(2, 21)], ("four_times",), lengths.circle_area, (1, 2, 3)),
    Kind("arc_length", range(1, 13), ("double", "two_values"), lengths.arc_length, (1, 2, 3)),
    Kind("sector_area", [k for k in range(2, 61) if any(n * r * r == 360 * k for n in lengths.DEGREES
        for r in range(2, 31))], ("double", "two_values"), lengths.sector_area, SMALL),
    Kind("arc_measure", range(40, 141, 2), ("supplement", "double"), lengths.arc_measure, (8, 10, 16, 20)),
)}  # fmt: skip


def rows(spec, split: str) -> int:
    """Returns how many problems a split has."""
    return int(spec.families[split])


def family(spec, split: str, index: int) -> Family:
    """Makes problem `index` of a split: a pure function of (spec, split, index), the kinds taking turns.

    Raises UserError where the spec leaves no way to draw it.
    """
    rng = np.random.default_rng([spec.seed, zlib.crc32(split.encode()), index])
    kind = _kind(spec, index)
    in_picture = bool(rng.random() < spec.in_picture)
    for _ in range(MAX_SETS):
        four, answer, hint = distractors.draw(kind.answers, kind.errors, kind.slips, rng)
        # The set stays while figures fail: one that is hard to draw must not be rarer as an answer than as an error.
        for _ in range(MAX_FIGURES):
            found = _figure(spec, split, kind, answer, hint, in_picture, rng)
            if found:
                member, canvas, posed = found
                key = f"{spec.name}/{split}/{index:07d}"
                made = assemble(key, "star", FamilyDraft([member], [()]), canvas, "problems", len(posed.sketch.steps))
                return replace(made, question=posed.asked(kind, four, rng))
    raise UserError(
        f"{spec.name} {split} problem {index} ({kind.name}): nothing could be drawn; use a larger size_px, more letters"
    )


def _kind(spec, index: int) -> Kind:
    """Returns the kind of problem `index`: those of the spec take turns. Raises UserError where it names others."""
    kinds = tuple(spec.kinds)
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise UserError(f"{spec.name}: spec.kinds has {unknown[0] if unknown else 'no kind'}: take {', '.join(KINDS)}")
    return KINDS[kinds[index % len(kinds)]]


@dataclass(frozen=True)
class _Posed:
    """A sketch with its letters, its unit and how it is asked."""

    sketch: Sketch
    letters: dict[str, str]
    unit: str
    in_picture: bool
    unknown: bool

    def asked(self, kind: Kind, four: Sequence[int], rng: np.random.Generator) -> Question:
        """Words its question, with four numbers as choices."""
        sketch = self.sketch
        times = np.pi if MEASURES[sketch.find.split()[0]].of_pi else 1
        texts = tuple(amount(number * times, sketch.find, self.unit) for number in four)
        answer = amount(sketch.steps[-1].value, sketch.find, self.unit)
        tags = (kind.name, IN_PICTURE) if self.in_picture else (kind.name,)
        return Question(self.text(rng), texts, answer, solution(sketch, self.letters, self.unit), tags)

    def text(self, rng: np.random.Generator) -> str:
        """Returns what is asked, after what is given where the picture does not show it."""
        sketch = self.sketch
        ask = ASKS[int(rng.integers(len(ASKS)))].format(lettered(named(sketch.find), self.letters))
        ask = "find the value of x." if self.unknown else ask
        said = not self.in_picture or sketch.told or rng.random() < SAID
        if not self.in_picture:
            values = [f"{named(g)} = {amount(measured(g, sketch.points), g, self.unit)}" for g in sketch.given]
            *some, last = (lettered(value, self.letters) for value in values)
            ask = f"if {', '.join(some)}{' and ' if some else ''}{last}, {ask}"
        if said:
            return f"In the figure, {lettered(sketch.words, self.letters)}. {ask[0].upper()}{ask[1:]}"
        return f"In the figure, {ask}" if rng.random() < SAID else ask[0].upper() + ask[1:]


def _figure(spec, split: str, kind: Kind, answer: int, hint: int, in_picture: bool, rng: np.random.Generator):
    """Returns (figure, canvas, what is posed about it), or None where it cannot be drawn or read clearly."""
    try:
        sketch = kind.build(answer, hint, rng)
        if faults(sketch):
            return None
        letters = _letters(spec, split, sketch, rng)
        measure = MEASURES[sketch.find.split()[0]]
        unit = UNITS[int(rng.integers(len(UNITS)))] if measure.dimension else ""
        unknown = in_picture and sketch.find.split()[0] in ("angle", "length") and bool(rng.random() < UNKNOWN)
        posed = _Posed(sketch, letters, unit, in_picture, unknown)
        program = program_of(posed)
    except (ValueError, ZeroDivisionError):
        return None
    canvas = canvas_of(spec.size_px, DIFFICULTY, rng)
    member = draw(program, canvas)
    if member is None or member.labels is None or not proves_itself(truth_of([member], canvas)):
        return None
    return member, canvas, posed


def program_of(posed: _Posed) -> Program:
    """Returns the figure as a program: points placed, marks on them, given values printed."""
    sketch, letters = posed.sketch, posed.letters
    names = tuple(letters[role] for role in sketch.points)
    steps = [Step("placed", (), names, tuple(xy for z in sketch.points.values() for xy in (z.real, z.imag)))]
    for mark in sketch.marks:
        kind, *roles = mark.split()
        steps.append(Step(f"marked.{kind}", tuple(letters[role] for role in roles), (), ()))
    draws: list[Segment | Circle] = [Segment(letters[ab[0]], letters[ab[1]]) for ab in sketch.lines.split()]
    if sketch.circle:
        draws.append(Circle(*(letters[role] for role in sketch.circle)))
    states = [_fact(template, letters) for template in sketch.states]
    prints: list[Fact] = []
    if posed.in_picture:
        for given in sketch.given:
            value = amount(measured(given, sketch.points), given, posed.unit)
            prints.append(_fact(given, letters, value.removesuffix("°")))
        prints += [_fact(sketch.find, letters, "x")] * posed.unknown
    stated = [fact.args for fact in (*states, *prints)] + [step.ins for step in steps]
    silent = {letters[role] for role in sketch.points} - {name for args in stated for name in args}
    states += [Fact("joined", (s.a, s.b)) for s in draws if isinstance(s, Segment) and silent & {s.a, s.b}]
    return Program(tuple(steps), tuple(prints), tuple(draws), tuple(states))


def _fact(template: str, letters: dict[str, str], value: str | None = None) -> Fact:
    predicate, *roles = template.split()
    return Fact(predicate, tuple(letters[role] for role in roles), value)


def _letters(spec, split: str, sketch: Sketch, rng: np.random.Generator) -> dict[str, str]:
    """Draws role -> letter, such that their set belongs to the split. Raises ValueError where none is found."""
    roles = [role for role in sketch.points if role != "o"]
    alphabet = [letter for letter in spec.letters if letter not in "OX"]
    if len(alphabet) < 2 * len(roles):
        raise UserError(f"{spec.name}: spec.letters has {len(alphabet)} letters, a figure needs {2 * len(roles)}")
    letters = draw_letters(alphabet, len(roles), "problems", split, rng, run_share=0.7)
    if letters is None:
        raise ValueError("no letters of the split")
    return dict(zip(roles, letters, strict=True)) | {"o": "O"}
