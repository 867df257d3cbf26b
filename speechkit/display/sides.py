"""One call side by side: what was said, and what each transcript made of it, turn by turn and word by word."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pandas as pd

from speechkit.analysis.alignment import (
    DELETION,
    HIT,
    INSERTION,
    JOINED,
    SUBSTITUTION,
    Compounds,
    Vocabulary,
    align,
)
from speechkit.analysis.guards import check_channels
from speechkit.analysis.normalize import Rules, normalize_words
from speechkit.analysis.rates import ErrorRate
from speechkit.analysis.rows import rate_of
from speechkit.analysis.streams import by_channel
from speechkit.errors import TranscriptError
from speechkit.transcripts.parties import parties

if TYPE_CHECKING:
    from speechkit.transcripts.schema import Transcript

RIGHT, SUBSTITUTED, MISSING, INSERTED = "right", "substituted", "missing", "inserted"
_EARLY_S: Final = 0.5  # an inserted word belongs to the next turn from so long before it on


@dataclass
class Word:
    """A word as it is shown, in one column; seconds from the start of the recording.

    `kind` says what is wrong with it, `said` what it stands for, `partner` the number of that word of the
    reference; `wrong_in` are, for a word of the reference, the transcripts that have it wrong.
    """

    text: str
    start_s: float
    end_s: float
    kind: str = RIGHT
    partner: int = -1
    said: str = ""
    wrong_in: list[str] = field(default_factory=list)


@dataclass
class Turn:
    """A phrase of the reference and what the transcripts have for it; `said` is empty where nobody spoke."""

    start_s: float
    end_s: float
    party: str
    said: list[Word]
    heard: list[list[Word]]

    @property
    def errors(self) -> int:
        """Words that some transcript has wrong, missing or invented."""
        return sum(word.kind != RIGHT for cell in self.heard for word in cell)


@dataclass(frozen=True)
class Sides:
    """A call laid side by side: its turns in time order, the rate of each transcript, and what to know of it."""

    turns: list[Turn]
    rates: dict[str, ErrorRate]
    notes: list[str]


def lay_side_by_side(reference: Transcript, heard: Mapping[str, Transcript], rules: Rules) -> Sides:
    """Align each transcript of one call with its reference; transcripts hold this call only.

    Channels are aligned apart where both sides have the same ones, else the call is one row of words, and a
    note says so.
    """
    said = _read(reference)
    turns = {
        place: Turn(phrase.start_s, phrase.end_s, phrase.party, phrase.shown, [[] for _ in heard])
        for place, phrase in enumerate(said)
        if phrase.shown
    }
    notes, rates = [], {}
    number = 0
    for turn in turns.values():
        for word in turn.said:
            word.partner, number = number, number + 1
    for column, (name, transcript) in enumerate(heard.items()):
        found = _read(transcript)
        keys = by_channel(reference), by_channel(transcript)
        try:
            merged = bool(check_channels(reference.call_ids, reference, transcript))
        except TranscriptError:
            merged = True
            notes.append(
                f"{name}: its channels are not those of the reference; the call is one row of words."
            )
        if merged:
            keys = [-1] * len(said), [-1] * len(found)
        rate = ErrorRate()
        for key in sorted({*keys[0], *keys[1]}):
            left, right = (_row(side, [i for i, k in enumerate(own) if k == key], rules)
                           for side, own in zip((said, found), keys, strict=True))  # fmt: skip
            rate += _Column(name, column, len(heard), turns, left, right, rules).fill()
        rates[name] = rate
    order = sorted(turns.values(), key=lambda turn: (turn.start_s, turn.end_s))
    return Sides(order, rates, notes)


@dataclass(frozen=True)
class _Phrase:
    """A phrase: the words that are shown, and of each the words that are compared."""

    start_s: float
    end_s: float
    party: str
    shown: list[Word]
    compared: list[list[str]]


def _read(call: Transcript) -> list[_Phrase]:
    """The phrases of a call; a word without a time of its own gets a share of its phrase."""
    of_phrase = {str(name): rows for name, rows in call.words.sort_values("position").groupby("phrase_id")}
    answer, at = [], 0.0
    table = call.phrases
    text = table["display"].fillna(table["itn"]).fillna(table["lexical"]).fillna("")
    rows = zip(table["phrase_id"], table["start_s"], table["end_s"], text, parties(table), strict=True)
    for phrase_id, start, end, written, party in rows:
        start_s = at if math.isnan(start) else float(start)
        end_s = start_s if math.isnan(end) else max(start_s, float(end))
        at = end_s
        pieces = _pieces(of_phrase.get(phrase_id), written)
        words = [Word(shown, a, b) for shown, _, a, b in pieces]
        _share(words, start_s, end_s)
        answer.append(_Phrase(start_s, end_s, party, words, [compared for _, compared, _, _ in pieces]))
    return answer


def _pieces(words: pd.DataFrame | None, text: str) -> list[tuple[str, list[str], float, float]]:
    """What is shown, what is compared, start and end; words written together ("$22") are one piece."""
    if words is None or not len(words):
        return [(piece, [piece], math.nan, math.nan) for piece in text.split()]
    display = words["display"]
    whole = bool(display.notna().any())
    answer: list[tuple[str, list[str], float, float]] = []
    for word, shown, start, end in zip(
        words["word"].fillna(""), display, words["start_s"], words["end_s"], strict=True
    ):
        if whole and not isinstance(shown, str) and answer:
            before = answer[-1]
            answer[-1] = (before[0], [*before[1], word], before[2], end if end == end else before[3])
        else:
            answer.append((shown if isinstance(shown, str) else word, [word], float(start), float(end)))
    return answer


def _share(words: Sequence[Word], start_s: float, end_s: float) -> None:
    """Give the words without times equal shares of the phrase."""
    step = (end_s - start_s) / max(1, len(words))
    for place, word in enumerate(words):
        if math.isnan(word.start_s):
            word.start_s = start_s + place * step
        if math.isnan(word.end_s):
            word.end_s = max(word.start_s, start_s + (place + 1) * step)


@dataclass(frozen=True)
class _Row:
    """The compared words of a channel, each with the place of its phrase and of the shown word in it."""

    phrases: list[_Phrase]
    words: list[str]
    places: list[tuple[int, int]]

    def shown(self, token: int) -> Word:
        phrase, word = self.places[token]
        return self.phrases[phrase].shown[word]


def _row(phrases: list[_Phrase], chosen: list[int], rules: Rules) -> _Row:
    raw = [(text, (i, k)) for i in chosen for k, texts in enumerate(phrases[i].compared) for text in texts]
    normal = normalize_words([text for text, _ in raw], rules)
    return _Row(phrases, normal.words, [raw[place][1] for place in normal.origins])


@dataclass
class _Column:
    """Fills the cells of one transcript, from one channel."""

    name: str
    column: int
    columns: int
    turns: dict[int, Turn]
    said: _Row
    heard: _Row
    rules: Rules

    def fill(self) -> ErrorRate:
        """Put every word of the transcript into a turn, mark what is wrong, and return the rate."""
        vocabulary = Vocabulary()
        ids = [vocabulary.ids(side.words) for side in (self.said, self.heard)]
        rows = align(ids[0], ids[1], Compounds(vocabulary.words) if self.rules.compounds else None)
        counts = [0] * 5
        kinds_of_said: dict[tuple[int, int], set[int]] = {}
        for kind, place in zip(rows.kind.tolist(), rows.reference.tolist(), strict=True):
            counts[kind] += 1
            if place >= 0:
                kinds_of_said.setdefault(self.said.places[place], set()).add(kind)
        turn_of = self._turn_of_rows(rows.reference.tolist(), rows.hypothesis.tolist())
        placed: dict[tuple[int, int], tuple[Word, set[int]]] = {}
        for kind, place, other, turn in zip(
            rows.kind.tolist(), rows.reference.tolist(), rows.hypothesis.tolist(), turn_of, strict=True
        ):
            cell = turn.heard[self.column]
            if other < 0:
                at = self.said.places[place]
                whole = kinds_of_said[at] == {DELETION}
                shown = self.said.shown(place)
                text = shown.text if whole else self.said.words[place]
                if not (whole and cell and cell[-1].kind == MISSING and cell[-1].partner == shown.partner):
                    cell.append(Word(text, shown.start_s, shown.end_s, MISSING, shown.partner))
                continue
            at = self.heard.places[other]
            if at not in placed:
                shown = self.heard.shown(other)
                placed[at] = Word(shown.text, shown.start_s, shown.end_s), set()
                cell.append(placed[at][0])
            word, kinds = placed[at]
            kinds.add(kind)
            if place >= 0:
                own = self.said.shown(place)
                word.partner = own.partner if word.partner < 0 else word.partner
                if kind == SUBSTITUTION and own.text not in word.said.split():
                    word.said = f"{word.said} {own.text}".strip()
        for word, kinds in placed.values():
            if kinds == {INSERTION}:
                word.kind = INSERTED
            elif not kinds <= {HIT, JOINED}:
                word.kind = SUBSTITUTED
        for (phrase, place), kinds in kinds_of_said.items():
            if kinds & {SUBSTITUTION, DELETION}:
                self.said.phrases[phrase].shown[place].wrong_in.append(self.name)
        return rate_of(counts)

    def _turn_of_rows(self, places: list[int], others: list[int]) -> list[Turn]:
        """The turn that each row of the alignment belongs to."""
        owners = [self.said.places[place][0] if place >= 0 else None for place in places]
        behind: list[int | None] = []  # the phrase of the next word of the reference
        following: int | None = None
        for owner in reversed(owners):
            following = owner if owner is not None else following
            behind.append(following)
        answer, last = [], None
        for owner, after, other in zip(owners, reversed(behind), others, strict=True):
            if owner is not None:
                last = owner
            chosen = owner if owner is not None else self._nearest(last, after, other)
            answer.append(self.turns[chosen] if chosen is not None else self._without_reference(other))
        return answer

    def _nearest(self, last: int | None, after: int | None, other: int) -> int | None:
        """The phrase that an inserted word goes with: the one before it, or the next if that has begun."""
        if last is None or after is None or last == after:
            return last if last is not None else after
        begun = self.heard.shown(other).start_s >= self.said.phrases[after].start_s - _EARLY_S
        return after if begun else last

    def _without_reference(self, other: int) -> Turn:
        """A turn for what was heard where the reference has nothing at all."""
        place = self.heard.places[other][0]
        phrase = self.heard.phrases[place]
        key = -1 - place - 1_000_000 * self.column
        if key not in self.turns:
            cells: list[list[Word]] = [[] for _ in range(self.columns)]
            self.turns[key] = Turn(phrase.start_s, phrase.end_s, phrase.party, [], cells)
        return self.turns[key]


def error_marks(turns: Sequence[Turn], column: int) -> list[tuple[float, str]]:
    """The places and kinds of the errors of one transcript, in time order."""
    marks = [(word.start_s, word.kind) for turn in turns for word in turn.heard[column] if word.kind != RIGHT]
    return sorted(marks)


def parties_of(turns: Sequence[Turn]) -> list[str]:
    """The parties of the turns, in the order in which they come up."""
    return list(dict.fromkeys(turn.party for turn in turns))
