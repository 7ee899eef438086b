"""Settings of the test run, made before JAX is imported."""

import os

# Small models compile for longer than they run.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

SLOWEST = ("tests/mmgeo_jax/distributed/", "tests/mmgeo_jax/train/")


def pytest_collection_modifyitems(items):
    """Puts the slowest files first, so that no core waits for the last of them."""
    items.sort(key=lambda item: not item.nodeid.startswith(SLOWEST))
