"""A figure in the making: a base, and slot after slot what it offers points for."""

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from data_gen.constructions.step import Step
from data_gen.constructions.table import rows_of
from data_gen.families.edits import EDIT_KINDS, draw_params


def _sides(corners: str) -> str:
    return " ".join(f"segment:{a}{b}" for a, b in itertools.pairwise(corners + corners[0]))


# What slots take -> slot -> what it offers; roles are those of its rows ("triangle:abc": the triangle abc).
_BY_TAKEN = {
    "": {
        "triangle": f"triangle:abc {_sides('abc')}", "quadrilateral": f"quadrilateral:abcd {_sides('abcd')}",
        "pentagon": _sides("abcde"), "hexagon": _sides("abcdef"), "heptagon": _sides("abcdefg"),
        "octagon": _sides("abcdefgh"), "circle": "circle:oH", "lines": "lines:abcd segment:ab segment:cd",
        "angle": "segment:va segment:vb", "wedge": "segment:oa segment:ob arm:oa", "graph": "",
    },
    "circle:oH": {
        "inscribed_triangle": "inscribed:oabc segment:ab segment:bc triangle:abc", "chord": "arm:oa segment:ab",
        "place": "segment:op", "line_by_circle": "segment:ab", "second_circle": "segment:op", "polygon": "arm:oa",
    },
    "arm:oa": {"corner_line": "", "touch": "", "sector": "segment:ob", "arc": "", "radius": "segment:oa"},
    "triangle:abc": {
        "cevian": "segment:ad", "crossline": "segment:de", "circled": "circle:oH", "centre": "",
        "interior": "segment:ap", "side": "segment:bp", "vertex_line": "", "fourth": "", "numbered": "", "copy": "",
        "midsegment": "segment:de", "shading": "", "equal_parts": "segment:de", "equal_angles": "segment:ad",
    },
    "quadrilateral:abcd": {
        "cross": "", "side_point": "segment:ae", "joined": "", "quadrilateral_copy": "", "dashes": "",
        "half_shaded": "",
    },
    "lines:abcd": {"transversal": "segment:ef"},
    "segment:ef": {"transversal_point": ""},
    "segment:ab": {"division": "", "extension": "", "incidence": "", "crosser": "", "parts": "", "ticks": "",
                   "ratio": ""},
}  # fmt: skip
SLOTS = {slot: (takes, gives) for takes, slots in _BY_TAKEN.items() for slot, gives in slots.items()}
# Slots from which a figure can begin, by what the first slot takes; a row is one way, its slots in order.
BASES = {
    "": ((),),
    "triangle": (("triangle",), ("triangle",), ("circle", "inscribed_triangle")),
    "quadrilateral": (("quadrilateral",),),
    "segment": (("triangle",), ("angle",), ("quadrilateral",), ("pentagon",), ("hexagon",), ("triangle", "cevian")),
    "circle": (("circle",), ("circle", "chord"), ("circle", "inscribed_triangle"), ("triangle", "circled")),
    "arm": (("circle", "chord"), ("circle", "inscribed_triangle")),
    "lines": (("lines",),),
}
SLOTS_OF_KIND = {
    row.name: tuple(slot for slot in row.slots.split() if slot in SLOTS) for row in EDIT_KINDS if row.slots
}


@dataclass
class FigureBuilder:
    """A figure in the making: its steps, what it offers to further slots, and the next letter."""

    steps: list[Step] = field(default_factory=list)
    offers: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    letters: int = 0

    def add(self, slot: str, rng: np.random.Generator) -> int | None:
        """Adds a slot with the first of its rows, on points that are free; its place, or None where it finds none."""
        takes, gives = SLOTS[slot]
        row = rows_of(slot)[0]
        taken: tuple[str, ...] = ()
        if takes:
            kind, _, roles = takes.partition(":")
            free = self.offers.get(kind, [])
            if not free:
                return None
            which = int(rng.integers(len(free)))
            # A segment is for one: two marks on it could not be told apart.
            taken = _turned(kind, free.pop(which) if kind == "segment" else free[which], rng)
        outs = tuple(self._name(role) for role in row.outs)
        points = dict(zip(row.ins + row.outs, taken + outs, strict=True))
        for offer in gives.split():
            kind, _, roles = offer.partition(":")
            self.offers.setdefault(kind, []).append(tuple(points[role] for role in roles))
        if "inscribed:" in gives:
            o, *corners = self.offers.pop("inscribed")[0]
            self.offers.setdefault("arm", []).append((o, corners[int(rng.integers(3))]))
        self.steps.append(Step(row.name, taken, outs, draw_params(row, rng)))
        return len(self.steps) - 1

    def _name(self, role: str) -> str:
        if role.isupper():
            return f"_{role}{len(self.steps)}"
        if role == "o" and not any("O" in step.outs for step in self.steps):
            return "O"
        self.letters += 1
        return f"{self.letters - 1}"  # a number until letters are drawn


def _turned(kind: str, points: tuple[str, ...], rng: np.random.Generator) -> tuple[str, ...]:
    """Returns the points of an offer, beginning with any corner, in either sense."""
    if kind == "segment" and rng.random() < 0.5:
        return points[::-1]
    if kind in ("triangle", "quadrilateral"):
        start = int(rng.integers(len(points)))
        return points[start:] + points[:start]
    return points


def begin(slot: str, rng: np.random.Generator, without: Collection[str] = ()) -> FigureBuilder | None:
    """Begins a figure with a slot, on a base that offers what it takes, of none of the slots `without`."""
    figure = FigureBuilder()
    bases = [base for base in BASES[SLOTS[slot][0].partition(":")[0]] if not set(base) & set(without)]
    for name in (*bases[int(rng.integers(len(bases)))], slot):
        if figure.add(name, rng) is None:
            return None
    return figure


def extend(
    figure: FigureBuilder, kinds: Mapping[str, float], often: Mapping[str, float], rng: np.random.Generator,
    without: Collection[str] = (),
) -> tuple[str, int] | None:  # fmt: skip
    """Finds one more thing to edit in a figure: a step that it has, or a slot that it offers points for, of one of the
    kinds, by their weights and those of slots, `often`; none of the slots `without`.

    Returns (kind, place of the step), or None where there is nothing of the kind drawn.
    """
    kind = draw_kind(kinds, rng)
    have = {step.row.slot: place for place, step in enumerate(figure.steps)}
    free = {offer for offer, points in figure.offers.items() if points}
    slots = [s for s in SLOTS_OF_KIND[kind] if s in have or SLOTS[s][0].partition(":")[0] in free and s not in without]
    if not slots:
        return None
    slot = draw_order(slots, often, rng)[0]
    place = have.get(slot)
    place = figure.add(slot, rng) if place is None else place
    return None if place is None else (kind, place)


def draw_kind(kinds: Mapping[str, float], rng: np.random.Generator) -> str:
    """Draws one of the kinds, by their weights."""
    return tuple(kinds)[int(_steps(tuple(kinds.values())).searchsorted(rng.random(), side="right"))]


def draw_order(names: Sequence[str], often: Mapping[str, float], rng: np.random.Generator) -> list[str]:
    """Draws names one after the other, by their weights, 1 where they have none."""
    times = rng.exponential(size=len(names)) / [often.get(name, 1.0) for name in names]
    return [names[i] for i in np.argsort(times)]


@cache
def _steps(weights: tuple[float, ...]) -> np.ndarray:
    """Computes float64[K]: the cumulative shares from which `rng.choice` would draw, without its checks."""
    steps = shares(weights).cumsum()
    return steps / steps[-1]


def shares(weights: Sequence[float]) -> np.ndarray:
    """Computes float64[K]: weights as shares of their sum."""
    return np.array(weights) / np.sum(weights)
