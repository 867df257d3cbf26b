"""How fast words appear and firm up in real time, from the events of sessions that were sent as they are spoken.

An event is a text that arrived: a hypothesis, which later ones may change, or a final. Only sessions at a pace
of 1 count, recognized anew: a recording that is sent faster has its words answered before they could have
been spoken, and an answer from a cache costs nothing.

Three delays are told, each from a moment in the sound to an arrival: from the beginning of a phrase to its
first hypothesis, from the end of a word to the moment when it is shown for good, and from the end of a word to
its final form. Stability is the unstable partial word ratio: the shown words that were changed or taken back,
over the final words (Shangguan et al., Analyzing the quality and stability of a streaming end-to-end on-device
speech recognizer, Interspeech 2020).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd

from speechkit.analysis.normalize import PLAIN, normalize
from speechkit.analysis.rates import Summable
from speechkit.errors import TranscriptError
from speechkit.transcripts.events import EVENTS, FINAL, HYPOTHESIS

if TYPE_CHECKING:
    from speechkit.analysis.speakers import Tables

_PACE: Final = (0.98, 1.02)
_CHUNK_S: Final = 0.1  # sound is sent in pieces of about this length
_SLACK_S: Final = 0.15  # a chunk of sound is on its way while its event is written down


@dataclass(frozen=True)
class Delays:
    """A kind of delay in seconds: how many there are, their median and their 95th percentile."""

    count: int
    p50_s: float
    p95_s: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Delays:
        """Sum up delays; missing ones do not count."""
        known = np.asarray(seconds, np.float64)
        known = known[~np.isnan(known)]
        if not len(known):
            return cls(0, math.nan, math.nan)
        return cls(len(known), *(float(q) for q in np.quantile(known, [0.5, 0.95])))


@dataclass(frozen=True)
class Stability(Summable):
    """Shown words that were changed or taken back later, against the words of the finals; it adds up."""

    words: int = 0
    changed: int = 0
    hypotheses: int = 0

    @property
    def rate(self) -> float:
        """Changed words for each final word; NaN without words."""
        return self.changed / self.words if self.words else math.nan

    def __add__(self, other: Stability) -> Stability:
        if not isinstance(other, Stability):
            return NotImplemented
        return Stability(
            self.words + other.words, self.changed + other.changed, self.hypotheses + other.hypotheses
        )


@dataclass(frozen=True)
class Latency:
    """Delays of real-time sessions; `words` and `phrases` hold each of them.

    `behind_s` is how late the sound itself was sent (95th percentile over the events that came meanwhile): where it
    is not near 0, the machine that sent it was overloaded. `lag_s` is how long after the end of the sound the last
    text arrived (median of the sessions): where that is more than a phrase takes, the recognizer did not keep up.
    `words` has `call_id`, `phrase_id`, `position`, `word`, `end_s`, `shown_after_s` and `final_after_s`;
    `phrases` has `call_id`, `phrase_id`, `start_s`, `first_after_s`, `hypotheses` and `changed`.
    """

    first: Delays
    shown: Delays
    final: Delays
    stability: Stability
    words: pd.DataFrame
    phrases: pd.DataFrame
    behind_s: float = 0.0
    lag_s: float = 0.0


def measure_latency(events: pd.DataFrame, transcript: Tables) -> Latency:
    """Measure the delays of sessions from their events and the transcript that they made.

    The finals of a call and channel are its phrases, in order; word times come from the transcript. Raises
    TranscriptError for a session that was not sent at a pace of 1 or may have been answered from a cache,
    for events that arrived before their sound was sent, and where finals and phrases do not match.

    >>> said = pd.DataFrame({"call_id": ["c1"], "phrase_id": ["c1:0001"], "channel": [0], "start_s": [0.5],
    ...                      "end_s": [2.0], "lexical": ["good morning"]})
    >>> words = pd.DataFrame({"call_id": "c1", "phrase_id": "c1:0001", "channel": 0, "word": ["good", "morning"],
    ...                       "start_s": [0.5, 1.2], "end_s": [1.0, 2.0]})
    >>> from speechkit.transcripts.schema import Transcript
    >>> transcript = Transcript(pd.DataFrame({"call_id": ["c1"]}), said, words)
    >>> events = pd.DataFrame(
    ...     [("hypothesis", "could", 1.2), ("hypothesis", "good", 1.5), ("final", "Good morning.", 2.75)],
    ...     columns=["kind", "text", "arrived_s"]).assign(call_id="c1", channel=0, start_s=0.5, end_s=[0.9, 1.0, 2.0],
    ...     pace=1.0, cached=False, speaker=None).assign(sent_s=lambda e: e.arrived_s)
    >>> result = measure_latency(events, transcript)
    >>> result.final, result.stability.rate
    (Delays(count=2, p50_s=1.25, p95_s=1.7), 0.5)
    >>> result.words["shown_after_s"].tolist()
    [0.5, 0.75]
    """
    _check(events)
    rows: list[dict[str, Any]] = []
    phrases: list[dict[str, Any]] = []
    stability = Stability()
    carried: dict[tuple[str, int], list[_Shown]] = {}
    for final, hypotheses, phrase, words in _matched(events, transcript):
        key = str(phrase["call_id"]), int(phrase["channel"])
        own = [
            _Shown(normalize(text, PLAIN), at, until)
            for text, at, until in hypotheses[["text", "arrived_s", "end_s"]].itertuples(index=False)
        ]
        end = [normalize(word, PLAIN) for word in words["word"].fillna("")]
        last = [piece for pieces in end for piece in pieces]
        texts = [*carried.get(key, []), *own]
        shown, carried[key] = _cut(texts, len(last), final["end_s"])
        changed = sum(len(a) - _agree(a, b) for a, b in pairwise([*shown, last]))
        stability += Stability(len(last), changed, len(own))
        arrivals = [*(text.arrived_s for text in texts), final["arrived_s"]]
        first = arrivals[0] - phrase["start_s"]
        keys = {"call_id": phrase["call_id"], "phrase_id": phrase["phrase_id"]}
        phrases.append(keys | {"start_s": phrase["start_s"], "first_after_s": first, "hypotheses": len(shown),
                               "changed": changed})  # fmt: skip
        stands = _stands_from([*shown, last], len(last))
        place = 0
        for position, (word, end_s, pieces) in enumerate(
            zip(words["word"], words["end_s"], end, strict=True)
        ):
            place += len(pieces)
            from_event = stands[place - 1] if place else len(shown)
            rows.append(keys | {"position": position, "word": word, "end_s": end_s,
                                "shown_after_s": arrivals[from_event] - end_s,
                                "final_after_s": final["arrived_s"] - end_s})  # fmt: skip
    of_words = pd.DataFrame(rows, columns=["call_id", "phrase_id", "position", "word", "end_s", "shown_after_s",
                                           "final_after_s"])  # fmt: skip
    of_phrases = pd.DataFrame(
        phrases, columns=["call_id", "phrase_id", "start_s", "first_after_s", "hypotheses", "changed"]
    )
    return Latency(
        Delays.of(of_phrases["first_after_s"].tolist()),
        Delays.of(of_words["shown_after_s"].tolist()),
        Delays.of(of_words["final_after_s"].tolist()),
        stability,
        of_words,
        of_phrases,
        *_late(events),
    )


class _Shown(NamedTuple):
    """A hypothesis: its words, when it arrived, and until where in the recording it reaches."""

    words: list[str]
    arrived_s: float
    until_s: float


def _cut(texts: Sequence[_Shown], size: int, end_s: float) -> tuple[list[list[str]], list[_Shown]]:
    """Part hypotheses where a phrase of `size` words ends: what they showed of it, and of the phrase after it.

    A recognizer may decide only at the end that what it showed as one line are two phrases.

    >>> _cut([_Shown(["a"], 1.0, 0.9), _Shown(["a", "b", "c"], 2.0, 1.9)], 2, 1.4)
    ([['a'], ['a', 'b']], [_Shown(words=['c'], arrived_s=2.0, until_s=1.9)])
    """
    beyond = [text.until_s > end_s and len(text.words) > size for text in texts]
    kept = [text.words[:size] if more else text.words for text, more in zip(texts, beyond, strict=True)]
    rest = [text._replace(words=text.words[size:]) for text, more in zip(texts, beyond, strict=True) if more]
    return kept, rest


def _late(events: pd.DataFrame) -> tuple[float, float]:
    """How late the sound was sent, by the events that came meanwhile, and how late the last text came."""
    if not len(events):
        return 0.0, 0.0
    late = events["arrived_s"] - events["sent_s"] / events["pace"]
    last = events.groupby(["call_id", "channel"])["sent_s"].transform("max")
    meanwhile = late[events["sent_s"] < last - _CHUNK_S]
    lag = late.groupby([events["call_id"], events["channel"]]).last()
    return float(meanwhile.quantile(0.95)) if len(meanwhile) else 0.0, float(lag.median())


def _check(events: pd.DataFrame) -> None:
    """Refuse what no delay can be measured on."""
    absent = [name for name in EVENTS if name not in events]
    if absent:
        raise TranscriptError(f"the events have no column {absent[0]}. They need: {', '.join(EVENTS)}.")
    for call_id, group in events.groupby("call_id"):
        pace = group["pace"].fillna(math.inf)
        if not pace.between(*_PACE).all():
            told = (
                "as fast as the service took it"
                if math.isinf(pace.max())
                else f"at {pace.max():g} times its speed"
            )
            raise TranscriptError(
                f"{call_id}: the recording was sent {told}. Latency is measured at a pace of 1: send it again so."
            )
        if group["cached"].any():
            raise TranscriptError(
                f"{call_id}: the answer may come from a cache. Bypass it and send it again."
            )
        early = group[group["end_s"] > group["sent_s"] + _SLACK_S]
        if len(early):
            row = early.iloc[0]
            raise TranscriptError(
                f"{call_id}: {len(early)} events arrived before their sound was sent, the first of sound until "
                f"{row['end_s']:.2f} s when {row['sent_s']:.2f} s were sent. The pace was not 1."
            )


def _matched(
    events: pd.DataFrame, transcript: Tables
) -> Iterator[tuple[pd.Series[Any], pd.DataFrame, pd.Series[Any], pd.DataFrame]]:
    """Each final with the hypotheses before it, the phrase that it became, and the words of that phrase."""
    words = {str(name): rows.sort_values("position") for name, rows in transcript.words.groupby("phrase_id")}
    none = transcript.words.iloc[:0]
    spoken = transcript.phrases.assign(channel=transcript.phrases["channel"].fillna(-1))
    phrases = dict(iter(spoken.groupby(["call_id", "channel"], sort=False)))
    for key, group in events.assign(channel=events["channel"].fillna(-1)).groupby(["call_id", "channel"]):
        finals = np.flatnonzero(
            (group["kind"] == FINAL).to_numpy() & group["text"].fillna("").ne("").to_numpy()
        )
        own = phrases.get(key, spoken.iloc[:0])
        if len(finals) != len(own):
            raise TranscriptError(
                f"{key[0]}: {len(finals)} finals arrived on channel {key[1]}, the transcript has {len(own)} "
                "phrases there. Give the transcript of the same session."
            )
        before = 0
        for at, (_, phrase) in zip(finals, own.iterrows(), strict=True):
            part = group.iloc[before:at]
            hypotheses = part[part["kind"] == HYPOTHESIS]
            yield group.iloc[at], hypotheses, phrase, words.get(str(phrase["phrase_id"]), none)
            before = int(at) + 1


def _agree(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words two texts have in common at their beginning.

    >>> _agree(["a", "b"], ["a", "c", "b"])
    1
    """
    return next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _stands_from(texts: Sequence[Sequence[str]], size: int) -> list[int]:
    """For each word of the last text the first text from which on it, and all before it, stand unchanged.

    >>> _stands_from([["a"], ["a", "x"], ["a", "b"], ["a", "b", "c"]], 3)
    [0, 2, 3]
    """
    answer = [len(texts) - 1] * size
    stable = size
    for number in reversed(range(len(texts))):
        stable = min(stable, _agree(texts[number], texts[-1]))
        answer[:stable] = [number] * stable
    return answer
