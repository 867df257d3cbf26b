"""Settings: what is read, what is refused, what is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from speechkit.errors import SettingsError
from speechkit.settings import Settings, read_settings


@pytest.mark.parametrize(
    ("env", "field", "expected"),
    [
        pytest.param({}, "mode", "local", id="no-endpoint-means-the-local-service?"),
        pytest.param(
            {"SPEECH_ENDPOINT": "https://x.cognitiveservices.azure.com/"},
            "mode",
            "azure",
            id="endpoint-means-azure?",
        ),
        pytest.param(
            {"SPEECH_ENDPOINT": "https://x.cognitiveservices.azure.com/"},
            "speech_endpoint",
            "https://x.cognitiveservices.azure.com",
            id="is-the-trailing-slash-dropped?",
        ),
        pytest.param({"SPEECH_ENDPOINT": ""}, "mode", "local", id="is-an-empty-variable-none?"),
        pytest.param(
            {"STORAGE_CONTAINER": "calls"}, "storage_container", "calls", id="is-the-container-read?"
        ),
        pytest.param(
            {"STORAGE_PLAIN_URLS": "true"}, "storage_plain_urls", True, id="are-plain-urls-asked-for?"
        ),
    ],
)
def test_reads(env: dict[str, str], field: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert getattr(read_settings(), field) == expected


@pytest.mark.parametrize(
    ("env", "match"),
    [
        pytest.param({"SPEECH_API_VERSION": "v3.2"}, "SPEECH_API_VERSION .*retired", id="retired-version?"),
        pytest.param(
            {"SPEECH_ENDPOINT": "eastus"}, "SPEECH_ENDPOINT .*https://", id="region-instead-of-url?"
        ),
    ],
)
def test_refuses(env: dict[str, str], match: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=match):
        read_settings()


def test_dotenv_is_read_and_the_environment_wins(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("SPEECH_KEY=from-file\nOPENAI_MODEL=from-file\n")
    monkeypatch.setenv("OPENAI_MODEL", "from-env")
    settings = read_settings()
    assert settings.speech_key is not None
    assert settings.speech_key.get_secret_value() == "from-file"
    assert settings.openai_model == "from-env"


def test_no_secret_in_repr_or_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPEECH_KEY", "sekrit-key")
    monkeypatch.setenv("STORAGE_CONNECTION_STRING", "AccountKey=sekrit-storage")
    assert "sekrit" not in repr(Settings()) + str(Settings())
    monkeypatch.setenv("SPEECH_ENDPOINT", "sekrit-endpoint")
    with pytest.raises(SettingsError) as error:
        read_settings()
    assert "sekrit" not in str(error.value)


def test_where_the_home_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPEECHKIT_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_settings().home == tmp_path / ".speechkit", "HOME is not SPEECHKIT_HOME"
    assert read_settings(home="/given").home == Path("/given")
    monkeypatch.setenv("SPEECHKIT_HOME", "/chosen")
    assert read_settings().home == Path("/chosen")
    assert read_settings(home="/given").home == Path("/given")
