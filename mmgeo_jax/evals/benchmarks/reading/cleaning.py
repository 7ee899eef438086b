"""Takes out of a response what is no part of its answer: thinking, end tokens, lists of the options.

Every pattern is linear: what repeats is bounded, or ends where the next sign of another kind begins.
"""

import re

from data_gen.shared import signs

# <think>...</think> and its kin. A response that ends while thinking has said nothing.
THINKING = re.compile(r"<(/?)(?:think|thinking|thought|thoughts|reasoning|scratchpad)>|◁(/?)think▷", re.IGNORECASE)
BOX_TOKENS = ((re.compile(r"<\|begin_of_box\|>"), r"\\boxed{"), (re.compile(r"<\|end_of_box\|>"), "}"))
# Where a turn ends; what a model goes on with is another's turn.
END = re.compile(
    r"</s>|<\|(?:im_end|endoftext|end_of_text|eot_id|eom_id|end|return|assistant_end)\|>"
    r"|<(?:eos|end_of_turn|end_of_utterance)>|<｜end▁of▁sentence｜>|\[/?EOS\]"
)
TOKENS = re.compile(
    r"<\|[A-Za-z0-9_]{1,30}\|>|<｜[^<>｜\n]{1,30}｜>|<(?:s|bos|pad|unk|start_of_turn|image)>|\[/?INST\]"
)
LETTERED = re.compile(
    r"^[\s>*_#\-+•·]{0,8}(?:(?i:option|choice|选项)\s?)?[(\[*_]{0,4}([A-H])[)\]*_]{0,4}\s?(?:[).:：、,，]|[-–—=]\s|is\b|是)"
)


def clean(response: str) -> str:
    """Returns a response without thinking and tokens, with boxes as \\boxed{} and equal signs as
    one sign."""
    text = take_out_thinking(response)
    for pattern, plain in BOX_TOKENS:
        text = pattern.sub(plain, text)
    end = next((m.start() for m in END.finditer(text) if text[: m.start()].strip()), len(text))
    text = TOKENS.sub(" ", END.sub(" ", text[:end]))
    return signs.normalize(re.sub(r"[^\S\n]+", " ", text)).strip()


def take_out_thinking(response: str) -> str:
    """Returns what a response says outside of its thinking. Before a closing tag without an opening one, all is."""
    kept: list[str] = []
    start, thinking = 0, False
    for tag in THINKING.finditer(response):
        closes = bool(tag[1] or tag[2])
        if closes:
            kept = kept if thinking else []
        elif not thinking:
            kept.append(response[start : tag.start()])
        thinking, start = not closes, tag.end()
    return "\n".join(kept + ([] if thinking else [response[start:]]))


def take_out_options(response: str) -> str:
    """Returns a response without the lines that list options (two letters or more, each with its text). A first line
    apart from the list, and a last line that says a letter of the list again, are answers, and stay."""
    lines = [line for line in response.splitlines() if line.strip()]
    names = [found[1] if (found := LETTERED.match(line)) else "" for line in lines]
    if len(set(names) - {""}) < 2:
        return response
    first = bool(names[0]) and not names[1]
    last = bool(names[-1]) and names[-1] in names[first:-1]
    return "\n".join(
        line
        for i, (line, name) in enumerate(zip(lines, names, strict=True))
        if not name or i == 0 and first or i == len(lines) - 1 and last
    )
