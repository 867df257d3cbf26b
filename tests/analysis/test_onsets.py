"""What began on a day, on which days calls come, and who calls again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from speechkit.analysis.onsets import onsets
from speechkit.analysis.repeats import repeat_contacts
from speechkit.analysis.rhythm import weekdays

WORDS = (
    "parcel",
    "invoice",
    "router",
    "contract",
    "password",
    "visit",
    "delay",
    "noise",
    "colour",
    "button",
    "cable",
)


def world(
    days: int = 40, a_day: int = 8, fault_from: int | None = None, seed: int = 0
) -> tuple[pd.Series, pd.Series]:
    rng = np.random.default_rng(seed)
    texts, when = [], []
    for day in range(days):
        for number in range(a_day):
            said = list(rng.choice(WORDS, 4))
            if fault_from is not None and day >= fault_from and number % 4 == 0:
                said += ["lamp", "flickers"]
            texts.append(" ".join(said))
            when.append(pd.Timestamp("2026-08-03 09:00") + pd.Timedelta(days=day))
    ids = [f"c{number:04d}" for number in range(len(texts))]
    return pd.Series(texts, ids), pd.Series(when, ids)


@pytest.mark.parametrize("fault_from", [8, 20, 33])
def test_is_the_day_found_on_which_a_fault_began(fault_from: int) -> None:
    texts, when = world(fault_from=fault_from)
    found = onsets(texts, when)
    assert len(found) == 1
    first = found.iloc[0]
    assert first["since"] == pd.Timestamp("2026-08-03") + pd.Timedelta(days=fault_from)
    assert set(first["words"]) <= {"lamp", "flickers", "lamp flickers"}
    assert (first["before"], first["after"]) == (0.0, 0.25)
    assert first["call_ids"] == texts[texts.str.contains("lamp")].index.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_did_nothing_begin_where_nothing_did(seed: int) -> None:
    assert onsets(*world(seed=seed + 10)).empty


@pytest.mark.parametrize(
    ("texts", "when"),
    [
        pytest.param(*world(days=10, fault_from=5), id="are-ten-days-too-few?"),
        pytest.param(*(part.iloc[:0] for part in world()), id="are-no-calls-nothing?"),
        pytest.param(world()[0], pd.Series(pd.NaT, world()[1].index), id="are-calls-without-a-day-left-out?"),
    ],
)
def test_what_is_too_little_to_tell(texts: pd.Series, when: pd.Series) -> None:
    assert onsets(texts, when).empty


@pytest.mark.parametrize(
    ("days", "extra", "known", "differ"),
    [
        pytest.param(56, 20, True, True, id="are-busy-mondays-found?"),
        pytest.param(56, 0, True, False, id="are-even-weeks-even?"),
        pytest.param(14, 20, False, False, id="are-two-weeks-too-few?"),
        pytest.param(3, 20, False, False, id="is-no-whole-week-no-answer?"),
    ],
)
def test_weekdays(days: int, extra: int, known: bool, differ: bool) -> None:
    rng = np.random.default_rng(4)
    every = pd.date_range("2026-08-03", periods=days)
    times = pd.Series(every.repeat(rng.poisson(10, days) + np.where(every.day_of_week == 0, extra, 0)))
    found = weekdays(times)
    assert (not np.isnan(found.p_value)) == known
    assert (found.p_value < 0.05) == differ
    assert found.table["calls"].sum() == (len(times) if days >= 7 else 0)


TIMES = pd.to_datetime(["2026-09-01", "2026-09-03", "2026-09-20", "2026-09-02", None, "2026-09-28"])
CALLS = pd.DataFrame(
    {"call_id": list("abcdef"), "caller_number": ["1", "1", "1", "2", "2", None], "recorded_at": TIMES}
)


@pytest.mark.parametrize(
    ("within_days", "again", "returns"),
    [
        pytest.param(
            7, [True, False, pd.NA, False, pd.NA, pd.NA], [False, True, False, False, pd.NA, pd.NA], id="week"
        ),
        pytest.param(
            30, [True, True, pd.NA, pd.NA, pd.NA, pd.NA], [False, True, True, False, pd.NA, pd.NA], id="month"
        ),
    ],
)
def test_who_calls_again(within_days: int, again: list[object], returns: list[object]) -> None:
    table = repeat_contacts(CALLS, within_days=within_days)
    assert table["call_id"].tolist() == list("abcdef")
    assert table["again"].tolist() == again
    assert table["is_return"].tolist() == returns


def test_is_a_missing_column_named() -> None:
    with pytest.raises(ValueError, match="no column 'card'"):
        repeat_contacts(CALLS, "card")
