"""Real time through the official SDK against a scripted service: the transcript, the events, and what goes wrong."""

from __future__ import annotations

import builtins
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from speechkit import audio, errors
from speechkit.analysis.latency import measure_latency
from speechkit.client.options import Options
from speechkit.client.plan import make_plan
from speechkit.client.realtime import Realtime, RealtimeTranscript, together
from speechkit.client.recording import Problem
from speechkit.client.rest import SpeechClient
from speechkit.client.sessions import load_sdk
from speechkit.progress import Progress
from speechkit.transcripts.corpus import open_corpus
from speechkit.transcripts.events import EVENTS, Event
from tests.client.scripted_speech import Script, scripted

SAID = [(0.2, "hello there my friend", ""), (1.3, "good bye", "")]
KEY = "0123456789-not-a-real-key"
Tone = Callable[..., Path]


@pytest.fixture
def tone(tmp_path: Path) -> Tone:
    """Write a recording with a quiet tone."""

    def write(name: str = "call.wav", seconds: float = 2.0, rate: int = 8000, channels: int = 1) -> Path:
        wave = 0.1 * np.sin(np.arange(round(seconds * rate)) / 5, dtype=np.float32)
        audio.write_wav(tmp_path / name, np.stack([wave / (1 + n) for n in range(channels)]), rate)
        return tmp_path / name

    return write


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted(Script(SAID, key=KEY)) as serving:
        yield serving


@pytest.fixture
def realtime(script: Script) -> Realtime:
    return Realtime(SpeechClient(script.url, key=KEY))


def context(script: Script) -> dict[str, Any]:
    """The speech.context of the last session."""
    return script.asked[-1]


# --- what comes of it ---


def test_at_the_pace_of_speech_no_word_arrives_before_its_sound_was_sent(
    realtime: Realtime, tone: Tone
) -> None:
    heard: list[Event] = []
    steps: list[Progress] = []
    made = realtime.transcribe(tone(), on_event=heard.append, progress=steps.append, diarization=None)
    assert made.text() == "[0:00] Hello there my friend.\n[0:01] Good bye."
    assert made.words["end_s"].tolist() == pytest.approx([0.4, 0.6, 0.8, 1.0, 1.5, 1.7])
    events = made.events
    assert events.dtypes.astype(str).to_dict() == dict(EVENTS)
    assert [(e.kind, e.text) for e in heard] == list(
        events[["kind", "text"]].itertuples(index=False, name=None)
    )
    assert events["kind"].tolist() == ["hypothesis"] * 4 + ["final"] + ["hypothesis"] * 2 + ["final"]
    assert (events["end_s"] <= events["sent_s"] + 1e-6).all()
    assert (events["sent_s"] <= events["arrived_s"] + 0.02).all(), (
        "sound is sent when it would have been spoken"
    )
    latency = measure_latency(events, made)
    assert 0 <= latency.words["shown_after_s"].min() <= latency.words["final_after_s"].max() < 2
    assert steps[-1].share == 1.0


def test_as_fast_as_it_is_taken_it_answers_the_same(realtime: Realtime, tone: Tone) -> None:
    made = realtime.transcribe(tone(seconds=30), pace=None, diarization=None)
    assert made.phrases["display"].tolist() == ["Hello there my friend.", "Good bye."]
    assert made.events["arrived_s"].max() < 5
    assert made.events["pace"].isna().all()
    call = made.calls.iloc[0]
    assert (call["mode"], call["channels"], call["duration_s"], call["locale"]) == (
        "realtime",
        1,
        30.0,
        "en-US",
    )
    assert call["audio_sha256"] == audio.content_hash("call.wav")
    with pytest.raises(errors.TranscriptError, match="as fast as the service took it"):
        measure_latency(made.events, made)


def test_stereo_has_a_session_a_channel_in_one_transcript(
    realtime: Realtime, script: Script, tone: Tone
) -> None:
    made = realtime.transcribe(tone(channels=2, rate=44100), pace=None)
    assert made.phrases["channel"].tolist() == [0, 1, 0, 1]
    assert made.phrases["speaker"].isna().all()
    assert made.phrases["phrase_id"].is_unique
    assert made.calls["channels"].tolist() == [2]
    assert script.sound == [2 * 16000 * 2] * 2
    assert {form[4:8] for form in script.formats} == {(16000).to_bytes(4, "little")}
    only = realtime.transcribe("call.wav", pace=None, channels=[1])
    assert only.phrases["channel"].tolist() == [1, 1]
    mixed = realtime.transcribe("call.wav", pace=None, channels=None)
    assert mixed.phrases["channel"].tolist() == [0, 0]


def test_mono_tells_speakers_apart(tone: Tone) -> None:
    said = [(0.2, "hello", "Guest-1"), (0.9, "good morning", "Guest-2")]
    with scripted(Script(said, key=KEY)) as script:
        made = Realtime(SpeechClient(script.url, key=KEY)).transcribe(tone(), pace=None)
    assert made.phrases["speaker"].tolist() == ["Guest-1", "Guest-2"]
    assert set(made.events["speaker"]) == {"Guest-1", "Guest-2"}
    assert context(script)["phraseDetection"]["speakerDiarization"]["mode"] == "Anonymous"


def test_nothing_said_is_an_empty_transcript(tone: Tone) -> None:
    with scripted(Script(key=KEY)) as script:
        made = Realtime(SpeechClient(script.url, key=KEY)).transcribe(tone(seconds=0.3), pace=None)
    assert (len(made.calls), len(made.phrases), len(made.events)) == (1, 0, 0)
    assert made.calls["duration_s"].tolist() == [0.3]


def test_options_reach_the_service(realtime: Realtime, script: Script, tone: Tone) -> None:
    options = {"locale": "de-DE", "profanity": "None", "phrases": ["Brilloflex"], "biasing_weight": 1.5}
    realtime.transcribe(tone(seconds=0.2), pace=None, diarization=None, **options)
    asked = context(script)
    assert asked["phraseDetection"]["language"] == "de-DE"
    assert asked["phraseDetection"]["enrichment"]["profanity"] == "raw"
    group = asked["dgi"]["Groups"][0]
    assert group["Items"] == [{"Text": "Brilloflex"}]
    assert "WordTimings" in asked["phraseOutput"]["detailed"]["options"]
    realtime.transcribe("call.wav", pace=None, diarization=None, candidate_locales=["en-US", "de-DE"])
    assert context(script)["languageId"]["languages"] == ["en-US", "de-DE"]
    assert context(script)["languageId"]["mode"] == "DetectContinuous"


def test_events_stand_beside_the_corpus_and_go_with_their_call(realtime: Realtime, tone: Tone) -> None:
    made = realtime.transcribe(tone(), pace=None, diarization=None)
    corpus = open_corpus("corpus", create=True)
    corpus.add(made)
    corpus.write_table("events", made.events)
    pd.testing.assert_frame_equal(corpus.table("events"), made.events)
    corpus.remove("call")
    assert corpus.table("events").empty


def test_many_recordings_and_what_becomes_of_a_bad_one(realtime: Realtime, tone: Tone) -> None:
    tone("a.wav", channels=2), tone("b.mp3.wav")
    Path("text.wav").write_text("no sound")
    plan = make_plan(["a.wav", "b.mp3.wav", "text.wav", "https://a.example/c.wav?sig=x"], mode="realtime")
    assert plan.problem_table["file"].tolist() == ["text.wav", "https://a.example/c.wav"]
    assert "Download it" in plan.problem_table["remedy"].tolist()[1]
    Path("b.mp3.wav").unlink()
    outcomes = sorted(realtime.transcribe_all(plan), key=lambda o: isinstance(o, Problem))
    assert isinstance(outcomes[0], RealtimeTranscript)
    assert isinstance(outcomes[1], Problem)
    assert isinstance(outcomes[1].error, errors.AudioNotFoundError)


# --- recordings that the SDK cannot stream, or hardly ---


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        pytest.param(name, n, id=f"{name[4:]}?")
        for name, n in [("c03.mp3", 1), ("c02.flac", 2), ("c04.ogg", 1), ("c05.mp4", 1)]
    ],
)
def test_what_the_sdk_cannot_stream_is_converted(
    realtime: Realtime, script: Script, calls: Path, name: str, channels: int
) -> None:
    made = realtime.transcribe(calls / name, pace=None)
    seconds = audio.probe(calls / name).duration_s
    assert script.sound == pytest.approx([2 * 16000 * seconds] * channels, rel=0.001)
    assert made.calls["duration_s"].tolist() == pytest.approx([seconds])
    assert script.formats[0][:4] == b"\x01\x00\x01\x00", "PCM, one channel"


@pytest.mark.parametrize("samples", [1, 7, 159], ids=lambda n: f"{n} samples?")
def test_audio_shorter_than_a_frame_is_a_call_without_words(
    script: Script, realtime: Realtime, samples: int
) -> None:
    audio.write_wav("blip.wav", np.full(samples, 0.1, np.float32), 16000)
    script.phrases = ()
    made = realtime.transcribe("blip.wav")
    assert (len(made.calls), len(made.phrases)) == (1, 0)
    assert made.calls["duration_s"].tolist() == pytest.approx([samples / 16000])


# --- what goes wrong ---


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        pytest.param(401, errors.AccessDeniedError, "Check SPEECH_KEY", id="a wrong key?"),
        pytest.param(400, errors.InvalidRequestError, "Check the locale", id="a bad request?"),
        pytest.param(429, errors.ThrottledError, "fewer recordings at once", id="too many sessions?"),
        pytest.param(503, errors.ServiceError, "Stream it again", id="overload?"),
    ],
)
def test_a_refused_connection(
    script: Script, realtime: Realtime, tone: Tone, status: int, error: type[Exception], says: str
) -> None:
    script.status = status
    with pytest.raises(error, match=says) as caught:
        realtime.transcribe(tone(), pace=None)
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_key_is_said_and_not_shown(script: Script, tone: Tone) -> None:
    with pytest.raises(errors.AccessDeniedError, match=r"AuthenticationFailure.*Check SPEECH_KEY") as caught:
        Realtime(SpeechClient(script.url, key="another-secret-key")).transcribe(tone())
    assert "another-secret-key" not in str(caught.value)
    assert caught.value.status == 401


@pytest.mark.slow
def test_a_service_that_gives_up_in_the_middle(script: Script, realtime: Realtime, tone: Tone) -> None:
    script.close = 1007
    with pytest.raises(errors.InvalidRequestError, match=r"real time ended \(BadRequest\): .*told to"):
        realtime.transcribe(tone(seconds=9), pace=None)


def test_a_service_that_is_not_there(tone: Tone) -> None:
    with pytest.raises(errors.UnreachableError, match="Check SPEECH_ENDPOINT and the network"):
        Realtime(SpeechClient("http://127.0.0.1:9", key=KEY)).transcribe(tone())


def test_an_error_of_ones_own_callback_is_raised_and_ends_the_session(realtime: Realtime, tone: Tone) -> None:
    def stumble(event: Event) -> None:
        raise LookupError(event.text)

    with pytest.raises(LookupError, match="hello"):
        realtime.transcribe(tone(), pace=None, on_event=stumble)
    assert not [t for t in threading.enumerate() if t.name.startswith("speechkit-transcribe")]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param({"pace": 0}, "pace=0", id="no pace?"),
        pytest.param({"pace": -1.0}, "pace=-1", id="backwards?"),
        pytest.param({"profanity": "Tags"}, "real time masks", id="tags around profanity?"),
        pytest.param({"punctuation": "None"}, "use batch", id="no punctuation?"),
        pytest.param({"model": "https://a.example/m"}, "no custom model", id="a custom model?"),
        pytest.param({"modell": 1}, "unknown option modell", id="a mistyped option?"),
        pytest.param({"diarization": 2, "channels": [0, 1]}, "one channel", id="speakers and channels?"),
    ],
)
def test_what_is_refused_before_anything_is_sent(
    script: Script, realtime: Realtime, tone: Tone, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(errors.RequestRefusedError, match=says):
        realtime.transcribe(tone(), **options)
    assert script.asked == []


def test_there_is_no_microphone_here(realtime: Realtime) -> None:
    with pytest.raises(errors.AudioError, match="no microphone that can be used"):
        realtime.listen(0.5)


def test_without_the_sdk_it_says_how_to_get_it(
    realtime: Realtime, tone: Tone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "azure.cognitiveservices.speech", None)
    with pytest.raises(errors.SettingsError, match=r"is not installed.*pip install 'speechkit\[realtime\]'"):
        realtime.transcribe(tone())


def test_an_sdk_that_does_not_load_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def broken(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("azure.cognitiveservices"):
            raise OSError("libssl.so.3: cannot open shared object file")
        return real(name, *rest, **more)

    monkeypatch.delitem(sys.modules, "azure.cognitiveservices.speech", raising=False)
    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(errors.SettingsError, match=r"does not load here: libssl.so.3.*OpenSSL 3"):
        load_sdk()


def test_the_sdk_signs_with_a_token_first_and_with_the_key_second() -> None:
    class Credential:
        def get_token(self, *scopes: str, **options: Any) -> Any:
            from azure.core.credentials import AccessToken

            return AccessToken("token", 2**33)

    credential = Credential()
    https = "https://mine.cognitiveservices.azure.com"
    assert SpeechClient(https, credential=credential).signer.for_sdk() == {"token_credential": credential}
    assert SpeechClient(https, key=KEY, credential=credential).signer.for_sdk() == {
        "token_credential": credential
    }
    assert SpeechClient("http://127.0.0.1:1", key=KEY).signer.for_sdk() == {"subscription": KEY}
    load_sdk().SpeechConfig(endpoint=https, token_credential=credential)


def test_every_option_has_a_place_in_real_time() -> None:
    Options(phrases=("a",), candidate_locales=("en-US", "de-DE"), profanity="Removed").check_realtime()


def test_sessions_join_with_those_that_a_corpus_keeps(realtime: Realtime, tone: Tone) -> None:
    old, new = (realtime.transcribe(tone("a.wav"), pace=None, diarization=None) for _ in range(2))
    other = realtime.transcribe(tone("b.wav", seconds=1.0), pace=None, diarization=None)
    silent = realtime.transcribe(tone("c.wav", seconds=0.1), pace=None, diarization=None)
    kept = open_corpus("kept", create=True)
    kept.add(together([old, other]))
    kept.write_table("events", pd.concat([old.events, other.events]))
    joined = together([new, silent], kept)
    assert joined.call_ids == ["a", "b", "c"]
    assert set(joined.events["call_id"]) == {"a", "b", "c"} - ({"c"} if silent.events.empty else set())
    assert joined.events.query("call_id == 'a'")["arrived_s"].tolist() == new.events["arrived_s"].tolist()
    assert together([]).events.empty
