"""Reads the answer of a free response: a choice or a value, shared by the benchmarks. Pure functions of a text.

    find_choice(response, choices)   the index of the choice, from its letter, its text or its value
    find_number(response)            the value
    find_final_words(response)       the words that state the answer

`cleaning` takes out thinking, end tokens and repeated lists of options; `statements` has the table of where an answer
stands; here the words are read. A refusal, or two answers ("A or B", "12 or 13"), is no answer. Letters that name
points ("the distance between A and B") are no choices. Of several statements the last counts.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from data_gen.records.schema import LETTERS
from data_gen.shared import signs
from mmgeo_jax.evals.benchmarks.reading import cleaning, expressions, statements
from mmgeo_jax.evals.benchmarks.reading.statements import REFUSAL, Words, clause

SAME = 1e-3  # values this close are the same, as in GeoQA's solver
MAX_WORDS, MAX_LINES = 500, 200  # characters of an answer, and lines in which a value is looked for
TWO = -1  # in place of an index: two answers
IN_SENTENCE = ("concluded", "alone", "last")  # rows whose whole sentence may refuse
OF_NUMBERS = ("tagged", "boxed", "stated")

# A letter that stands for a choice: at the beginning of the words; in brackets; after "option".
LEADING = re.compile(
    r"(?:[\W_](?<![∠△⊙])){0,12}(?:(?i:option|choice|letter|answer|选项|选)[\W_]{0,4})?([A-H])(?![A-Za-z0-9'’=]|\s?[=+^]|\\)",
    re.ASCII,
)
LETTER_ONLY = re.compile(
    r"[\W_]{0,12}(?:(?i:option|choice|选项|选)[\W_]{0,4})?([A-Ha-h])[\W_]{0,12}(?:[选]?项)?[\W_]{0,12}"
)
ARTICLE = re.compile(r"[\W_]{0,12}A [a-z]{2,}")
BRACKETED = re.compile(r"(?<![A-Za-z0-9}])\(\s?([A-H])\s?\)")
CHOSEN = re.compile(
    r"(?:(?i:\b(?:option|choice|choose|select|pick)s?|选项?)) ?[:：]? ?[\"'*(]{0,4}([A-H])(?![A-Za-z0-9])"
    r"|^[\W_]{0,8}([A-H])[).:：、] "
)
REJECTED = re.compile(
    r"(?:(?i:option|choice|选项) ?)?[(*]{0,3}(?<![A-Za-z0-9])[A-H][)*]{0,3} ?(?:(?:is|are|was|be) ?(?:clearly "
    r"|also )?(?:not\b|n't|wrong|incorrect|false|too\b"
    r"|impossible|eliminated|excluded|ruled)|isn't|can(?:not|'t) be|不|错误?|[(（]?(?:too|incorrect|wrong))"
)
FURTHER = re.compile(
    rf"[^A-Za-z\n]{{0,40}}{statements.AND}\W{{0,4}}(?:(?i:option|choice) )?\W{{0,3}}([A-H])(?![A-Za-z0-9'’])"
)
# What separates two values; "," only where no digit follows at once.
BETWEEN = re.compile(r"\s?(?:\b(?:or|and)\b|或者?|和|、|;|,(?!\d)|\\(?:text|quad|mathrm)\s?\{?\s?(?:or|and)\s?\}?)\s?")
OR = re.compile(r"\bor\b|或")
UNFINISHED = re.compile(
    r"(?:[=+\-,(:÷×]|\b(?:the|an?|we|is|of|and|or|to|in|then|by|so|that|with|from|be|are|can|have|has|for|using|let|if|since"
    r"|because|where|which|as|this|it|at|on|angle|triangle|therefore|thus|hence))\s*$",
    re.IGNORECASE,
)  # fmt: skip
NEGATION = re.compile(r"\b(?:not|n['’]t|never|neither|nor|without)\b|n['’]t\b|不|没|非")


class Reading(NamedTuple):
    """The index of a choice, or None; and the words that it was read from, "" where they refuse or name two."""

    choice: int | None
    words: str


def prepare(response: str) -> str:
    """Returns what of a response may state its answer: without thinking, tokens, and lists of options."""
    return cleaning.take_out_options(cleaning.clean(response))


def find_final_words(response: str) -> str:
    """Returns the words of a response that state its answer; "" where it is blank."""
    text = cleaning.clean(response)
    return next((words.text for find in statements.FINDERS.values() if (words := find(text))), "")


def normalize_choice(text: str) -> str:
    """Removes what does not matter in a choice's text: case, spaces, dollar signs, the final full stop."""
    return re.sub(r"\s+", "", expressions.normalize_spelling(signs.normalize(text))).lower().strip(".。;；,，*_")


def find_choice(response: str, choices: Sequence[str]) -> int | None:
    """Returns the index of the choice that a response names by letter, text or value; None where it names none."""
    return read_choice(response, choices).choice


def read_choice(response: str, choices: Sequence[str]) -> Reading:
    """Reads the choice that a response names, as `find_choice`; see Reading."""
    cleaned = cleaning.clean(response)
    texts, whole = [normalize_choice(text) for text in choices], normalize_choice(cleaned[:MAX_WORDS])
    if whole in texts and not re.fullmatch("[a-h]?", whole):
        return Reading(texts.index(whole), cleaned)
    if bare := LETTER_ONLY.fullmatch(cleaned):
        return Reading(_index_of(bare[1], len(choices)), cleaned)
    text = cleaning.take_out_options(cleaned)
    refusing = [i for i, choice in enumerate(choices) if REFUSAL.search(choice)]
    final = ""
    for name, find in statements.FINDERS.items():
        words = find(text)
        if not words or name == "last" and UNFINISHED.search(words.text):
            continue
        final = final or words.text
        if (letter := find_letter(words.text, len(choices), name == "last")) is not None:
            if letter == TWO or not refusing and _is_taken_back(text, words, name):
                return Reading(None, "")
            return Reading(letter, words.text)
        if name != "concluded" and _is_taken_back(text, words, name):
            return Reading(refusing[0] if len(refusing) == 1 else None, "")
        index = _find_by_content(words.text, choices, name)
        if index is not None:
            return Reading(None, "") if index == TWO else Reading(index, words.text)
    return Reading(None, final)


def find_letter(words: str, count: int, in_sentence: bool = False) -> int | None:
    """Returns the index, below `count`, of the letter that words name; TWO for two; None for none.

    in_sentence: the words are any sentence, in which only "option C", "(C)" and "C. ..." are choices.
    """
    text = REJECTED.sub(" ", expressions.unwrap(words[:MAX_WORDS]))
    if re.fullmatch(r"[a-h]", text.strip(" ().*$")):
        return _index_of(text.strip(" ().*$"), count)
    text = clause(text)
    names = {name.upper() for name in BRACKETED.findall(text)}
    lead = None if in_sentence or ARTICLE.match(text) else LEADING.match(text)
    if lead:
        names |= {lead[1]} | set(FURTHER.findall(text[lead.end() - 1 : lead.end() + 60]))
    if in_sentence:
        for found in CHOSEN.finditer(text):
            names |= {next(filter(None, found.groups()))} | set(FURTHER.findall(text[found.end() : found.end() + 40]))
    if statements.LETTER_LIST.fullmatch(text):
        names |= set(re.findall(r"(?<![A-Za-z])[A-H](?![A-Za-z])", text))
    if len(names) > 1:
        return TWO
    return _index_of(names.pop(), count) if names else None


def find_number(response: str) -> float | None:
    """Returns the value that a response states; None where it states none, or two."""
    text = prepare(response)
    for name in OF_NUMBERS:
        if words := statements.FINDERS[name](text):
            if _is_taken_back(text, words, name):
                return None
            found = read_value(words.text, name != "stated")
            if found is not None:
                return None if isinstance(found, str) else found
            if name != "stated":
                return None
    final = statements.last(text)
    if not final or UNFINISHED.search(final.text) or _is_taken_back(text, final, "last"):
        return None
    whole = read_value(text) if len(text) < expressions.MAX_LENGTH and "\n" not in text else None
    if isinstance(whole, str):
        return None
    for line in (line[-MAX_WORDS:] for line in text.splitlines()[:-MAX_LINES:-1]):
        for sentence in reversed(re.split(r"(?<=[^\d\s])[.。;!]\s|[.。;!]\s(?=[A-Z\u4e00-\u9fff])|。", line)):
            head = clause(sentence)
            for part in (head, sentence) if head != sentence else (sentence,):
                if _two_values(part):
                    return None
                if found_numbers := expressions.find_numbers(part):
                    return found_numbers[-1][1]
    return None


def read_value(words: str, alone: bool = False) -> float | str | None:
    """Reads the value of the words of an answer; "two" where they give two, None where they give none.

    alone: the words are nothing but the answer, as in a box, where a list is several values.
    """
    words = words[:MAX_WORDS]
    text = clause(expressions.normalize_spelling(words).strip())
    if re.search(r"\\pm(?![a-z])|±|\\mp", words) or _two_values(text):
        return "two"
    whole = expressions.parse_or_none(text)
    if whole is not None:
        return whole
    if alone and re.search(r",(?!\d{3}(?!\d))", text):
        return "two"
    found = expressions.find_numbers(text)
    if not found:
        return None
    return found[-1 if re.search("[=≈]", text) else 0][1]


def _two_values(text: str) -> bool:
    """Returns whether a text gives two values of one thing: "5 or 6", "x = 5, x = -5"; those of AB and AC are not."""
    seen: set[tuple[str, float]] = set()
    parts = BETWEEN.split(text)[:20]
    if len(parts) < 2:
        return False
    for part in parts:
        value = expressions.parse_or_none(part)
        if value is None and OR.search(text):
            numbers = expressions.find_numbers(part)
            value = numbers[-1][1] if len(numbers) == 1 else None
        if value is not None:
            name = re.sub(r"(?<=[a-z])_?\{?\d\}?$", "", part.split("=")[0].split()[-1]) if "=" in part else ""
            seen.add(("" if OR.search(text) else name, value))
    names = [name for name, _ in seen]
    return len(names) > len(set(names))


def _find_by_content(words: str, choices: Sequence[str], source: str) -> int | None:
    """Returns the index of the choice whose text or value words say, TWO, or None."""
    words = words[:MAX_WORDS]
    texts, said = [normalize_choice(text) for text in choices], normalize_choice(clause(words))
    for each in (normalize_choice(words), said):
        if each in texts and not re.fullmatch("[a-h]?", each):
            return texts.index(each)
    opening = [
        i for i, text in enumerate(choices) if re.match(rf"{re.escape(text)}\s?[,.;:，。]", words, re.IGNORECASE)
    ]
    if len(opening) == 1 and not re.fullmatch(r"[\d.]+|[A-Ha-h]", choices[opening[0]]):
        return opening[0]
    number = find_number(words) if source == "last" else read_value(words, source in ("tagged", "boxed"))
    if isinstance(number, str):
        return TWO
    values = [expressions.parse_or_none(text) for text in choices]
    same = [i for i, v in enumerate(values) if v is not None and number is not None and abs(v - number) <= SAME]
    if same:
        return same[0] if len(same) == 1 else TWO
    if NEGATION.search(words):
        return None
    named = [i for i, text in enumerate(choices) if values[i] is None and _says(words, text)]
    longest = [i for i in named if not any(j != i and texts[i] in texts[j] for j in named)]
    return longest[0] if len(longest) == 1 else TWO if longest else None


def _index_of(name: str, count: int) -> int | None:
    index = LETTERS.find(name.upper())
    return index if 0 <= index < count else None


def _is_taken_back(response: str, words: Words, source: str) -> bool:
    """Returns whether a refusal stands in the words, or after them; in a sentence, also before them."""
    start = words.start
    if source in IN_SENTENCE:
        start = max(response.rfind(end, 0, start) for end in ("\n", ". ", "。", "? ", "! ")) + 1
    return bool(REFUSAL.search(response, start))


def _says(words: str, text: str) -> bool:
    """Returns whether words contain a choice's text as whole words or numbers; a single letter does not count. A word
    may be inflected: flip, flipped, flipping."""
    if re.fullmatch("[A-Za-z0-9]", text):
        return False
    said = re.escape(text.lower())
    if re.fullmatch("[a-z]{3,}", text.lower()) and text.lower() not in ("yes", "no"):
        said += rf"(?:{re.escape(text[-1].lower())}?(?:ed|ing)|e?s|d)?"
    return bool(re.search(rf"(?<![\w.]){said}(?!\w|\.\d)", words.lower()))
