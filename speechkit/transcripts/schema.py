"""The transcript model: three tables that are the same for every mode and API version of the service.

`calls` has one row a recording, `phrases` one a recognized utterance, `words` one a word. Times are float64
seconds from the start of the recording. Strings are pandas' `str`, integers that may be missing `Int64`; what
is missing is NA, never 0 or "". Calls stand in the order of call_id; within a call, rows stand in time order
(start_s, then channel).
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd

from speechkit.errors import TranscriptError

CALLS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "call_id": "str",  # the recording's stem, unique in a corpus
        "source": "str",  # where the recording is, without a signature
        "mode": "str",  # batch, fast or realtime
        "engine": "str",  # what recognized it, where that is known
        "locale": "str",
        "channels": "Int64",
        "duration_s": "float64",
        "recorded_at": "datetime64[ns]",
    }
)
PHRASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "call_id": "str",
        "phrase_id": "str",  # {call_id}:{number:04d}, from 1 in time order
        "channel": "Int64",
        "speaker": "str",  # opaque: 1, 0, Guest-1, ...
        "locale": "str",
        "start_s": "float64",
        "end_s": "float64",
        "confidence": "float64",  # 0..1
        "display": "str",  # as people read it
        "lexical": "str",  # as it was spoken
        "itn": "str",  # numbers written as digits
        "masked": "str",  # as itn, profanity masked
    }
)
WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "call_id": "str",
        "phrase_id": "str",
        "position": "int64",  # in the phrase, from 0
        "channel": "Int64",
        "speaker": "str",
        "start_s": "float64",
        "end_s": "float64",
        "confidence": "float64",
        "word": "str",  # lexical form
        "display": "str",  # display form, missing where the two do not align
    }
)
TABLES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {"calls": CALLS, "phrases": PHRASES, "words": WORDS}
)
_KEYS: Final = {"calls": ("call_id",), "phrases": ("call_id", "phrase_id"), "words": ("call_id", "phrase_id")}


class Transcript:
    """One transcript or many: the tables `calls`, `phrases` and `words` as DataFrames.

    Columns of the model that are not given are missing in every row; other columns, such as metadata in
    `calls`, are kept behind them. Raises TranscriptError for tables that contradict the model.

    >>> import pandas as pd
    >>> said = pd.DataFrame({"call_id": ["c1"], "phrase_id": ["c1:0001"], "start_s": [3.5], "end_s": [4.1],
    ...                      "speaker": ["1"], "display": ["Hello."]})
    >>> transcript = Transcript(pd.DataFrame({"call_id": ["c1"], "duration_s": [9.0]}), said)
    >>> transcript
    Transcript(1 call, 1 phrase, 0 words, 0:00:09)
    >>> transcript.phrases.confidence.isna().all()
    np.True_
    >>> print(transcript.text("c1"))
    [0:03] 1: Hello.
    """

    def __init__(
        self, calls: pd.DataFrame, phrases: pd.DataFrame | None = None, words: pd.DataFrame | None = None
    ) -> None:
        self._tables = {
            "calls": conform("calls", calls),
            "phrases": conform("phrases", empty("phrases") if phrases is None else phrases),
            "words": conform("words", empty("words") if words is None else words),
        }
        _validate(self._tables)
        order = pd.Index(self._tables["calls"]["call_id"])
        for name in ("phrases", "words"):
            self._tables[name] = in_time_order(self._tables[name], order)

    @classmethod
    def _trusted(cls, tables: dict[str, pd.DataFrame]) -> Transcript:
        """Make a transcript of tables that are known to be of the model and in order."""
        made = Transcript.__new__(Transcript)
        made._tables = tables
        return made

    def table(self, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return a table by its name, whole or only some columns of it."""
        if name not in TABLES:
            raise TranscriptError(f"there is no table {name!r}. Ask for one of {', '.join(TABLES)}.")
        frame = self._tables[name]
        return frame if columns is None else frame[list(columns)]

    @property
    def calls(self) -> pd.DataFrame:
        """One row a recording, in the order of call_id."""
        return self.table("calls")

    @property
    def phrases(self) -> pd.DataFrame:
        """One row a phrase: calls in order, each in time order."""
        return self.table("phrases")

    @property
    def words(self) -> pd.DataFrame:
        """One row a word: calls in order, each in time order."""
        return self.table("words")

    @property
    def call_ids(self) -> list[str]:
        """The ids of the calls, in order."""
        ids: list[str] = self._tables["calls"]["call_id"].tolist()
        return ids

    def call(self, call_id: str) -> Transcript:
        """Return the transcript of one call."""
        known = self.call_ids
        if known == [call_id]:
            return self
        if call_id not in known:
            some = ", ".join(known[:5]) + (", ..." if len(known) > 5 else "")
            raise TranscriptError(f"there is no call {call_id!r}. The calls are: {some or 'none'}.")
        return self._of_calls([call_id])

    def filter(self, **wanted: Any) -> Transcript:
        """Keep the rows whose columns have a value, or one of a list of values.

        A column of `calls` picks calls with all that was said in them; a column that only `phrases` has picks
        phrases with their words, and every call stays. A missing value is never equal to one.

        >>> import pandas as pd
        >>> two = Transcript(pd.DataFrame({"call_id": ["c1", "c2"], "queue": ["billing", "sales"]}))
        >>> two.filter(queue=["sales", "support"]).call_ids
        ['c2']
        """
        result = self
        for column, value in wanted.items():
            values = list(value) if isinstance(value, list | tuple | set | frozenset | pd.Series) else [value]
            if column in result.calls:
                kept = result.calls[column].isin(values)
                result = result._of_calls(result.calls.loc[kept, "call_id"].tolist())
            elif column in result.phrases:
                phrases = result.phrases[result.phrases[column].isin(values)].reset_index(drop=True)
                kept = result.words["phrase_id"].isin(phrases["phrase_id"])
                words = result.words[kept].reset_index(drop=True)
                result = Transcript._trusted({"calls": result.calls, "phrases": phrases, "words": words})
            else:
                known = ", ".join(dict.fromkeys([*result.calls, *result.phrases]))
                raise TranscriptError(
                    f"there is no column {column!r} to filter by. The columns are: {known}."
                )
        return result

    def with_calls(self, **columns: Any) -> Transcript:
        """Return it with columns of `calls` set, as `DataFrame.assign` does; the rest is not looked at again.

        >>> import pandas as pd
        >>> Transcript(pd.DataFrame({"call_id": ["c1"]})).with_calls(source="c1.wav").calls["source"].tolist()
        ['c1.wav']
        """
        if "call_id" in columns:
            raise TranscriptError("the call_id of a transcript cannot be set. Read it with another call_id.")
        tables = {name: self.table(name) for name in TABLES}
        return Transcript._trusted(tables | {"calls": conform("calls", tables["calls"].assign(**columns))})

    def text(self, call_id: str | None = None) -> str:
        """Return what was said as text, a line a phrase: time, speaker or channel, display form.

        Several calls stand under a line with their id each.
        """
        chosen = self if call_id is None else self.call(call_id)
        columns = ["call_id", "start_s", "speaker", "channel", "display"]
        blocks: dict[str, list[str]] = {name: [] for name in chosen.call_ids}
        several = chosen.phrases.groupby("call_id")["channel"].nunique().gt(1).to_dict()
        for name, start_s, speaker, channel, display in chosen.phrases[columns].itertuples(index=False):
            if not pd.isna(speaker):
                who = f"{speaker}: "
            else:
                who = f"channel {channel}: " if several.get(name) and not pd.isna(channel) else ""
            at = "" if pd.isna(start_s) else f"[{clock(start_s)}] "
            blocks[name].append(f"{at}{who}{display}")
        if len(blocks) == 1:
            return "\n".join(*blocks.values())
        return "\n\n".join("\n".join([f"# {name}", *lines]) for name, lines in blocks.items())

    @staticmethod
    def concat(transcripts: Iterable[Transcript]) -> Transcript:
        """Join transcripts of different calls into one; TranscriptError where a call_id stands in two."""
        parts = list(transcripts)
        tables = {name: [frame for part in parts if len(frame := part.table(name))] for name in TABLES}
        return Transcript(*(stack(name, frames) for name, frames in tables.items()))

    def _of_calls(self, call_ids: Sequence[str]) -> Transcript:
        tables = {}
        for name in TABLES:
            frame = self.table(name)
            tables[name] = frame[frame["call_id"].isin(call_ids)].reset_index(drop=True)
        return Transcript._trusted(tables)

    def _summary(self) -> list[str]:
        counts = {name: len(self.table(name, ["call_id"])) for name in TABLES}
        nouns = [f"{n:,} {name if n != 1 else name[:-1]}" for name, n in counts.items()]
        seconds = float(self.calls["duration_s"].sum())
        return [*nouns, clock(seconds, hours=True)] if seconds else nouns

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._summary())})"

    def _repr_html_(self) -> str:
        calls = self.calls.dropna(axis="columns", how="all")
        more = f"<p>... and {len(calls) - 5:,} more calls</p>" if len(calls) > 5 else ""
        head = html.escape(" · ".join(self._summary()))
        table = calls.head(5).to_html(index=False, border=0, na_rep="", max_cols=10)
        return f"<p><b>{type(self).__name__}</b> {head}</p>{table if len(calls) else ''}{more}"


def empty(name: str) -> pd.DataFrame:
    """Return a table of the model without rows, well typed.

    >>> empty("words").dtypes["position"], len(empty("calls"))
    (dtype('int64'), 0)
    """
    return from_columns(name, {})


def from_columns(name: str, columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Build a table of the model from lists of equal length, None where a value is missing."""
    length = max((len(values) for values in columns.values()), default=0)
    data: dict[str, Any] = {}
    for column, dtype in TABLES[name].items():
        values = columns.get(column)
        data[column] = _missing(dtype, length) if values is None else _typed(values, dtype)
    return pd.DataFrame(data, copy=False)


def conform(name: str, frame: pd.DataFrame, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Give a table the model's columns, order and dtypes, its others behind them; or only `columns`."""
    spec = TABLES[name]
    if columns is None:
        absent = [key for key in _KEYS[name] if key not in frame]
        if absent:
            known = ", ".join(map(str, frame))
            raise TranscriptError(f"the table {name} has no column {absent[0]}. Its columns: {known}.")
        if name == "words" and "position" not in frame:
            frame = frame.assign(position=frame.groupby(["call_id", "phrase_id"], sort=False).cumcount())
        columns = [*spec, *(str(column) for column in frame if column not in spec)]
    data: dict[str, Any] = {}
    for column in columns:
        dtype = spec.get(column)
        if column not in frame:
            data[column] = _missing(dtype or "str", len(frame))
            continue
        held = frame[column]
        if dtype is None or str(held.dtype) == dtype:
            data[column] = held.array
        else:
            try:
                data[column] = _cast(held, dtype)
            except (ValueError, TypeError) as error:
                raise TranscriptError(
                    f"column {column} of {name} cannot be {dtype}: {error}. Correct or drop it."
                ) from error
    return pd.DataFrame(data, copy=False)


def stack(name: str, frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put tables of one kind under each other; a column that one of them lacks is missing in its rows."""
    if not frames:
        return empty(name)
    return conform(name, pd.concat(frames, ignore_index=True))


def in_time_order(frame: pd.DataFrame, call_ids: pd.Index[Any] | None = None) -> pd.DataFrame:
    """Sort phrases or words by call, in the order of `call_ids`, then start_s, then channel; ties stay."""
    keys = [frame["channel"].to_numpy(np.int64, na_value=-1), frame["start_s"].to_numpy()]
    if call_ids is not None:
        keys.append(call_ids.get_indexer(pd.Index(frame["call_id"])))
    order = np.lexsort(keys)
    if np.array_equal(order, np.arange(len(frame))):
        return frame
    return frame.take(order).reset_index(drop=True)


def clock(seconds: float, *, hours: bool = False) -> str:
    """Write seconds as a clock shows them.

    >>> clock(83.4), clock(3723), clock(5, hours=True)
    ('1:23', '1:02:03', '0:00:05')
    """
    whole = int(seconds)
    if whole >= 3600 or hours:
        return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}"


def _typed(values: Any, dtype: Any) -> Any:
    if str(getattr(values, "dtype", "")) == dtype:
        return values
    if dtype == "float64":
        return np.array(values, dtype=np.float64)  # None becomes NaN
    return pd.array(values, dtype=dtype)


def _missing(dtype: Any, length: int) -> Any:
    if dtype == "int64":  # only `position`, which is counted where it is not given
        return np.zeros(length, np.int64)
    return pd.array([None] * length, dtype=dtype) if dtype != "float64" else np.full(length, np.nan)


def _cast(column: pd.Series[Any], dtype: Any) -> Any:
    if dtype == "str" and pd.api.types.is_float_dtype(column.dtype):
        column = column.convert_dtypes()  # speaker 1.0 is speaker 1
    if dtype == "datetime64[ns]":
        times = pd.to_datetime(column, utc=True)  # what has no zone stays as it is, the rest becomes UTC
        return times.dt.tz_localize(None).astype(dtype).array
    return column.astype(dtype).array


def _validate(tables: dict[str, pd.DataFrame]) -> None:
    """Refuse tables whose keys contradict each other, and put the calls in order."""
    calls = tables["calls"]
    if calls["call_id"].isna().any():
        raise TranscriptError("a row of calls has no call_id. Name every call.")
    twice = calls.loc[calls["call_id"].duplicated(), "call_id"]
    if len(twice):
        raise TranscriptError(f"call_id {twice.iloc[0]!r} stands twice. Give each call an id of its own.")
    if not calls["call_id"].is_monotonic_increasing:
        tables["calls"] = calls.sort_values("call_id", ignore_index=True)
    for name, key, owner in (("phrases", "call_id", "calls"), ("words", "phrase_id", "phrases")):
        strangers = tables[name].loc[~tables[name][key].isin(tables[owner][key]), key]
        if len(strangers):
            raise TranscriptError(f"{name} has {key} {strangers.iloc[0]!r}, which {owner} does not have.")
    twice = tables["phrases"].loc[tables["phrases"]["phrase_id"].duplicated(), "phrase_id"]
    if len(twice):
        raise TranscriptError(f"phrase_id {twice.iloc[0]!r} stands twice. Number the phrases of a call anew.")
