"""The loss of what stands where: every patch token is taught what `data_gen/records/patch_targets.py` says of it.

A group of classes (characters, names of points, strokes, marks) has the sum of the binary cross-entropies of its
classes over all patches that are computed, divided by how many of them are present in the whole batch: few patches have
anything to be read, and a mean would teach that none has. Images without annotations take no part in it. The sums are
by image, so that micro-batches keep them beside the embeddings, and the value is exact.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Float32, Int32, UInt32
from ml_collections import ConfigDict

from data_gen.records.patch_targets import GROUPS, group_slice, unpack
from mmgeo_jax.losses.pairs import Loss

Sums = Float32[Array, "I groups"]


def weights(loss: ConfigDict) -> dict[str, float]:
    """Returns group -> weight, of the groups that `loss.dense` gives one."""
    return {group: weight for group, weight in loss.get("dense", {}).items() if weight}


def sums(
    logits: Float[Array, "I P K"],
    positions: Int32[Array, "I P"],
    mask: Bool[Array, "I P"],
    targets: UInt32[Array, "I grid W"],
    annotated: Bool[Array, " I"],
) -> Sums:
    """Sums the cross-entropies of each image by group, in the order of GROUPS.

    Args:
      positions, mask: of the patches, as `vit.patchify` returns them.
      targets: of the whole grid; annotated: of which images they are known.
    """
    here = unpack(jnp.take_along_axis(targets, positions[..., None], axis=1))
    terms = jax.nn.softplus(jnp.where(here, -1.0, 1.0) * logits.astype(jnp.float32))
    by_class = jnp.where((mask & annotated[:, None])[..., None], terms, 0.0).sum(1)
    return jnp.stack([by_class[:, group_slice(group)].sum(-1) for group in GROUPS], -1)


def loss(found: Sums, targets: UInt32[Array, "B N grid W"], weight: dict[str, float]) -> Loss:
    """Computes the weighted loss of a batch from the sums of its images, and each group's part as a metric."""
    present = unpack(targets).sum(range(targets.ndim - 1), dtype=jnp.float32)
    parts = {
        group: found[:, number].sum() / jnp.maximum(present[group_slice(group)].sum(), 1.0)
        for number, group in enumerate(GROUPS)
    }
    total = sum((weight.get(group, 0.0) * part for group, part in parts.items()), jnp.float32(0))
    return total, jax.lax.stop_gradient({f"loss_{group}": parts[group] for group in weight})
