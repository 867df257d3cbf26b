"""Listening again: the model behind the panel, its table, its sound, and its widgets without a browser."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from IPython.core.formatters import DisplayFormatter

from speechkit.analysis.review import queue
from speechkit.audio import write_wav
from speechkit.display import review as module
from speechkit.display.review import Review
from speechkit.display.sound import clip
from speechkit.transcripts.corpus import Corpus, open_corpus
from speechkit.transcripts.corrections import answers, corrected, keep_answer
from tests.sample_call import SAID, sample_call


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    made = open_corpus(tmp_path / "corpus", create=True)
    made.add(sample_call(source="calls/c01.wav"))
    return made


def review(corpus: Corpus, **more: Any) -> Review:
    return Review(corpus, queue(corpus, 0.5), **more)


def test_answers_go_to_the_corpus_one_by_one(corpus: Corpus) -> None:
    shown = review(corpus)
    texts = [item["text"] for item in shown.items.to_dict("records")]
    assert len(texts) == 2
    shown.answer("corrected", texts[0].replace("Larkfield", "Larchfield"))
    assert len(answers(corpus)) == 1  # at once, not at the end
    shown.answer("accepted")
    assert shown.item is None
    assert answers(corpus)["verdict"].tolist() == ["corrected", "accepted"]
    assert "Larchfield Home" in corrected(corpus, answers(corpus)).text()
    assert "Larkfield Home" in open_corpus(corpus.path).text()
    with pytest.raises(ValueError, match="every item"):
        shown.answer("accepted")


def test_another_run_goes_on_where_the_last_one_ended(corpus: Corpus) -> None:
    first = review(corpus)
    first.answer("skipped")
    first.answer("accepted")
    again = review(open_corpus(corpus.path))
    assert again.answered == 1
    assert [item["text"] for item in again.items.to_dict("records")] == [first.items["text"].iloc[0]]
    assert repr(again) == "Review(1 passage left)"


def test_a_correction_that_changes_nothing_is_an_acceptance(corpus: Corpus) -> None:
    shown = review(corpus)
    assert shown.item
    shown.answer("corrected", f"  {shown.item['text']} ")
    assert answers(corpus)["verdict"].tolist() == ["accepted"]


def test_what_is_heard_is_the_own_channel_around_the_words(corpus: Corpus, tmp_path: Path) -> None:
    tone = np.zeros((2, 16000 * 30), np.float32)
    tone[0] = np.linspace(0, 0.9, tone.shape[1])  # louder and louder: a sample tells its time
    write_wav(tmp_path / "c01.wav", tone, 16000)
    shown = review(corpus, recordings=tmp_path)
    assert shown.item
    shown.items["channel"] = 0
    heard = shown.sound()
    assert heard
    samples, rate = soundfile.read(io.BytesIO(heard))
    assert len(samples) / rate == pytest.approx(shown.item["to_s"] - shown.item["from_s"], abs=0.01)
    assert samples[0] == pytest.approx(0.9 * shown.item["from_s"] / 30, abs=1e-3)
    mixed, _ = soundfile.read(io.BytesIO(clip(tmp_path / "c01.wav", 10.0, 11.0)))
    assert mixed[0] == pytest.approx(0.9 * 10 / 30 / 2, abs=1e-3)
    beyond, _ = soundfile.read(io.BytesIO(clip(tmp_path / "c01.wav", 29.5, 40.0, channel=7)))
    assert len(beyond) == 8000


@pytest.mark.parametrize(
    "recordings",
    [pytest.param(None, id="the-source-is-gone?"), pytest.param("empty", id="the-folder-has-it-not?")],
)
def test_without_a_recording_it_can_be_read(corpus: Corpus, recordings: str | None) -> None:
    shown = review(corpus, recordings=recordings)
    assert shown.recording() is None
    assert shown.sound() is None


def test_a_recording_that_is_broken_does_not_stop_the_review(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "c01.wav").write_text("this is no sound")
    assert review(corpus, recordings=tmp_path).sound() is None


def test_where_nobody_is_there_it_is_a_table(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    review(corpus)._ipython_display_()
    assert len(shown) == 1
    page = shown[0]._repr_html_()
    assert "<mark>Brioflex</mark>" in page
    assert "2 passages" in page
    assert DisplayFormatter().format(shown[0])[0]["text/html"] == page


def test_a_caller_who_says_markup_harms_no_one(tmp_path: Path) -> None:
    said = [(who, at, text.replace("Brioflex", "<script>alert(1)</script>")) for who, at, text in SAID]
    corpus = open_corpus(tmp_path / "corpus", create=True)
    corpus.add(sample_call(said=said, doubtful=("<script>alert(1)</script>",)))
    shown = review(corpus)
    assert "<script" not in shown.table()._repr_html_()
    panel = module._panel(shown)
    assert "<script" not in panel.children[1].value
    assert "&lt;script&gt;" in panel.children[1].value


def test_the_panel_follows_the_answers(corpus: Corpus) -> None:
    shown = review(corpus)
    panel = module._panel(shown)
    head, said, _, field, row, _ = panel.children
    accept, correct, skip = row.children
    assert head.value.startswith("<b>1 of 2</b>")
    assert "recording is not here" in said.value
    assert field.value == shown.items["text"].iloc[0]
    field.value = field.value.replace("Larkfield", "Larchfield")
    correct.click()
    assert head.value.startswith("<b>2 of 2</b>")
    assert field.value == shown.items["text"].iloc[1]
    skip.click()
    assert "All 2 passages heard" in head.value
    accept.click()  # a click that comes late
    assert answers(corpus)["verdict"].tolist() == ["corrected", "skipped"]
    keep_answer(corpus, shown.items.iloc[1].to_dict(), "accepted")
    assert "Nothing is left" in module._panel(review(corpus)).children[0].value
