"""The ledger as a file that several open at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from speechkit.client.ledger import Ledger


@pytest.mark.parametrize("number", [pytest.param(n, id=f"day-{n}") for n in range(20)])
def test_can_four_make_the_ledger_at_once(tmp_path: Path, number: int) -> None:
    at_once = Barrier(4)

    def opened(_: int) -> int:
        at_once.wait()
        with Ledger(tmp_path / "home" / "runs.sqlite") as ledger:
            return len(ledger.read("SELECT * FROM runs"))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(opened, range(4))) == [0] * 4
