"""What every test stands on: a HOME of its own, no network but loopback, and figures without a window."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.local.service_fixture import Running

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"  # real recordings and official schemas, kept beside the repository

SKIPPED: list[str] = []

# Model files are large and immutable: tests read those of the machine, wherever HOME is redirected to.
MODELS_HOME = Path(os.environ.get("SPEECHKIT_MODELS_HOME", os.environ.get("SPEECHKIT_HOME", "~/.speechkit")))
MODELS_HOME = MODELS_HOME.expanduser().absolute()
os.environ["SPEECHKIT_MODELS_HOME"] = str(MODELS_HOME)
os.environ["MPLBACKEND"] = "Agg"
# As in the workers of the local service: small products of matrices are slower on two threads than on one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ["JUPYTER_PLATFORM_DIRS"] = "1"


def pytest_configure(config: pytest.Config) -> None:
    """Give the run one HOME, shared by the xdist workers so that they share one local service."""
    home = os.environ.get("SPEECHKIT_TEST_HOME")
    if home is None:
        import tempfile

        home = tempfile.mkdtemp(prefix="speechkit-test-")
        os.environ["SPEECHKIT_TEST_HOME"] = home
    for name in [n for n in os.environ if n.startswith(("SPEECH_", "STORAGE_", "OPENAI_", "AZURE_"))]:
        del os.environ[name]
    os.environ["HOME"] = home
    speechkit_home = Path(home) / ".speechkit"
    speechkit_home.mkdir(exist_ok=True)
    os.environ["SPEECHKIT_HOME"] = str(speechkit_home)
    (MODELS_HOME / "models").mkdir(parents=True, exist_ok=True)
    models = speechkit_home / "models"
    if not models.exists():
        with suppress(FileExistsError):  # another worker was faster
            models.symlink_to(MODELS_HOME / "models")


def pytest_unconfigure(config: pytest.Config) -> None:
    """The run that made the HOME ends the service in it and removes it."""
    if hasattr(config, "workerinput"):
        return
    import shutil
    import subprocess
    import sys

    home = os.environ.get("SPEECHKIT_TEST_HOME", "")
    if (Path(home) / ".speechkit" / "service.json").exists():
        subprocess.run([sys.executable, "-m", "speechkit.cli", "stop"], timeout=30, capture_output=True)
    if Path(home).name.startswith("speechkit-test-"):
        shutil.rmtree(home, ignore_errors=True)


def pytest_report_header(config: pytest.Config) -> str:
    """Say which versions a run was made with."""
    from importlib.metadata import version

    names = ["pandas", "httpx", "openai", "papermill", "onnxruntime", "av"]
    return "speechkit on " + ", ".join(f"{n} {version(n)}" for n in names)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test runs in an empty folder, so that no .env of a developer and no output of another test is read."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real recordings, official schemas and real results; skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the folder 'shared' with real recordings and schemas is not beside the repository")
    return SHARED


@pytest.fixture(scope="session")
def calls() -> Path:
    """The demo calls."""
    return ROOT / "data" / "calls"


LONG_LESSONS = ("01_choose_a_method.ipynb", "02_submit_batch.ipynb", "05_compare_realtime_and_batch.ipynb")
"""They recognize for a minute or stream for several: `make test` runs them by papermill on a few seconds of sound."""


@pytest.hookimpl(tryfirst=True)
@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service of a module's own whose recognizer hears `Hello.` in everything."""
    yield from _service(tmp_path_factory, "odd_engine:Engine")


@pytest.fixture(scope="module")
def none(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service of a module's own that recognizes nothing, and so takes no time."""
    yield from _service(tmp_path_factory, "none")


def _service(tmp_path_factory: pytest.TempPathFactory, engine: str) -> Iterator[Running]:
    from tests.local.service_fixture import start

    running = start(tmp_path_factory.mktemp("service"), "--engine", engine)
    yield running
    running.end()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Lessons that take minutes are for `make test-all`."""
    for item in items:
        if item.path.name in LONG_LESSONS:
            item.add_marker("slow")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember what was skipped: where SPEECHKIT_NO_SKIPS is set, a test that could not run is a failure."""
    if report.skipped and not hasattr(report, "wasxfail"):
        SKIPPED.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a run that was to leave nothing out and did."""
    if os.environ.get("SPEECHKIT_NO_SKIPS") and SKIPPED and not hasattr(session.config, "workerinput"):
        print(f"\nskipped, and nothing may be skipped here: {', '.join(SKIPPED)}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
