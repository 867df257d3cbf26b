"""A call to see and to hear: recording, lanes of the speakers, and words that answer to a click."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from speechkit.analysis.confidence import BELOW
from speechkit.analysis.roles import named, roles
from speechkit.analysis.timed import ratio, read_timed
from speechkit.audio import probe
from speechkit.display.page import Page, file_text, link, policy
from speechkit.display.sound import EMBED_MAX_BYTES, Spans, data_uri, fits
from speechkit.display.wording import count, part, percent
from speechkit.transcripts.parties import UNKNOWN, labels
from speechkit.transcripts.schema import clock
from speechkit.transcripts.spoken import Phrase, Spoken, read_call

if TYPE_CHECKING:
    from jinja2 import Template

    from speechkit.transcripts.schema import Transcript

UNSURE_BELOW: Final = 0.8
"""Under it a word is marked as unsure, under `analysis.confidence.BELOW` as doubtful."""

# Agent and customer keep the colour and the shape of the other figures; the others get the next ones.
_ROLE_SLOTS: Final[Mapping[str, int]] = {"agent": 0, "customer": 1}
_MANY: Final = 6  # the slot of the parties for whom no colour is left
_SHAPES: Final = (
    "M0-5a5 5 0 1 0 0 10a5 5 0 1 0 0-10z",  # circle
    "M0-5.5L5.5 5H-5.5z",  # triangle
    "M-4.5-4.5h9v9h-9z",  # square
    "M0-6L6 0 0 6-6 0z",  # diamond
    "M-5.5-5H5.5L0 5.5z",  # triangle upside down
    "M-2-6h4v4h4v4h-4v4h-4v-4h-4v-4h4z",  # cross
    "M-5-2h10v4h-10z",  # bar
)
_MANY_SPEAKERS: Final = 10
_SILENCE_S: Final = 5.0  # a silence as long as this is told between the phrases
_SHORT_S: Final = 2.0  # a recording may end this much before the transcript says the call does
_TICK_STEPS_S: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


@dataclass(frozen=True, repr=False)
class Player(Page):
    """A call as a page: shows itself in a notebook, and `save` writes it as a file that needs nothing else.

    `missing` says in sentences what the transcript or the recording does not have; `doubtful` counts the
    words (or phrases, where there are no words) with a confidence under `doubtful_below`.
    """

    call: Spoken
    title: str
    parties: Mapping[str, tuple[int, str, str]]  # by party: slot, label, share of the talk
    audio: Path | None
    duration_s: float
    missing: tuple[str, ...]
    doubtful_below: float = BELOW
    unsure_below: float = UNSURE_BELOW
    embed_max_bytes: int = EMBED_MAX_BYTES
    bleeps: Spans = ()
    mixed: bool = False

    def __repr__(self) -> str:
        sound = f", {self.audio.name}" if self.audio else ", no recording"
        said = count(len(self.call.phrases), "phrase")
        return f"Player({self.call.call_id}: {said}, {clock(self.duration_s)}{sound})"

    @property
    def doubtful(self) -> int:
        """How many words are marked as doubtful."""
        return sum(word["level"] == " d2" for row in self._rows for word in row["words"])

    @cached_property
    def _embedded(self) -> str | None:
        return data_uri(self.audio, self.embed_max_bytes, self.bleeps, self.mixed) if self.audio else None

    @cached_property
    def _rows(self) -> list[dict[str, Any]]:
        """The phrases as the template wants them."""
        rows, before, reached = [], "", 0.0
        for phrase in self.call.phrases:
            slot, label, _ = self.parties[phrase.party]
            silence_s = max(0.0, phrase.start_s - reached)
            rows.append(
                {"slot": slot, "label": label, "locale": phrase.locale, "words": self._words(phrase),
                 "start_s": round(phrase.start_s, 3), "end_s": round(phrase.end_s, 3),
                 "silence": f"{silence_s:.0f} s without speech" if silence_s >= _SILENCE_S else "",
                 "goes_on": phrase.party == before and silence_s < _SILENCE_S}
            )  # fmt: skip
            before, reached = phrase.party, max(reached, phrase.end_s)
        return rows

    def _words(self, phrase: Phrase) -> list[dict[str, Any]]:
        """The words of a phrase; the phrase as one piece where nothing is known of its words."""
        whole = phrase.start_s, phrase.end_s
        if any(t.timed for t in phrase.tokens):
            pieces = [(t.text, t.spaced, t.start_s, t.end_s, t.confidence) for t in phrase.tokens]
        elif any(not math.isnan(t.confidence) for t in phrase.tokens):
            pieces = [(t.text, t.spaced, *whole, t.confidence) for t in phrase.tokens]
        else:
            pieces = [(phrase.text, True, *whole, phrase.confidence)]
        return [
            {"text": text, "spaced": spaced, "start_s": round(start, 3), "end_s": round(end, 3),
             "level": self._level(sure), "confidence": f"{sure:.2f}"}
            for text, spaced, start, end, sure in pieces
        ]  # fmt: skip

    def _level(self, confidence: float) -> str:
        if confidence < self.doubtful_below:
            return " d2"
        return " d1" if confidence < self.unsure_below else ""

    def _render(self, *, alone: bool, folder: Path) -> str:
        from markupsafe import Markup

        css, js = file_text("frame.css") + file_text("player.css"), file_text("player.js")
        page_css = "body { margin: 0; }"
        src = self._embedded or (link(self.audio, folder) if self.audio else None)
        measure = "calibrated confidence" if self.call.calibrated else "confidence"
        return _template().render(
            alone=alone,
            policy=policy([css, page_css], [js]),
            heading="h1" if alone else "h3",
            title=self.title,
            facts=self._facts(),
            notes=self.missing,
            src=src,
            duration_s=round(self.duration_s, 3),
            rows=self._rows,
            lanes=self._lanes(),
            ticks=_ticks(self.duration_s),
            doubtful=self.doubtful,
            measure=measure,
            legend=self._legend() if _confidences(self.call) else None,
            shapes=_SHAPES,
            css=Markup(css),
            page_css=Markup(page_css),
            js=Markup(js),
        )

    def _facts(self) -> str:
        words = sum(len(p.tokens) for p in self.call.phrases)
        languages = sorted({p.locale for p in self.call.phrases if p.locale})
        said = [count(len(self.call.phrases), "phrase"), count(words, "word")]
        return " · ".join([clock(self.duration_s), *said, *languages])

    def _legend(self) -> dict[str, str]:
        low, high = f"{self.doubtful_below:.2f}", f"{self.unsure_below:.2f}"
        return {
            "sure": f"{high} or more",
            "unsure": f"unsure, under {high}",
            "doubtful": f"doubtful, under {low}",
        }

    def _lanes(self) -> list[dict[str, Any]]:
        """A lane for each party; those without a colour of their own share the last one."""
        lanes: dict[int, dict[str, Any]] = {}
        for slot, label, share in self.parties.values():
            if slot == _MANY and slot in lanes:
                lanes[slot] |= {"label": "others", "share": ""}
            else:
                lanes[slot] = {"slot": slot, "label": label, "share": share, "bars": [], "doubts": []}
        whole = self.duration_s or 1.0
        for row in self._rows:
            lane = lanes[row["slot"]]
            width = max(0.15, 100 * (row["end_s"] - row["start_s"]) / whole)
            lane["bars"].append({"x": round(100 * row["start_s"] / whole, 3), "width": round(width, 3)})
            lane["doubts"] += [
                round(100 * w["start_s"] / whole, 3) for w in row["words"] if w["level"] == " d2"
            ]
        return list(lanes.values())


def player(
    transcript: Transcript,
    call_id: str | None = None,
    *,
    audio: str | os.PathLike[str] | None = None,
    names: Mapping[str, str] | None = None,
    title: str | None = None,
    doubtful_below: float = BELOW,
    unsure_below: float = UNSURE_BELOW,
    embed_max_bytes: int = EMBED_MAX_BYTES,
    bleeps: Spans = (),
    mixed: bool = False,
) -> Player:
    """Show one call: its recording, a lane for each speaker, and its words, which seek when they are clicked.

    `audio` is the recording; it is embedded as Opus up to `embed_max_bytes`, beyond that linked. `names` maps
    a party (`"1"`, `"channel 0"`) to a label of your own; else agent and customer are told by their channels.
    `bleeps` are spans of seconds in which a tone is heard instead (`transcripts.masking.bleeps`). With `mixed` the
    two channels of a recording are embedded as one: smaller and sooner made, but its sides are not heard apart.
    Confidence is the `calibrated` column of the words where there is one. What the transcript lacks (word
    times, speakers, confidence, phrases) is said on the page. Raises TranscriptError for an unknown call, the
    AudioError tree for a recording that cannot be used.

    >>> import pandas as pd
    >>> from speechkit.transcripts.schema import Transcript
    >>> said = pd.DataFrame({"call_id": ["c1"], "phrase_id": ["c1:0001"], "start_s": [3.5], "end_s": [4.1],
    ...                      "speaker": ["1"], "display": ["Hello <b>you</b>."]})
    >>> shown = player(Transcript(pd.DataFrame({"call_id": ["c1"], "duration_s": [9.0]}), said))
    >>> shown
    Player(c1: 1 phrase, 0:09, no recording)
    >>> shown.missing[1]
    'No word times: a click goes to the start of the phrase.'
    """
    call = read_call(transcript, call_id)
    one = transcript.call(call.call_id)
    recording = None if audio is None else Path(audio)
    heard_s = probe(recording).duration_s if recording else 0.0
    missing = _missing(call, recording, heard_s)
    if (
        recording and bleeps and not fits(recording, embed_max_bytes, mixed)
    ):  # a link would lead to what is hidden
        recording = None
        missing.insert(
            0, "The recording is too long to put it here with tones over personal data: it is left out."
        )
    return Player(
        call=call,
        title=title or f"Call {call.call_id}",
        parties=_parties(one, call, names),
        audio=recording,
        duration_s=max(call.duration_s, heard_s),
        missing=tuple(missing),
        doubtful_below=doubtful_below,
        unsure_below=max(unsure_below, doubtful_below),
        embed_max_bytes=embed_max_bytes,
        bleeps=tuple(bleeps),
        mixed=mixed,
    )


def _parties(
    one: Transcript, call: Spoken, names: Mapping[str, str] | None
) -> dict[str, tuple[int, str, str]]:
    """Give each party a slot (its colour and shape), a label and its share of the talk, the agent first."""
    present = list(dict.fromkeys(p.party for p in call.phrases))
    told = dict(names or {})
    if not told.keys() >= {*present}:
        told = named(roles(one, guess=False), call.call_id) | told
    label = labels(present, told)
    timed = read_timed(one.phrases)
    share = dict(zip(timed.names, ratio(timed.talk_s, timed.in_call_s), strict=True))
    slot = {p: _ROLE_SLOTS[name] for p in present if (name := label[p].casefold()) in _ROLE_SLOTS}
    free = iter(range(len(_ROLE_SLOTS), _MANY))
    slot |= {p: next(free, _MANY) for p in present if p not in slot}
    if present == [UNKNOWN]:
        label[UNKNOWN] = "Speech"
    shares = {p: percent(float(share.get(p, math.nan))) for p in present}
    return {p: (slot[p], label[p], shares[p]) for p in sorted(present, key=lambda p: slot[p])}


def _missing(call: Spoken, recording: Path | None, heard_s: float) -> list[str]:
    """Say in sentences what there is not, and what follows from it."""
    notes, phrases = [], call.phrases
    if recording is None:
        notes.append("No recording was given: the words and their times can be read, not heard.")
    elif call.duration_s - heard_s > _SHORT_S:
        notes.append(
            f"The recording ends at {clock(heard_s)}, the transcript at {clock(call.duration_s)}: "
            "is it the recording of this call?"
        )
    if not phrases:
        return [*notes, "No phrases: nothing was recognized in this call."]
    timed = sum(any(t.timed for t in p.tokens) for p in phrases)
    if not call.timed:
        notes.append("No times: the words can be read, but nobody knows when they were spoken.")
    elif not timed:
        notes.append("No word times: a click goes to the start of the phrase.")
    elif timed < len(phrases):
        notes.append(f"Word times are known in {part(timed, len(phrases), 'phrase')}.")
    found = {p.party for p in phrases}
    if found == {UNKNOWN}:
        notes.append("No speakers: everything stands in one lane.")
    elif len(found) > _MANY_SPEAKERS:
        notes.append(f"{len(found)} speakers are many for a call: look at the options of the diarization.")
    if not _confidences(call):
        notes.append("No confidence: doubtful words cannot be marked.")
    return notes


def _confidences(call: Spoken) -> bool:
    """Say whether anything in the call has a confidence."""
    every = (c for p in call.phrases for c in (p.confidence, *(t.confidence for t in p.tokens)))
    return any(not math.isnan(c) for c in every)


def _ticks(duration_s: float) -> list[dict[str, Any]]:
    """Marks of the time axis: at most seven, at round times, none so near the end that it is cut off."""
    if duration_s <= 0:
        return []
    step = next((s for s in _TICK_STEPS_S if duration_s / s <= 6), math.ceil(duration_s / 6 / 3600) * 3600)
    marks = [i * step for i in range(int(duration_s / step) + 1)]
    return [{"x": round(100 * m / duration_s, 3), "label": clock(m)} for m in marks if m <= 0.97 * duration_s]


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    home = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, loader=home
    )  # autoescape: callers speak
    environment.filters["clock"] = clock
    return environment.get_template("player.html.j2")
