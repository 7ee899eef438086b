"""The contenders of perf/bench.py: one training step each, in a process that answers lines of its standard input.

python -m perf.bench_steps quick_start dense 3
"""

import argparse
import dataclasses
import functools
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

EXAMPLE = "example:\n  echo round | python -m perf.bench_steps quick_start dense 3"
CAPTION_TOKENS = 64  # of each caption: SigLIP's own length
VOCAB = 512


@dataclasses.dataclass(frozen=True)
class Shape:
    """A model and a batch: towers of a shipped config, families of 8 pictures and 8 captions."""

    config: str
    images: int
    budgets: tuple[int, ...]  # of patches, for the ink contenders
    image_depth: int | None = None  # None: the config's
    text_depth: int | None = None


SHAPES = {
    "quick_start": Shape("clip_tiny", 64, (36,)),
    "b16_224": Shape("clip_b16", 256, (128, 100)),
    "so400m_378": Shape("clip_so400m", 32, (365, 288)),
    # Of the same width, but what a CPU computes in seconds.
    "b16_224_short": Shape("clip_b16", 16, (100,), 3, 1),
}


def our_config(shape: Shape, budget: int | None) -> Any:
    """Returns the config of a shape: SigLIP's architecture, without recomputation, in bfloat16 on an accelerator."""
    import jax

    from data_gen.shared.config import load

    config = load("config", shape.config).unlock()
    config.data.update(max_images=8, max_captions=8, max_tokens=CAPTION_TOKENS)
    config.model.text.update(length=CAPTION_TOKENS, vocab_size=VOCAB, pool="last", masked=False, remat="none")
    config.model.image.update(stem="patch", patch_budget=budget, remat="none")
    config.model.image.depth = shape.image_depth or config.model.image.depth
    config.model.text.depth = shape.text_depth or config.model.text.depth
    config.model.dtype = "float32" if jax.default_backend() == "cpu" else "bfloat16"
    config.train.update(global_batch=shape.images // 8, micro_batches=1)
    config.loss.name = "sigmoid"
    return config


def ours(shape: Shape, budget: int | None) -> tuple[Callable[[], Any], dict]:
    """Returns (a step that blocks until it is done, what it computes); one process, all of the train step."""
    import jax

    from mmgeo_jax.distributed import mesh as meshes
    from mmgeo_jax.train import clip, flops, loop, optim

    config, mesh = our_config(shape, budget), meshes.make_mesh(1)
    graphdef, params = clip.init_model(config)
    optimizer = optim.optimizer(config.optim, config.train.steps)
    state = {"params": params, "opt_state": jax.jit(optimizer.init)(params)}
    step = loop.make_train_step(
        config, clip.make_gradients(config, graphdef, mesh), clip.scalars, optimizer, state, mesh
    )
    rng = np.random.default_rng(0)
    batch: dict = dict(clip.empty_batch(config, config.train.global_batch))
    batch["images"] = rng.integers(0, 256, batch["images"].shape, np.uint8)
    batch["tokens"] = rng.integers(2, VOCAB, batch["tokens"].shape, np.int32)
    batch |= {"image_mask": batch["image_mask"] | True, "caption_mask": batch["caption_mask"] | True}
    batch["truth"] = np.broadcast_to(np.eye(8, dtype=np.int8), batch["truth"].shape)
    sharded = meshes.shard_batch(batch, mesh)
    program = step.lower(state["params"], state["opt_state"], np.int32(0), sharded).compile()

    def run() -> None:
        params, opt_state, metrics = program(state["params"], state["opt_state"], np.int32(0), sharded)
        state.update(params=params, opt_state=opt_state)
        jax.block_until_ready(metrics)

    device = jax.devices()[0]
    memory = program.memory_analysis()
    kernels = sorted({name for name in ("__cudnn$fmha", "flash") if name in (program.as_text() or "")})
    return run, {
        "flops": clip.step_flops(config, batch),
        "peak": flops.peak(device.device_kind),
        "temporaries_gib": round(memory.temp_size_in_bytes / 2**30, 2) if memory else None,
        "kernels": kernels,
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(params)),
    }


def siglip(shape: Shape, compiles: bool) -> tuple[Callable[[], Any], dict]:
    """Returns the same step in PyTorch: `transformers`' SiglipModel, the sigmoid loss, clipping, fused AdamW."""
    import torch
    from transformers import SiglipConfig, SiglipModel

    config = our_config(shape, None)
    image, text = config.model.image, config.model.text
    on_gpu = torch.cuda.is_available()
    torch.set_float32_matmul_precision("high")
    device = torch.device("cuda" if on_gpu else "cpu")

    def tower(of: Any) -> dict:
        return dict(hidden_size=of.width, num_hidden_layers=of.depth, num_attention_heads=of.heads,
                    intermediate_size=round(of.width * of.mlp_ratio), attn_implementation="sdpa")  # fmt: skip

    theirs = SiglipConfig(
        vision_config=tower(image) | {"image_size": config.data.size_px, "patch_size": image.patch_px},
        text_config=tower(text) | {"vocab_size": VOCAB, "max_position_embeddings": CAPTION_TOKENS,
                                   "projection_size": config.model.embed},
    )  # fmt: skip
    theirs._attn_implementation = "sdpa"
    model = SiglipModel(theirs).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    forward = torch.compile(model) if compiles else model
    rng = np.random.default_rng(0)
    pixels = torch.from_numpy(rng.integers(0, 256, (shape.images, 1, *(config.data.size_px,) * 2), np.uint8)).to(device)
    tokens = torch.from_numpy(rng.integers(2, VOCAB, (shape.images, CAPTION_TOKENS))).to(device)
    labels = 2 * torch.eye(shape.images, device=device) - 1

    def run() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=on_gpu):
            images = (pixels.float() / 127.5 - 1).expand(-1, 3, -1, -1)
            logits = forward(pixel_values=images, input_ids=tokens).logits_per_text
        loss = -torch.nn.functional.logsigmoid(labels * logits.float()).sum() / shape.images
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()

    from mmgeo_jax.train import clip, flops

    kind = torch.cuda.get_device_name() if on_gpu else "cpu"
    batch = clip.empty_batch(config, config.train.global_batch)
    return run, {"flops": clip.step_flops(config, batch), "peak": flops.peak(kind)}


# name -> (shape, budget of an ink contender) -> (step, what it computes)
CONTENDERS: dict[str, Callable] = {
    "dense": lambda shape, _: ours(shape, None),
    "ink": ours,
    "torch": lambda shape, _: siglip(shape, compiles=False),
    "torch_compiled": lambda shape, _: siglip(shape, compiles=True),
}


def peak_gib(contender: str) -> float | None:
    """Returns the most device memory that this process has held, None on a CPU."""
    if contender.startswith("torch"):
        import torch

        return round(torch.cuda.max_memory_allocated() / 2**30, 2) if torch.cuda.is_available() else None
    import jax

    bytes_in_use = (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    return round(bytes_in_use / 2**30, 2) if bytes_in_use else None


def timed(run: Callable[[], Any], steps: int) -> dict[str, float]:
    """Returns the milliseconds of a step, by the clock and of all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(steps):
        run()
    return {"ms": (time.perf_counter() - wall) / steps * 1e3, "cpu_ms": (time.process_time() - cpu) / steps * 1e3}


def main() -> None:
    parser = argparse.ArgumentParser(
        "python -m perf.bench_steps", description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("contender", help="dense, torch, torch_compiled, or ink with a budget: ink36")
    parser.add_argument("steps", type=int, help="of a round")
    options = parser.parse_args()
    name = options.contender.rstrip("0123456789")
    budget = int(options.contender.removeprefix("ink")) if name == "ink" else None
    answer = functools.partial(print, flush=True)
    began = time.perf_counter()
    run, facts = CONTENDERS[name](SHAPES[options.shape], budget)
    for _ in range(3):  # compiles, and fills caches
        run()
    answer(json.dumps(facts | {"ready_s": round(time.perf_counter() - began, 1)}))
    for line in sys.stdin:
        if line.strip() == "round":
            answer(json.dumps(timed(run, options.steps) | {"peak_gib": peak_gib(name)}))


if __name__ == "__main__":
    main()
