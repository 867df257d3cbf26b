"""Where the benchmarks write: each its section of docs/measurements.md, between marks of its name."""

from __future__ import annotations

import re
from pathlib import Path

from speechkit.whole import whole

MEASUREMENTS = Path(__file__).resolve().parent.parent / "docs" / "measurements.md"


def write_section(name: str, text: str) -> None:
    """Put a section in its place, or at the end; the file is made when it is missing, and there whole or not at all."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    held = read_all() or "# Measurements\n"
    block = f"{begin}\n{text}\n{end}"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    new = pattern.sub(lambda _: block, held) if pattern.search(held) else f"{held.rstrip()}\n\n{block}\n"
    with whole(MEASUREMENTS) as part:
        part.write_text(new, encoding="utf-8")


def read_all() -> str:
    """Read all sections, empty where there are none yet."""
    return MEASUREMENTS.read_text(encoding="utf-8") if MEASUREMENTS.exists() else ""
