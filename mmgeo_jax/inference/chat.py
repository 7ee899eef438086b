"""Asks a multimodal model about a picture, and prints its answer as it comes."""

import dataclasses
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from data_gen.shared import cli
from data_gen.shared.errors import UserError
from mmgeo_jax.checkpoints import gemma as gemma_files
from mmgeo_jax.checkpoints import init_from
from mmgeo_jax.checkpoints import manager as checkpoints
from mmgeo_jax.data import lmm as lmm_data
from mmgeo_jax.data.tokenizer import Tokenizer
from mmgeo_jax.inference import encoder
from mmgeo_jax.inference import sampling as decoding
from mmgeo_jax.inference.sampling import GREEDY, Sampling
from mmgeo_jax.models import init as init_params
from mmgeo_jax.models import lmm
from mmgeo_jax.models.vit import kept_patches

EXAMPLE = """mmgeo solve --run=runs/lmm_tiny --image=figure.png --question="Find ∠ABC."
  mmgeo solve --run=runs/lmm_tiny --image=figure.png --question="Find x." --choices 40° 50° 60° 70°"""
PALIGEMMA_END = "\n"  # behind the question, as PaliGemma was trained
STEP = 32  # prompts are padded to multiples of so many tokens, so that few shapes are compiled


@dataclasses.dataclass(frozen=True)
class Solver:
    """A multimodal model with its tokenizer. `load` makes it."""

    model: Any  # config.model of the run
    graphdef: nnx.GraphDef
    params: init_params.Params
    tokenizer: Tokenizer
    size_px: int
    pictures: bool  # whether it was trained with them
    prompt_end: str = ""  # what it was trained to find behind a question

    def prompts(self, questions: Sequence[str]) -> np.ndarray:
        """Tokenizes questions to int32[B, T], padded with -1 on the left. Raises UserError where one is empty."""
        if any(not question.strip() for question in questions):
            raise UserError("the question is empty: ask something, as in --question='Find the value of x.'")
        if any("\ud800" <= sign <= "\udfff" for question in questions for sign in question):  # half of a character
            raise UserError("the question is not text in UTF-8: type it in a terminal that is set to UTF-8")
        ids = self.tokenizer.ids([question + self.prompt_end for question in questions], begun=True)
        width = -(-max(map(len, ids)) // STEP) * STEP
        return np.array([[-1] * (width - len(row)) + row for row in ids], np.int32)

    def answer(
        self, pictures: np.ndarray, questions: Sequence[str], sampling: Sampling = GREEDY, seed: int = 0
    ) -> list[list[str]]:
        """Returns n answers to each question about its picture, uint8[B, H, W]; sets `sampling`'s stop and cache."""
        prompts = self.prompts(questions)
        cache = kept_patches(self.model.image) + prompts.shape[1] + sampling.length
        sampling = self.fit_sampling(sampling, cache)
        found, lengths = decoding.generate(self.graphdef, self.params, self.shown(pictures), prompts, sampling, seed)
        return [
            [self.tokenizer.decode(row[:length]) for row, length in zip(rows, ends, strict=True)]
            for rows, ends in zip(found.tolist(), lengths.tolist(), strict=True)
        ]

    def ask(
        self,
        pictures: Sequence[encoder.Picture | None],
        questions: Sequence[str],
        sampling: Sampling = GREEDY,
        batch: int = 16,
        seed: int = 0,
    ) -> list[str]:
        """Returns an answer to each question about its picture of any kind, or about blank paper. Up to `batch`
        questions; they are filled up to as many, so that nothing compiles twice."""
        if not questions:
            return []
        blank = np.full((1, 1), 255, np.uint8)
        seen = [encoder.grey_picture(blank if picture is None else picture, self.size_px) for picture in pictures]
        more = batch - len(seen)
        found = self.answer(np.stack(seen + seen[:1] * more), [*questions, *[questions[0]] * more], sampling, seed)
        return [texts[0] for texts in found[: len(questions)]]

    def stream(self, picture: np.ndarray, question: str, sampling: Sampling = GREEDY, seed: int = 0) -> Iterator[str]:
        """Yields the answer about a picture uint8[H, W] in pieces. Raises UserError where the cache is too short."""
        told: list[int] = []
        said = ""
        tokens, sampling = self.prompts([question]), self.fit_sampling(sampling, sampling.cache)
        shown = self.shown(picture[None])
        for token, done in decoding.stream(self.graphdef, self.params, shown, tokens, sampling, seed):
            if done.all():
                return
            told.append(int(token[0, 0]))
            text = self.tokenizer.decode(told)
            if not text.endswith("\ufffd"):  # half of a letter that is spelt in bytes
                yield text[len(said) :]
                said = text

    def fit_sampling(self, sampling: Sampling, cache: int) -> Sampling:
        """Returns `sampling` with the model's end token and a cache of this length."""
        return sampling._replace(stop=(self.tokenizer.eos_id,), cache=cache)

    def shown(self, pictures: np.ndarray) -> np.ndarray:
        """Returns the pictures, or blank paper for a model that was trained on it."""
        return pictures if self.pictures else np.full_like(pictures, 255)


def load(source: str | Path, tokenizer: str | Path | None = None) -> Solver:
    """Returns the model of a run of train-lmm, or of a published PaliGemma, a folder or a big_vision `.npz`.

    Args:
      tokenizer: of a published model, a file or folder; by default what lies in the checkpoint's own folder.

    Raises UserError where it is none of these, has no checkpoint or tokenizer, or is broken.
    """
    source = Path(source).expanduser()
    if not checkpoints.is_published(source):
        return solver_of(checkpoints.restore_run(source, "lmm"))
    found = gemma_files.read(source)
    if "projector/out/kernel" not in found.params:
        raise UserError(f"{source} is a decoder without eyes: give a PaliGemma, or a run of train-lmm")
    if tokenizer is None and Path(source).is_file():
        raise UserError(f"{source} has no tokenizer beside it: name its file with --tokenizer=")
    model, params = found.config, jax.tree.map(jnp.asarray, init_from.fill_all(found, str(source)))
    graphdef = lmm.init_graph(model)
    return Solver(model, graphdef, params, Tokenizer(tokenizer or source), model.image.size_px, True, PALIGEMMA_END)


def solver_of(trained: checkpoints.Trained) -> Solver:
    """Returns a restored multimodal model as a Solver."""
    model, data = trained.config.model, trained.config.data
    more = data.size_px, data.show_images, data.prompt_end
    return Solver(model, lmm.init_graph(model), trained.params, trained.tokenizer, *more)


@cli.command
def main(arguments: Sequence[str]) -> int:
    parser = cli.parser("solve", __doc__, EXAMPLE)
    parser.add_argument("--run", required=True, help="a run of train-lmm, or the folder of a PaliGemma")
    parser.add_argument("--tokenizer", help="of a published model: a file or folder (default: in its own folder)")
    parser.add_argument("--image", required=True, help="a picture: PNG, JPEG, WEBP, GIF, BMP or TIFF")
    parser.add_argument("--question", required=True, help="what is asked")
    parser.add_argument("--choices", nargs="+", default=[], help="what there is to choose from")
    parser.add_argument("--length", type=int, default=192, help="most tokens of the answer (default: 192)")
    parser.add_argument("--cache", type=int, default=1024, help="length of the KV cache, tokens (default: 1024)")
    parser.add_argument("--temperature", type=float, default=0.0, help="0 takes the most likely token (default: 0)")
    parser.add_argument("--top-k", type=int, default=0, help="among the k likeliest tokens; 0: all (default: 0)")
    parser.add_argument("--top-p", type=float, default=1.0, help="among the likeliest that add up to it (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (default: 0)")
    options = parser.parse_args(arguments)
    if not options.question.strip():
        raise UserError("the question is empty: ask something, as in --question='Find the value of x.'")
    if not 0 <= options.seed < 2**32:
        raise UserError(f"--seed={options.seed} must be from 0 to {2**32 - 1}")
    solver = load(options.run, options.tokenizer)
    picture = encoder.grey_picture(options.image, solver.size_px)
    sampling = Sampling(options.length, 1, options.temperature, options.top_k, options.top_p, cache=options.cache)
    started, pieces = time.perf_counter(), 0
    prompt = lmm_data.format_prompt(options.question, options.choices)
    for piece in solver.stream(picture, prompt, sampling, options.seed):
        if not pieces:
            first = time.perf_counter()
        pieces += 1
        print(piece, end="", flush=True)
    print()
    if pieces > 1:
        rate = (pieces - 1) / (time.perf_counter() - first)
        print(f"{first - started:.1f} s to the first token, then {rate:.0f} tokens/s", file=sys.stderr)
    return 0
