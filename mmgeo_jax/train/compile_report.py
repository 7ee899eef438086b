"""What a training step would need, found out without the hardware: it is compiled for virtual devices, and not run.

    mmgeo compile-report --config=configs/clip_so400m.py --devices=8

Prints where parameters lie, bytes per device by kind, and FLOPs, so that a run which does not fit is seen before a pod
is booked. XLA's CPU compiler plans the memory here: a TPU's or a GPU's plan differs, mostly for the better.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from data_gen.shared import cli
from data_gen.shared.errors import UserError
from mmgeo_jax import config as configs
from mmgeo_jax.checkpoints import manager as checkpoints
from mmgeo_jax.distributed import mesh
from mmgeo_jax.train import clip as train_clip
from mmgeo_jax.train import lmm as train_lmm
from mmgeo_jax.train import loop, optim

EXAMPLE = """mmgeo compile-report --config=configs/clip_tiny.py --devices=8 --config.mesh.fsdp=4"""
GIB = 2**30


def trainer_of(config: ConfigDict) -> Any:
    """The module that trains a config."""
    return {"two_tower": train_clip, "lmm": train_lmm}[checkpoints.kind_of(config.model)]


def shapes(config: ConfigDict, devices: Any) -> tuple[Any, Any, dict[str, jax.ShapeDtypeStruct]]:
    """(parameters, optimizer state, batch) as shapes with their shardings: nothing is made."""
    params = jax.eval_shape(lambda: trainer_of(config).fresh(config)[1])
    opt_state = jax.eval_shape(optim.optimizer(config.optim, config.train.steps).init, params)

    def placed(tree: Any) -> Any:
        return jax.tree.map(
            lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
            tree,
            mesh.state_shardings(tree, devices),
        )

    rows, split = config.train.global_batch, mesh.batch_sharding(devices)
    arrays = trainer_of(config).empty_batch(config, 1)
    batch = {n: jax.ShapeDtypeStruct((rows, *x.shape[1:]), x.dtype, sharding=split) for n, x in arrays.items()}
    return placed(params), placed(opt_state), batch


def compiled(config: ConfigDict, devices: Any) -> Any:
    """The training step, compiled for a mesh."""
    trainer = trainer_of(config)
    graphdef, _ = jax.eval_shape(lambda: trainer.fresh(config))
    params, opt_state, batch = shapes(config, devices)
    optimizer = optim.optimizer(config.optim, config.train.steps)
    state = {"params": params, "opt_state": opt_state}
    gradients = trainer.make_gradients(config, graphdef, devices)
    step = loop.make_train_step(config, gradients, trainer.scalars, optimizer, state, devices)
    return step.lower(params, opt_state, jax.ShapeDtypeStruct((), jnp.int32), batch).compile()


def report(config: ConfigDict, devices: Any) -> str:
    """Where arrays lie, bytes per device and FLOPs, as lines."""
    params, opt_state, batch = shapes(config, devices)
    memory = compiled(config, devices).memory_analysis()
    lines = [mesh.overview(params), ""]
    held = {
        "parameters": mesh.bytes_per_device(params),
        "optimizer state": mesh.bytes_per_device(opt_state),
        "batch": mesh.bytes_per_device(batch),
        "activations and buffers": memory.temp_size_in_bytes,
    }
    lines += [f"{name:26} {size / GIB:9.3f} GiB per device" for name, size in held.items()]
    lines.append(f"{'in all':26} {sum(held.values()) / GIB:9.3f} GiB per device of {devices.size}")
    total = trainer_of(config).step_flops(config, batch)
    each = total / devices.size
    lines.append(f"{'model FLOPs of a step':26} {total / 1e12:9.3f} TFLOP, {each / 1e12:.3f} per device")
    return "\n".join(lines)


@cli.command
def main(arguments: Sequence[str]) -> int:
    """The command; returns the exit status."""
    parser = cli.parser("compile-report", __doc__, EXAMPLE)
    parser.add_argument("--config", required=True, help="Python file with get_config()")
    parser.add_argument("--devices", type=int, default=8, help="how many devices to compile for (default: 8)")
    options, overrides = parser.parse_known_args(arguments)
    if options.devices < 1:
        raise UserError(f"--devices={options.devices}: at least one is needed")
    config = configs.load(options.config, overrides)
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", options.devices)
    devices = mesh.make_mesh(config.mesh.fsdp)
    mesh.check_batch(config.train, devices)
    print(f"{config.name}: global batch of {config.train.global_batch}, mesh {dict(devices.shape)}")
    print(report(config, devices))
    return 0
