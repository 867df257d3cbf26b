"""Methods side by side: turnaround adds up, prices are the user's own."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from speechkit.analysis.methods import Turnaround, compare_methods, read_prices
from speechkit.errors import SettingsError


def test_a_price_table_is_read_and_missing_prices_stay_missing() -> None:
    Path("prices.csv").write_text("\ufeffmethod,price_per_hour,currency\nBatch ,0.18,USD\nfast,0.36,USD\n")
    table = compare_methods(
        {"batch": Turnaround(7200, 600), "realtime": Turnaround(60, 61)}, read_prices("prices.csv")
    )
    assert table.loc[0, ["price_per_hour", "price"]].tolist() == [0.18, 0.36]
    assert table.loc[1, ["price_per_hour", "price"]].isna().all()
    assert table["speed"].tolist() == pytest.approx([12.0, 60 / 61])
    assert read_prices("") == {}


def test_turnaround_adds_up_and_has_no_mean() -> None:
    assert sum([Turnaround(10, 2), Turnaround(30, 2)], Turnaround()).speed == 10
    assert math.isnan(Turnaround().speed)
    with pytest.raises(TypeError, match="a mean of rates"):
        (Turnaround(1, 1) + Turnaround(2, 1)) / 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("", "prices.csv is no price table", id="empty?"),
        pytest.param("mode,price\nfast,1\n", "columns method and price_per_hour", id="other columns?"),
        pytest.param("method,price_per_hour\nfast,cheap\n", "the price of fast is 'cheap'", id="no number?"),
        pytest.param("method,price_per_hour\nfast,-1\n", "0 or more", id="below nothing?"),
        pytest.param("method,price_per_hour\nfast\n", "the price of fast is None", id="a row cut off?"),
    ],
)
def test_what_is_no_price_table(text: str, says: str) -> None:
    Path("prices.csv").write_text(text)
    with pytest.raises(SettingsError, match=says):
        read_prices("prices.csv")


def test_a_price_table_that_is_not_there() -> None:
    with pytest.raises(SettingsError, match=r"nothing.csv: the price table cannot be read"):
        read_prices("nothing.csv")
