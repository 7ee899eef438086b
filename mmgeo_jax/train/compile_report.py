"""Reports what a training step needs, without the hardware: it is compiled for virtual devices, and not run.

    mmgeo compile-report --config=configs/clip_so400m.py --devices=8

Prints shardings, bytes per device by kind, and FLOPs, so that a run which does not fit is found out before a pod is
booked. XLA's CPU compiler plans the memory: a TPU's or a GPU's plan differs, mostly for the better.
"""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from ml_collections import ConfigDict

from data_gen.shared import cli
from data_gen.shared.errors import UserError
from mmgeo_jax import config as configs
from mmgeo_jax.checkpoints import manager as checkpoints
from mmgeo_jax.distributed import mesh as meshes
from mmgeo_jax.models.init import Params
from mmgeo_jax.train import clip as train_clip
from mmgeo_jax.train import lmm as train_lmm
from mmgeo_jax.train import loop, optim

EXAMPLE = """mmgeo compile-report --config=configs/clip_tiny.py --devices=8 --config.mesh.fsdp=4"""
GIB = 2**30


def trainer_of(config: ConfigDict) -> ModuleType:
    """Returns the module that trains a config."""
    return {"two_tower": train_clip, "lmm": train_lmm}[checkpoints.kind_of(config.model)]


def shapes(config: ConfigDict, mesh: Mesh) -> tuple[Params, Any, dict[str, jax.ShapeDtypeStruct]]:
    """Returns (params, optimizer state, batch) as shapes with their shardings; nothing is allocated."""
    params = jax.eval_shape(lambda: trainer_of(config).init_model(config)[1])
    opt_state = jax.eval_shape(optim.optimizer(config.optim, config.train.steps).init, params)

    def sharded(tree: Any) -> Any:
        return jax.tree.map(
            lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
            tree,
            meshes.state_shardings(tree, mesh),
        )

    rows, split = config.train.global_batch, meshes.batch_sharding(mesh)
    arrays = trainer_of(config).empty_batch(config, 1)
    batch = {n: jax.ShapeDtypeStruct((rows, *x.shape[1:]), x.dtype, sharding=split) for n, x in arrays.items()}
    return sharded(params), sharded(opt_state), batch


def compiled(config: ConfigDict, mesh: Mesh) -> jax.stages.Compiled:
    """Compiles the training step for a mesh."""
    trainer = trainer_of(config)
    graphdef, _ = jax.eval_shape(lambda: trainer.init_model(config))
    params, opt_state, batch = shapes(config, mesh)
    optimizer = optim.optimizer(config.optim, config.train.steps)
    state = {"params": params, "opt_state": opt_state}
    gradients = trainer.make_gradients(config, graphdef, mesh)
    step = loop.make_train_step(config, gradients, trainer.scalars, optimizer, state, mesh)
    return step.lower(params, opt_state, jax.ShapeDtypeStruct((), jnp.int32), batch).compile()


def temporary_bytes(config: ConfigDict, mesh: Mesh) -> int:
    """Returns the bytes per device of a step's activations and buffers, as XLA plans them."""
    memory = compiled(config, mesh).memory_analysis()
    assert memory is not None
    return memory.temp_size_in_bytes


def report(config: ConfigDict, mesh: Mesh) -> str:
    """Formats shardings, bytes per device and FLOPs as lines."""
    params, opt_state, batch = shapes(config, mesh)
    lines = [meshes.overview(params), ""]
    sizes = {
        "parameters": meshes.bytes_per_device(params),
        "optimizer state": meshes.bytes_per_device(opt_state),
        "batch": meshes.bytes_per_device(batch),
        "activations and buffers": temporary_bytes(config, mesh),
    }
    lines += [f"{name:26} {size / GIB:9.3f} GiB per device" for name, size in sizes.items()]
    lines.append(f"{'in all':26} {sum(sizes.values()) / GIB:9.3f} GiB per device of {mesh.size}")
    total = trainer_of(config).step_flops(config, batch)
    each = total / mesh.size
    lines.append(f"{'model FLOPs of a step':26} {total / 1e12:9.3f} TFLOP, {each / 1e12:.3f} per device")
    return "\n".join(lines)


@cli.command
def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit status."""
    parser = cli.parser("compile-report", __doc__, EXAMPLE)
    parser.add_argument("--config", required=True, help="Python file with get_config()")
    parser.add_argument("--devices", type=int, default=8, help="how many devices to compile for (default: 8)")
    options, overrides = parser.parse_known_args(arguments)
    if options.devices < 1:
        raise UserError(f"--devices={options.devices}: at least one is needed")
    config = configs.load(options.config, overrides)
    configs.check_whole(config)
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", options.devices)
    mesh = meshes.make_mesh(config.mesh.fsdp)
    meshes.check_batch(config.train, mesh)
    print(f"{config.name}: global batch of {config.train.global_batch}, mesh {dict(mesh.shape)}")
    print(report(config, mesh))
    return 0
