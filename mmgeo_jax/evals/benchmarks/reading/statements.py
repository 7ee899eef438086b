"""Finds the words of a response that state its answer: one ordered table.

    tagged      <answer>C</answer>
    boxed       \\boxed{C}; two boxes side by side are two answers
    stated      "the answer is C", "### Answer", "Ans: C", 答案：C, 故选 C
    concluded   "Hence C.", "it must be C", "Option C is correct", 选项C正确: of letters alone
    alone       a letter on the last or first line, or with its text
    last        the last line

The first row that finds words which can be read decides. A refusal after the words takes them back. Every pattern is
linear: what repeats is bounded.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from data_gen.records.boxed import BOX, boxed_texts


class Words(NamedTuple):
    """Words that state an answer, and where they begin in the response."""

    text: str
    start: int


TAG = re.compile(r"<answer>(?!\s?[:：])", re.IGNORECASE)
# "answer is", "Answer:", "the answer (in cm) would then be", "the correct option letter is", 答案为
_NAME = (
    r"(?:\banswers?(?: (?:choice|option|letter))?|\bans\b\.?"
    r"|\b(?:correct|right|best|closest|nearest|matching|proper|appropriate|valid|my|final)(?: answer)? "
    r"(?:choice|option|letter|statement|result|value)(?: letter)?"
    r"|\b(?:choice|option)(?: letter)?(?= (?:is|must be|should be)\b| ?[:：=])"
    r"|\bfinal result|答案|正确(?:的)?(?:选项|选择|结论|说法)(?:应)?|(?:正确|成立|符合题意)的)"
)
_TO = r"[>*_\"'】\])）]{0,6} ?(?:\([^()\n]{2,30}\) ?|(?:to|for|of) [^\n.:：]{1,60}? )?"
_IS = (
    r"(?:(?:will|would|must|should|can|could|has to)? ?(?:only |then |therefore |thus |hence |also |indeed )?"
    r"\b(?:is|are|be)\b(?: ?(?:therefore|thus|then|hence|indeed|simply|just|clearly|approximately|about)\b,?)?"
    r"|应?该?[为是选]|[:：=])(?: ?(?:is\b|[:：=为是选]))?"
)
MARK = re.compile(
    rf"{_NAME}{_TO}{_IS}|(?:故|应|所以|因此|本题|综上,?，?)(?:本题)?(?:应)?选(?:择)?"
    r"|答[:：]|【答案】|\bans\.(?= ?[A-H(\d])"
    rf"|\banswer[*_\"' ]{{0,3}}(?=\\boxed)"
    r"|^ ?[#>*_ ]{0,8}(?:the )?(?:final |correct )?(?:answer|conclusion|答案|最终答案)[*_# ]{0,6}$|^####(?= ?[^#\s])",
    re.IGNORECASE | re.MULTILINE,
)
NEGATED = re.compile(
    r"[\s*_:]{0,4}(?:not|never|neither|incorrect|wrong|n't|unclear|unknown|不是|不正确|错误)(?![A-Za-z])", re.I
)
_LETTER = r"[(\[*_\"'“$]{0,4}([A-H])[)\]*_\"'”$]{0,4}"
_END = r"(?= ?(?:[.。!;；]|$|[,，]? ?(?:because|since|as|for|which|due|因为|because)\b|\n))"
CONCLUDED = re.compile(
    r"(?:\b(?i:(?:it|this|that)(?: is| must be| should be| has to be| can only be)|it's|that's"
    r"|(?:hence|thus|therefore|so|choose|chose|select|selected|pick|picked|choosing|go with|going with|corresponds to"
    r"|matches|match|gives|leaves)\b[,:]?)|[⇒→∴]|=>|选择?[:：]?|故|因此|所以)"
    rf" ?(?i:the |answer |correct |only |with |option |choice |it is |it must be |选项? ?){{0,4}}{_LETTER}{_END}",
    re.MULTILINE,
)
AFFIRMED = re.compile(
    r"(?<![A-Za-z0-9])(?i:option |choice |answer |statement |选项? ?|答案)?"
    rf"{_LETTER} ?(?:选?项)?(?: [(（]?[^\n.()，。]{{1,20}}[)）]?)? ?"
    r"(?:(?i:is|are|must be|should be|would be) ?(?i:therefore |thus |clearly |indeed )?"
    r"(?i:the )?(?i:only )?\*{0,2}(?i:correct|right|answer|best|true|valid|the one)|(?:是)?(?:正确|对的|符合题意|成立))"
    r"(?!\w)|(?<![A-Za-z0-9])([A-H])(?:选?项)?(?:是)?(?:正确|对的|符合)"
)
ALONE = re.compile(
    r"[^\w\\∠△⊙]{0,12}(?:\\text(?:bf)?\{)?(?:(?i:option|choice|answer|选项|选)[^\w\\]{0,4})?([A-H])[^\w]{0,12}"
)
NAMED = re.compile(
    r"[^\w∠△⊙]{0,8}(?:(?i:option|choice|选项) ?)?[^\w∠△⊙]{0,4}(?:\([A-H]\)|[A-H][*_]{0,2}[.):、])[*_]{0,2}(?: |$)"
)  # "C. 60°"
AND = r"(?:,|/|&|、|or|and|或者?|和|及|以及)"
LETTER_LIST = re.compile(
    rf"\W{{0,8}}(?:(?i:either|both|options?|choices?) )?\W{{0,4}}[A-H]\W{{0,4}}(?:\s?{AND}\W{{0,4}}[A-H]"
    r"(?![A-Za-z0-9])\W{0,4})+",
    re.ASCII,
)
BESIDE = re.compile(
    r"[\s$.,;、，]{0,6}(?:or|and|或者?|和|,|，|、|;)?[\s$]{0,4}(?:[A-Za-z]{1,4}(?:_?\{?\d\}?)? ?= ?)?[\s$]{0,4}"
)
REFUSAL = re.compile(
    r"\b(?:can ?not|can['’]t|could ?n[o'’]t|could not|unable to|impossible to|not possible to|not able to|no way to)"
    r"(?: \w{2,12}){0,2}? (?:determin|answer|find|found|solv|calculat|comput|see\b|view|tell|identif|provide"
    r"|read|say\b|decide|know)"
    r"|\b(?:not|n['’]t) (?:\w{1,12} ){0,2}?(?:enough|sufficient|adequate)\b|\binsufficient\b|\black of (?:data"
    r"|information)"
    r"|\bnone of (?:the|these|them|those)\b|\bno(?:t a)? (?:correct|valid|matching|right|suitable"
    r"|such) (?:answer|option|choice)"
    r"|\bneither (?:of|option)|\b(?:do not|don['’]t) (?:know|see|have)\b|\bno idea\b|\b(?:is|are"
    r"|remains) (?:undetermined|indeterminate)"
    r"|\bmore information is (?:needed|required)|\bnot (?:listed|given|included|among) (?:as |in "
    r"|among )?(?:the |any |one )?(?:of the )?(?:options|choices|answers)"
    r"|(?:无法|不能|难以|没法)(?:唯一)?(?:确定|判断|回答|得出|求|计算|看到|识别|解答|给出|准确)|条件不足|信息不足|条件不够"
    r"|没有(?:一个)?(?:正确|符合|合适|匹配)|(?:以上|选项)?(?:均|都)不(?:正确|对|是|符合|成立|在)|不知道|不清楚",
    re.IGNORECASE,
)  # fmt: skip
CLAUSE = re.compile(
    r"[.。!?！？;；](?=\s|$|[\u4e00-\u9fff])|(?<=[\u4e00-\u9fff。])[.。]|[,，]?\s\(?(?:because|since|as|where|which|whereas|while|but|using"
    r"|given|when|not|rather|instead|unlike|if|due)\b|[,，] ?with\b|[,，]?(?:因为|由于|而不|但|其中|不是)",
    re.IGNORECASE,
)


def clause(text: str) -> str:
    """Returns the beginning of a text up to the end of its sentence, or to what only explains it."""
    found = CLAUSE.search(text, 1)
    return text[: found.start()] if found else text


def tagged(response: str) -> Words | None:
    """Finds the last <answer> tag."""
    opened = list(TAG.finditer(response))
    if not opened:
        return None
    start = opened[-1].end()
    return Words(re.split("</answer", response[start:], maxsplit=1, flags=re.IGNORECASE)[0].strip(), start)


def boxed(response: str) -> Words | None:
    """Finds the last box; of two that stand side by side, both."""
    texts, starts = boxed_texts(response), [m.start() for m in BOX.finditer(response)]
    if not texts or not texts[-1]:
        return None
    if len(texts) > 1 and texts[-2] != texts[-1]:
        before = response[starts[-2] : starts[-1]]
        between = before.rpartition("}")[2]
        if len(between) < 40 and BESIDE.fullmatch(between) and between.strip(" \n") != ".":
            return Words(f"{texts[-2]} or {texts[-1]}", starts[-2])
    return Words(texts[-1], starts[-1])


def stated(response: str) -> Words | None:
    """Finds what follows the last "the answer is" on its line, or on one of the next; one that says "not" is none."""
    for match in reversed(list(MARK.finditer(response))[-50:]):
        rest = response[match.end() : match.end() + 2000]
        lines = [line.strip(" *_\t:：") for line in rest.splitlines()]
        words = next((line for line in lines[:4] if line), "")
        if words and not NEGATED.match(words):
            return Words(words, match.start())
    return None


def concluded(response: str) -> Words | None:
    """Finds a letter that is said to be right; letters that are both said to be right in one breath are two."""
    found = [(m.start(), next(filter(None, m.groups()))) for m in CONCLUDED.finditer(response)]
    affirmed = [(m.start(), next(filter(None, m.groups()))) for m in AFFIRMED.finditer(response)]
    if not found and not affirmed:
        return None
    start, name = max(found + affirmed)
    beside = {other for at, other in affirmed if start - at < 80 and "\n" not in response[at:start]}
    return Words(" or ".join(sorted({name} | (beside if affirmed and affirmed[-1][0] == start else set()))), start)


def alone(response: str) -> Words | None:
    """Finds a letter, or letters, alone on the last or the first line, or one with the text of its choice."""
    lines = [line.strip() for line in response.splitlines() if line.strip()]
    for line in (lines[-1], lines[0]) if lines else ():
        start = response.rfind(line) if line is lines[-1] else 0
        if found := ALONE.fullmatch(line):
            return Words(found[1], start)
        if LETTER_LIST.fullmatch(line) or NAMED.match(line):
            return Words(line, start)
    return None


def last(response: str) -> Words | None:
    """Finds the last line."""
    line = next((line.strip() for line in reversed(response.splitlines()) if line.strip()), "")
    return Words(line, response.rfind(line)) if line else None


# in this order: the first whose words can be read decides
FINDERS: dict[str, Callable[[str], Words | None]] = {
    "tagged": tagged,
    "boxed": boxed,
    "stated": stated,
    "concluded": concluded,
    "alone": alone,
    "last": last,
}


def is_taken_back(response: str, words: Words) -> bool:
    """Returns whether a refusal stands in the words or after them."""
    return bool(REFUSAL.search(response, words.start))
