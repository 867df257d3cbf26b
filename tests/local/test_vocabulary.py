"""Pieces of words: from tokens to words, and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from speechkit.local.models import find_models
from speechkit.local.vocabulary import Spoken, Token, Vocabulary, join_words
from tests.conftest import MODELS_HOME


def test_the_file_holds_short_and_long_pieces(tmp_path: Path) -> None:
    pieces = [b"a", b"b" * 127, b"c" * 128, b"d" * 300]
    data = b"".join(
        bytes([len(p)]) + p if len(p) < 128 else bytes([128 + len(p) % 128, len(p) // 128]) + p
        for p in pieces
    )
    path = tmp_path / "tokenizer.bin"
    path.write_bytes(data)
    vocabulary = Vocabulary.read(path)
    assert [vocabulary[i] for i in range(4)] == pieces


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        pytest.param([("▁so", 0.9), ("▁on", 0.8)], [("so", 0.9), ("on", 0.8)], id="words?"),
        pytest.param(
            [("▁so", 0.9), ("on", 0.8), (",", 0.95)], [("soon,", 0.8)], id="as-sure-as-the-least-sure?"
        ),
        pytest.param([("so", 0.9)], [("so", 0.9)], id="no-space-at-first?"),
        pytest.param([("▁", 0.9), ("▁so", 0.7)], [("so", 0.7)], id="an-empty-word?"),
        pytest.param([], [], id="nothing?"),
    ],
)
def test_words(pieces: list[tuple[str, float]], words: list[tuple[str, float]]) -> None:
    tokens = [Token(piece.encode(), probability) for piece, probability in pieces]
    assert join_words(tokens) == tuple(Spoken(*word) for word in words)


@pytest.mark.parametrize(
    "text", ["I would like to return my lamp.", "Zephyrix, Quovira & Lumadora!", "naïve café 😀", "a  b", ""]
)
def test_text_survives_its_tokens(text: str, models: None) -> None:
    vocabulary = Vocabulary.read(find_models(MODELS_HOME / "models").tokenizer)
    written = b"".join(vocabulary[token] for token in vocabulary.encode(text)).decode()
    assert written == "▁" + text.replace(" ", "▁")
    assert len(vocabulary.encode(text)) <= len(text.encode()) + 1
