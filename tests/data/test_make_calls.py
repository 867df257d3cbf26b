"""The script behind the demo calls, without its voices: a fake one makes a tone for each word."""

from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest

HEAD = """id: x1
company: Larkfield Home
blind: false
recorded_at: 2026-09-07T09:14:00
queue: billing
direction: inbound
caller_number: +1 555 010 0142
format: {form}
agent: Megan
voices: agent=slt, customer=rms
reason: billing
outcome: refund
resolved: yes
mood_start: negative
mood_end: neutral

{turns}
"""


def write(folder: Path, turns: str, form: str = "mp3-mono") -> Path:
    (folder / "dialogues").mkdir(exist_ok=True)
    path = folder / "dialogues" / "x1.txt"
    path.write_text(HEAD.format(form=form, turns=turns))
    return path


def fake_speak(lines: list[tuple[str, str]]):
    """Each word is 0.3 s of a tone, its pitch the voice's; 0.1 s of silence around the piece."""
    from voices import RATE, Utterance

    spoken = []
    for voice, text in lines:
        n = len(text.split())
        t = np.arange(round((0.2 + 0.3 * n) * RATE)) / RATE
        tone = 0.3 * np.sin(2 * np.pi * {"slt": 200, "rms": 100, "awb": 120}[voice] * t)
        tone[(t < 0.1) | (t > 0.1 + 0.3 * n)] = 0
        words = [(0.1 + 0.3 * i, 0.4 + 0.3 * i) for i in range(n)]
        spoken.append(Utterance(tone.astype(np.float32), words))
    return spoken


@pytest.fixture
def voiced(monkeypatch: pytest.MonkeyPatch):
    import make_calls

    monkeypatch.setattr(make_calls, "speak", fake_speak)
    return make_calls


def test_examples_in_the_docstrings_are_true() -> None:
    import dialogue

    assert doctest.testmod(dialogue).failed == 0


@pytest.mark.parametrize(
    ("turns", "says"),
    [
        pytest.param("agent: Hi {shoe:size}", "kind of mark", id="unknown-mark?"),
        pytest.param("agent: Call 911", "digits", id="digits?"),
        pytest.param("agent: Hi [over 1] there", r"\[over N\]", id="over-inside-a-turn?"),
        pytest.param("agent: Hi [hold]", "bracket", id="hold-without-a-number?"),
        pytest.param("agent: [hold 3]", "without speech", id="a-turn-of-hold-only?"),
        pytest.param("robot: Hi", "no voice", id="a-speaker-without-voice?"),
        pytest.param("Hi there", "speaker:", id="no-speaker?"),
        pytest.param("agent: Hi {name:-}", "mark without a word", id="an-empty-mark?"),
    ],
)
def test_wrong_dialogue_names_file_and_line(tmp_path: Path, turns: str, says: str) -> None:
    from dialogue import DialogueError, read_dialogue

    with pytest.raises(DialogueError, match=rf"x1\.txt:17: .*{says}"):
        read_dialogue(write(tmp_path, turns))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        pytest.param("reason: billing", "reason: weather", "reason must be one of", id="unknown-label?"),
        pytest.param("queue: billing\n", "", "no 'queue'", id="a-key-is-missing?"),
        pytest.param("id: x1", "id: x2", "must be x1", id="another-id?"),
        pytest.param("customer=rms", "customer=slt", "different", id="two-speakers-with-one-voice?"),
    ],
)
def test_wrong_head_says_what_is_wrong(tmp_path: Path, old: str, new: str, says: str) -> None:
    from dialogue import DialogueError, read_dialogue

    path = write(tmp_path, "agent: Hi")
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DialogueError, match=says):
        read_dialogue(path)


def timeline_of(path: Path):
    from dialogue import read_dialogue
    from timeline import place

    dialogue = read_dialogue(path)
    lines = [(dialogue.voices[t.speaker], p.text) for t in dialogue.turns for p in t.pieces]
    return dialogue, place(dialogue, fake_speak(lines))


def test_turns_follow_each_other_and_holds_hold(tmp_path: Path) -> None:
    _, timeline = timeline_of(
        write(tmp_path, "agent: one two [hold 5] three\ncustomer: four\nagent: [over 0.2] five")
    )
    one, three, four, five = timeline.segments
    assert one.start_s == pytest.approx(0.45)
    assert three.start_s - one.end_s == pytest.approx(5.05)
    assert 0.2 <= four.start_s - three.end_s <= 0.9
    assert five.start_s - four.end_s == pytest.approx(-0.15)
    assert one.words == ("one", "two")
    assert timeline.duration_s == pytest.approx(five.end_s + 0.6)


def test_same_dialogue_gives_the_same_samples(tmp_path: Path) -> None:
    from timeline import mix

    path = write(tmp_path, "agent: one two\ncustomer: three", "flac-stereo")
    first, second = (mix(*timeline_of(path)) for _ in range(2))
    assert first.dtype == np.float32
    assert np.array_equal(first, second)


def test_stereo_has_a_channel_for_each_party_at_one_level(tmp_path: Path) -> None:
    from timeline import mix
    from voices import RATE

    dialogue, timeline = timeline_of(write(tmp_path, "agent: one two\ncustomer: three", "flac-stereo"))
    samples = mix(dialogue, timeline)
    assert samples.shape == (round(timeline.duration_s * RATE), 2)
    for segment in timeline.segments:
        cut = samples[round(segment.start_s * RATE) : round(segment.end_s * RATE)]
        level = 10 * np.log10((cut**2).mean(axis=0))
        assert level[segment.channel] == pytest.approx(-22, abs=0.3)
        assert level[1 - segment.channel] < -70


def test_overlap_share_is_the_time_of_two_by_the_time_of_any(tmp_path: Path) -> None:
    from timeline import overlap_share

    # 3 s and 1.5 s of speech; the second begins 0.6 - 0.05 s before the first has ended.
    _, timeline = timeline_of(write(tmp_path, f"agent: {'a ' * 10}\ncustomer: [over 0.6] {'b ' * 5}"))
    assert overlap_share(timeline) == pytest.approx(0.55 / (3 + 1.5 - 0.55), abs=1e-3)


def test_a_mono_call_with_much_overlap_is_refused(tmp_path: Path, voiced) -> None:
    write(tmp_path, "agent: one two three\ncustomer: [over 0.6] four five")
    with pytest.raises(voiced.RefusedError, match=r"x1: .* overlaps"):
        voiced.make(tmp_path)
    assert not (tmp_path / "calls.csv").exists()


def test_many_product_names_are_refused(tmp_path: Path, voiced) -> None:
    write(tmp_path, "agent: The {product:Quovira} hub")
    with pytest.raises(voiced.RefusedError, match=r"33\.3% of the words are product names"):
        voiced.make(tmp_path)


@pytest.mark.parametrize("form", ["wav-mulaw-stereo", "flac-stereo", "mp3-mono", "ogg-mono", "mp4-mono"])
def test_a_call_becomes_a_file_of_its_length_with_its_truth(tmp_path: Path, voiced, form: str) -> None:
    import av

    write(tmp_path, "agent: Hello {name:Ann Lee}.\ncustomer: Fine, thank you.", form)
    voiced.make(tmp_path)
    row = (tmp_path / "calls.csv").read_text().splitlines()[1]
    (path,) = (tmp_path / "calls").iterdir()
    assert row == f"x1,{path.name},2026-09-07T09:14:00,Megan,billing,inbound,+1 555 010 0142"
    with av.open(str(path)) as container:
        seconds = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    stm = [line.split() for line in (tmp_path / "truth" / "calls.stm").read_text().splitlines()]
    assert [line[5:] for line in stm] == [["hello", "ann", "lee"], ["fine", "thank", "you"]]
    assert seconds == pytest.approx(float(stm[1][4]) + 0.6, abs=0.07)


def test_missing_voices_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    import make_calls

    monkeypatch.setattr(make_calls, "missing_packages", lambda: ["festvox-us-slt-hts", "flite"])
    assert make_calls.main() == 1
    assert "apt-get install festvox-us-slt-hts flite" in capsys.readouterr().err


def test_packages_are_missing_where_nothing_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    import voices

    def no_library(name: str, **_: object) -> None:
        raise OSError(name)

    monkeypatch.setattr(voices.ctypes, "CDLL", no_library)
    monkeypatch.setattr(voices.shutil, "which", lambda name: None)
    monkeypatch.setattr(voices, "SLT_FOLDER", tmp_path / "absent")
    assert voices.missing_packages() == ["festival", "festvox-us-slt-hts", "flite"]
