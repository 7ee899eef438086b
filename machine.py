"""Says what JAX this machine takes, for `make setup`: prints cpu, gpu (NVIDIA), tpu, or colab.

`colab` is a Google Colab whose own JAX is in the range of requirements.txt: it fits the accelerator there, and is kept.

    python3 machine.py
"""

# Runs before anything is installed, also under a Python that is too old for the rest.
import argparse
import os
import re
from pathlib import Path

# What JAX itself looks for: the driver's devices; in a container there may be no first card; WSL 2
NVIDIA = ("dev/nvidia0", "dev/nvidiactl", "dev/dxg")
GOOGLE = "0x1ae0"  # on PCI, where its network cards and disks are, too
TPUS = {  # PCI devices
    "0x0027": "v2, v3",
    "0x005e": "v4",
    "0x0062": "v5p",
    "0x0063": "v5e",
    "0x006f": "v6e",
    "0x0076": "7x",
}
REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"


def name(root, environment):
    """The word for the machine whose files lie under `root`, "/" but in tests, with these environment variables."""
    if "COLAB_RELEASE_TAG" in environment and in_range(installed_jax()):
        return "colab"
    if "TPU_ACCELERATOR_TYPE" in environment or has_tpu(Path(root)):
        return "tpu"
    return "gpu" if any((Path(root) / device).exists() for device in NVIDIA) else "cpu"


def has_tpu(root):
    """Whether a TPU hangs on the PCI bus."""
    for vendor in root.glob("sys/bus/pci/devices/*/vendor"):
        try:
            device = vendor.with_name("device").read_text().strip()
            if vendor.read_text().strip() == GOOGLE and device in TPUS:
                return True
        except OSError:
            continue
    return False


def installed_jax():
    """The version of the JAX that this Python has, or ""."""
    try:
        from importlib import metadata

        return metadata.version("jax")
    except ImportError:  # what a missing package raises is one, too
        return ""


def in_range(version):
    """Whether a version of JAX lies within the bounds of requirements.txt."""
    [(low, high)] = re.findall(r"^jax>=([\d.]+),<([\d.]+)", REQUIREMENTS.read_text(), re.M)
    return bool(re.match(r"\d+\.\d+", version)) and _release(low) <= _release(version) < _release(high)


def _release(version):
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    print(name("/", os.environ))
