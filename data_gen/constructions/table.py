"""Collects all constructions by name, and says which can be exchanged for each other."""

import itertools
from dataclasses import replace
from functools import cache

from data_gen.constructions import bases
from data_gen.constructions import marks as mark_rows
from data_gen.constructions import points as point_rows
from data_gen.constructions.alphageometry import ROWS
from data_gen.constructions.loci import LOCI, pair
from data_gen.constructions.row import Construction
from data_gen.shared.errors import UserError

CONSTRUCTIONS: dict[str, Construction] = {row.name: row for rows in (bases.rows, point_rows.rows) for row in rows()}
MARKED: dict[str, Construction] = {row.name: row for row in mark_rows.rows()}


@cache
def get_construction(name: str) -> Construction:
    """Returns the row that a step names. Raises UserError where no table has it. "~NAME" is a row that draws and states
    nothing; "LOCUS+LOCUS" puts a point on two loci at once."""
    for table in (CONSTRUCTIONS, MARKED, ROWS):
        if name in table:
            return table[name]
    if name.startswith("~"):
        return replace(get_construction(name[1:]), name=name, facts=())
    first, _, second = name.partition("+")
    if first in LOCI and second in LOCI:
        return pair(LOCI[first], LOCI[second])
    raise UserError(f"program: no construction is called {name!r}; see the tables in data_gen/constructions/")


@cache
def rows_of(slot: str) -> tuple[Construction, ...]:
    """Returns the constructions of a slot, which can be exchanged for each other."""
    return tuple(row for row in CONSTRUCTIONS.values() if row.slot == slot)


def partners(name: str) -> list[str]:
    """Names the rows that can replace one: those of its slot, or of a pair those of either locus's slot."""
    if "+" in name:
        first, second = name.split("+")
        return [f"{other}+{second}" for other in partners(first)] + [f"{first}+{other}" for other in partners(second)]
    here = get_construction(name)
    table = itertools.chain(ROWS.values(), CONSTRUCTIONS.values())
    same = (here.slot, here.ins, here.outs)
    return [r.name for r in table if here.slot and (r.slot, r.ins, r.outs) == same and r.name != name and r.facts]
