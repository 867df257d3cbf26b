"""Captions: SubRip (SRT) and WebVTT from any transcript; `cues` says by which rules.

What WebVTT escapes and how it writes voices and word times: https://www.w3.org/TR/webvtt1/
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from speechkit.errors import TranscriptError
from speechkit.transcripts.cues import RULES, Cue, Rules, cues
from speechkit.transcripts.events import FINAL, Event, to_transcript
from speechkit.whole import whole

if TYPE_CHECKING:
    from speechkit.transcripts.schema import Transcript

_NO_TAGS: Final = str.maketrans("<>{}", "‹›()")
_HEADER: Final = "WEBVTT\n"
_STYLE: Final = "\nSTYLE\n::cue(:future) {\n  color: #bbb;\n}\n"


def to_srt(
    transcript: Transcript,
    call_id: str | None = None,
    *,
    rules: Rules = RULES,
    names: Mapping[str, str] | None = None,
) -> str:
    """Write the captions of one call as SubRip, see `cues`.

    SubRip cannot escape its tags: spoken `<`, `>`, `{` and `}` become `‹`, `›`, `(` and `)`.
    """
    blocks = []
    for number, cue in enumerate(cues(transcript, call_id, rules=rules, names=names), start=1):
        text = "\n".join(cue.lines).translate(_NO_TAGS)
        blocks.append(f"{number}\n{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}\n{text}\n")
    return "\n".join(blocks)


def to_vtt(
    transcript: Transcript,
    call_id: str | None = None,
    *,
    rules: Rules = RULES,
    names: Mapping[str, str] | None = None,
    highlight: bool = True,
) -> str:
    """Write the captions of one call as WebVTT, see `cues`.

    Parties become voices (`<v Agent>`) beside their label, which players show. With `highlight`, words that
    the recognizer timed carry their time, and players that know timestamps light them up as they are spoken.
    """
    blocks, lit = [], False
    for number, cue in enumerate(cues(transcript, call_id, rules=rules, names=names), start=1):
        payload = _payload(cue, highlight)
        lit = lit or "<c>" in payload
        blocks.append(f"{number}\n{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}\n{payload}\n")
    return "\n".join([_HEADER + _STYLE * lit, *blocks])


def write_captions(
    transcript: Transcript,
    path: str | os.PathLike[str],
    call_id: str | None = None,
    *,
    rules: Rules = RULES,
    names: Mapping[str, str] | None = None,
    highlight: bool = True,
) -> Path:
    """Write the captions of one call to a file whose suffix, .srt or .vtt, says the format.

    Answers the path; the file is there whole or not at all. Raises TranscriptError for another suffix, an
    unknown call, or a folder that cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in (".srt", ".vtt"):
        raise TranscriptError(f"captions cannot be written to {path}: let its name end in .srt or .vtt.")
    if path.suffix.lower() == ".srt":
        text = to_srt(transcript, call_id, rules=rules, names=names)
    else:
        text = to_vtt(transcript, call_id, rules=rules, names=names, highlight=highlight)
    try:
        with whole(path) as part:
            part.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise TranscriptError(f"{path} cannot be written: {error.strerror}. Take another folder.") from error
    return path


class LiveCaptions:
    """Captions that grow while somebody speaks: give it to `speech.realtime.transcribe(..., on_event=)`.

    The file, .vtt or .srt, is whole after each event: the firm phrases, then the latest hypothesis of each
    channel, which the next event may change.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, rules: Rules = RULES, names: Mapping[str, str] | None = None
    ) -> None:
        self.path = Path(path)
        self._layout: dict[str, Any] = {"rules": rules, "names": names}
        self._firm: list[Event] = []
        self._open: dict[int, Event] = {}

    def __call__(self, event: Event) -> None:
        """Write the captions with one more event in them."""
        self._open.pop(event.channel, None)
        if event.kind == FINAL:
            self._firm.append(event)
        else:
            self._open[event.channel] = event
        write_captions(to_transcript([*self._firm, *self._open.values()]), self.path, **self._layout)


def _clock(ms: int, point: str) -> str:
    """Write milliseconds as hours:minutes:seconds, as both formats want it."""
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}{point}{ms % 1000:03d}"


def _escape(text: str) -> str:
    """Escape what WebVTT would take for a tag, an entity or an arrow [vtt]."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _payload(cue: Cue, highlight: bool) -> str:
    """The text of a WebVTT cue: voices, escaped words, and the times of words that have one."""
    voices, at = [], cue.start_ms
    for part in cue.parts:
        at, rows = cue.start_ms, []
        for i, line in enumerate(part.lines):
            row = _escape(part.label) if i == 0 else ""
            for j, token in enumerate(line):
                text = (" " if token.spaced and j else "") + _escape(token.text)
                ms = round(token.start_s * 1000)
                if highlight and token.timed and at < ms < cue.end_ms:
                    row, at = f"{row}<{_clock(ms, '.')}><c>{text}</c>", ms
                else:
                    row += text
            rows.append(row)
        text = "\n".join(rows)
        voices.append(f"<v {_escape(part.voice)}>{text}</v>" if part.voice else text)
    return "\n".join(voices)
