"""FormalGeo7k: statements become facts, problems families with one true caption that the others do not give away."""

import io
import json
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from data_gen.language.fact import Fact, canonical, facts_from_json
from data_gen.language.predicates.table import PREDICATES
from data_gen.records import schema
from data_gen.shared.errors import UserError
from data_gen.sources.formalgeo import balance
from data_gen.sources.formalgeo import edits as formalgeo_edits
from data_gen.sources.formalgeo import reading as formalgeo_reading
from data_gen.sources.formalgeo import source as formalgeo
from data_gen.sources.formalgeo.cdl import Equation, Unsayable, parse_statement, readable
from data_gen.sources.formalgeo.pixels import Figure, agrees, annotated_values, positions, verdict
from tests.support.paths import REAL

needs_real = pytest.mark.skipif(
    not (REAL / "train.jsonl").is_file(), reason=f"no FormalGeo7k in {REAL} (set MMGEO_REAL)"
)


def problem(number, letters="ABCDO", value="12", **changes):
    """A parallelogram with its diagonals and two printed lengths."""
    a, b, c, d, o = letters
    found = {
        "problem_id": number,
        "problem_text_en": f"The diagonals of {a}{b}{c}{d} meet at {o}. Find the length of AC.",
        "problem_img": f"{number}.png",
        "construction_cdl": [
            f"Shape({a}{b},{b}{o},{o}{a})", f"Shape({b}{c},{c}{o},{o}{b})", f"Shape({c}{d},{d}{o},{o}{c})",
            f"Shape({d}{a},{a}{o},{o}{d})", f"Collinear({a}{o}{c})", f"Collinear({b}{o}{d})",
        ],
        "text_cdl": [f"Equal(LengthOfLine({a}{b}),{value})", f"Parallelogram({a}{b}{c}{d})"],
        "image_cdl": [f"Equal(LengthOfLine({a}{b}),{value})", f"Equal(LengthOfLine({b}{c}),{int(value) + 3})"],
        "problem_answer": "7",
        "theorem_seqs": ["parallelogram_property_opposite_line_equal(1,ABCD)"],
        "problem_level": 2,
    }  # fmt: skip
    return found | changes


def annotated(number, letters, value):
    """The parallelogram with what annotators leave: where its points are, and the lengths that they read."""
    places = [[100, 250], [400, 250], [500, 50], [200, 50], [300, 150]]
    a, b, c = letters[:3]
    forms = [f"Equals(LengthOf(Line({a}, {b})), {value})", f"Equals(LengthOf(Line({b}, {c})), {int(value) + 3})"]
    diagram = {"point_positions": dict(zip(letters, places, strict=True)), "diagram_logic_forms": forms}
    return problem(number, letters, value, geometry3k_diagram=diagram)


def write(root, problems, split):
    (root / "diagrams").mkdir(exist_ok=True)
    (root / f"{split}.jsonl").write_text("".join(json.dumps(p) + "\n" for p in problems))
    for p in problems:
        image = Image.new("RGBA", (600, 300), (0, 0, 0, 0))
        draw = ImageDraw.Draw(image)
        draw.line((20, 20, 500, 280), fill=(200, 0, 0, 255), width=3)
        names = sorted(set(re.findall("[A-Z]", "".join(s.partition("(")[2] for s in p.get("construction_cdl", ())))))
        for place, name in enumerate(names[: p.get("letters", 26)]):
            draw.text((300 + 20 * place, 10), name, fill=(0, 0, 0, 255))
        image.save(root / "diagrams" / f"{p['problem_id']}.png")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A small FormalGeo7k; tests do not write to it."""
    tmp_path = tmp_path_factory.mktemp("formalgeo")
    names = ["ABCDO", "PQRSE", "KLMNH", "GHIJT", "DEFGX"]
    write(tmp_path, [annotated(i, names[i % 5], str(8 + i % 7)) for i in range(30)], "train")
    write(tmp_path, [annotated(100 + i, names[i % 5], str(8 + i % 7)) for i in range(26)], "val")
    return tmp_path


def spec_of(root, seed=0):
    return SimpleNamespace(root=str(root), seed=seed, size_px=112, families={"train": 10_000, "val": 10_000})


def families(root, split="val", seed=0):
    spec = spec_of(root, seed)
    return [formalgeo.family(spec, split, i) for i in range(formalgeo.rows(spec, split))]


# ---- statements ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "fact"),
    [
        ("Equal(LengthOfLine(AB),3*x-4)", Fact("length", ("A", "B"), "3x-4")),
        ("Equal(MeasureOfAngle(ABC),MeasureOfAngle(DEF))", Fact("equal_angle", tuple("ABCDEF"))),
        ("Equal(3,Div(LengthOfLine(AB),LengthOfLine(CD)))", Fact("length_ratio", tuple("ABCD"), "3")),
        ("Equal(LengthOfLine(PM),Mul(LengthOfLine(KP),2))", Fact("length_ratio", tuple("PMKP"), "2")),
        ("RightTriangle(RST)", Fact("right", ("S", "R", "T"))),
        ("IsTangentOfCircle(PA,O)", Fact("tangent", ("O", "A", "P"))),
        ("Trapezoid(ABCD)", Fact("trapezoid", tuple("BCDA"))),
        ("MirrorCongruentBetweenTriangle(RST,VTU)", Fact("congruent", tuple("RSTVUT"))),
        ("IsBisectorOfAngle(BD,ABF)", Fact("bisector", tuple("BDAF"))),
        ("Collinear(ABC)", None),
        ("Equal(x,5)", None),
    ],
)
def test_statement(statement, fact):
    assert parse_statement(statement) == fact


def test_measures_of_different_kinds_are_an_equation():
    found = parse_statement("Equal(DiameterOfCircle(O),LengthOfLine(AB))")
    assert found == Equation(("DiameterOfCircle", "O"), ("LengthOfLine", "AB"))


@pytest.mark.parametrize(
    "statement",
    [
        "Foo(AB)",
        "IsMidpointOfLine(M,AB",
        "IsMidpointOfLine(M,A)",
        "x",
        "Equal(Sub(a,b),3)",
        "Collinear()",
        "Collinear(AAA)",
        "Shape()",
        "Shape(,)",
        "Shape(AB,AB,AB)",
        "Shape(AB,BA,AB)",
        "Cocircular()",
        "ParallelBetweenLine(AB,AB)",
        "PerpendicularBetweenLine(AB,BA)",
        "IsTangentOfCircle(AA,O)",
        "Equal(MeasureOfAngle(AAA),30)",
        "Equal(LengthOfLine(AA),3)",
        "Equal(LengthOfLine(),3)",
        "Equal(Add(LengthOfLine(AA),LengthOfLine(BC)),3)",
        "Equal(Sin(),1/2)",
        "Equal(LengthOfLine(AB),)",
        "Equal(LengthOfLine(AB),nan)",
        "Equal(LengthOfLine(AB),1e999)",
        *(f"Equal(LengthOfLine(AB),{value})" for value in ("1/0", "3*x/0", "1/0.0", "2/(0)", "x+1/0-3")),
        "Equal(Mul(LengthOfLine(AB),2,3),1/0)",
    ],
)
def test_what_cannot_be_said_is_named(statement):
    with pytest.raises(Unsayable):
        parse_statement(statement)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("7*sqrt(2)", "7√2"),
        ("5/2*x+15", "5x/2+15"),
        ("1/4*x", "x/4"),
        ("50*pi", "50π"),
        ("y**2-5", "y²-5"),
        ("1.5*x", "1.5x"),
        ("2*3^(1/2)", "2·3^(1/2)"),
        ("4*x-4*3+6", "4x-4·3+6"),
        ("10*2", "10·2"),
        ("x*3", "x·3"),
        ("2*.5", "2·.5"),
        ("2*sqrt(3)*4", "2√3·4"),
        ("1*x", "x"),
        ("x**3", "x³"),
        ("x**20", "x^20"),
        ("1/0.5", "1/0.5"),
    ],
)
def test_readable(value, text):
    assert readable(value) == text


# ---- figures ------------------------------------------------------------------------------------------------------


def test_figure_knows_what_is_drawn():
    p = problem(1)
    figure = Figure.of(p["construction_cdl"], [])
    assert figure.line("A", "C") == tuple("AOC") and figure.line("A", "B") and "".join(figure.names) == "ABCDO"
    assert figure.between("O", "C", "A") and not figure.between("A", "O", "C")
    assert figure.off_line("B", "A", "C") and not figure.off_line("O", "A", "C")
    assert not figure.off_line("C", "A", "Z")


SQUARE = {"A": [10, 10], "B": [10, 110], "C": [110, 110], "D": [110, 10], "O": [60, 60]}


@pytest.mark.parametrize(("swap", "fits"), [("", True), ("AO", False), ("AB", False)])
def test_positions_count_only_where_they_fit(swap, fits):
    places = dict(SQUARE)
    if swap:
        places[swap[0]], places[swap[1]] = places[swap[1]], places[swap[0]]
    figure = Figure.of(problem(1)["construction_cdl"], [])
    found = positions(figure, [Fact("parallelogram", tuple("ABCD"))], {"point_positions": places})
    assert (found is not None) == fits


def test_verdict_leaves_room_for_a_hand():
    points = {n: complex(*p) for n, p in SQUARE.items()}
    assert verdict(Fact("square", tuple("ABCD")), points) == 1 and verdict(Fact("square", tuple("ACBD")), points) == 0
    assert verdict(Fact("square", tuple("ABCD")), points | {"A": 15 + 15j}) == -1


def test_values_that_the_picture_does_not_show():
    forms = ("LengthOf(Line(R, M)), 17.9", "LengthOf(Line(A, B)), 3\\sqrt{2}", "MeasureOf(A), \\frac{1}{2}x-7")
    read_there = annotated_values({"diagram_logic_forms": [f"Equals({form})" for form in forms]})
    assert agrees("3√2", read_there) and agrees("x/2-7", read_there) and agrees("18", None)
    assert not agrees("18", read_there)


# ---- balance ------------------------------------------------------------------------------------------------------


def test_balance_takes_away_what_sounds_likely():
    """M is the midpoint nine times in ten: of the choices kept, as often the one as the other is true."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(3000):
        true, false = (Fact("midpoint", tuple(args)) for args in ("MAB", "AMB"))
        pair = (true, false) if rng.random() < 0.9 else (false, true)
        found.append(formalgeo_edits.Slot("order", tuple((fact,) for fact in pair)))
    weights = balance.fit([(slot, ()) for slot in found])
    kept = [slot for slot in found if balance.keeps(weights, slot, (), rng)]
    assert len(kept) > 400
    assert abs(np.mean([slot.true[0].args[0] == "M" for slot in kept]) - 0.5) < 0.08


# ---- families -----------------------------------------------------------------------------------------------------


def test_families_are_whole_and_pure(root):
    found = families(root)
    assert len(found) >= 10
    for family in found:
        schema.validate(family)
        assert schema.encode(schema.decode(schema.encode(family))) == schema.encode(family)
        assert family.layout == "product" and family.truth.tolist() == [[1] + [0] * 7]
        assert len(set(family.captions)) == 8 and max(map(formalgeo.tokens, family.captions)) <= formalgeo.MAX_TOKENS
        assert family.edits[0] == () and all(family.edits[1:])
        assert (
            family.question.answer == "7" and family.question.solution == "parallelogram_property_opposite_line_equal"
        )
    formalgeo._usable.cache_clear()
    formalgeo._proposed.cache_clear()
    formalgeo._weights.cache_clear()
    again = families(root)
    assert [schema.encode(f) for f in again] == [schema.encode(f) for f in found]
    assert [f.captions for f in families(root, seed=1)] != [f.captions for f in found]


def test_captions_are_a_product_of_choices(root):
    """Every choice occurs equally often, so no caption is in the middle of its family."""
    for family in families(root):
        stated = [frozenset(map(canonical, facts_from_json(facts))) for facts in family.facts]
        common = [sum(len(a & b) for b in stated) for a in stated]
        assert len(set(common)) == 1


def test_pictures_are_grey_and_small(root):
    with Image.open(io.BytesIO(families(root)[0].images[0])) as image:
        assert image.mode == "L" and image.size == (384, 192)
        assert np.asarray(image)[0, 0] == 255 and np.asarray(image).min() < 128


def test_a_split_can_be_cut(root):
    spec = spec_of(root)
    spec.families = {"val": 3}
    assert formalgeo.rows(spec, "val") == 3


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "a/b.png", "..", "..\\x.png"])
def test_pictures_stay_in_their_folder(root, name):
    with pytest.raises(UserError, match="must be the name of a file"):
        formalgeo.picture(str(root), problem(1, problem_img=name))


def test_pictures_that_are_not_there_or_broken(tmp_path):
    root = tmp_path
    write(root, [problem(1)], "val")
    with pytest.raises(UserError, match="problem 999.*is not there"):
        formalgeo.picture(str(root), problem(999))
    (root / "diagrams" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(UserError, match="problem 1:.*does not decode"):
        formalgeo.picture(str(root), problem(1))


def test_a_broken_line_is_named(tmp_path):
    with pytest.raises(UserError, match="train.jsonl is not there"):
        formalgeo_reading.load(str(tmp_path), "train")
    (tmp_path / "train.jsonl").write_text(json.dumps(problem(1)) + "\n{\n")
    with pytest.raises(UserError, match="train.jsonl line 2 is not JSON"):
        formalgeo_reading.load(str(tmp_path), "train")
    (tmp_path / "val.jsonl").write_text('{"problem_id": 3}\n')
    with pytest.raises(UserError, match="val.jsonl line 1 has no 'problem_text_en'"):
        formalgeo_reading.load(str(tmp_path), "val")


def test_command(tmp_path, capsys):
    root = tmp_path
    write(root, [problem(i) for i in range(30)], "train")
    write(root, [problem(200, text_cdl=["Foo(AB)"])], "val")
    assert formalgeo.main([f"--root={root}"]) == 0
    out = capsys.readouterr().out
    assert "problem 200: Foo(AB): no row for Foo" in out and "30 of 31 problems parse" in out
    assert formalgeo.main([f"--root={root / 'nowhere'}"]) == 1
    assert capsys.readouterr().err.startswith("error: ")


# ---- the real thing -----------------------------------------------------------------------------------------------


@needs_real
def test_real_problems_parse():
    count, failures = formalgeo_reading.parse_report(str(REAL))
    named = {failure.problem_id for failure in failures}
    assert count - len(named) >= 0.95 * count
    assert all(failure.statement and failure.why for failure in failures)


@pytest.fixture(scope="module")
def some_real(tmp_path_factory):
    """Every tenth problem."""
    folder = tmp_path_factory.mktemp("real")
    (folder / "diagrams").mkdir()
    for split in formalgeo_reading.SPLITS:
        lines = (REAL / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()[::10]
        (folder / f"{split}.jsonl").write_text("\n".join(lines), encoding="utf-8")
        for line in lines:
            picture = f"diagrams/{json.loads(line)['problem_img']}"
            shutil.copyfile(REAL / picture, folder / picture)
    return folder


@needs_real
def test_real_families(some_real):
    spec = spec_of(some_real)
    problems = {f"formalgeo/val/{p['problem_id']:06d}": p for p in formalgeo_reading.load(spec.root, "val")}
    rows = formalgeo.rows(spec, "val")
    annotated_ = {key for key, problem in problems.items() if problem.get("geometry3k_diagram")}
    made = {formalgeo.family(spec, "val", i).key for i in range(rows)}
    # Of the others it is mostly unknown which letters and values are in the picture.
    assert len(made & annotated_) > 0.5 * len(annotated_) > 0 and made - annotated_
    for i in range(rows):
        family = formalgeo.family(spec, "val", i)
        schema.validate(family)
        reading, _ = formalgeo_reading.read(problems[family.key])
        known = {canonical(f) for f in reading.shown + reading.printed + reading.told}
        true, *false = [{canonical(f) for f in facts_from_json(facts)} for facts in family.facts]
        for stated in false:
            assert stated - true and not (stated - true) & known
        if reading.points:
            new = [f for stated in false for f in stated - true]
            assert not [f for f in new if verdict(f, reading.points) == 1]
            assert not [f for f in true if verdict(f, reading.points) == 0]
        for names in (f.args for stated in [true, *false] for f in stated):
            assert set(names) <= set(reading.figure.names)


@needs_real
def test_real_values_are_printed(some_real):
    """A value is asked for only where annotators read it in the picture: in the words of the problem alone, nobody
    could see it. Every letter is one that they placed, or that the text speaks of."""
    spec = spec_of(some_real)
    seen = {f"formalgeo/val/{p['problem_id']:06d}": formalgeo_reading.read(p)[0]
            for p in formalgeo_reading.load(spec.root, "val")}  # fmt: skip
    proven = {key: set(map(canonical, reading.proven)) for key, reading in seen.items()}
    for i in range(formalgeo.rows(spec, "val")):
        family = formalgeo.family(spec, "val", i)
        for fact in facts_from_json(family.facts[0]):
            assert seen[family.key].lettered.issuperset(fact.args)
            if PREDICATES[fact.predicate].axis == "value":
                assert canonical(fact) in proven[family.key]
