"""Worked problems: every stated number against textbook formulas and plain coordinates, and nothing given away."""

import io
import math
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from threadpoolctl import threadpool_limits

from data_gen.build import shards
from data_gen.build.spec import load_spec
from data_gen.checks import question_only
from data_gen.checks.reproduce import Clock, find_differences
from data_gen.constructions.program import program_from_json
from data_gen.language.fact import facts_from_json
from data_gen.records import schema, tfrecords
from data_gen.shared.errors import UserError
from data_gen.sources.problems import distractors
from data_gen.sources.problems import sketch as sketching
from data_gen.sources.problems import source as problems

SEEDS = 40
PI = math.pi


def spec_of(*overrides):
    return load_spec("configs/data_problems.py", list(overrides))


# kind -> the answer, from the given values in their order, as a textbook has it
TEXTBOOK: dict[Any, Any] = {
    "angle_sum": lambda a, b: 180 - a - b,
    "exterior_angle": lambda a, b: a + b,
    "inscribed_angle": lambda v: v / 2,
    "central_angle": lambda v: 2 * v,
    "central_base_angle": lambda v: (180 - 2 * v) / 2,
    "semicircle": lambda v: 90 - v,
    "same_arc": lambda v: 90 - v,
    "cyclic_quadrilateral": lambda v: 180 - v,
    "corresponding_angles": lambda v: v,
    "alternate_angles": lambda v: v,
    "co_interior_angles": lambda v: 180 - v,
    "parallel_in_triangle": lambda a, d: 180 - a - d,
    "tangent_radius": lambda v: 90 - v,
    "tangent_chord": lambda a, b: 180 - a - b,
    "equal_tangents": lambda v: (180 - v) / 2,
    "tangents_and_arc": lambda v: 180 - 2 * v,
    "isosceles_exterior": lambda v: 180 - (180 - v) / 2,
    "bisected_angle": lambda a, b: b + (180 - a - b) / 2,
    "hypotenuse": math.hypot,
    "leg": lambda c, b: math.sqrt(c * c - b * b),
    "tangent_length": lambda r, c: math.sqrt(c * c - r * r),
    "chord": lambda r, m: 2 * math.sqrt(r * r - m * m),
    "triangle_area": lambda b, h: b * h / 2,
    "parallelogram_area": lambda b, h: b * h,
    "trapezoid_area": lambda p, q, h: (p + q) / 2 * h,
    "rectangle_perimeter": lambda p, q: 2 * p + 2 * q,
    "rectangle_area": lambda p, c: p * math.sqrt(c * c - p * p),
    "isosceles_area": lambda c, h: h * math.sqrt(c * c - h * h),
    "incircle_perimeter": lambda x, y, z: 2 * (x + y + z),
    "arc_length": lambda n, r: 2 * PI * r * n / 360,
    "sector_area": lambda n, r: PI * r * r * n / 360,
    "arc_measure": lambda v: 180 - 2 * v,
    # what is given and asked varies: by (given, asked)
    ("isosceles", "angle b a c", "angle a b c"): lambda v: (180 - v) / 2,
    ("isosceles", "angle a b c", "angle b a c"): lambda v: 180 - 2 * v,
    ("similar_triangles", "length d e", "length b c"): lambda ad, db, de: de * (ad + db) / ad,
    ("similar_triangles", "length b c", "length d e"): lambda ad, db, bc: bc * ad / (ad + db),
    ("midsegment", "length b c", "length d e"): lambda v: v / 2,
    ("midsegment", "length d e", "length b c"): lambda v: 2 * v,
    ("circumference", "length o a", "circumference o a"): lambda r: 2 * PI * r,
    ("circumference", "length a b", "circumference o a"): lambda d: PI * d,
    ("circle_area", "length o a", "circle_area o a"): lambda r: PI * r * r,
    ("circle_area", "length a b", "circle_area o a"): lambda d: PI * d * d / 4,
}


def plain(template, points):
    """A measure by plain coordinates: dot products, Pythagoras, and areas by triangles from the first corner."""
    kind, *roles = template.split()
    z = [(points[r].real, points[r].imag) for r in roles]

    def distance(p, q):
        return math.sqrt((p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2)

    def angle(p, v, q):
        u, w = (p[0] - v[0], p[1] - v[1]), (q[0] - v[0], q[1] - v[1])
        return math.degrees(math.acos((u[0] * w[0] + u[1] * w[1]) / math.hypot(*u) / math.hypot(*w)))

    def area(p, q, r):
        return abs((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])) / 2

    def around():
        return sum(distance(p, q) for p, q in zip(z, [*z[1:], z[0]], strict=True))

    return {
        "angle": lambda: angle(*z),
        "length": lambda: distance(*z),
        "arc": lambda: angle(z[1], z[0], z[2]),
        "triangle_area": lambda: area(*z),
        "quadrilateral_area": lambda: area(*z[:3]) + area(z[0], *z[2:]),
        "triangle_perimeter": around,
        "quadrilateral_perimeter": around,
        "circle_area": lambda: PI * distance(*z) ** 2,
        "circumference": lambda: 2 * PI * distance(*z),
        "arc_length": lambda: 2 * PI * distance(*z[:2]) * angle(z[1], z[0], z[2]) / 360,
        "sector_area": lambda: PI * distance(*z[:2]) ** 2 * angle(z[1], z[0], z[2]) / 360,
    }[kind]()


def some_sketches(row, count=SEEDS):
    rng = np.random.default_rng(len(row.name))
    found: list[Any] = []
    while len(found) < count:
        four, answer, hint = distractors.draw(row.answers, row.errors, row.slips, rng)
        try:
            found.append((four, answer, row.build(answer, hint, rng)))
        except ValueError:
            continue
    return found


@pytest.mark.parametrize("row", problems.KINDS.values(), ids=lambda row: row.name)
def test_answers_and_steps_are_what_textbook_and_coordinates_say(row):
    for four, answer, sketch in some_sketches(row):
        given = [plain(template, sketch.points) for template in sketch.given]
        formula = TEXTBOOK.get(row.name) or TEXTBOOK[row.name, sketch.given[-1], sketch.find]
        expected = formula(*given)
        assert expected == pytest.approx(plain(sketch.find, sketch.points), rel=1e-6)
        times = PI if sketch.find.split()[0] in ("circle_area", "circumference", "arc_length", "sector_area") else 1
        assert expected == pytest.approx(answer * times, rel=1e-6)
        assert sketching.faults(sketch) == []
        for line in sketch.steps:
            assert line.value == pytest.approx(plain(line.finds, sketch.points), rel=1e-6)
        assert sketch.steps[-1].finds == sketch.find
        assert len(set(four)) == 4 and four.count(answer) == 1


def test_a_wrong_step_is_a_fault():
    _, answer, sketch = some_sketches(problems.KINDS["angle_sum"], 1)[0]
    wrong = replace(sketch, steps=(sketch.steps[0]._replace(value=answer + 1e-3),))
    assert "is stated as" in sketching.faults(wrong)[0]


@pytest.fixture(scope="module")
def posed():
    """Two problems of every kind, in pictures and in texts."""
    spec = spec_of("--spec.in_picture=0.5")
    return [problems.family(spec, "train", index) for index in range(2 * len(problems.KINDS))]


def test_a_problem_reads_as_an_exam_has_it(posed):
    assert {family.question.kind for family in posed} == set(problems.KINDS)
    assert len({family.question.needs_picture for family in posed}) == 2
    for family in posed:
        question, program = family.question, program_from_json(family.programs[0])
        assert question.choices.count(question.answer) == 1 and len(set(question.choices)) == 4
        assert question.choices["ABCD".index(question.letter)] == question.answer
        assert question.solution.endswith(f"\nThe answer is \\boxed{{{question.answer}}}.")
        assert family.difficulty == question.solution.count("\n")
        units = {re.sub(r"^[\d√π]+", "", choice) for choice in question.choices}
        assert len(units) == 1
        # In the picture the values are printed, and the text has none; else the text has all of them.
        assert bool(program.prints) == question.needs_picture
        assert bool(re.search(r"\d", question.question.replace("= 90°", ""))) != question.needs_picture
        assert not re.search(
            r"[\[\]{}]", question.question + question.solution.replace("\\boxed{", "").replace("}.", "")
        )
        # Its caption speaks of every point: so captions of different splits differ.
        assert set(program.names) == {
            n for f in facts_from_json(family.facts[0]) for n in f.args if not n.startswith("_")
        }
        assert Image.open(io.BytesIO(family.images[0])).size == (168, 168)


def test_problems_are_a_pure_function_and_records_bring_them_back(posed):
    spec = spec_of("--spec.in_picture=0.5")
    for index in (0, 23, 50):
        data = schema.encode(posed[index])
        assert schema.encode(problems.family(spec, "train", index)) == data
        assert schema.decode(data).question == posed[index].question
        assert schema.encode(problems.family(spec, "test", index)) != data


def test_verify_takes_problems_and_names_a_wrong_answer(posed):
    for family in posed:
        assert find_differences(family, Clock()) == []
    family = posed[0]
    asked = family.question
    other = next(choice for choice in asked.choices if choice != asked.answer)
    swapped = replace(family, question=replace(asked, answer=other))
    assert {d.field for d in find_differences(swapped, Clock())} == {"question/answer"}
    lied = replace(asked, answer=other, solution=asked.solution.replace(asked.answer, other))
    assert {d.field for d in find_differences(replace(family, question=lied), Clock())} == {"question/solution"}


def test_letters_keep_the_splits_apart(posed):
    letters = {frozenset(program_from_json(f.programs[0]).names) - {"O"} for f in posed}
    spec = spec_of()
    for split in ("val", "test"):
        other = problems.family(spec, split, 3)
        assert frozenset(program_from_json(other.programs[0]).names) - {"O"} not in letters


def test_wrong_specs_are_one_line():
    with pytest.raises(UserError, match=r"spec\.kinds has circles"):
        problems.family(spec_of("--spec.kinds=('circles',)"), "train", 0)
    with pytest.raises(UserError, match="letters"):
        problems.family(spec_of("--spec.letters=ABC"), "train", 0)


# ---- choices that do not tell ------------------------------------------------------------------------------------


def questions_of(row, count, rng):
    """Questions as a guesser sees them, without figures: the text is the row's name."""
    found = []
    for _ in range(count):
        four, answer, _ = distractors.draw(row.answers, row.errors, row.slips, rng)
        found.append(schema.Question(row.name, tuple(f"{n}°" for n in four), f"{answer}°", "", (row.name, "picture")))
    return found


def measure(train, test):
    with threadpool_limits(1):  # more threads than free cores wait for each other
        return question_only.measure(train, test)


def test_choices_alone_do_not_tell_the_answer():
    """Even a scorer that knows the row stays within 4 points of 25 % on 1,000; a leak of the old kind is found."""
    rng = np.random.default_rng(0)
    asked = [q for row in problems.KINDS.values() for q in questions_of(row, 60, rng)]
    asked = [asked[i] for i in rng.permutation(len(asked))]
    for found in measure(asked[1000:], asked[:1000]).values():
        assert 21 < found["accuracy"] < 29
    places = Counter(
        sorted(map(question_only._number, q.choices)).index(question_only._number(q.answer)) for q in asked
    )
    assert max(places.values()) < 1.35 * min(places.values())
    # The least number being the answer each time:
    told = [replace(q, answer=min(q.choices, key=question_only._number)) for q in asked[:1000]]
    assert measure(told[500:], told[:500])["trees"]["accuracy"] > 95


def test_each_of_four_is_the_answer_alike():
    """Given the set, each of its members is the answer equally often: 20,000 draws of a row with few sets."""
    rng = np.random.default_rng(1)
    seen: dict[frozenset[int], Counter[int]] = {}
    for _ in range(20_000):
        four, answer, _ = distractors.draw([10, 20, 40, 60, 70, 80], ("complement", "double"), (10, 20, 30), rng)
        seen.setdefault(frozenset(four), Counter())[answer] += 1
    for members, counts in seen.items():
        total = sum(counts.values())
        assert all(abs(counts[n] - total / 4) < 5 * math.sqrt(total * 3 / 16) for n in members)


def test_a_row_without_four_numbers_says_so():
    with pytest.raises(ValueError, match="no four numbers"):
        distractors.draw([10, 20], ("double",), (5,), np.random.default_rng(0))


def test_the_guessers_command_reads_a_data_set(tmp_path, capsys):
    out = str(tmp_path / "data")
    kinds = "--spec.kinds=('angle_sum','semicircle')"
    sizes = [f"--spec.families.{split}={count}" for split, count in (("train", 24), ("val", 0), ("test", 8))]
    arguments = ["--spec=configs/data_problems.py", f"--out={out}", "--workers=1", kinds, "--spec.in_picture=1.0"]
    assert shards.main([*arguments, *sizes]) == 0
    source = tfrecords.RecordSource(out, "test")
    asked = source[0].question
    assert asked and asked.tags == ("angle_sum", "picture")
    capsys.readouterr()
    assert question_only.main([out]) == 0
    assert "chance is 25 %" in capsys.readouterr().out
    assert question_only.main([str(tmp_path / "nothing")]) == 1


# ---- writing numbers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [(12, "12"), (PI, "π"), (6 * PI, "6π"), (math.sqrt(2), "√2"), (math.sqrt(45), "3√5"), (math.sqrt(49), "7")],
)
def test_numbers_are_written_as_books_do(value, text):
    assert sketching.written(value) == text


def test_other_numbers_are_refused():
    for value in (0.5, 0.0, math.e):
        with pytest.raises(ValueError, match="is not written"):
            sketching.written(value)
