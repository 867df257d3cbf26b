"""Items are worked on elsewhere, none twice in the answer, none lost with a process that dies."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from speechkit.each import each
from speechkit.errors import WorkersError
from tests.cluster import cluster


def double(folder: Path, item: int) -> int:
    """Twice a number; -1 raises, from 100 on the process dies, from 200 on always, else the first time only."""
    if item < 0:
        raise KeyError(f"no {item}")
    died = folder / str(item)
    if item >= 200 or (item >= 100 and not died.exists()):
        died.touch()
        os._exit(9)
    return 2 * item


def where(item: int) -> tuple[int, int]:
    """Which process works, and who started it."""
    return os.getpid(), os.getppid()


def wait(item: int) -> int:
    time.sleep(0.2)
    return item


def gone(item: int) -> int:
    return 0


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("distributed")
    with cluster(tmp_path_factory.mktemp("dask"), workers=2) as address:
        yield address


@pytest.fixture(
    params=[pytest.param("here", id="here"), pytest.param("dask", id="dask", marks=pytest.mark.slow)]
)
def address(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "here" else str(request.getfixturevalue("dask"))


def test_every_item_has_its_answer_once(address: str | None, tmp_path: Path) -> None:
    items = list(range(40))
    found = list(each(partial(double, tmp_path), iter(items), workers=2, scheduler=address))
    assert sorted(found) == [(item, 2 * item) for item in items]


def test_the_work_is_done_in_two_other_processes(address: str | None) -> None:
    pids = {pid for _, (pid, _) in each(where, range(40), workers=2, scheduler=address)}
    assert os.getpid() not in pids
    assert len(pids) <= 2


def test_what_the_function_raises_is_raised_here(address: str | None, tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="no -1"):
        list(each(partial(double, tmp_path), [1, -1, 2], workers=2, scheduler=address))


def test_a_process_that_dies_takes_no_other_item_with_it(address: str | None, tmp_path: Path) -> None:
    items = [*range(10), 100, *range(10, 20), 200, 20]
    found = dict(each(partial(double, tmp_path), items, workers=2, scheduler=address, lost=gone))
    assert found == {item: 0 if item == 200 else 2 * item for item in items}


def test_nobody_answers_for_a_process_that_dies_twice(tmp_path: Path) -> None:
    with pytest.raises(WorkersError, match="worked on 200 died twice"):
        list(each(partial(double, tmp_path), [200], workers=1))


def test_a_script_without_a_guard_is_told_what_to_do(tmp_path: Path) -> None:
    """Each worker reads the script, and would start workers of its own."""
    script = tmp_path / "script.py"
    script.write_text(
        "print('read')\nfrom speechkit.each import each\nprint(list(each(abs, range(9), workers=2)))\n"
    )
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 1
    assert '`if __name__ == "__main__":`' in run.stderr.splitlines()[-1]
    assert run.stdout.splitlines().count("read") <= 4  # the script, two workers, and one that was tried alone


def test_who_stops_early_waits_for_nothing_more(tmp_path: Path) -> None:
    for item, answer in each(partial(double, tmp_path), range(10_000), workers=1):
        assert answer == 2 * item
        break


@pytest.mark.parametrize(
    ("scheduler", "message"),
    [
        pytest.param("tcp://127.0.0.1:9", "no Dask scheduler answers at", id="nobody-there?"),
        pytest.param("nonsense", "no Dask scheduler answers at nonsense", id="no-address?"),
    ],
)
def test_a_scheduler_that_cannot_be_used_is_said(
    scheduler: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speechkit.each._PATIENCE_S", 0.5)
    with pytest.raises(WorkersError, match=message):
        list(each(abs, [1], scheduler=scheduler))


@pytest.mark.slow
def test_a_scheduler_that_goes_away_is_said(tmp_path: Path) -> None:
    distributed: Any = pytest.importorskip("distributed")
    with cluster(tmp_path, workers=1) as address:
        answers = each(wait, range(1000), scheduler=address)
        next(answers)
        with distributed.Client(address, set_as_default=False) as other:
            other.shutdown()
        with pytest.raises(WorkersError, match="went away"):
            list(answers)


@pytest.mark.slow
def test_a_scheduler_without_workers_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speechkit.each._PATIENCE_S", 2.0)
    with (
        cluster(tmp_path, workers=0) as address,
        pytest.raises(WorkersError, match=r"has no workers. Start some with: dask worker tcp"),
    ):
        list(each(abs, [1], scheduler=address))


def test_a_missing_extra_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(WorkersError, match=r"pip install 'speechkit\[dask\]'"):
        list(each(abs, [1], scheduler="tcp://127.0.0.1:9"))


def told(name: str) -> str | None:
    return os.environ.get(name)


def test_workers_have_the_environment_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("first", "second", None):  # the server that forks them was started with another
        monkeypatch.setenv("SAID", value) if value else monkeypatch.delenv("SAID")
        assert list(each(told, ["SAID"], workers=1)) == [("SAID", value)]
