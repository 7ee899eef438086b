"""Vision encoders that see the details of a geometry diagram, in JAX. No TensorFlow here.

import mmgeo_jax
model = mmgeo_jax.load("runs/clip_tiny")
model.score(["figure.png"], ["M is the midpoint of AB.", "M lies on AB."])
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    """`load`, imported when it is first asked for: the package alone loads neither JAX nor anything else."""
    if name == "load":
        from mmgeo_jax.inference.encoder import load

        return load
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
