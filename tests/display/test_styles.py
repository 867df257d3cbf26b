"""Style sheets are whole: a brace that is lost takes every rule after it along, and no browser says so."""

from __future__ import annotations

import re
from itertools import accumulate
from pathlib import Path

import pytest

from tests.conftest import ROOT

SHEETS = sorted((ROOT / "speechkit").rglob("*.css"))


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_every_rule_is_closed_and_nests_in_a_query_at_most(sheet: Path) -> None:
    text = re.sub(r"/\*.*?\*/", "", sheet.read_text("utf-8"), flags=re.S)
    depths = list(accumulate({"{": 1, "}": -1}.get(letter, 0) for letter in text))
    assert depths[-1] == 0
    assert min(depths) == 0
    assert max(depths) <= 2
