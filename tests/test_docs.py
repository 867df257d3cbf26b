"""The documents are true: their Python blocks run, their commands exist, their links lead somewhere."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT

DOCS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "data" / "README.md",
]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


def blocks(language: str) -> list[object]:
    """Every fenced block of one language, one document at a time, in order."""
    found = []
    for path in DOCS:
        for number, (name, text) in enumerate(FENCE.findall(path.read_text()), 1):
            if name == language:
                found.append(pytest.param(path, text, id=f"{path.name}-{number}"))
    return found


WITH_PYTHON = [path for path in DOCS if "```python" in path.read_text()]


@pytest.mark.parametrize("path", WITH_PYTHON, ids=lambda p: p.name)
def test_python_blocks_run(path: Path) -> None:
    """The blocks of a document follow each other, in a folder where `make demo` has run."""
    shutil.copytree(ROOT / "data" / "corpus", "corpus/demo")
    namespace = {"__name__": "__main__"}
    for language, text in FENCE.findall(path.read_text()):
        if language == "python":
            exec(compile(text, str(path), "exec"), namespace)


@pytest.mark.parametrize(("path", "text"), blocks("console"))
def test_commands_exist(path: Path, text: str) -> None:
    from typer.main import get_command

    from speechkit.cli import app

    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    commands = get_command(app).commands  # type: ignore[attr-defined]
    for line in text.replace("\\\n", " ").splitlines():
        words = line.split("#")[0].split()
        if words[:1] == ["make"]:
            assert set(words[1:]) - {w for w in words if "=" in w} <= targets
        if words[:1] == ["speechkit"] and len(words) > 1:
            assert words[1] in commands
            command = commands[words[1]]
            command = getattr(command, "commands", {}).get(words[2], command) if words[2:] else command
            options = {o for p in command.params for o in p.opts}
            assert {w.split("=")[0] for w in words[2:] if w.startswith("-")} <= options | {"--help", "-h"}


@pytest.mark.parametrize("path", DOCS, ids=lambda p: p.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text()
    anchors = {
        re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)", text, re.M)
    }
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        elif "://" not in target:
            assert (path.parent / target.split("#")[0]).exists(), target


def test_every_command_of_the_makefile_is_listed() -> None:
    text = (ROOT / "Makefile").read_text()
    helped = set(re.findall(r"^([a-z-]+):.*##", text, re.M))
    assert {"demo", "test", "test-all", "lab", "serve", "data", "bench", "lint", "clean"} <= helped
