"""Model files: whole, missing, or not what they should be."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from speechkit.errors import ModelError
from speechkit.local import models
from tests.conftest import MODELS_HOME


@pytest.fixture
def home(tmp_path: Path, models: None) -> Path:
    shutil.copytree(MODELS_HOME / "models", tmp_path / "models")
    return tmp_path


def test_what_was_fetched_is_whole(home: Path) -> None:
    models.verify_models(home)


def files(home: Path) -> list[Path]:
    return sorted(
        path for path in (home / "models").rglob("*") if path.is_file() and path.stat().st_size > 1000
    )


def test_nothing_is_fetched_when_all_is_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models.subprocess, "run", lambda *a, **k: pytest.fail("something is fetched"))
    models.fetch_models(home)


def test_a_wrong_checksum_names_the_file_and_the_remedy(home: Path) -> None:
    path = files(home)[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match=path.name) as error:
        models.verify_models(home)
    assert "make models" in str(error.value)


def test_a_cut_file_is_found_at_every_load(home: Path) -> None:
    path = files(home)[0]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match=path.name):
        models.load_models(home)


def test_a_missing_file_is_named(home: Path) -> None:
    path = files(home)[0]
    path.unlink()
    with pytest.raises(ModelError, match=path.name) as error:
        models.load_models(home)
    assert "make models" in str(error.value)
