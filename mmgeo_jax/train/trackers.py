"""What a run writes down, to TensorBoard and Weights & Biases as well, where these are installed (`train.trackers`)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from data_gen.shared.config import flatten
from data_gen.shared.errors import UserError

Track = Callable[[int, Mapping[str, Any]], None]  # of a step, its scalars


@contextmanager
def tensorboard(run: Path, config: ConfigDict) -> Iterator[Track]:
    """Event files in the run's folder: tensorboard --logdir=runs."""
    module = _installed("tensorboardX", "tensorboard")
    with module.SummaryWriter(str(run / "tensorboard")) as writer:

        def track(step: int, values: Mapping[str, Any]) -> None:
            for name, value in values.items():
                writer.add_scalar(name, float(value), step)

        yield track


@contextmanager
def wandb(run: Path, config: ConfigDict) -> Iterator[Track]:
    """A run of the project mmgeo-jax, which goes on under the same name."""
    module = _installed("wandb", "wandb")
    name, settings = config.name, flatten(config)
    with module.init(project="mmgeo-jax", id=name, name=name, config=settings, dir=str(run), resume="allow") as log:
        yield lambda step, values: log.log({key: float(value) for key, value in values.items()}, step=step)


TRACKERS = {"tensorboard": tensorboard, "wandb": wandb}


@contextmanager
def open_trackers(run: Path, config: ConfigDict) -> Iterator[Track]:
    """A function (step, scalars) that tells all trackers of `train.trackers`. Raises UserError where one is unknown or
    not installed."""
    names = [name.strip() for name in config.train.trackers.split(",") if name.strip()]
    for name in names:
        if name not in TRACKERS:
            raise UserError(f"train.trackers has {name!r}: choose of {', '.join(TRACKERS)}")
    with ExitStack() as stack:
        tracks = [stack.enter_context(TRACKERS[name](run, config)) for name in names]

        def track(step: int, values: Mapping[str, Any]) -> None:
            for each in tracks:
                each(step, values)

        yield track


def _installed(package: str, tracker: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError:
        raise UserError(
            f"train.trackers={tracker} needs the package {package}: type .venv/bin/python -m pip install {package}"
        ) from None
