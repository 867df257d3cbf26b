"""Many reports: each made when it must be, none lost to another's failure, in kernels that are forked."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest

from speechkit import open_corpus
from speechkit.errors import ReportError
from speechkit.progress import Progress
from speechkit.reports import fleet, run_report
from speechkit.reports.fleet import JOURNAL, Order, plan_reports, run_reports
from speechkit.reports.kernels import ForkedKernel, nursery, use_forks
from speechkit.transcripts.corpus import Corpus
from speechkit.transcripts.schema import Transcript

SOURCE = """\
import json, os, sys
from pathlib import Path
print("call", call, "pid", os.getpid(), "new", "seen" not in globals(), len(sys.modules) > 300)
seen = True
if call == fails:
    raise ValueError("no such thing")
if call == dies:
    os._exit(7)
"""


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """A report that needs next to nothing, and fails or dies when it is told to."""
    cells = [
        nbformat.v4.new_markdown_cell("# A small report", id="a"),
        nbformat.v4.new_code_cell(
            'corpus: str = ""  # folder\ncall: str = ""  # call\nagent: str = ""  # agent\nstart: str = ""  # day\n'
            'end: str = ""  # day\nqueue: str = ""  # queue\nfails: str = ""  # a call\ndies: str = ""  # a call',
            id="b", metadata={"tags": ["parameters"]},
        ),
        nbformat.v4.new_code_cell(SOURCE, id="c"),
    ]  # fmt: skip
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = tmp_path / "small.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec}), path)
    return path


def calls(*names: str) -> Transcript:
    phrases = [(name, f"{name}:0001", 0.0, 1.0, f"Words of {name}.") for name in names]
    columns = ["call_id", "phrase_id", "start_s", "end_s", "display"]
    about = pd.DataFrame(
        {
            "call_id": names,
            "agent": [("Ann" if n % 2 else "Bob/..\\x") for n in range(len(names))],
            "recorded_at": pd.date_range("2026-09-01", periods=len(names)),
        }
    )
    return Transcript(about, pd.DataFrame(phrases, columns=columns))


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    shelf = open_corpus(tmp_path / "corpus", create=True)
    shelf.add(calls("c1", "c2", "c3"))
    return shelf


def said(folder: Path, name: str) -> str:
    node: Any = nbformat.read(folder / f"{name}.ipynb", as_version=4)
    return "\n".join(o.get("text", "") for c in node.cells for o in c.get("outputs", []))


def test_a_fleet_from_the_first_report_to_the_last(notebook: Path, corpus: Corpus, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told: list[Progress] = []
    first = run_reports(
        notebook, corpus=corpus.path, out=out, parameters={"fails": "c2"}, progress=told.append
    )
    assert first["status"].tolist() == ["made", "failed", "made"]
    assert "ValueError: no such thing" in first["error"][1]
    assert (out / "c2.failed.ipynb").exists()
    assert [p.done for p in told] == [1, 2, 3]
    for name in ("c1", "c3"):
        assert f"call {name} " in said(out, name)
        assert "new True" in said(out, name)
        assert (out / f"{name}.html").exists()
    pids = set(re.findall(r"pid (\d+)", said(out, "c1") + said(out, "c3")))
    assert len(pids) == 2, "each report has a kernel of its own"
    page = (out / "index.html").read_text()
    assert '"c1.html"' in page
    assert "1 failed" in page

    # again: what was made stays, what failed is tried once more
    before = (out / "c1.html").stat().st_mtime_ns
    second = run_reports(notebook, corpus=corpus.path, out=out, parameters={"fails": "c2"})
    assert second["status"].tolist() == ["unchanged", "failed", "unchanged"]
    assert (out / "c1.html").stat().st_mtime_ns == before

    # a call that changed, one that came, one that went
    changed = calls("c3").phrases.assign(display="Something else.")
    corpus.add(Transcript(calls("c3").calls, changed), again=True)
    corpus.remove("c1")
    corpus.add(calls("c4"))
    third = run_reports(notebook, corpus=corpus.path, out=out, parameters={"fails": "c2"})
    assert dict(zip(third["key"], third["status"], strict=True)) == {
        "c2": "failed",
        "c3": "made",
        "c4": "made",
    }
    assert not (out / "c1.html").exists()
    assert not (out / "c1.ipynb").exists()


def test_a_kernel_that_dies_is_one_failed_report(notebook: Path, corpus: Corpus, tmp_path: Path) -> None:
    table = run_reports(
        notebook, corpus=corpus.path, out=tmp_path / "out", parameters={"dies": "c1"}, workers=1
    )
    assert table["status"].tolist() == ["failed", "made", "made"]
    assert "could not be finished" in table["error"][0]


def test_two_fleets_do_not_share_a_folder(notebook: Path, corpus: Corpus, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with (out / ".lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ReportError, match="another process makes reports in"):
            run_reports(notebook, corpus=corpus.path, out=out)


@pytest.mark.parametrize(
    ("by", "keys", "chosen"),
    [
        pytest.param("call", ["c1", "c2", "c3"], {"call": "c1"}, id="is-it-one-for-each-call?"),
        pytest.param("agent", ["Ann", "Bob/..\\x"], {"agent": "Ann"}, id="is-it-one-for-each-agent?"),
        pytest.param("day", ["2026-09-01", "2026-09-02", "2026-09-03"], {"start": "2026-09-01", "end": "2026-09-01"},
                     id="is-it-one-for-each-day?"),
    ],
)  # fmt: skip
def test_what_is_planned(
    notebook: Path, corpus: Corpus, by: Any, keys: list[str], chosen: dict[str, str]
) -> None:
    orders = plan_reports(notebook, corpus, by, {})
    assert [order.key for order in orders] == keys
    assert orders[0].parameters == chosen
    assert all(re.fullmatch(r"[\w.-]+\.html", order.file) for order in orders)


@pytest.mark.parametrize(
    ("by", "parameters", "message"),
    [
        pytest.param("queue", {}, "have no column 'queue'", id="is-a-missing-column-named?"),
        pytest.param("call", {"fale": "x"}, "Did you mean 'fails'", id="is-a-mistyped-parameter-named?"),
    ],
)
def test_what_is_refused(
    notebook: Path, corpus: Corpus, by: Any, parameters: dict[str, str], message: str
) -> None:
    with pytest.raises(ReportError, match=message):
        plan_reports(notebook, corpus, by, parameters)


def test_names_that_a_file_system_takes_for_one_are_two() -> None:
    from speechkit.reports.fleet import _file_name

    taken: dict[str, int] = {}
    names = [_file_name(key, taken) for key in ("Ann", "ann", "index", "../etc", "")]
    assert names == ["Ann.html", "ann_2.html", "index_1.html", "etc.html", "report.html"]


def test_an_empty_corpus_has_an_empty_index(notebook: Path, tmp_path: Path) -> None:
    open_corpus(tmp_path / "none", create=True)
    assert run_reports(notebook, corpus=tmp_path / "none", out=tmp_path / "out").empty
    assert "no reports" in (tmp_path / "out" / "index.html").read_text()


def test_a_journal_cut_by_a_full_disk_is_read_as_far_as_it_goes(
    notebook: Path, corpus: Corpus, tmp_path: Path
) -> None:
    from speechkit.reports.fleet import _read_journal

    (tmp_path / JOURNAL).write_text(json.dumps({"file": "a.html", "status": "made"}) + '\n{"file": "b.h')
    assert list(_read_journal(tmp_path)) == ["a.html"]


# --- bad days ---


@pytest.mark.slow
def test_a_disk_that_is_full_ends_the_run_and_loses_nothing(
    notebook: Path, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, noted = tmp_path / "out", []

    def full(folder: Path, order: Order, status: str, error: str) -> None:
        noted.append(order.key)
        if len(noted) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        note(folder, order, status, error)

    note = fleet._note
    with monkeypatch.context() as patch:
        patch.setattr(fleet, "_note", full)
        with pytest.raises(ReportError, match=r"No space left on device. Make room there and run this again"):
            run_reports(notebook, corpus=corpus.path, out=out, workers=1)
    table = run_reports(notebook, corpus=corpus.path, out=out, workers=1)
    assert sorted(table["status"]) == ["made", "made", "unchanged"]


def test_a_page_that_finds_no_room_is_one_failed_report(
    notebook: Path, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(ReportError, match=r"c1.html cannot be written: No space left on device"):
        run_report(notebook, corpus=corpus.path, out=tmp_path / "out" / "c1.html", parameters={"call": "c1"})
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said_before_anything_runs(
    notebook: Path, corpus: Corpus, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ReportError, match=r"file/out cannot be written: Not a directory. Choose another"):
        run_reports(notebook, corpus=corpus.path, out=tmp_path / "file" / "out")


@pytest.mark.slow
def test_twenty_thousand_calls_are_planned_skipped_and_listed(notebook: Path, tmp_path: Path) -> None:
    shelf = open_corpus(tmp_path / "many", create=True)
    shelf.add(calls(*(f"call{number:05d}" for number in range(20_000))))
    out = tmp_path / "out"
    out.mkdir()
    orders = plan_reports(notebook, shelf, "call", {})
    rows = (
        {"key": o.key, "file": o.file, "status": "made", "error": "", "of": o.fingerprint} for o in orders
    )
    (out / JOURNAL).write_text("".join(json.dumps(row) + "\n" for row in rows))
    for order in orders:
        (out / order.file).touch()
    (out / "call00007.html").unlink()
    table = run_reports(notebook, corpus=shelf.path, out=out)
    assert table["status"].value_counts().to_dict() == {"unchanged": 19_999, "made": 1}
    page = (out / "index.html").read_text()
    assert page.count('"file": ') == 20_000
    assert len(page) < 5_000_000
    assert "const PAGE = 200" in page, "rows are drawn by the page"


# --- the kernels ---


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="kernels are forked on Linux only")
def test_kernels_end_with_their_nursery_and_tell_how(tmp_path: Path) -> None:
    connection = tmp_path / "connection.json"
    info = {"transport": "ipc", "ip": str(tmp_path / "k"), "key": "x", "signature_scheme": "hmac-sha256"}
    connection.write_text(
        json.dumps(
            info | {f"{n}_port": p for p, n in enumerate(("shell", "iopub", "stdin", "control", "hb"), 1)}
        )
    )
    with nursery() as address:
        assert address
        first, second = (
            ForkedKernel.ask(address, str(connection), str(tmp_path), dict(os.environ)) for _ in range(2)
        )
        assert first.poll() is None
        first.send_signal(signal.SIGTERM)
        assert first.wait(20) in (-signal.SIGTERM, 0, 1)
        assert first.poll() == first.returncode
    assert second.wait(5) == -signal.SIGKILL
    for _ in range(100):
        if not Path(f"/proc/{second.pid}").exists():
            break
        time.sleep(0.05)
    assert not Path(f"/proc/{second.pid}").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="kernels are forked on Linux only")
def test_a_nursery_that_has_died_refuses_and_leaves_nothing_open(tmp_path: Path) -> None:
    address = str(tmp_path / "nursery")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(address)
    with pytest.raises(ConnectionRefusedError):  # a socket that stays open is a warning, and so an error
        ForkedKernel.ask(address, "", "", {})


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="kernels are forked on Linux only")
def test_kernels_end_by_themselves_when_their_report_is_made(
    notebook: Path, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, kernels = ForkedKernel.ask, list[ForkedKernel]()
    monkeypatch.setattr(ForkedKernel, "ask", lambda *given: kernels.append(asked(*given)) or kernels[-1])
    monkeypatch.setenv("SPEECHKIT_NURSERY", "")
    with nursery() as address:
        use_forks(address)
        for _ in range(6):
            given = {"call": corpus.call_ids[0]}
            run_report(notebook, corpus=corpus.path, out=tmp_path / "a.html", parameters=given)
    assert [kernel.returncode for kernel in kernels] == [0] * 6, "none had to be told twice"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="kernels are forked on Linux only")
@pytest.mark.slow
def test_reports_come_when_the_nursery_has_died(
    notebook: Path, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as nobody_listens:
        nobody_listens.bind(str(tmp_path / "nursery"))
        monkeypatch.setattr("speechkit.reports.fleet.nursery", lambda: nullcontext(str(tmp_path / "nursery")))
        table = run_reports(notebook, corpus=corpus.path, out=tmp_path / "out", workers=2)
    assert table["status"].tolist() == ["made"] * 3


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="kernels are forked on Linux only")
def test_a_nursery_has_one_thread_and_dies_with_whoever_started_it(tmp_path: Path) -> None:
    script = (
        "import os, time\nfrom speechkit.reports.kernels import nursery, ForkedKernel\n"
        "with nursery() as address:\n"
        "    while not os.path.exists(address): time.sleep(.05)\n"
        "    import socket\n    line = socket.socket(socket.AF_UNIX)\n"
        "    while line.connect_ex(address): time.sleep(.05)\n"
        "    line.sendall(b'nothing\\n')\n    line.recv(1)\n"  # it has imported all when it answers
        "    children = open(f'/proc/{os.getpid()}/task/{os.getpid()}/children').read().split()\n"
        "    print(children[0], len(os.listdir(f'/proc/{children[0]}/task')), flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        pid, threads = process.stdout.readline().split()
        assert threads == "1"
        process.kill()
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists():
            break
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads are counted in /proc")
def test_a_prepared_process_has_what_reports_need_and_no_thread_more() -> None:
    code = (
        "import os, sys, speechkit.reports.fleet; before = len(os.listdir('/proc/self/task')); "
        "import speechkit.reports.prepared; after = len(os.listdir('/proc/self/task')); "
        "print(after - before, 'papermill.execute' in sys.modules, sys.modules['rfc3987_syntax'])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["0", "True", "None"]
