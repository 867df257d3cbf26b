"""Which recordings are of the last complete week."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from speechkit.audio import iter_recordings
from speechkit.errors import AudioNotFoundError
from speechkit.weekly.config import Day

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


@dataclass(frozen=True)
class Week:
    """Seven days, by the first of them."""

    first: date

    @property
    def last(self) -> date:
        """The last day, which is of the week."""
        return self.first + timedelta(days=6)

    @property
    def start(self) -> datetime:
        """When it begins, in the local time of the recordings."""
        return datetime.combine(self.first, datetime.min.time())

    @property
    def end(self) -> datetime:
        """When it is over: the beginning of the next."""
        return self.start + timedelta(days=7)

    def __str__(self) -> str:
        return self.first.isoformat()


def last_week(today: date, first_day: Day = "monday") -> Week:
    """Return the last week that was complete before a day.

    >>> print(last_week(date(2026, 11, 21)), last_week(date(2026, 11, 23)), last_week(date(2026, 11, 21), "sunday"))
    2026-11-09 2026-11-16 2026-11-08
    """
    return Week(week_of(today, first_day).first - timedelta(days=7))


def week_of(day: date, first_day: Day = "monday") -> Week:
    """Return the week that a day is in.

    >>> print(week_of(date(2026, 11, 21)))
    2026-11-16
    """
    return Week(day - timedelta(days=(day.weekday() - get_args(Day).index(first_day)) % 7))


def recordings_of(week: Week, recordings: pd.DataFrame) -> pd.DataFrame:
    """Return those of some recordings (`dated_recordings`) that are of a week."""
    when = recordings["recorded_at"]
    return recordings[(when >= week.start) & (when < week.end)].reset_index(drop=True)


def dated_recordings(places: Sequence[str], metadata: str | None) -> pd.DataFrame:
    """List recordings: file (path), recorded_at, and what metadata says of them, by file.

    When a call was recorded, metadata says (`recorded_at`); else the time of the file counts. Folders without
    recordings are none; a place that is not there raises AudioNotFoundError.
    """
    import pandas as pd

    from speechkit.transcripts.metadata import join_metadata

    files: dict[str, float] = {}
    for place in places:
        try:
            files |= {str(path): path.stat().st_mtime for path in iter_recordings(place)}
        except AudioNotFoundError:
            if not Path(place).is_dir():
                raise
    calls = pd.DataFrame(
        {"call_id": [Path(file).stem for file in files], "source": list(files)}, dtype="str"
    ).assign(recorded_at=pd.Series(pd.NaT, index=range(len(files)), dtype="datetime64[ns]"))
    if metadata:
        calls = join_metadata(calls, metadata)
    written = [datetime.fromtimestamp(when_s) for when_s in files.values()]
    when = calls["recorded_at"].fillna(pd.Series(written, index=calls.index, dtype="datetime64[ns]"))
    return calls.assign(recorded_at=when).drop(columns="call_id").rename(columns={"source": "file"})
