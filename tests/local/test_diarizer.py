"""Voices told apart: the clustering over voices that are given, and the network on real speech."""

from __future__ import annotations

import numpy as np
import pytest

from speechkit.local.diarizer import LEAST_WINDOWS, MOST_CLUSTERED, Diarizer, cluster, nearest
from speechkit.local.recognition import Word

SIZE = 256


def voices(
    *turns: tuple[int, int], spread: float = 0.03, alike: float = 0.6
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Embeddings of (speaker, windows) turns: mean voices have about the cosine `alike`."""
    draw = np.random.default_rng(4)
    own = draw.normal(0, 1, (8, SIZE))
    own /= np.linalg.norm(own, axis=1, keepdims=True)
    common = draw.normal(0, 1, SIZE)
    common /= np.linalg.norm(common)
    means = np.sqrt(1 - alike) * (own - own @ common[:, None] * common) + np.sqrt(alike) * common
    rows, follows, truth = [], [], []
    for speaker, count in turns:
        rows.append(means[speaker] + draw.normal(0, spread, (count, SIZE)))
        follows += [False] + [True] * (count - 1)
        truth += [speaker] * count
    embeddings = np.concatenate(rows)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings.astype(np.float32), np.array(follows), truth


def same(labels: np.ndarray, truth: list[int]) -> bool:
    """Whether labels and truth are the same but for their names."""
    pairs = set(zip(labels.tolist(), truth, strict=True))
    return len(pairs) == len(set(labels.tolist())) == len(set(truth))


@pytest.mark.parametrize(
    ("turns", "most", "count"),
    [
        pytest.param([(0, 10), (1, 8), (0, 12), (1, 9)], 2, 2, id="two-of-two?"),
        pytest.param([(0, 10), (1, 8), (0, 12), (1, 9)], 36, 2, id="two-to-be-found?"),
        pytest.param([(0, 9), (1, 9), (2, 9), (0, 9), (1, 9), (2, 9)], 36, 3, id="three-to-be-found?"),
        pytest.param([(0, 9), (1, 9), (2, 9), (3, 9), (0, 9)], 4, 4, id="four?"),
        pytest.param([(0, 30), (0, 20)], 36, 1, id="one-is-one?"),
        pytest.param([(0, 40), (1, LEAST_WINDOWS - 2)], 36, 1, id="a-cough-is-nobody?"),
    ],
)
def test_speakers_are_found(turns: list[tuple[int, int]], most: int, count: int) -> None:
    embeddings, follows, truth = voices(*turns)
    labels = cluster(embeddings, follows, most)
    assert labels.max() + 1 == count
    assert count == 1 or same(labels, truth)


def test_never_more_than_the_most() -> None:
    embeddings, follows, _ = voices(*[(n, 10) for n in range(5)])
    for most in (1, 2, 3, 4):
        assert cluster(embeddings, follows, most).max() + 1 <= most


def test_voices_that_are_alike_are_two_where_they_hardly_change_places() -> None:
    embeddings, follows, truth = voices((0, 25), (1, 25), (0, 25), (1, 25), alike=0.88, spread=0.012)
    assert same(cluster(embeddings, follows, 36), truth)
    order = np.random.default_rng(5).permutation(len(truth))  # one speaker's moods, within one stretch
    assert cluster(embeddings[order], np.arange(len(truth)) > 0, 36).max() == 0


@pytest.mark.parametrize("count", [0, 1])
def test_too_little_to_cluster(count: int) -> None:
    assert cluster(np.ones((count, SIZE), np.float32), np.zeros(count, bool), 5).tolist() == [0] * count


def test_long_recordings() -> None:
    embeddings, follows, truth = voices(*[(n % 2, 50) for n in range(MOST_CLUSTERED // 50 * 2)])
    assert same(cluster(embeddings, follows, 2), truth)


def test_nearest_takes_the_first_of_two() -> None:
    assert nearest(np.array([3.0, 1.0]), np.array([2.0, 0.0, 2.1])).tolist() == [1, 1, 0]


class Pitch:
    """In the place of the network: the loudest bands of a window are its voice."""

    def embed(self, windows: np.ndarray) -> np.ndarray:
        mean = windows.mean(axis=1)
        padded = np.pad(mean, ((0, 0), (0, SIZE - mean.shape[1])))
        return np.asarray(padded / np.linalg.norm(padded, axis=1, keepdims=True), np.float32)


def test_words_get_the_speaker_of_their_time() -> None:
    rate, diarizer, words, expected = 16000, Diarizer(Pitch()), [], []  # type: ignore[arg-type]
    t = np.arange(4 * rate) / rate
    for turn in range(8):
        tone = np.sin(2 * np.pi * (300 if turn % 2 else 2500) * t).astype(np.float32) * 0.1
        start_s = turn * 5.0
        diarizer.add(tone, start_s, [(start_s, start_s + 4)])
        words += [Word("a", "a", start_s + i, start_s + i + 0.5, 1.0) for i in range(4)]
        expected += [turn % 2 + 1] * 4
    assert diarizer.speakers(words, 2) == expected
    assert diarizer.speakers(words, 1) == [1] * len(words)


def test_no_sound_is_one_speaker() -> None:
    assert Diarizer(Pitch()).speakers([Word("a", "a", 0, 1, 1.0)], 4) == [1]  # type: ignore[arg-type]
