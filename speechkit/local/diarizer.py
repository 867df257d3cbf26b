"""Who speaks when in a mono recording: voices of short windows, clustered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from speechkit.local.recognition import Word
from speechkit.local.voices import HOP, VoiceEncoder, mel_spectrogram

WINDOW_S: Final = 1.2
STEP_S: Final = 0.3
FRAMES_PER_S: Final = 16000 // HOP
STOP_DISTANCE: Final = 0.35  # mean cosine distance over which two groups of windows are two voices
ROUNDS: Final = 10

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Windows:
    """Embeddings (n, 256) of windows of speech and the times of their middles (n,), in seconds."""

    embeddings: Floats
    middles_s: NDArray[np.float64]


class Diarizer:
    """Collects the voices of a recording segment by segment, then tells the speakers apart."""

    def __init__(self, encoder: VoiceEncoder) -> None:
        self._encoder = encoder
        self._embeddings: list[Floats] = []
        self._middles: list[NDArray[np.float64]] = []

    def add(self, samples: Floats, start_s: float, speech: Sequence[tuple[float, float]]) -> None:
        """Take the sound of a segment (n,) that starts at `start_s`, and the spans of speech in it, in seconds."""
        if not speech:
            return
        mel = mel_spectrogram(samples)
        length = min(int(WINDOW_S * FRAMES_PER_S), len(mel))
        starts: list[int] = []
        for begin_s, end_s in speech:
            begin, end = (round((t - start_s) * FRAMES_PER_S) for t in (begin_s, end_s))
            last = max(begin, end - length)
            starts += [*range(begin, last, int(STEP_S * FRAMES_PER_S)), last]
        at = np.clip(np.array(starts, np.int64), 0, len(mel) - length)
        self._embeddings.append(self._encoder.embed(mel, at, length))
        self._middles.append(start_s + (at + length / 2) / FRAMES_PER_S)

    def speakers(self, words: Sequence[Word], max_speakers: int) -> list[int]:
        """The speaker of each word, from 1 on in the order of their first words, at most `max_speakers`."""
        windows = self.windows()
        labels = cluster(windows.embeddings, max_speakers)
        middles = np.array([(word.start_s + word.end_s) / 2 for word in words])
        found = speakers_at(windows, labels, middles).tolist()
        numbers = {label: i + 1 for i, label in enumerate(dict.fromkeys(found))}
        return [numbers[label] for label in found]

    def windows(self) -> Windows:
        """What was collected."""
        if not self._embeddings:
            return Windows(np.zeros((0, 256), np.float32), np.zeros(0))
        return Windows(np.concatenate(self._embeddings), np.concatenate(self._middles))


def cluster(embeddings: Floats, max_speakers: int) -> NDArray[np.int64]:
    """A speaker number (n,) from 0 on for each embedding (n, 256), at most `max_speakers` of them."""
    from scipy.cluster.hierarchy import fcluster, linkage

    count = len(embeddings)
    if count < 2 or max_speakers < 2:
        return np.zeros(count, np.int64)
    tree = linkage(embeddings, "average", metric="cosine")
    labels = fcluster(tree, STOP_DISTANCE, "distance")
    if labels.max() > max_speakers:
        labels = fcluster(tree, max_speakers, "maxclust")
    labels = np.unique(labels, return_inverse=True)[1]
    for _ in range(ROUNDS):
        centres = np.stack([_unit(embeddings[labels == k].sum(0)) for k in range(labels.max() + 1)])
        again = np.unique((embeddings @ centres.T).argmax(1), return_inverse=True)[1]
        if (again == labels).all():
            break
        labels = again
    return np.asarray(labels, np.int64)


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)


def speakers_at(
    windows: Windows, labels: NDArray[np.int64], times_s: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The speaker (m,) of the window whose middle is nearest to each time (m,)."""
    if not len(labels):
        return np.zeros(len(times_s), np.int64)
    order = np.argsort(windows.middles_s, kind="stable")
    middles = windows.middles_s[order]
    right = np.clip(np.searchsorted(middles, times_s), 1, max(1, len(middles) - 1))
    left = right - 1
    right = np.minimum(right, len(middles) - 1)
    nearer = np.where(times_s - middles[left] <= middles[right] - times_s, left, right)
    return np.asarray(labels[order][nearer], np.int64)
