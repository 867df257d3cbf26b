"""Who speaks when in a mono recording: voices of short windows, clustered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from speechkit.local.recognition import Word
from speechkit.local.voices import BATCH, HOP, VoiceEncoder, mel_spectrogram

FRAMES_PER_S: Final = 16000 // HOP
WINDOW: Final = (
    120  # frames of 10 ms; shorter for shorter speech, in steps, so that nobody else is heard in it
)
SHORTEST: Final = 60
LENGTH_STEP: Final = 20
STEP: Final = 60  # from one window to the next; half of it finds no more speakers at twice the cost

# Two clusters are two speakers when their mean voices differ enough, or when they differ a little and hardly ever
# change places within a stretch of speech: one speaker's moods do, two speakers do not. Tuned on synthesized calls
# with other texts than the demo calls and on excerpts of real meetings.
CLUSTERS: Final = 6  # to begin with
DIFFERENT: Final = 0.80  # cosine of the mean voices
SIMILAR: Final = 0.88
SIMILAR_OF_MANY: Final = 0.905  # where both have at least MANY windows: two men on a telephone line
MANY: Final = 20
SIMILAR_OF_TWO: Final = 0.92  # who says that there are at most two expects two
RARE: Final = 0.06  # changes from one window to the next
TELLING_STEPS: Final = 1 / RARE  # a smaller cluster is expected to change less than once, speaker or not
LEAST_WINDOWS: Final = 5  # of a speaker: three seconds
LEAST_SHARE: Final = 0.02
ROUNDS: Final = 10
MOST_CLUSTERED: Final = 3000  # windows: the tree takes the square of it; the others join the nearest voice

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]


class Diarizer:
    """Collects the voices of a recording segment by segment, then tells the speakers apart."""

    def __init__(self, encoder: VoiceEncoder) -> None:
        self._encoder = encoder
        self._waiting: dict[int, list[tuple[int, Floats]]] = defaultdict(list)  # windows by their length
        self._embeddings: dict[int, Floats] = {}
        self._middles_s: list[float] = []
        self._spans: list[int] = []  # the number of the stretch of speech that a window lies in
        self._count = 0

    def add(self, samples: Floats, start_s: float, speech: Sequence[tuple[float, float]]) -> None:
        """Take the sound of a segment (n,) that starts at `start_s`, and the spans of speech in it."""
        for window, middle_s, span in cut_windows(samples, start_s, speech):
            self._waiting[len(window)].append((len(self._middles_s), window))
            self._middles_s.append(middle_s)
            self._spans.append(self._count + span)
        self._count += len(speech)
        for length, windows in list(self._waiting.items()):
            if len(windows) >= BATCH:
                self._embed(length)

    def speakers(self, words: Sequence[Word], max_speakers: int) -> list[int]:
        """The speaker of each word, from 1 on in the order of their first words, at most `max_speakers`."""
        for length in list(self._waiting):
            self._embed(length)
        if not self._middles_s:
            return [1] * len(words)
        embeddings = np.stack([self._embeddings[i] for i in range(len(self._middles_s))])
        spans = np.array(self._spans)
        labels = cluster(embeddings, np.append(False, spans[1:] == spans[:-1]), max_speakers)
        times_s = np.array([(word.start_s + word.end_s) / 2 for word in words])
        found = labels[nearest(np.array(self._middles_s), times_s)].tolist()
        numbers = {label: i + 1 for i, label in enumerate(dict.fromkeys(found))}
        return [numbers[label] for label in found]

    def _embed(self, length: int) -> None:
        windows = self._waiting.pop(length)
        embeddings = self._encoder.embed(np.stack([window for _, window in windows]))
        self._embeddings.update((index, e) for (index, _), e in zip(windows, embeddings, strict=True))


def cut_windows(
    samples: Floats, start_s: float, speech: Sequence[tuple[float, float]]
) -> Iterator[tuple[Floats, float, int]]:
    """The windows of a segment (n,) that starts at `start_s`, each a mel spectrogram (frames, 40).

    With each come the time of its middle, and the number of the span of speech that it lies in.
    """
    mel = mel_spectrogram(samples)
    for number, (begin_s, end_s) in enumerate(speech):
        begin, end = (round((t - start_s) * FRAMES_PER_S) for t in (begin_s, end_s))
        wanted = -(-(end - begin) // LENGTH_STEP) * LENGTH_STEP
        length = min(max(SHORTEST, min(WINDOW, wanted)), len(mel))
        last = max(begin, end - length)
        for at in dict.fromkeys([*range(begin, last, STEP), last]):
            first = int(np.clip(at, 0, len(mel) - length))
            yield mel[first : first + length], start_s + (first + length / 2) / FRAMES_PER_S, number


def cluster(embeddings: Floats, follows: NDArray[np.bool_], max_speakers: int) -> Labels:
    """A speaker's number (n,) from 0 on for each window, at most `max_speakers` of them.

    `embeddings` (n, 256) have length one; `follows` (n,) tells of each whether it lies in the same stretch of speech
    as the one before it. Agglomeration finds more clusters than there are speakers; those that are alike are joined.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    count = len(embeddings)
    if count < 2 or max_speakers < 2:
        return np.zeros(count, np.int64)
    every = -(-count // MOST_CLUSTERED)
    some = embeddings[::every]
    tree = linkage(some, "ward")
    first = fcluster(tree, max(CLUSTERS, min(max_speakers, 2 * CLUSTERS)), "maxclust").astype(np.int64)
    labels = _refine(embeddings, _centres(some, _dense(first)), ROUNDS)
    while labels.max() > 0:
        pair = _most_alike(embeddings, labels, follows, max_speakers)
        if pair is None:
            break
        joined = _dense(np.where(labels == pair[0], pair[1], labels))
        labels = _refine(embeddings, _centres(embeddings, joined), 3)
    return labels


def _most_alike(
    embeddings: Floats, labels: Labels, follows: NDArray[np.bool_], max_speakers: int
) -> tuple[int, int] | None:
    """The two clusters to join next, or None when each is a speaker."""
    centres = _centres(embeddings, labels)
    count = len(centres)
    alike = centres @ centres.T
    sizes = np.bincount(labels)
    steps = np.zeros((count, count))
    np.add.at(steps, (labels[:-1][follows[1:]], labels[1:][follows[1:]]), 1)
    least = max(LEAST_WINDOWS, LEAST_SHARE * len(labels))
    # What joining costs in Ward's sense: small clusters and those that are alike are joined first.
    costs = sizes[:, None] * sizes / (sizes[:, None] + sizes) * (1 - alike)
    ranked: list[tuple[bool, float, int, int]] = []
    for i in range(count):
        for k in range(i):
            changes = steps[i, k] + steps[k, i]
            rare = changes < RARE * max(1.0, changes + steps[i, i] + steps[k, k])
            rare &= min(steps[i].sum(), steps[k].sum()) >= TELLING_STEPS
            fewer = min(sizes[i], sizes[k])
            small = bool(fewer < least)
            similar = SIMILAR_OF_TWO if max_speakers == 2 else SIMILAR_OF_MANY if fewer >= MANY else SIMILAR
            different = alike[i, k] < DIFFERENT or (alike[i, k] < similar and rare)
            if small or not different:
                ranked.append((not small, float(costs[i, k]), i, k))
    if not ranked and count > max_speakers:
        ranked = [(True, float(costs[i, k]), i, k) for i in range(count) for k in range(i)]
    return min(ranked)[2:] if ranked else None


def _refine(embeddings: Floats, centres: Floats, rounds: int) -> Labels:
    """Spherical k-means from these centres."""
    labels = _dense((embeddings @ centres.T).argmax(axis=1))
    for _ in range(rounds):
        again = _dense((embeddings @ _centres(embeddings, labels).T).argmax(axis=1))
        if (again == labels).all():
            break
        labels = again
    return labels


def _centres(embeddings: Floats, labels: Labels) -> Floats:
    """The mean voice (k, 256) of each cluster, of length one."""
    sums = np.stack([embeddings[labels == k].sum(axis=0) for k in range(int(labels.max()) + 1)])
    return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9), np.float32)


def _dense(labels: NDArray[np.integer]) -> Labels:
    """The same clusters, numbered without gaps."""
    return np.asarray(np.unique(labels, return_inverse=True)[1], np.int64)


def nearest(places: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.int64]:
    """The index (m,) of the place (n,) that is nearest to each time (m,).

    >>> nearest(np.array([1.0, 2.0, 4.0]), np.array([0.0, 2.9, 9.0])).tolist()
    [0, 1, 2]
    """
    order = np.argsort(places, kind="stable")
    ranked = places[order]
    right = np.clip(np.searchsorted(ranked, times), 0, len(ranked) - 1)
    left = np.maximum(right - 1, 0)
    return np.asarray(order[np.where(times - ranked[left] <= np.abs(ranked[right] - times), left, right)])
