"""Read the dialogue files of data/dialogues (format: data/DIALOGUES.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

PERSONAL = ("name", "phone", "email", "address", "card", "account", "dob")
REASONS = (
    "billing",
    "technical_fault",
    "delivery",
    "appointment",
    "cancellation",
    "account_access",
    "purchase",
    "information",
    "none",  # a call without speech
)
OUTCOMES = (
    "refund",
    "replacement",
    "repair_scheduled",
    "information_given",
    "account_updated",
    "cancelled",
    "order_placed",
    "escalated",
    "callback_promised",
    "none",
)
MOODS = ("negative", "neutral", "positive")
SIGNS = dict(zip("-0+", MOODS, strict=True))
CHANNELS = {
    "wav-mulaw-stereo": 2,
    "flac-stereo": 2,
    "mp3-mono": 1,
    "ogg-mono": 1,
    "mp4-mono": 1,
    "wav-mulaw-mono": 1,
}
CHOICES = {
    "reason": REASONS,
    "outcome": OUTCOMES,
    "resolved": ("yes", "no", "unclear"),
    "mood_start": MOODS,
    "mood_end": MOODS,
    "blind": ("true", "false"),
    "direction": ("inbound", "outbound"),
    "format": tuple(CHANNELS),
}
REQUIRED = (*CHOICES, "id", "company", "recorded_at", "queue", "caller_number", "agent", "voices")
VOICES = ("slt", "rms", "awb")

_MARKUP = re.compile(r"\{(\w+):([^{}]*)\}|\[(over|hold|pause) (\d+(?:\.\d+)?)\]")
_TURN = re.compile(r"(\w+): ?(.*)")
_EDGES = re.compile(r"^[^\w]+|[^\w]+$")


class DialogueError(ValueError):
    """A dialogue file breaks its format; the message names file and line, never the text."""


@dataclass(frozen=True)
class Mark:
    """A marked stretch of speech: `kind` and its words `first` to `last` (both included) in the piece."""

    kind: str
    text: str
    first: int
    last: int


@dataclass(frozen=True)
class Piece:
    """Speech without a break: `text` as the voice reads it, `words` as they are scored."""

    text: str
    words: tuple[str, ...]
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Gap:
    """A break inside a turn: `kind` is hold or pause."""

    kind: str
    seconds: float


@dataclass(frozen=True)
class Turn:
    """One line of the dialogue; it begins `over_s` seconds before the speech so far has ended."""

    speaker: str
    parts: tuple[Piece | Gap, ...]
    over_s: float = 0.0

    @property
    def pieces(self) -> list[Piece]:
        """The spoken parts."""
        return [part for part in self.parts if isinstance(part, Piece)]


@dataclass(frozen=True)
class Dialogue:
    """A parsed file: the head as it stands, `voices` by speaker, and the turns."""

    head: dict[str, str]
    voices: dict[str, str]
    turns: list[Turn] = field(default_factory=list)

    @property
    def call_id(self) -> str:
        """The id, which is the file's stem too."""
        return self.head["id"]

    @property
    def channels(self) -> int:
        """1 or 2, from the format."""
        return CHANNELS[self.head["format"]]

    @property
    def words(self) -> list[str]:
        """Every spoken word in the order of the file."""
        return [word for turn in self.turns for piece in turn.pieces for word in piece.words]

    @property
    def moods(self) -> list[str]:
        """The mood of the turn of each spoken piece, in the order of the file; empty where the head has none."""
        signs = iter(self.head.get("moods", "").split())
        return [
            mood
            for turn in self.turns
            for mood in [
                SIGNS[next(signs, "0")] if turn.speaker == "customer" and "moods" in self.head else ""
            ]
            for _ in turn.pieces
        ]

    def channel(self, speaker: str) -> int:
        """The channel of a speaker: in stereo the customer is on 1, the company's people on 0."""
        return int(self.channels == 2 and speaker == "customer")


def spoken(token: str) -> str:
    """Return a token as it is scored: lower case, no punctuation at its edges, '' if nothing is left.

    >>> spoken("Don't,"), spoken("(Twenty-two)."), spoken("-")
    ("don't", 'twenty-two', '')
    """
    return _EDGES.sub("", token.replace("’", "'")).lower()


def parse_turn(line: str) -> Turn:
    """Read one turn line; ValueError where the markup is wrong.

    >>> turn = parse_turn("agent: [over 0.8] Hi {name:Ann Lee}. [hold 2] Still there?")
    >>> turn.over_s, [part.words if isinstance(part, Piece) else part.seconds for part in turn.parts]
    (0.8, [('hi', 'ann', 'lee'), 2.0, ('still', 'there')])
    >>> turn.pieces[0].marks
    (Mark(kind='name', text='Ann Lee', first=1, last=2),)
    """
    match = _TURN.fullmatch(line)
    if not match:
        raise ValueError("a turn must start with 'speaker:'")
    speaker, body = match.groups()
    parts: list[Piece | Gap] = []
    over_s, text, ranges, at = 0.0, "", [], 0

    def close() -> None:
        nonlocal text, ranges
        piece = _piece(text, ranges)
        if piece.words:
            parts.append(piece)
        elif ranges:
            raise ValueError("a mark without a word")
        text, ranges = "", []

    for found in _MARKUP.finditer(body):
        text += body[at : found.start()]
        at = found.end()
        kind, marked, command, seconds = found.groups()
        if kind:
            if kind not in (*PERSONAL, "product"):
                raise ValueError(f"{kind!r} is not a kind of mark")
            ranges.append((kind, len(text), len(text) + len(marked)))
            text += marked
        elif command == "over":
            if text.strip() or parts:
                raise ValueError("[over N] must open the turn")
            over_s = float(seconds)
        else:
            close()
            parts.append(Gap(command, float(seconds)))
    text += body[at:]
    close()
    if not any(isinstance(part, Piece) for part in parts):
        raise ValueError("a turn without speech")
    return Turn(speaker, tuple(parts), over_s)


def _piece(text: str, ranges: list[tuple[str, int, int]]) -> Piece:
    if re.search(r"[{}\[\]]", text):
        raise ValueError("a bracket that is no known markup")
    if re.search(r"\d", text):
        raise ValueError("digits: write numbers in words, as they are spoken")
    tokens = [token for token in re.finditer(r"\S+", text) if spoken(token.group())]
    marks = []
    for kind, start, end in ranges:
        inside = [i for i, token in enumerate(tokens) if token.start() < end and token.end() > start]
        if not inside:
            raise ValueError("a mark without a word")
        marks.append(Mark(kind, text[start:end], inside[0], inside[-1]))
    return Piece(
        " ".join(token.group() for token in tokens),
        tuple(spoken(token.group()) for token in tokens),
        tuple(marks),
    )


def read_dialogue(path: Path) -> Dialogue:
    """Read and check a dialogue file; DialogueError names file and line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    empty = next((i for i, line in enumerate(lines) if not line.strip()), len(lines))
    head: dict[str, str] = {}
    for number, line in enumerate(lines[:empty], 1):
        key, colon, value = line.partition(":")
        if not colon:
            raise DialogueError(f"{path.name}:{number}: the head needs 'key: value' lines")
        head[key.strip()] = value.split(" #")[0].strip()
    for key in REQUIRED:
        if key not in head:
            raise DialogueError(f"{path.name}: the head has no {key!r}")
    for key, allowed in CHOICES.items():
        if head[key] not in allowed:
            raise DialogueError(f"{path.name}: {key} must be one of {', '.join(allowed)}")
    if head["id"] != path.stem:
        raise DialogueError(f"{path.name}: its id must be {path.stem}")
    voices = dict(
        (part.strip() for part in pair.split("=", 1)) for pair in head["voices"].split(",") if "=" in pair
    )
    if set(voices.values()) - set(VOICES) or len(set(voices.values())) < len(voices):
        raise DialogueError(f"{path.name}: voices must be different ones of {', '.join(VOICES)}")
    turns = []
    for number, line in enumerate(lines[empty:], empty + 1):
        if not line.strip():
            continue
        try:
            turn = parse_turn(line.strip())
        except ValueError as error:
            raise DialogueError(f"{path.name}:{number}: {error}") from None
        if turn.speaker not in voices:
            raise DialogueError(f"{path.name}:{number}: this speaker has no voice in the head")
        turns.append(turn)
    if bool(turns) == bool(head.get("tones")):
        raise DialogueError(f"{path.name}: a call has either turns or 'tones:'")
    read = Dialogue(head, voices, turns)
    if wrong := _misjudged(read):
        raise DialogueError(f"{path.name}: {wrong}")
    return read


def _misjudged(dialogue: Dialogue) -> str:
    """What is wrong with the optional keys of the head, `moods` and `promises`; '' where nothing is."""
    signs = dialogue.head.get("moods", "").split()
    turns = sum(turn.speaker == "customer" for turn in dialogue.turns)
    if "moods" in dialogue.head and (len(signs) != turns or set(signs) - set(SIGNS)):
        return f"moods must be one of - 0 + for each of the customer's {turns} turns"
    text = " ".join(piece.text for turn in dialogue.turns for piece in turn.pieces)
    if any(promise not in text for promise in read_list(dialogue.head.get("promises", ""))):
        return "a promise is not in the words of a turn"
    return ""


def read_list(value: str) -> list[str]:
    """Split a list of the head: items are parted by `;` where there is one, else by commas.

    >>> read_list("a, b"), read_list("It is free, really ;"), read_list("")
    (['a', 'b'], ['It is free, really'], [])
    """
    parts = value.split(";") if ";" in value else value.split(",")
    return [part.strip() for part in parts if part.strip()]


def read_actions(value: str) -> list[dict[str, str | None]]:
    """Split the head's `actions` into rows of owner, what and due (an ISO date or None).

    >>> read_actions("agent | call back | 2026-09-09 ; customer | wait |")[1]
    {'owner': 'customer', 'what': 'wait', 'due': None}
    """
    rows = []
    for action in filter(str.strip, value.split(";")):
        owner, what, due = ([cell.strip() for cell in action.split("|")] + ["", ""])[:3]
        rows.append({"owner": owner, "what": what, "due": due or None})
    return rows
