"""AlphaGeometry's problem files: text -> steps of our language whose parameters are still open, and a goal.

A problem is two lines, its name and its program: `a b c = triangle a b c; d = on_line d a b, on_circle d a c ? cong a
b c d`. Points are put into capital letters; a name of more than one letter becomes a letter that is free. Nothing of
the text is evaluated: names are looked up in tables.
"""

import difflib
import itertools
import re
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from data_gen.constructions.loci import LOCI
from data_gen.constructions.table import get_construction
from data_gen.geometry.diagram import Circle, Segment
from data_gen.language.fact import Fact
from data_gen.shared.errors import UserError
from data_gen.sources.alphageometry.goals import GOALS, Goal, number_fault
from data_gen.sources.alphageometry.terms import TERMS, term_roles

MAX_BYTES = 1 << 20  # of a file
POINT = re.compile(r"[a-z][a-z0-9_]{0,15}")
NUMBER = re.compile(r"-?\d{1,3}(\.\d{1,20})?", re.ASCII)
# A name with the place that AlphaGeometry's own figure gives it: ours looks for a clearer one.
_FLOAT = r"[-+]?(\d{1,20}\.?\d{0,20}|\.\d{1,20})(e[-+]?\d{1,3})?"
PLACED = re.compile(rf"([a-z][a-z0-9_]{{0,15}})@{_FLOAT}_{_FLOAT}(?=[\s=]|$)", re.IGNORECASE | re.ASCII)
# A line of two that is a program: names, perhaps with their places, and what they are.
PROGRAM = re.compile(r"[a-z]\w*(@\S+)?(\s+[a-z]\w*(@\S+)?)*\s*=")


class Part(NamedTuple):
    """A row applied to letters, with the numbers that the text gives; two loci of one point are two parts."""

    row: str
    outs: tuple[str, ...]
    ins: tuple[str, ...]
    numbers: tuple[float, ...] = ()


Parts = tuple[Part, ...]  # of one step


@dataclass(frozen=True)
class Problem:
    """A program without its parameters.

    Attributes:
      name, where, text: its first line, "FILE line 3", its second line.
      letters: the letter of each point of the text.
      steps: the parts of each step.
      draws: circles that several points lie on, and the segments that the goal speaks of.
      prints: the angles whose measure the text gives.
    """

    name: str
    where: str
    text: str
    letters: dict[str, str]
    steps: tuple[Parts, ...]
    draws: tuple[Segment | Circle, ...]
    prints: tuple[Fact, ...]
    goal: Goal | None


# ---- files --------------------------------------------------------------------------------------------------------


def read_problems(path: str) -> tuple[list[Problem], list[str]]:
    """Returns (problems of a file, what is wrong with each that is not understood, a line each).

    Raises UserError where the file is missing, or no problem of it is understood.
    """
    problems: list[Problem] = []
    faults: list[str] = []
    for line, name, program in program_lines(path):
        try:
            problems.append(parse_row(line, name, program, path))
        except UserError as fault:
            faults.append(str(fault))
    if not problems:
        raise UserError(faults[0] + (f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""))
    return problems, faults


def program_lines(path: str) -> list[tuple[int, str, str]]:
    """Returns (number of the second line, name, program) of each problem; name or program are "" where a line lacks the
    other. Raises UserError for a file that is missing, too large or no text."""
    file = Path(path)
    if not file.is_file():
        raise UserError(f"{path} is not there: give a file of AlphaGeometry problems, two lines each")
    if file.stat().st_size > MAX_BYTES:
        raise UserError(f"{path} is larger than {MAX_BYTES} bytes: cut it into several files")
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{path} is not text in UTF-8: give a file of AlphaGeometry problems") from None
    rows = [(count, line.strip()) for count, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not rows:
        raise UserError(f"{path} is empty: give a file of AlphaGeometry problems, two lines each")
    return list(_paired(rows))


def _paired(rows: Sequence[tuple[int, str]]) -> Iterable[tuple[int, str, str]]:
    """Pairs names with the programs below them; what lacks the one has "" for the other.

    Lines that look like a program tell where a problem ends, so that one with a line too few or too many leaves the
    others whole. What looks like none is one, too, where two such lines follow each other.
    """
    waiting: list[tuple[int, str]] = []
    for number, line in rows:
        if not PROGRAM.match(line):
            waiting.append((number, line))
            continue
        name = waiting.pop()[1] if waiting else ""
        yield from _unlike(waiting)
        yield number, name, line
        waiting = []
    yield from _unlike(waiting)


def _unlike(rows: Sequence[tuple[int, str]]) -> Iterable[tuple[int, str, str]]:
    """Pairs lines none of which looks like a program; the last of an odd number is a name alone."""
    for (first, name), (second, program) in itertools.zip_longest(rows[::2], rows[1::2], fillvalue=(0, "")):
        yield second or first, name, program


def parse_row(line: int, name: str, program: str, path: str) -> Problem:
    """Returns the problem of a row of `program_lines`. Raises UserError where it is not understood."""
    where = f"{path} line {line}"
    if not (name and program):
        lacks = "a name without a program" if name else "a program without a name"
        raise UserError(f"{where}: {lacks}: a problem is two lines, its name and its program")
    return parse_problem(program, name, where)


# ---- programs -----------------------------------------------------------------------------------------------------


def parse_problem(text: str, name: str, where: str) -> Problem:
    """Returns one program. Raises UserError, naming the clause, where it is not understood."""
    body, _, asked = PLACED.sub(r"\1", text).partition("?")
    clauses = [clause.strip() for clause in body.split(";")]
    letters = _letters([n for clause in clauses for n in clause.partition("=")[0].split()], where)
    known: set[str] = set()
    steps: list[Parts] = []
    for count, clause in enumerate(clauses, 1):
        steps += _clause(clause, known, letters, f"{where}, clause {count} {clause[:60]!r}")
    goal = _goal(asked.split(), known, letters, f"{where}, goal {asked.strip()[:60]!r}") if asked.strip() else None
    steps, circles = _with_circles([tuple(map(_at_a_corner, parts)) for parts in steps])
    joins = GOALS[goal.name].joins.split() if goal else ()
    ends = [(goal.args[int(pair[0])], goal.args[int(pair[1])]) for pair in joins] if goal else []
    draws: list[Segment | Circle] = [*circles, *(Segment(a, b) for a, b in ends if a != b)]
    prints = tuple(Fact("angle", (*p.ins, p.outs[0])) for parts in steps for p in parts if p.row == "s_angle")
    return Problem(name, where, text, letters, tuple(steps), tuple(draws), prints, goal)


def _letters(names: Sequence[str], where: str) -> dict[str, str]:
    """Maps names to capital letters. Raises UserError where there are too many."""
    if len(set(names)) > len(string.ascii_uppercase):
        raise UserError(f"{where}: more than {len(string.ascii_uppercase)} points: a figure has a letter for each")
    free = iter(sorted(set(string.ascii_uppercase) - {n.upper() for n in names}))
    return {n: n.upper() if len(n) == 1 else next(free) for n in dict.fromkeys(names)}


def _clause(clause: str, known: set[str], letters: dict[str, str], place: str) -> list[Parts]:
    """Returns the steps of "x y = term, term", whose points are then known."""
    left, equals, right = clause.partition("=")
    new = left.split()
    if not equals or not new:
        raise UserError(f"{place}: a clause is 'points = construction': write it so")
    for name in new:
        if not POINT.fullmatch(name):
            raise UserError(f"{place}: {name[:20]!r} is no name of a point: use a small letter, digits behind it")
        if name in known or new.count(name) > 1:
            raise UserError(f"{place}: the point {name!r} is there already: give the new one another name")
    terms = [_term(text.split(), new, known, letters, place) for text in right.split(",")]
    known.update(new)
    if len(terms) == 1:
        return terms[0]
    parts = tuple(part for steps in terms for step in steps for part in step)
    if len(parts) != 2 or not all(part.row in LOCI for part in parts):
        raise UserError(f"{place}: a point lies on two loci at most, and nothing else goes beside them: take one away")
    return [parts]


def _term(
    words: Sequence[str], new: Sequence[str], known: set[str], letters: dict[str, str], place: str
) -> list[Parts]:
    """Returns the steps of one construction, "on_line x a b"."""
    if not words or words[0] not in TERMS:
        near = difflib.get_close_matches(words[0][:20], TERMS, n=1) if words else ()
        hint = f"did you mean '{near[0]}'?" if near else "take one of those in data_gen/constructions/alphageometry.py"
        raise UserError(f"{place}: there is no construction {words[0][:20] if words else ''!r}: {hint}")
    term, args = TERMS[words[0]], list(words[1:])
    if len(args) + len(new) == len(term.head) and not set(args) & set(
        new
    ):  # the short form leaves out the points that the term gives
        given, others = iter(new), iter(args)
        args = [next(given if role in term.gives else others, "") for role in term.head]
    if len(args) != len(term.head):
        raise UserError(f"{place}: {words[0]} takes {len(term.head)} names, not {len(args)}: {' '.join(term.head)}")
    gives = [arg for role, arg in zip(term.head, args, strict=True) if role in term.gives]
    if sorted(gives) != sorted(new):
        raise UserError(f"{place}: {words[0]} gives {' '.join(gives)[:40]!r}: write the same points before '='")
    for role, arg in zip(term.head, args, strict=True):
        if role in term.takes and arg not in known:
            raise UserError(f"{place}: the point {arg[:20]!r} is not there yet: place it in an earlier clause")
    at = dict(zip(term.head, args, strict=True))
    return [tuple(_part(name, roles, at, letters, place) for name, roles in step) for step in term.steps]


def _part(name: str, roles: str, at: dict[str, str], letters: dict[str, str], place: str) -> Part:
    row = get_construction(name)
    outs, ins, rest = term_roles(name, roles)
    for role, (low, high) in zip(rest, row.ranges, strict=False):
        # A negative angle is one to the other side.
        if not NUMBER.fullmatch(at[role]) or not low <= abs(float(at[role])) <= high:
            raise UserError(f"{place}: {at[role][:20]!r} is no number from {low} to {high}: write one, or its negative")
    given, taken = (tuple(letters[at[role]] for role in roles) for roles in (outs, ins))
    return Part(name, given, taken, tuple(float(at[role]) for role in rest))


def _goal(words: Sequence[str], known: set[str], letters: dict[str, str], place: str) -> Goal:
    name, *args = words
    if name not in GOALS:
        raise UserError(f"{place}: there is no goal {name[:20]!r}: take one of {', '.join(GOALS)}")
    arity = GOALS[name].arity
    points, number = args[:arity], args[arity:]
    if len(points) < arity or (number and not GOALS[name].number):
        raise UserError(f"{place}: {name} takes {arity} points, not {len(args)}")
    for unknown in (n for n in points if n not in known):
        raise UserError(f"{place}: the point {unknown[:20]!r} is not in the figure: place it in a clause")
    if wrong := number_fault(name, number):
        raise UserError(f"{place}: {name} {wrong}, not {' '.join(number)[:20]!r}")
    return Goal(name, (*(letters[n] for n in points), *number))


# ---- what books draw ----------------------------------------------------------------------------------------------


def _at_a_corner(part: Part) -> Part:
    """Returns a perpendicular at a, with its square, for a perpendicular to ab through a point that is a."""
    if part.row != "on_tline" or part.ins[0] not in part.ins[1:]:
        return part
    a, b, c = part.ins
    return Part("square_to", part.outs, (a, c if a == b else b))


# The rows that tell which points are on a circle: (centre, points on it), places among outs + ins. Those in ALWAYS draw
# it whoever else is on it.
ROUND = {
    "on_circle": (1, (0, 2)),
    "circle_through": (0, (1, 2, 3)),
    "midpoint": (0, (1, 2)),
    "mirror": (2, (0, 1)),
    "lc_tangent": (2, (1,)),
    "ring": (0, (1,)),
    "two_tangents": (3, (4,)),
}
ALWAYS = ("circle_through", "lc_tangent", "ring", "two_tangents")


def _with_circles(steps: Sequence[Parts]) -> tuple[list[Parts], list[Circle]]:
    """Returns the steps, and one circle for each centre that three points lie about; others become equal radii."""
    groups: dict[str, list[set[str]]] = {}
    always: list[tuple[str, str]] = []
    for part in itertools.chain(*steps):
        if part.row in ROUND:
            place, places = ROUND[part.row]
            names = part.outs + part.ins
            group, here = {names[i] for i in places}, groups.setdefault(names[place], [])
            joined = set.union(group, *(g for g in here if g & group))
            groups[names[place]] = [*(g for g in here if not g & group), joined]
            if part.row in ALWAYS:
                always.append((names[place], names[places[0]]))
    drawn: dict[str, set[str]] = {}
    for centre, here in groups.items():
        told = [g for g in here if any((centre, p) in always for p in g)]
        largest = max(told or here, key=lambda g: (len(g), sorted(g)))
        if told or len(largest) > 2 and _used(centre, largest, steps):
            drawn[centre] = largest
    circles = [Circle(centre, min(group)) for centre, group in drawn.items()]
    return [tuple(_drawn_or_not(part, drawn) for part in parts) for parts in steps], circles


def _used(centre: str, group: set[str], steps: Sequence[Parts]) -> bool:
    """Returns whether a point is placed on the circle: the ends of a segment and its middle are no circle."""
    return any(p.row == "on_circle" and p.ins[0] == centre and p.ins[1] in group for p in itertools.chain(*steps))


def _drawn_or_not(part: Part, drawn: dict[str, set[str]]) -> Part:
    if part.row == "on_circle" and part.ins[1] not in drawn.get(part.ins[0], ()):
        return part._replace(row="radius_off")
    if part.row == "lc_tangent" and part.ins[0] not in drawn.get(part.ins[1], ()):
        return part._replace(row="square_to")
    return part
