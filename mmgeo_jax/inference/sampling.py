"""Generation: prompts with images into a cache of keys and values, then one token at a time for all rows.

Letters: B prompts, n samples of each, R = B * n rows, L most tokens of an answer, S places of the cache. Prompts may be
ragged and padded on either side: places that belong to no sample are never seen, and positions count the others.
"""

import functools
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from data_gen.shared.errors import UserError
from mmgeo_jax.models.gemma import Cache, prefix_mask
from mmgeo_jax.models.init import Params
from mmgeo_jax.models.lmm import LMM


class Sampling(NamedTuple):
    """How answers are drawn."""

    length: int = 128  # L
    samples: int = 1  # n
    temperature: float = 0.0  # 0: the most likely token
    top_k: int = 0  # among the k most likely; 0: all
    top_p: float = 1.0  # among the most likely that reach this probability together
    stop: tuple[int, ...] = (1,)  # tokens that end an answer
    cache: int = 1024  # S: places for image, question and answer


GREEDY = Sampling()


class State(NamedTuple):
    """A loop's arrays."""

    cache: Cache
    seen: jax.Array  # bool[R, S]: places that hold something
    places: jax.Array  # int32[R, S]: their positions
    start: jax.Array  # int32[]: place of the next token
    position: jax.Array  # int32[R]: of the next token
    logits: jax.Array  # f32[R, V] of the next token
    keys: jax.Array  # R random keys
    done: jax.Array  # bool[R]
    tokens: jax.Array  # int32[R, L], 0 behind the end
    lengths: jax.Array  # int32[R]


def check_sampling(sampling: Sampling, prompt: int) -> None:
    """Raises UserError where settings make no sense, or `prompt` places and an answer do not fit into the cache."""
    wrong = {"length": sampling.length < 1, "samples": sampling.samples < 1, "top_k": sampling.top_k < 0}
    wrong |= {"temperature": not sampling.temperature >= 0.0, "top_p": not 0.0 < sampling.top_p <= 1.0}
    for name in (name for name, is_wrong in wrong.items() if is_wrong):
        raise UserError(f"sampling: {name}={getattr(sampling, name)} makes no sense")
    need = prompt + sampling.length
    if need > sampling.cache:
        raise UserError(
            f"a prompt of {prompt} places (image and question) and an answer of up to {sampling.length} tokens do not "
            f"fit into a cache of {sampling.cache}: shorten the question, or raise the cache to {need}"
        )


def filter_logits(logits: jax.Array, sampling: Sampling) -> jax.Array:
    """Divides logits f32[R, V] by the temperature and puts those that top-k or top-p leave out at the lowest number."""
    logits = logits / sampling.temperature
    lowest = jnp.finfo(jnp.float32).min
    if 0 < sampling.top_k < logits.shape[-1]:
        logits = jnp.where(logits < jax.lax.top_k(logits, sampling.top_k)[0][:, -1:], lowest, logits)
    if sampling.top_p < 1.0:
        ordered = -jnp.sort(-logits, axis=-1)
        chances = jax.nn.softmax(ordered, axis=-1)
        kept = jnp.cumsum(chances, axis=-1) - chances < sampling.top_p  # what is more likely does not reach it alone
        least = jnp.min(ordered, axis=-1, keepdims=True, where=kept, initial=jnp.inf)
        logits = jnp.where(logits < least, lowest, logits)
    return logits


def sample_token(logits: jax.Array, keys: jax.Array, sampling: Sampling) -> jax.Array:
    """Draws the next token of each row, int32[R], from logits f32[R, V] and R random keys."""
    if sampling.temperature == 0.0:
        return jnp.argmax(logits, axis=-1).astype(jnp.int32)
    return jax.vmap(jax.random.categorical)(keys, filter_logits(logits, sampling)).astype(jnp.int32)


@functools.partial(jax.jit, static_argnums=(0, 5))
def prefill(
    graphdef: nnx.GraphDef, params: Params, images: jax.Array | None, tokens: jax.Array, seed: jax.Array,
    sampling: Sampling,
) -> State:  # fmt: skip
    """Returns the state after the prompts: `images` and `tokens` as `generate` has them."""
    model: LMM = nnx.merge(graphdef, params)
    written = tokens >= 0
    read = model.sequence(images, jnp.maximum(tokens, 0), written.astype(jnp.int32), written)
    (rows, prompt), count = read.segments.shape, sampling.samples
    mask, room = prefix_mask(read.segments, read.positions, read.prefix), ((0, 0), (0, sampling.cache - prompt))
    places = jnp.pad(read.positions, room)
    cache = model.decoder.empty_cache(rows, sampling.cache)
    hidden, full = model.decoder(read.x, read.positions, jnp.pad(mask, ((0, 0), *room)), cache, 0, places)
    assert full is not None
    # The last place of a prompt, whatever side its padding is on.
    last = jnp.argmax(jnp.where(read.segments > 0, read.positions, -1), axis=1)
    logits = model.decoder.logits(jnp.take_along_axis(hidden, last[:, None, None], axis=1)[:, 0])
    # A row's key depends on its prompt and sample, so that more samples leave the first ones as they are.
    prompts = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(seed), jnp.arange(rows))
    keys = jax.vmap(lambda key: jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(count)))(prompts).reshape(-1)

    def each(x: jax.Array, axis: int = 0) -> jax.Array:
        return jnp.repeat(x, count, axis=axis)

    return State(
        cache=Cache(each(full.keys, 1), each(full.values, 1)),
        seen=each(jnp.pad(read.segments > 0, room)),
        places=each(places),
        start=jnp.int32(prompt),
        position=each((read.segments > 0).sum(1, dtype=jnp.int32)),
        logits=each(logits),
        keys=keys,
        done=jnp.zeros(rows * count, bool),
        tokens=jnp.zeros((rows * count, sampling.length), jnp.int32),
        lengths=jnp.zeros(rows * count, jnp.int32),
    )


def advance(graphdef: nnx.GraphDef, params: Params, state: State, number: jax.Array, sampling: Sampling) -> State:
    """Returns the state after one more token, the `number`-th from 0, of each row that has not ended."""
    model: LMM = nnx.merge(graphdef, params)
    token = sample_token(state.logits, jax.vmap(jax.random.fold_in, (0, None))(state.keys, number), sampling)
    done = state.done | jnp.isin(token, jnp.array(sampling.stop, jnp.int32))
    token = jnp.where(done, 0, token)
    seen = state.seen.at[:, state.start].set(True)
    places = state.places.at[:, state.start].set(state.position)
    hidden, cache = model.decoder(
        model.decoder.embed(token[:, None]), state.position[:, None], seen[:, None], state.cache, state.start, places
    )
    assert cache is not None
    return state._replace(
        cache=cache, seen=seen, places=places, start=state.start + 1, position=state.position + 1,
        logits=model.decoder.logits(hidden[:, 0]), done=done, tokens=state.tokens.at[:, number].set(token),
        lengths=state.lengths + ~done,
    )  # fmt: skip


@functools.partial(jax.jit, static_argnums=(0, 4), donate_argnums=2)
def _rest(graphdef: nnx.GraphDef, params: Params, state: State, number: jax.Array, sampling: Sampling) -> State:
    """Returns the state after all further tokens."""

    def open_(carry: tuple[jax.Array, State]) -> jax.Array:
        return (carry[0] < sampling.length) & ~jnp.all(carry[1].done)

    def step(carry: tuple[jax.Array, State]) -> tuple[jax.Array, State]:
        return carry[0] + 1, advance(graphdef, params, carry[1], carry[0], sampling)

    return jax.lax.while_loop(open_, step, (number, state))[1]


_step = functools.partial(jax.jit, static_argnums=(0, 4), donate_argnums=2)(advance)


def _start(
    graphdef: nnx.GraphDef, params: Params, images: np.ndarray | None, tokens: np.ndarray, sampling: Sampling, seed: int
) -> State:
    tokens = np.asarray(tokens, np.int32)
    if not (tokens >= 0).any(1).all():
        raise UserError("a prompt has no tokens: ask a question")
    shape = jax.eval_shape(
        lambda params, *parts: nnx.merge(graphdef, params).sequence(*parts).segments, params, images, *(tokens,) * 3
    ).shape
    check_sampling(sampling, shape[1])
    return prefill(graphdef, params, images, tokens, np.uint32(seed), sampling)


def generate(
    graphdef: nnx.GraphDef,
    params: Params,
    images: np.ndarray | None,
    tokens: np.ndarray,
    sampling: Sampling = GREEDY,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Generates answers to prompts.

    Args:
      graphdef, params: an LMM, as `lmm.init` gives it.
      images: uint8[B, H, W] or [B, H, W, 3], one a prompt; None: no pictures.
      tokens: int32[B, T], the questions; -1 is padding, on either side.
      seed: the same one gives the same answers.

    Returns tokens int32[B, n, L], the stop token not among them and 0 behind the end, and lengths int32[B, n]; L where
    there was no end. Raises UserError where a prompt has no tokens, or the cache is too short.
    """
    state = _start(graphdef, params, images, tokens, sampling, seed)
    state = _rest(graphdef, params, state, jnp.int32(0), sampling)
    shape = len(tokens), sampling.samples
    found, lengths = jax.device_get((state.tokens, state.lengths))
    return found.reshape(*shape, -1), lengths.reshape(shape)


def stream(
    graphdef: nnx.GraphDef,
    params: Params,
    images: np.ndarray | None,
    tokens: np.ndarray,
    sampling: Sampling = GREEDY,
    seed: int = 0,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields what `generate` gives token by token: int32[B, n], and whether an answer has ended, bool[B, n]."""
    state, shape = _start(graphdef, params, images, tokens, sampling, seed), (len(tokens), sampling.samples)
    for number in range(sampling.length):
        state = _step(graphdef, params, state, jnp.int32(number), sampling)
        token, done = jax.device_get((state.tokens[:, number], state.done))
        yield token.reshape(shape), done.reshape(shape)
        if done.all():
            return
