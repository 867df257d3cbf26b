"""The player as a page: what stands in it, and what must not."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import speechkit.display
from speechkit.audio import decode, probe, write_wav
from speechkit.display.player import Player, player
from speechkit.display.sound import data_uri, webm
from speechkit.errors import AudioNotFoundError, ReportError, TranscriptError
from speechkit.transcripts.schema import Transcript
from tests.sample_call import SAID, sample_call

FILES = Path(speechkit.display.__file__).parent
NASTY = "</script><script>alert(1)</script><img src=x onerror=alert(1)> \"' onmouseover='x &amp; </style>"


class Page(HTMLParser):
    """The elements of a page, with their attributes and the text directly in them."""

    VOID = frozenset({"meta", "link", "rect", "path", "input", "br", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.open: list[int] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))
        if tag not in self.VOID:
            self.open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            place = self.open.pop()
            assert self.elements[place][0] == tag, f"<{self.elements[place][0]}> is closed by </{tag}>"

    def handle_data(self, data: str) -> None:
        if self.open:
            self.elements[self.open[-1]][2].append(data)

    def all(self, tag: str, **wanted: str) -> list[tuple[dict[str, str | None], str]]:
        return [
            (attrs, "".join(text))
            for name, attrs, text in self.elements
            if name == tag and all(value in (attrs.get(key) or "").split() for key, value in wanted.items())
        ]


def page(shown: Player) -> Page:
    return Page(shown._repr_html_())


def words_of(shown: Player) -> list[str]:
    return [
        text
        for _, text in page(shown).all("span", **{"class": "w"})
        if not text.startswith(("unsure", "doubtful,"))
    ]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "c01.wav"
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(30 * 8000) / 8000).astype(np.float32)
    write_wav(path, np.stack([tone, np.zeros_like(tone)]), 8000)
    return path


# --- what stands in it ----------------------------------------------------------------------------------


def test_every_word_stands_in_the_page_with_its_times() -> None:
    found = page(player(sample_call())).all("span", **{"class": "w"})
    spoken = [(text, attrs["data-s"], attrs["data-e"]) for attrs, text in found if "data-s" in attrs]
    assert [text for text, _, _ in spoken] == " ".join(text for _, _, text in SAID).split()
    assert spoken[0] == ("Thank", "0.5", "0.75")
    assert spoken[1] == ("you", "0.8", "1.05")


def test_doubt_is_marked_by_class_and_said_in_words() -> None:
    shown = player(sample_call())
    marked = {
        text: (a["class"], a["title"])
        for a, text in page(shown).all("span", **{"class": "w"})
        if "title" in a
    }
    assert marked == {
        "Larkfield": ("w d2", "confidence 0.30"),
        "Brioflex": ("w d2", "confidence 0.30"),
        "nine": ("w d1", "confidence 0.60"),
    }
    assert shown.doubtful == 2


def test_calibrated_confidence_is_used_where_there_is_some() -> None:
    made = sample_call()
    words = made.words.assign(calibrated=1 - made.words["confidence"])
    shown = player(Transcript(made.calls, made.phrases, words))
    assert shown.doubtful == len(words) - 2  # those that were doubtful are the sure ones now
    assert "calibrated confidence 0.05" in shown._repr_html_()
    none = Transcript(made.calls, made.phrases, made.words.assign(calibrated=np.nan))
    assert player(none).doubtful == 2


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        pytest.param(sample_call(), "No recording was given", id="no-recording?"),
        pytest.param(sample_call(words=False), "No word times", id="no-words?"),
        pytest.param(sample_call(said=[("1", math.nan, "Hello.")]), "No times", id="no-times?"),
        pytest.param(sample_call(said=[(None, 1.0, "Hello.")]), "No speakers", id="no-speakers?"),
        pytest.param(sample_call(confidence=None, doubtful=()), "No confidence", id="no-confidence?"),
        pytest.param(sample_call(said=[]), "No phrases", id="no-phrases?"),
        pytest.param(
            sample_call(said=[("1", 0.0, " "), ("1", 1.0, "")]), "No phrases", id="only-empty-phrases?"
        ),
        pytest.param(
            sample_call(said=[(str(i), float(i), "Yes.") for i in range(36)]),
            "36 speakers are many",
            id="36-speakers?",
        ),
    ],
)
def test_what_is_missing_is_said(made: Transcript, sentence: str) -> None:
    shown = player(made)
    assert [note for note in shown.missing if note.startswith(sentence)]
    notes = [text for _, text in page(shown).all("li") if text in shown.missing]
    assert notes == list(shown.missing)


def test_without_word_times_a_phrase_is_one_piece() -> None:
    shown = player(sample_call(words=False, confidence=0.4))
    assert words_of(shown) == [text for _, _, text in SAID]
    assert shown.doubtful == len(SAID)


def test_a_few_phrases_without_word_times_are_counted() -> None:
    made = sample_call()
    words = made.words[made.words["phrase_id"] != "c01:0002"]
    assert (
        "Word times are known in 6 of 7 phrases."
        in player(Transcript(made.calls, made.phrases, words)).missing
    )


def lanes(shown: Player) -> list[tuple[int, str, str]]:
    return list(shown.parties.values())


def test_agent_and_customer_are_told_by_their_channels() -> None:
    made = sample_call(said=[(None, 1.0, "One two three."), (None, 5.0, "Four.")], channels=2)
    phrases = made.phrases.assign(channel=pd.array([1, 0], "Int64"))
    shown = player(Transcript(made.calls, phrases, made.words))
    assert lanes(shown) == [(0, "Agent", "25%"), (1, "Customer", "75%")]


def test_a_name_of_your_own_wins_and_agent_keeps_its_colour() -> None:
    assert [lane[:2] for lane in lanes(player(sample_call()))] == [(2, "Speaker 1"), (3, "Speaker 2")]
    shown = player(sample_call(), names={"1": "Megan", "2": "agent"})
    assert [lane[:2] for lane in lanes(shown)] == [(0, "agent"), (2, "Megan")]


def test_many_speakers_share_the_last_lane() -> None:
    shown = player(sample_call(said=[(str(i), float(i), "Yes.") for i in range(9)]))
    found = page(shown)
    assert len(found.all("svg", **{"class": "lane"})) == 5
    assert [text for _, text in found.all("span", **{"class": "label"}) if text == "others"] == ["others"]


def test_a_long_silence_is_told() -> None:
    shown = player(sample_call(said=[("1", 1.0, "One."), ("1", 3.0, "Two."), ("1", 20.0, "Three.")]))
    found = page(shown)
    assert [text for _, text in found.all("li", **{"class": "silence"})] == ["17 s without speech"]
    assert [("goes-on" in (a["class"] or "")) for a, _ in found.all("li", **{"class": "phrase"})] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("duration_s", [0.0, 0.4, 30.0, 3600.0, 14400.0])
def test_the_time_axis_has_a_few_round_marks(duration_s: float) -> None:
    shown = (
        player(sample_call(said=[], duration_s=duration_s))
        if duration_s < 1
        else player(sample_call(duration_s=duration_s))
    )
    marks = [text for _, text in page(shown).all("text")]
    assert len(marks) <= 7
    assert duration_s < 1 or marks[0] == "0:00"


# --- what must not stand in it --------------------------------------------------------------------------


def nasty() -> Player:
    made = sample_call(call_id="c<i>", said=[(NASTY, 1.0, NASTY), ("2", 5.0, "Yes.")])
    phrases = made.phrases.assign(locale='en" onclick="alert(1)')
    return player(Transcript(made.calls, phrases, made.words), names={"2": NASTY}, title=NASTY)


@pytest.mark.parametrize("alone", [True, False], ids=["file", "notebook"])
def test_what_callers_say_is_text_and_never_markup(tmp_path: Path, alone: bool) -> None:
    shown = nasty()
    text = shown.save(tmp_path / "p.html").read_text() if alone else shown._repr_html_()
    found = Page(text)
    assert {tag for tag, _, _ in found.elements} <= {
        "html", "head", "meta", "link", "title", "style", "body", "main", "div", "section", "header", "h1",
        "h3", "p", "ul", "ol", "li", "button", "span", "svg", "path", "rect", "text", "label", "input",
        "footer", "kbd", "script",
    }  # fmt: skip
    assert len(found.all("script")) == 1
    assert len(found.all("style")) == 1 + alone
    attributes = {key for _, attrs, _ in found.elements for key in attrs}
    assert not [key for key in attributes if key.startswith("on") or key in ("style", "src", "srcdoc")]
    assert [a["href"] for _, a, _ in found.elements if "href" in a] == ["data:,"] * alone
    assert " ".join(words_of(shown)) == f"{NASTY} Yes."


@settings(max_examples=25, deadline=None)
@given(st.text(min_size=1, max_size=40), st.text(max_size=20))
def test_any_text_comes_out_as_it_went_in(text: str, speaker: str) -> None:
    said = [
        (speaker.encode(errors="ignore").decode() or None, 1.0, text.encode(errors="ignore").decode() or "x")
    ]
    shown = player(sample_call(said=said, words=False))
    printable = "".join(c for c in said[0][2] if c.isprintable() or c.isspace())
    assert words_of(shown) == ([" ".join(printable.split())] if printable.strip() else [])


def test_the_files_of_the_player_ask_nothing_of_the_network() -> None:
    for name in ("player.css", "player.js", "player.html.j2"):
        text = (FILES / name).read_text()
        assert not re.search(
            r"https?:|//[a-z]|@import|url\(|fetch\(|XMLHttp|innerHTML|eval\(|\son\w+=", text
        ), name
    assert "</" not in (FILES / "player.js").read_text()
    assert "</" not in (FILES / "player.css").read_text()


def test_only_its_own_script_and_styles_may_run_in_the_page(tmp_path: Path) -> None:
    found = Page(player(sample_call()).save(tmp_path / "p.html").read_text())
    policy = next(
        a["content"] for a, _ in found.all("meta") if a.get("http-equiv") == "Content-Security-Policy"
    )
    allowed = dict(part.strip().split(" ", 1) for part in (policy or "").split(";"))
    assert allowed["default-src"] == "'none'"

    def hashed(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert allowed["script-src"].split() == [hashed(text) for _, text in found.all("script")]
    assert set(allowed["style-src"].split()) == {hashed(text) for _, text in found.all("style")}


# --- the recording --------------------------------------------------------------------------------------


def source(shown: Player) -> str:
    return str(page(shown).all("audio")[0][0]["src"])


def test_the_recording_is_embedded_and_sounds_the_same(tmp_path: Path, recording: Path) -> None:
    shown = player(sample_call(), audio=recording)
    kind, coded = source(shown).split(",", 1)
    assert kind == "data:audio/webm;base64"
    (tmp_path / "back.webm").write_bytes(base64.b64decode(coded))
    info = probe(tmp_path / "back.webm")
    assert info.channels == 2
    assert info.duration_s == pytest.approx(30.0, abs=0.02)  # what the encoder held back
    left, right = decode(tmp_path / "back.webm", 8000)[:, 8000:16000]
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(8000, 16000) / 8000)
    assert np.abs(left - tone).max() < 0.03  # in place, to the sample
    assert np.abs(right).max() < 0.02  # the other side of the call is not heard on this one


@pytest.mark.parametrize(
    ("channels", "mixed"),
    [pytest.param(3, False, id="of-more-than-two?"), pytest.param(2, True, id="of-two-when-asked?")],
)
def test_channels_are_mixed(channels: int, mixed: bool, tmp_path: Path) -> None:
    write_wav(tmp_path / "three.wav", np.zeros((channels, 16000), np.float32), 16000)
    uri = data_uri(
        tmp_path / "three.wav", 3_500, mixed=mixed
    )  # a second of two channels is told to take 4,000
    assert uri is not None
    assert channels > 2 or data_uri(tmp_path / "three.wav", 3_500) is None
    (tmp_path / "back.webm").write_bytes(base64.b64decode(uri.split(",", 1)[1]))
    assert probe(tmp_path / "back.webm").channels == 1


def test_a_large_recording_is_linked_from_where_the_page_is(tmp_path: Path, recording: Path) -> None:
    odd = recording.rename(tmp_path / "a call #1?.wav")
    shown = player(sample_call(), audio=odd, embed_max_bytes=1000)
    saved = Page(shown.save(tmp_path / "pages" / "p.html").read_text())
    assert saved.all("audio")[0][0]["src"] == "../a%20call%20%231%3F.wav"
    assert source(shown) == "a%20call%20%231%3F.wav"  # tests run in tmp_path


def test_a_recording_of_another_call_is_asked_about(recording: Path) -> None:
    shown = player(sample_call(duration_s=95.0), audio=recording)
    assert shown.missing == (
        "The recording ends at 0:30, the transcript at 1:35: is it the recording of this call?",
    )
    assert player(sample_call(duration_s=31.0), audio=recording).missing == ()


def test_a_call_without_phrases_can_still_be_heard(recording: Path) -> None:
    found = page(player(sample_call(said=[]), audio=recording))
    assert "controls" in found.all("audio")[0][0]
    assert not found.all("div", **{"class": "pane"})


@pytest.mark.parametrize(
    ("options", "error"),
    [
        pytest.param({"audio": "nowhere.wav"}, AudioNotFoundError, id="no-such-recording?"),
        pytest.param({"call_id": "x"}, TranscriptError, id="no-such-call?"),
    ],
)
def test_what_cannot_be_shown_is_refused(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        player(sample_call(), **options)


# --- files ----------------------------------------------------------------------------------------------


def test_a_page_is_written_whole(tmp_path: Path) -> None:
    path = player(sample_call()).save(tmp_path / "new" / "c01.html")
    assert path.read_text().startswith("<!DOCTYPE html>")
    assert [p.name for p in path.parent.iterdir()] == ["c01.html"]
    path.write_text("old")
    player(sample_call()).save(path)
    assert path.read_text() != "old"


def test_a_page_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ReportError, match="cannot be written"):
        player(sample_call()).save(tmp_path / "file" / "c01.html")


def test_a_player_says_what_it_is(recording: Path) -> None:
    assert repr(player(sample_call(), audio=recording)) == "Player(c01: 7 phrases, 0:30, c01.wav)"


def test_is_what_was_hidden_a_tone(tmp_path: Path) -> None:
    path, heard = tmp_path / "call.wav", tmp_path / "heard.webm"
    noise = np.random.default_rng(1).normal(0, 0.2, 16_000 * 40).astype("float32")  # more than one block
    write_wav(path, noise.reshape(1, -1), 16_000)
    heard.write_bytes(webm(path, bleeps=[(1.0, 2.0), (29.0, 31.5)]))
    samples = decode(heard)[0]
    for second in range(39):
        piece = samples[(second * 16_000 + 4_000) : (second * 16_000 + 12_000)]
        spectrum = np.abs(np.fft.rfft(piece))
        is_tone = abs(int(spectrum.argmax()) * 2 - 440) <= 4 and spectrum.max() > 50 * np.median(spectrum)
        assert is_tone == (second in (1, 29, 30)), second


def test_does_no_link_lead_to_what_is_hidden(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    write_wav(path, np.zeros((1, 16_000), np.float32), 16_000)
    shown = player(sample_call(), audio=path, embed_max_bytes=10, bleeps=[(0.1, 0.2)])
    assert "too long to put it here" in shown.missing[0]
    assert "call.wav" not in shown.save(tmp_path / "page.html").read_text()
    assert (
        "call.wav"
        in player(sample_call(), audio=path, embed_max_bytes=10).save(tmp_path / "b.html").read_text()
    )
