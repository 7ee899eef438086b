"""Lets a model answer the items of benchmarks: a multimodal one, or an encoder where choices are captions."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from data_gen.records.schema import LETTERS
from data_gen.shared.errors import UserError
from mmgeo_jax.data import lmm as lmm_data
from mmgeo_jax.evals.benchmarks.item import Item
from mmgeo_jax.evals.benchmarks.run import BATCH
from mmgeo_jax.inference.chat import Solver
from mmgeo_jax.inference.sampling import Sampling


def make_answerer(solver: Solver, length: int) -> Callable[[list[Item]], list[str]]:
    """Returns what `run_benchmark` asks: items -> responses. The model sees an item's first picture, or blank paper."""
    sampling = Sampling(length=length)

    def answer(items: list[Item]) -> list[str]:
        seen = [item.pictures[0] if item.pictures else None for item in items]
        return solver.ask(
            seen, [lmm_data.format_prompt(item.question, item.choices) for item in items], sampling, BATCH
        )

    return answer


def make_chooser(score: Callable[[list[Path], Sequence[str]], np.ndarray]) -> Callable[[list[Item]], list[str]]:
    """Returns what `run_benchmark` asks: the letter of the choice whose caption scores best for an item's picture.
    `score` is that of an encoder (inference/encoder.py), pictures and texts -> float32[K, J]. Raises UserError for a
    benchmark whose choices are no captions."""

    def answer(items: list[Item]) -> list[str]:
        if not all(item.captions for item in items):
            raise UserError("an encoder answers where choices are captions: take --name=visonlyqa")
        best = (int(np.argmax(score([item.pictures[0]], item.captions)[0])) for item in items)
        return [f"({LETTERS[index]})" for index in best]

    return answer
