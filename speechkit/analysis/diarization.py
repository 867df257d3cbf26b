"""Who spoke when, judged against a reference: diarization error rate, Jaccard error rate, number of speakers.

The diarization error rate (NIST RT-09 evaluation plan; md-eval) is the time that is missed, invented or given
to the wrong speaker, over the time that people speak in the reference, each person counted. Speakers are
mapped one to one so that the most time agrees. `collar_s` leaves out that many seconds on each side of every
boundary of the reference; NIST takes 0.25, where boundaries were set by hand. `overlap=False` leaves out the
time in which several people speak in the reference.

The Jaccard error rate (Ryant et al., The second DIHARD challenge, 2019) is, for each speaker of the
reference and the one it is mapped to, 1 - (time that both speak) / (time that one of them speaks), averaged
over the speakers: who speaks little counts as much as who speaks long.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from speechkit.analysis.guards import shared_calls, some
from speechkit.analysis.rates import Summable
from speechkit.analysis.spans import MAX_GAP_S, Spans, speech
from speechkit.analysis.speakers import who
from speechkit.errors import TranscriptError
from speechkit.limits import MAX_SPEAKERS
from speechkit.transcripts.parties import UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from speechkit.analysis.speakers import Tables

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

DOUBTED_RATE: Final = 0.5
"""Two calls that have nothing to do with each other agree in half of the time, as two speakers do by chance."""

MISSED, INVENTED, CONFUSED = "missed", "invented", "confused"


@dataclass(frozen=True)
class DiarizationErrors(Summable):
    """Seconds of speech by what became of them, in one call or several.

    `speech_s` is the time that people speak in the reference, each person counted, in the `scored_s` seconds
    of the region. `jaccard` sums the Jaccard errors of the `speakers` of the reference; `found_speakers`
    counts those of the transcript, `miscounted` the calls (of `calls`) in which that differs.

    >>> one = DiarizationErrors(100.0, 90.0, 4.5, 0.9, 3.6)
    >>> one.rate, (one + DiarizationErrors(10.0, 10.0, 1.0, 0.0, 0.0)).rate
    (0.1, 0.1)
    """

    scored_s: float = 0.0
    speech_s: float = 0.0
    missed_s: float = 0.0
    invented_s: float = 0.0
    confused_s: float = 0.0
    jaccard: float = 0.0
    speakers: int = 0
    found_speakers: int = 0
    miscounted: int = 0
    calls: int = 0

    @property
    def rate(self) -> float:
        """The diarization error rate: NaN where nobody speaks in the reference."""
        wrong = self.missed_s + self.invented_s + self.confused_s
        return wrong / self.speech_s if self.speech_s else math.nan

    @property
    def jaccard_rate(self) -> float:
        """The Jaccard error rate: the mean over the speakers of the reference."""
        return self.jaccard / self.speakers if self.speakers else math.nan

    def __add__(self, other: DiarizationErrors) -> DiarizationErrors:
        if not isinstance(other, DiarizationErrors):
            return NotImplemented
        return DiarizationErrors(*(getattr(self, n) + getattr(other, n) for n in self.__dataclass_fields__))


@dataclass(frozen=True, repr=False)
class Diarization:
    """The scored calls: `calls` by call_id, `total`, `table`, and every stretch in `errors`.

    `region` says in a sentence what time was scored, `notes` what was not. `assignment` maps in each call the
    speakers of the transcript to those of the reference.
    """

    calls: Mapping[str, DiarizationErrors]
    assignment: Mapping[str, Mapping[str, str]]
    errors: pd.DataFrame
    region: str
    notes: tuple[str, ...]

    @cached_property
    def total(self) -> DiarizationErrors:
        """The errors of all calls together."""
        return sum(self.calls.values(), DiarizationErrors())

    @property
    def table(self) -> pd.DataFrame:
        """One row a call: `call_id`, the seconds by kind, `der`, `jer`, `speakers` and `found_speakers`."""
        seconds = ["scored_s", "speech_s", "missed_s", "invented_s", "confused_s"]
        rows: list[dict[str, Any]] = [
            {"call_id": call_id, **{name: getattr(one, name) for name in seconds}, "der": one.rate,
             "jer": one.jaccard_rate, "speakers": one.speakers, "found_speakers": one.found_speakers}
            for call_id, one in self.calls.items()
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        one = self.total
        lost = (
            f"{one.missed_s:.1f} s missed, {one.invented_s:.1f} s invented, {one.confused_s:.1f} s confused"
        )
        head = f"DER {100 * one.rate:.1f}% of {one.speech_s:.0f} s: {lost}"
        tail = (
            f"JER {100 * one.jaccard_rate:.1f}%, speakers miscounted in {one.miscounted} of {one.calls} calls"
        )
        return "\n".join([head, tail, self.region, *self.notes])


def score_diarization(
    reference: Tables,
    transcript: Tables,
    *,
    collar_s: float = 0.0,
    overlap: bool = True,
    max_gap_s: float = MAX_GAP_S,
    region: Mapping[str, tuple[float, float]] | None = None,
) -> Diarization:
    """Score who spoke when, the calls that both have.

    Speech is what a speaker's words cover, joined over pauses of `max_gap_s` seconds or less; where
    there are no word times, the phrases (`analysis.spans`). A speaker is the `speaker` of a phrase,
    else its channel. `region` is the time to score by call; else it is the whole recording, to its end where
    the transcript or the reference knows it, else to the last word of either. In `errors` each stretch has
    `call_id`, `start_s`, `end_s`, `kind` (missed, invented, confused), `reference` and `transcript`
    (speakers, as a sentence would list them).

    Raises TranscriptError where no call is in both, for a reference without speakers or without times, and
    for more than 35 speakers of a call on one side.

    >>> from speechkit.transcripts.schema import Transcript
    >>> def call(*said):
    ...     rows = [("c1", f"c1:{i}", *row) for i, row in enumerate(said)]
    ...     columns = ["call_id", "phrase_id", "speaker", "start_s", "end_s"]
    ...     calls = pd.DataFrame({"call_id": ["c1"], "duration_s": [10.0]})
    ...     return Transcript(calls, pd.DataFrame(rows, columns=columns))
    >>> said, heard = call(("anna", 0, 4), ("ben", 4, 8)), call(("1", 0, 5), ("2", 5, 8), ("2", 9, 9.5))
    >>> result = score_diarization(said, heard)
    >>> result
    DER 18.8% of 8 s: 0.0 s missed, 0.5 s invented, 1.0 s confused
    JER 26.7%, speakers miscounted in 0 of 1 calls
    Scored: the whole recording, overlapping speech included, no collar.
    >>> result.errors[["start_s", "end_s", "kind", "reference", "transcript"]]
       start_s  end_s      kind reference transcript
    0      4.0    5.0  confused       ben          1
    1      9.0    9.5  invented       NaN          2
    """
    both, notes = shared_calls(reference, transcript)
    if who(reference.phrases).eq(UNKNOWN).all():
        raise TranscriptError("the reference does not say who speaks. Take an RTTM, or an STM with speakers.")
    sides = speech(reference, max_gap_s), speech(transcript, max_gap_s)
    if not any(len(sides[0].start_s[sides[0].of(call_id)]) for call_id in both):
        raise TranscriptError(f"the reference has no times for {some(both)}. Take an RTTM, or an STM.")
    ends = _ends(both, reference, transcript, sides)
    calls, assignment, found = {}, {}, []
    for call_id in both:
        own, other = (_Call.read(side, call_id) for side in sides)
        for name, one in (("reference", own), ("transcript", other)):
            if len(one.names) > MAX_SPEAKERS:
                raise TranscriptError(
                    f"{call_id}: {len(one.names)} speakers in the {name} ({some(one.names, 3)}). Is the column "
                    f"of speakers right? At most {MAX_SPEAKERS} are scored."
                )
        limits = (region or {}).get(call_id, (0.0, ends[call_id]))
        calls[call_id], assignment[call_id], rows = _score(own, other, limits, collar_s, overlap)
        found.append({"call_id": [call_id] * len(rows["kind"]), **rows})
    columns = ("call_id", "start_s", "end_s", "kind", "reference", "transcript")
    errors = pd.DataFrame({name: [value for rows in found for value in rows[name]] for name in columns})
    text = dict.fromkeys(("call_id", "kind", "reference", "transcript"), "str")
    notes += [
        f"{call_id}: a diarization error rate of {100 * one.rate:.0f}%. Is it the reference of this call?"
        for call_id, one in calls.items()
        if one.rate > DOUBTED_RATE
    ]
    described = _described(collar_s, overlap, region is not None)
    return Diarization(calls, assignment, errors.astype(text), described, tuple(notes))


@dataclass(frozen=True)
class _Call:
    """Who speaks when in one call."""

    names: list[str]
    speaker: NDArray[np.int64]
    start_s: Floats
    end_s: Floats

    @classmethod
    def read(cls, spans: Spans, call_id: str) -> _Call:
        rows = spans.of(call_id)
        present, speaker = np.unique(spans.party[rows], return_inverse=True)
        # to the microsecond: 59.30 + 0.05 and 59.35 are one boundary
        start, end = (np.round(times[rows], 6) for times in (spans.start_s, spans.end_s))
        return cls([spans.parties[i] for i in present], speaker, start, end)

    def active(self, cuts: Floats) -> Bools:
        """Who speaks in each piece of time: (speakers, pieces)."""
        changes = np.zeros((len(self.names), len(cuts)), np.int64)
        for times, step in ((self.start_s, 1), (self.end_s, -1)):
            np.add.at(changes, (self.speaker, np.searchsorted(cuts, np.clip(times, cuts[0], cuts[-1]))), step)
        return np.cumsum(changes, axis=1)[:, :-1] > 0


def _ends(
    call_ids: list[str], reference: Tables, transcript: Tables, sides: tuple[Spans, Spans]
) -> dict[str, float]:
    """Where each recording ends, as far as is known."""
    answer = dict.fromkeys(call_ids, math.nan)
    for tables in (transcript, reference):
        for call_id, duration_s in zip(tables.calls["call_id"], tables.calls["duration_s"], strict=True):
            if math.isnan(answer.get(call_id, 0.0)):
                answer[call_id] = float(duration_s)
    for call_id, known in answer.items():
        if math.isnan(known):
            answer[call_id] = max(float(side.end_s[side.of(call_id)].max(initial=0.0)) for side in sides)
    return answer


def _score(
    own: _Call, other: _Call, limits: tuple[float, float], collar_s: float, overlap: bool
) -> tuple[DiarizationErrors, dict[str, str], dict[str, list[Any]]]:
    """Score one call: cut time at every boundary, and look at each piece."""
    low, high = np.round(limits, 6)
    edges = np.concatenate([own.start_s, own.end_s])
    collars = np.stack([edges - collar_s, edges + collar_s], axis=1) if collar_s else np.zeros((0, 2))
    collars = np.round(collars, 6)
    cuts = np.unique(np.concatenate([edges, other.start_s, other.end_s, collars.ravel(), [low, high]]))
    cuts = cuts[(cuts >= low) & (cuts <= high)]
    lengths = np.diff(cuts)
    active, claimed = own.active(cuts), other.active(cuts)
    scored = np.ones(len(lengths), bool)
    if collar_s:
        scored = ~_covered(collars, cuts)
    if not overlap:
        scored &= active.sum(axis=0) < 2
    time = np.where(scored, lengths, 0.0)
    mapped, pairs = _mapping(active, claimed, time)
    speaking, claims = active.sum(axis=0), claimed.sum(axis=0)
    right = (active & mapped).sum(axis=0)
    missed, invented = np.maximum(speaking - claims, 0), np.maximum(claims - speaking, 0)
    confused = np.minimum(speaking, claims) - right
    present, detected = int((active @ time > 0).sum()), int((claimed @ time > 0).sum())
    errors = DiarizationErrors(
        scored_s=float(time.sum()),
        speech_s=float(speaking @ time),
        missed_s=float(missed @ time),
        invented_s=float(invented @ time),
        confused_s=float(confused @ time),
        jaccard=_jaccard(active, mapped, time),
        speakers=present,
        found_speakers=detected,
        miscounted=int(present != detected),
        calls=1,
    )
    kind = np.select([confused > 0, missed > 0, invented > 0], [0, 1, 2], -1)
    rows = _stretches(cuts, np.where(time > 0, kind, -1), (own.names, active), (other.names, claimed))
    return errors, {other.names[j]: own.names[i] for i, j in pairs}, rows


def _covered(spans: Floats, cuts: Floats) -> Bools:
    """Which pieces of time lie in a span."""
    changes = np.zeros(len(cuts), np.int64)
    inside = np.clip(spans, cuts[0], cuts[-1])
    np.add.at(changes, np.searchsorted(cuts, inside[:, 0]), 1)
    np.add.at(changes, np.searchsorted(cuts, inside[:, 1]), -1)
    covered: Bools = np.cumsum(changes)[:-1] > 0
    return covered


def _mapping(active: Bools, claimed: Bools, time: Floats) -> tuple[Bools, list[tuple[int, int]]]:
    """Give each speaker of the reference the claims of at most one of the transcript, most time together."""
    from scipy.optimize import linear_sum_assignment

    together = (active * time) @ claimed.T.astype(np.float64)
    mapped = np.zeros_like(active)
    pairs = []
    for i, j in zip(*linear_sum_assignment(-together), strict=True):
        if together[i, j] > 0:
            mapped[i] = claimed[j]
            pairs.append((int(i), int(j)))
    return mapped, pairs


def _jaccard(active: Bools, mapped: Bools, time: Floats) -> float:
    """The sum of the Jaccard errors of the speakers of the reference; who has no partner errs wholly."""
    together, either = (active & mapped) @ time, (active | mapped) @ time
    return float((1 - np.divide(together, either, out=np.ones(len(active)), where=either > 0)).sum())


def _stretches(
    cuts: Floats, kind: NDArray[np.int64], said: tuple[list[str], Bools], heard: tuple[list[str], Bools]
) -> dict[str, list[Any]]:
    """The pieces of time with an error, neighbours of one kind and of the same speakers joined."""
    crowd = [2 ** np.arange(len(names)) @ active for names, active in (said, heard)]  # who, as one number
    wrong = np.flatnonzero(kind >= 0)
    same = np.diff(wrong) == 1
    for column in (kind, *crowd):
        same &= np.diff(column[wrong]) == 0
    first = wrong[np.append(True, ~same)[: len(wrong)]]
    last = wrong[np.append(~same, True)[: len(wrong)]]
    listed: list[list[str | None]] = []
    for numbers, (names, _) in zip(crowd, (said, heard), strict=True):
        text = {
            number: " and ".join(name for i, name in enumerate(names) if number >> i & 1) or None
            for number in set(numbers[first].tolist())
        }
        listed.append([text[number] for number in numbers[first].tolist()])
    return {
        "start_s": cuts[first].tolist(),
        "end_s": cuts[last + 1].tolist(),
        "kind": [(CONFUSED, MISSED, INVENTED)[k] for k in kind[first]],
        "reference": listed[0],
        "transcript": listed[1],
    }


def _described(collar_s: float, overlap: bool, own_region: bool) -> str:
    region = "the given regions" if own_region else "the whole recording"
    collar = (
        f"a collar of {collar_s:g} s on each side of the reference's boundaries" if collar_s else "no collar"
    )
    return f"Scored: {region}, overlapping speech {'included' if overlap else 'left out'}, {collar}."
