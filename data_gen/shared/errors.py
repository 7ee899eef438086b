"""The one error that a command shows its user."""

LONGEST, TAIL = 1900, 500  # characters of a line, and of its end, which says what to do


class UserError(Exception):
    """A known fault: one line that says what, where, and what to do. Commands print it and exit with 1. Line ends and
    controls, which a name or value of the user's may hold, are written out, and what is long is cut in its middle."""

    def __init__(self, line: str = ""):
        shown = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in line)
        super().__init__(shown if len(shown) <= LONGEST else f"{shown[: LONGEST - TAIL]} ... {shown[-TAIL:]}")
