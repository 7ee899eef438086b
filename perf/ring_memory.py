"""Memory of the contrastive loss and its gradient per device, dense and round the ring, by the compiler's own analysis.

Nothing is computed: both are compiled for 2, 4 and 8 virtual devices, with 512 families on each.
"""

import argparse
import sys

import jax
import jax.numpy as jnp

from mmgeo_jax.distributed import mesh
from mmgeo_jax.losses import pairs, ring

EXAMPLE = "example:\n  JAX_NUM_CPU_DEVICES=8 python -m perf.ring_memory"
IMAGES, CAPTIONS, WIDTH, WORDS, EACH = 8, 16, 768, 8, 512


def dense(images, captions, scale, bias, parts, settings, devices):
    """The loss over the whole matrix of scores."""
    scores = pairs.pair_scores(images, captions, scale, bias)
    labels, weights = pairs.label_block(*pairs.pair_metadata(**parts), *settings[1:])
    return pairs.contrastive_loss(scores, labels, weights, settings.name)


def ringed(images, captions, scale, bias, parts, settings, devices):
    """The same, a block at a time."""
    return ring.contrastive_loss(images, captions, scale, bias, *pairs.pair_metadata(**parts), settings, devices)


def temporaries_gib(loss, name: str, count: int) -> float:
    """GiB of temporaries per device at EACH families on each of `count` devices."""
    devices = mesh.mesh_of(jax.devices()[:count], fsdp=1)
    families, split, whole = EACH * count, mesh.batch_sharding(devices), mesh.replicated(devices)

    def shape(*sizes, dtype=jnp.float32, sharding=split):
        return jax.ShapeDtypeStruct(sizes, dtype, sharding=sharding)

    parts = {
        "truth": shape(families, IMAGES, CAPTIONS, dtype=jnp.int8),
        "image_mask": shape(families, IMAGES, dtype=bool),
        "caption_mask": shape(families, CAPTIONS, dtype=bool),
        "image_signatures": shape(families, IMAGES, WORDS, dtype=jnp.uint32),
        "caption_signatures": shape(families, CAPTIONS, WORDS, dtype=jnp.uint32),
    }
    settings = ring.LossSettings(name, "family", 1.0, 0.2)

    def of(images, captions, scale, bias, parts):
        return loss(images, captions, scale, bias, parts, settings, devices)

    scalars = [shape(sharding=whole)] * 2
    embeddings = shape(families * IMAGES, WIDTH), shape(families * CAPTIONS, WIDTH)
    step = jax.jit(jax.value_and_grad(of, argnums=(0, 1, 2, 3), has_aux=True))
    memory = step.lower(*embeddings, *scalars, parts).compile().memory_analysis()
    assert memory is not None, "this backend does not say what it takes"
    return memory.temp_size_in_bytes / 2**30


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    if jax.device_count() < 8:
        sys.exit("error: 8 devices are needed: JAX_NUM_CPU_DEVICES=8 python -m perf.ring_memory")
    for name in pairs.LOSSES:
        print(f"{name}: dense on 8 devices {temporaries_gib(dense, name, 8):.2f} GiB per device")
        for count in (8, 4, 2):
            print(f"{name}: ring on {count} devices {temporaries_gib(ringed, name, count):.2f} GiB per device")


if __name__ == "__main__":
    main()
