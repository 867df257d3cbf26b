"""References read from the files of the field."""

from __future__ import annotations

from pathlib import Path

import pytest

from speechkit.analysis.reference import read_reference
from speechkit.errors import TranscriptError
from tests.conftest import ROOT

STM = """\
;; a comment
c1 1 anna 0.50 2.00 <o,f0,female> good morning ben
c1 2 ben 1.80 3.00 hi anna
c2 1 anna 0.0 1.0 ignore_time_segment_in_scoring
c2 1 anna 1.0 2.5 bye
"""
CTM = """\
c1 1 0.50 0.40 good 0.99
c1 1 0.95 0.55 morning
c1 1 1.50 0.50 ben
c1 2 1.80 0.20 hi
c1 2 2.00 0.90 anna
c2 1 9.00 0.50 late
"""
RTTM = """\
SPKR-INFO c1 1 <NA> <NA> <NA> unknown anna <NA>
SPEAKER c1 <NA> 0.50 1.50 <NA> <NA> anna <NA> <NA>
SPEAKER c1 <NA> 1.80 1.20 <NA> <NA> ben <NA> <NA>
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, text in (
        ("calls.stm", STM),
        ("calls.ctm", CTM),
        ("calls.rttm", RTTM),
        ("c7.ref.txt", "so\nlong "),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_an_stm_gives_phrases_with_speakers_on_channels_from_zero(files: Path) -> None:
    reference = read_reference(files / "calls.stm")
    table = reference.phrases[["phrase_id", "channel", "speaker", "start_s", "end_s", "lexical"]]
    assert table.values.tolist() == [
        ["c1:0001", 0, "anna", 0.5, 2.0, "good morning ben"],
        ["c1:0002", 1, "ben", 1.8, 3.0, "hi anna"],
        ["c2:0001", 0, "anna", 1.0, 2.5, "bye"],
    ]
    assert reference.calls["channels"].tolist() == [2, 1]
    assert reference.words["start_s"].isna().all()
    assert reference.words["word"].tolist() == ["good", "morning", "ben", "hi", "anna", "bye"]


def test_a_ctm_gives_the_words_of_an_stm_their_times(files: Path) -> None:
    words = read_reference(files / "calls.stm", files / "calls.ctm").words.set_index("word")
    assert words.loc[["good", "morning", "ben", "hi", "anna"], "start_s"].tolist() == [
        0.5,
        0.95,
        1.5,
        1.8,
        2.0,
    ]
    assert words.loc["anna", "end_s"] == pytest.approx(2.9)
    assert words.loc["bye", ["start_s", "end_s"]].isna().all(), "no word of the CTM lies there"
    assert words.loc["hi", "speaker"] == "ben"


def test_a_ctm_alone_is_cut_at_pauses(files: Path) -> None:
    (files / "calls.ctm").write_text(CTM + "c1 1 8.0 0.3 so\n")
    reference = read_reference(files / "calls.ctm")
    first = reference.phrases[reference.phrases["call_id"] == "c1"]
    assert first["lexical"].tolist() == ["good morning ben", "hi anna", "so"]
    assert reference.phrases["speaker"].isna().all()
    assert first["end_s"].tolist() == pytest.approx([2.0, 2.9, 8.3])


def test_an_rttm_has_times_and_speakers_and_no_words(files: Path) -> None:
    reference = read_reference(files / "calls.rttm")
    assert reference.phrases[["speaker", "start_s", "end_s"]].values.tolist() == [
        ["anna", 0.5, 2.0],
        ["ben", 1.8, 3.0],
    ]
    assert reference.phrases[["lexical", "channel"]].isna().all(axis=None)
    assert len(reference.words) == 0


def test_a_text_is_the_reference_of_the_call_it_is_named_after(files: Path) -> None:
    reference = read_reference(files / "c7.ref.txt")
    assert reference.call_ids == ["c7"]
    assert reference.phrases["lexical"].tolist() == ["so long"]
    assert reference.phrases[["start_s", "channel", "speaker"]].isna().all(axis=None)


def test_letters_are_channels_and_the_first_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "a.stm"
    path.write_text("c1 B ben 0 1 hi\nc1 A anna 1 2 hello\n")
    assert read_reference(path).phrases["channel"].tolist() == [1, 0]
    path.write_text("c1 1 ben 0 1 hi\n")  # one line, of the second channel counted from 0
    assert read_reference(path).phrases["channel"].tolist() == [0]
    assert read_reference(path, first_channel=0).phrases["channel"].tolist() == [1]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        pytest.param("a.stm", "c1 1 anna 0.5\n", "a.stm, line 1 is not `file channel", id="too few columns?"),
        pytest.param(
            "a.stm", "c1 1 anna 2.0 1.0 hi\n", "ends at 1.0 before it starts at 2.0", id="an end first?"
        ),
        pytest.param(
            "a.stm", "\nc1 1 anna x 1.0 hi\n", "line 2: 'x' and '1.0' should be seconds", id="no time?"
        ),
        pytest.param("a.stm", "c1 1 anna nan 1.0 hi\n", "should be seconds", id="not a number?"),
        pytest.param("a.stm", "c1 front anna 0 1 hi\n", "'front' is no channel", id="a channel with a name?"),
        pytest.param("a.stm", ";; nothing\n", "there is no line in it", id="only comments?"),
        pytest.param("a.ctm", "c1 1 0 0 <ALT_BEGIN>\n", "alternatives", id="alternatives?"),
        pytest.param("a.rttm", "SPEAKER c1 1 0 1 <NA>\n", "no speaker", id="an RTTM without speakers?"),
        pytest.param("a.json", "{}", "a.json: a reference is an .stm", id="another kind of file?"),
        pytest.param("a.stm", None, "there is no such reference file", id="no file?"),
    ],
)
def test_what_is_not_a_reference_is_named(tmp_path: Path, name: str, text: str | None, says: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(TranscriptError, match=says.replace(".", r"\.")):
        read_reference(tmp_path / name)


def test_bytes_that_are_no_text_and_an_rttm_with_another(files: Path) -> None:
    (files / "bad.stm").write_bytes(b"c1 1 anna 0 1 \xff\xfe\n")
    with pytest.raises(TranscriptError, match="Save it as UTF-8"):
        read_reference(files / "bad.stm")
    with pytest.raises(TranscriptError, match="read it by itself"):
        read_reference(files / "calls.stm", files / "calls.rttm")
    with pytest.raises(TranscriptError, match="no reference file was given"):
        read_reference()


def test_the_truth_of_the_demo_calls_is_read_whole() -> None:
    truth = ROOT / "data" / "truth"
    reference = read_reference(truth / "calls.stm", truth / "calls.ctm").filter(call_id=["c01", "c03"])
    assert reference.words[["start_s", "end_s"]].notna().all(axis=None), "a word found no time"
    inside = reference.words.merge(reference.phrases, on="phrase_id", suffixes=("", "_of_phrase"))
    assert (inside["start_s"] >= inside["start_s_of_phrase"] - 0.05).all()
    assert (inside["end_s"] <= inside["end_s_of_phrase"] + 0.05).all()
