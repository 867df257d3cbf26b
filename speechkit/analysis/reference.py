"""References: what was really said, when and by whom, read from the files of the field into a transcript.

A reference is a `Transcript` like any other, so that every analysis reads it, and one transcript can stand in
as the reference of another. Formats, by the end of the name:

- `.stm` (NIST, sclite): `file channel speaker start end [<label>] words`: a phrase a line.
- `.ctm` (NIST, sclite): `file channel start duration word [confidence]`: a word a line, no speakers.
- `.rttm` (NIST, RT-09): `SPEAKER file channel start duration <NA> <NA> speaker <NA> [<NA>]`: who speaks when,
  without words.
- `.txt`: the words of the call that the file is named after (`c01.txt`, `c01.ref.txt`), one stream, no times.

Channels: A, B, ... are 0, 1, ...; a file that counts from 1 (NIST does) is brought to 0.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from speechkit.errors import TranscriptError

if TYPE_CHECKING:
    from speechkit.transcripts.schema import Transcript

MAX_PAUSE_S: Final = 2.0
"""Words of a CTM further apart than this stand in different phrases."""

_SLACK_S: Final = 0.05  # the times of a CTM and an STM are rounded apart by no more than this
_IGNORED: Final = frozenset({"ignore_time_segment_in_scoring", "inter_segment_gap"})
_NOT_AVAILABLE: Final = "<na>"


@dataclass
class _Said:
    """A phrase of a reference."""

    call_id: str
    channel: str | None
    speaker: str | None
    start_s: float | None
    end_s: float | None
    words: list[str] = field(default_factory=list)
    times: list[tuple[float, float] | None] = field(default_factory=list)


def read_reference(*paths: str | os.PathLike[str], first_channel: int | None = None) -> Transcript:
    """Read a reference from one file or several that complete each other, such as an STM and its CTM.

    Given together, the CTM gives the words of the STM their times. An RTTM stands alone: its phrases have no
    words. `first_channel` is the number that the files give to the first channel; left out, it is 0 where any
    line has channel 0, else 1. Words are in the column `lexical` of the phrases and in the table `words`;
    `mode` is missing, `engine` is `reference`. Raises TranscriptError, naming file and line, for what is not
    in the format, and for a kind of file that is none of these.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "calls.stm"
    ...     _ = path.write_text("c1 A anna 0.50 2.00 good morning\\nc1 B ben 2.50 3.00 hi\\n")
    ...     reference = read_reference(path)
    >>> reference.phrases[["phrase_id", "channel", "speaker", "start_s", "lexical"]]
      phrase_id  channel speaker  start_s       lexical
    0   c1:0001        0    anna      0.5  good morning
    1   c1:0002        1     ben      2.5            hi
    """
    if not paths:
        raise TranscriptError("no reference file was given. Name an .stm, .ctm, .rttm or .txt file.")
    files = [Path(path) for path in paths]
    kinds = [file.suffix.lower() for file in files]
    for file, kind in zip(files, kinds, strict=True):
        if kind not in _READERS:
            raise TranscriptError(
                f"{file.name}: a reference is an .stm, .ctm, .rttm or .txt file. Convert it to one of these."
            )
    if ".rttm" in kinds and len(set(kinds)) > 1:
        raise TranscriptError("an RTTM says who speaks when and has no words: read it by itself.")
    read = {
        kind: [s for f, k in zip(files, kinds, strict=True) if k == kind for s in _READERS[k](f)]
        for kind in kinds
    }
    words = read.pop(".ctm", []) if ".stm" in read else []
    said = [phrase for phrases in read.values() for phrase in phrases]
    if not said:
        raise TranscriptError(f"{files[0].name}: there is no line in it that could be a reference.")
    if words:
        _give_times(said, words)
    return _transcript(said, files, first_channel)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file with their numbers, without comments and blank ones."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise TranscriptError(f"{path.name}: there is no such reference file in {path.parent}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise TranscriptError(
            f"{path.name} cannot be read as UTF-8 text ({error}). Save it as UTF-8."
        ) from None
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith(";;"):
            yield number, line.strip()


def _seconds(path: Path, number: int, *texts: str) -> list[float]:
    import math

    try:
        values = [float(text) for text in texts]
    except ValueError:
        values = [math.nan]
    if not all(0 <= value < math.inf for value in values):
        raise TranscriptError(
            f"{path.name}, line {number}: {' and '.join(map(repr, texts))} should be seconds. Correct them."
        )
    return values


def _columns(path: Path, number: int, line: str, least: int, form: str, most: int = -1) -> list[str]:
    parts = line.split(maxsplit=most)
    if len(parts) < least:
        raise TranscriptError(f"{path.name}, line {number} is not `{form}`: {line[:60]!r}. Correct the line.")
    return parts


def _read_stm(path: Path) -> Iterator[_Said]:
    for number, line in _lines(path):
        form = "file channel speaker start end words"
        name, channel, speaker, *rest = _columns(path, number, line, 5, form, 5)
        start, end = _seconds(path, number, *rest[:2])
        if end < start:
            raise TranscriptError(
                f"{path.name}, line {number} ends at {end} before it starts at {start}. Correct it."
            )
        text = rest[2] if len(rest) > 2 else ""
        if text.startswith("<"):  # a label such as <o,f0,male>
            text = text.partition(">")[2]
        if text.strip().lower() in _IGNORED:
            continue
        yield _Said(name, channel, speaker, start, end, text.split())


def _read_ctm(path: Path) -> Iterator[_Said]:
    """Words in phrases: a pause of `MAX_PAUSE_S` or another channel begins the next."""
    rows = []
    for number, line in _lines(path):
        name, channel, start, duration, word, *_ = _columns(
            path, number, line, 5, "file channel start duration word"
        )
        begin, length = _seconds(path, number, start, duration)
        rows.append((name, channel, begin, begin + length, word))
    phrase: _Said | None = None
    for name, channel, begin, end, word in sorted(rows, key=lambda row: row[:3]):
        if word.startswith("<") and word.lower().startswith("<alt"):
            raise TranscriptError(
                f"{path.name}: alternatives (<ALT...>) are not supported. Keep one reading of each."
            )
        if (
            phrase is None
            or (phrase.call_id, phrase.channel) != (name, channel)
            or begin - _end(phrase) > MAX_PAUSE_S
        ):
            if phrase:
                yield phrase
            phrase = _Said(name, channel, None, begin, end)
        phrase.end_s = max(_end(phrase), end)
        phrase.words.append(word)
        phrase.times.append((begin, end))
    if phrase:
        yield phrase


def _end(phrase: _Said) -> float:
    return phrase.end_s or 0.0


def _read_rttm(path: Path) -> Iterator[_Said]:
    for number, line in _lines(path):
        kind, *parts = _columns(path, number, line, 2, "SPEAKER file channel start duration ...")
        if kind != "SPEAKER":
            continue
        if len(parts) < 7:
            raise TranscriptError(
                f"{path.name}, line {number} has no speaker in its eighth column. Correct the line."
            )
        start, duration = _seconds(path, number, *parts[2:4])
        channel = None if parts[1].lower() == _NOT_AVAILABLE else parts[1]
        yield _Said(parts[0], channel, parts[6], start, start + duration)


def _read_txt(path: Path) -> Iterator[_Said]:
    words = [word for _, line in _lines(path) for word in line.split()]
    yield _Said(path.name.split(".")[0], None, None, None, None, words)


_READERS: Final[Mapping[str, Callable[[Path], Iterator[_Said]]]] = {
    ".stm": _read_stm,
    ".ctm": _read_ctm,
    ".rttm": _read_rttm,
    ".txt": _read_txt,
}


def _give_times(said: list[_Said], timed: list[_Said]) -> None:
    """Give the words of phrases the times of the same words on their channel, each used once."""
    stock: dict[tuple[str, str | None], list[tuple[float, float, str]]] = {}
    for phrase in timed:
        spans = stock.setdefault((phrase.call_id, phrase.channel), [])
        spans += [(*span, w) for span, w in zip(phrase.times, phrase.words, strict=True) if span]
    for phrase in sorted(said, key=lambda p: (p.call_id, p.start_s or 0.0)):
        spans = stock.get((phrase.call_id, phrase.channel), [])
        low, high = (phrase.start_s or 0.0) - _SLACK_S, _end(phrase) + _SLACK_S
        inside = [span for span in spans if low <= span[0] and span[1] <= high]
        at = 0
        for word in phrase.words:
            found = next((i for i in range(at, len(inside)) if inside[i][2].lower() == word.lower()), None)
            if found is None:
                phrase.times.append(None)
                continue
            phrase.times.append(inside[found][:2])
            spans.remove(inside[found])
            at = found + 1


def _transcript(said: list[_Said], files: list[Path], first_channel: int | None) -> Transcript:
    import pandas as pd

    from speechkit.transcripts.schema import Transcript

    number = _channel_numbers({p.channel for p in said if p.channel is not None}, files, first_channel)
    said = sorted(said, key=lambda p: (p.call_id, p.start_s or 0.0, number.get(p.channel, -1)))
    counts: dict[str, int] = {}
    phrases: list[dict[str, Any]] = []
    words: list[dict[str, Any]] = []
    for phrase in said:
        counts[phrase.call_id] = counts.get(phrase.call_id, 0) + 1
        same = {
            "call_id": phrase.call_id,
            "phrase_id": f"{phrase.call_id}:{counts[phrase.call_id]:04d}",
            "channel": number.get(phrase.channel),
            "speaker": phrase.speaker,
        }
        text = " ".join(phrase.words) or None
        phrases.append(
            same | {"start_s": phrase.start_s, "end_s": phrase.end_s, "lexical": text, "display": text}
        )
        times = phrase.times or [None] * len(phrase.words)
        for position, (word, span) in enumerate(zip(phrase.words, times, strict=True)):
            start, end = span or (None, None)
            words.append(same | {"position": position, "start_s": start, "end_s": end, "word": word})
    calls = pd.DataFrame(
        {"call_id": list(counts), "engine": "reference", "source": ", ".join(f.name for f in files)}
    )
    channels = pd.DataFrame(phrases).groupby("call_id")["channel"].max() + 1
    calls["channels"] = calls["call_id"].map(channels)
    return Transcript(calls, pd.DataFrame(phrases), pd.DataFrame(words) if words else None)


def _channel_numbers(names: set[str], files: list[Path], first: int | None) -> dict[str | None, int]:
    """Number the channels of a file from 0."""
    answer: dict[str | None, int] = {}
    for name in names:
        if name.isdecimal():
            answer[name] = int(name)
        elif len(name) == 1 and name.isalpha():
            answer[name] = ord(name.upper()) - ord("A")
        else:
            raise TranscriptError(
                f"{files[0].name}: {name!r} is no channel. Number the channels from 0 or name them A, B, ..."
            )
    counted = [name for name in names if name.isdecimal()]
    base = first if first is not None else int(bool(counted) and "0" not in counted)
    for name in counted:
        answer[name] -= base
        if answer[name] < 0:
            raise TranscriptError(
                f"{files[0].name}: channel {name} lies before first_channel={base}. Correct it."
            )
    return answer
