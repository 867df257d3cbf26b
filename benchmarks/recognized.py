"""What a recognizer heard, or what is true, as tables that `speechkit.analysis` scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import jiwer
import pandas as pd

from speechkit.local.recognition import Phrase
from speechkit.transcripts.schema import Transcript

Stretch = tuple[float, float, str]  # start and end in seconds, speaker


@dataclass
class Tables:
    """Recognized or true phrases of many recordings, collected row by row."""

    calls: list[dict[str, object]] = field(default_factory=list)
    phrases: list[dict[str, object]] = field(default_factory=list)
    words: list[dict[str, object]] = field(default_factory=list)

    def add(self, call: str, phrases: Iterable[Phrase], channel: int = 0, **known: object) -> None:
        """Add the phrases of a channel; `known` are columns of the calls."""
        self._call(call, known)
        for phrase in phrases:
            place = {"call_id": call, "phrase_id": f"{call}:{len(self.phrases):04d}", "channel": channel}
            place["speaker"] = str(phrase.speaker)
            lexical = " ".join(word.lexical for word in phrase.words)
            times = {"start_s": phrase.start_s, "end_s": phrase.end_s}
            self.phrases.append(place | times | {"lexical": lexical})
            self.words += [
                place | {"position": i, "start_s": w.start_s, "end_s": w.end_s, "word": w.lexical}
                for i, w in enumerate(phrase.words)
            ]

    def say(self, call: str, stretches: Iterable[Stretch] = (), text: str = "", **known: object) -> None:
        """Add a truth: who speaks when, or a text."""
        self._call(call, known)
        for start, end, who in stretches or [(0.0, 1.0, "all")]:
            row = {"call_id": call, "phrase_id": f"{call}:{len(self.phrases):04d}", "channel": 0}
            self.phrases.append(row | {"speaker": who, "start_s": start, "end_s": end, "lexical": text})

    def _call(self, call: str, known: dict[str, object]) -> None:
        if all(row["call_id"] != call for row in self.calls):
            self.calls.append({"call_id": call, **known})

    @property
    def transcript(self) -> Transcript:
        words = pd.DataFrame(self.words) if self.words else None
        return Transcript(pd.DataFrame(self.calls), pd.DataFrame(self.phrases), words)


def right_words(said: Sequence[str], heard: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The places of the words that are the same in both, aligned."""
    for chunk in jiwer.process_words(" ".join(said), " ".join(heard)).alignments[0]:
        if chunk.type == "equal":
            places = (
                range(chunk.ref_start_idx, chunk.ref_end_idx),
                range(chunk.hyp_start_idx, chunk.hyp_end_idx),
            )
            yield from zip(*places, strict=True)
