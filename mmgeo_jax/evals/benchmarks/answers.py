"""Finds the answer in a free response: pure functions of a text, shared by the benchmarks.

    find_final_words(response)       the words that state the answer: the last box, what follows the last "the answer
                                     is", or the last line
    find_choice(response, choices)   the index of the choice, from its letter, its text or its value
    find_number(response)            the value

A response that names two answers ("A or B", "12 or 13") gives none. Of several statements the last counts.
"""

import re
from collections.abc import Sequence

from data_gen.records.boxed import boxed_texts
from data_gen.records.schema import LETTERS
from mmgeo_jax.evals.benchmarks import expressions

SAME = 1e-3  # values this close are the same, as in GeoQA's solver
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


def find_final_words(response: str) -> str:
    """Returns the words of a response that state its answer; "" where it is blank."""
    boxed = boxed_texts(response)
    if boxed:
        return boxed[-1]
    return find_statement(response) or next(
        (line.strip() for line in reversed(response.splitlines()) if line.strip()), ""
    )


def find_statement(response: str) -> str:
    """Returns what follows the last "the answer is" on its line, or on the next; "" where there is none."""
    for match in reversed(list(MARK.finditer(response))):
        lines = [line.strip(" *_\t") for line in response[match.end() :].splitlines()]
        words = next((line for line in lines[:3] if line), "")
        if words:
            return words
    return ""


def normalize_choice(text: str) -> str:
    """Removes what does not matter in a choice's text: case, spaces, dollar signs, the final full stop."""
    return re.sub(r"\s+", "", expressions.normalize_spelling(text)).lower().strip(".。;；,，")


def find_letter(response: str, count: int) -> int | None:
    """Returns the index, below `count`, of the letter in a response; None where there is no letter, or several."""
    bare = re.fullmatch(r"[\W_]*([A-Ha-h])[\W_]*", response)
    if bare:
        return _index_of(bare[1], count)
    boxed, words = boxed_texts(response), find_statement(response)
    for text in ([boxed[-1]] if boxed else []) + ([words] if words else []):
        text = re.sub(r"\\(?:text|mathrm|mathbf|textbf|rm)\s*\{([^{}]*)\}", r"\1", text)
        found = LEADING.match(text) or re.fullmatch(r"\W*([a-h])\W*", text)
        if found:
            return None if _has_alternative(text[found.end() :]) else _index_of(found[1], count)
        if BRACKETED.search(text):
            return _only(BRACKETED, text, count)
    last = find_final_words(response)
    for pattern in (CHOSEN, BRACKETED):
        if pattern.search(last):
            return _only(pattern, last, count)
    first = re.match(r"\s*[(（]?([A-H])[).:：、）]\s", response)  # "B. 12 cm", then how it was found
    return _index_of(first[1], count) if first else None


def find_choice(response: str, choices: Sequence[str]) -> int | None:
    """Returns the index of the choice that a response names by letter, text or value; None where it names none."""
    texts, whole = [normalize_choice(text) for text in choices], normalize_choice(response)
    if whole in texts and not re.fullmatch("[a-h]?", whole):
        return texts.index(whole)
    found = find_letter(response, len(choices))
    if found is not None or names_two_choices(response):
        return found
    words = find_final_words(response)
    if normalize_choice(words) in texts:
        return texts.index(normalize_choice(words))
    number = find_number(response)
    values = [expressions.parse_or_none(text) for text in choices]
    same = [i for i, v in enumerate(values) if v is not None and number is not None and abs(v - number) <= SAME]
    if same:
        return same[0] if len(same) == 1 else None
    named = [i for i, text in enumerate(choices) if values[i] is None and _says(words, text)]
    longest = [i for i in named if not any(j != i and texts[i] in texts[j] for j in named)]
    return longest[0] if len(longest) == 1 else None


def names_two_choices(response: str) -> bool:
    """Returns whether the words that state the answer name two choices by letter."""
    two = r"(?<![A-Za-z0-9])[A-H][)]?\s*(?:,|/|or|and|或)\s*[(]?[A-H](?![A-Za-z0-9])"
    return bool(re.search(two, find_final_words(response)))


def find_number(response: str) -> float | None:
    """Returns the value that a response states; None where it states none, or two."""
    boxed, words = boxed_texts(response), find_statement(response)
    text = boxed[-1] if boxed else words or response
    whole = expressions.parse_or_none(text)
    if whole is not None:
        return whole
    if boxed or words:
        sentence = re.split(r"(?<=[^\d\s])[.。;]\s|\.\s+(?=[A-Z])|\s(?:because|since|as)\s", text)[0]
        found = expressions.find_numbers(sentence)
        two = re.search(r"\d\S*\s*(?:or|或)\s*\S*\d", sentence)
        return None if two or not found else found[0][1]
    for line in reversed(response.splitlines()):
        found = expressions.find_numbers(line)
        if found:
            return None if re.search(r"\d\S*\s*(?:or|或)\s*\S*\d", line) else found[-1][1]
    return None


def _index_of(name: str, count: int) -> int | None:
    index = LETTERS.find(name.upper())
    return index if 0 <= index < count else None


def _only(pattern: re.Pattern, text: str, count: int) -> int | None:
    names = {next(name for name in match.groups() if name).upper() for match in pattern.finditer(text)}
    return _index_of(names.pop(), count) if len(names) == 1 else None


def _has_alternative(rest: str) -> bool:
    return bool(HEDGE.match(rest)) and bool(re.match(r"\W*(?:or|and|或者?|和)?\W*[A-H](?![A-Za-z0-9])", rest))


def _says(words: str, text: str) -> bool:
    """Returns whether words contain a choice's text as whole words or numbers; a single letter does not count."""
    alone = rf"(?<![\w.]){re.escape(text.lower())}(?!\w|\.\d)"
    return not re.fullmatch("[A-Za-z0-9]", text) and bool(re.search(alone, words.lower()))
