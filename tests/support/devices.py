"""A mark of what needs eight devices, of which a laptop's CPU is one: tests/mmgeo_jax/distributed/test_devices.py."""

import jax
import pytest

needs_devices = [
    pytest.mark.devices,
    pytest.mark.skipif(jax.device_count() < 8, reason="needs 8 devices: test_devices.py runs it with them"),
]
