"""Small data sets of the public benchmarks: a few rows of each in its own form, and pictures."""

import json
from typing import Any

from PIL import Image

from mmgeo_jax.evals.benchmarks import run as benchmarks


def picture(root, name):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8), 255).save(path)


def geoqa_rows():
    row = {"question": "求∠A", "choices": ["30°", "45°", "60°", "90°"]}
    return [row | {"id": str(i), "label": i, "image": f"images/{i}.png", "type": ("angle", "length")[i % 2]}
            for i in range(4)]  # fmt: skip


def mathvista_rows():
    common: dict[str, Any] = {"unit": None, "precision": None, "choices": None, "image": "images/0.png"}
    metadata: dict[str, Any] = {"skills": ["geometry reasoning"], "task": "geometry problem solving"}
    rows: list[dict[str, Any]] = [
        {"pid": "0", "question": "?", "answer": "Yes", "question_type": "multi_choice", "answer_type": "text",
         "choices": ["Yes", "No"], "metadata": metadata | {"skills": ["geometry reasoning", "algebraic reasoning"]}},
        {"pid": "1", "question": "?", "answer": "12", "question_type": "free_form", "answer_type": "integer",
         "unit": "cm", "metadata": metadata},
        {"pid": "2", "question": "?", "answer": "1.5", "question_type": "free_form", "answer_type": "float",
         "precision": 1, "metadata": {"skills": ["algebraic reasoning"], "task": "textbook question answering"}},
        {"pid": "3", "question": "?", "answer": "[1, 2]", "question_type": "free_form", "answer_type": "list",
         "metadata": {"skills": ["statistical reasoning"], "task": "figure question answering"}},
    ]  # fmt: skip
    return {row["pid"]: common | row for row in rows}


def wemath_rows():
    rows = []
    for name, steps in (("2steps_7", 2), ("3steps_9", 3)):
        kind = name.split("_")[0]
        for part in [*map(str, range(1, steps + 1)), "multi"]:
            rows.append({
                "ID": name, "key": f"{kind}_{part}", "question": "?", "option": "A. 1; B. 2 C. 3 ;D. No correct answer",
                "answer": "B", "knowledge concept": "Areas;Angles" if part == "multi" else f"Areas {part}",
                "image_path": f"{kind}/image/{part}.png",
            })  # fmt: skip
    return rows


def mmmath_rows():
    row = {"question": "Find AC.", "file_name": "1.png", "year": "九年级上学期", "knowledge": ["Properties of Shapes"]}
    levels = ("容易", "普通", "困难")
    return [row | {"solution": f"So \\boxed{{{i}}}", "difficult": level} for i, level in enumerate(levels)]


def formalgeo_rows():
    row = {"problem_text_en": "Find AC.", "construction_cdl": [], "text_cdl": [], "image_cdl": [], "problem_level": 3,
           "goal_cdl": "Value(LengthOfLine(AC))"}  # fmt: skip
    answers = ("5*sqrt(3)", "12", "('A','B')")
    return [row | {"problem_id": i, "problem_img": f"{i}.png", "problem_answer": a} for i, a in enumerate(answers)]


def visonlyqa_rows():
    row = {"question_type": "single_answer", "image_category": "geometry", "image_path": "images/a/1.png"}
    asked = [
        ("There is no triangle ADP in the figure. True or False?\n\nA triangle has three edges.", "False"),
        ("There is a triangle ABC in the figure. True or False?\n\nA triangle has three edges.", "True"),
        ("There is a triangle ABD in the figure. True or False?\n\nA triangle has three edges.", "False"),
    ]
    return [row | {"id": f"t{i}", "question": question, "answer": answer, "response_options": ["True", "False"],
                   "prompt_no_reasoning": f"{question}\n\nYour response", "image_path": f"images/a/{i // 2}.png"}
            for i, (question, answer) in enumerate(asked)]  # fmt: skip


def lines(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


FIXTURES = {  # benchmark: file, its text, the folder of pictures, number of items
    "geoqa": ("test.json", lambda: json.dumps(geoqa_rows()), ".", 4),
    "mathvista": ("testmini.json", lambda: json.dumps(mathvista_rows()), ".", 3),
    "wemath": ("testmini.json", lambda: json.dumps(wemath_rows()), ".", 7),
    "mmmath": ("MM_Math.jsonl", lambda: lines(mmmath_rows()), "images", 3),
    "visonlyqa": ("real/geometry__triangle.jsonl", lambda: lines(visonlyqa_rows()), ".", 3),
    "formalgeo": ("val.jsonl", lambda: lines(formalgeo_rows()), "diagrams", 2),
}


def write(name, folder):
    """The small data set of a benchmark, with pictures, in a folder."""
    file, text, _, _ = FIXTURES[name]
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(text())
    for item in benchmarks.read_items(name, folder):
        for path in item.pictures:
            picture(folder, path.relative_to(folder.resolve()))
    return folder


def correct(items):
    """A model that is right: its responses to items."""
    return [f"Answer: {item.answer}" if item.choices else f"So \\boxed{{{item.answer}}}" if item.kind != "list"
            else item.answer for item in items]  # fmt: skip
