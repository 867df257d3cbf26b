"""Does the configured service answer as speechkit expects? `speechkit verify` asks it, and writes a report."""

from __future__ import annotations

import json
import os
import platform
import secrets
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from speechkit.client.auth import is_loopback
from speechkit.client.secrets import mask
from speechkit.errors import AudioError, NotFoundError, ServiceError, SpeechkitError, TranscriptError
from speechkit.progress import Progress, ProgressCallback
from speechkit.shapes import Departure, schema_departures, shape_departures, shape_of

if TYPE_CHECKING:
    from speechkit.client.options import Options
    from speechkit.connect import Speech

SECONDS: Final = 5.0  # of the recording that is sent: its cost is nothing to speak of
DEMO_CALL: Final = "calls/c02.flac"
WAIT_S: Final = 3600.0  # for the batch job; on a bad day Azure starts one after hours
ASK_AGAIN_S: Final = 30.0  # on Azure, where the answer does not say
ASK_AGAIN_LOCAL_S: Final = 0.2

# Every answer that is looked at, and the schema that it is held against.
ANSWERS: Final = {
    "fast": "fast_result",
    "job, submitted": "job",
    "job, finished": "job",
    "files": "files",
    "file": "file",
    "batch report": "report",
    "batch": "batch_result",
}
_STEPS: Final = 4  # fast and batch, here and of the local service
_AZURE: Final = (".microsoft.com", ".microsoft.us", ".azure.cn", ".azure.com", ".azure.us")


@dataclass
class Answers:
    """What a service answered to the requests of `verify`: `values` by the name of the answer.

    `problems` are what went wrong, in words without secrets; `left_out` what was not asked, and why; `taken_s`
    how long each mode took.
    """

    values: dict[str, Any] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    taken_s: dict[str, float] = field(default_factory=dict)


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
    """Send five seconds of a recording through fast and batch, and compare the answers' keys and types.

    They are held against the schemas of `speechkit.shapes`, and against what the local service (`reference`;
    None starts or shares this user's) answers to the same requests. Without `recording` a demo call is sent.
    The job and the recording are deleted again. Raises AudioError when the recording cannot be used; what the
    service does wrong is in the answer.
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
        service=_shown(speech.endpoint),
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


def ask(
    speech: Speech,
    sample: Path,
    *,
    locale: str = "en-US",
    wait_s: float = WAIT_S,
    tell: Callable[[str], None] = lambda note: None,
) -> Answers:
    """Send a recording through fast and batch, and keep the raw answers; nothing stays with the service."""
    from speechkit import audio
    from speechkit.client.options import Options

    options = Options.of(locale=locale, words=True, display_words=True)
    options = options.for_recording(audio.probe(sample), told=False)
    answers = Answers()
    where = "local service" if speech.is_local else "Azure"
    for name, step in (("fast", _fast), ("batch", _batch)):
        tell(f"{name}, {where}")
        began_s = time.monotonic()
        try:
            step(speech, sample, options, answers, wait_s)
        except SpeechkitError as error:
            answers.problems[name] = _masked(speech, str(error))
        answers.taken_s[name] = time.monotonic() - began_s
    return answers


def _fast(speech: Speech, sample: Path, options: Options, answers: Answers, wait_s: float) -> None:
    definition = json.dumps(options.fast_definition())
    answers.values["fast"] = speech.client.post_files(
        "transcriptions:transcribe",
        {"definition": (None, definition, "application/json"), "audio": (sample.name, sample, "audio/wav")},
    )


def _batch(speech: Speech, sample: Path, options: Options, answers: Answers, wait_s: float) -> None:
    storage, client = speech.storage, speech.client
    if storage is None:
        answers.left_out["batch"] = "no storage is configured: batch could not read the recording"
        return
    job: str | None = None
    try:
        url = storage.publish(sample, sample.name)
        body = options.batch_body(
            sample.stem, urls=[url], custom={"speechkit": "verify, deleted when it is done"}
        )
        submitted = answers.values["job, submitted"] = client.post("transcriptions:submit", body)
        job = _link(submitted, "self")
        finished = answers.values["job, finished"] = _finished(speech, job, wait_s)
        listed = answers.values["files"] = client.get(_link(finished, "links", "files"))
        _read_files(speech, listed, answers)
        if finished.get("status") != "Succeeded":
            raise ServiceError(f"the job ended as {finished.get('status')}. {_reason(answers)}")
    finally:
        _clean(speech, job, lambda: storage.remove(sample.name), answers)


def _finished(speech: Speech, job: str, wait_s: float) -> dict[str, Any]:
    until_s = time.monotonic() + wait_s
    while True:
        answer, asked_s = speech.client.poll(job)
        if answer.get("status") not in ("NotStarted", "Running"):
            return answer
        pause_s = asked_s or (ASK_AGAIN_LOCAL_S if speech.is_local else ASK_AGAIN_S)
        if time.monotonic() + pause_s > until_s:
            raise ServiceError(
                f"the job was still {answer.get('status')} after {wait_s / 60:.0f} minutes. Try again later, "
                "or wait longer: speechkit verify --wait MINUTES."
            )
        speech.client.sleep(pause_s)


def _read_files(speech: Speech, listed: Mapping[str, Any], answers: Answers) -> None:
    """Keep one file's entity, the report, and the transcription."""
    kept = {"Transcription": "batch", "TranscriptionReport": "batch report"}
    entries = listed.get("values")
    for entry in entries if isinstance(entries, list) else []:
        name = kept.pop(str(entry.get("kind")), None) if isinstance(entry, dict) else None
        if name is None:
            continue
        if name == "batch":
            answers.values["file"] = speech.client.get(_link(entry, "self"))
        body = speech.client.download(_link(entry, "links", "contentUrl"))
        try:
            answers.values[name] = json.loads(body)
        except ValueError:
            answers.problems[name] = "the content of the file is not JSON"
    for kind in kept:
        answers.problems[kept[kind]] = f"no file of the job has the kind {kind}"


def _clean(speech: Speech, job: str | None, remove: Callable[[], None], answers: Answers) -> None:
    """Delete the job and the recording, and see that the job is gone."""
    try:
        if job:
            speech.client.delete(job)
            speech.client.get(job)
            answers.problems["job, deleted"] = "the job can still be read after it was deleted. Delete it."
    except NotFoundError:
        pass
    except SpeechkitError as error:
        answers.problems["job, deleted"] = _masked(speech, f"it is left behind: {error}")
    try:
        remove()
    except SpeechkitError as error:
        answers.problems["recording, deleted"] = _masked(speech, f"it is left behind: {error}")


def _link(answer: Mapping[str, Any], *keys: str) -> str:
    value: Any = answer
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        raise ServiceError(f"the answer has no link {'.'.join(keys)}, so what follows could not be asked.")
    return value


def _reason(answers: Answers) -> str:
    report = answers.values.get("batch report")
    details = report.get("details") if isinstance(report, dict) else None
    rows = [d for d in details if isinstance(d, dict)] if isinstance(details, list) else []
    kinds = {str(d["errorKind"]) for d in rows if d.get("errorKind")}
    return f"Its report says {', '.join(sorted(kinds))}." if kinds else "Its report gives no reason."


def _unreadable(found: Answers) -> list[Departure]:
    """What speechkit's own reader cannot make a transcript of."""
    from speechkit.transcripts.parse import read_transcript

    departures = []
    for name in ("fast", "batch"):
        if name in found.values:
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
        return None, _masked(speech, str(error))


def _demo_call() -> Path:
    from speechkit.demo import demo_data
    from speechkit.errors import SettingsError

    try:
        return demo_data(DEMO_CALL)
    except SettingsError:
        raise AudioError("the demo calls are not here. Name a recording of your own to send.") from None


def _masked(speech: Speech, text: str) -> str:
    host = urlsplit(speech.endpoint).netloc
    first = text.partition("\n")[0].replace(str(Path.home()), "~")  # lines of a log are not for everybody
    return mask(first, speech.client.signer.secrets).replace(host, _shown(speech.endpoint))


def _shown(endpoint: str) -> str:
    """Name a service without the name of its resource.

    >>> _shown("https://contoso.cognitiveservices.azure.com/"), _shown("http://127.0.0.1:5000")
    ('***.cognitiveservices.azure.com', '127.0.0.1')
    >>> _shown("https://eastus.api.cognitive.microsoft.com"), _shown("https://speech.contoso.example")
    ('eastus.api.cognitive.microsoft.com', 'a host of its own')
    """
    host = urlsplit(endpoint).hostname or ""
    if is_loopback(endpoint) or ".api.cognitive." in host:
        return host
    return f"***.{host.partition('.')[2]}" if host.endswith(_AZURE) else "a host of its own"


def _written(value: Any) -> dict[str, str]:
    return {place or "(whole)": " or ".join(sorted(types)) for place, types in shape_of(value).items()}


# --- the report ---------------------------------------------------------------------------------------------


def write_report(found: Verification, path: Path) -> None:
    """Write what was found as JSON (`.json`) or Markdown (any other name): keys and types, never values."""
    text = report_json(found) if path.suffix.lower() == ".json" else report_markdown(found)
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        half.write_text(text, encoding="utf-8")
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)


def report_json(found: Verification) -> str:
    """Return the report for programs."""
    about = {**_versions(), "service": found.service, "apiVersion": found.api_version}
    listed = [vars(d) for d in found.departures]
    parts = {
        "problems": dict(found.problems),
        "notVerified": dict(found.left_out),
        "seconds": {step: round(s, 1) for step, s in found.taken_s.items()},
        "departures": listed,
        "shapes": found.shapes,
    }
    return json.dumps(about | parts, indent=1) + "\n"


def report_markdown(found: Verification) -> str:
    """Return the report for people, to attach to an issue."""
    version = _versions()
    lines = ["# speechkit verify", "", found.sentence() + ".", ""]
    lines += [f"- speechkit {version['speechkit']}, Python {version['python']}"]
    lines += [f"- service: {found.service}, api-version {found.api_version}"]
    lines += [f"- {step}: {s:.1f} s" for step, s in found.taken_s.items()]
    lines += [f"- **{step} failed**: {problem}" for step, problem in found.problems.items()]
    lines += [f"- not verified: {what} ({why})" for what, why in found.left_out.items()]
    for kind, title in (("departure", "Departures"), ("information", "For information")):
        those = [d for d in found.departures if d.kind == kind]
        if those:
            lines += ["", f"## {title}", "", "| answer | place | what | against |", "|---|---|---|---|"]
            lines += [f"| {d.answer} | `{d.where or '(whole)'}` | {d.what} | {d.against} |" for d in those]
    lines += ["", "## The answers", "", "Keys and types only: this report holds no word of the recording."]
    for name, shape in found.shapes.items():
        rows = [f"{place}: {types}" for place, types in shape.items()]
        lines += ["", f"### {name}", "", "```text", *rows, "```"]
    return "\n".join(lines) + "\n"


def _versions() -> dict[str, str]:
    from speechkit import __version__

    return {"speechkit": __version__, "python": platform.python_version()}
