"""From the sound of a segment to text: Moonshine tiny-en, decoded with onnxruntime."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from speechkit.errors import ModelError
from speechkit.local.models import Models

RATE: Final = 16000
START, END = 1, 2
LAYERS, HEADS, WIDTH = 6, 8, 36  # of the decoder's attention
HOP: Final = 384  # samples that one encoder frame stands for
TOKENS_PER_S: Final = 6.5  # the model's makers: more is a repetition loop
MIN_SAMPLES: Final = 1600  # the encoder's convolutions need some input
SPACE: Final = "▁"

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Token:
    """A piece of a word, and the probability that the model gave it."""

    piece: bytes
    probability: float


@dataclass(frozen=True)
class Spoken:
    """A word as the model writes it, with its marks and capitals, and how sure the model was of it."""

    text: str
    confidence: float


@dataclass(frozen=True)
class Hypothesis:
    """What may have been said in a segment: its words, and the mean log probability of its tokens."""

    words: tuple[Spoken, ...]
    score: float

    @property
    def text(self) -> str:
        """The words with spaces between them."""
        return " ".join(word.text for word in self.words)


class Recognizer:
    """The two networks and the vocabulary of one model."""

    def __init__(self, encoder: Any, decoder: Any, pieces: Sequence[bytes]) -> None:
        self._encoder, self._decoder, self._pieces = encoder, decoder, pieces
        self._past = [
            f"past_key_values.{i}.{s}.{k}"
            for i in range(LAYERS)
            for s in ("decoder", "encoder")
            for k in ("key", "value")
        ]
        present = [name.replace("past_key_values", "present") for name in self._past]
        self._first_outputs = ["logits", *present]
        self._outputs = ["logits", *(name for name in present if ".decoder." in name)]

    @classmethod
    def load(cls, models: Models) -> Recognizer:
        """Open the model files; raises ModelError where onnxruntime cannot."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # workers share the cores
        options.enable_mem_pattern = False  # every length is another pattern
        options.log_severity_level = 3
        try:
            encoder, decoder = (
                onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
                for path in (models.encoder, models.decoder)
            )
        except Exception as error:
            raise ModelError(f"the model {models.encoder.parent} cannot be opened: {error}") from None
        return cls(encoder, decoder, read_pieces(models.tokenizer))

    def transcribe(self, segments: Sequence[Samples]) -> list[Hypothesis]:
        """The likeliest text of each segment (n,) float32 at 16 kHz, all decoded together."""
        if not segments:
            return []
        segments = [_padded(s) for s in segments]
        states = [self._encode(s) for s in segments]
        frames = max(len(s) for s in states)
        hidden = np.zeros((len(states), frames, states[0].shape[1]), np.float32)
        mask = np.zeros((len(states), frames * HOP), np.int64)
        for row, state in enumerate(states):
            hidden[row, : len(state)] = state
            mask[row, : len(state) * HOP] = 1
        limits = np.array([max(4, math.ceil(len(s) / RATE * TOKENS_PER_S)) for s in segments])
        return [self._hypothesis(tokens) for tokens in self._greedy(hidden, mask, limits)]

    def _encode(self, samples: Samples) -> Samples:
        mask = np.ones((1, len(samples)), np.int64)
        (states,) = self._encoder.run(None, {"input_values": samples[None], "attention_mask": mask})
        return np.asarray(states[0])

    def _greedy(
        self, hidden: Samples, mask: NDArray[np.int64], limits: NDArray[np.int64]
    ) -> list[list[Token]]:
        rows = np.arange(len(hidden))
        spoken: list[list[Token]] = [[] for _ in rows]
        past = {name: np.zeros((len(rows), HEADS, 0, WIDTH), np.float32) for name in self._past}
        last = np.full((len(rows), 1), START, np.int64)
        first = True
        while len(rows):
            logits = self._step(past, last, hidden, mask, first)
            first = False
            best = logits.argmax(-1)
            sure = 1 / np.exp(logits - logits.max(-1, keepdims=True)).sum(-1)
            for row, token, probability in zip(rows, best.tolist(), sure.tolist(), strict=True):
                if token != END:
                    spoken[row].append(Token(self._pieces[token], probability))
            going = (best != END) & (np.array([len(spoken[row]) for row in rows]) < limits[rows])
            last = best[going, None]
            if not going.all():
                rows, hidden, mask = rows[going], hidden[going], mask[going]
                past = {name: value[going] for name, value in past.items()}
        return spoken

    def _step(
        self,
        past: dict[str, Samples],
        last: NDArray[np.int64],
        hidden: Samples,
        mask: NDArray[np.int64],
        first: bool,
    ) -> Samples:
        """Logits (rows, vocabulary) of the next token; `past` is brought up to date."""
        names = self._first_outputs if first else self._outputs
        feed = {
            "input_ids": last,
            "encoder_hidden_states": hidden,
            "encoder_attention_mask": mask,
            "use_cache_branch": np.array([not first]),
        }
        logits, *present = self._decoder.run(names, past | feed)
        past.update(
            (name.replace("present", "past_key_values"), v)
            for name, v in zip(names[1:], present, strict=True)
        )
        return np.asarray(logits[:, -1])

    def _hypothesis(self, tokens: Sequence[Token]) -> Hypothesis:
        score = sum(math.log(max(t.probability, 1e-9)) for t in tokens) / max(1, len(tokens))
        return Hypothesis(join_words(tokens), score)


def join_words(tokens: Sequence[Token]) -> tuple[Spoken, ...]:
    """Words from tokens: a piece that begins with ▁ begins a word; a word is as sure as its least sure piece.

    >>> join_words([Token("▁Hel".encode(), 0.9), Token(b"lo,", 0.8), Token("▁you".encode(), 1.0)])
    (Spoken(text='Hello,', confidence=0.8), Spoken(text='you', confidence=1.0))
    """
    text: list[tuple[bytes, float]] = []
    space = SPACE.encode()
    for token in tokens:
        piece, probability = token.piece, token.probability
        if piece.startswith(space) or not text:
            text.append((piece.removeprefix(space), probability))
        else:
            text[-1] = (text[-1][0] + piece, min(text[-1][1], probability))
    words = [(piece.decode("utf-8", "ignore").strip(), probability) for piece, probability in text]
    return tuple(Spoken(word, probability) for word, probability in words if word)


def read_pieces(path: Path) -> list[bytes]:
    """The vocabulary: for each token a length (one byte, or two when the first is 128 or more), then its bytes."""
    data = path.read_bytes()
    pieces: list[bytes] = []
    at = 0
    while at < len(data):
        length = data[at]
        at += 1
        if length >= 128:
            length += 128 * (data[at] - 1)
            at += 1
        pieces.append(data[at : at + length])
        at += length
    return pieces


def _padded(samples: Samples) -> Samples:
    samples = np.ascontiguousarray(samples, np.float32)
    return samples if len(samples) >= MIN_SAMPLES else np.pad(samples, (0, MIN_SAMPLES - len(samples)))
