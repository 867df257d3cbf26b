"""The page of one call: whole, masked, and nothing planted in it, neither to read nor to hear."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speechkit import demo_data, open_corpus, summarize
from speechkit.audio import decode
from speechkit.reports import run_report
from speechkit.transcripts.schema import Transcript

CALL = "c01"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "call.html"
    return run_report("call_report", corpus=demo_data("corpus"), out=out, parameters={"call": CALL})


@pytest.fixture(scope="module")
def planted() -> list[dict[str, Any]]:
    truth = json.loads((demo_data("truth") / "calls.json").read_text("utf-8"))
    return list(truth[CALL]["personal_data"])


def plain(text: str) -> str:
    """Letters and digits only: no way of writing hides a number."""
    return re.sub(r"[\W_]+", "", text.lower())


@pytest.mark.parametrize("suffix", [".html", ".ipynb"])
def test_is_nothing_planted_left_to_read(page: Path, planted: list[dict[str, Any]], suffix: str) -> None:
    text = page.with_suffix(suffix).read_text("utf-8")
    sound = re.compile(r"data:(?:audio|image)/[^\"'\\]+|\"image/png\": \"[^\"]+")
    left = plain(sound.sub("", text))
    digits = {"seven four two nine zero one three": "7429013", "four four one eight": "4418"}
    assert len(planted) >= 4
    for item in planted:
        if item["kind"] == "name":  # the customer's: spoken with "mister" and in full
            assert plain(item["text"]) not in left
            continue
        words = re.sub(r"[^\w ]", "", item["text"].lower())
        assert plain(words) not in left, item["kind"]
        if words in digits:
            # A number of its own, however it is grouped: four digits also stand in some time or id of a notebook.
            grouped = r"[\W_]{0,3}".join(digits[words])
            assert not re.search(rf"(?<!\w){grouped}(?!\w)", sound.sub("", text)), item["kind"]
    assert "[ACCOUNT]" in text
    assert "[CARD]" in text


def test_is_there_a_tone_where_something_planted_was_said(
    page: Path, planted: list[dict[str, Any]], tmp_path: Path
) -> None:
    found = re.search(r"data:audio/webm;base64,([A-Za-z0-9+/=]+)", page.read_text("utf-8"))
    assert found
    heard = tmp_path / "heard.webm"
    heard.write_bytes(base64.b64decode(found[1]))
    samples = decode(heard)
    for item in planted:
        middle = (item["start_s"] + item["end_s"]) / 2
        piece = samples[:, round((middle - 0.1) * 16_000) : round((middle + 0.1) * 16_000)]
        spectrum = np.abs(np.fft.rfft(piece, axis=1))
        assert np.all(np.abs(spectrum.argmax(axis=1) * 5 - 440) <= 10), item["kind"]


def test_a_call_without_speech_has_a_page_that_says_so(tmp_path: Path) -> None:
    out = run_report(
        "call_report",
        corpus=demo_data("corpus"),
        out=tmp_path / "c08.html",
        parameters={"call": "c08", "sound": False},
    )
    text = out.read_text("utf-8")
    assert "no timeline of it" in text
    assert "Nobody speaks in this call" in text


def test_the_agent_report_names_no_other_agent(tmp_path: Path) -> None:
    out = run_report(
        "agent_report", corpus=demo_data("weeks"), out=tmp_path / "a.html", parameters={"agent": "Paula"}
    )
    text = re.sub(r"data:image/[^\"]+", "", out.read_text("utf-8"))
    assert "Paula 5" in text
    assert "no ranking and no verdict" in text
    assert not [
        name for name in ("Aisha", "Bruno", "Carla", "Dmitri", "Elena", "Farid", "Quentin") if name in text
    ]


@pytest.mark.slow
def test_the_report_comes_when_the_endpoint_is_down_and_says_what_is_missing(tmp_path: Path) -> None:
    demo = open_corpus(demo_data("corpus"))
    one = demo.call(CALL)
    corpus = open_corpus(tmp_path / "corpus", create=True)
    corpus.add(Transcript(one.calls.assign(source="gone.wav"), one.phrases, one.words))
    down = summarize(corpus, endpoint="http://127.0.0.1:9", key="k", model="m")
    assert down["status"].tolist() == ["failed"]
    out = tmp_path / "page.html"
    text = run_report("call_report", corpus=corpus.path, out=out, parameters={"call": CALL}).read_text(
        "utf-8"
    )
    assert "No call here has a summary. Make them with: speechkit summarize" in text
    assert "No recording was given: the words and their times can be read, not heard." in text
    assert "data:audio" not in text
