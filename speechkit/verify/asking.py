"""The requests of `verify`: a recording goes through each mode of a service, and its raw answers are kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from speechkit.client.auth import is_loopback
from speechkit.client.secrets import mask
from speechkit.errors import NotFoundError, ServiceError, SettingsError, SpeechkitError
from speechkit.transcripts.events import HYPOTHESIS

if TYPE_CHECKING:
    from speechkit.client.options import Options
    from speechkit.connect import Speech

WAIT_S: Final = 3600.0  # for the batch job; on a bad day Azure starts one after hours
ASK_AGAIN_S: Final = 30.0  # on Azure, where the answer does not say
ASK_AGAIN_LOCAL_S: Final = 0.2
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


def ask(
    speech: Speech,
    sample: Path,
    *,
    locale: str = "en-US",
    wait_s: float = WAIT_S,
    tell: Callable[[str], None] = lambda note: None,
) -> Answers:
    """Send a recording through every mode, and keep the raw answers; nothing stays with the service."""
    from speechkit import audio
    from speechkit.client.options import Options

    options = Options.of(locale=locale, words=True, display_words=True)
    options = options.for_recording(audio.probe(sample), told=False)
    answers = Answers()
    where = "local service" if speech.is_local else "Azure"
    for name, step in (("fast", _fast), ("batch", _batch), ("real time", _realtime)):
        tell(f"{name}, {where}")
        began_s = time.monotonic()
        try:
            step(speech, sample, options, answers, wait_s)
        except SpeechkitError as error:
            answers.problems[name] = masked(speech, str(error))
        if name not in answers.left_out:
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


def _realtime(speech: Speech, sample: Path, options: Options, answers: Answers, wait_s: float) -> None:
    from speechkit.client.sessions import load_sdk

    try:
        load_sdk()
    except SettingsError as error:
        answers.left_out["real time"] = str(error)
        return
    made = speech.realtime.transcribe(sample, pace=None, locale=options.locale, diarization=None)
    answers.values["real time"] = made.results
    if made.results and not (made.events["kind"] == HYPOTHESIS).any():
        answers.problems["real time"] = "no word arrived before its phrase was final"


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
        answers.problems["job, deleted"] = masked(speech, f"it is left behind: {error}")
    try:
        remove()
    except SpeechkitError as error:
        answers.problems["recording, deleted"] = masked(speech, f"it is left behind: {error}")


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


def masked(speech: Speech, text: str) -> str:
    """The first line of a message, without secrets, the name of the resource and the user's home."""
    host = urlsplit(speech.endpoint).netloc
    first = text.partition("\n")[0].replace(str(Path.home()), "~")  # lines of a log are not for everybody
    return mask(first, speech.client.signer.secrets).replace(host, shown(speech.endpoint))


def shown(endpoint: str) -> str:
    """Name a service without the name of its resource.

    >>> shown("https://contoso.cognitiveservices.azure.com/"), shown("http://127.0.0.1:5000")
    ('***.cognitiveservices.azure.com', '127.0.0.1')
    >>> shown("https://eastus.api.cognitive.microsoft.com"), shown("https://speech.contoso.example")
    ('eastus.api.cognitive.microsoft.com', 'a host of its own')
    """
    host = urlsplit(endpoint).hostname or ""
    if is_loopback(endpoint) or ".api.cognitive." in host:
        return host
    return f"***.{host.partition('.')[2]}" if host.endswith(_AZURE) else "a host of its own"
