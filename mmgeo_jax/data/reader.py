"""Families by row number, over one data set or several."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np
from tqdm import tqdm

from data_gen.records.schema import Family
from data_gen.shared.errors import UserError


class Source(Protocol):
    """The families of a split by row number, such as `data_gen.records.tfrecords.RecordSource`."""

    def __len__(self) -> int: ...
    def __getitem__(self, row: int) -> Family: ...


def count_families(sources: Sequence[Source]) -> int:
    """Returns the number of families of all sources together. Raises UserError where there are none."""
    count = sum(len(source) for source in sources)
    if not count:
        raise UserError("there is no family to read: the split is empty")
    return count


def read_family(sources: Sequence[Source], row: int) -> Family:
    """Reads a family by its row over all sources. Raises UserError where its record is broken."""
    for source in sources:
        if row < len(source):
            return source[row]
        row -= len(source)
    raise IndexError(row)


def read_evenly_spaced(source: Source, limit: int, purpose: str) -> Iterator[Family]:
    """Yields at most `limit` families, evenly spaced over a split, and shows a progress bar titled `purpose`."""
    rows = np.unique(np.linspace(0, len(source) - 1, limit).astype(int)).tolist()
    for row in tqdm(rows, purpose, unit=" families", leave=False):
        yield source[row]


def read_texts(sources: Sequence[Source], limit: int, texts_of: Callable[[Family], Iterable[str]]) -> Iterator[str]:
    """Yields the texts of at most `limit` families of each source, for its tokenizer."""
    for source in sources:
        for family in read_evenly_spaced(source, limit, "texts for the tokenizer"):
            yield from texts_of(family)
