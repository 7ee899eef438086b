"""Extracts the \\boxed{...} answers of a solution."""

import re

BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")


def boxed_texts(text: str, closed: bool = False) -> list[str]:
    r"""Returns the content of each \boxed{} of a text, in order. A box in a box is a part of it. One without a closing
    brace ends with the text, or is empty if all must be `closed`."""
    found, end = [], 0
    while match := BOX.search(text, end):
        depth, end = 1, match.end()
        while end < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        inside = "" if closed and depth else text[match.end() : end - (depth == 0)]
        found.append(BOX.sub("{", inside).strip())
    return found
