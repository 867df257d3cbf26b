"""Where recordings come from: uploads, allowed hosts, and nothing else."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from speechkit import limits
from speechkit.local.fetch import configured_hosts
from tests.local.service_fixture import (
    KEY,
    Inside,
    failures,
    inside,
)


class Files(http.server.BaseHTTPRequestHandler):
    """Serves what its path says."""

    def do_GET(self) -> None:
        status, _, name = self.path.strip("/").partition("/")
        if status == "redirect":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:1/secret")
            self.end_headers()
            return
        if status == "close":
            self.close_connection = True
            return
        self.send_response(int(status))
        body = b"sound" * 10
        self.send_header("Content-Length", str(len(body) + (7 if name == "short" else 0)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def files() -> Iterator[str]:
    """The address of a server of files on this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        ("/200/a.wav", None, ""),
        ("/200/recordings/../recordings/x.wav", None, ""),
        ("/403/a.wav", "InvalidUri", "Authentication failed for recordings URI."),
        ("/404/a.wav", "InvalidUri", "The recordings URI is invalid. The storage answered 404."),
        ("/503/a.wav", "Transient", "The storage answered 503."),
        ("/redirect/a.wav", "InvalidUri", "The storage answered 302."),
        ("/close/a.wav", "InvalidUri", "It cannot be reached"),
        ("/200/short", "InvalidUri", "It cannot be reached"),
    ],
)
def test_recordings_from_an_allowed_host(
    files: str, tmp_path: Path, path: str, kind: str | None, message: str
) -> None:
    with inside(None, tmp_path, allowed=[files.removeprefix("http://")]) as local:
        job, made = local.transcribe(files + path)
        assert job["status"] == ("Failed" if kind else "Succeeded")
        assert [k for k, _ in failures(made)] == ([kind] if kind else [])
        assert all(message in said for _, said in failures(made))
    assert list((tmp_path / "downloads").iterdir()) == []


def test_a_recording_that_is_too_large_is_not_taken(
    files: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_BATCH_BYTES", 20)
    with inside(None, tmp_path, allowed=["127.0.0.1"]) as local:
        _, made = local.transcribe(files + "/200/a.wav")
        assert failures(made)[0][0] == "InvalidData"
    assert list((tmp_path / "downloads").iterdir()) == []


def test_this_machine_is_not_read_from_unless_it_is_allowed(local: Inside, files: str) -> None:
    urls = [f"{files}/200/a.wav", "http://localhost:22/x", "http://[::1]/x", "http://169.254.169.254/latest"]
    _, made = local.transcribe(*urls)
    assert [kind for kind, _ in failures(made)] == ["InvalidUri"] * 4


@pytest.mark.parametrize("change", ["tampered", "removed"])
def test_an_upload_is_read_only_with_its_signature(local: Inside, change: str) -> None:
    url = local.publish()
    if change == "removed":
        local.client.delete("/recordings/call.wav", headers={"api-key": KEY})
    else:
        url = url.replace("sig=", "sig=x")
    _, made = local.transcribe(url)
    assert failures(made)[0][0] == "InvalidUri"
    assert "Publish" in failures(made)[0][1]


@pytest.mark.parametrize(
    ("variables", "hosts"),
    [
        ({}, []),
        ({"SPEECHKIT_ALLOWED_HOSTS": "a.example, b.example:80,"}, ["a.example", "b.example:80"]),
        ({"STORAGE_ACCOUNT_URL": "https://acc.blob.core.windows.net/"}, ["acc.blob.core.windows.net"]),
        (
            {"STORAGE_CONNECTION_STRING": "AccountName=a;AccountKey=x==;BlobEndpoint=http://127.0.0.1:10/a;"},
            ["127.0.0.1:10"],
        ),
        (
            {"STORAGE_CONNECTION_STRING": "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=x"},
            ["a.blob.core.windows.net"],
        ),
        ({"STORAGE_CONNECTION_STRING": "UseDevelopmentStorage=true"}, ["127.0.0.1:10000"]),
    ],
)
def test_the_configured_storage_is_allowed(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], hosts: list[str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert configured_hosts() == hosts
