"""Finds the choices of a question in its text, and the one that a reply names.

Choices are marked by letters from A on, in order: "A. 30°", "(A) 30°", "A: 30°", "A、30°", "Ａ．30°", each on a line or
all on one; "a) 30°" and "A 30°" at the beginning of lines. A choice ends at the next mark or with its line.
"""

import re

LETTERS = "ABCDEFGH"
MOST = 50  # places where a list may begin that are looked at, from the end
# Full width -> ASCII, sign for sign, so that places in the text stay.
NARROW = {ord(wide): narrow for wide, narrow in zip("（）．：，", "().:,", strict=True)} | {
    first + i: chr(ord(narrow) + i) for first, narrow in ((0xFF21, "A"), (0xFF41, "a")) for i in range(26)
}
# How a letter marks a choice, the first that fits: {} stands for the letter.
MARKS = tuple(
    [re.compile(mark.format(letter), re.MULTILINE) for letter in letters]
    for mark, letters in (
        (r"(?<![A-Za-z∠△⊙\\(])\(?{}[).:、][ \t]*", LETTERS),
        (r"^[ \t]*\(?{}[).:、][ \t]*", LETTERS.lower()),
        (r"^[ \t]*{}[ \t]+", LETTERS),
    )
)


def find_choices(text: str) -> tuple[str, ...]:
    """Returns the choices that a question lists; none where they are fewer than two, out of order, or one is empty."""
    plain = text.translate(NARROW)
    for marks in MARKS:
        # What else looks like a mark stands before the list, or breaks off: the longest list is it, the last of equals.
        lists = [_marked(plain, marks, first.start()) for first in list(marks[0].finditer(plain))[-MOST:]]
        if lists and len(spans := max(reversed(lists), key=len)) > 1:
            ends = [start for start, _ in spans[1:]] + [len(text)]
            choices = tuple(
                (text[start:end].strip().splitlines() or [""])[0].strip(" \t;；")
                for (_, start), end in zip(spans, ends, strict=True)
            )
            if all(choices):
                return choices
    return ()


def _marked(text: str, marks: list[re.Pattern[str]], at: int) -> list[tuple[int, int]]:
    """Returns where the marks of A, B, C... stand, one after the other from `at` on."""
    spans: list[tuple[int, int]] = []
    for mark in marks:
        found = mark.search(text, at)
        if not found:
            break
        spans.append(found.span())
        at = found.end()
    return spans


def letter_of(answer: str, choices: tuple[str, ...]) -> int | None:
    """Returns which choice an answer names by its letter, with or without the choice's text after it."""
    found = re.fullmatch(r"\(?([A-Ha-h])\)?[.:、。]?\s*(.*)", answer.translate(NARROW), re.DOTALL)
    if not found or ord(found[1].upper()) - ord("A") >= len(choices):
        return None
    number = ord(found[1].upper()) - ord("A")
    return number if found[2] in ("", choices[number].translate(NARROW)) else None
