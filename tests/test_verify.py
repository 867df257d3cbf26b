"""speechkit verify: a good service has no departures, a departing one has each of them listed, nothing leaks."""

from __future__ import annotations

import copy
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from speechkit import audio
from speechkit.cli import app
from speechkit.client.realtime import Realtime, RealtimeTranscript
from speechkit.client.rest import SpeechClient
from speechkit.connect import Speech
from speechkit.errors import AudioError, LocalServiceError
from speechkit.settings import Settings
from speechkit.shapes import schema_departures, schemas, shape_of
from speechkit.verify import ANSWERS, verify
from speechkit.verify.asking import Answers, ask
from speechkit.verify.report import report_json, report_markdown, write_report
from tests.client.scripted_speech import Script, scripted
from tests.local.service_fixture import KEY, Running
from tests.local.test_results import schema  # noqa: F401  # a fixture

Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven seconds of noise on one channel."""
    path = tmp_path_factory.mktemp("verify") / "Aunt Agatha.wav"
    noise = np.random.default_rng(1).normal(0, 0.1, (1, 7 * 8000)).astype(np.float32)
    audio.write_wav(path, noise, 8000)
    return path


@pytest.fixture(scope="module")
def live(recording: Path) -> RealtimeTranscript:
    """What the Speech SDK makes of a scripted service that says two words."""
    with scripted(Script([(0.2, "hello there", "")], key=KEY)) as serving:
        realtime = Realtime(SpeechClient(serving.url, key=KEY))
        return realtime.transcribe(recording, pace=None, diarization=None)


@pytest.fixture(autouse=True)
def streamed(live: RealtimeTranscript, monkeypatch: pytest.MonkeyPatch) -> Callable[[Change | None], None]:
    """Real time answers so to every service here; a test may change its answer to the first."""

    def answer(change: Change | None) -> None:
        changes = [change] if change else []

        def transcribe(sample: Path, **options: Any) -> RealtimeTranscript:
            results = copy.deepcopy(live.results)
            if changes:
                changes.pop()(results[0])
            return RealtimeTranscript(live, live.events, results)

        monkeypatch.setattr(Speech, "realtime", SimpleNamespace(transcribe=transcribe))

    answer(None)
    return answer


@pytest.fixture(scope="module")
def good(odd: Running, recording: Path, live: RealtimeTranscript) -> Answers:
    """What the odd service answers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Speech, "realtime", SimpleNamespace(transcribe=lambda *_, **__: live))
        return ask(speech_of(odd), recording)


def speech_of(running: Running, transport: httpx.BaseTransport | None = None, **settings: Any) -> Speech:
    made = Settings(speech_endpoint=running.endpoint, speech_key=KEY, **settings)
    return Speech(made, running.endpoint, key=SecretStr(KEY), transport=transport)


class Departing(httpx.BaseTransport):
    """A real service, but for the answers to some requests: `changes` by a pattern of METHOD PATH."""

    def __init__(self, changes: dict[str, Change]) -> None:
        self._inner = httpx.HTTPTransport()
        self._changes = changes
        self.asked: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        line = f"{request.method} {request.url.path}"
        self.asked.append(line)
        response = self._inner.handle_request(request)
        body = response.read()
        for pattern, change in self._changes.items():
            if re.fullmatch(pattern, line) and response.is_success:
                value = json.loads(body)
                change(value)
                body = json.dumps(value).encode()
        headers = {k: v for k, v in response.headers.items() if k != "content-length"}
        return httpx.Response(response.status_code, headers=headers, content=body)

    def close(self) -> None:
        self._inner.close()


def nothing_is_left(running: Running) -> bool:
    """Whether the service keeps no job and no recording."""
    with running.client() as api:
        jobs = api.get("/transcriptions").json()["values"]
    uploads = [p for p in (running.home / "service").rglob("*") if p.is_file() and "upload" in str(p.parent)]
    return jobs == [] and uploads == []


# --- a good service -----------------------------------------------------------------------------------------


def test_the_local_service_has_no_departures(odd: Running, recording: Path) -> None:
    steps = []
    found = verify(speech_of(odd), recording, reference=speech_of(odd), progress=steps.append)
    assert found.departures == ()
    assert not found.departs
    assert (found.problems, found.left_out) == ({}, {})
    assert list(found.shapes) == [
        "fast",
        "job, submitted",
        "job, finished",
        "files",
        "file",
        "batch",
        "batch report",
        "real time",
    ]
    assert set(found.shapes) == set(ANSWERS)
    assert found.sentence() == "8 answers of 127.0.0.1 looked at: 0 departures"
    assert [s.done for s in steps] == [0, 1, 2, 3, 4, 5, 6]
    assert nothing_is_left(odd)


def test_five_seconds_are_sent(odd: Running, recording: Path) -> None:
    transport = Departing({})
    lengths: list[int] = []
    transport._changes[".*:transcribe"] = lambda answer: lengths.append(answer["durationMilliseconds"])
    verify(speech_of(odd, transport), recording, reference=speech_of(odd))
    assert lengths == [5000]


def test_where_nothing_is_configured_it_says_that_it_is_the_local_service(
    odd: Running, recording: Path
) -> None:
    speech = speech_of(odd)
    speech.settings = Settings(home=odd.home)
    found = verify(speech, recording)
    assert found.left_out == {"comparison with the local service": "this is the local service itself"}
    assert not found.departs


# --- one that departs ----------------------------------------------------------------------------------------


CASES = [
    pytest.param(
        r"POST .*:transcribe",
        lambda a: a.pop("durationMilliseconds"),
        [("fast", "durationMilliseconds", "is missing")],
        id="a-required-key-of-the-fast-result-is-missing",
    ),
    pytest.param(
        r"POST .*:transcribe",
        lambda a: a["phrases"][0].update(text=7),
        [("fast", "phrases[].text", "is number, expected string")],
        id="a-text-of-the-fast-result-is-a-number",
    ),
    pytest.param(
        r"POST .*:transcribe",
        lambda a: a["phrases"][0].pop("locale"),
        [("fast", "phrases[].locale", "is missing")],
        id="an-optional-key-that-the-local-service-has-is-missing",
    ),
    pytest.param(
        r"POST .*:submit",
        lambda a: a.pop("createdDateTime"),
        [("job, submitted", "createdDateTime", "is missing")],
        id="the-submitted-job-has-no-date",
    ),
    pytest.param(
        r"GET /speechtotext/transcriptions/[^/]+",
        # of a job that has ended: one that still runs has no files yet
        lambda a: a.update(status="Done") if a["status"] == "Succeeded" else None,
        [("job, finished", "status", "is none of the values that the schema lists")],
        id="the-job-has-a-status-of-its-own",
    ),
    pytest.param(
        r"GET /speechtotext/transcriptions/[^/]+/files",
        lambda a: a["values"][0].update(kind="Secret"),
        [("files", "values[].kind", "is none of the values that the schema lists")],
        id="a-file-has-a-kind-of-its-own",
    ),
    pytest.param(
        r"GET /results/.*",
        lambda a: a.get("details", [{}])[0].pop("status", None),
        [("batch report", "details[].status", "is missing")],
        id="the-report-does-not-say-what-became-of-a-recording",
    ),
    pytest.param(
        r"GET /results/.*",
        lambda a: [p.update(offsetInTicks=0.5) for p in a.get("recognizedPhrases", [])],
        [("batch", "recognizedPhrases[].offsetInTicks", "is number, expected integer")],
        id="half-a-tick",
    ),
    pytest.param(
        r"GET /results/.*",
        lambda a: [p["nBest"][0].pop("displayWords") for p in a.get("recognizedPhrases", [])],
        [("batch", "recognizedPhrases[].nBest[].displayWords", "is missing")],
        id="asked-for-words-are-not-there",
    ),
]


@pytest.mark.parametrize(("pattern", "change", "expected"), CASES)
def test_each_departure_is_listed(
    odd: Running, recording: Path, pattern: str, change: Change, expected: list[tuple[str, str, str]]
) -> None:
    found = verify(speech_of(odd, Departing({pattern: change})), recording, reference=speech_of(odd))
    listed = [(d.answer, d.where, d.what) for d in found.departures if d.kind == "departure"]
    assert set(expected) <= set(listed)
    assert {name for name, *_ in listed} == {expected[0][0]}, listed
    assert found.departs
    assert nothing_is_left(odd), "also where an answer was strange"


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        pytest.param(lambda a: a.pop("NBest"), "[].NBest", "is missing", id="no-hypotheses?"),
        pytest.param(lambda a: a.update(Offset=0.5), "[].Offset", "is number, expected integer", id="ticks?"),
        pytest.param(lambda a: a["NBest"][0].pop("Words"), "[].NBest[].Words", "is missing", id="no-words?"),
    ],
)
def test_each_departure_in_real_time_is_listed(
    odd: Running, recording: Path, streamed: Any, change: Change, where: str, what: str
) -> None:
    streamed(change)
    found = verify(speech_of(odd), recording, reference=speech_of(odd))
    assert {(d.answer, d.where, d.what) for d in found.departures if d.kind == "departure"} >= {
        ("real time", where, what)
    }
    assert {d.answer for d in found.departures} == {"real time"}


def test_without_the_sdk_real_time_is_left_out_and_said_to_be(
    odd: Running, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "azure.cognitiveservices.speech", None)
    found = verify(speech_of(odd), recording, reference=speech_of(odd))
    assert "pip install 'speechkit[realtime]'" in found.left_out["real time"]
    assert not found.departs


def test_a_key_more_is_information(odd: Running, recording: Path) -> None:
    change = {"POST .*:transcribe": lambda a: a["phrases"][0].update(mood={"name": "glad", "score": 1})}
    found = verify(speech_of(odd, Departing(change)), recording, reference=speech_of(odd))
    assert not found.departs
    assert [(d.answer, d.where, d.against, d.kind) for d in found.departures] == [
        ("fast", "phrases[].mood", "schema", "information"),
        ("fast", "phrases[].mood", "local service", "information"),
    ]
    assert found.sentence().endswith("0 departures, 2 more for information")


def test_a_service_that_refuses_is_a_problem_and_the_rest_goes_on(odd: Running, recording: Path) -> None:
    found = verify(speech_of(odd), recording, locale="fr-FR", reference=speech_of(odd))
    assert set(found.problems) == {"fast", "batch"}
    assert "InvalidLocale" in found.problems["fast"]
    assert found.problems["batch"] == "the job ended as Failed. Its report says InvalidLocale."
    assert found.departs
    assert nothing_is_left(odd)


def test_a_job_that_stays_is_told_of(odd: Running, recording: Path) -> None:
    class Keeps(Departing):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.method == "DELETE" and "/transcriptions/" in request.url.path:
                return httpx.Response(204)
            return super().handle_request(request)

    speech = speech_of(odd, Keeps({}))
    found = verify(speech, recording, reference=speech_of(odd))
    assert found.problems == {"job, deleted": "the job can still be read after it was deleted. Delete it."}
    for job in list(speech.client.pages("transcriptions")):
        speech_of(odd).client.delete(job["self"])
    assert nothing_is_left(odd)


def test_a_job_that_never_ends_is_given_up_and_deleted(odd: Running, recording: Path) -> None:
    change = {r"GET /speechtotext/transcriptions/[^/]+": lambda a: a.update(status="Running")}
    found = verify(speech_of(odd, Departing(change)), recording, reference=speech_of(odd), wait_s=0.5)
    assert "still Running after 0 minutes" in found.problems["batch"]
    assert nothing_is_left(odd)


def test_without_storage_batch_is_left_out_and_said_to_be(odd: Running, recording: Path) -> None:
    speech = speech_of(odd)
    speech.__dict__["storage"] = None
    found = verify(speech, recording, reference=speech_of(odd))
    assert found.left_out == {"batch": "no storage is configured: batch could not read the recording"}
    assert list(found.shapes) == ["fast", "real time"]
    assert not found.departs


# --- the report ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", [report_json, report_markdown])
def test_the_report_shows_no_secret_and_no_word(odd: Running, recording: Path, write: Any) -> None:
    def leak(answer: dict[str, Any]) -> None:
        answer["phrases"][0]["text"] = ["my card number is 4111"]
        answer["note"] = "https://contoso.blob.core.windows.net/a.wav?se=2026&sig=abcdef"

    change = {"POST .*:transcribe": leak, "GET .*/files": lambda a: a["values"].clear()}
    speech = speech_of(odd, Departing(change))
    found = verify(speech, recording, reference=speech_of(odd))
    text = write(found)
    assert found.departs
    assert "phrases[].text" in text
    assert "note" in text
    for secret in (KEY, "4111", "sig=", "contoso", "Agatha", "Hello", str(odd.endpoint.rpartition(":")[2])):
        assert secret not in text, secret
    assert re.search(r"(?<![\w.])/(tmp|home|root|work)/", text) is None


def test_the_report_is_written_in_either_form(odd: Running, recording: Path, tmp_path: Path) -> None:
    found = verify(speech_of(odd), recording, reference=speech_of(odd))
    write_report(found, tmp_path / "new" / "v.json")
    write_report(found, tmp_path / "v.md")
    read = json.loads((tmp_path / "new" / "v.json").read_text())
    assert read["departures"] == []
    assert read["shapes"]["fast"]["phrases[].text"] == "string"
    assert (tmp_path / "v.md").read_text().startswith("# speechkit verify\n")
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["v.json", "v.md"]


@pytest.mark.parametrize("departs", [False, True])
def test_the_command(
    odd: Running, recording: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, departs: bool
) -> None:
    monkeypatch.setenv("SPEECH_ENDPOINT", odd.endpoint)
    monkeypatch.setenv("SPEECH_KEY", KEY if not departs else "wrong")
    monkeypatch.setattr("speechkit.verify._reference", lambda speech, given: (None, "not now"))
    result = CliRunner().invoke(app, ["verify", str(recording), "--out", "v.md"])
    assert result.exit_code == int(departs), result.output
    assert result.stdout.endswith("the report is v.md\n")
    assert ("Access denied" in Path("v.md").read_text()) == departs
    assert "comparison with the local service (not now)" in Path("v.md").read_text()


def test_why_there_is_no_comparison_shows_no_home_and_no_log(
    odd: Running, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise LocalServiceError(f"it ended. Its log, {Path.home()}/service.log, ends with:\n  a secret line")

    monkeypatch.setattr(sys.modules["speechkit.connect"], "connect", refuse)  # the name is the function
    found = verify(speech_of(odd), recording)
    why = found.left_out["comparison with the local service"]
    assert why == "it ended. Its log, ~/service.log, ends with:"


def test_no_recording_and_no_demo_data(odd: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPEECHKIT_DATA", str(tmp_path))
    with pytest.raises(AudioError, match="Name a recording of your own"):
        verify(speech_of(odd))


# --- our schemas, judged by the official one --------------------------------------------------------------------


def mutations(value: Any) -> Iterator[tuple[str, Any]]:
    """Every value that differs from this one by a key that is missing or an entry of another type."""

    def walk(part: Any, path: list[Any]) -> Iterator[list[Any]]:
        yield path
        for key in part if isinstance(part, dict) else range(len(part)) if isinstance(part, list) else ():
            yield from walk(part[key], [*path, key])

    for path in walk(value, []):
        if not path:
            continue
        for what in ("missing", None, "text", -1, 0.5, [], {}):
            changed = copy.deepcopy(value)
            holder = changed
            for key in path[:-1]:
                holder = holder[key]
            if what == "missing":
                if isinstance(holder, list):
                    continue
                del holder[path[-1]]
            else:
                holder[path[-1]] = what
            yield f"{path} {what}", changed


def test_ours_agrees_with_the_official_schema_on_every_mutation(good: Answers, schema: Any) -> None:  # noqa: F811
    result = good.values["batch"]
    assert schema.is_valid(result)
    checked = 0
    for what, changed in mutations(result):
        ours = [d for d in schema_departures("batch", changed, "batch_result") if d.kind == "departure"]
        assert schema.is_valid(changed) == (not ours), what
        checked += 1
    assert checked > 200


@pytest.mark.parametrize(
    ("file", "name", "expected"),
    [
        ("10-job-2024-11-15-submit-201.json", "job", set()),
        ("11-job-2024-11-15-get-succeeded.json", "job", set()),
        ("12-files-2024-11-15-list.json", "files", set()),
        ("13-report-file.json", "report", set()),
        (
            "01-batch-2024-11-15-hello.json",
            "batch_result",
            {
                "recognizedPhrases[].offsetMilliseconds",
                "recognizedPhrases[].nBest[].displayWords[].offsetMilliseconds",
            },
        ),
        ("03-fast-2024-11-15-stereo-channels.truncated.json", "fast_result", set()),
        ("07-fast-2024-11-15-mono-loan-call.truncated.json", "fast_result", set()),
    ],
)
def test_real_answers_of_the_service(shared: Path, file: str, name: str, expected: set[str]) -> None:
    value = json.loads((shared / "results" / file).read_text())
    found = {d.where for d in schema_departures(name, value, name) if d.kind == "departure"}
    assert {w.replace("duration", "offset").replace("Duration", "Offset") for w in found} == expected


def test_the_schemas_are_schemas() -> None:
    import jsonschema

    jsonschema.Draft202012Validator.check_schema(schemas())
    assert set(ANSWERS.values()) | {"reference"} == set(schemas()["$defs"])


def test_a_shape_holds_no_value() -> None:
    shape = shape_of({"text": "secret", "words": [{"w": "secret"}, 3]})
    assert "secret" not in str(shape)
    assert shape["words[]"] == {"object", "number"}
