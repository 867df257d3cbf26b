"""Cues: the phrases of a call laid out as captions, by the rules that subtitlers keep.

Sources of the rules, read 2026-11-21: [general] Netflix Timed Text Style Guide, General Requirements and
Subtitle Timing Guidelines; [english] the same, English Template; [bbc] BBC Subtitle Guidelines, section on
synchronisation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from speechkit.errors import TranscriptError
from speechkit.transcripts.parties import UNKNOWN, labels
from speechkit.transcripts.spoken import Phrase, read_call
from speechkit.transcripts.tokens import Token

if TYPE_CHECKING:
    from speechkit.transcripts.schema import Transcript

# A line ends well before a conjunction or a preposition, badly after what belongs to the next word [general].
_JOINS: Final = """about after although and as at because before between but by for from if in into of on or
since so than that through to unless until when where which while who with without"""
_CLINGS: Final = "a an the my your his her its our their this these i we you he she they mr mrs ms dr"
_BEFORE: Final = frozenset(_JOINS.split())
_AFTER: Final = frozenset(_CLINGS.split())


@dataclass(frozen=True)
class Rules:
    """How captions are laid out; every time in seconds.

    Overlapping speech and fast talkers cannot keep all of it: a cue is then read faster than `chars_per_s`
    before it comes later than `lag_s`, and is shorter than `min_s` only where the call has no room for all
    its cues.

    >>> Rules(line_chars=32).lines
    2
    """

    line_chars: int = 42  # [english]
    lines: int = 2  # [general]
    chars_per_s: float = 17.0  # adult programmes [english]
    min_s: float = 5 / 6  # [general]
    max_s: float = 7.0  # [general]
    gap_s: float = 2 / 24  # two frames [general]
    chain_s: float = 0.5  # a shorter gap is closed to `gap_s` [general]
    lag_s: float = 1.5  # a cue may come or stay this much after its speech [bbc]

    def __post_init__(self) -> None:
        if self.line_chars < 16 or self.lines < 1:
            raise ValueError(f"{self}: a cue has at least 1 line, of at least 16 characters.")
        if not 0 < self.min_s <= self.max_s or self.chars_per_s <= 0:
            raise ValueError(f"{self}: times and speeds are positive, and min_s is at most max_s.")
        if min(self.gap_s, self.chain_s, self.lag_s) < 0:
            raise ValueError(f"{self}: a gap or a lag cannot be negative.")


RULES: Final = Rules()
Line = tuple[Token, ...]


@dataclass(frozen=True)
class Part:
    """What one party says in a cue; `label` is empty where it would only repeat the cue before."""

    voice: str
    label: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Cue:
    """A caption on the screen from `start_ms` to `end_ms`, milliseconds from the start of the recording."""

    start_ms: int
    end_ms: int
    parts: tuple[Part, ...]

    @property
    def lines(self) -> list[str]:
        """The lines as they are read, labels included."""
        return read_lines(self.parts)


def read_lines(parts: Sequence[Part]) -> list[str]:
    """Write the lines of a cue as they are read, labels included."""
    rows = [(part.label * (i == 0), line) for part in parts for i, line in enumerate(part.lines)]
    return [label + plain(line) for label, line in rows]


@dataclass(frozen=True)
class _Chunk:
    """As many tokens of one phrase as make a cue."""

    party: str
    tokens: tuple[Token, ...]

    @property
    def span(self) -> tuple[float, float]:
        return self.tokens[0].start_s, self.tokens[-1].end_s


def cues(
    transcript: Transcript,
    call_id: str | None = None,
    *,
    rules: Rules = RULES,
    names: Mapping[str, str] | None = None,
) -> list[Cue]:
    """Lay out the captions of one call: in time order, never overlapping, within the call.

    Where there are several parties, each cue in which another one begins to speak opens with a label; two
    that speak at once share a cue, a line each, where they fit. `names` maps a party (`"1"`, `"channel 0"`)
    to a label of your own. Raises TranscriptError for an unknown call, and for one without times.
    """
    call = read_call(transcript, call_id)
    if not call.timed:
        raise TranscriptError(
            f"call {call.call_id} has no times, so nobody knows when its captions come. Transcribe it again."
        )
    shown = _labels(call.phrases, rules, names)
    chunks = []
    for phrase, crowded in zip(call.phrases, _crowded(call.phrases), strict=True):
        chunks += _chunks(phrase, len(shown.get(phrase.party, "")), crowded, rules)
    chunks.sort(key=lambda c: c.span[0])
    rows, spoken, last = [], [], ""
    for group in _grouped(chunks, shown, rules):
        parts = []
        for chunk in group:
            label = shown.get(chunk.party, "") if chunk.party != last or len(group) > 1 else ""
            last = chunk.party
            lines = _lines(chunk.tokens, len(label), rules.lines if len(group) == 1 else 1, rules)
            voice = shown[chunk.party].removesuffix(": ") if shown and chunk.party != UNKNOWN else ""
            parts.append(Part(voice, label, tuple(lines)))
        rows.append(tuple(parts))
        spoken.append((group[0].span[0], max(chunk.span[1] for chunk in group)))
    sizes = [sum(len(line) for line in read_lines(parts)) for parts in rows]
    spans = _timed(spoken, sizes, call.duration_s, rules)
    return [Cue(start, end, parts) for (start, end), parts in zip(spans, rows, strict=True)]


def _labels(phrases: Sequence[Phrase], rules: Rules, names: Mapping[str, str] | None) -> dict[str, str]:
    """What stands before the words of each party: at most half a line, and nothing where only one speaks."""
    found = labels([p.party for p in phrases], names)
    if len(found) < 2:
        return {}
    most = rules.line_chars // 2 - 2
    short = {party: name if len(name) <= most else name[: most - 1] + "…" for party, name in found.items()}
    return {party: f"{name}: " for party, name in short.items()}


def _crowded(phrases: Sequence[Phrase]) -> list[bool]:
    """Say of each phrase whether another party speaks during it: then any of its cues may need a label."""
    spans = [(p.tokens[0].start_s, max(p.end_s, p.tokens[-1].end_s)) for p in phrases]
    order = sorted(range(len(phrases)), key=lambda i: spans[i][0])
    answer, open_ = [False] * len(phrases), list[int]()
    for i in order:
        open_ = [j for j in open_ if spans[j][1] >= spans[i][0]]
        for j in open_:
            if phrases[i].party != phrases[j].party:
                answer[i] = answer[j] = True
        open_.append(i)
    return answer


def _chunks(phrase: Phrase, label: int, crowded: bool, rules: Rules) -> list[_Chunk]:
    """Divide a phrase into cues, at the least cost of the places where it breaks."""
    tokens = [piece for token in phrase.tokens for piece in _pieces(token, rules.line_chars - label)]
    count = len(tokens)
    cost, after = [0.0] * (count + 1), [count] * (count + 1)
    for i in reversed(range(count)):
        room = label if crowded or i == 0 else 0
        best, line, used, pauses = math.inf, 1, room, 0
        for j in range(i, count):
            used += len(tokens[j].text) + (tokens[j].spaced and used > (room if line == 1 else 0))
            if used > rules.line_chars:
                line, used = line + 1, len(tokens[j].text)
            shown = tokens[j].end_s - tokens[i].start_s
            pauses += j > i and tokens[j].start_s - tokens[j - 1].end_s > rules.lag_s
            if j > i and (line > rules.lines or shown > rules.max_s):
                break
            price = 10.0 + _price(tokens, j + 1) + 5 * (shown < rules.min_s) + 8 * pauses + cost[j + 1]
            if price < best:
                best, after[i] = price, j + 1
        cost[i] = best
    chunks, i = [], 0
    while i < count:
        chunks.append(_Chunk(phrase.party, tuple(tokens[i : after[i]])))
        i = after[i]
    return chunks


def _pieces(token: Token, most: int) -> list[Token]:
    """Cut a token that is longer than a line; nearly all are whole."""
    parts = [token.text[i : i + most] for i in range(0, len(token.text), most)]
    if len(parts) == 1:
        return [token]
    step = (token.end_s - token.start_s) / len(parts)
    marks = [token.start_s + i * step for i in range(len(parts))]
    rest = [
        replace(token, text=p, start_s=m, end_s=m + step, spaced=False)
        for p, m in zip(parts, marks, strict=True)
    ]
    return [replace(rest[0], spaced=token.spaced), *rest[1:]]


def _price(tokens: Sequence[Token], place: int) -> float:
    """How much it hurts to break before the token at `place`: after a sentence not at all."""
    if place >= len(tokens):
        return 0.0
    left, right = tokens[place - 1], tokens[place]
    ending, word = left.text.rstrip("\"')]”’")[-1:], left.text.strip(",.").casefold()
    if ending in (".", "?", "!", "…", "。", "？", "！"):
        price = 0.0
    elif ending in (",", ";", ":", "—", "、", "，"):
        price = 3.0
    elif right.text.casefold() in _BEFORE:
        price = 5.0
    else:
        price = 12.0 if word in _AFTER or not right.spaced else 8.0
    return price / 2 if right.start_s - left.end_s > 0.4 else price  # people pause where a thought ends


def _lines(tokens: Sequence[Token], room: int, most: int, rules: Rules) -> list[Line]:
    """Break the tokens of a cue into as few lines as hold them, at the best places, evenly."""
    count = len(tokens)

    def width(i: int, j: int) -> int:
        return (room if i == 0 else 0) + len(plain(tokens[i:j]))

    best: dict[int, tuple[float, list[int]]] = {0: (0.0, [])}
    for _ in range(most):
        if count in best:
            break
        longer: dict[int, tuple[float, list[int]]] = {}
        for i, (cost, breaks) in best.items():
            for j in range(i + 1, count + 1):
                used = width(i, j)
                if used > rules.line_chars:
                    break
                price = cost + _price(tokens, j) + ((rules.line_chars - used) / 8) ** 2
                if j not in longer or price < longer[j][0]:
                    longer[j] = (price, [*breaks, j])
        best = longer
    return [tuple(tokens[i:j]) for i, j in pairwise([0, *best[count][1]])]


def plain(tokens: Sequence[Token]) -> str:
    """Write tokens as text on one line, without a space in front."""
    return "".join((" " if t.spaced and i else "") + t.text for i, t in enumerate(tokens))


def _grouped(chunks: Sequence[_Chunk], shown: Mapping[str, str], rules: Rules) -> Iterator[list[_Chunk]]:
    """Put two chunks that are spoken at once into one cue, where each fits on a line with its label."""

    def one_line(chunk: _Chunk) -> bool:
        return len(shown[chunk.party]) + len(plain(chunk.tokens)) <= rules.line_chars

    i = 0
    while i < len(chunks):
        pair = list(chunks[i : i + 2])
        together = (
            len(pair) == 2
            and rules.lines > 1
            and pair[0].party != pair[1].party
            and pair[1].span[0] < pair[0].span[1]
            and max(c.span[1] for c in pair) - pair[0].span[0] <= rules.max_s
            and all(one_line(c) for c in pair)
        )
        yield pair if together else pair[:1]
        i += 2 if together else 1


def _timed(
    spoken: Sequence[tuple[float, float]], sizes: Sequence[int], duration_s: float, rules: Rules
) -> list[tuple[int, int]]:
    """Say when each cue comes and goes, in milliseconds, so that none overlap and all are within the call.

    Each comes with its speech; where the one before it still needs its time it waits, at most `lag_s` for the
    sake of reading and no longer than it must for `min_s`. At the end of a call with no room left, cues come
    earlier.
    """
    count = len(spoken)
    if not count:
        return []
    bound = max(int(duration_s * 1000), count)
    least, gap, lag, longest = (round(s * 1000) for s in (rules.min_s, rules.gap_s, rules.lag_s, rules.max_s))
    step = min(least + gap, bound // count)  # a call may be too crowded for the rules
    gap = min(gap, step // 4)
    need = [min(longest, max(step - gap, round(1000 * n / rules.chars_per_s))) for n in sizes]
    starts: list[int] = []
    for i, (start_s, _) in enumerate(spoken):
        start = round(start_s * 1000)
        if starts:
            start = max(start, min(starts[-1] + need[i - 1] + gap, start + lag), starts[-1] + step)
        starts.append(start)
    starts = [min(start, bound - (count - i) * step) for i, start in enumerate(starts)]
    answer = []
    for i, start in enumerate(starts):
        speech = round(spoken[i][1] * 1000)
        until = bound if i + 1 == count else starts[i + 1] - gap
        end = max(speech, min(start + need[i], speech + lag), start + step - gap)
        if until - end < rules.chain_s * 1000:
            end = until
        answer.append((start, max(start + 1, min(end, until, start + longest))))
    return answer
