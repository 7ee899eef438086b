"""Signatures: 256 bits that tell which captions of a batch may be true of a stranger's picture.

A picture's bits stand for the facts that are or may be true of it, a caption's for the facts that it states. A caption whose
bits are a subset of a picture's may be true of it, and training ignores the pair; the test errs towards ignoring.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Sequence
from functools import cache

import numpy as np

from data_gen.facts import Fact, Scene, canonical, printed_values, three_valued
from data_gen.geometry import angle_deg
from data_gen.predicates import PREDICATES, symmetry_group

SIGNATURE_WORDS = 8
SHARED_END = ("parallel", "perpendicular", "oblique", "equal_length")


def _bit(fact: Fact) -> int:
    text = f"{fact.predicate}:{','.join(fact.args)}:{fact.value or ''}"
    return zlib.crc32(text.encode()) % (32 * SIGNATURE_WORDS)


def _pack(bits: np.ndarray) -> np.ndarray:
    """bool[..., 256] -> uint32[..., 8], bit b of word w standing for 32 w + b."""
    words = bits.reshape(*bits.shape[:-1], SIGNATURE_WORDS, 32).astype(np.uint32)
    return (words << np.arange(32, dtype=np.uint32)).sum(-1, dtype=np.uint32)


def caption_signature(facts: Sequence[Fact]) -> np.ndarray:
    """uint32[8]: one bit for each fact that a caption states (a Bloom filter with one hash)."""
    bits = np.zeros(32 * SIGNATURE_WORDS, bool)
    bits[[_bit(canonical(fact)) for fact in facts]] = True
    return _pack(bits)


@cache
def _orbits(predicate: str, names: tuple[str, ...], centres: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """(int[K, arity] indices into names, int[K] bits): every fact of a predicate over the names, one per symmetry class."""
    row = PREDICATES[predicate]
    found: dict[Fact, tuple[int, ...]] = {}
    group = symmetry_group(predicate)
    first = [names.index(c) for c in centres] if row.circle else range(len(names))
    for head in first:
        rest = [i for i in range(len(names)) if i != head]
        for tail in itertools.permutations(rest, row.arity - 1):
            indices = (head, *tail)
            args = tuple(names[i] for i in indices)
            if args == min(tuple(args[i] for i in p) for p in group):
                found[Fact(predicate, args)] = indices
    if predicate in SHARED_END:
        found.update(_sharing_a_point(predicate, names))
    index = np.array(list(found.values()), int).reshape(-1, row.arity)
    return index, np.array([_bit(fact) for fact in found], int)


def _sharing_a_point(predicate: str, names: tuple[str, ...]) -> dict[Fact, tuple[int, ...]]:
    """Pairs of segments with a common end (AB ⊥ BC), which permutations of distinct names leave out."""
    found = {}
    for v, p, q in itertools.permutations(range(len(names)), 3):
        if p < q:
            fact = canonical(Fact(predicate, (names[v], names[p], names[v], names[q])))
            found[fact] = tuple(names.index(name) for name in fact.args)
    return found


def image_signatures(scene: Scene, margin_px: float) -> np.ndarray:
    """uint32[N, 8]: a bit for every fact that is, or may be, true of each diagram.

    A caption whose signature is a subset of a picture's may be true of it; the test errs towards "may be". Lengths count
    where they are printed; an angle's bits are those of the whole degrees within one of its measure.
    """
    bits = np.zeros((len(scene.diagrams), 32 * SIGNATURE_WORDS), bool)
    centres = tuple(sorted(scene.radii))
    for row in PREDICATES.values():
        if row.measure is None or row.arity > len(scene.names) or row.arity > 5:
            continue
        index, fact_bits = _orbits(row.name, scene.names, centres)
        if not len(index):
            continue
        arguments = list(np.moveaxis(scene.points[:, index], -1, 0))
        if row.circle:
            arguments.append(np.stack([scene.radii[scene.names[o]] for o in index[:, 0]], 1))
        truth, _ = three_valued(*row.measure(*arguments), margin_px)
        image, which = np.nonzero(truth != 0)
        bits[image, fact_bits[which]] = True
    _set_value_bits(bits, scene)
    return _pack(bits)


@cache
def _angle_orbits(names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """(int[K, 3] indices into names, int[K, 182] bits): every angle over the names, and the bit of each whole degree."""
    facts = [Fact("angle", (names[a], names[v], names[b]))
             for v in range(len(names)) for a, b in itertools.combinations(sorted({*range(len(names))} - {v}), 2)]
    index = np.array([[names.index(n) for n in fact.args] for fact in facts], int).reshape(-1, 3)
    bits = [[_bit(Fact("angle", canonical(fact).args, str(whole))) for whole in range(182)] for fact in facts]
    return index, np.array(bits, int).reshape(-1, 182)


def _set_value_bits(bits: np.ndarray, scene: Scene) -> None:
    index, angle_bits = _angle_orbits(scene.names)
    a, vertex, b = np.moveaxis(scene.points[:, index], -1, 0)
    degrees = np.nan_to_num(np.rint(angle_deg(a, vertex, b))).astype(int)
    rows, columns = np.arange(len(scene.diagrams))[:, None], np.arange(len(index))
    for near in (-1, 0, 1):
        bits[rows, angle_bits[columns, np.abs(degrees + near)]] = True
    for i, diagram in enumerate(scene.diagrams):
        for fact, value in printed_values(diagram).items():
            bits[i, _bit(Fact(fact.predicate, fact.args, value))] = True
