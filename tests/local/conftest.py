"""What the tests of the local service stand on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from speechkit import audio
from speechkit.errors import ModelError
from speechkit.local.models import load_models
from tests.conftest import MODELS_HOME, ROOT
from tests.local.service_fixture import Inside, Running, inside, start

GREETING_S = 5.0  # how long the first turn of the first demo call takes


@pytest.fixture(scope="session")
def models() -> None:
    """Skips where the model files were not fetched."""
    try:
        load_models(MODELS_HOME)
    except ModelError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def service(models: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One real service for all the tests that do not harm it."""
    running = start(tmp_path_factory.mktemp("home"))
    yield running
    assert running.end() == 0


@pytest.fixture(scope="session")
def api(service: Running) -> Iterator[httpx.Client]:
    """A client of the Speech API of the real service."""
    with service.client() as client:
        yield client


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Inside]:
    """A service inside the test, that hears "Hello there." in everything."""
    with inside(None, tmp_path / "state") as made:
        yield made


@pytest.fixture(scope="session")
def greeting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds of a demo call, 8 kHz mono: "Thank you for calling Larkfield Home, this is Megan..."."""
    path = tmp_path_factory.mktemp("speech") / "greeting.wav"
    call = audio.decode(ROOT / "data" / "calls" / "c01.wav", 8000)
    audio.write_wav(path, call[0, : round(GREETING_S * 8000)], 8000)
    return path


@pytest.fixture(scope="session")
def stereo(greeting: Path) -> Path:
    """The same on channel 1, with silence on channel 0."""
    path = greeting.with_name("stereo.wav")
    sound = audio.decode(greeting, 8000)
    audio.write_wav(path, np.concatenate([np.zeros_like(sound), sound]), 8000)
    return path
