"""A JupyterLab of one's own on loopback, and a notebook run in it as a person runs it: by the menu."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "of-a-test"
CELLS = """() => jupyterapp.shell.currentWidget.content.widgets.filter((w) => w.model.type === "code").map((w) => ({
  source: w.model.sharedModel.getSource(), count: w.model.executionCount,
  outputs: w.model.outputs.toJSON().map((o) => [
    o.output_type, o.name || o.ename || "", String(o.text || o.evalue || "")]),
}))"""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def jupyterlab(home: Path) -> Iterator[str]:
    """Serve the folder `home/work` with settings of its own; gives the address. Lab's news stay away."""
    work = home / "work"
    work.mkdir(exist_ok=True)
    quiet = home / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    port = free_port()
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}",
        "--allow-root", f"--IdentityProvider.token={TOKEN}", "--LabApp.extension_manager=readonly",
        "--LabApp.expose_app_in_browser=True", f"--notebook-dir={work}",
    ]  # fmt: skip
    own = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "RUNTIME")}
    own |= {
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "spaces"),
    }
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=os.environ | own | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            assert server.poll() is None, (home / "log").read_text()[-3000:]
            try:
                if httpx.get(f"{address}/api", timeout=2).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


def run_all(page: Page, address: str, path: str, workspace: str = "") -> None:
    """Open a notebook by its path and choose Run, Run All Cells; does not wait for its end.

    A workspace of its own lets several notebooks be open at once, each in its page.
    """
    space = f"/workspaces/{workspace}" if workspace else ""
    page.goto(f"{address}/lab{space}/tree/{path}?token={TOKEN}&reset")
    page.get_by_text("| Idle").wait_for(timeout=90_000)
    page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Run$")).click()
    page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()


def cells(page: Page) -> list[dict[str, Any]]:
    """Source, count and outputs of the code cells of the notebook that is open, shown or scrolled away."""
    return list(page.evaluate(CELLS))


def is_over(page: Page) -> bool:
    """Whether every cell ran, or one raised, after which Lab runs no more."""
    raised = any(kind == "error" for cell in cells(page) for kind, _, _ in cell["outputs"])
    done = all(cell["count"] for cell in cells(page))
    return (done or raised) and page.get_by_text("| Idle").count() > 0
