"""Questions of others: LLaVA's JSON in all its shapes, and FormalGeo7k's problems."""

import json
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from data_gen.checks.reproduce import Clock, find_differences
from data_gen.records import schema
from data_gen.shared.errors import UserError
from data_gen.sources.external import conversations, rows
from data_gen.sources.formalgeo import exams
from tests.support.paths import REAL

CHOICES = "<image>\nFind ∠ABC.\nChoices:\nA. 30°\n(B) 60°\nC: 90°"


def turns(*said):
    return [{"from": ("human", "gpt")[i % 2], "value": text} for i, text in enumerate(said)]


@pytest.fixture
def root(tmp_path):
    (tmp_path / "a").mkdir()
    for name in ("a/1.png", "a/2.png"):
        image = Image.new("RGB", (60, 40), "white")
        ImageDraw.Draw(image).line((5, 5, 50, 30), fill="black")
        image.save(tmp_path / name)
    return tmp_path


def spec_of(root, items, file="own.json"):
    (root / file).write_text(items if isinstance(items, str) else json.dumps(items))
    conversations.load.cache_clear()
    rows._of_split.cache_clear()
    return SimpleNamespace(root=str(root), file=file, size_px=64, shares={"train": 1}, families={"train": 100})


@pytest.mark.parametrize(
    ("asked", "reply", "choices", "answer", "letter"),
    [
        (CHOICES, "So 180° − 120° = 60°.\nThe answer is \\boxed{60°}.", ("30°", "60°", "90°"), "60°", "B"),
        (CHOICES, "Thus \\boxed{B}", ("30°", "60°", "90°"), "60°", "B"),
        (CHOICES, "∠ABC is right.\nAnswer: C", ("30°", "60°", "90°"), "90°", "C"),
        (CHOICES, "The answer is (A).", ("30°", "60°", "90°"), "30°", "A"),
        (CHOICES, "D", ("30°", "60°", "90°"), "D", ""),
        ("Find AB.", "AB = \\boxed{\\frac{1}{2}}, not \\boxed{3 \\text{ cm}}", (), "3 \\text{ cm}", ""),
        ("Find AB.", "\\boxed{12", (), "\\boxed{12", ""),
        ("Find AB.", "12 cm", (), "12 cm", ""),
        ("Describe the diagram.", "Triangle ABC is right-angled at B and AB is as long as BC.", (), "", ""),
        ("A. one choice is none", "x", (), "x", ""),
        ("B. out of order\nA. is no list", "A", (), "A", ""),
    ],
)
def test_questions_and_answers_are_read(asked, reply, choices, answer, letter):
    found = conversations.question(asked, reply)
    assert (found.choices, found.answer, found.letter, found.solution) == (choices, answer, letter, reply)


def test_a_ragged_file_gives_one_family_a_question(root):
    items = [
        {"id": 1, "image": "a/1.png", "conversations": turns(CHOICES, "\\boxed{60°}")},
        {"conversations": turns("No picture?", "Left out.")},
        {"image": "a/2.png", "conversations": turns("<image>\nWhat is it?", "A line.", "How long?", "50 px"), "x": 0},
        {"image": "a/2.png", "conversations": [{"from": "system", "value": "Be kind."}, *turns("Why?", "Who knows.")]},
    ]
    spec = spec_of(root, items)
    families = [conversations.family(spec, "train", i) for i in range(conversations.rows(spec, "train"))]
    asked = [f.question for f in families if f.question]
    assert [q.question for q in asked][1:] == ["What is it?", "How long?", "Why?"]
    assert [f.captions[0] for f in families] == ["\\boxed{60°}", "A line.", "50 px", "Who knows."]
    assert asked[0].letter == "B" and not asked[0].question.startswith("<image>")
    for family in families:
        assert schema.decode(schema.encode(family)).question == family.question
        assert find_differences(family, Clock()) == []


@pytest.mark.parametrize(
    ("items", "what"),
    [
        ("{", "is not JSON"),
        ({"image": "a/1.png"}, "must be a list"),
        (["text"], "item 0 must be an object"),
        ([{"image": "a/1.png", "conversations": turns("only asked")}], "one after the other"),
        ([{"image": "a/1.png", "conversations": turns("a", "b")[::-1]}], "one after the other"),
        ([{"image": "a/1.png", "conversations": [{"from": ["human"], "value": "x"}]}], "one after the other"),
        ([{"image": "a/1.png", "conversations": "text"}], "must be a list of objects"),
        ([{"image": "a/1.png", "conversations": turns("a", 3)}], "must be a text"),
        ([{"image": "a/1.png", "conversations": turns("<image>\n", "b")}], "must be a text"),
        ([{"image": "../secret.png", "conversations": turns("a", "b")}], "leads out of"),
        ([{"image": [3], "conversations": turns("a", "b")}], "'image' must be a text"),
        ([{"image": "a\\1.png", "conversations": turns("a", "b")}], "slashes"),
        ([], "not empty"),
        ("", "is empty"),
        ('[{"image": "a/1.png", "image": "a/2.png"}]', "'image' twice"),
    ],
)
def test_what_is_wrong_is_named(root, items, what):
    with pytest.raises(UserError, match=what):
        conversations.rows(spec_of(root, items), "train")


def test_a_missing_or_broken_picture_is_named(root):
    (root / "a/1.png").write_bytes(b"\x89PNG broken")
    for name, what in (("a/1.png", "does not decode"), ("a/9.png", "is not there")):
        spec = spec_of(root, [{"image": name, "conversations": turns("a", "b")}])
        with pytest.raises(UserError, match=what):
            conversations.family(spec, "train", 0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["human", "gpt", "a/1.png"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["image", "conversations", "from", "value", "id"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(value=st.lists(JSON, max_size=3))
def test_any_json_is_read_or_refused_in_one_line(tmp_path_factory, value):
    root = tmp_path_factory.mktemp("fuzz")
    try:
        count = conversations.rows(spec_of(root, value), "train")
    except UserError as fault:
        assert "\n" not in str(fault)
    else:
        assert count <= 100


@settings(max_examples=150, deadline=None)
@given(asked=st.text(max_size=60), reply=st.text(alphabet="\\boxed{}AB. answer is:\n12", max_size=60))
def test_any_reply_makes_a_question(asked, reply):
    found = conversations.question(asked, reply)
    assert found.solution == reply and (not found.letter or found.answer in found.choices)


# ---- FormalGeo7k --------------------------------------------------------------------------------------------------

PROBLEM = {
    "problem_id": 7,
    "problem_level": 3,
    "problem_text_en": "As shown in the diagram, BD is 3. Find ∠ABC.",
    "problem_img": "7.png",
    "construction_cdl": ["Shape(AB,BC,CA)", "Collinear(ADC)"],
    "text_cdl": ["Equal(LengthOfLine(BD),3)"],
    "image_cdl": ["Equal(LengthOfLine(BD),3)"],
    "goal_cdl": "Value(MeasureOfAngle(ABC))",
    "problem_answer": "60",
    "theorem_seqs": ["triangle_property_angle_sum(1,ABC)"],
}


def test_every_problem_of_formalgeo_is_an_open_question(tmp_path):
    (tmp_path / "diagrams").mkdir()
    Image.new("RGB", (80, 60), "white").save(tmp_path / "diagrams" / "7.png")
    for split, change in (("train", {}), ("val", {"construction_cdl": ["Shape(AB,BC,CA)"], "goal_cdl": "Value(x)"})):
        (tmp_path / f"{split}.jsonl").write_text(json.dumps(PROBLEM | change) + "\n")
    spec = SimpleNamespace(root=str(tmp_path), size_px=168, families={"train": 5, "val": 5})
    assert exams.rows(spec, "train") == exams.rows(spec, "val") == 1
    family = exams.family(spec, "train", 0)
    question, other = family.question, exams.family(spec, "val", 0).question
    assert question and other
    assert (question.answer, question.solution, question.choices) == ("60", "triangle_property_angle_sum", ())
    assert question.tags == ("measure_of_angle", "picture") and family.difficulty == 3
    assert other.tags == ("value",)
    assert schema.decode(schema.encode(family)).question == question
    assert find_differences(family, Clock()) == []


@pytest.mark.skipif(not (REAL / "val.jsonl").is_file(), reason="FormalGeo7k is not there (MMGEO_REAL)")
def test_the_real_problems_all_come():
    spec = SimpleNamespace(root=str(REAL), size_px=168, families={"val": 10_000})
    count = exams.rows(spec, "val")
    assert count > 1300
    for index in range(0, count, count // 20):
        family = exams.family(spec, "val", index)
        assert family.question and family.question.answer and find_differences(family, Clock()) == []
