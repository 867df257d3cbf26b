"""Where a recording is cut: the cutting alone, over probabilities that are given, and the network on real speech."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from speechkit import audio
from speechkit.local.segments import (
    FRAME,
    FRAME_S,
    JOIN_S,
    MAX_SEGMENT_S,
    MIN_SILENCE_S,
    PAD_S,
    RATE,
    Segment,
    Segmenter,
    VoiceActivity,
    find_segments,
)
from tests.conftest import ROOT


class Told(VoiceActivity):
    """The first sample of each frame is its probability of speech."""

    def __init__(self) -> None:
        pass

    def reset(self) -> None:
        pass

    def probabilities(self, samples: np.ndarray) -> np.ndarray:
        return samples[: len(samples) // FRAME * FRAME : FRAME]


def sound(*spans: tuple[float, float]) -> np.ndarray:
    """Samples that tell of (seconds, probability) one after the other; whole frames."""
    frames = np.concatenate([np.full(round(length / FRAME_S), p, np.float32) for length, p in spans])
    return np.repeat(frames, FRAME)


def cut(samples: np.ndarray, sizes: Sequence[int] = ()) -> list[Segment]:
    segmenter = Segmenter(Told())
    blocks = np.split(samples, np.cumsum(sizes)) if sizes else [samples]
    return [s for block in blocks for s in segmenter.feed(block)] + segmenter.flush()


SHORT, LONG = MIN_SILENCE_S * 1.5, JOIN_S + 0.4


@pytest.mark.parametrize(
    ("spans", "segments", "stretches"),
    [
        pytest.param([(2, 0.0)], 0, 0, id="silence?"),
        pytest.param([(1, 0.0), (2, 0.9), (1, 0.0)], 1, 1, id="one-stretch?"),
        pytest.param([(1, 0.9)], 1, 1, id="speech-to-the-end?"),
        pytest.param([(1, 0.0), (FRAME_S, 0.9), (1, 0.0)], 0, 0, id="a-click?"),
        pytest.param([(1, 0.9), (MIN_SILENCE_S / 2, 0.0), (1, 0.9)], 1, 1, id="a-stop-of-a-word?"),
        pytest.param([(1, 0.9), (SHORT, 0.0), (1, 0.9)], 1, 2, id="a-short-pause?"),
        pytest.param([(1, 0.9), (LONG, 0.0), (1, 0.9)], 2, 2, id="a-long-pause?"),
        pytest.param([(1, 0.9), (LONG, 0.4), (1, 0.9)], 1, 1, id="doubt-does-not-end-speech?"),
        pytest.param([(1, 0.0), (1, 0.4), (1, 0.0)], 0, 0, id="doubt-does-not-begin-speech?"),
    ],
)
def test_speech_is_cut_at_pauses(spans: list[tuple[float, float]], segments: int, stretches: int) -> None:
    found = cut(sound(*spans))
    assert len(found) == segments
    assert sum(len(segment.speech) for segment in found) == stretches


def test_times_and_padding() -> None:
    (found,) = cut(sound((1, 0.0), (2, 0.9), (1, 0.0)))
    begin, end = found.speech[0]
    assert begin == pytest.approx(1, abs=FRAME_S)
    assert end == pytest.approx(3, abs=FRAME_S)
    assert found.start_s == pytest.approx(begin - PAD_S, abs=1e-3)
    assert found.end_s == pytest.approx(end + PAD_S, abs=1e-3)


@pytest.mark.parametrize(
    "pause",
    [
        pytest.param((0.4, 0.0), id="at-a-pause?"),
        pytest.param((0.2, 0.6), id="where-speech-is-least-likely?"),
    ],
)
def test_long_speech_is_cut(pause: tuple[float, float]) -> None:
    found = cut(sound((9, 0.9), pause, (9, 0.9), (1, 0.0)))
    assert len(found) == 2
    assert all(s.end_s - s.start_s <= MAX_SEGMENT_S + 2 * PAD_S for s in found)
    assert found[0].speech[-1][1] == pytest.approx(9.1, abs=0.25)
    assert found[0].end_s <= found[1].speech[0][0] + 1e-6


def test_blocks_of_any_size_give_the_same() -> None:
    samples = sound((1, 0.0), (3, 0.9), (0.4, 0.1), (14, 0.8), (2, 0.0), (1, 0.7))
    whole = cut(samples)
    for sizes in ([1] * 700, [513, 40_000, 7], [100_000, 100_000]):
        parts = cut(samples, sizes)
        assert [(s.start_s, s.speech) for s in parts] == [(s.start_s, s.speech) for s in whole]
        assert all((a.samples == b.samples).all() for a, b in zip(parts, whole, strict=True))


def test_memory_is_flat() -> None:
    segmenter = Segmenter(Told())
    for _ in range(60):
        segmenter.feed(sound((5, 0.9), (3, 0.0)))
        assert len(segmenter._samples) < 20 * RATE


def test_the_network_hears_speech_and_not_noise() -> None:
    call = audio.decode(ROOT / "data/calls/c03.mp3")[0, : 10 * RATE]
    noise = np.random.default_rng(3).normal(0, 0.02, 10 * RATE).astype(np.float32)
    heard = [e - b for s in find_segments([call]) for b, e in s.speech]
    assert 6 < sum(heard) < 10
    assert list(find_segments([noise])) == []


def test_the_network_keeps_its_state_between_blocks() -> None:
    call = audio.decode(ROOT / "data/calls/c03.mp3")[0, : 4 * RATE // FRAME * FRAME]
    whole = VoiceActivity().probabilities(call)
    activity = VoiceActivity()
    parts = np.concatenate(
        [activity.probabilities(block) for block in np.split(call, [FRAME * 3, FRAME * 50])]
    )
    np.testing.assert_allclose(parts, whole, atol=1e-5)
