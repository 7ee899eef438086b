"""Computes signatures, one-hash Bloom filters of 256 bits: which captions of a batch may be true of a picture.

A picture's bits stand for the facts that are or may be true of it, a caption's for the facts that it states. A
caption whose bits are a subset of a picture's may be true of it, and training ignores the pair; the test errs towards
ignoring.
"""

import itertools
import zlib
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from data_gen.geometry.plane import angle_deg
from data_gen.language.fact import Fact, canonical
from data_gen.language.numbers import parse_ratio
from data_gen.language.predicates.table import PREDICATES, Predicate, symmetry_group
from data_gen.truth.truth_table import Scene, marked_values, truth_of_measure

SIGNATURE_WORDS = 8
BITS = 32 * SIGNATURE_WORDS
SHARED_END = ("parallel", "perpendicular", "oblique", "equal_length")


@lru_cache(maxsize=1 << 12)
def _code(text: str | None) -> np.uint64:
    return np.uint64(zlib.crc32(text.encode()) if text else 0)


def _bits(predicates: np.ndarray | np.uint64, args: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Hashes facts, uint64 codes of predicates [...], names [..., arity] and values [...], to bits int64[...]."""
    mixed = predicates
    for i in range(args.shape[-1]):
        mixed = _mix(mixed ^ args[..., i])
    return (_mix(mixed ^ values) % np.uint64(BITS)).astype(np.int64)


def _mix(x: np.ndarray) -> np.ndarray:
    """Does a multiplicative hash step on 64 bits, the high half folded into the low."""
    x = x * np.uint64(0x9E3779B97F4A7C15)
    return x ^ (x >> np.uint64(29))


@lru_cache(maxsize=1 << 16)
def _fact_bit(fact: Fact) -> int:
    fact = canonical(fact)
    codes = np.array([[_code(name) for name in fact.args]])
    return int(_bits(np.array([_code(fact.predicate)]), codes, np.array([_code(fact.value)]))[0])


def _pack(bits: np.ndarray) -> np.ndarray:
    """Packs bool[..., 256] into uint32[..., 8], bit b of word w standing for 32 w + b."""
    words = bits.reshape(*bits.shape[:-1], SIGNATURE_WORDS, 32).astype(np.uint32)
    return (words << np.arange(32, dtype=np.uint32)).sum(-1, dtype=np.uint32)


def caption_signature(facts: Sequence[Fact]) -> np.ndarray:
    """Computes uint32[8]: one bit for each fact that a caption states."""
    bits = np.zeros(BITS, bool)
    # What no picture has a bit for is no reason to deny a caption.
    bits[[_fact_bit(fact) for fact in facts if PREDICATES[fact.predicate].in_signatures]] = True
    return _pack(bits)


def drawable(facts: Sequence[Fact]) -> list[Fact]:
    """Returns the facts that pictures of ours have bits for: a bit that they never set would deny what may hold."""
    return [f for f in facts if PREDICATES[f.predicate].measure is not None or f.predicate in ("length", "angle")]


@cache
def _orbits(predicate: str, count: int, heads: tuple[int, ...]) -> np.ndarray:
    """Lists int[K, arity]: arguments of every fact over `count` names in alphabetical order, one per symmetry class.
    `heads` are the names that may come first (all of them, or the centres of circles)."""
    row, group = PREDICATES[predicate], symmetry_group(predicate)
    tuples = [
        (head, *rest)
        for head in heads
        for rest in itertools.permutations([i for i in range(count) if i != head], row.arity - 1)
    ]
    if predicate in SHARED_END:
        tuples += [(v, p, v, q) for v, p, q in itertools.permutations(range(count), 3)]
    least = {min(tuple(args[i] for i in p) for p in group) for args in tuples}
    return np.array(sorted(least), int).reshape(-1, row.arity)


class _Batch(NamedTuple):
    """All facts of one arity that a figure of some names may show, K of them, side by side."""

    args: np.ndarray  # int[K, arity]: which names
    predicates: np.ndarray  # uint64[K]: codes
    values: np.ndarray  # uint64[K]: codes, 0 where there is none
    measured: tuple[tuple[Predicate, str, slice], ...]  # which of them a call of a measure judges, and for which value


@cache
def _batches(count: int, centres: tuple[int, ...]) -> tuple[_Batch, ...]:
    """Lists what is to be judged in figures of `count` names, of which `centres` are centres of circles."""
    by_arity: dict[int, list[tuple[Predicate, str, np.ndarray]]] = {}
    for row in PREDICATES.values():
        if row.measure is None or not row.in_signatures:
            continue
        index = _orbits(row.name, count, centres if row.circles else tuple(range(count)))
        # A second circle has a radius too.
        index = index[np.isin(index[:, : row.circles], centres).all(1)]
        if len(index):
            by_arity.setdefault(row.arity, []).extend((row, value, index) for value in row.values or ("",))
    return tuple(_batch(facts) for facts in by_arity.values())


def _batch(facts: list[tuple[Predicate, str, np.ndarray]]) -> _Batch:
    sizes = [len(index) for _, _, index in facts]
    columns = [slice(end - size, end) for size, end in zip(sizes, np.cumsum(sizes).tolist(), strict=True)]
    return _Batch(
        np.concatenate([index for _, _, index in facts]),
        np.repeat(np.array([_code(row.name) for row, _, _ in facts]), sizes),
        np.repeat(np.array([_code(value) for _, value, _ in facts]), sizes),
        tuple((row, value, some) for (row, value, _), some in zip(facts, columns, strict=True)),
    )


def image_signatures(scene: Scene, margin_px: float) -> np.ndarray:
    """Computes uint32[N, 8]: a bit for every fact that is, or may be, true of each diagram. Facts of up to five points
    count. A length counts where it is printed; an angle's bits are those of the whole degrees within one of its
    measure."""
    bits = np.zeros((len(scene.diagrams), BITS), bool)
    codes = np.array([_code(name) for name in scene.names], np.uint64)
    unknown = np.full(len(scene.diagrams), np.nan)
    radii = np.array([scene.radii.get(name, unknown) for name in scene.names])  # [names, N]
    # A hidden centre names no circle.
    for batch in _batches(len(codes), tuple(i for i, name in enumerate(scene.names) if name in scene.radii)):
        points = np.moveaxis(scene.points[:, batch.args], -1, 0)  # [arity, N, K]
        deviation, slack = np.empty((2, *points.shape[1:]))
        for row, value, columns in batch.measured:
            arguments = list(points[:, :, columns])
            arguments += [radii[batch.args[columns, k]].T for k in range(row.circles)]
            arguments += [scene.strokes[row.strokes]] if row.strokes else []
            arguments += [parse_ratio(value)] * bool(value)
            assert row.measure is not None
            deviation[:, columns], slack[:, columns] = row.measure(*arguments)
        truth, _ = truth_of_measure(deviation, slack, margin_px)
        image, which = np.nonzero(truth != 0)
        bits[image, _bits(batch.predicates, codes[batch.args], batch.values)[which]] = True
    _set_value_bits(bits, scene, codes)
    return _pack(bits)


WHOLE_DEGREES = np.array([_code(str(degrees)) for degrees in range(182)])


def _set_value_bits(bits: np.ndarray, scene: Scene, codes: np.ndarray) -> None:
    index = _orbits("angle", len(codes), tuple(range(len(codes))))
    if len(index):
        a, vertex, b = np.moveaxis(scene.points[:, index], -1, 0)
        degrees = np.nan_to_num(np.rint(angle_deg(a, vertex, b))).astype(int)
        images = np.arange(len(scene.diagrams))[:, None]
        for near in (-1, 0, 1):
            bits[images, _bits(_code("angle"), codes[index], WHOLE_DEGREES[np.abs(degrees + near)])] = True
    for i, diagram in enumerate(scene.diagrams):
        for fact, value in marked_values(diagram).items():
            bits[i, _fact_bit(Fact(fact.predicate, fact.args, value or None))] = True
