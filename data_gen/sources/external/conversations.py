r"""LLaVA's JSON: a list of pictures, each with turns of a conversation about it.

    [{"id": "1", "image": "a/1.png", "conversations": [
        {"from": "human", "value": "<image>\nFind x.\nA. 30°\nB. 60°"},
        {"from": "gpt", "value": "x = 180° − 150° = 30°. The answer is \\boxed{30°}."}]}]

Each question with its answer is a family, however many turns an item has; "user" and "assistant" are taken for "human"
and "gpt", and a "system" turn is passed over. An item without a picture is left out: there is nothing to see. `choices`
are lines that begin with A, B, C... in this order; `answer` is what stands in the last \boxed{}, or after "answer is"
or "Answer:", a letter being replaced by its choice; or the whole reply where it is one short line. The reply is the
`solution`, and the caption as well, as in files for alignment, where it describes the picture.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

from data_gen.records.boxed import boxed_texts
from data_gen.records.schema import Question
from data_gen.shared.errors import UserError
from data_gen.shared.files import parse_json, read_bytes, require_text, resolve_inside
from data_gen.sources.external.rows import PictureRow, source_of

ROLES = {"human": "human", "user": "human", "gpt": "gpt", "assistant": "gpt"}
CHOICE = re.compile(r"^[ \t]*\(?([A-H])[).:：][ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
SAID = re.compile(r"(?:answer is|answer:|Answer:)[ \t]*\(?([^\n]+?)\)?[.\s]*$", re.MULTILINE)
SHORT = 40  # characters of a reply that is all answer


@cache
def load(root: str, file: str) -> tuple[PictureRow, ...]:
    """Returns a row for each question of a file in `root`. Raises UserError, which names file and item."""
    folder = Path(root)
    path = resolve_inside(folder, file, "spec.file")
    data = read_bytes(path, "give the folder with --spec.root and the name of its JSON file with --spec.file")
    items = parse_json(data, str(path))
    if not isinstance(items, list):
        raise UserError(f"{path} must be a list of objects with 'image' and 'conversations'")
    return tuple(row for i, item in enumerate(items) for row in _rows(item, folder, f"{path} item {i}"))


def _rows(item: Any, root: Path, where: str) -> list[PictureRow]:
    if not isinstance(item, dict):
        raise UserError(f"{where} must be an object with 'image' and 'conversations'")
    turns = _turns(item.get("conversations"), where)
    if item.get("image") is None:
        return []
    image = resolve_inside(root, require_text(item["image"], where, "image"), where)
    return [PictureRow(where, image, reply, (), question(asked, reply)) for asked, reply in turns]


def _turns(conversations: Any, where: str) -> list[tuple[str, str]]:
    """Returns (question, reply) in order."""
    if not isinstance(conversations, list) or not all(isinstance(turn, dict) for turn in conversations):
        raise UserError(f"{where}: 'conversations' must be a list of objects with 'from' and 'value'")
    turns = [turn for turn in conversations if turn.get("from") != "system"]
    roles = [ROLES.get(turn["from"]) if isinstance(turn.get("from"), str) else None for turn in turns]
    if not turns or roles != ["human", "gpt"] * (len(turns) // 2):
        raise UserError(f"{where}: 'conversations' must be turns of 'human' and 'gpt', one after the other")
    said = [require_text(turn.get("value"), where, f"value of turn {i}") for i, turn in enumerate(turns)]
    asked = [require_text(value.replace("<image>", "").strip(), where, f"value of turn {2 * i}")
             for i, value in enumerate(said[::2])]  # fmt: skip
    return list(zip(asked, said[1::2], strict=True))


def question(asked: str, reply: str) -> Question:
    """Returns a turn and its reply as a question."""
    found = CHOICE.findall(asked)
    in_order = [letter for letter, _ in found] == [chr(ord("A") + i) for i in range(len(found))]
    choices = tuple(choice for _, choice in found) if in_order and len(found) > 1 else ()
    answer = next(reversed(boxed_texts(reply, closed=True)), "") or _said(reply)
    letter = re.fullmatch(r"\(?([A-H])\)?[.:]?", answer)
    if letter and ord(letter[1]) - ord("A") < len(choices):
        answer = choices[ord(letter[1]) - ord("A")]
    return Question(asked, choices, answer, reply, ("conversation",))


def _said(reply: str) -> str:
    if found := SAID.findall(reply):
        return str(found[-1]).strip()
    line = reply.strip()
    return line if len(line) <= SHORT and "\n" not in line else ""


rows, family = source_of(load, "conversations")
