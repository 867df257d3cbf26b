"""The alignment of a call as a page: what stands in it, and what must not."""

from __future__ import annotations

import base64
import hashlib
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from speechkit.analysis.accuracy import score
from speechkit.analysis.normalize import PLAIN
from speechkit.audio import write_wav
from speechkit.display.alignment import AlignmentView, alignment
from speechkit.errors import AudioNotFoundError, ReportError, TranscriptError
from speechkit.transcripts.schema import Transcript
from tests.analysis.making import WORDS, pairs, texts, transcript
from tests.sample_call import SAID, sample_call

NASTY = "</script><script>alert(1)</script> \"' onmouseover='x &amp; </style>"
COLUMNS = "call channel start end text"


def tree(view: AlignmentView) -> ET.Element:
    """The page as a tree: what does not parse is not well-formed."""
    page = re.sub(r"<(style|script)>.*?</\1>", "", view._repr_html_(), flags=re.S)
    page = page.replace('class="only">', 'class="only"/>').replace("<audio controls ", '<audio controls="" ')
    return ET.fromstring(page)


def words(view: AlignmentView, column: int) -> list[tuple[str, str]]:
    """Kind and text of each word of a column; column 0 is the reference."""
    found = []
    for row in tree(view).iter("tr"):
        cells = [cell for cell in row.findall("td") if cell.get("data-name")]
        for word in cells[column].iter() if cells else ():
            kind, _, rest = (word.get("class") or "").partition(" ")
            if kind == "w":
                text = "".join(word.itertext())
                found.append(
                    (rest or "right", (text.rpartition(": ")[2] if rest not in ("", "missed") else text))
                )
    return found


def view(said: str, *heard: str, **options: object) -> AlignmentView:
    one = transcript([("c1", 0, 1.0, 9.0, said)], COLUMNS)
    others = {f"t{i}": transcript([("c1", 0, 1.0, 9.0, text)], COLUMNS) for i, text in enumerate(heard)}
    return alignment(one, others, **options)  # type: ignore[arg-type]


# --- what stands in it -----------------------------------------------------------------------------------------


def test_every_error_has_its_kind_its_sign_and_what_was_said() -> None:
    shown = view("please pay the bill now", "please say bill now right")
    assert words(shown, 1) == [
        ("right", "please"),
        ("substituted", "say"),
        ("missing", "the"),
        ("right", "bill"),
        ("right", "now"),
        ("inserted", "right"),
    ]
    assert words(shown, 0) == [
        ("right", "please"),
        ("missed", "pay"),
        ("missed", "the"),
        *[("right", "bill"), ("right", "now")],
    ]
    page = shown._repr_html_()
    assert 'title="wrong, said: pay"' in page
    assert [el.tag for el in tree(shown).iter() if (el.get("class") or "").startswith("w ")] == [
        *("span", "span", "span", "del", "ins")
    ]
    signs = [el.text for el in tree(shown).iter("span") if el.get("class") == "sign"]
    assert {"≠", "−", "+"} <= set(signs)


def test_what_counts_as_the_same_is_no_error() -> None:
    shown = view("you will pay twenty two dollars um for the time out", "You'll pay $22 for the timeout.")
    assert {kind for kind, _ in words(shown, 1)} == {"right"}
    assert shown.rates["t0"].errors == 0
    assert {kind for kind, _ in words(view("you will", "you'll", rules=PLAIN), 1)} == {
        "substituted",
        "missing",
    }


def test_a_number_that_is_wrong_in_part_is_one_wrong_word() -> None:
    shown = view("you pay twenty two dollars", "You pay $23.")
    assert words(shown, 1) == [("right", "You"), ("right", "pay"), ("substituted", "$23.")]
    assert shown.rates["t0"].substitutions == 1
    assert words(view("don't", "do"), 1) == [("right", "do"), ("missing", "not")]
    assert words(view("don't go", "go"), 1) == [("missing", "don't"), ("right", "go")]


def test_several_transcripts_stand_beside_each_other() -> None:
    shown = view("good morning", "good evening", "morning", "good morning")
    assert [len(row.findall("td")) for row in tree(shown).iter("tr")][1:] == [5]
    assert words(shown, 2) == [("missing", "good"), ("right", "morning")]
    assert "wrong or missing in t0" in shown._repr_html_()
    assert repr(shown) == "AlignmentView(c1: 1 turn; t0 50.0%, t1 50.0%, t2 0.0%)"


def test_turns_stand_in_time_order_and_channels_are_aligned_apart() -> None:
    said = transcript(
        [("c1", 0, 0.0, 2.0, "hello there"), ("c1", 1, 1.0, 2.0, "hi"), ("c1", 0, 3.0, 4.0, "bye")], COLUMNS
    )
    heard = transcript([("c1", 0, 0.0, 2.0, "hello hi"), ("c1", 1, 1.0, 2.0, "hi bye")], COLUMNS, channels=2)
    shown = alignment(said, {"batch": heard})
    starts = [float(row.get("data-s", "0")) for row in tree(shown).iter("tr") if row.get("data-s")]
    assert starts == [0.0, 1.0, 3.0]
    assert words(shown, 1) == [
        *(("right", "hello"), ("substituted", "hi")),
        *(("right", "hi"), ("inserted", "bye")),
        ("missing", "bye"),
    ]
    assert shown.rates["batch"] == score(said, heard).total
    mono = transcript([("c1", 0, 0.0, 2.0, "hello there hi bye")], COLUMNS, channels=1)
    mixed = alignment(said, {"mono": mono})
    assert mixed.rates["mono"].errors == 0
    assert "its channels are not those of the reference" in mixed._repr_html_()


def test_an_inserted_word_goes_where_it_was_heard() -> None:
    said = transcript([("c1", 0, 0.0, 2.0, "alpha"), ("c1", 0, 9.0, 10.0, "bravo")], COLUMNS)
    heard = transcript([("c1", 0, 0.0, 2.0, "alpha golf"), ("c1", 0, 8.9, 10.0, "hotel bravo")], COLUMNS)
    rows = [[w.text for w in turn.heard[0]] for turn in alignment(said, heard).sides.turns]
    assert rows == [["alpha", "golf"], ["hotel", "bravo"]]


def test_speech_where_nobody_spoke_has_a_turn_of_its_own() -> None:
    said = transcript([("c1", 0, 0.0, 2.0, "alpha"), ("c1", 1, 3.0, 4.0, "bravo")], COLUMNS)
    heard = transcript([("c1", 0, 0.0, 2.0, "alpha"), ("c1", 1, 3.0, 4.0, "bravo")], COLUMNS, channels=2)
    silent = said.filter(channel=0)
    shown = alignment(transcript([("c1", 0, 0.0, 2.0, "alpha")], COLUMNS), heard.filter(channel=[0, 1]))
    assert shown.rates["transcript"].insertions == 1
    assert "nothing was said" in alignment(silent, heard)._repr_html_() or len(shown.sides.turns) == 1


def test_words_have_times_also_where_only_the_phrase_has() -> None:
    shown = view("one two three four", "one two three four")
    times = [(w.start_s, w.end_s) for w in shown.sides.turns[0].said]
    assert times == [(1.0, 3.0), (3.0, 5.0), (5.0, 7.0), (7.0, 9.0)]
    timed = alignment(sample_call(), sample_call())
    assert timed.sides.turns[0].said[1].start_s == pytest.approx(0.8)
    assert timed.rates["transcript"].errors == 0


@given(pairs, texts)
@settings(max_examples=25, deadline=None)
def test_what_is_shown_is_what_is_counted(calls: list[tuple[list[str], list[str]]], more: list[str]) -> None:
    """Every word of the transcript stands once; the marks are the counts of `score`."""
    said, heard = calls[0][0] or WORDS[:1], [calls[0][1], more]
    rows = [[("c1", 0, float(i), i + 0.9, word) for i, word in enumerate(text)] or [("c1", 0, 0.0, 1.0, None)]
            for text in (said, *heard)]  # fmt: skip
    one, *others = (transcript(r, COLUMNS) for r in rows)
    shown = alignment(one, {"a": others[0], "b": others[1]}, rules=PLAIN)
    for column, (name, other) in enumerate(zip("ab", others, strict=True)):
        cells = [word for turn in shown.sides.turns for word in turn.heard[column]]
        kinds = [word.kind for word in cells]
        total = score(one, other, rules=PLAIN).total
        assert shown.rates[name] == total
        assert kinds.count("substituted") == total.substitutions
        assert kinds.count("missing") == total.deletions
        assert kinds.count("inserted") == total.insertions
        assert sorted(w.text for w in cells if w.kind != "missing") == sorted(heard[column])
    assert [w.text for turn in shown.sides.turns for w in turn.said] == said


# --- as a page -------------------------------------------------------------------------------------------------


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "c1.wav"
    write_wav(path, 0.1 * np.sin(np.arange(30 * 8000) / 9).astype(np.float32)[None], 8000)
    return path


def test_a_page_of_its_own_asks_nothing_and_runs_only_its_own_script(tmp_path: Path, recording: Path) -> None:
    path = view("good morning", "good day", audio=recording).save(tmp_path / "new" / "c1.html")
    text = path.read_text(encoding="utf-8")
    assert "data:audio/webm;base64," in text
    assert not re.search(r"https?://|(?:src|href)=.//", text)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy
    for kind in ("style", "script"):
        for code in re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.S):
            assert base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() in policy[1], kind
    assert " style=" not in text.replace("style-src", ""), "the policy forbids style attributes"
    assert list(tmp_path.glob("**/*.part")) == []


def test_a_large_recording_is_linked_and_none_is_said(tmp_path: Path, recording: Path) -> None:
    shown = view("good morning", "good day", audio=recording, embed_max_bytes=10)
    assert 'src="../c1.wav"' in shown.save(tmp_path / "pages" / "c1.html").read_text()
    silent = view("good morning", "good day")._repr_html_()
    assert "<audio" not in silent
    assert "can be read, not heard" in silent


def test_what_callers_say_is_escaped() -> None:
    said = sample_call(said=[(NASTY, 0.5, NASTY)])
    page = alignment(said, {NASTY: sample_call(said=[(NASTY, 0.5, "x " + NASTY)])}, title=NASTY)._repr_html_()
    assert page.count("<script>") == 1
    assert "onmouseover='x" not in page
    tree(alignment(said, {NASTY: said}, title=NASTY))


def test_names_and_colours_of_the_parties() -> None:
    shown = alignment(sample_call(), sample_call(), names={"1": "Agent", "2": "Customer"})
    rows = [
        (row.get("class"), row.findtext(".//span")) for row in tree(shown).iter("tr") if row.get("data-s")
    ]
    assert rows[:2] == [("turn p0", "Agent"), ("turn p1", "Customer")]
    many = [(f"s{i}", float(i), "yes") for i in range(9)]
    slots = {
        row.get("class") for row in tree(alignment(sample_call(said=many), sample_call(said=many))).iter("tr")
    }
    assert slots - {None} == {f"turn p{i}" for i in range(6)}


# --- what is refused -------------------------------------------------------------------------------------------


def test_what_cannot_be_shown_is_named(tmp_path: Path) -> None:
    one, other = sample_call("c01"), sample_call("c02")
    both = Transcript.concat([one, other])
    with pytest.raises(TranscriptError, match="the reference is of other calls"):
        alignment(one, other)
    with pytest.raises(TranscriptError, match="2 calls could be shown"):
        alignment(both, both)
    assert alignment(both, both, "c02").call_id == "c02"
    assert alignment(both, other).call_id == "c02"
    with pytest.raises(TranscriptError, match="there is no call 'c01' in batch"):
        alignment(both, {"batch": other}, "c01")
    with pytest.raises(TranscriptError, match="4 transcripts cannot be shown"):
        alignment(one, dict.fromkeys("abcd", one))
    with pytest.raises(TranscriptError, match="c01: the reference has no words"):
        alignment(sample_call("c01", said=[]), one)
    with pytest.raises(AudioNotFoundError):
        alignment(one, one, audio=tmp_path / "none.wav")
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="cannot be written"):
        alignment(one, one).save(tmp_path / "file" / "page.html")


def test_a_transcript_in_which_nothing_was_heard() -> None:
    shown = alignment(sample_call(), sample_call(said=[]))
    total = shown.rates["transcript"]
    assert total.deletions == total.total > 40
    assert len(shown.sides.turns) == len(SAID)
