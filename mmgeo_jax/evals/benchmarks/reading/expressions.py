"""Parses written numbers: fractions, radicals, pi, degrees, units, LaTeX or plain. Nothing is executed as code.

    number      12   -3.5   1,234   3/4   1 1/2   50%   2√3   5*sqrt(3)   \\frac{3}{4}   2\\sqrt{3}   6\\pi   x = 12 cm
    functions   sqrt, sin, cos, tan, asin, acos, atan, in radians; of a plain number of degrees: sin 30, sin 30°

`parse` reads one expression, `find_numbers` all of a text. A degree sign outside of a function is ignored: 45° is 45. A
percent sign is ignored too, as in MM-Math, where 50 % equals 50 and 0.5.
"""

import math
import re
from collections.abc import Callable, Sequence

MAX_LENGTH, MAX_DEPTH = 400, 40

# Variants of LaTeX and Unicode, and the one spelling that replaces them; in this order.
SPELLINGS = tuple((re.compile(pattern), plain) for pattern, plain in (
    (r"(?<=\d)(?:\{,\}|\\[,;:!]|[\u2009\u202f])(?=\d{3}(?!\d))", ","),  # 1{,}200 and 1\,200
    (r"\\left|\\right|\\displaystyle|\\[,;:! ]|\\$|~", " "),
    (r"\^\s*\{\s*\\circ\s*\}|\^?\s*\\circ|\\degree|º|˚", "°"),
    (r"\\[dtc]frac(?![a-z])", r"\\frac"),
    (r"\\frac ?(\d) ?(\d)(?!\d)", r"\\frac{\1}{\2}"),
    (r"\\frac ?(\d) ?(?=\{)", r"\\frac{\1}"),
    (r"\\times|\\cdot|\\ast|[×·⋅∙]", "*"),
    (r"\\div|÷|∕", "/"),
    (r"[−–—－]", "-"),
    (r"(?<![\w\\])(?:minus|negative) (?=\d|\\(?:frac|sqrt))|负(?=\d)", "-"),
    (r"＋", "+"),
    (r"²", "^2"),
    (r"³", "^3"),
    (r"√", r"\\sqrt"),
    (r"[πΠ]|\\pi(?![a-z])", " pi "),
    (r"\\%|％", "%"),
    (r"\\?\barc(?=sin|cos|tan)|\\arc(?=sin|cos|tan)", "a"),
    (r"\\(?=sqrt|a?sin|a?cos|a?tan|pi)", " "),
    (r"\*\*", "^"),
    (r"（", "("), (r"）", ")"), (r"｛", "{"), (r"｝", "}"),
    (r"，", ","), (r"＝", "="),
))  # fmt: skip
UNITS = re.compile(
    r"(?:(?<=[\d)}°%])|(?<=pi)|(?<=\s))\s*(?:sq(?:uare|\.)?\s*|cubic\s*)?"
    r"(?:units?|degrees?|deg|millimet(?:er|re)s?|centimet(?:er|re)s?|decimet(?:er|re)s?|kilomet(?:er|re)s?|met(?:er|re)s?"
    r"|inch(?:es)?|feet|foot|ft|yards?|yd|miles?|[kcdm]?m|in|[平立]方|[毫厘分千]?米|海里|度|元|个)"
    r"\s*(?:\^\s*\{?\s*[23]\s*\}?)?(?![A-Za-z])\s*$"
)
WRAPPED = re.compile(r"\\(?:text|mathrm|mathbf|textbf|mathit|rm|operatorname)\s*\{([^{}]*)\}")
_POWER = r"(?:[eE][+-]?\d{1,3}(?![\d.A-Za-z]))?"  # of ten, as in 1.5e+02
NUMBER = rf"\d{{1,3}}(?:,\d{{3}})+(?![\d,])(?:\.\d+)?|\d+(?:\.\d+)?{_POWER}|\.\d+{_POWER}"
NAMES = ("frac", "sqrt", "asin", "acos", "atan", "sin", "cos", "tan", "pi")
TOKEN = re.compile(rf"\s*(?:({NUMBER})|\\?({'|'.join(NAMES)})(?![a-z])|([-+*/^(){{}}\[\]°%]))")
FUNCTIONS: dict[str, Callable[[float], float]] = {
    "sqrt": math.sqrt, "sin": math.sin, "cos": math.cos, "tan": math.tan,
    "asin": math.asin, "acos": math.acos, "atan": math.atan,
}  # fmt: skip
OF_ANGLES = ("sin", "cos", "tan")
CLOSES = {"(": ")", "{": "}"}
# A stretch of a text in which an expression may stand, of a spelled text.
_ITEM = rf"(?:{NUMBER}|\\?(?:{'|'.join(NAMES)})(?![a-z])|[-+*/^(){{}}\[\]°%=≈])"
STRETCH = re.compile(rf"{_ITEM}(?:\s*{_ITEM})*")


class Unreadable(Exception):
    """The text is no expression of a number."""


def normalize_spelling(text: str) -> str:
    """Rewrites a text with one spelling for each sign, without dollar signs, asterisks for emphasis and \\text{}."""
    text = re.sub(r"\*\*(?![\d(])|(?<![\d)])\*\*", " ", text).replace("$", " ").replace("`", " ")
    text = unwrap(re.sub(r"[^\S\n]+", " ", text))
    for pattern, plain in SPELLINGS:
        text = pattern.sub(plain, text)
    return text.replace(r"\(", " ").replace(r"\)", " ").replace(r"\[", " ").replace(r"\]", " ")


def unwrap(text: str) -> str:
    """Removes \\text{}, \\mathrm{} and their kin around words."""
    for _ in range(3):
        text = WRAPPED.sub(r" \1 ", text)
    return text


def parse(text: str) -> float:
    """Parses an expression. Raises Unreadable where it is not one of a finite real number. Of an equation, takes what
    is right of the last equals sign; of an approximation, what is left of it."""
    if len(text) > MAX_LENGTH:
        raise Unreadable("too long")
    return _evaluate(normalize_spelling(text))


def _evaluate(text: str) -> float:
    """Parses a text that is spelled already."""
    if len(text) > MAX_LENGTH:
        raise Unreadable("too long")
    sides = [side for side in re.split(r"\\approx|≈|\\simeq|≒", text) if side.strip()]
    if len(sides) > 1 and not re.search(r"\d|pi|sqrt", sides[0].rsplit("=", 1)[-1]):
        sides = sides[1:]  # AB ≈ 5.39
    text = (sides or [""])[0].strip().rstrip(" .,;:。")
    if re.search(r",(?!\d{3}(?!\d))", text):
        raise Unreadable("a list")
    text = text.rsplit("=", 1)[-1].strip()
    for _ in range(2):  # cm^2 per side, or a unit and its bracket
        text = UNITS.sub("", text).strip()
    tokens = _tokens(text)
    try:
        found, end = _sum(tokens, 0, 0)
    except (ArithmeticError, ValueError):
        raise Unreadable("no real number") from None
    if end != len(tokens) or isinstance(found, complex) or not math.isfinite(found):
        raise Unreadable("not one expression")
    return found


def parse_or_none(text: str) -> float | None:
    """Parses an expression as `parse` does; returns None where it is unreadable."""
    try:
        return parse(text)
    except Unreadable:
        return None


def find_numbers(text: str) -> list[tuple[str, float]]:
    """Finds the expressions of a text, with their values, in order. Letters, words and commas separate them."""
    text, found = normalize_spelling(text), []
    for match in STRETCH.finditer(text):
        stretch = re.sub(r"^\^\s*\{?\d\}?", "", match[0])  # the power of a unit
        if text[match.start() - 1 : match.start()].isalpha() and text[match.start() - 1].isascii():
            stretch = re.sub(r"^[\d.]+", "", stretch)  # the digit of a name, as in x1
        if not re.search(r"\d|pi", stretch):
            continue  # signs alone, of which hostile texts have thousands
        for part in dict.fromkeys((stretch, stretch.strip("(){}[]*/+^ "), stretch.strip("(){}[]*/+-^= "))):
            try:
                found.append((part.strip(), _evaluate(part)))
            except Unreadable:
                continue
            break
    return found


# ---- the grammar: sum = product {+- product}; product = power {[*/] power}; power = atom [^ power] -------------------


def _tokens(text: str) -> list[str]:
    # A whole number and a fraction beside it are a mixed number.
    text = re.sub(r"(?<![\d.)}^/])(\d+)\s+(\d+)\s*/\s*(\d+)(?![\d.])", r"(\1+\2/\3)", text)
    text = re.sub(r"(?<![\d.)}^/])(\d+)\s*\\frac\s*\{(\d+)\}\s*\{(\d+)\}", r"(\1+\2/\3)", text)
    tokens, at = [], 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise Unreadable(f"{text[at : at + 10]!r}")
        tokens.append((match[1] or "").replace(",", "") or match[2] or match[3])
        at = match.end()
    if not tokens:
        raise Unreadable("nothing")
    return tokens


def _peek(tokens: Sequence[str], at: int) -> str:
    return tokens[at] if at < len(tokens) else ""


def _sum(tokens: Sequence[str], at: int, depth: int) -> tuple[float, int]:
    if depth > MAX_DEPTH:
        raise Unreadable("too deep")
    total, at = _product(tokens, at, depth)
    while _peek(tokens, at) in ("+", "-"):
        sign = 1 if tokens[at] == "+" else -1
        term, at = _product(tokens, at + 1, depth)
        total += sign * term
    return total, at


def _product(tokens: Sequence[str], at: int, depth: int) -> tuple[float, int]:
    sign = 1
    while _peek(tokens, at) in ("+", "-"):
        sign, at = (-sign if tokens[at] == "-" else sign), at + 1
    result, at = _power(tokens, at, depth)
    while (sign_ := _peek(tokens, at)) and sign_ not in "+-)}]":
        if sign_ not in "*/" and re.match(r"[\d.]", sign_):
            raise Unreadable("two numbers side by side")
        right, at = _factor(tokens, at + (sign_ in "*/"), depth)
        result = result / right if sign_ == "/" else result * right
    return sign * result, at


def _factor(tokens: Sequence[str], at: int, depth: int) -> tuple[float, int]:
    """Parses a power that may have a sign of its own, as in 3*-2."""
    if _peek(tokens, at) == "-":
        result, at = _power(tokens, at + 1, depth)
        return -result, at
    return _power(tokens, at, depth)


def _power(tokens: Sequence[str], at: int, depth: int) -> tuple[float, int]:
    base, at = _atom(tokens, at, depth)
    while _peek(tokens, at) in ("°", "%"):
        at += 1
    if _peek(tokens, at) == "^":
        if depth > MAX_DEPTH:
            raise Unreadable("too deep")
        negative = _peek(tokens, at + 1) == "-"
        exponent, at = _power(tokens, at + 1 + negative, depth + 1)
        base = math.pow(base, -exponent if negative else exponent)
    return base, at


def _atom(tokens: Sequence[str], at: int, depth: int) -> tuple[float, int]:
    token = _peek(tokens, at)
    if re.match(r"[\d.]", token):
        return float(token), at + 1
    if token == "pi":
        return math.pi, at + 1
    if token in CLOSES:
        result, at = _sum(tokens, at + 1, depth + 1)
        if _peek(tokens, at) != CLOSES[token]:
            raise Unreadable("brackets")
        return result, at + 1
    if token == "frac":
        above, at = _argument(tokens, at + 1, depth)
        below, at = _argument(tokens, at, depth)
        return above / below, at
    if token in FUNCTIONS:
        return _function(tokens, at, depth)
    raise Unreadable(f"{token!r}")


def _argument(tokens: Sequence[str], at: int, depth: int) -> tuple[float, int]:
    """Parses an argument of a fraction: a group, or one sign, as in \\frac12."""
    token = _peek(tokens, at)
    if token.isdigit() and len(token) == 2 and _peek(tokens, at - 1) == "frac":
        raise Unreadable("a fraction without brackets")
    return _atom(tokens, at, depth)


def _function(tokens: Sequence[str], at: int, depth: int) -> tuple[float, int]:
    name, at, power = tokens[at], at + 1, 1.0
    if name == "sqrt" and _peek(tokens, at) == "[":  # \sqrt[3]{8}
        root, at = _sum(tokens, at + 1, depth + 1)
        if _peek(tokens, at) != "]":
            raise Unreadable("brackets")
        result, at = _atom(tokens, at + 1, depth)
        return math.copysign(abs(result) ** (1 / root), result), at
    if name in OF_ANGLES and _peek(tokens, at) == "^":  # sin^2 x
        power, at = _atom(tokens, at + 1, depth)
    argument, end = _atom(tokens, at, depth)
    degrees = [t for t in tokens[at:end] if t not in ("(", ")", "{", "}")]
    marked = _peek(tokens, end) == "°" and tokens[at] not in CLOSES or "°" in degrees
    if name in OF_ANGLES and (marked or len(degrees) == 1 and degrees[0] != "pi"):
        argument = math.radians(argument)
    return math.pow(FUNCTIONS[name](argument), power), end
