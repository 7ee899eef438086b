"""Lets a multimodal model answer the items of benchmarks."""

from collections.abc import Callable

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
