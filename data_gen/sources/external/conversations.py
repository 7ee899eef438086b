r"""Pictures with turns of a conversation about each, in the shapes that people have: a JSON list, or an item a line.

    [{"id": "1", "image": "a/1.png", "conversations": [
        {"from": "human", "value": "<image>\nFind x.\nA. 30°\nB. 60°"},
        {"from": "gpt", "value": "x = 180° − 150° = 30°. The answer is \\boxed{30°}."}]}]

That is LLaVA's. `messages` with `role` and `content` (ShareGPT, OpenAI) are read too, whose content may be a list of
parts, and the picture may be in `images`, and in a list. Each question with its answer is a family, however many turns
an item has; a "system" turn is passed over. An item without a picture is left out, as there is nothing to see, and one
with several, as a row has one; the build says how many. `answer` is what stands in the last \boxed{}, or after "answer
is", "Answer:", "故选"; or the whole reply where it is one short line, a letter being replaced by its choice (`choices`:
`find_choices`). The reply is the `solution`, and the caption as well, as in files for alignment, where it describes the
picture.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

from data_gen.records.boxed import boxed_texts
from data_gen.records.schema import Question
from data_gen.shared import files
from data_gen.shared.errors import UserError
from data_gen.shared.files import Folder, parse_json, read_bytes, require_text
from data_gen.shared.tolerance import BROKEN, LeftOut, skipping
from data_gen.sources.external.choices import find_choices, letter_of
from data_gen.sources.external.rows import Loaded, PictureRow, source_of

ROLES = {"human": "human", "user": "human", "gpt": "gpt", "assistant": "gpt", "model": "gpt", "system": "system"}
TURNS = ("conversations", "messages")  # an item has one of them
PICTURES = ("image", "images")
SPEAKER, SAYS = ("from", "role"), ("value", "content")  # of a turn
PLACE = "<image>"  # where the picture stands in a text
SAID = re.compile(
    r"(?:answer is|answer:|Answer:|(?:故|应|因此)?选择?(?:项)?|答案(?:是|为|[:：]))[ \t:：]*\(?([^\n]+?)\)?[.。\s]*$",
    re.MULTILINE,
)
SHORT = 40  # characters of a reply that is all answer


@cache
def load(root: str, file: str, stamp: Any = ()) -> Loaded:
    """Returns a row for each question of a file in `root`. Raises UserError, which names file and item."""
    folder = Folder(root)
    path = folder.find(file, "spec.file")
    rows: list[PictureRow] = []
    broken: list[str] = []
    left_out: LeftOut = {BROKEN: broken}
    for where, item in _items(path):
        with skipping(broken):
            value = parse_json(item, where) if isinstance(item, bytes) else item
            rows += _rows(value, folder, where, left_out)
    return Loaded(tuple(rows), left_out, (path,))


def _items(path: Path) -> list[tuple[str, Any]]:
    """Returns (place, item), of JSONL the bytes of its line."""
    advice = "give the folder with --spec.root and the name of its JSON file with --spec.file"
    if path.suffix == ".jsonl":
        return list(files.lines(path, advice))
    items = parse_json(read_bytes(path, advice), str(path))
    if not isinstance(items, list) or not items:
        raise UserError(f"{path} must be a list of objects with 'image' and 'conversations', and not empty")
    return [(f"{path} item {i}", item) for i, item in enumerate(items)]


def _rows(item: Any, folder: Folder, where: str, left_out: LeftOut) -> list[PictureRow]:
    if not isinstance(item, dict):
        raise UserError(f"{where} must be an object with 'image' and 'conversations'")
    turns, pictures = _turns(item, where), _pictures(item, where)
    if len(pictures) != 1:
        reason = "with several pictures, of which a row takes one" if pictures else "without a picture"
        left_out.setdefault(reason, []).append(f"{where}: {reason}")
        return []
    image = folder.find(require_text(pictures[0], where, "image"), where)
    return [PictureRow(where, image, reply, (), question(asked, reply)) for asked, reply in turns]


def _pictures(item: dict, where: str) -> list[Any]:
    """Returns the names of an item's pictures, under either key, alone or in a list."""
    found: Any = next((item[key] for key in PICTURES if item.get(key) is not None), [])
    pictures = found if isinstance(found, list) else [found]
    # Some sets keep {"path": ..., "bytes": null}.
    return [picture.get("path") if isinstance(picture, dict) else picture for picture in pictures]


def _turns(item: dict, where: str) -> list[tuple[str, str]]:
    """Returns (question, reply) in order."""
    name = next((key for key in TURNS if key in item), TURNS[0])
    turns = item.get(name)
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise UserError(
            f"{where}: '{name}' must be a list of objects with 'from' and 'value' (or 'role' and 'content')"
        )
    roles = [_role(turn) for turn in turns]
    turns = [turn for turn, role in zip(turns, roles, strict=True) if role != "system"]
    roles = [role for role in roles if role != "system"]
    if not turns or roles != ["human", "gpt"] * (len(turns) // 2):
        raise UserError(f"{where}: '{name}' must be turns of 'human' and 'gpt', one after the other")
    said = [
        require_text(_text(next((turn[key] for key in SAYS if key in turn), None)), where, f"value of turn {i}")
        for i, turn in enumerate(turns)
    ]
    return list(zip(said[::2], said[1::2], strict=True))


def _role(turn: dict) -> str | None:
    name = next((turn[key] for key in SPEAKER if key in turn), None)
    return ROLES.get(name) if isinstance(name, str) else None


def _text(value: Any) -> Any:
    """Returns what a turn says, without the picture's place; of parts, their texts. Other values stay as they are."""
    if isinstance(value, list) and all(isinstance(part, dict) for part in value):
        parts = [part.get("text") for part in value if part.get("type", "text") == "text"]
        value = "\n".join(part for part in parts if isinstance(part, str))
    if not isinstance(value, str) or PLACE not in value:
        return value
    return value.replace(PLACE, "").strip()


def question(asked: str, reply: str) -> Question:
    """Returns a turn and its reply as a question."""
    choices = find_choices(asked)
    answer = next(reversed(boxed_texts(reply, closed=True)), "") or _said(reply)
    found = letter_of(answer, choices)
    return Question(asked, choices, answer if found is None else choices[found], reply, ("conversation",))


def _said(reply: str) -> str:
    if found := SAID.findall(reply):
        return str(found[-1]).strip()
    line = reply.strip()
    return line if len(line) <= SHORT and "\n" not in line else ""


CAPTIONS_RECUR = True
rows, family, content, left_out = source_of(load, "conversations")
