"""AlphaGeometry's constructions as steps of ours."""

from dataclasses import dataclass

from data_gen.constructions.alphageometry import ROWS
from data_gen.constructions.table import get_construction

# Those whose row has the same name and takes the points that it gives first.
_SAME = """
    angle_bisector angle_mirror eq_triangle eqangle2 eqangle3 eqdistance foot free incenter incenter2 excenter excenter2
    centroid ninepoints lc_tangent midpoint mirror nsquare on_aline on_aline2 on_bline on_circle on_line on_pline
    on_tline orthocenter pentagon psquare quadrangle reflect segment shift triangle 2l1c e5128 3peq trisect trisegment
    on_dia on_opline on_circum
"""

# The others. Steps are parted by a semicolon, two loci of one point by a comma; letters go to the points that a row
# gives, then to those that it takes, then to its numbers.
_OTHERS = {
    "circle x a b c": "circle_through x a b c",
    "circumcenter x a b c": "circle_through x a b c",
    "eq_quadrangle a b c d": "equal_legs a b c d",
    "eq_trapezoid a b c d": "isosceles_trapezoid a b c d",
    "eqdia_quadrangle a b c d": "equal_diagonals a b c d",
    "intersection_cc x o w a": "on_circle x o a, on_circle x w a",
    "intersection_lc x a o b": "on_line x b a, on_circle x o b",
    "intersection_ll x a b c d": "on_line x a b, on_line x c d",
    "intersection_lp x a b c m n": "on_line x a b, on_pline x c m n",
    "intersection_lt x a b c d e": "on_line x a b, on_tline x c d e",
    "intersection_pp x a b c d e f": "on_pline x a b c, on_pline x d e f",
    "intersection_tt x a b c d e f": "on_tline x a b c, on_tline x d e f",
    "iso_triangle a b c": "isosceles_triangle b c a",
    "parallelogram a b c x": "fourth_corner x a b c",
    "r_trapezoid a b c d": "right_trapezoid a b c d",
    "r_triangle a b c": "right_triangle a b c",
    "rectangle a b c d": "rectangle a b c d",
    "risos a b c": "isosceles_right_triangle a b c",
    "s_angle a b x y": "s_angle x a b y",
    "square a b x y": "square_on x y a b",
    "isquare a b c d": "square a b c d",
    "trapezoid a b c d": "trapezoid a b c d",
    "triangle12 a b c": "double_triangle a b c",
    "tangent x y a o b": "two_tangents x y a o b",
    "ieq_triangle a b c": "equilateral_triangle a b c",
    "cc_tangent0 x y o a w b": "ring o a; ring w b; cc_tangent0 x y o a w b",
    "cc_tangent x y z i o a w b": "ring o a; ring w b; cc_tangent x y z i o a w b",
}


@dataclass(frozen=True)
class Term:
    """A construction of AlphaGeometry: the letters of its head, and its steps here, each a row's name and letters; two
    loci of one point are a step of two. `gives` and `takes` are the letters of the points that it gives and takes."""

    head: str
    steps: tuple[tuple[tuple[str, str], ...], ...]
    gives: frozenset[str]
    takes: frozenset[str]


def term_roles(name: str, letters: str) -> tuple[str, str, str]:
    """Returns the letters of a row of a term: points that it gives, points that it takes, numbers."""
    row = get_construction(name)
    outs, ins = len(row.outs), len(row.outs + row.ins)
    return letters[:outs], letters[outs:ins], letters[ins:]


def _terms() -> dict[str, Term]:
    heads = {" ".join([name, *ROWS[name].outs, *ROWS[name].ins]): "" for name in _SAME.split()} | _OTHERS
    terms = {}
    for head, body in heads.items():
        name, letters = _applied(head)
        steps = tuple(tuple(_applied(part) for part in step.split(",")) for step in (body or head).split(";"))
        roles = [term_roles(*part) for step in steps for part in step]
        gives = frozenset(role for outs, _, _ in roles for role in outs)
        takes = frozenset(role for _, ins, _ in roles for role in ins) - gives
        terms[name] = Term(letters, steps, gives, takes)
    return terms


def _applied(part: str) -> tuple[str, str]:
    """Splits "on_line x a b" into the name and its letters, "xab"."""
    name, *letters = part.split()
    return name, "".join(letters)


TERMS: dict[str, Term] = _terms()
