"""The modules in data/ are scripts, not a package: they find each other through the folder they lie in."""

from __future__ import annotations

import sys
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "data"
sys.path.insert(0, str(DATA))
