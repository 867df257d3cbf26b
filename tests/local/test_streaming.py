"""Speech that goes on: how phrases end, and that memory stays flat."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import numpy as np
import pytest

from speechkit import audio
from speechkit.local.engine import Engine
from speechkit.local.recognition import Ended, Event, Listening, Quiet, Revised, Started
from tests.conftest import MODELS_HOME, ROOT

RATE = 16000


@pytest.fixture(scope="module")
def engine(models: None) -> Engine:
    return Engine.load(MODELS_HOME / "models")


@pytest.fixture(scope="module")
def call() -> np.ndarray:
    """A demo call, mono."""
    return audio.mix(audio.decode(ROOT / "data" / "calls" / "c01.wav", RATE))


def events(engine: Engine, asked: Listening, blocks: Iterator[np.ndarray]) -> list[Event]:
    stream = engine.stream(asked)
    found = [event for block in blocks for event in stream.feed(block)]
    return found + list(stream.finish())


def test_it_says_how_far_it_heard_in_silence(engine: Engine, call: np.ndarray) -> None:
    silence = np.zeros(25 * RATE, np.float32)
    heard = events(engine, Listening(), iter([silence, call[: 3 * RATE], silence]))
    quiet = [event.until_s for event in heard if isinstance(event, Quiet)]
    assert len(quiet) == 4
    started = next(event.start_s for event in heard if isinstance(event, Started))
    assert quiet[1] < started < quiet[2]


def test_words_are_shown_when_they_stay(engine: Engine, call: np.ndarray) -> None:
    sound = [call[i : i + RATE // 10] for i in range(0, 5 * RATE, RATE // 10)]
    plain, stable = (events(engine, Listening(stable=n), iter(sound)) for n in (1, 3))
    shown = [[e.words for e in found if isinstance(e, Revised)] for found in (plain, stable)]
    assert len(shown[1]) < len(shown[0])
    final = next(e.phrase for e in stable if isinstance(e, Ended))
    assert [w for word in final.words for w in word.lexical.split()][: len(shown[1][0])] == shown[1][0]


@pytest.mark.slow
def test_memory_is_flat_over_a_long_session(engine: Engine, call: np.ndarray) -> None:
    stream = engine.stream(Listening(speakers=True), engine.guests())
    peaks = []
    for _ in range(6):  # eleven minutes
        for start in range(0, len(call), RATE):
            list(stream.feed(call[start : start + RATE]))
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    assert peaks[-1] - peaks[1] < 30, "megabytes"
