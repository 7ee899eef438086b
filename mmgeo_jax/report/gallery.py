"""Families on a page: pictures, captions, truth table and a model's scores, the mistakes marked."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape

import numpy as np

from data_gen.records.schema import Family
from data_gen.view.gallery import TRUTH_WORDS
from mmgeo_jax.evals import ranking


def cards(families: Sequence[Family], scores: Sequence[np.ndarray], logit_scale: float) -> str:
    """HTML of the families, those with most mistakes first; scores f[N, C] each, cosines."""
    order = sorted(range(len(families)), key=lambda k: -mistakes(families[k], scores[k]))
    return "".join(card(families[k], scores[k], logit_scale) for k in order)


def mistakes(family: Family, scores: np.ndarray) -> int:
    """How many queries over the family's candidates miss, both ways."""
    return sum(int(tally.asked.sum() - tally.hits.sum()) for tally in _tallies(family, scores))


def card(family: Family, scores: np.ndarray, logit_scale: float) -> str:
    """One family: a table with a column for each picture and a row for each caption."""
    ranked = _ranked(family)
    by_text, by_image = _tallies(family, scores)
    counts = [
        f"{name} <b>{tally.hits.sum():.0f}</b>/{tally.asked.sum():.0f}"
        for name, tally in (("picture to caption", by_text), ("caption to picture", by_image))
        if tally.n
    ]
    title = f"<h3>{escape(family.key)}</h3><span>{escape(family.layout)}</span><span>{' · '.join(counts)}</span>"
    table = _table(family, scores, ranked, logit_scale)
    if len(family.images) == 1:
        body = f'<div class="single">{_picture(family, 0)}<div class="scroll">{table}</div></div>'
    else:
        body = f'<div class="scroll">{table}</div>'
    return f'<article class="family"><header>{title}</header>{body}</article>'


def _ranked(family: Family) -> int:
    """How many of the captions a picture chooses from."""
    return len(family.images) if len(family.images) > 1 else len(family.captions)


def _tallies(family: Family, scores: np.ndarray) -> tuple[ranking.Tally, ranking.Tally]:
    """Picture to caption, and caption to picture."""
    cut = slice(0, _ranked(family))
    block, truth = scores[None, :, cut], family.truth[None, :, cut]
    return ranking.hit1(block, truth, ranking.CAPTIONS), ranking.hit1(block, truth, ranking.PICTURES)


def _table(family: Family, scores: np.ndarray, ranked: int, logit_scale: float) -> str:
    logits = scores[:, :ranked] * logit_scale
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    pictures = range(len(family.images))
    head = ""
    if len(pictures) > 1:
        head = "".join(f"<th>{_picture(family, i)}</th>" for i in pictures) + "<th></th><th></th>"
        head = f"<thead><tr>{head}</tr></thead>"
    rows = []
    for j, caption in enumerate(family.captions):
        cells = "".join(_cell(family, scores, shares, i, j, ranked) for i in pictures)
        choice = _choice(family, scores, j) if len(pictures) > 1 and j < ranked else ""
        words = f'<td class="caption">{_chips(family, j)}{escape(caption)}</td>'
        rows.append(f'<tr{_extra(j, ranked)}>{cells}<td class="choice">{choice}</td>{words}</tr>')
    return f'<table class="truth">{head}<tbody>{"".join(rows)}</tbody></table>'


def _extra(j: int, ranked: int) -> str:
    return ' class="extra first"' if j == ranked else ' class="extra"' if j > ranked else ""


def _cell(family: Family, scores: np.ndarray, shares: np.ndarray, i: int, j: int, ranked: int) -> str:
    """Shaded by the share of picture i's softmax; outlined where true; marked where it is the picture's choice."""
    truth = int(family.truth[i, j])
    says = f"{TRUTH_WORDS[truth]}, cosine {scores[i, j]:.3f}"
    share, mark = 0.0, ""
    if j < ranked:
        share = float(shares[i, j])
        says += f", share {share:.2f}"
        if scores[i, j] == np.where(family.truth[i, :ranked] >= 0, scores[i, :ranked], -np.inf).max():
            mark = '<i class="good">✓</i>' if truth == 1 else '<i class="bad">✗</i>'
    kind = {1: "yes", 0: "no", -1: "unsure"}[truth]
    return f'<td class="cell {kind}" style="--share:{share:.3f}" title="{says}">{mark}</td>'


def _choice(family: Family, scores: np.ndarray, j: int) -> str:
    """Which picture caption j chooses, where that is wrong."""
    column = np.where(family.truth[:, j] >= 0, scores[:, j], -np.inf)
    chosen = int(column.argmax())
    if family.truth[chosen, j] == 1 and (column == column.max()).sum() == 1:
        return '<i class="good" title="this caption finds its picture">✓</i>'
    return f'<i class="bad" title="this caption chooses picture {chosen + 1}">→{chosen + 1}</i>'


def _picture(family: Family, i: int) -> str:
    data = b64encode(family.images[i]).decode()
    name = f"{i + 1} " if len(family.images) > 1 else ""
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="picture {i + 1} of {escape(family.key)}">'
        f"<figcaption>{name}{_chips(family, i)}</figcaption></figure>"
    )


def _chips(family: Family, j: int) -> str:
    """What caption j changes, as little labels."""
    names = family.edits[j] or ("anchor" if len(family.images) > 1 else "true",)
    return "".join(f'<span class="chip {escape(name)}">{escape(name)}</span>' for name in names)
