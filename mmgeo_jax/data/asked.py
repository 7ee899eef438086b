"""What the caption decoder is asked of a picture: its caption, or where something stands, or what stands somewhere.

Tasks after LocCa (Wan et al., 2024), places as plain digits: 00 to 99 of the picture's side, across then down. A task
is a prompt, which is given, and an answer, which is taught; the caption has no prompt, and its likelihood scores pairs.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from data_gen.records.annotations import Annotations
from data_gen.shared.errors import UserError

NAME = re.compile(r"\b(?:[A-Z]{1,5}|\d+(?:\.\d+)?)\b")  # what a gap may stand for: names of points, numbers
GAP = "_"


class Asked(NamedTuple):
    """A prompt, and the answer that is taught."""

    prompt: str
    answer: str


class Picture(NamedTuple):
    """A picture as it is shown: its caption, what stands where, and float64[3, 3], which moves points (x, y, 1) of the
    stored picture to the one shown, whose side is 1."""

    caption: str
    annotations: Annotations
    matrix: np.ndarray


Task = Callable[[Picture, np.random.Generator], Asked | None]


def _caption(picture: Picture, rng: np.random.Generator) -> Asked:
    return Asked("", picture.caption)


def _place(picture: Picture, rng: np.random.Generator) -> Asked | None:
    """Asks where a named point stands."""
    if not (points := picture.annotations.points):
        return None
    name, at = points[rng.integers(len(points))]
    place = said(picture, at)
    return Asked(f"{name} at", place) if place else None


def _point(picture: Picture, rng: np.random.Generator) -> Asked | None:
    """Asks which point stands at a place."""
    asked = _place(picture, rng)
    return asked and Asked(f"at {asked.answer}", asked.prompt.removesuffix(" at"))


def _character(picture: Picture, rng: np.random.Generator) -> Asked | None:
    """Asks which character is written at a place."""
    if not (characters := picture.annotations.characters):
        return None
    character, (x0, y0, x1, y1) = characters[rng.integers(len(characters))]
    place = said(picture, ((x0 + x1) / 2, (y0 + y1) / 2))
    return Asked(f"written at {place}", character) if place else None


def _gap(picture: Picture, rng: np.random.Generator) -> Asked | None:
    """Asks for a name or number that is left out of a clause of the caption."""
    found = [(clause, each) for clause in re.split(r"(?<=[,;.]) ", picture.caption) for each in NAME.finditer(clause)]
    if not found:
        return None
    clause, each = found[rng.integers(len(found))]
    return Asked(f"{clause[: each.start()]}{GAP}{clause[each.end() :]}", each[0])


TASKS: dict[str, Task] = {"caption": _caption, "place": _place, "point": _point, "character": _character, "gap": _gap}


def default_config() -> ConfigDict:
    """Returns the share of each task: captions alone."""
    return ConfigDict({name: float(name == "caption") for name in TASKS})


def said(picture: Picture, at: tuple[float, float]) -> str:
    """Returns a place of the stored picture as the decoder reads it, such as "07 52"; "" where it is not shown."""
    x, y, w = picture.matrix @ (*at, 1.0)
    across, down = int(100 * x / w // 1), int(100 * y / w // 1)
    return f"{across:02} {down:02}" if 0 <= across < 100 and 0 <= down < 100 else ""


def check_shares(shares: Mapping[str, float]) -> None:
    """Raises UserError where a key is not in TASKS, or nothing is asked."""
    for name in shares:
        if name not in TASKS:
            raise UserError(f"data.asked.{name} is not known: there are {', '.join(TASKS)}")
    if not sum(shares.values()) > 0:
        raise UserError("data.asked asks for nothing: set --config.data.asked.caption=1")


def only_captions(shares: Mapping[str, float]) -> bool:
    """Returns whether nothing but captions is asked for."""
    return not any(share for name, share in shares.items() if name != "caption")


def choose(picture: Picture, shares: Mapping[str, float], rng: np.random.Generator) -> Asked:
    """Draws a task by its share; a picture of which it cannot be asked is asked for its caption."""
    names = sorted(shares)
    weights = np.array([shares[name] for name in names], np.float64)
    task = TASKS[names[rng.choice(len(names), p=weights / weights.sum())]]
    return task(picture, rng) or _caption(picture, rng)
