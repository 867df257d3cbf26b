"""What in a transcript cannot be trusted, and which analysis that concerns: said before a figure misleads.

Each finding names the call, what was found, what follows from it and what to do. Where the recordings are at
hand, channels are compared by their sound; else by what was recognized on them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from speechkit.analysis.speakers import talk
from speechkit.analysis.timed import reach, times, who
from speechkit.analysis.unlabelled import unlabelled
from speechkit.limits import MAX_SPEAKERS
from speechkit.transcripts.schema import clock

if TYPE_CHECKING:
    from speechkit.analysis.speakers import Tables

    Found = Iterable[tuple[str, Mapping[str, Any]]]

TINY_SHARE: Final = 0.03
"""A speaker with less of the talk than this, in a call of three or more, is likely one of the others."""

_SLACK_S: Final = 0.5  # a result may end this much after the recording: both are rounded
_BACK_S: Final = 0.05
_ALIKE: Final = 0.8  # of the words on two channels
_SILENT_DB: Final = -60.0  # RMS of a channel on which only noise is heard
_SAME_DB: Final = -20.0  # what two channels differ by, relative to what they hold

# what was found: what follows, what to do
MEANINGS: Final[Mapping[str, tuple[str, str]]] = {
    "no words": ("nothing can be said about this call", "listen to it: is there speech, and in this locale?"),
    "one phrase": ("turns, answers and silences need two or more", "read it as it is"),
    "no speakers": ("talk shares and turns are not known", "transcribe it again with diarization"),
    "one speaker": ("who speaks, and all that follows from it, is not known", "allow two speakers or more"),
    "many speakers": (f"the service tells at most {MAX_SPEAKERS} apart", "is the column of speakers right?"),
    "tiny share": ("a stray voice, or a piece of another speaker", "ask for fewer speakers"),
    "unlabelled": ("these phrases belong to nobody's talk", "try unlabelled.fill_unknown"),
    "one channel": ("overlaps are lost, interruptions too, and speakers are a guess", "record both channels"),
    "silent channel": ("one party is missing, or sits on the other channel", "look at the telephone system"),
    "same channels": ("a mono recording, saved twice: every word counts double", "transcribe one channel"),
    "no times": ("nothing that needs times can be said", "transcribe it again"),
    "no word times": ("words cannot be placed, pauses within phrases are unseen", "ask for word timestamps"),
    "no confidence": ("doubtful words cannot be told", "batch mode gives a confidence for each word"),
    "times run backwards": ("phrases of one speaker overlap, or words are out of order", "distrust the pace"),
    "past the end": ("the transcript is longer than its recording", "is it the recording of this call?"),
}


def diagnose(
    transcript: Tables, recordings: Mapping[str, str | os.PathLike[str]] | None = None
) -> pd.DataFrame:
    """List what cannot be trusted in each call.

    The answer has `call_id`, `finding` (a key of MEANINGS), `detail`, `means` and `remedy`, in order of the
    calls. `recordings` are the files by call_id: with them channels are compared by their sound. Raises the
    AudioError tree for a recording that cannot be used.

    >>> from speechkit.transcripts.schema import Transcript
    >>> said = pd.DataFrame({"call_id": "a", "phrase_id": ["a:1", "a:2"], "speaker": ["1", "Unknown"],
    ...                      "start_s": [0.0, 4.0], "end_s": [3.0, 9.0], "lexical": ["hello there", "hm"]})
    >>> calls = pd.DataFrame({"call_id": ["a"], "channels": [1], "duration_s": [8.0]})
    >>> diagnose(Transcript(calls, said))["finding"].tolist()[:3]
    ['one speaker', 'unlabelled', 'one channel']
    >>> diagnose(Transcript(calls, said))["detail"][1]
    '1 of 2 phrases (5.0 of 8.0 s) have no speaker'
    """
    rows: list[tuple[str, str, str]] = []
    judged = _judged(transcript.phrases)
    tables = {"phrases": _parts(judged), "words": _parts(transcript.words)}
    # only among three or more is a small share a doubtful one
    shares = _parts(talk(transcript)) if judged["party"].nunique() > 2 else {}
    for call in transcript.calls.to_dict("records"):
        call_id = str(call["call_id"])
        own = {name: parts.get(call_id, _NOTHING) for name, parts in tables.items()}
        found = _of_call(call, own["phrases"], own["words"], shares.get(call_id, _NOTHING))
        if recordings and call_id in recordings:
            found = [(f, d) for f, d in found if f not in ("silent channel", "same channels")]
            found += _of_sound(recordings[call_id])
        rows += [(call_id, finding, detail) for finding, detail in found]
    columns = ["call_id", "finding", "detail"]
    answer = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns, "str"))
    for place, name in enumerate(("means", "remedy")):
        answer[name] = pd.Series([MEANINGS[finding][place] for finding in answer["finding"]], dtype="str")
    return answer


_NOTHING: Final = pd.DataFrame()


def _judged(phrases: pd.DataFrame) -> pd.DataFrame:
    """The phrases with `party`, `lost` (no speaker) and `late` (begins before its party's last one ends)."""
    party = who(phrases)
    (call, _), (side, names) = pd.factorize(phrases["call_id"]), pd.factorize(party)
    group = call * len(names) + side
    start, end = times(phrases)
    order = np.lexsort((start, group))
    furthest = reach(group[order], np.nan_to_num(end[order]))
    same = np.append(False, np.diff(group[order]) == 0)[: len(order)]
    late = np.zeros(len(order), dtype=bool)
    late[order] = same & (np.append(0.0, furthest[:-1])[: len(order)] - start[order] > _BACK_S)
    return phrases.assign(party=party, lost=unlabelled(phrases), late=late)


def _parts(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    calls = table["call_id"].unique()
    if len(calls) == 1:  # as in the report of a call
        return {str(calls[0]): table}
    return {str(key): part for key, part in table.groupby("call_id")}


def _of_call(
    call: Mapping[Any, Any], phrases: pd.DataFrame, words: pd.DataFrame, shares: pd.DataFrame
) -> list[tuple[str, str]]:
    """What tables tell of one call."""
    if phrases.empty or not (phrases[["display", "lexical"]].fillna("") != "").to_numpy().any():
        return [("no words", "nothing was recognized")]
    found = []
    if len(phrases) == 1:
        found.append(("one phrase", "a single phrase was recognized"))
    found += _of_speakers(call, phrases, shares)
    if phrases["start_s"].isna().all():
        found.append(("no times", "no phrase has a time"))
    else:
        found += _of_times(call, phrases, words)
    if phrases["confidence"].isna().all() and (words.empty or words["confidence"].isna().all()):
        found.append(("no confidence", "no word and no phrase has one"))
    return found


def _of_speakers(
    call: Mapping[Any, Any], phrases: pd.DataFrame, shares: pd.DataFrame
) -> list[tuple[str, str]]:
    channels, found = call.get("channels"), []
    heard = phrases["channel"].dropna().unique()
    held = len(heard) if pd.isna(channels) else int(channels)
    lost = phrases["lost"]
    names = sorted(set(phrases.loc[~lost, "party"]))
    if held < 2 and (phrases["speaker"].isna().all() or not names):
        found.append(("no speakers", "the phrases of the only channel have no speaker"))
    elif len(names) == 1 and held < 2:
        found.append(("one speaker", f"only speaker {names[0]}"))
    elif len(names) > MAX_SPEAKERS:
        found.append(("many speakers", f"{len(names)} speakers"))
    if len(names) > 2 and len(shares):
        small = shares[(shares["talk_share"] < TINY_SHARE) & shares["party"].isin(names)]
        parts = [f"{p} {100 * s:.1f}%" for p, s in zip(small["party"], small["talk_share"], strict=True)]
        if parts:
            more = f" and {len(parts) - 3} more" * (len(parts) > 3)
            found.append(("tiny share", f"of the talk: speaker {', '.join(parts[:3])}{more}"))
    if lost.any() and not lost.all():
        seconds = (phrases["end_s"] - phrases["start_s"]).clip(lower=0)
        share = f"{seconds[lost].sum():.1f} of {seconds.sum():.1f} s"
        found.append(("unlabelled", f"{int(lost.sum())} of {len(phrases)} phrases ({share}) have no speaker"))
    if held == 1:
        found.append(("one channel", "all parties are on one channel"))
    elif held > 1:
        found += _of_channels(phrases, held)
    return found


def _of_channels(phrases: pd.DataFrame, held: int) -> list[tuple[str, str]]:
    """What was recognized on channels tells whether one is silent or two are the same."""
    text = phrases["lexical"].fillna(phrases["display"]).fillna("").str.lower()
    said = [set(_timed_words(text[phrases["channel"] == channel])) for channel in range(held)]
    found = [("silent channel", f"no word on channel {i}") for i in range(held) if not said[i]]
    for i in range(held):
        for j in range(i):
            both = len(said[i] | said[j])
            if both > 4 and len(said[i] & said[j]) / both > _ALIKE:
                found.append(("same channels", f"channels {j} and {i} have the same words"))
    return found


def _timed_words(texts: pd.Series[str]) -> Iterable[tuple[str, int]]:
    """Each word with its number among its like, so that a set counts them all."""
    seen: dict[str, int] = {}
    for text in texts:
        for word in text.split():
            seen[word] = seen.get(word, 0) + 1
            yield word, seen[word]


def _of_times(call: Mapping[Any, Any], phrases: pd.DataFrame, words: pd.DataFrame) -> list[tuple[str, str]]:
    found = []
    timed = words if words.empty else words[words["start_s"].notna()]
    if timed.empty:
        found.append(("no word times", "no word has a time"))
    late = phrases["late"]
    inverted = phrases["end_s"] < phrases["start_s"]
    back = 0
    if len(timed):
        phrase, _ = pd.factorize(timed["phrase_id"])
        order = np.lexsort((timed["position"], phrase))
        start = timed["start_s"].to_numpy()[order]
        back = int(((np.diff(start) < -_BACK_S) & (np.diff(phrase[order]) == 0)).sum())
    parts = [
        f"{int(late.sum())} phrases begin before the same speaker's last one ends" if late.any() else "",
        f"{int(inverted.sum())} phrases end before they begin" if inverted.any() else "",
        f"{back} words stand before the word in front of them" if back else "",
    ]
    if any(parts):
        found.append(("times run backwards", "; ".join(filter(None, parts))))
    ends = [t["end_s"].max() for t in (phrases, timed) if len(t)]
    last, lasts = float(np.nanmax(ends)), float(call.get("duration_s", math.nan))
    if last > lasts + _SLACK_S:
        found.append(
            ("past the end", f"the last word ends at {clock(last)}, the recording at {clock(lasts)}")
        )
    return found


def _of_sound(path: str | os.PathLike[str]) -> list[tuple[str, str]]:
    """What the samples of a recording tell of its channels."""
    from speechkit.audio import decode_blocks

    power = product = None
    samples = 0
    for block in decode_blocks(os.fspath(path), 8000):
        wide = block.astype(np.float64)
        power = (wide**2).sum(axis=1) + (0.0 if power is None else power)
        product = wide @ wide.T + (0.0 if product is None else product)
        samples += wide.shape[1]
    if power is None or product is None or len(power) < 2:
        return []
    level = 10 * np.log10(power / samples + 1e-12)
    found = [
        ("silent channel", f"channel {i} has a level of {db:.0f} dB of full scale")
        for i, db in enumerate(level)
        if db < _SILENT_DB
    ]
    for i in range(len(power)):
        for j in range(i):
            if min(level[i], level[j]) < _SILENT_DB:
                continue
            # what is left of a channel when the other is taken off at its best volume
            rest = 1 - product[i, j] ** 2 / (power[i] * power[j])
            if 10 * math.log10(max(rest, 1e-12)) < _SAME_DB:
                found.append(("same channels", f"channels {j} and {i} sound the same"))
    return found
