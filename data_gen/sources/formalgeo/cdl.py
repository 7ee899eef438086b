"""FormalGeo's formal language (CDL) -> facts: one row of a table for each of its predicates.

`Equal(LengthOfLine(AB),3*x-4)` becomes the fact length(A, B) with the value "3x-4". Figures are lists of letters: a row
says which predicate of ours it is and in which order the letters go, counted through all arguments of the statement.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from data_gen.language.fact import Fact
from data_gen.language.predicates.table import PREDICATES
from data_gen.shared.signs import normalize

Term = str | tuple  # an atom, or (head, arguments...)
MAX_LETTERS = 400  # of a statement


@dataclass(frozen=True)
class Equation:
    """Two terms of measures, numbers and unknowns that are equal: true of a figure, but no fact of the table."""

    left: Term
    right: Term


# Statements whose letters are the arguments of a predicate of ours.
_SAME_ORDER = {
    "IsoscelesTriangle": "isosceles", "IsoscelesRightTriangle": "isosceles_right", "EquilateralTriangle": "equilateral",
    "Square": "square", "Rectangle": "rectangle", "Rhombus": "rhombus", "Parallelogram": "parallelogram",
    "Kite": "kite", "PerpendicularBetweenLine": "perpendicular", "ParallelBetweenLine": "parallel",
    "IsMidpointOfLine": "midpoint", "IsPerpendicularBisectorOfLine": "perpendicular_bisector",
    "IsMidsegmentOfTriangle": "midsegment", "IsMidsegmentOfQuadrilateral": "quadrilateral_midsegment",
    "IsAltitudeOfQuadrilateral": "quadrilateral_altitude", "IsCentroidOfTriangle": "centroid",
    "IsIncenterOfTriangle": "incenter", "IsCircumcenterOfTriangle": "circumcenter", "CongruentBetweenArc": "equal_arc",
    "SimilarBetweenTriangle": "similar", "CongruentBetweenTriangle": "congruent",
    "SimilarBetweenQuadrilateral": "similar_quadrilaterals",
    "CongruentBetweenQuadrilateral": "congruent_quadrilaterals",
    "IsOrthocenterOfTriangle": "orthocenter", "IsIncenterOfQuadrilateral": "quadrilateral_incenter",
    "IsCircumcenterOfQuadrilateral": "quadrilateral_circumcenter", "SimilarBetweenArc": "similar_arc",
}  # fmt: skip
# The places of the letters of two figures of which one is the other's mirror image.
MIRRORED = {6: (0, 1, 2, 3, 5, 4), 8: (0, 1, 2, 3, 4, 7, 6, 5)}
# Ours, and the places of its arguments among the letters of the statement.
STATEMENTS: dict[str, tuple[str, tuple[int, ...]]] = {
    **{head: (name, tuple(range(PREDICATES[name].arity))) for head, name in _SAME_ORDER.items()},
    "RightTriangle": ("right", (1, 0, 2)),
    "Trapezoid": ("trapezoid", (1, 2, 3, 0)),
    "IsoscelesTrapezoid": ("isosceles_trapezoid", (1, 2, 3, 0)),
    "RightTrapezoid": ("right_trapezoid", (1, 2, 3, 0)),
    "IsBisectorOfAngle": ("bisector", (0, 1, 2, 4)),
    "IsMedianOfTriangle": ("median", (0, 1, 3, 4)),
    "IsAltitudeOfTriangle": ("altitude", (0, 1, 3, 4)),
    "IsTangentOfCircle": ("tangent", (2, 1, 0)),
    "IsDiameterOfCircle": ("diameter", (2, 0, 1)),
    "IsMidpointOfArc": ("arc_midpoint", (1, 0, 2, 3)),
    # Mirror images are named in the same sense of rotation: the first vertices correspond, the others in reverse.
    "MirrorSimilarBetweenTriangle": ("similar", MIRRORED[6]),
    "MirrorCongruentBetweenTriangle": ("congruent", MIRRORED[6]),
    "MirrorSimilarBetweenQuadrilateral": ("similar_quadrilaterals", MIRRORED[8]),
    "MirrorCongruentBetweenQuadrilateral": ("congruent_quadrilaterals", MIRRORED[8]),
}


@dataclass(frozen=True)
class Measure:
    """What `Equal(head(letters), ...)` says: of a value, of another such measure, and of a ratio or a sum of two;
    places: of its letters among the arguments of `value`, where they are not in order."""

    letters: int
    value: str
    equal: str | None = None
    ratio: str | None = None
    sum: str | None = None
    places: tuple[int, ...] = ()


MEASURES: dict[str, Measure] = {
    "LengthOfLine": Measure(2, "length", "equal_length", "length_ratio", "length_sum"),
    "MeasureOfAngle": Measure(3, "angle", "equal_angle", "angle_ratio", "angle_sum"),
    "MeasureOfArc": Measure(3, "arc", "equal_arc"),
    "LengthOfArc": Measure(3, "arc_length", "equal_arc"),
    "RadiusOfCircle": Measure(1, "radius"),
    "DiameterOfCircle": Measure(1, "diameter_length"),
    "PerimeterOfCircle": Measure(1, "circumference"),
    "AreaOfCircle": Measure(1, "circle_area"),
    "AreaOfSector": Measure(3, "sector_area"),
    "AreaOfTriangle": Measure(3, "triangle_area"),
    "PerimeterOfTriangle": Measure(3, "triangle_perimeter"),
    "HeightOfTriangle": Measure(3, "triangle_height"),
    "AreaOfQuadrilateral": Measure(4, "quadrilateral_area"),
    "PerimeterOfQuadrilateral": Measure(4, "quadrilateral_perimeter"),
    "HeightOfQuadrilateral": Measure(4, "quadrilateral_height"),
    "PerimeterOfSector": Measure(3, "sector_perimeter"),
    "RatioOfSimilarTriangle": Measure(6, "similarity_ratio"),
    "RatioOfMirrorSimilarTriangle": Measure(6, "similarity_ratio", places=MIRRORED[6]),
    "RatioOfSimilarQuadrilateral": Measure(8, "quadrilateral_similarity_ratio"),
    "RatioOfMirrorSimilarQuadrilateral": Measure(8, "quadrilateral_similarity_ratio", places=MIRRORED[8]),
    "RatioOfSimilarArc": Measure(6, "arc_ratio"),
}
FUNCTIONS = {"Sin": "sine", "Cos": "cosine", "Tan": "tangent_of"}
OPERATIONS = ("Add", "Sub", "Mul", "Div")
# Known, and no fact of the diagram: its faces and lines (read apart), where centres are, the values of unknowns.
STRUCTURE = ("Shape", "Collinear", "Cocircular", "IsCentreOfCircle")


# Signs for which CDL has others, and Chinese keyboards brackets and stops of their own.
OF_CDL = str.maketrans("、。×·÷【】〔〕", ",.**/()()")


def half_width(text: str) -> str:
    """Returns a text in the signs of CDL, which are ASCII's, for wide ones and for those that are equal to them."""
    return normalize(text).translate(OF_CDL)


class Unsayable(Exception):
    """A statement that has no row in the tables; the message says which part."""


def parse_term(text: str) -> Term:
    """Parses 'Equal(LengthOfLine(AB),3*x)' as ('Equal', ('LengthOfLine', 'AB'), '3*x'). May raise Unsayable."""
    text = half_width(text).strip()
    if len(text) > MAX_LETTERS:
        raise Unsayable(f"longer than {MAX_LETTERS} letters")
    match = re.fullmatch(r"([A-Z][A-Za-z]+)\((.*)\)", text)
    if not match:
        return text
    parts, depth, start, inside = [], 0, 0, match[2]
    for i, character in enumerate(inside):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            raise Unsayable("brackets do not match")
        if character == "," and depth == 0:
            parts.append(inside[start:i])
            start = i + 1
    if depth:
        raise Unsayable("brackets do not match")
    return (match[1], *(parse_term(part) for part in [*parts, inside[start:]]))


def readable(value: str) -> str:
    """Rewrites values as printed: '3*x-4' -> '3x-4', '7*sqrt(2)' -> '7√2', '5/2*x' -> '5x/2', 'y**2' -> 'y²', and
    '4*3' -> '4·3', as a product needs a sign before a digit."""
    text = re.sub(r"\*\*([23])(?!\d)", lambda power: {"2": "²", "3": "³"}[power[1]], value.replace(" ", ""))
    text = text.replace("**", "^").replace("pi", "π")
    text = re.sub(r"sqrt\((\w+)\)", r"√\1", text).replace("sqrt", "√")
    text = re.sub(r"(?<![\d)])(\d+)/(\d+)\*([a-z])", r"\1\3/\2", text)
    return re.sub(r"(?<![\d.])1\*?(?=[a-z])|\*(?![\d.])", "", text).replace("*", "·")


def parse_statement(text: str) -> Fact | Equation | None:
    """Returns the fact that a statement of CDL states, the equation where it is a longer one, or None for one of
    structure.

    Raises Unsayable for all others.
    """
    term = parse_term(_closed(text))
    if isinstance(term, str):
        raise Unsayable(f"'{text}' is not a statement")
    _check(term)
    head, *arguments = term
    if head in STRUCTURE:
        return None
    if head == "Equal":
        try:
            return _equation(arguments)
        except Unsayable:
            longer = _depth(tuple(["", *arguments])) > 2 or not any(isinstance(side, str) for side in arguments)
            if len(arguments) == 2 and all(map(_is_known, arguments)) and longer:
                return Equation(*arguments)
            raise
    if head not in STATEMENTS or not all(isinstance(a, str) for a in arguments):
        raise Unsayable(f"no row for {head}")
    predicate, places = STATEMENTS[head]
    return _fact(predicate, places, "".join(arguments))


def is_sound(text: str) -> bool:
    """Returns whether a statement of structure names points that differ, enough of them."""
    try:
        return parse_statement(text) is None
    except Unsayable:
        return False


NO_VALUE = re.compile(r"\s*|.*(nan|inf|\d[eE]\d|/\(*0+(\.0*)?(?![\d.])).*", re.IGNORECASE | re.DOTALL)


def _check(term: tuple) -> None:
    """Raises Unsayable where a value is none, as in 1/0, or points that must differ are the same, as in AAA."""
    head, *parts = term
    texts = [part for part in parts if isinstance(part, str)]
    for part in parts:
        if isinstance(part, tuple):
            _check(part)
    if head == "Equal" or head in OPERATIONS:
        wrong = [text for text in texts if NO_VALUE.fullmatch(text)]
        if wrong:
            raise Unsayable(f"'{wrong[0]}' is no value")
        return
    if head in STRUCTURE:
        # An outline of one point or edge is drawn, too, and some outlines run through an edge twice.
        fewest = 2 if head == "Collinear" else 3 if len(texts) > 2 else 1
        if len(set("".join(texts))) < fewest:
            raise Unsayable(f"{head} of fewer than {fewest} points")
        return
    lines = [frozenset(text) for text in texts if len(text) == 2]
    if any(len(set(text)) < len(text) or not text for text in texts) or len(set(lines)) < len(lines):
        raise Unsayable(f"{head} of points that do not differ")


def _joined(terms: Sequence[Term]) -> str:
    """Returns the letters of several arguments. Raises Unsayable where one is more than letters."""
    letters = [term for term in terms if isinstance(term, str)]
    if len(letters) < len(terms):
        raise Unsayable("a measure stands where letters should")
    return "".join(letters)


def _closed(text: str) -> str:
    """Mends a statement that ends in a bracket too many, or lacks the last one."""
    text = half_width(text).strip()
    extra = text.count(")") - text.count("(")
    return text[:-extra] if extra > 0 and text.endswith(")" * (extra + 1)) else text


def _is_known(term: Term) -> bool:
    """Returns whether a term is made of measures, operations, numbers and unknowns only."""
    if isinstance(term, str):
        return re.fullmatch(r"[\w.*/+\- ()]+", term) is not None
    head, *parts = term
    if head in MEASURES:
        letters = "".join(part for part in parts if isinstance(part, str))
        return len(letters) == MEASURES[head].letters and letters.isalpha() and letters.isupper()
    return head in OPERATIONS and len(parts) > 1 and all(map(_is_known, parts))


def _fact(predicate: str, places: tuple[int, ...], letters: str, value: str | None = None) -> Fact:
    if max(places) >= len(letters) or not letters.isalpha() or not letters.isupper():
        raise Unsayable(f"'{letters}' are not the points of {predicate}")
    return Fact(predicate, tuple(letters[i] for i in places), value)


def _equation(sides: list[Term]) -> Fact | None:
    if len(sides) != 2:
        raise Unsayable(f"Equal of {len(sides)}")
    # The side that is a measure, or made of measures, first.
    left, right = sorted(sides, key=_depth, reverse=True)
    if isinstance(left, str):
        return None  # of numbers and unknowns
    if left[0] in MEASURES:
        return _measured(left, right)
    if left[0] in FUNCTIONS and isinstance(right, str):
        angle = left[1][1] if isinstance(left[1], tuple) else left[1]
        return _fact(FUNCTIONS[left[0]], (0, 1, 2), _joined([angle]), readable(right))
    if left[0] == "Mul" and len(left) == 3:
        factor, other = sorted(left[1:], key=_depth)
        if isinstance(factor, str) and not isinstance(right, str):
            return _pair(right, other, "ratio", factor)
    if left[0] in ("Div", "Add") and len(left) == 3 and isinstance(right, str):
        return _pair(left[1], left[2], {"Div": "ratio", "Add": "sum"}[left[0]], right)
    raise Unsayable(f"no row for Equal({left[0]}(...), ...)")


def _depth(term: Term) -> int:
    return 0 if isinstance(term, str) else 1 + max(_depth(t) for t in term[1:])


def _measured(left: tuple, right: Term) -> Fact:
    head, *letters = left
    row = MEASURES[head]
    if isinstance(right, str):
        return _fact(row.value, row.places or tuple(range(row.letters)), _joined(letters), readable(right))
    if right[0] == head and row.equal:
        return _fact(row.equal, tuple(range(2 * row.letters)), _joined([*letters, *right[1:]]))
    raise Unsayable(f"no row for {head} = {right[0]}")


def _pair(first: Term, second: Term, kind: str, value: str) -> Fact:
    """Returns a ratio or a sum of two measures of one kind."""
    heads = [term[0] if isinstance(term, tuple) else term for term in (first, second)]
    row = MEASURES.get(heads[0])
    predicate = getattr(row, kind) if row and heads[0] == heads[1] else None
    if row is None or predicate is None:
        raise Unsayable(f"no row for the {kind} of {heads[0]} and {heads[1]}")
    return _fact(predicate, tuple(range(2 * row.letters)), _joined([first[1], second[1]]), readable(value))
