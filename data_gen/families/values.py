"""Printed values as books have them: lengths, areas, angles, with numbers or an unknown."""

import re

import numpy as np

from data_gen.language.fact import Fact

LENGTHS = ("length", "radius", "diameter_length")
ANGLES = ("angle", "arc", "major_arc")
AREAS = ("triangle_area", "quadrilateral_area", "circle_area")


def draw_length(rng: np.random.Generator) -> str:
    """Draws a length as books print it: mostly a whole number from 2 to 20, sometimes with a half."""
    whole = int(rng.integers(2, 21))
    return f"{whole}.5" if rng.random() < 0.2 else str(whole)


def draw_symbolic(rng: np.random.Generator) -> str:
    """Draws a length in an unknown: "x", "3x", "x+4" or "2x-5"."""
    factor, unknown, term = int(rng.integers(1, 5)), "xy"[int(rng.integers(2))], int(rng.integers(-9, 10))
    return f"{factor if factor > 1 else ''}{unknown}" + (f"{term:+d}" if term else "")


def draw_symbolic_angle(rng: np.random.Generator) -> str:
    """Draws degrees in an unknown, a sum in brackets: "x", "3x", "(x+40)" or "(2x-15)"."""
    factor, unknown, term = int(rng.integers(1, 6)), "xy"[int(rng.integers(2))], 5 * int(rng.integers(-8, 9))
    text = f"{factor if factor > 1 else ''}{unknown}"
    return f"({text}{term:+d})" if term and rng.random() < 0.5 else text


def draw_unknown_angle(rng: np.random.Generator) -> str:
    """Draws degrees in an unknown as `draw_symbolic_angle` does, or as a difference: "(178-3x)"."""
    return draw_symbolic_angle(rng) if rng.random() < 0.7 else draw_difference(rng)


def draw_difference(rng: np.random.Generator) -> str:
    """Draws degrees less a multiple of an unknown: "(178-3x)"."""
    factor = int(rng.integers(1, 6))
    return f"({int(rng.integers(60, 180))}-{factor if factor > 1 else ''}{'xy'[int(rng.integers(2))]})"


STYLES = {"whole": 0.9, "root": 0.05, "unit": 0.05}  # of a figure's lengths, and how often


def draw_style(rng: np.random.Generator) -> str:
    """Draws how the lengths of a figure are written."""
    return str(rng.choice(list(STYLES), p=list(STYLES.values())))


def style_of(value: str) -> str:
    """Returns the style of a printed length."""
    return "root" if "√" in value else "unit" if value.endswith(" cm") else "whole"


def draw_in_style(style: str, rng: np.random.Generator) -> str:
    """Draws a length in a style: "7" or "7.5", "4√3", "7 cm"."""
    if style == "root":
        factor, root = int(rng.integers(1, 10)), (2, 3, 5)[int(rng.integers(3))]
        return f"{factor if factor > 1 else ''}√{root}"
    return f"{int(rng.integers(2, 21))} cm" if style == "unit" else draw_length(rng)


def draw_near(degrees: float, rng: np.random.Generator, unlike: str = "") -> str:
    """Draws whole degrees up to 9 from a measure, at least 3 from another value."""
    while True:
        value = round(degrees) + int(rng.integers(-9, 10))
        if not unlike or abs(value - float(unlike)) >= 3:
            return str(value)


def draw_area(rng: np.random.Generator) -> str:
    """Draws an area with its unit, by which it is told from the length of a line nearby: "24 cm²"."""
    return f"{int(rng.integers(4, 100))} cm²"


def is_symbolic(fact: Fact) -> bool:
    """Returns whether a printed value has an unknown."""
    return any(char in "xyz" for char in fact.value or "")


def draw_alike(fact: Fact, rng: np.random.Generator) -> str:
    """Draws another value in the style of a printed one."""
    if fact.predicate in AREAS:
        return draw_area(rng)
    if fact.predicate == "angle":
        return draw_difference(rng) if re.match(r"\(\d+-", fact.value or "") else draw_symbolic_angle(rng)
    if is_symbolic(fact):
        return draw_symbolic(rng)
    return draw_in_style(style_of(fact.value or ""), rng)
