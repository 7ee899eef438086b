"""Vision encoders that see the details of a geometry diagram, in JAX. No TensorFlow here.

import mmgeo_jax
model = mmgeo_jax.load("runs/clip_tiny")
model.score(["figure.png"], ["M is the midpoint of AB.", "M lies on AB."])
mmgeo_jax.export("runs/clip_b16", "siglip_b16")  # a folder for transformers
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmgeo_jax.checkpoints.export import export
    from mmgeo_jax.inference.encoder import load

__all__ = ["export", "load"]

_MODULES = {"export": "mmgeo_jax.checkpoints.export", "load": "mmgeo_jax.inference.encoder"}


def __getattr__(name: str) -> Any:
    """Imports a function when it is first asked for: the package alone loads neither JAX nor anything else."""
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
