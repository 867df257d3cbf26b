"""The pieces of words that the recognizer writes with: from tokens to words, and from text to tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

SPACE: Final = "▁"  # begins the piece that begins a word
NONE: Final = 1 << 30  # a rank behind all others


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


class Vocabulary:
    """The pieces by their token; a text is made of pieces as the model's own tokenizer makes it.

    That is byte pair encoding (Sennrich et al., Neural Machine Translation of Rare Words with Subword Units,
    2016): the two neighbours that give the lowest token are joined first.

    >>> v = Vocabulary(["▁".encode(), b"h", b"e", b"y", "▁h".encode(), b"ey"])
    >>> v.encode("hey he")
    [4, 5, 4, 2]
    """

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces
        self._tokens = {piece: token for token, piece in enumerate(pieces)}

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        """Read a file that holds, for each token, a length (two bytes when the first is over 127) and the piece."""
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
        return cls(pieces)

    def __getitem__(self, token: int) -> bytes:
        return self._pieces[token]

    def encode(self, text: str) -> list[int]:
        """The tokens of a text; letters that no piece holds are written as bytes."""
        letters = [letter.encode() for letter in SPACE + text.replace(" ", SPACE)]
        parts = [p for x in letters for p in ([x] if x in self._tokens else [bytes([b]) for b in x])]
        while len(parts) > 1:
            ranks = [self._tokens.get(a + b, NONE) for a, b in pairwise(parts)]
            first = min(range(len(ranks)), key=ranks.__getitem__)
            if ranks[first] == NONE:
                break
            parts[first : first + 2] = [parts[first] + parts[first + 1]]
        return [self._tokens[part] for part in parts]


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
