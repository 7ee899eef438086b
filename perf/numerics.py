"""Compares what the default device computes with the CPU in float64: embeddings, loss, gradient, attention.

    python -m perf.numerics --config=configs/clip_tiny.py

The towers' reference is float64; scores and loss are float32 in every mode. Prints ||ours - reference|| / ||reference||
of each, with the bound that it must keep; exits 1 where one does not.
"""

import argparse
import sys

import jax
import jax.numpy as jnp
import numpy as np

from data_gen.shared.config import load
from mmgeo_jax.distributed import mesh as meshes
from mmgeo_jax.losses import grad_cache
from mmgeo_jax.models import transformer
from mmgeo_jax.train import clip

EXAMPLE = "example:\n  python -m perf.numerics --config=configs/clip_tiny.py"
# dtype of the computation, precision of f32 products -> largest relative error of embeddings and loss, of gradients
BOUNDS = {
    ("float32", "highest"): (1e-5, 1e-4),
    ("float32", "default"): (3e-3, 3e-2),
    ("bfloat16", "default"): (3e-2, 3e-1),
}
ATTENTION_BOUND = 2e-2


def error(ours, reference) -> float:
    """Returns ||ours - reference|| / ||reference|| over all leaves of a tree."""
    flat = [
        np.concatenate([np.ravel(np.asarray(x, np.float64)) for x in jax.tree.leaves(t)]) for t in (ours, reference)
    ]
    return float(np.linalg.norm(flat[0] - flat[1]) / np.linalg.norm(flat[1]))


def random_batch(config, rng) -> dict:
    """Returns a batch whose pictures are paper with some ink in a part of the patches."""
    batch: dict[str, np.ndarray] = {**clip.empty_batch(config, config.train.global_batch)}  # type: ignore[dict-item]
    shape = batch["images"].shape
    inked = np.repeat(np.repeat(rng.random((*shape[:2], shape[2] // 16, shape[3] // 16)) < 0.4, 16, 2), 16, 3)
    batch["images"] = np.where(inked & (rng.random(shape) < 0.2), rng.integers(0, 200, shape), 255).astype(np.uint8)
    tokens = rng.integers(2, config.model.text.vocab_size, batch["tokens"].shape)
    ends = rng.integers(8, tokens.shape[-1], tokens.shape[:-1])[..., None]
    batch["tokens"] = np.where(np.arange(tokens.shape[-1]) < ends, tokens, config.model.text.end_id).astype(np.int32)
    batch |= {"image_mask": batch["image_mask"] | True, "caption_mask": batch["caption_mask"] | True}
    batch["truth"] = np.broadcast_to(np.eye(*batch["truth"].shape[1:], dtype=np.int8), batch["truth"].shape)
    return batch


def step(config, params, batch, device):
    """Returns (embeddings, loss, gradient) on a device."""
    mesh = meshes.mesh_of([device], fsdp=1)
    graphdef, _ = jax.eval_shape(lambda: clip.init_model(config))
    params, batch = jax.device_put((params, batch), device)
    gradients = jax.jit(clip.make_gradients(config, graphdef, mesh))
    embed = jax.jit(lambda params, batch: grad_cache.embed(graphdef, params, batch["images"], batch["tokens"]))
    (loss, _), gradient = gradients(params, batch)
    return jax.device_get((embed(params, batch), loss, gradient))


def check_steps(config_file: str) -> bool:
    """Compares steps of a config at every dtype and precision; returns whether all keep their bounds."""
    config = load("config", config_file).unlock()
    config.train.update(global_batch=2, micro_batches=1)
    config.model.image.depth = config.model.text.depth = 2  # a block after a block is all there is to see
    _, params = clip.init_model(config)
    batch, cpu = random_batch(config, np.random.default_rng(0)), jax.devices("cpu")[0]
    config.model.dtype = "float64"
    with jax.enable_x64(True), jax.default_device(cpu):
        wide = jax.tree.map(lambda x: np.asarray(x, np.float64), jax.device_get(params))
        reference = step(config, wide, batch, cpu)
    right = True
    for (dtype, precision), (bound, gradient_bound) in BOUNDS.items():
        config.model.dtype = dtype
        with jax.default_matmul_precision(precision):
            found = step(config, params, batch, jax.devices()[0])
        bounds = bound, bound, gradient_bound
        for what, ours, theirs, most in zip(("embeddings", "loss", "gradient"), found, reference, bounds, strict=True):
            far = error(ours, theirs)
            right &= far <= most
            print(f"{dtype:9} {precision:8} {what:11} {far:.1e} of at most {most:.0e}", flush=True)
    return right


def attention_and_gradients(arrays, upstream, mask, causal, dtype, device):
    """Returns the outputs of attention on a device, and the gradients of its product with `upstream`."""

    def scalar(queries, keys, values):
        out = transformer.attend(queries, keys, values, None if mask is None else jnp.asarray(mask), causal)
        return (out.astype(jnp.promote_types(dtype, jnp.float32)) * upstream).sum(), out

    with jax.enable_x64(dtype == np.float64), jax.default_device(device):
        on_device = [jax.device_put(x.astype(dtype), device) for x in arrays]
        gradients, out = jax.jit(jax.grad(scalar, (0, 1, 2), has_aux=True))(*on_device)
        return jax.device_get((out, gradients))


def check_attention() -> bool:
    """Compares bfloat16 attention and its gradients, ragged and causal too, with float64's."""
    right, rng = True, np.random.default_rng(1)
    for length, size, causal, ragged in ((196, 64, False, False), (365, 72, False, True), (101, 64, True, True)):
        queries, keys, values, upstream = (rng.normal(size=(4, length, 3, size)) for _ in range(4))
        mask = np.arange(length) < rng.integers(2, length, 4)[:, None] if ragged else None

        arrays = queries, keys, values
        reference = attention_and_gradients(arrays, upstream, mask, causal, np.float64, jax.devices("cpu")[0])
        found = attention_and_gradients(arrays, upstream, mask, causal, jnp.bfloat16, jax.devices()[0])
        far = error(found, reference)
        right &= far <= ATTENTION_BOUND
        print(
            f"attention {length} x {size} causal={causal} ragged={ragged}: {far:.1e} of at most {ATTENTION_BOUND:.0e}"
        )
    return right


def main() -> int:
    parser = argparse.ArgumentParser(
        "python -m perf.numerics", description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--config", default="configs/clip_tiny.py")
    options = parser.parse_args()
    print(f"device: {jax.devices()[0].device_kind}, jax {jax.__version__}")
    return 0 if check_steps(options.config) & check_attention() else 1


if __name__ == "__main__":
    sys.exit(main())
