"""Sharding: a mesh of devices ("data", "fsdp"), and a table that assigns dimensions of arrays to its axes."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from ml_collections import ConfigDict

from data_gen.shared.errors import UserError
from mmgeo_jax.models.freeze import path_name

BATCH_AXES = ("data", "fsdp")  # of the mesh, over which a batch is split
# name of a parameter's dimension -> the axis that splits it; any other is whole on each device
AXES = {"width": "fsdp"}
# path of a parameter -> names of its last dimensions (those before are layers); any other parameter is replicated
DIMENSIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"stem/kernel\d?$", ("pixel", "width")),
    (r"(query|key|value)/kernel$", ("width", "heads")),
    (r"out/kernel$", ("heads", "width")),
    (r"(up|gate)/kernel$", ("width", "hidden")),
    (r"down/kernel$", ("hidden", "width")),
    (r"head/kernel$", ("width", "embed")),
    (r"token$", ("vocab", "width")),
    (r"position$", ("place", "width")),
)


def make_mesh(fsdp: int) -> Mesh:
    """Arranges all devices in a mesh ("data", "fsdp") of devices / fsdp times fsdp."""
    devices = jax.device_count()
    if fsdp < 1 or devices % fsdp:
        raise UserError(f"mesh.fsdp={fsdp} does not divide the {devices} devices of this machine")
    return mesh_of(jax.devices(), fsdp)


def mesh_of(devices: Sequence[jax.Device], fsdp: int) -> Mesh:
    """Arranges these devices in such a mesh."""
    shape = len(devices) // fsdp, fsdp
    return jax.make_mesh(shape, ("data", "fsdp"), axis_types=(AxisType.Auto,) * 2, devices=devices)


def replicated(mesh: Mesh) -> NamedSharding:
    """Returns the sharding that puts a whole copy on each device."""
    return NamedSharding(mesh, PartitionSpec())


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Returns the sharding that splits arrays [B, ...] over B."""
    return NamedSharding(mesh, PartitionSpec(BATCH_AXES))


def state_shardings(tree: Any, mesh: Mesh) -> Any:
    """Returns a sharding for each array of `tree`: parameters, or optimizer state that mirrors their paths."""

    def sharding(path: tuple[Any, ...], leaf: Any) -> NamedSharding:
        names = next((names for pattern, names in DIMENSIONS if re.search(pattern, path_name(path))), ())
        axes = [None] * (leaf.ndim - len(names)) + [AXES.get(each) for each in names]
        # A dimension that the axis does not divide is not split.
        fits = [
            axis if axis and size % mesh.shape[axis] == 0 else None for axis, size in zip(axes, leaf.shape, strict=True)
        ]
        return NamedSharding(mesh, PartitionSpec(*fits))

    return jax.tree.map_with_path(sharding, tree)


def bytes_per_device(tree: Any) -> int:
    """Returns how many bytes of a tree of arrays, or of shapes with shardings, one device holds."""
    return sum(_share(leaf) for leaf in jax.tree.leaves(tree))


def _share(leaf: Any) -> int:
    return int(np.prod(leaf.sharding.shard_shape(leaf.shape), dtype=np.int64)) * leaf.dtype.itemsize


def overview(tree: Any) -> str:
    """Formats a tree of arrays, or of shapes with shardings, as a table: name, shape, split, size per device."""
    rows = [("array", "shape", "split over", "MiB per device")]
    for path, leaf in jax.tree.leaves_with_path(tree):
        mesh, places = leaf.sharding.mesh, zip(leaf.shape, leaf.sharding.spec, strict=False)
        split = [f"{size}/{axis}" for size, axis in places if axis and mesh.shape[axis] > 1]
        size = f"{_share(leaf) / 2**20:.2f}"
        rows.append((path_name(path), str(list(leaf.shape)), ", ".join(split) or "whole", size))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def summary(state: Mapping[str, Any]) -> str:
    """Formats the state of a run, {"params": ..., "opt_state": ...}, as a line: parameters, and size per device."""
    count = sum(leaf.size for leaf in jax.tree.leaves(state["params"]))
    sizes = " and ".join(f"{bytes_per_device(tree) / 2**20:.0f} MiB of {name}" for name, tree in state.items())
    devices = f"{jax.device_count()} {jax.devices()[0].platform} device(s)"
    return f"{count / 1e6:.1f} M parameters on {devices} with {sizes} each"


def shard_state(tree: Any, mesh: Mesh) -> Any:
    """Puts the arrays of `tree`, the same in every process, on devices as `state_shardings` says."""
    return jax.device_put(jax.device_get(tree), state_shardings(tree, mesh))


def check_batch(train: ConfigDict, mesh: Mesh) -> None:
    """Raises UserError if the families of a micro-batch do not divide among the devices."""
    if train.micro_batches < 1 or train.global_batch % (mesh.size * train.micro_batches):
        parts = f" in {train.micro_batches} micro-batches" if train.micro_batches != 1 else ""
        raise UserError(f"train.global_batch={train.global_batch} does not divide among {mesh.size} devices{parts}")


def shard_batch(batch: Mapping[str, Any], mesh: Mesh) -> dict[str, jax.Array]:
    """Puts a process's slice of a batch on its devices, as part of the arrays of the global batch."""
    sharding = batch_sharding(mesh)
    return {name: jax.make_array_from_process_local_data(sharding, array) for name, array in batch.items()}
