"""FormalGeo7k as it is published, a file for each problem: the same problems and families as from files of rows."""

import json
import shutil
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest

from data_gen.language.captions import write_caption
from data_gen.language.fact import Fact
from data_gen.shared.errors import UserError
from data_gen.sources.formalgeo import annotations, exams, published, reading
from data_gen.sources.formalgeo import source as formalgeo
from data_gen.sources.formalgeo.cdl import parse_statement
from data_gen.sources.formalgeo.published import Corpus
from mmgeo_jax.evals.benchmarks import run as benchmarks
from tests.data_gen.sources.test_formalgeo import problem, write
from tests.support.paths import REAL

FORM = {
    "point_instances": ["A"], "point_positions": {"A": [1.5, 2.0], "B": [3.0, 4.0]},
    "diagram_logic_forms": ["Equals(LengthOf(Line(A, B)), 12)"],
}  # fmt: skip


def publish(root, problems, info=None):
    """Writes a folder in the published layout, without pictures."""
    (root / "problems").mkdir(parents=True)
    for p in problems:
        (root / "problems" / f"{p['problem_id']}.json").write_text(json.dumps(p, ensure_ascii=False))
    if info is not None:
        (root / "info.json").write_text(json.dumps(info))
    return str(root)


def ids(root, split):
    return [p["problem_id"] for p in reading.load(root, split)]


def problems_of(count, **changes):
    return [problem(n, **changes) for n in range(1, count + 1)]


# ---- splits -------------------------------------------------------------------------------------------------------


def test_the_split_is_the_published_draw(tmp_path):
    """Numbers by FormalGeo's own loader, seed 619, for 20 problems: a draw of test, then of val from the rest."""
    root = publish(tmp_path / "own", problems_of(20))
    found = {split: ids(root, split) for split in published.SPLITS}
    assert (len(found["test"]), len(found["val"]), len(found["train"])) == (4, 4, 12)
    assert sorted(n for some in found.values() for n in some) == list(range(1, 21))
    said = published.describe(Corpus(root))
    assert said == "problems split 3:1:1 with the seed 619, as FormalGeo splits it: train 12, val 4, test 4"
    # The first numbers of the test split of all 6,981 problems.
    everything = published._drawn(published.DEFAULT_SPLIT, 6981)
    assert sorted(everything["test"])[:8] == [5, 11, 12, 14, 20, 35, 46, 54]
    assert {name: len(some) for name, some in everything.items()} == {"train": 4189, "val": 1396, "test": 1396}


def test_info_or_a_file_of_the_split_says_otherwise(tmp_path):
    by_info = publish(tmp_path / "info", problems_of(10), {"problem_split": [8, 1, 1, 7], "problem_number": 100})
    assert "8:1:1 with the seed 7, as info.json says" in published.describe(Corpus(by_info))
    expected = published._drawn((8, 1, 1, 7), 100)
    assert ids(by_info, "train") == [n for n in range(1, 11) if n in expected["train"]]
    listed = publish(tmp_path / "file", problems_of(6), {"problem_split": [3, 1, 1, 619], "problem_number": 6})
    (tmp_path / "file" / "files").mkdir()
    split = {"train": [1, 2, 5], "val": [3], "test": [6]}
    (tmp_path / "file" / "files" / "problem_split_3_1_1_619.json").write_text(json.dumps({"split": split}))
    assert {name: ids(listed, name) for name in split} == split
    assert published.describe(Corpus(listed)).endswith("train 3, val 1, test 1, 1 in none")


def test_the_list_of_clusters_is_whole():
    """Each of the 6,981 problems of v1 is in one split, and those of later versions in none."""
    found = published._by_clusters().ids
    assert {name: len(some) for name, some in found.items()} == {"train": 4189, "val": 1397, "test": 1395}
    assert frozenset().union(*found.values()) == frozenset(range(1, 6982))


def test_a_rule_that_is_none_is_an_error(tmp_path):
    with pytest.raises(UserError, match="spec.split_by='mine' is no rule: take one of published, clusters"):
        published.corpus_of(SimpleNamespace(root=str(tmp_path), split_by="mine"))


BAD = {
    "problems/1.json": [
        ("{", "1.json is not JSON"),
        ("[]", "1.json has no 'problem_id'"),
        ('{"problem_id": 2}', "its problem_id is 2, not 1"),
        ('{"problem_id": 1}', "1.json has no 'problem_text_en'"),
    ],
    "info.json": [
        ("[]", "no object of JSON"),
        ('{"problem_split": [1, 2]}', "'problem_split' must be three shares and a seed"),
        ('{"problem_split": [0, 0, 0, 1]}', "'problem_split' must be three shares and a seed"),
        ('{"problem_number": 1e99}', "'problem_number' must be a whole number"),
    ],
    "files/problem_split_3_1_1_619.json": [
        ("{}", "has no lists of numbers"),
        ('{"split": {"train": [1], "val": [1], "test": []}}', "has a problem in two splits"),
    ],
    "annotations/some.json": [("{", "some.json is not JSON")],
}


@pytest.mark.parametrize("name", BAD)
def test_a_broken_file_is_named(name, tmp_path):
    for place, (text, message) in enumerate(BAD[name]):
        root = tmp_path / str(place)
        publish(root, problems_of(3))
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
        with pytest.raises(UserError, match="(?s)" + message.replace("(", r"\(")):
            [reading.load(str(root), split) for split in published.SPLITS]


def test_a_folder_without_problems_says_what_is_wanted(tmp_path):
    (tmp_path / "problems").mkdir()
    with pytest.raises(
        UserError, match=r"has no problem, such as 1.json: give the folder of FormalGeo7k: as published"
    ):
        reading.load(str(tmp_path), "train")


# ---- rows ---------------------------------------------------------------------------------------------------------


def test_rows_of_both_versions_are_read(tmp_path):
    """Version 2 goes without levels; signs may be wide; other files beside the problems are none."""
    second = problem(2, text_cdl=["Equal（LengthOfLine（AB），１２）"], theorem_seqs=["a(1,A)", "b(1,B)"])
    del second["problem_level"]
    root = publish(tmp_path / "v2", [problem(1), second], {"dataset_version": "v2"})
    (tmp_path / "v2" / "problems" / "._1.json").write_bytes(b"\0\1")
    (tmp_path / "v2" / "problems" / "notes.json").write_text("{")
    (tmp_path / "v2" / "gdl").mkdir()
    rows = {p["problem_id"]: p for split in published.SPLITS for p in reading.load(root, split)}
    assert rows[1]["problem_level"] == 2 and rows[2]["problem_level"] == 2
    assert rows[2]["text_cdl"] == ["Equal(LengthOfLine(AB),12)"]
    found, failures = reading.read(rows[2])
    assert not failures and "12" in {fact.value for fact in (*found.printed, *found.told)}


def test_positions_come_from_the_annotation_files_of_others(tmp_path):
    fine = {
        "file_name": "7.png", "geos": {"points": [{"id": "p0", "loc": [[1.5, 2]]}, {"id": "p1", "loc": [[3, 4]]}]},
        "symbols": [{"id": "s0", "text_class": "point", "text_content": "A"},
                    {"id": "s1", "text_class": "point", "text_content": "B"},
                    {"id": "s2", "text_class": "len", "text_content": "12"}],
        "relations": {"sym2geo": [["s0", ["p0"]], ["s1", ["p1"]], ["s2", ["p0", "p1"]]]},
    }  # fmt: skip
    wanted = {"point_positions": FORM["point_positions"]}
    contents = {
        "diagram_logic_forms_annot.json": {"7": FORM, "8": 3},
        "annotations/logic_forms.json": {"7.png": FORM, "x": FORM},
        "annotations/train/7/logic_form.json": {
            "point_positions": FORM["point_positions"], "diagram_logic_form": FORM["diagram_logic_forms"]
        },
        "annotations/pgdp.json": {"geometry3k_7": fine, "geometry3k_9": {"geos": 3}},
    }  # fmt: skip
    for place, (name, content) in enumerate(contents.items()):
        root = tmp_path / str(place)
        publish(root, [problem(n, source=f"Geometry3k-{n + 5}") for n in (1, 2, 3)])
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(json.dumps(content))
        rows = {p["problem_id"]: p for split in published.SPLITS for p in reading.load(str(root), split)}
        assert rows[2]["geometry3k_diagram"]["point_positions"] == wanted["point_positions"], name
        assert reading.annotated_values(rows[2]["geometry3k_diagram"]) == {"12"}, name
        assert "geometry3k_diagram" not in rows[1]
    assert annotations.number_of({"source": "GeoQA-7"}) is None


# ---- families -----------------------------------------------------------------------------------------------------


def same_families(first, second, source):
    """Compares the families of two specs, and returns how many there are."""
    count = 0
    for split in ("train", "val"):
        assert source.rows(first, split) == source.rows(second, split)
        for index in range(source.rows(first, split)):
            pair = [asdict(source.family(spec, split, index)) for spec in (first, second)]
            for key in pair[0]:
                np.testing.assert_equal(pair[0][key], pair[1][key], err_msg=f"{key} {index}")
            count += 1
    return count


def spec_of(root, **changes):
    families = {"train": 12, "val": 6, "test": 0}
    return SimpleNamespace(root=str(root), seed=0, name="formalgeo", size_px=112, families=families, **changes)


@pytest.mark.skipif(not (REAL / "train.jsonl").is_file(), reason=f"no FormalGeo7k in {REAL} (set MMGEO_REAL)")
def test_real_problems_make_the_same_families_from_either_layout(tmp_path, monkeypatch):
    """With the list of clusters, which the files of rows follow; positions from a file of annotations."""
    monkeypatch.setattr(formalgeo, "ROUNDS", 0)  # of balancing: what is not balanced is as equal
    rows = tmp_path / "rows"
    (rows / "diagrams").mkdir(parents=True)
    forms: dict = {}
    everything: list[dict] = []
    for split, count in (("train", 60), ("val", 24)):
        with (REAL / f"{split}.jsonl").open() as file:
            lines = [line for line, _ in zip(file, range(count), strict=False)]
        (rows / f"{split}.jsonl").write_text("".join(lines))
        everything += map(json.loads, lines)
    bare = []
    for p in everything:
        shutil.copy(REAL / "diagrams" / p["problem_img"], rows / "diagrams")
        bare.append({key: value for key, value in p.items() if key != "geometry3k_diagram"})
        if p.get("geometry3k_diagram"):
            forms[p["source"].removeprefix("Geometry3k-")] = p["geometry3k_diagram"]
    folder = tmp_path / "published"
    publish(folder, bare, {"dataset_name": "formalgeo7k", "dataset_version": "v1", "problem_number": 6981})
    shutil.copytree(rows / "diagrams", folder / "diagrams")
    (folder / "diagram_logic_forms_annot.json").write_text(json.dumps(forms))
    assert forms
    specs = spec_of(rows), spec_of(folder, split_by="clusters")
    assert same_families(*specs, formalgeo) >= 6
    assert same_families(*specs, exams) == 18
    # The published split of the same folder is another one.
    assert ids(Corpus(str(folder)), "val") != ids(Corpus(str(folder), "clusters"), "val")


def test_the_benchmark_reads_val(tmp_path):
    write(tmp_path, [], "train")
    rows = problems_of(10, goal_cdl="Value(LengthOfLine(AC))")
    write(tmp_path, rows, "val")
    (tmp_path / "train.jsonl").unlink()
    (tmp_path / "val.jsonl").unlink()
    publish(tmp_path / "x", rows)
    shutil.move(tmp_path / "x" / "problems", tmp_path / "problems")
    items = benchmarks.read_items("formalgeo", str(tmp_path))
    assert [int(item.key) for item in items] == ids(str(tmp_path), "val") and len(items) == 2
    assert all(path.is_file() for item in items for path in item.pictures)


# ---- statements ---------------------------------------------------------------------------------------------------

MIRRORED = ("A", "B", "C", "D", "E", "H", "G", "F")
STATEMENTS = {
    "MirrorSimilarBetweenQuadrilateral(ABCD,EFGH)": ("similar_quadrilaterals", MIRRORED, None),
    "Equal(RatioOfSimilarQuadrilateral(ABCD,EFGH),5/3)": ("quadrilateral_similarity_ratio", tuple("ABCDEFGH"), "5/3"),
    "Equal(RatioOfMirrorSimilarQuadrilateral(ABCD,EFGH),2)": ("quadrilateral_similarity_ratio", MIRRORED, "2"),
    "Equal(RatioOfMirrorSimilarTriangle(ABC,BCD),4/3)": ("similarity_ratio", tuple("ABCBDC"), "4/3"),
    "Equal(RatioOfSimilarArc(OCA,OCD),1/2)": ("arc_ratio", tuple("OCAOCD"), "1/2"),
    "Equal(PerimeterOfSector(OAB),12)": ("sector_perimeter", tuple("OAB"), "12"),
    "SimilarBetweenArc(OAB,OCD)": ("similar_arc", tuple("OABOCD"), None),
    "IsIncenterOfQuadrilateral(O,ABCD)": ("quadrilateral_incenter", tuple("OABCD"), None),
    "IsCircumcenterOfQuadrilateral(O,ABCD)": ("quadrilateral_circumcenter", tuple("OABCD"), None),
    "IsOrthocenterOfTriangle(H,ABC)": ("orthocenter", tuple("HABC"), None),
    # as a Chinese keyboard writes it
    "Ｅｑｕａｌ（ＬｅｎｇｔｈＯｆＬｉｎｅ（ＡＢ），２＊ｘ＋３）": ("length", ("A", "B"), "2x+3"),
    "Equal(LengthOfLine(AB)，2×x−１．５)": ("length", ("A", "B"), "2x-1.5"),
    "IsMidpointOfLine（M、AB）\u3000": ("midpoint", ("M", "A", "B"), None),
}


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_statement_becomes_a_fact_that_can_be_said(statement):
    predicate, args, value = STATEMENTS[statement]
    fact = parse_statement(statement)
    assert isinstance(fact, Fact) and (fact.predicate, fact.args, fact.value) == (predicate, args, value)
    text = write_caption([fact])
    assert all(name in text for name in args) and (value is None or value in text)
