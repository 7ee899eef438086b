"""Settings of the test run, made before JAX is imported."""

import os

# Small models compile for longer than they run.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
