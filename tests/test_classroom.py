"""The folder of `make classroom`: what installs from it without a network, and what it refuses."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import MODELS_HOME, ROOT

INSTALL = ROOT / "classroom" / "install.sh"
CUT = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "cut"]  # no network but loopback


def student(home: Path, *command: str, cut: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command as somebody with an empty HOME, where pip and everybody else finds no network."""
    python = Path(sys.executable).resolve()
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHON": str(python)}
    wrapped = [*(CUT if cut else []), *command]
    return subprocess.run(wrapped, env=environment, cwd=home, capture_output=True, text=True, timeout=600)


@pytest.mark.parametrize("case", ["another kind", "lessons are there"])
def test_what_the_installation_refuses(tmp_path: Path, case: str) -> None:
    sys.path.insert(0, str(ROOT / "classroom"))
    try:
        from make_classroom import kind  # type: ignore[import-not-found]
    finally:
        sys.path.pop(0)
    shutil.copy(INSTALL, tmp_path)
    (tmp_path / "kind").write_text("Plan9 mips Python 2.7\n" if case == "another kind" else kind() + "\n")
    if case == "lessons are there":
        (tmp_path / "course" / "notebooks").mkdir(parents=True)
    done = student(tmp_path, "sh", "install.sh", str(tmp_path / "course"), cut=False)
    assert done.returncode == 1
    said = "for Plan9 mips Python 2.7" if case == "another kind" else "perhaps with somebody's work"
    assert said in done.stderr
    assert not (tmp_path / "course" / ".venv").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_lesson_with_the_network_cut(tmp_path: Path) -> None:
    if subprocess.run([*CUT, "true"], capture_output=True).returncode:
        pytest.skip("this machine does not let a test cut its network (unshare -n)")
    kit, home = tmp_path / "kit", tmp_path / "home"
    home.mkdir()
    made = subprocess.run(
        [sys.executable, str(ROOT / "classroom" / "make_classroom.py"), str(kit)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "SPEECHKIT_HOME": str(MODELS_HOME)},
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    installed = student(home, "sh", str(kit / "install.sh"))
    assert installed.returncode == 0, installed.stderr
    shutil.rmtree(kit)
    lesson = "papermill --no-progress-bar notebooks/00_start_here.ipynb out.ipynb && speechkit stop"
    done = student(home, "sh", "-c", f"cd speechkit-course && . ./environment && {lesson}")
    assert done.returncode == 0, done.stderr
    assert "the local service has ended" in done.stdout
    assert not (home / "service.json").exists()
