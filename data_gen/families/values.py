"""Printed values as books have them: lengths, areas, angles, with numbers or an unknown."""

import numpy as np

from data_gen.language.fact import Fact

LENGTHS = ("length", "radius", "diameter_length")
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
        return draw_symbolic_angle(rng)
    return draw_symbolic(rng) if is_symbolic(fact) else draw_length(rng)
