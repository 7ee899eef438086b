"""Where a free response says its answer: pure functions of a text, shared by the benchmarks.

    final(response)             the words that state the answer: the last box, what follows the last "the answer is", or
                                the last line
    choice(response, choices)   the number of the choice that is meant, from its letter, its text or its value
    number(response)            the value that is meant

Whoever names two answers ("A or B", "12 or 13") has named none. Of several statements the last counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from data_gen.records.boxed import boxes
from data_gen.records.schema import LETTERS
from mmgeo_jax.evals.benchmarks import expressions

SAME = 1e-3  # values that near are the same, as in GeoQA's solver
# "answer is", "Answer:", "answer = ", "answer will be", "the answer would then be"
MARK = re.compile(
    r"(?:answer|choice|option|答案)[>*_\"']*[^\S\n]*(?:\([^()\n]{0,30}\)|to[^\n.:]{0,60}?)?[^\S\n]*"
    r"(?:\b(?:is|are|be|should be|must be|would be|will be)\b|[为是]|[:：=])(?:[^\S\n]*(?:is\b|[:：=为是]))*|故选|应选",
    re.IGNORECASE,
)
HEDGE = re.compile(r"^\s*[,;/]?\s*(?:or|and|或者?|和)\b|^\s*[/&,]", re.IGNORECASE)
# A letter that stands for a choice. The first is for the words of an answer, all of them for a last line.
LEADING = re.compile(r"^[\W_]*(?:(?:option|choice)[\W_]*)?([A-H])(?![A-Za-z0-9'’=])(?!\s*=)", re.ASCII)
BRACKETED = re.compile(r"\(\s*([A-Ha-h])\s*\)|（\s*([A-Ha-h])\s*）")
CHOSEN = re.compile(
    r"(?:\b(?:option|choice|choose|select|pick)|选)\s*[:：]?\s*[\"'*(（]*([A-H])(?![A-Za-z0-9])"
    r"|^[\W_]*([A-H])[.):：、]\s|(?<![A-Za-z0-9])([A-H])[\"'*)]*\s+is\s+(?:the\s+)?(?:correct|right|answer)"
)


def final(response: str) -> str:
    """The words of a response that state its answer; "" where it is blank."""
    boxed = boxes(response)
    if boxed:
        return boxed[-1]
    return stated(response) or next((line.strip() for line in reversed(response.splitlines()) if line.strip()), "")


def stated(response: str) -> str:
    """What follows the last "the answer is" up to the end of its line (or the next line), or ""."""
    for match in reversed(list(MARK.finditer(response))):
        lines = [line.strip(" *_\t") for line in response[match.end() :].splitlines()]
        words = next((line for line in lines[:3] if line), "")
        if words:
            return words
    return ""


def normal(text: str) -> str:
    """A choice's text without what does not matter: case, spaces, dollars, the last full stop."""
    return re.sub(r"\s+", "", expressions.spelled(text)).lower().strip(".。;；,，")


def letter(response: str, count: int) -> int | None:
    """The choice, of `count`, that the letter of a response means; None where there is no letter, or more than one."""
    bare = re.fullmatch(r"[\W_]*([A-Ha-h])[\W_]*", response)
    if bare:
        return _index(bare[1], count)
    boxed, words = boxes(response), stated(response)
    for text in ([boxed[-1]] if boxed else []) + ([words] if words else []):
        text = re.sub(r"\\(?:text|mathrm|mathbf|textbf|rm)\s*\{([^{}]*)\}", r"\1", text)
        found = LEADING.match(text) or re.fullmatch(r"\W*([a-h])\W*", text)
        if found:
            return None if _hedged(text[found.end() :]) else _index(found[1], count)
        if BRACKETED.search(text):
            return _only(BRACKETED, text, count)
    last = final(response)
    for pattern in (CHOSEN, BRACKETED):
        if pattern.search(last):
            return _only(pattern, last, count)
    first = re.match(r"\s*[(（]?([A-H])[).:：、）]\s", response)  # "B. 12 cm", then how it was found
    return _index(first[1], count) if first else None


def choice(response: str, choices: Sequence[str]) -> int | None:
    """The number of the choice that a response means, or None: from its letter, else from its text or value."""
    texts, whole = [normal(text) for text in choices], normal(response)
    if whole in texts and not re.fullmatch("[a-h]?", whole):
        return texts.index(whole)
    found = letter(response, len(choices))
    if found is not None or hedged(response):
        return found
    words = final(response)
    if normal(words) in texts:
        return texts.index(normal(words))
    number_ = number(response)
    values = [expressions.read(text) for text in choices]
    same = [i for i, v in enumerate(values) if v is not None and number_ is not None and abs(v - number_) <= SAME]
    if same:
        return same[0] if len(same) == 1 else None
    named = [i for i, text in enumerate(choices) if values[i] is None and _says(words, text)]
    longest = [i for i in named if not any(j != i and texts[i] in texts[j] for j in named)]
    return longest[0] if len(longest) == 1 else None


def hedged(response: str) -> bool:
    """Whether the words that state the answer of a response name two choices by letter."""
    return bool(re.search(r"(?<![A-Za-z0-9])[A-H][)]?\s*(?:,|/|or|and|或)\s*[(]?[A-H](?![A-Za-z0-9])", final(response)))


def number(response: str) -> float | None:
    """The value that a response states, or None: where it states none, or two."""
    boxed, words = boxes(response), stated(response)
    text = boxed[-1] if boxed else words or response
    whole = expressions.read(text)
    if whole is not None:
        return whole
    if boxed or words:
        sentence = re.split(r"(?<=[^\d\s])[.。;]\s|\.\s+(?=[A-Z])|\s(?:because|since|as)\s", text)[0]
        found = expressions.find(sentence)
        two = re.search(r"\d\S*\s*(?:or|或)\s*\S*\d", sentence)
        return None if two or not found else found[0][1]
    for line in reversed(response.splitlines()):
        found = expressions.find(line)
        if found:
            return None if re.search(r"\d\S*\s*(?:or|或)\s*\S*\d", line) else found[-1][1]
    return None


def _index(name: str, count: int) -> int | None:
    index = LETTERS.find(name.upper())
    return index if 0 <= index < count else None


def _only(pattern: re.Pattern, text: str, count: int) -> int | None:
    names = {next(name for name in match.groups() if name).upper() for match in pattern.finditer(text)}
    return _index(names.pop(), count) if len(names) == 1 else None


def _hedged(rest: str) -> bool:
    return bool(HEDGE.match(rest)) and bool(re.match(r"\W*(?:or|and|或者?|和)?\W*[A-H](?![A-Za-z0-9])", rest))


def _says(words: str, text: str) -> bool:
    """Whether words contain a choice's text, not as a part of a longer word or number; a lone letter is none."""
    alone = rf"(?<![\w.]){re.escape(text.lower())}(?!\w|\.\d)"
    return not re.fullmatch("[A-Za-z0-9]", text) and bool(re.search(alone, words.lower()))
