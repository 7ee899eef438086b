"""Files of responses: ours and those of other evaluations; several responses a key; what is broken."""

import csv
import io
import json
import os

import openpyxl
import pytest

from data_gen.shared.errors import UserError
from mmgeo_jax.evals.benchmarks import responses
from mmgeo_jax.evals.benchmarks.item import Verdict

KNOWN = {"7", "8", "2steps_110_1", "2steps_110_multi"}
STEPS = [
    {"ID": "2steps_110", "key": f"2steps_{part}", "question": "x", "answer": "A", "response": f"Answer: {letter}"}
    for part, letter in (("1", "B"), ("multi", "C"))
]
TABLE = [{"index": 7, "question": "a, b", "prediction": "12"}, {"index": 8, "question": "x", "prediction": "B\nA"}]


def table(rows, delimiter):
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def lines(*rows):
    return "\n".join(map(json.dumps, rows))


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.jsonl", lines({"key": 7, "response": None}, {"key": "x", "response": "B"}), {"7": [""], "x": ["B"]}),
        ("a", lines({"key": "7", "response": ["A", "B"]}), {"7": ["A", "B"]}),
        ("a.json", json.dumps({"7": "A", "8": ["B", "C"]}), {"7": ["A"], "8": ["B", "C"]}),
        ("mathvista.json", json.dumps({"7": {"pid": "7", "response": "A", "extraction": ""}, "8": {"pid": "8"}}),
         {"7": ["A"], "8": [""]}),
        ("wemath.json", json.dumps(STEPS), {"2steps_110_1": ["Answer: B"], "2steps_110_multi": ["Answer: C"]}),
        ("x_samples_mathvista.jsonl",
         lines({"doc_id": 0, "doc": {"pid": "7", "question": "x"}, "resps": [["A", "B"]], "filtered_resps": ["A"]}),
         {"7": ["A", "B"]}),
        ("samples.jsonl", lines({"doc_id": 3, "doc": STEPS[0], "resps": [["A"]]}), {"2steps_110_1": ["A"]}),
        # later versions of lmms-eval: no row of the benchmark, but what a metric tells of it; never the row's number
        ("late.jsonl", lines({"doc_id": 8, "filtered_resps": "A", "submission": {"question_id": "7", "query": "x"}}),
         {"7": ["A"]}),
        ("late.jsonl", lines({"doc_id": 8, "filtered_resps": ["A", "B"], "key": "7"}), {"7": ["A", "B"]}),
        ("late.jsonl", lines({"doc_id": 3, "filtered_resps": "A", "gpt": {"ID": "2steps_110", "key": "2steps_multi"}}),
         {"2steps_110_multi": ["A"]}),
        ("vlm.tsv", table(TABLE, "\t"), {"7": ["12"], "8": ["B\nA"]}),
        ("vlm.csv", table(TABLE, ","), {"7": ["12"], "8": ["B\nA"]}),
        ("vlm.json", json.dumps(TABLE), {"7": ["12"], "8": ["B\nA"]}),
    ],
)  # fmt: skip
def test_each_form_is_read(name, text, found, tmp_path):
    (tmp_path / name).write_text(text, newline="")
    assert responses.read(tmp_path / name, KNOWN) == found


def test_a_sheet_is_read(tmp_path):
    book = openpyxl.Workbook()
    for row in (list(TABLE[0]), [7, "x", 12], [8, "y", "B"], [9, "z", None], [None, None, None]):
        book.active.append(row)
    book.save(tmp_path / "vlm.xlsx")
    assert responses.read(tmp_path / "vlm.xlsx", KNOWN) == {"7": ["12"], "8": ["B"], "9": [""]}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", "", "is empty"),
        ("a.json", "[]", "is empty"),
        ("a.json", "3", "neither a list nor an object"),
        ("a.json", "[3]", "row 0 is not {"),
        ("a.json", '{"7": 3}', "row '7' is not {"),
        ("a.json", '[{"pid": "7"}]', "row 0 is not {"),
        ("a.json", '[{"key": "7", "response": []}]', "row 0 is not {"),
        ("a.json", '{"7": "A", "7": "B"}', "'7' twice"),
        ("a.tsv", "index\tprediction\n7\tA\n7\tB\n", "row 3 has the key '7' again"),
        ("a.xlsx", "no sheet", "no sheet of Excel"),
        ("a.pkl", "x", "pickle"),
    ],
)
def test_what_is_broken_is_one_line(name, text, message, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=message) as fault:
        responses.read(tmp_path / name, KNOWN)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.xlsx"])
def test_a_pipe_is_no_file(name, tmp_path):
    os.mkfifo(tmp_path / name)
    with pytest.raises(UserError, match="is not there"):
        responses.read(tmp_path / name, KNOWN)


def test_several_responses_take_a_vote():
    verdicts = [Verdict(None, False), Verdict("3", False), Verdict("4", True), Verdict("4", True)]
    assert responses.vote("abcd", verdicts) == 2 and responses.vote("a", verdicts[:1]) == 0
    scores = responses.score_samples([verdicts, verdicts[:2]])
    assert scores == {"most": 4, "mean_accuracy": 0.25, "any_right": 0.5}


def test_the_number_of_a_row_is_a_key_only_where_keys_count_from_0(tmp_path):
    """Of MathVista, whose keys count from 1, it would be the question before."""
    (tmp_path / "a.jsonl").write_text(lines({"doc_id": 1, "filtered_resps": "A"}))
    assert responses.read(tmp_path / "a.jsonl", {"0", "1"}) == {"1": ["A"]}
    with pytest.raises(UserError, match="line 1 has no key of the benchmark"):
        responses.read(tmp_path / "a.jsonl", {"1", "2"})
