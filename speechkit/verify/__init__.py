"""Does the configured service answer as speechkit expects? `speechkit verify` asks it, and writes a report."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from speechkit.errors import AudioError, SpeechkitError, TranscriptError
from speechkit.progress import Progress, ProgressCallback
from speechkit.shapes import Departure, schema_departures, shape_departures, shape_of
from speechkit.verify.asking import WAIT_S, Answers, ask, masked, shown

if TYPE_CHECKING:
    from speechkit.connect import Speech

SECONDS: Final = 5.0  # of the recording that is sent: its cost is nothing to speak of
DEMO_CALL: Final = "calls/c02.flac"

# Every answer that is looked at, and the schema that it is held against.
ANSWERS: Final = {
    "fast": "fast_result",
    "job, submitted": "job",
    "job, finished": "job",
    "files": "files",
    "file": "file",
    "batch report": "report",
    "batch": "batch_result",
    "real time": "realtime_results",
}
_STEPS: Final = 6  # fast, batch and real time, here and of the local service


@dataclass(frozen=True)
class Verification:
    """How the answers of a service compare: `departures` (and information), and what was not verified."""

    service: str
    api_version: str
    departures: tuple[Departure, ...]
    problems: Mapping[str, str]
    left_out: Mapping[str, str]
    taken_s: Mapping[str, float]
    shapes: Mapping[str, Mapping[str, str]]

    @property
    def departs(self) -> bool:
        """Whether anything was found that a client has to care about."""
        return bool(self.problems) or any(d.kind == "departure" for d in self.departures)

    def sentence(self) -> str:
        """Say in one line what came out."""
        count = sum(d.kind == "departure" for d in self.departures) + len(self.problems)
        more = sum(d.kind == "information" for d in self.departures)
        also = f", {more} more for information" if more else ""
        first = f"{len(self.shapes)} answers of {self.service} looked at: "
        return first + (f"{count} departures" if count != 1 else "1 departure") + also


def verify(
    speech: Speech,
    recording: Path | None = None,
    *,
    locale: str = "en-US",
    reference: Speech | None = None,
    wait_s: float = WAIT_S,
    progress: ProgressCallback | None = None,
) -> Verification:
    """Send five seconds of a recording through each mode, and compare the keys and types of the answers.

    They are held against the schemas of `speechkit.shapes`, and against what the local service (`reference`;
    None starts or shares this user's) answers to the same requests. Without `recording` a demo call is sent,
    without the Speech SDK real time is left out. The job and the recording are deleted again. Raises
    AudioError when the recording cannot be used; what the service does wrong is in the answer.
    """
    done = 0

    def tell(note: str) -> None:
        nonlocal done
        if progress:
            progress(Progress("verify", min(done, _STEPS), _STEPS, note))
        done += 1

    with tempfile.TemporaryDirectory(prefix="speechkit-") as folder:
        sample = cut(recording or _demo_call(), Path(folder))
        found = ask(speech, sample, locale=locale, wait_s=wait_s, tell=tell)
        expected, uncompared = _reference(speech, reference)
        theirs = ask(expected, sample, locale=locale, wait_s=wait_s, tell=tell) if expected else Answers()
    if progress:
        progress(Progress("verify", _STEPS, _STEPS))
    left_out = dict(found.left_out)
    if uncompared:
        left_out["comparison with the local service"] = uncompared
    for step, problem in theirs.problems.items():
        left_out[f"comparison of {step} with the local service"] = problem
    departures: list[Departure] = []
    for name, value in found.values.items():
        departures += schema_departures(name, value, ANSWERS[name])
        if name in theirs.values:
            departures += shape_departures(name, shape_of(value), shape_of(theirs.values[name]))
    departures += _unreadable(found)
    return Verification(
        service=shown(speech.endpoint),
        api_version=speech.client.api_version,
        departures=tuple(departures),
        problems=found.problems,
        left_out=left_out,
        taken_s=found.taken_s,
        shapes={name: _written(value) for name, value in found.values.items()},
    )


def cut(recording: Path, folder: Path) -> Path:
    """Write the first five seconds of a recording as a 16 kHz WAV file into a folder."""
    from speechkit import audio

    info = audio.probe(recording)
    path = folder / f"verify-{secrets.token_hex(4)}.wav"
    samples = audio.decode(recording, 16000)[: min(2, info.channels), : round(SECONDS * 16000)]
    audio.write_wav(path, samples, 16000)
    return path


def _unreadable(found: Answers) -> list[Departure]:
    """What speechkit's own reader cannot make a transcript of."""
    from speechkit.transcripts.parse import read_transcript

    departures = []
    for name in ("fast", "batch", "real time"):
        if found.values.get(name):
            try:
                read_transcript(found.values[name], call_id="verify")
            except TranscriptError:
                departures.append(Departure(name, "", "cannot be read as a transcript", "request"))
    return departures


def _reference(speech: Speech, given: Speech | None) -> tuple[Speech | None, str]:
    """The local service to compare with; None, and why, where there is none."""
    from speechkit.connect import connect

    if given is not None:
        return given, ""
    if speech.settings.mode == "local":
        return None, "this is the local service itself"
    without = {"speech_endpoint": None, "storage_account_url": None, "storage_connection_string": None}
    try:
        return connect(speech.settings.model_copy(update=without), quiet=True), ""
    except SpeechkitError as error:
        return None, masked(speech, str(error))


def _demo_call() -> Path:
    from speechkit.demo import demo_data
    from speechkit.errors import SettingsError

    try:
        return demo_data(DEMO_CALL)
    except SettingsError:
        raise AudioError("the demo calls are not here. Name a recording of your own to send.") from None


def _written(value: Any) -> dict[str, str]:
    return {place or "(whole)": " or ".join(sorted(types)) for place, types in shape_of(value).items()}
