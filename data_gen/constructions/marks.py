"""Lists constructions that only mark what is there already: on points that other steps have placed.

What they mark, they state. They stand beside `CONSTRUCTIONS`, since no edit exchanges them.
"""

from collections.abc import Iterator

from data_gen.constructions.row import Construction


def rows() -> Iterator[Construction]:
    """Yields all rows of this file: `marked.right_angle` takes a, v, b and draws the square in the angle a-v-b."""
    for name, ins, fact, shows in (
        ("right_angle", "avb", "right_angle v a b", ("right_angle a v b",)),
        ("equal", "abcd", "equal_length a b c d", ("ticks a b", "ticks c d")),
        ("equal2", "abcd", "equal_length a b c d", ("ticks2 a b", "ticks2 c d")),
        ("midpoint", "mab", "midpoint m a b", ("ticks a m", "ticks m b")),
        ("midpoint2", "mab", "midpoint m a b", ("ticks2 a m", "ticks2 m b")),
        ("parallel", "abcd", "parallel a b c d", ("arrows a b", "arrows c d")),
        ("bisector", "vdab", "bisector v d a b", ("arc a v d", "arc d v b")),
    ):
        yield Construction(f"marked.{name}", "marked", "", ins, "", (), lambda taken, p: (), (fact,), shows=shows)
