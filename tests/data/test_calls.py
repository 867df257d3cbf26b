"""The committed demo calls: files, sound, truth and dialogues say the same."""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from datetime import datetime
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

DATA = Path(__file__).resolve().parents[2] / "data"
COLUMNS = ["call_id", "file", "recorded_at", "agent", "queue", "direction", "caller_number"]
STATED = {  # format: codec, rate, channels, video streams
    "wav-mulaw-stereo": ("pcm_mulaw", 8_000, 2, 0),
    "wav-mulaw-mono": ("pcm_mulaw", 8_000, 1, 0),
    "flac-stereo": ("flac", 16_000, 2, 0),
    "mp3-mono": ("mp3", 16_000, 1, 0),
    "ogg-mono": ("opus", 48_000, 1, 0),  # Opus always decodes at 48 kHz
    "mp4-mono": ("aac", 16_000, 1, 1),
}
CALLS = list(csv.DictReader((DATA / "calls.csv").read_text(encoding="utf-8").splitlines()))
IDS = [row["call_id"] for row in CALLS]
FILE = {row["call_id"]: DATA / "calls" / row["file"] for row in CALLS}
TRUTH = json.loads((DATA / "truth" / "calls.json").read_text(encoding="utf-8"))
RATE = 16_000


class Word(NamedTuple):
    channel: int
    start_s: float
    end_s: float
    word: str


def read_rows(name: str) -> list[list[str]]:
    lines = (DATA / "truth" / name).read_text(encoding="utf-8").splitlines()
    return [line.split() for line in lines]


@cache
def ctm() -> dict[str, list[Word]]:
    words = defaultdict(list)
    for call_id, channel, start, duration, word in read_rows("calls.ctm"):
        words[call_id].append(Word(int(channel), float(start), float(start) + float(duration), word))
    return words


@lru_cache(maxsize=2)
def decode(call_id: str) -> tuple[tuple[str, int, int, int], np.ndarray]:
    """What the container states, and the sound as (channels, samples) at 16 kHz."""
    with av.open(str(FILE[call_id])) as container:
        stream = container.streams.audio[0]
        codec = stream.codec_context.name.removesuffix("float")
        stated = (codec, stream.rate, stream.channels, len(container.streams.video))
        resampler = av.AudioResampler("fltp", stream.layout.name, RATE)
        frames = [part for frame in container.decode(stream) for part in resampler.resample(frame)]
        frames += resampler.resample(None)
    return stated, np.concatenate([frame.to_ndarray() for frame in frames], axis=1)


def level_db(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(samples**2) + 1e-12))


def read_dialogue(call_id: str):
    import dialogue

    return dialogue.read_dialogue(DATA / "dialogues" / f"{call_id}.txt")


def test_table_has_the_columns_of_a_telephone_system_and_no_truth() -> None:
    assert list(CALLS[0]) == COLUMNS
    assert len(set(IDS)) == len(IDS) == 16


def test_table_dialogues_files_and_truth_have_the_same_calls() -> None:
    assert {path.stem for path in (DATA / "dialogues").glob("*.txt")} == set(IDS)
    assert {path.name for path in (DATA / "calls").iterdir()} == {row["file"] for row in CALLS}
    assert list(TRUTH) == IDS
    spoken = {call_id for call_id in IDS if TRUTH[call_id]["turns"]}
    for name, column in (("calls.stm", 0), ("calls.ctm", 0), ("calls.rttm", 1)):
        assert {row[column] for row in read_rows(name)} == spoken, name


def test_calls_fit_into_the_repository_and_into_a_coffee_break() -> None:
    assert sum(path.stat().st_size for path in FILE.values()) <= 20_000_000
    assert sum(call["duration_s"] for call in TRUTH.values()) <= 24 * 60


def test_every_format_and_half_of_the_calls_blind() -> None:
    assert {call["format"] for call in TRUTH.values()} == set(STATED)
    assert sum(call["blind"] for call in TRUTH.values()) == 8
    assert sum(bool(call["personal_data"]) for call in TRUTH.values() if not call["blind"]) >= 5


@pytest.mark.parametrize("call_id", IDS)
def test_file_decodes_as_stated_for_its_whole_length_without_clipping(call_id: str) -> None:
    stated, samples = decode(call_id)
    assert stated == STATED[TRUTH[call_id]["format"]]
    assert samples.shape[0] == TRUTH[call_id]["channels"]
    # AAC ends with a full frame of 1024 samples.
    assert samples.shape[1] / RATE == pytest.approx(TRUTH[call_id]["duration_s"], abs=0.07)
    assert 0.1 < np.abs(samples).max() < 0.99


@pytest.mark.parametrize("call_id", IDS)
def test_sound_is_where_the_word_times_say_and_on_their_channel(call_id: str) -> None:
    _, samples = decode(call_id)
    outside = np.ones(samples.shape, bool)
    for word in ctm()[call_id]:
        cut = slice(int(word.start_s * RATE), int(word.end_s * RATE))
        assert level_db(samples[word.channel, cut]) > -45, f"silent word at {word.start_s} s"
        # A codec smears, and the sound of a phrase's last word fades out.
        outside[word.channel, max(0, cut.start - RATE // 20) : cut.stop + RATE // 8] = False
    if ctm()[call_id]:
        for channel, sound in enumerate(samples):
            assert level_db(sound[outside[channel]]) < -45, f"sound outside the words on channel {channel}"
            assert level_db(sound[~outside[channel]]) == pytest.approx(-22.5, abs=1.5)


@pytest.mark.parametrize("call_id", IDS)
def test_word_times_are_in_order_and_inside_the_call(call_id: str) -> None:
    words = ctm()[call_id]
    assert all(0 <= word.start_s < word.end_s <= TRUTH[call_id]["duration_s"] for word in words)
    for channel in {word.channel for word in words}:
        starts = [word.start_s for word in words if word.channel == channel]
        assert starts == sorted(starts)


@pytest.mark.parametrize("call_id", IDS)
def test_stm_words_are_the_words_of_the_dialogue(call_id: str) -> None:
    dialogue = read_dialogue(call_id)
    turns = defaultdict(list)
    for _, channel, speaker, _, _, *words in (row for row in read_rows("calls.stm") if row[0] == call_id):
        assert int(channel) == dialogue.channel(speaker)
        turns[speaker] += words
    # A comparison, not the texts, is asserted: a failure must not print the blind half.
    for speaker in dialogue.voices:
        written = [
            word
            for turn in dialogue.turns
            if turn.speaker == speaker
            for piece in turn.pieces
            for word in piece.words
        ]
        same = written == turns[speaker]
        assert same, f"{speaker}: {len(written)} words written, {len(turns[speaker])} in the STM"
    same = sorted(dialogue.words) == sorted(word.word for word in ctm()[call_id])
    assert same, "the CTM has other words than the dialogue"


@pytest.mark.parametrize("call_id", IDS)
def test_turns_in_json_are_the_segments_of_the_stm(call_id: str) -> None:
    stm = [row[1:5] for row in read_rows("calls.stm") if row[0] == call_id]
    turns = [
        [str(t["channel"]), t["speaker"], f"{t['start_s']:.3f}", f"{t['end_s']:.3f}"]
        for t in TRUTH[call_id]["turns"]
    ]
    assert turns == stm


@pytest.mark.parametrize("call_id", IDS)
def test_personal_data_lies_on_the_words_it_names(call_id: str) -> None:
    import dialogue

    marks = sum(
        mark.kind != "product"
        for turn in read_dialogue(call_id).turns
        for piece in turn.pieces
        for mark in piece.marks
    )
    found = TRUTH[call_id]["personal_data"]
    assert len(found) == marks
    for item in found:
        inside = [
            word.word
            for word in ctm()[call_id]
            if word.channel == item["channel"]
            and item["start_s"] - 0.002 <= word.start_s
            and word.end_s <= item["end_s"] + 0.002
        ]
        named = [dialogue.spoken(token) for token in item["text"].split()]
        same = inside == named
        assert item["kind"] in dialogue.PERSONAL
        assert same, f"{item['kind']} at {item['start_s']} s: {len(inside)} words there, {len(named)} named"


def test_product_names_are_at_most_two_percent_of_the_words() -> None:
    import dialogue

    names = {
        dialogue.spoken(token)
        for call_id in IDS
        for turn in read_dialogue(call_id).turns
        for piece in turn.pieces
        for mark in piece.marks
        if mark.kind == "product"
        for token in mark.text.split()[:1]
    }
    words = [word.word for spoken in ctm().values() for word in spoken]
    assert names
    assert sum(word in names for word in words) <= 0.02 * len(words)


@pytest.mark.parametrize("call_id", [i for i in IDS if TRUTH[i]["channels"] == 1])
def test_mono_calls_overlap_in_at_most_three_percent_of_the_speech(call_id: str) -> None:
    rows = [row for row in read_rows("calls.rttm") if row[1] == call_id]
    frames = np.zeros(int(TRUTH[call_id]["duration_s"] * 100) + 1, int)
    for row in rows:
        frames[round(float(row[3]) * 100) : round((float(row[3]) + float(row[4])) * 100)] += 1
    assert (frames > 1).sum() <= 0.03 * (frames > 0).sum()


def test_angry_caller_interrupts_at_least_four_times_with_real_overlap() -> None:
    turns = TRUTH["c02"]["turns"]
    cuts = [
        before["end_s"] - after["start_s"]
        for before, after in pairwise(turns)
        if after["speaker"] == "customer" and before["end_s"] > after["start_s"]
    ]
    assert len(cuts) >= 4
    assert min(cuts) > 0.4


def test_long_hold_holds_and_nobody_speaks_in_it() -> None:
    (hold,) = TRUTH["c01"]["holds"]
    assert hold["end_s"] - hold["start_s"] == pytest.approx(25, abs=0.01)
    assert not [w for w in ctm()["c01"] if w.start_s < hold["end_s"] and w.end_s > hold["start_s"]]


def test_table_agrees_with_the_dialogues_and_reserved_numbers() -> None:
    for row in CALLS:
        head = read_dialogue(row["call_id"]).head
        assert {name: head[name] for name in COLUMNS[2:]} == {name: row[name] for name in COLUMNS[2:]}
        assert datetime(2026, 9, 1) <= datetime.fromisoformat(row["recorded_at"]) < datetime(2026, 10, 1)
        # Fictional: area code 555 is nobody's, and 01xx is kept for fiction.
        assert re.fullmatch(r"\+1 555 \d{3} 01\d\d", row["caller_number"])
