"""Families as vector pictures: drawn again from their programs, as SVG."""

import re

from data_gen.constructions.program import program_from_json
from data_gen.drawing.canvas import canvas_from_json
from data_gen.drawing.draw import draw
from data_gen.drawing.svg import to_svg
from data_gen.records.schema import Family
from data_gen.shared.errors import UserError

ANCHOR, SIBLING = "#3c91e6", "#e14b00"  # as in `changes.overlay`; one multiplied by the other is nearly black


def vector_pictures(family: Family) -> tuple[str, ...]:
    """Returns a family's pictures as SVG texts. Raises UserError if it has no programs, or outdated ones."""
    if not family.programs:
        raise UserError(f"{family.key} has no programs to draw again: its source gives pictures only")
    canvas = canvas_from_json(family.canvas)
    pictures = []
    for text in family.programs:
        member = draw(program_from_json(text), canvas)
        if member is None or member.labels is None:
            raise UserError(f"{family.key} cannot be drawn again: another version of this code wrote it")
        pictures.append(to_svg(member.diagram, member.labels))
    return tuple(pictures)


def vector_overlay(anchor: str, sibling: str) -> str:
    """Returns two pictures of `vector_pictures` as one: the sibling's ink over the anchor's, dark where in both."""
    head, *old, tail = anchor.splitlines()
    return "\n".join([head, *_layer(old, ANCHOR), *_layer(sibling.splitlines()[1:-1], SIBLING), tail, ""])


def _layer(paths: list[str], colour: str) -> list[str]:
    """Returns paths as a group in a colour instead of black; a grey area lets the paper through."""

    def area(match: re.Match[str]) -> str:
        return f'fill="{colour}" fill-opacity="{1 - int(match[1], 16) / 255:.2f}"'

    painted = [re.sub(r'fill="#(..)\1\1"', area, path.replace('"black"', f'"{colour}"')) for path in paths]
    return ['<g style="mix-blend-mode: multiply">', *painted, "</g>"]
