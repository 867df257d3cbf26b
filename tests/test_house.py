"""The house rules that a person would otherwise have to remember."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

from tests.conftest import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGE = sorted((ROOT / "speechkit").rglob("*.py"))
CONDA_NAMES = {"pysoundfile": "soundfile", "soxr-python": "soxr", "matplotlib-base": "matplotlib"}
LOCKS = ["requirements.lock", "requirements-dev.lock"]


def tracked() -> list[Path]:
    """The files of the repository, without what git ignores."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [ROOT / name for name in names if (ROOT / name).is_file()]


# --- what may import what ----------------------------------------------------------------------------------------

EVERYONE = {"errors", "limits", "lock", "progress", "audio", "numerals", "whole", "each", "census"}
MAY_IMPORT = {
    "errors": set(),
    "limits": set(),
    "lock": set(),
    "progress": set(),
    "numerals": {"errors"},
    "census": set(),
    "audio": {"errors", "limits", "progress", "whole"},
    "whole": set(),
    "each": {"errors"},
    "settings": {"errors", "limits"},
    "demo": EVERYONE,
    "shapes": set(),
    "transcripts": EVERYONE,
    "client": EVERYONE | {"transcripts", "settings"},
    "analysis": EVERYONE | {"transcripts"},
    "insight": EVERYONE | {"transcripts", "settings"},
    "display": EVERYONE | {"transcripts", "analysis"},
    # which calls a report is of; the nursery of kernels practises what a report does
    "reports": EVERYONE | {"analysis", "display", "settings", "transcripts"},
    "local": EVERYONE,
}
KNOW_ALL = {"connect", "cli", "doctor", "forget", "verify", "weekly", "__init__"}


def part_of(path: Path) -> str:
    relative = path.relative_to(ROOT / "speechkit")
    return relative.parts[0].removesuffix(".py")


def imported_parts(path: Path) -> set[str]:
    """The parts of speechkit that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module]
            if node.module == "speechkit":
                modules = [f"speechkit.{alias.name}" for alias in node.names]
        found |= {m.split(".")[1] for m in modules if m.startswith("speechkit.")}
    return found


@pytest.mark.parametrize("path", PACKAGE, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    part = part_of(path)
    parts = imported_parts(path) - {part, "__version__"}
    if part in KNOW_ALL:
        assert "local" not in parts, "connect starts the local service; nobody imports it"
        return
    assert part in MAY_IMPORT, f"say in tests/test_house.py and docs/design.md what {part} may import"
    assert parts <= MAY_IMPORT[part]


@pytest.mark.parametrize("path", PACKAGE, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_is_one_room(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", PACKAGE, ids=lambda p: str(p.relative_to(ROOT)))
def test_what_is_public_is_documented(path: Path) -> None:
    tree = ast.parse(path.read_text())
    nodes = [
        tree,
        *(n for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)),
    ]
    missing = [
        getattr(n, "name", path.name)
        for n in nodes
        if not getattr(n, "name", "").startswith("_")
        and not ast.get_docstring(n)
        # the forms of a function's signature; the function itself follows
        and not any(isinstance(d, ast.Name) and d.id == "overload" for d in getattr(n, "decorator_list", ()))
    ]
    assert missing == []


def test_import_loads_nothing_heavy() -> None:
    code = (
        "import sys, speechkit; "
        "print(sorted({'pandas', 'numpy', 'httpx', 'openai', 'matplotlib', 'av', 'azure'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


# --- what is installed -------------------------------------------------------------------------------------------


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(lock: str, python: str = "3.12") -> dict[str, str]:
    """The versions of a lock file that hold for one Python on Linux."""
    env = {"python_version": python, "python_full_version": python + ".0", "sys_platform": "linux",
           "platform_system": "Linux", "platform_python_implementation": "CPython", "implementation_name": "cpython",
           "platform_machine": "x86_64", "os_name": "posix"}  # fmt: skip
    rows = re.findall(
        r"^([\w.-]+(?:\[[^]]*\])?)==([^\s;\\]+)(?:\s*;\s*([^\\\n]+))?", (ROOT / lock).read_text(), re.M
    )
    return {normal(n.split("[")[0]): v for n, v, marker in rows if not marker or Marker(marker).evaluate(env)}


def required(*extras: str) -> set[str]:
    project = PYPROJECT["project"]
    lines = [
        *project["dependencies"],
        *(line for e in extras for line in project["optional-dependencies"][e]),
    ]
    return {normal(Requirement(line).name) for line in lines}


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_carries_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert not re.search(r"://|--(extra-)?index-url|--find-links", text)
    assert "--hash=sha256:" in text


@pytest.mark.parametrize(
    ("lock", "extras"),
    [("requirements.lock", ["local", "realtime"]), ("requirements-dev.lock", ["local", "realtime", "test"])],
)
def test_lock_pins_what_pyproject_asks_for(lock: str, extras: list[str]) -> None:
    assert required(*extras) <= set(pinned(lock))


def test_both_locks_agree() -> None:
    small, large = (pinned(lock) for lock in LOCKS)
    assert small.items() <= large.items()


def test_environment_yml_is_the_same_environment() -> None:
    rows = re.findall(r"^\s+- ([\w.-]+)=+([\d.]+)", (ROOT / "environment.yml").read_text(), re.M)
    pins = {normal(CONDA_NAMES.get(name, name)): version.rstrip(".") for name, version in rows}
    python = pins.pop("python")
    assert set(pins) == required("local", "realtime") | {"nbval", "pytest"}
    locked = pinned("requirements-dev.lock", python)
    assert pins == {name: ".".join(locked[name].split(".")[:2]) for name in pins}


def test_pip_section_of_environment_yml_is_last() -> None:
    lines = (ROOT / "environment.yml").read_text().rstrip().splitlines()
    pip = lines.index("  - pip:")
    assert all(line.startswith("      - ") for line in lines[pip + 1 :])
    assert lines[-1].strip() == "- -e ."
    assert "  - nodefaults" in lines


# --- what must not be in the repository --------------------------------------------------------------------------


TEXT = {
    ".py",
    ".md",
    ".ipynb",
    ".toml",
    ".yml",
    ".yaml",
    ".json",
    ".html",
    ".css",
    ".js",
    ".txt",
    ".lock",
    "",
}


def test_no_secret_and_no_path_of_a_machine() -> None:
    found = []
    for path in tracked():
        if path.suffix not in TEXT or path.stat().st_size > 4_000_000:
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        machine = re.search(r"(?<![\w.~$}])/(?:home|work|root)/\w[^\s\"']*", text)
        secret = re.search(r"[?&]sig=[A-Za-z0-9%+/]{20,}|-----BEGIN [A-Z ]*PRIVATE KEY", text)
        if "tests" not in path.parts and machine:
            found.append(f"{path.name}: {machine.group(0)}")
        if secret and path.name != "test_house.py":
            found.append(f"{path.name}: looks like a secret")
    assert found == []


def test_nothing_is_too_large() -> None:
    large = {p.name: p.stat().st_size for p in tracked() if p.stat().st_size > 4_000_000}
    assert large == {}
