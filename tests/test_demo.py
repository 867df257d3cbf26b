"""The demo data is found through the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from speechkit.demo import demo_data
from speechkit.errors import SettingsError
from tests.conftest import ROOT


def test_beside_the_package() -> None:
    assert demo_data() == ROOT / "data" / "calls"
    assert demo_data("calls.csv").is_file()


def test_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPEECHKIT_DATA", str(tmp_path))
    with pytest.raises(SettingsError, match="SPEECHKIT_DATA"):
        demo_data()
    (tmp_path / "mine").mkdir()
    assert demo_data("mine") == tmp_path / "mine"
    with pytest.raises(SettingsError, match=r"named 'calls'.*mine"):
        demo_data()
