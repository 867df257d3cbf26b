"""From the sound of a segment to text: Moonshine tiny-en, decoded with onnxruntime."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from speechkit.errors import ModelError
from speechkit.local.models import Models
from speechkit.local.phrase_list import Candidate, PhraseList
from speechkit.local.trigrams import Trigrams
from speechkit.local.vocabulary import Spoken, Token, Vocabulary, join_words
from speechkit.local.words import lexical

RATE: Final = 16000
START, END = 1, 2
LAYERS, HEADS, WIDTH = 6, 8, 36  # of the decoder's attention
HOP: Final = 384  # samples that one encoder frame stands for
TOKENS_PER_S: Final = 6.5  # the model's makers: more is a repetition loop
MIN_SAMPLES: Final = 1600  # the encoder's convolutions need some input
LEVEL: Final = 0.2  # root mean square: of the levels tried (-26, -20, -14 dB) the best
MIN_LEVEL: Final = 1e-3  # what is fainter is not made loud
BATCH: Final = 8  # rows decoded together; more no longer gain anything
SURE: Final = -0.12  # mean log probability of a text that a beam search would hardly better
BEAMS: Final = 8  # with four 5 % more errors in calls full of names; sixteen take twice as long for 3 % fewer
ENGLISH: Final = 0.15  # weight of the trigram model when hypotheses are ranked
EACH_WORD: Final = 0.5  # log probability added for each word, for both models favour the shorter text
NEGLIGIBLE: Final = 14.0  # tokens this much below the likeliest have no weight together

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Hypothesis:
    """What may have been said in a segment: its words, and the log probability of its tokens: their sum and mean."""

    words: tuple[Spoken, ...]
    log_probability: float
    score: float

    @property
    def text(self) -> str:
        """The words with spaces between them."""
        return " ".join(word.text for word in self.words)


class Recognizer:
    """The two networks and the vocabulary of one model."""

    def __init__(self, encoder: Any, decoder: Any, vocabulary: Vocabulary, trigrams: Trigrams) -> None:
        self._encoder, self._decoder, self._vocabulary, self._trigrams = (
            encoder,
            decoder,
            vocabulary,
            trigrams,
        )
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
    def load(cls, models: Models, trigrams: Trigrams) -> Recognizer:
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
        return cls(encoder, decoder, Vocabulary.read(models.tokenizer), trigrams)

    def transcribe(
        self, segments: Sequence[Samples], nbest: int = 1, expected: PhraseList | None = None
    ) -> list[list[Hypothesis]]:
        """What may have been said in each segment (n,) float32 at 16 kHz: up to `nbest` hypotheses, best first.

        A first pass takes the likeliest token each time; where the model was not sure of that, or more than one
        hypothesis is asked for, a beam search follows and English decides among its results. Where the best one
        sounds like an `expected` phrase, the model decides again between the two.
        """
        states = [self._encode(_levelled(s)) for s in segments]
        limits = [max(4, math.ceil(len(s) / RATE * TOKENS_PER_S)) for s in segments]
        found = self._in_batches(states, limits, range(len(segments)), 1, BATCH)
        sure = {i: self._hypothesis(path) for i, (path, *_) in found.items() if path.mean >= SURE}
        unsure = [i for i in found if nbest > 1 or i not in sure]
        beams = max(BEAMS, nbest)
        found |= self._in_batches(states, limits, unsure, beams, max(1, BATCH // beams))
        hypotheses = [[self._hypothesis(path) for path in found[i]] for i in range(len(segments))]
        ranked = [sorted(several, key=self._rank, reverse=True) for several in hypotheses]
        for i, first in sure.items():  # it is the best one however many are asked for
            ranked[i] = [first, *(other for other in ranked[i] if other.text != first.text)]
        ranked = [several[:nbest] for several in ranked]
        if expected:
            ranked = [
                [self._expecting(expected, state, best), *rest]
                for state, (best, *rest) in zip(states, ranked, strict=True)
            ]
        return ranked

    def _expecting(self, expected: PhraseList, state: Samples, best: Hypothesis) -> Hypothesis:
        """The best hypothesis of a segment with expected phrases where they are likely enough."""
        words = [word.text for word in best.words]
        candidates = expected.candidates(words)
        if not candidates:
            return best
        written, *others = self._judge(state, [words, *(c.put_into(words) for c in candidates)])
        losses = [max(written, best.log_probability) - other for other in others]
        margins = [c.tolerance - loss for c, loss in zip(candidates, losses, strict=True)]
        taken: list[tuple[Candidate, float]] = []
        for margin, place in sorted(((m, i) for i, m in enumerate(margins) if m > 0), reverse=True):
            candidate = candidates[place]
            if all(candidate.end <= c.start or c.end <= candidate.start for c, _ in taken):
                taken.append((candidate, margin))
        spoken = list(best.words)
        for candidate, margin in sorted(taken, key=lambda pair: -pair[0].start):
            sure = 1 / (1 + math.exp(-margin))  # that it was this and not what was written, expected as it is
            spoken[candidate.start : candidate.end] = [Spoken(text, sure) for text in candidate.text]
        return replace(best, words=tuple(spoken))

    def _judge(self, state: Samples, texts: Sequence[Sequence[str]]) -> list[float]:
        """The log probability of each text for one segment: all its tokens go through the decoder at once."""
        tokens = [[*self._vocabulary.encode(" ".join(words)), END] for words in texts]
        found: list[float] = []
        for start in range(0, len(tokens), BATCH):
            group = tokens[start : start + BATCH]
            longest = max(map(len, group))
            inputs = np.array([[START, *t[:-1], *[END] * (longest - len(t))] for t in group], np.int64)
            past = {name: np.zeros((len(group), HEADS, 0, WIDTH), np.float32) for name in self._past}
            hidden = np.repeat(state[None], len(group), axis=0)
            mask = np.ones((len(group), len(state) * HOP), np.int64)
            logits = self._step(past, inputs, hidden, mask, first=True, every=True)
            for row, wanted in zip(logits, group, strict=True):
                each = log_softmax(row[: len(wanted)], axis=1)[range(len(wanted)), wanted]
                found.append(float(each.sum()))
        return found

    def revise(
        self, samples: Samples, draft: Sequence[int] = (), expected: PhraseList | None = None
    ) -> tuple[Hypothesis, tuple[int, ...]]:
        """The likeliest token each time, and those tokens: what may be shown of speech (n,) that goes on.

        `draft` are the tokens of the same sound when it was shorter: one step checks them all, and only what comes
        after those that still hold is decoded one by one.
        """
        hidden = self._encode(_levelled(samples))[None]
        mask = np.ones((1, hidden.shape[1] * HOP), np.int64)
        limit = max(4, math.ceil(len(samples) / RATE * TOKENS_PER_S))
        past = {name: np.zeros((1, HEADS, 0, WIDTH), np.float32) for name in self._past}
        logits = self._step(past, np.array([[START]]), hidden, mask, first=True)
        path = _Path()
        if draft:
            checked = self._step(past, np.array([draft]), hidden, mask, first=False, every=True)[0]
            logits = np.concatenate([logits, checked])
            for row, token in enumerate(draft[:limit]):
                if int(logits[row].argmax()) != token:
                    break
                path = path.then(token, _log_probability(logits[row], token))
            held = len(path.tokens)
            logits = logits[held : held + 1]
            past.update((k, v[:, :, : held + 1]) for k, v in past.items() if ".decoder." in k)
        while len(path.tokens) < limit and (token := int(logits[0].argmax())) != END:
            path = path.then(token, _log_probability(logits[0], token))
            logits = self._step(past, np.array([[token]]), hidden, mask, first=False)
        found = self._hypothesis(path)
        return self._expecting(expected, hidden[0], found) if expected else found, path.tokens

    def _in_batches(
        self, states: Sequence[Samples], limits: Sequence[int], chosen: Iterable[int], beams: int, batch: int
    ) -> dict[int, list[_Path]]:
        """Decode the chosen segments, those of like length together, which takes half the time."""
        order = sorted(chosen, key=lambda i: len(states[i]))
        found: dict[int, list[_Path]] = {}
        for start in range(0, len(order), batch):
            group = order[start : start + batch]
            frames = len(states[group[-1]])
            hidden = np.zeros((len(group), frames, states[group[0]].shape[1]), np.float32)
            mask = np.zeros((len(group), frames * HOP), np.int64)
            for row, index in enumerate(group):
                hidden[row, : len(states[index])] = states[index]
                mask[row, : len(states[index]) * HOP] = 1
            paths = self._search(hidden, mask, [limits[i] for i in group], beams)
            found |= dict(zip(group, paths, strict=True))
        return found

    def _rank(self, hypothesis: Hypothesis) -> float:
        words = [w for spoken in hypothesis.words for w in lexical(spoken.text).split()]
        english = self._trigrams.log_probability(words)
        return hypothesis.log_probability + ENGLISH * english + EACH_WORD * len(words)

    def _encode(self, samples: Samples) -> Samples:
        mask = np.ones((1, len(samples)), np.int64)
        (states,) = self._encoder.run(None, {"input_values": samples[None], "attention_mask": mask})
        return np.asarray(states[0])

    def _search(
        self, hidden: Samples, mask: NDArray[np.int64], limits: Sequence[int], beams: int
    ) -> list[list[_Path]]:
        """Beam search: of each segment the best finished paths, best first."""
        searches = [_Search(limit, beams) for limit in limits]
        going = list(range(len(searches)))
        past = {name: np.zeros((len(going), HEADS, 0, WIDTH), np.float32) for name in self._past}
        logits = self._step(past, np.full((len(going), 1), START, np.int64), hidden, mask, first=True)
        width = 1
        while True:
            kept: list[int] = []
            rows: list[int] = []
            for place, index in enumerate(going):
                parents = searches[index].extend(logits[place * width : (place + 1) * width])
                if parents:
                    kept.append(index)
                    rows += [place * width + parent for parent in parents]
            if not kept:
                return [search.best() for search in searches]
            chosen = np.array(rows)
            if len(kept) == len(going) and width == beams:
                # The beams of a segment share its encoder states, which need not be copied when beams change places.
                if (chosen != np.arange(len(chosen))).any():
                    past.update((k, v[chosen]) for k, v in past.items() if ".decoder." in k)
            else:
                past = {name: value[chosen] for name, value in past.items()}
                hidden, mask = hidden[chosen], mask[chosen]
            going, width = kept, beams
            last = np.array(
                [[path.tokens[-1]] for index in going for path in searches[index].paths], np.int64
            )
            logits = self._step(past, last, hidden, mask, first=False)

    def _step(
        self,
        past: dict[str, Samples],
        last: NDArray[np.int64],
        hidden: Samples,
        mask: NDArray[np.int64],
        first: bool,
        every: bool = False,
    ) -> Samples:
        """Logits (rows, vocabulary) of the next token; `past` is brought up to date.

        With `every` those after each of the tokens in `last` (rows, n): (rows, n, vocabulary).
        """
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
        return np.asarray(logits if every else logits[:, -1])

    def _hypothesis(self, path: _Path) -> Hypothesis:
        tokens = [
            Token(self._vocabulary[t], math.exp(p))
            for t, p in zip(path.tokens, path.each, strict=True)
            if t != END
        ]
        return Hypothesis(join_words(tokens), path.total, path.mean)


class _Path:
    """A sequence of tokens, the log probability of each, and their sum."""

    def __init__(
        self, tokens: tuple[int, ...] = (), each: tuple[float, ...] = (), total: float = 0.0
    ) -> None:
        self.tokens, self.each, self.total = tokens, each, total

    def then(self, token: int, log_probability: float) -> _Path:
        return _Path((*self.tokens, token), (*self.each, log_probability), self.total + log_probability)

    @property
    def mean(self) -> float:
        """By this finished paths of different lengths are compared."""
        return self.total / max(1, len(self.tokens))


class _Search:
    """The beam search of one segment."""

    def __init__(self, limit: int, beams: int) -> None:
        self._limit, self._beams = limit, beams
        self.paths = [_Path()]
        self._done: list[_Path] = []

    def extend(self, logits: Samples) -> list[int]:
        """Take the logits (paths, vocabulary) of the next token; answer the row that each new path comes from.

        Always `beams` rows, so that the batch keeps its shape, or none when the search has ended.
        """
        candidates = []
        for row, path in enumerate(self.paths):
            if path.total == -math.inf:
                continue
            values = logits[row]
            highest = float(values.max())
            likely = np.flatnonzero(values > highest - NEGLIGIBLE)
            weights = np.exp(values[likely] - highest)
            logs = values[likely] - (highest + math.log(float(weights.sum())))
            for i in np.argsort(-logs)[: self._beams + 1].tolist():
                candidates.append((path.total + float(logs[i]), row, int(likely[i]), float(logs[i])))
        candidates.sort(key=lambda c: -c[0])
        paths: list[_Path] = []
        parents: list[int] = []
        for place, (_, row, token, log_probability) in enumerate(candidates):
            path = self.paths[row].then(token, log_probability)
            if token == END:
                if place < self._beams:
                    self._done.append(path)
            elif len(paths) < self._beams:
                paths.append(path)
                parents.append(row)
        self._done.sort(key=lambda p: -p.mean)
        del self._done[self._beams :]
        length = len(paths[0].tokens) if paths else self._limit
        hopeless = len(self._done) == self._beams and paths and self._done[-1].mean > paths[0].mean
        if hopeless or length >= self._limit:
            self._done = self._done or paths[:1]
            return []
        while (
            len(paths) < self._beams
        ):  # too few tokens were likely: rows that lead nowhere keep the batch's shape
            paths.append(_Path(paths[0].tokens, paths[0].each, -math.inf))
            parents.append(parents[0])
        self.paths = paths
        return parents

    def best(self) -> list[_Path]:
        return self._done


def _log_probability(logits: Samples, token: int) -> float:
    highest = float(logits.max())
    return float(logits[token]) - highest - math.log(float(np.exp(logits - highest).sum()))


def _levelled(samples: Samples) -> Samples:
    """Speech at the level that the model does best with, and at least as long as its convolutions need."""
    level = float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0
    samples = np.asarray(samples * (LEVEL / max(level, MIN_LEVEL)), np.float32)
    return samples if len(samples) >= MIN_SAMPLES else np.pad(samples, (0, MIN_SAMPLES - len(samples)))
