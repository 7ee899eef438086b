"""Where the checkout is, and the real data beside it that some tests need."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("MMGEO_DATA", ROOT.parent / "shared" / "data"))
REAL = Path(os.environ.get("MMGEO_REAL", SHARED / "formalgeo7k"))
ALPHAGEOMETRY = Path(os.environ.get("MMGEO_AG", SHARED / "alphageometry"))
