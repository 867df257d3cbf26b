"""Captions: the rules hold for any transcript, and others read what is written here."""

from __future__ import annotations

import html
import io
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import webvtt
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from speechkit.errors import TranscriptError
from speechkit.transcripts.captions import LiveCaptions, to_srt, to_vtt, write_captions
from speechkit.transcripts.cues import Rules, cues
from speechkit.transcripts.events import FINAL, HYPOTHESIS, Event
from speechkit.transcripts.schema import Transcript
from tests.sample_call import SAID, sample_call


def squeezed(text: str) -> str:
    """A text without white space: how lines are broken does not matter."""
    return "".join(text.split())


def read(text: str, kind: str) -> list[Any]:
    """What webvtt-py makes of captions."""
    return list(webvtt.from_buffer(io.StringIO(text), format=kind)) if text else []


def ms(clock: str) -> int:
    hours, minutes, seconds, rest = clock.replace(",", ":").replace(".", ":").split(":")
    return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(rest)


# --- any transcript -------------------------------------------------------------------------------------

words = st.one_of(
    st.sampled_from(
        [
            "so",
            "the",
            "Yes.",
            "and,",
            "<script>",
            "-->",
            "&",
            "&amp;",
            "{b}",
            "No?",
            "http://example.com/a/very/long/address?q=1",
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60),
)
times = st.one_of(st.just(math.nan), st.floats(-1, 60, allow_nan=False), st.sampled_from([0.0, 3.0]))
phrase_rows = st.tuples(
    st.sampled_from([None, "1", "2", "A caller with a name much too long for half a line"]),
    times, times, st.lists(words, max_size=25), st.booleans(), st.floats(0.01, 2),
)  # fmt: skip


def transcript(rows: list[Any], duration_s: float) -> Transcript:
    phrases, spoken = [], []
    for number, (speaker, start_s, end_s, pieces, timed, step_s) in enumerate(rows):
        name = f"c:{number:04d}"
        phrases.append(("c", name, speaker, start_s, end_s, " ".join(pieces)))
        if timed and not math.isnan(start_s):
            spoken += [
                ("c", name, start_s + i * step_s, start_s + (i + 0.9) * step_s, w)
                for i, w in enumerate(pieces)
            ]
    columns = ["call_id", "phrase_id", "speaker", "start_s", "end_s", "display"]
    return Transcript(
        pd.DataFrame({"call_id": ["c"], "duration_s": [duration_s]}),
        pd.DataFrame(phrases, columns=columns),
        pd.DataFrame(spoken, columns=["call_id", "phrase_id", "start_s", "end_s", "word"]),
    )


@settings(max_examples=80, deadline=None)
@given(
    st.lists(phrase_rows, max_size=7),
    st.sampled_from([math.nan, 0.0, 0.005, 20.0, 100.0]),
    st.sampled_from([Rules(), Rules(line_chars=16, lines=1), Rules(line_chars=32, lines=3, gap_s=0)]),
)
def test_the_rules_hold_for_any_transcript(rows: list[Any], duration_s: float, rules: Rules) -> None:
    made = transcript(rows, duration_s)
    printable = "".join(c for c in "".join(made.phrases["display"]) if c.isprintable())
    if printable.strip() and made.phrases["start_s"].isna().all():
        with pytest.raises(TranscriptError, match="no times"):
            cues(made, rules=rules)
        return
    laid = cues(made, rules=rules)
    ends = [*made.phrases[["start_s", "end_s"]].max(), *made.words["end_s"]]
    last_end = max([0.0, *(end for end in ends if not math.isnan(end))])
    bound = max(last_end, 0 if math.isnan(duration_s) else duration_s) * 1000
    assert all(0 <= cue.start_ms < cue.end_ms for cue in laid)
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(laid))
    assert not laid or laid[-1].end_ms <= max(bound, len(laid)) + 1  # 1 ms a cue where the call has no length
    assert all(cue.end_ms - cue.start_ms <= rules.max_s * 1000 for cue in laid)
    for cue in laid:
        assert 1 <= len(cue.lines) <= rules.lines
        assert all(line and len(line) <= rules.line_chars and line == line.strip() for line in cue.lines)
    # what each party says is all there, in its order
    said: dict[str, str] = {}
    for phrase in made.phrases.itertuples():
        who = phrase.speaker if isinstance(phrase.speaker, str) else "unknown"
        printable = "".join(c for c in phrase.display if c.isprintable())
        said[who] = said.get(who, "") + squeezed(printable)
    written = squeezed("".join(t.text for cue in laid for p in cue.parts for line in p.lines for t in line))
    assert sorted(written) == sorted("".join(said.values()))
    if len({who for who, text in said.items() if text}) == 1 and made.phrases["start_s"].is_unique:
        spans = made.phrases[["start_s", "end_s"]].to_numpy()
        if all(a[1] <= b[0] for a, b in pairwise(spans)) and made.words.empty:
            assert written == "".join(said.values())


@settings(max_examples=40, deadline=None)
@given(st.lists(phrase_rows, max_size=6), st.booleans())
def test_webvtt_py_reads_back_what_was_written(rows: list[Any], highlight: bool) -> None:
    made = transcript(rows, 100.0)
    assume(made.phrases["start_s"].notna().any())
    laid = cues(made)
    captions = read(to_vtt(made, highlight=highlight), "vtt")
    assert len(captions) == len(laid)
    for caption, cue in zip(captions, laid, strict=True):
        assert (ms(caption.start), ms(caption.end)) == (cue.start_ms, cue.end_ms)
        assert squeezed(html.unescape(caption.text)) == squeezed("".join(cue.lines))
    captions = read(to_srt(made), "srt")
    assert len(captions) == len(laid)
    for caption, cue in zip(captions, laid, strict=True):
        assert (ms(caption.start), ms(caption.end)) == (cue.start_ms, cue.end_ms)
        assert caption.lines == [line.translate(str.maketrans("<>{}", "‹›()")) for line in cue.lines]


# --- one call -------------------------------------------------------------------------------------------


def test_a_cue_comes_with_its_words() -> None:
    laid = cues(sample_call())
    assert laid[0].lines == [
        "Speaker 1: Thank you for calling Larkfield",
        "Home, this is Megan. How can I help you?",
    ]
    assert [cue.start_ms for cue in laid[:3]] == [500, 5500, 9500]
    again = cues(sample_call(said=[("1", 1.0, "One."), ("1", 5.0, "Two."), ("2", 9.0, "Three.")]))
    assert [cue.lines for cue in again] == [["Speaker 1: One."], ["Two."], ["Speaker 2: Three."]]


def test_reading_speed_is_kept_where_the_call_leaves_time() -> None:
    said = [("1", 1.0, "Extraordinary circumstances indeed"), ("1", 20.0, "Yes.")]
    laid = cues(sample_call(said=said))
    assert laid[0].end_ms - laid[0].start_ms == round(1000 * 34 / 17)
    assert laid[1].end_ms - laid[1].start_ms == round(1000 * 5 / 6)


def test_a_cue_does_not_hang_on_long_after_its_speech() -> None:
    said = [("1", 1.0, "Uncharacteristically " * 3), ("1", 20.0, "Yes.")]
    assert cues(sample_call(said=said), rules=Rules(chars_per_s=5))[0].end_ms == round(
        (1.9 - 0.05 + 1.5) * 1000
    )


def test_short_gaps_are_closed_to_two_frames() -> None:
    said = [("1", 1.0, "One two three four five six."), ("1", 3.1, "Seven eight nine.")]
    first, second = cues(sample_call(said=said))
    assert second.start_ms - first.end_ms == 83


def test_two_who_speak_at_once_share_a_cue() -> None:
    said = [("1", 1.0, "I will refund it today."), ("2", 2.0, "Thank you!")]
    (cue,) = cues(sample_call(said=said), names={"1": "Agent"})
    assert cue.lines == ["Agent: I will refund it today.", "Speaker 2: Thank you!"]


def test_channels_are_parties_where_nobody_is_named() -> None:
    made = sample_call(said=[(None, 1.0, "Hello."), (None, 5.0, "Hi.")])
    phrases = made.phrases.assign(channel=pd.array([0, 1], "Int64"))
    both = Transcript(made.calls, phrases, made.words)
    assert [cue.lines for cue in cues(both)] == [["Channel 0: Hello."], ["Channel 1: Hi."]]
    assert cues(made)[0].lines == ["Hello."]  # nobody known: no labels


def test_numbers_written_as_digits_keep_the_time_of_their_words() -> None:
    words = pd.DataFrame(
        {"call_id": "c", "phrase_id": "c:0001", "word": ["it", "is", "twenty", "two", "dollars", "now"],
         "display": ["It", "is", "$22", None, None, "now."], "start_s": [1.0, 1.5, 2.0, 2.5, 3.0, 4.0],
         "end_s": [1.4, 1.9, 2.4, 2.9, 3.4, 4.4], "confidence": [0.9, 0.9, 0.9, 0.2, 0.9, 0.9]}
    )  # fmt: skip
    phrases = pd.DataFrame({"call_id": ["c"], "phrase_id": ["c:0001"], "start_s": [1.0], "end_s": [4.5],
                            "display": ["It is $22 now."]})  # fmt: skip
    (cue,) = cues(Transcript(pd.DataFrame({"call_id": ["c"], "duration_s": [9.0]}), phrases, words))
    tokens = cue.parts[0].lines[0]
    assert [(t.text, t.start_s, t.end_s) for t in tokens][2] == ("$22", 2.0, 3.4)
    assert tokens[2].confidence == 0.2


def test_chinese_breaks_between_words() -> None:
    text = "你好，我想查询一下我的账单。" * 6
    said = [("1", 1.0, " ".join(text))]
    made = sample_call(said=said)
    made = Transcript(made.calls, made.phrases.assign(display=text), made.words)
    laid = cues(made)
    assert "".join("".join(cue.lines) for cue in laid) == text
    assert laid[1].start_ms > 5000


def test_words_light_up_in_webvtt_where_they_have_times() -> None:
    made = sample_call(said=[("1", 1.0, "Yes <b>please</b> & now")])
    assert to_vtt(made).split("\n\n")[2].splitlines()[2] == (
        "Yes<00:00:01.300><c> &lt;b&gt;please&lt;/b&gt;</c>"
        "<00:00:01.600><c> &amp;</c><00:00:01.900><c> now</c>"
    )
    assert "STYLE" in to_vtt(made)
    plain = sample_call(said=SAID, words=False)
    assert "<c>" not in to_vtt(plain)
    assert "STYLE" not in to_vtt(plain)
    assert "<c>" not in to_vtt(sample_call(), highlight=False)


def test_speakers_are_voices_in_webvtt() -> None:
    captions = read(to_vtt(sample_call(), names={"1": "Megan <agent>", "2": "Caller"}), "vtt")
    assert "<v Megan &lt;agent&gt;>Megan &lt;agent&gt;: Thank" in to_vtt(
        sample_call(), names={"1": "Megan <agent>"}
    )
    assert {c.voice for c in captions} >= {"Caller"}


@pytest.mark.parametrize("call_id", [None, "c01"])
def test_a_call_without_phrases_has_no_captions(call_id: str | None) -> None:
    empty = sample_call(said=[])
    assert to_srt(empty, call_id) == ""
    assert to_vtt(empty, call_id) == "WEBVTT\n"


@pytest.mark.parametrize(
    ("call_id", "message"),
    [
        pytest.param(None, "has 2 calls (a, b): name one", id="which-of-several-calls?"),
        pytest.param("x", "there is no call 'x'", id="no-such-call?"),
    ],
)
def test_the_call_must_be_known(call_id: str | None, message: str) -> None:
    with pytest.raises(TranscriptError) as caught:
        to_srt(Transcript.concat([sample_call("a"), sample_call("b")]), call_id)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "wrong", [{"line_chars": 10}, {"lines": 0}, {"min_s": 8}, {"chars_per_s": 0}, {"gap_s": -1}], ids=str
)
def test_rules_that_contradict_themselves_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Rules"):
        Rules(**wrong)


@pytest.mark.parametrize("suffix", [".srt", ".vtt", ".VTT"])
def test_a_file_is_written_whole(tmp_path: Path, suffix: str) -> None:
    path = write_captions(sample_call(), tmp_path / "new" / f"c01{suffix}", names={"1": "Agent"})
    assert len(webvtt.read(path) if suffix != ".srt" else webvtt.from_srt(path)) == len(cues(sample_call()))
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_file_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TranscriptError, match="cannot be written"):
        write_captions(sample_call(), tmp_path / "file" / "c01.srt")
    with pytest.raises(TranscriptError, match=r"end in \.srt or \.vtt"):
        write_captions(sample_call(), tmp_path / "c01.txt")


# --- while it is spoken ---------------------------------------------------------------------------------


def test_live_captions_are_whole_after_each_event_and_firm_at_the_end(tmp_path: Path) -> None:
    live = LiveCaptions(tmp_path / "live.vtt", names={"channel 0": "Agent", "channel 1": "Caller"})
    seen = []
    for channel, kind, text, start_s, end_s in [
        (0, HYPOTHESIS, "good more", 1.0, 1.6),
        (0, HYPOTHESIS, "good morning", 1.0, 1.9),
        (1, HYPOTHESIS, "hi", 2.4, 2.6),
        (0, FINAL, "Good morning.", 1.0, 2.0),
        (1, FINAL, "Hi there.", 2.4, 3.0),
    ]:
        live(Event("c1", channel, kind, text, None, start_s, end_s, end_s, end_s + 0.3, 1.0))
        seen.append([cue.text for cue in webvtt.read(live.path)])
    assert seen[:2] == [["good more"], ["good morning"]]
    assert [" ".join(texts) for texts in seen[2:]] == [
        "Agent: good morning Caller: hi",
        "Agent: Good morning. Caller: hi",
        "Agent: Good morning. Caller: Hi there.",
    ]
