"""Lets a multimodal model answer the items of benchmarks."""

from collections.abc import Callable

import numpy as np

from mmgeo_jax.data import lmm as lmm_data
from mmgeo_jax.evals.benchmarks.item import Item
from mmgeo_jax.evals.benchmarks.run import BATCH
from mmgeo_jax.inference import encoder
from mmgeo_jax.inference.chat import Solver
from mmgeo_jax.inference.sampling import Sampling


def make_answerer(solver: Solver, length: int) -> Callable[[list[Item]], list[str]]:
    """Returns what `run_benchmark` asks: items -> responses. The model sees an item's first picture, or blank paper."""
    sampling, blank = Sampling(length=length), np.full((1, 1), 255, np.uint8)

    def answer(items: list[Item]) -> list[str]:
        full = items + items[:1] * (BATCH - len(items))  # always the same number, so that nothing compiles twice
        seen = [item.pictures[0] if item.pictures else blank for item in full]
        pictures = np.stack([encoder.grey_picture(picture, solver.size_px) for picture in seen])
        questions = [lmm_data.format_prompt(item.question, item.choices) for item in full]
        return [texts[0] for texts in solver.answer(pictures, questions, sampling)[: len(items)]]

    return answer
