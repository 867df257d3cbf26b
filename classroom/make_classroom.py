"""Gather a folder that installs speechkit on a machine of the same kind without a network: `make classroom`.

Wheels of exactly the pinned versions and of speechkit itself, the model files, and a pristine copy of the lessons and
their data as they are committed, with `install.sh`.
"""

from __future__ import annotations

import io
import platform
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from speechkit.local.models import MODELS, verify_models
from speechkit.settings import read_settings

ROOT = Path(__file__).resolve().parent.parent
COURSE = ("notebooks", "data", "docs", "README.md", "LICENSE")


def make(kit: Path) -> None:
    """Fill the folder; wheels that are there already are checked and kept."""
    wheels = kit / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    print("== the wheels", flush=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    pinned = ["--require-hashes", "-r", str(ROOT / "requirements.lock"), "-d", str(wheels)]
    subprocess.run([*pip, "download", "--no-deps", "--only-binary", ":all:", *pinned], check=True)
    for old in wheels.glob("speechkit-*.whl"):
        old.unlink()
    subprocess.run([*pip, "wheel", "--no-deps", "-w", str(wheels), str(ROOT)], check=True)
    print("== the models", flush=True)
    home = read_settings().home
    verify_models(home)
    for model in MODELS:
        shutil.copytree(home / "models" / model.folder, kit / "models" / model.folder, dirs_exist_ok=True)
    print("== the lessons", flush=True)
    shutil.rmtree(kit / "course", ignore_errors=True)
    committed = subprocess.run(
        ["git", "archive", "--format=tar", "HEAD", *COURSE], cwd=ROOT, capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(committed)) as archive:
        archive.extractall(kit / "course", filter="data")
    shutil.copy(ROOT / "classroom" / "install.sh", kit / "install.sh")
    (kit / "kind").write_text(kind() + "\n")
    size = sum(path.stat().st_size for path in kit.rglob("*") if path.is_file())
    count = len(list(wheels.glob("*.whl")))
    print(f"{kit}: {count} wheels, {size / 1e6:.0f} MB; carry it over, then: sh install.sh [FOLDER]")


def kind() -> str:
    """What a machine must be for these wheels, as `install.sh` asks for it."""
    return (
        f"{platform.system()} {platform.machine()} Python {sys.version_info.major}.{sys.version_info.minor}"
    )


if __name__ == "__main__":
    make(Path(sys.argv[1]).absolute())
