"""Batch, fast and real time beside each other: how long an answer takes, and what an hour of it costs.

Prices are the reader's: they differ by region, contract and currency, and they move.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from speechkit.analysis.rates import Summable
from speechkit.errors import SettingsError


@dataclass(frozen=True)
class Turnaround(Summable):
    """Sound that was sent, and how long it took until its transcript was there; it adds up.

    Only recordings that follow one another add up: what was transcribed at the same time took that time once.

    >>> Turnaround(60, 12).speed, (Turnaround(60, 12) + Turnaround(40, 13)).speed
    (5.0, 4.0)
    """

    audio_s: float = 0.0
    elapsed_s: float = 0.0

    @property
    def speed(self) -> float:
        """Seconds of sound answered in a second: 1 is as long as it was spoken."""
        return self.audio_s / self.elapsed_s if self.elapsed_s else math.nan

    def __add__(self, other: Turnaround) -> Turnaround:
        if not isinstance(other, Turnaround):
            return NotImplemented
        return Turnaround(self.audio_s + other.audio_s, self.elapsed_s + other.elapsed_s)


def read_prices(path: str | os.PathLike[str] | None) -> dict[str, float]:
    """Read a price table: a CSV with the columns `method` and `price_per_hour`, of audio; none are no prices.

    Raises SettingsError for a file that is none, and for a price that is no number.
    """
    if not path:
        return {}
    name = Path(path).name
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name}: the price table cannot be read ({error}). Give a CSV file.") from None
    if not rows or not {"method", "price_per_hour"} <= set(rows[0]):
        raise SettingsError(
            f"{name} is no price table. Give a CSV with the columns method and price_per_hour, and a row each "
            "for batch, fast and realtime."
        )
    prices = {}
    for row in rows:
        try:
            price = float(row["price_per_hour"])
        except (TypeError, ValueError):
            price = math.nan
        if not 0 <= price < math.inf:
            raise SettingsError(
                f"{name}: the price of {row['method']} is {row['price_per_hour']!r}. Give a number, 0 or more."
            )
        prices[row["method"].strip().lower()] = price
    return prices


def compare_methods(
    turnaround: Mapping[str, Turnaround], prices: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Put methods side by side, one row each, in the order given.

    Columns: `method`, `audio_s`, `elapsed_s`, `speed` (seconds of sound a second), `price_per_hour` of audio and
    `price` of this audio, both missing where no price is known.

    >>> compare_methods({"fast": Turnaround(1800, 90)}, {"fast": 0.5})
      method  audio_s  elapsed_s  speed  price_per_hour  price
    0   fast     1800         90   20.0             0.5   0.25
    """
    known = prices or {}
    return pd.DataFrame(
        [
            {
                "method": method,
                "audio_s": took.audio_s,
                "elapsed_s": took.elapsed_s,
                "speed": took.speed,
                "price_per_hour": known.get(method, math.nan),
                "price": known.get(method, math.nan) * took.audio_s / 3600,
            }
            for method, took in turnaround.items()
        ]
    )
