"""connect(): which service it is, that one is started and shared, and what is said when it does not start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import speechkit
from speechkit import errors
from speechkit.client.options import Options
from speechkit.client.plan import Plan
from speechkit.client.recording import Recording
from speechkit.connect import Speech, connect, find_service, missing_extra, stop_service
from speechkit.settings import Settings
from tests.conftest import MODELS_HOME

CONNECT = "import speechkit; print(speechkit.connect(quiet=True).endpoint)"
OLD_SERVICE = """
import http.server, json, os, pathlib, sys
class Old(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"service": "speechkit local", "version": "0.0.1", "pid": os.getpid()}).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Old)
said = {"pid": os.getpid(), "port": server.server_port, "key": "k",
        "endpoint": f"http://127.0.0.1:{server.server_port}"}
pathlib.Path(sys.argv[1]).write_text(json.dumps(said))
server.serve_forever()
"""


def settings_of(home: Path, **given: Any) -> Settings:
    return Settings(_env_file=None, home=home, **given)  # type: ignore[call-arg]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A SPEECHKIT_HOME of its own, with the models of the machine; its service ends with the test."""
    home = tmp_path / "a home"
    home.mkdir()
    (home / "models").symlink_to(MODELS_HOME / "models")
    monkeypatch.setenv("SPEECHKIT_HOME", str(home))
    yield home
    stop_service(settings_of(home))


def test_the_package_s_name_is_the_function_whatever_is_imported_first() -> None:
    code = "import speechkit.connect, speechkit; from speechkit import connect; "
    code += "print(connect is speechkit.connect, callable(connect))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["True", "True"]


def test_two_kernels_that_start_together_share_one_service(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    stale = {"pid": gone.pid, "port": 9, "endpoint": "http://127.0.0.1:9", "key": "old"}
    (home / "service.json").write_text(json.dumps(stale))
    kernels = [
        subprocess.Popen([sys.executable, "-c", CONNECT], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    endpoints = {kernel.communicate(timeout=120)[0].strip() for kernel in kernels}
    assert [kernel.returncode for kernel in kernels] == [0, 0]
    assert len(endpoints) == 1, "the pipes are closed: the service holds none of them"

    speech = connect()
    assert speech.endpoint in endpoints
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert printed.startswith(f"speechkit: local service at {speech.endpoint} (running)")
    assert speech.is_local
    said = json.loads((home / "service.json").read_text())
    assert os.getsid(said["pid"]) != os.getsid(0), "Ctrl-C here does not end it"
    assert said["key"] not in f"{speech!r} {printed} {speech.client!r} {vars(speech)}"
    assert (home / "service.log").stat().st_mode & 0o077 == 0
    assert said["key"] not in (home / "service.log").read_text()
    assert said["key"].encode() not in Path(f"/proc/{said['pid']}/cmdline").read_bytes()

    assert stop_service(settings_of(home))
    assert find_service(settings_of(home)) is None
    assert not (home / "service.json").exists()
    assert not stop_service(settings_of(home))


def test_a_service_of_another_version_is_replaced(home: Path) -> None:
    old = subprocess.Popen([sys.executable, "-c", OLD_SERVICE, str(home / "service.json")])
    while not find_service(settings_of(home)):
        time.sleep(0.05)
    speech = connect(settings_of(home), quiet=True)
    assert old.wait(5) is not None
    found = find_service(settings_of(home))
    assert found is not None
    assert (found.version, found.endpoint) == (speechkit.__version__, speech.endpoint)
    assert "(started)" in repr(speech)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("", id="empty"),
        pytest.param("[1]", id="a-list"),
        pytest.param('{"pid": 1}', id="no-endpoint"),
        pytest.param('{"pid": 1, "key": "k", "endpoint": "ftp://x"}', id="another-protocol"),
        pytest.param('{"pid": 1, "key": "k", "endpoint": "http://127.0.0.1:9"}', id="nobody-listens"),
    ],
)
def test_a_state_file_that_leads_nowhere_is_no_service(home: Path, said: str) -> None:
    (home / "service.json").write_text(said)
    assert find_service(settings_of(home)) is None


def test_a_process_that_took_the_number_of_a_dead_one_is_not_killed(home: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", OLD_SERVICE, str(home / "service.json")])
    while not (home / "service.json").exists() or not find_service(settings_of(home)):
        time.sleep(0.05)
    said = json.loads((home / "service.json").read_text())
    (home / "service.json").write_text(json.dumps(said | {"pid": os.getpid()}))
    assert not stop_service(settings_of(home)), "what answers is another process than the file says"
    other.terminate()
    other.wait()


def test_when_it_does_not_start_the_end_of_its_log_is_shown(home: Path) -> None:
    (home / "service").write_text("a file where the service's folder should be")
    (home / "service.log").write_text("of an earlier start\n")
    with pytest.raises(errors.LocalServiceError, match="ended with code 1") as caught:
        connect(settings_of(home), quiet=True)
    assert "cannot be used" in str(caught.value)
    assert str(home / "service.log") in str(caught.value)
    assert "of an earlier start" not in str(caught.value)


def test_without_the_extra_it_says_how_to_install_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing_extra() == []
    monkeypatch.setattr(sys.modules["speechkit.connect"], "find_spec", lambda name: None)
    with pytest.raises(errors.LocalServiceError, match=r"pip install 'speechkit\[local\]'.*SPEECH_ENDPOINT"):
        connect(settings_of(home), quiet=True)


def test_a_home_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(errors.SettingsError, match="SPEECHKIT_HOME"):
        connect(settings_of(tmp_path / "file" / "home"), quiet=True)


def test_azure_when_it_is_configured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    speech = connect(settings_of(tmp_path, speech_endpoint="https://a.example", speech_key="s3cret"))
    assert capsys.readouterr().out == "speechkit: Azure Speech at https://a.example, api-version 2025-10-15\n"
    assert not speech.is_local
    assert speech.storage is None
    with pytest.raises(errors.SettingsError, match="fast mode"):
        speech.batch.submit(Plan((Recording("c", "c.wav", "c.wav", Options()),)))
    assert "s3cret" not in f"{speech!r} {vars(speech)}"


def test_the_settings_reach_the_client(tmp_path: Path) -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"values": []})

    given = settings_of(tmp_path, speech_api_version="2024-11-15", speech_key="k")
    speech = Speech(
        given,
        "https://westeurope.api.cognitive.microsoft.com",
        key=given.speech_key,
        transport=httpx.MockTransport(handler),
    )
    assert list(speech.client.pages("transcriptions")) == []
    assert seen[0].url.params["api-version"] == "2024-11-15"
    assert seen[0].headers["Ocp-Apim-Subscription-Key"] == "k"


def test_what_is_exported_is_there() -> None:
    for name in speechkit.__all__:
        assert getattr(speechkit, name) is not None, name
    assert dir(speechkit) == sorted(speechkit.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = speechkit.nothing


HEAVY = (
    "pandas",
    "numpy",
    "httpx",
    "azure",
    "openai",
    "pyarrow",
    "matplotlib",
    "papermill",
    "av",
    "scipy",
    "sklearn",
)


def test_importing_imports_nothing_heavy() -> None:
    """What takes time is imported when it is used."""
    code = f"import sys, speechkit; print([name for name in {HEAVY} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout.strip() == "[]"
