"""One table of equal signs: texts that a reader takes for the same become the same text.

Geometry has several codes for one sign (∠ and ∡, ° and º, ⊥ and ⟂), and keyboards, phones and word processors add more.
`normalize` maps each kind to the sign that our own captions use. It is not NFKC, which makes "2" of "²" and "o" of "º":
only what means the same is mapped, so that PQ² and PQ2, P'Q and PQ, −7 and 7 stay apart.
"""

import re
import unicodedata
from collections.abc import Sequence

from data_gen.shared.errors import UserError

# the sign that is kept -> those that are equal to it
EQUAL = {
    "∠": "∡∢⦟",
    "°": "º˚∘ᵒ",
    "⊥": "⟂⏊",
    "△": "Δ∆▵",
    "∥": "‖ǁ⫽",
    "≅": "≌",
    "∼": "∽",
    "⊙": "☉ʘ⨀",
    "▱": "⏥",
    "⌒": "⁀◠",
    "-": "−‐‑‒–﹣",  # the dash between clauses, —, is another sign
    "×": "✕✖⨯⨉",
    "·": "⋅∙・",
    "÷": "➗",
    "/": "⁄∕",
    ":": "∶",
    "≤": "⩽≦",
    "≥": "⩾≧",
    "≈": "≒",
    "π": "ϖ",
    "μ": "µ",
    "'": "’‘′ʹʼ´‛",
    '"': "“”„",
    "''": "″",
    "'''": "‴",
    " ": "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
    # Signs without a shape: zero width, soft hyphens, marks of direction and of the emoji's look, NUL.
    "": "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    "\ufe0e\ufe0f\0",
}  # fmt: skip
FULL_WIDTH = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
# Mathematical letters and digits (𝐴, 𝑥, 𝟑), whose compatibility form is the plain one.
MATHEMATICAL = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0x1D400, 0x1D800)}
TABLE = FULL_WIDTH | MATHEMATICAL | {ord(sign): kept for kept, signs in EQUAL.items() for sign in signs}
SPACES = re.compile(" {2,}")
ENDS = re.compile(r"^ +| +$")


def normalize(text: str) -> str:
    """Returns the text in the signs that are kept, composed (NFC), with single spaces and none at its ends. Line breaks
    stay. A second time changes nothing."""
    if text.isascii() and not SPACES.search(text) and not ENDS.search(text) and "\t" not in text and "\0" not in text:
        return text
    composed = unicodedata.normalize("NFC", text)
    mapped = unicodedata.normalize("NFC", composed.translate(TABLE).translate(TABLE))
    return ENDS.sub("", SPACES.sub(" ", mapped))


def same(one: str, other: str) -> bool:
    """Returns whether two texts say the same, whatever codes their signs have."""
    return normalize(one) == normalize(other)


def require_caption(text: str, where: str) -> str:
    """Returns a caption in the signs that are kept. Raises UserError where it has neither a letter nor a digit."""
    caption = normalize(text)
    if not any(sign.isalnum() for sign in caption):
        raise UserError(f"{where}: the caption {text[:40]!a} has neither a letter nor a digit: correct it")
    return caption


def check_negatives(true: str, false: Sequence[str], where: str) -> None:
    """Raises UserError where a negative says the same as the caption in other signs, naming both. The caption itself,
    sign for sign, is a mere repetition."""
    for negative in false:
        if negative != true and same(negative, true):
            raise UserError(
                f"{where}: the negative {negative[:80]!r} says the same as the caption {true[:80]!r}, in other "
                "signs or spaces: it cannot be false where the caption is true; correct it"
            )
