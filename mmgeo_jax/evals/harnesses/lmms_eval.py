"""A run of train-lmm as a model of lmms-eval, which finds it by the entry point in pyproject.toml:

    lmms-eval --model mmgeo --model_args pretrained=runs/lmm_tiny --tasks ... --batch_size 16

model_args: pretrained, a run or a published PaliGemma; tokenizer, as of `mmgeo solve`; length, the most tokens of an
answer, whatever a task allows (public ones allow thousands, for which there would have to be room in the cache).

Written for lmms-eval 0.7's simple models (lmms_eval/api/model.py): `generate_until` gets requests of a prompt, settings
of the generation and the way to a row of the task, and returns texts. The model sees a row's first picture, or blank
paper. JAX chooses the device.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tqdm import tqdm

from data_gen.shared.errors import UserError

try:
    from lmms_eval.api.model import lmms
except ModuleNotFoundError:  # outside of its environment
    lmms = object


class Settings(NamedTuple):
    """How answers are drawn. Requests of the same settings are answered together."""

    length: int
    temperature: float
    top_k: int
    top_p: float
    until: tuple[str, ...]  # texts before which an answer ends


class Mmgeo(lmms):
    """The model. `answer_batch` does the work, and is what a test may replace."""

    is_simple = True

    def __init__(
        self,
        pretrained: str,
        tokenizer: str | None = None,
        length: int = 192,
        batch_size: int | str = 1,
        max_batch_size: int | None = None,
        device: str | None = None,
    ) -> None:
        super().__init__()
        from mmgeo_jax.inference import chat  # here: lmms-eval imports this module to list its models

        self.solver = chat.load(str(pretrained), tokenizer)
        self.length = length
        self.batch = max(1, int(batch_size)) if str(batch_size).isdigit() else 16  # "auto"
        self.batches = 0  # so far: the seed, so that repeats differ

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """Answers requests, in their order."""
        together: dict[Settings, list[int]] = {}
        for i, request in enumerate(requests):
            together.setdefault(read_settings(request.args[1], self.length), []).append(i)
        said = [""] * len(requests)
        with tqdm(total=len(requests), desc="mmgeo", unit="question", disable=self.rank != 0) as bar:
            for settings, rows in together.items():
                for start in range(0, len(rows), self.batch):
                    part = rows[start : start + self.batch]
                    texts = self.answer_batch([requests[i] for i in part], settings)
                    for i, text in zip(part, texts, strict=True):
                        said[i] = cut(text, settings.until)
                        self.cache_hook.add_partial("generate_until", tuple(requests[i].args[:2]), said[i])
                    bar.update(len(part))
        return said

    def answer_batch(self, requests: Sequence[Any], settings: Settings) -> list[str]:
        """Answers requests of the same settings."""
        from mmgeo_jax.inference.sampling import Sampling

        sampling = Sampling(settings.length, 1, settings.temperature, settings.top_k, settings.top_p)
        pictures = [first_picture(self._visuals(request.args)) for request in requests]
        self.batches += 1
        return self.solver.ask(pictures, [request.args[0] for request in requests], sampling, self.batch, self.batches)

    def _visuals(self, arguments: Sequence[Any]) -> Any:
        _, _, doc_to_visual, doc_id, task, split = arguments
        return doc_to_visual(self.task_dict[task][split][doc_id])

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        raise UserError("mmgeo answers in words: choose a task with output_type: generate_until")

    def generate_until_multi_round(self, requests: Sequence[Any]) -> list[str]:
        raise UserError("mmgeo answers one question at a time: choose a task with output_type: generate_until")


def read_settings(wanted: Mapping[str, Any], length: int) -> Settings:
    """Reads a task's generation_kwargs; what is missing or None is greedy, up to `length` tokens."""
    until = wanted.get("until") or ()
    sampled = wanted.get("do_sample") is not False  # a task may leave a temperature beside do_sample: false
    return Settings(
        length=min(length, int(wanted.get("max_new_tokens") or length)),
        temperature=float(wanted.get("temperature") or 0.0) if sampled else 0.0,
        top_k=int(wanted.get("top_k") or 0),
        top_p=float(wanted.get("top_p") or 1.0),
        until=(until,) if isinstance(until, str) else tuple(text for text in until if text),
    )


def cut(text: str, until: Sequence[str]) -> str:
    """Cuts a text before the first of `until`."""
    return text[: min((at for end in until if (at := text.find(end)) >= 0), default=len(text))]


def first_picture(visuals: Any) -> Any:
    """Returns the first of a row's pictures, however they are nested; None where there is none. Raises UserError where
    it is something else, such as sound."""
    while isinstance(visuals, list | tuple):
        visuals = next((each for each in visuals if each is not None and each != []), None)
    if isinstance(visuals, Mapping):
        raise UserError(f"mmgeo sees pictures alone, and the task gives {', '.join(map(str, visuals))[:50]}")
    return visuals


def manifest() -> Any:
    """Returns what the entry point tells lmms-eval."""
    from lmms_eval.models.registry_v2 import ModelManifest

    return ModelManifest(model_id="mmgeo", simple_class_path=f"{__name__}.Mmgeo")
