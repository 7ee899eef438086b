"""GeoQA: multiple-choice problems of Chinese exams; four choices, by type (angle, length, other).

Source of the rules: the paper "GeoQA: A Geometric Question Answering Benchmark Towards Multimodal Numerical Reasoning"
(Chen et al., 2021) and its code, github chen-judge/GeoQA (NGS_Aux.py). There a model's program gives a number; a choice
is taken where its value differs by less than 0.001; where no choice is near there is no result, which is wrong and
counted by itself. Scores are the accuracy of choices, over all and by type. Free responses have no public scorer: a
letter or a choice's text counts too (`answers.find_choice`, by rules), and two letters are no result.

Data. The original, data/GeoQA2.2/test.pk, is a pickle, which is never read here. Convert it once, in an environment of
its own, if you trust the file:

    for row in pickle.load(open("test.pk", "rb")):
        cv2.imwrite(f"images/{row['id']}.png", row["image"])
        rows.append({"id": str(row["id"]), "question": row["subject"], "choices": row["choices"], "label": row["label"],
                     "image": f"images/{row['id']}.png", "type": types[row["id"]]})   # sub_dataset_dict.pk
    json.dump(rows, open("test.json", "w"))

test.json is a list of such rows: `choices` texts, `label` the number of the right one from 0; `type` may be left out.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_gen.records.schema import LETTERS
from data_gen.shared import files
from data_gen.shared.errors import UserError
from mmgeo_jax.evals.benchmarks import rows
from mmgeo_jax.evals.benchmarks.item import Item, Verdict
from mmgeo_jax.evals.benchmarks.reading import answers

WHERE = "GeoQA is at github chen-judge/GeoQA; convert test.pk to test.json and images/ (evals/benchmarks/geoqa.py)"


def read_items(root: Path) -> list[Item]:
    """Reads the questions of test.json. Raises UserError where it is missing, or a row is broken."""
    path = rows.find_file(root, ("test.json",), WHERE)
    return rows.check_distinct([_item(root, row, where) for where, row in rows.read_rows(path)], str(path))


def _item(root: Path, row: Mapping[str, Any], where: str) -> Item:
    choices, label = files.require_texts(row.get("choices"), where, "choices"), row.get("label")
    if label is not None and (type(label) is not int or not 0 <= label < len(choices)) or len(choices) > len(LETTERS):
        raise UserError(f"{where}: 'label' is {str(label)[:50]!r}, not the number of one of {len(choices)} choices")
    return Item(
        key=rows.get_text(row, "id", where),
        question=rows.get_text(row, "question", where),
        answer="" if label is None else choices[label],
        kind="choice",
        choices=choices,
        pictures=(files.resolve_inside(root, rows.get_text(row, "image", where), where),),
        groups={"type": (rows.get_text(row, "type", where),)} if "type" in row else {},
    )


def judge_response(item: Item, response: str) -> Verdict:
    """Judges a response by the rules above."""
    found = answers.find_choice(response, item.choices)
    return Verdict(None, False) if found is None else Verdict(item.choices[found], item.choices[found] == item.answer)
