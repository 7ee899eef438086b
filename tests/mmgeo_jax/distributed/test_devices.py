"""Tests that need several devices, in a process that has eight of them."""

import os
import subprocess
import sys

MODULES = ("tests/mmgeo_jax/losses/test_ring.py", "tests/mmgeo_jax/losses/test_grad_cache.py")


def test_on_eight_devices():
    environment = os.environ | {"JAX_NUM_CPU_DEVICES": "8", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "devices", *MODULES]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "skipped" not in done.stdout
