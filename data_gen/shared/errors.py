"""The one error that a command shows its user."""


class UserError(Exception):
    """A known fault: one line that says what, where, and what to do. Commands print it and exit with 1."""
