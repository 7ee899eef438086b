"""Files of users: broken archives of arrays have one kind of fault."""

import numpy as np
import pytest

from data_gen.shared import files

NAMES = ("digest", "rows")


def test_any_damage_of_an_archive_is_one_fault(tmp_path):
    """Each byte changed, and each length: versions, methods and lengths of the format raise nearly anything inside."""
    path = tmp_path / "a.npz"
    np.savez_compressed(path, digest=np.array("d"), rows=np.arange(2))
    good, kept = path.read_bytes(), [array.tolist() for array in files.read_npz(path, NAMES)]
    broken = [good[:at] for at in range(0, len(good), 5)]
    for at in range(len(good)):
        broken += [good[:at] + bytes([good[at] ^ mask]) + good[at + 1 :] for mask in (1, 64)]
    refused = 0
    for data in broken:
        path.write_bytes(data)
        try:
            assert [array.tolist() for array in files.read_npz(path, NAMES)] == kept
        except ValueError as fault:
            assert "\n" not in str(fault) and str(fault)
            refused += 1
    assert refused > len(good)
    with pytest.raises(FileNotFoundError):
        files.read_npz(tmp_path / "b.npz", NAMES)
