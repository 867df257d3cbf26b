"""The unattended week: recordings to reports, twice without a difference, and after every kind of bad night."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from datetime import date, datetime, timedelta
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner, Result

from speechkit.cli import app
from speechkit.client.batch import list_runs
from speechkit.client.starting import open_ledger
from speechkit.errors import SettingsError
from speechkit.insight.search import search
from speechkit.insight.summaries import summarize_calls
from speechkit.reports import pdf
from speechkit.settings import read_settings
from speechkit.transcripts.corpus import open_corpus
from speechkit.weekly.config import Report, read_config
from speechkit.weekly.job import Job
from speechkit.weekly.week import Week, dated_recordings, recordings_of
from tests.client.conftest import make_recording
from tests.cluster import cluster
from tests.local.service_fixture import KEY, Running
from tests.sample_call import sample_call

WEEK = Week(date(2026, 11, 9))
CONFIG = """
recordings = "in"
corpus = "corpus"
reports = "reports"
metadata = "{recorded_at}_{agent}"
"""
REPORT = '\n[[report]]\nname = "week.ipynb"\n'


@pytest.fixture
def service(none: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Running:
    """It is the one that is configured, with its language model, and the ledger is empty."""
    monkeypatch.setenv("SPEECH_ENDPOINT", none.endpoint)
    monkeypatch.setenv("SPEECH_KEY", KEY)
    monkeypatch.setenv("OPENAI_ENDPOINT", f"{none.endpoint}/openai/v1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_MODEL", "extractive")
    monkeypatch.setenv("SPEECHKIT_HOME", str(tmp_path / "home"))
    return none


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["weekly", "weekly.toml", "--week", "2026-11-12", *arguments])


def write_report(file: str = "week.ipynb", *chosen_by: str) -> None:
    """A report of few words: what it was given, the days of a week by default, and how many calls there are."""
    names = chosen_by or ("start", "end")
    cells = [
        nbformat.v4.new_code_cell("\n".join(f'{name}: str = ""' for name in ("corpus", *names))),
        nbformat.v4.new_code_cell(
            f"import speechkit\nprint({', '.join(names)}, len(speechkit.open_corpus(corpus).calls))"
        ),
    ]
    cells[0].metadata["tags"] = ["parameters"]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, file)


# --- the config ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("x =", "is not TOML", id="what-of-a-broken-file?"),
        pytest.param("", "the key recordings is missing; the key corpus is missing", id="what-is-missing?"),
        pytest.param(CONFIG + "corpsu = 1", "there is no key corpsu (did you mean 'corpus'?)", id="a-slip?"),
        pytest.param(
            CONFIG + "[transcribe]\nlocle = 'de-DE'",
            "there is no key transcribe.locle (did you mean 'locale'?)",
            id="a-slip-in-a-part?",
        ),
        pytest.param(
            CONFIG + "[transcribe]\nmax_hours = 'ten'",
            "transcribe.max_hours = 'ten': input should be a valid number",
            id="text-for-a-number?",
        ),
        pytest.param(
            CONFIG + "[retention]\ndays = 7",
            "retention.days = 7: input should be greater than or equal to 28",
            id="too-few-days?",
        ),
        pytest.param(
            CONFIG + "[summarize]\nmax_cost = 5.0", "a cost is counted with both", id="a-budget-alone?"
        ),
        pytest.param(CONFIG + "first_day = 'Mo'", "first_day = 'Mo': input should be 'monday'", id="no-day?"),
        pytest.param(CONFIG + "[[report]]\nname = 'x'\nby = 'team'", "report[1].by = 'team'", id="by-what?"),
        pytest.param(CONFIG + "[[report]]\nname = 'insigt_report'", "Did you mean", id="an-unknown-report?"),
        pytest.param(
            CONFIG + "scheduler = '10.0.0.1'", "scheduler = '10.0.0.1': write the address", id="no-address?"
        ),
        pytest.param(
            CONFIG + REPORT + "pdf = 'yes'", "report[1].pdf = 'yes': input should be", id="no-yes-or-no?"
        ),
        pytest.param(CONFIG.replace('"in"', '"https://a/b"'), "are files and folders here", id="a-url?"),
    ],
)
def test_a_config_that_cannot_be_used(text: str, said: str) -> None:
    Path("weekly.toml").write_text(text)
    result = run()
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert sorted(os.listdir()) == ["weekly.toml"], "nothing was begun"


def test_a_config_that_is_not_there() -> None:
    with pytest.raises(SettingsError, match=r"docs/unattended\.md has an example"):
        read_config(Path("no.toml"))


def test_the_example_can_be_used() -> None:
    from tests.conftest import ROOT

    example = ROOT / "docs" / "weekly.toml"
    config = read_config(example)
    assert config.corpus == str(ROOT / "docs" / "corpus"), "paths are read from the folder of the config"
    given = {line.split("=")[0].strip("# ") for line in example.read_text().splitlines() if " = " in line}
    for part in (type(config), type(config.transcribe), type(config.summarize), Report):
        tables = {"transcribe", "summarize", "report", "retention"}
        assert set(part.model_fields) - tables <= given, "the example shows every key"


# --- which recordings ------------------------------------------------------------------------------------


def test_which_recordings_are_of_the_week() -> None:
    told = {  # name: the time of the file, and whether it is of the week
        "20261108-235959_amy.wav": ("2026-11-10", False),
        "20261109-000000_amy.wav": ("2026-01-01", True),
        "20261115-235959_bo.wav": ("2026-01-01", True),
        "20261116-000000_bo.wav": ("2026-11-10", False),
        "unnamed.wav": ("2026-11-10", True),
        "late.wav": ("2026-11-16", False),
    }
    for name, (when, _) in told.items():
        make_recording(Path("in") / name)
        at_s = datetime.fromisoformat(when).timestamp()
        os.utime(Path("in") / name, (at_s, at_s))
    table = recordings_of(WEEK, dated_recordings(["in"], "{recorded_at}_{agent}"))
    assert sorted(Path(file).name for file in table["file"]) == sorted(n for n, (_, of) in told.items() if of)
    by_name = table.set_index(table["file"].map(lambda file: Path(file).stem))
    assert by_name.loc["20261115-235959_bo", "agent"] == "bo"
    assert str(by_name.loc["unnamed", "recorded_at"]) == "2026-11-10 00:00:00"


def test_the_dates_of_a_table_count() -> None:
    for name in ("a", "b"):
        make_recording(Path(f"in/{name}.wav"))
    Path("calls.csv").write_text(
        "call_id,recorded_at,queue\na,2026-11-11T10:00:00,billing\nb,2026-11-01T10:00:00,sales\n"
    )
    table = recordings_of(WEEK, dated_recordings(["in"], "calls.csv"))
    assert table[["file", "queue"]].to_numpy().tolist() == [["in/a.wav", "billing"]]


def test_a_folder_without_recordings() -> None:
    Path("in").mkdir()
    assert dated_recordings(["in"], None).empty


def test_recordings_of_other_weeks_and_no_metadata(service: Running) -> None:
    make_recording(Path("in/c01.wav"))
    Path("weekly.toml").write_text(CONFIG + REPORT.replace("week.ipynb", "agent.ipynb") + 'by = "agent"\n')
    write_report("agent.ipynb", "agent")
    for when, said in [
        (date(2026, 11, 2), r"nothing to do \(1 recording of other weeks: 2026-11-02 to 2026-11-02\)\n"),
        (
            date(2026, 11, 10),
            r"nothing to do; 1 problem: metadata = '.*' says nothing of .*, such as c01\.wav\..*\n",
        ),
    ]:
        at_s = datetime.combine(when, datetime.min.time()).timestamp()
        os.utime("in/c01.wav", (at_s, at_s))
        assert re.fullmatch("week of 2026-11-09: " + said, run().stdout)


# --- a week ----------------------------------------------------------------------------------------------


def test_a_week_and_the_same_week_again(service: Running) -> None:
    for number, agent in enumerate(["amy", "bo", "amy"]):
        make_recording(Path(f"in/2026111{number}-0914_{agent}.wav"), seconds=1 + number)
    make_recording(Path("in/20261117-0914_amy.wav"), seconds=9)
    Path("in/20261113-1000_bo.wav").write_bytes(b"")
    Path("weekly.toml").write_text(CONFIG + REPORT)
    write_report()
    first = run()
    assert first.exit_code == 1, first.output
    assert re.fullmatch(
        r"week of 2026-11-09: 3 calls transcribed \(0\.00 h\), 3 calls summarized, 1 report made; "
        r"1 problem: \S*20261113-1000_bo\.wav.*\n",
        first.stdout,
    ), first.stdout
    corpus = open_corpus("corpus")
    assert corpus.call_ids == ["20261110-0914_amy", "20261111-0914_bo", "20261112-0914_amy"]
    assert corpus.calls["agent"].tolist() == ["amy", "bo", "amy"]
    assert corpus.table("summaries")["status"].tolist() == ["no speech"] * 3
    page = Path("reports/2026-11-09/week.html")
    assert "2026-11-09 2026-11-15 3" in page.read_text()
    assert Path("reports/index.html").exists()
    assert len(search(corpus, "bytes")) == 3
    log = Path("reports/weekly.log").read_text()
    assert "3 calls transcribed" in log
    assert "20261113-1000_bo.wav" in log

    made_ns = page.stat().st_mtime_ns
    Path("in/20261113-1000_bo.wav").unlink()
    state = corpus.state
    second = run()
    assert (second.exit_code, second.stdout) == (0, "week of 2026-11-09: nothing to do\n")
    assert page.stat().st_mtime_ns == made_ns
    assert open_corpus("corpus").state == state
    assert len(list_runs(open_ledger(read_settings().home))) == 1, "a run that sent nothing leaves no name"

    make_recording(Path("in/20261113-1000_cy.wav"), seconds=5)
    third = run()
    assert third.stdout.startswith(
        "week of 2026-11-09: 1 call transcribed (0.00 h), 1 call summarized, 1 report"
    )
    assert "2026-11-09 2026-11-15 4" in page.read_text()


@pytest.mark.slow
def test_a_report_for_each_agent(service: Running) -> None:
    corpus = open_corpus("corpus", create=True)
    for number, agent in enumerate(["amy", "bo", "amy"]):
        corpus.add(sample_call(f"c{number}", recorded_at=f"2026-11-1{number}T09:00:00", agent=agent))
    Path("in").mkdir()
    Path("weekly.toml").write_text(CONFIG + REPORT.replace("week.ipynb", "agent.ipynb") + 'by = "agent"\n')
    write_report("agent.ipynb", "agent")
    first = run()
    assert (first.exit_code, first.stdout) == (
        0,
        "week of 2026-11-09: 3 calls summarized, 2 reports made\n",
    )
    folder = Path("reports/agent_by_agent")
    assert sorted(path.name for path in folder.glob("*.html")) == ["amy.html", "bo.html", "index.html"]
    assert "amy 3" in (folder / "amy.html").read_text()
    assert "agent_by_agent/index.html" in Path("reports/index.html").read_text()
    assert run().stdout == "week of 2026-11-09: nothing to do\n"
    corpus.add(sample_call("c3", recorded_at="2026-11-13T09:00:00", agent="bo"))
    assert run().stdout == "week of 2026-11-09: 1 call summarized, 1 report made\n", "amy's has not changed"
    (folder / "amy.html").unlink()
    assert run().stdout == "week of 2026-11-09: 1 report made\n"


def agents(*more: str) -> None:
    """A corpus of two agents, and a config with a report for each of them."""
    corpus = open_corpus("corpus", create=True)
    for number, agent in enumerate(["amy", "bo"]):
        corpus.add(sample_call(f"c{number}", recorded_at=f"2026-11-1{number}T09:00:00", agent=agent))
    Path("in").mkdir()
    no_summaries = "[summarize]\nenabled = false\n"
    by_agent = REPORT.replace("week.ipynb", "agent.ipynb") + 'by = "agent"\n'
    Path("weekly.toml").write_text("\n".join([CONFIG, *more, no_summaries, by_agent]))
    write_report("agent.ipynb", "agent")


@pytest.mark.slow
def test_reports_as_pdf(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    if not any(map(shutil.which, pdf.BROWSERS)):
        pytest.skip("Chromium is not installed")
    agents()
    config = Path("weekly.toml")
    config.write_text(config.read_text() + "pdf = true\n" + REPORT + "pdf = true\n")
    write_report()
    with monkeypatch.context() as patch:
        patch.setattr(pdf, "BROWSERS", ("no-such-browser",))
        without = run()
    assert without.exit_code == 1
    assert without.stdout.startswith(
        "week of 2026-11-09: 3 reports made; 1 problem: there is no Chromium here"
    )
    listed = Path("reports/index.html").read_text()
    assert '"agents by agent"' in listed, "the rest went on"
    assert '"2026-11-09: week"' in listed
    printed = run()
    assert (printed.exit_code, printed.stdout) == (0, "week of 2026-11-09: 3 PDFs printed\n")
    files = [
        Path("reports/2026-11-09/week.pdf"),
        *(Path(f"reports/agent_by_agent/{a}.pdf") for a in ("amy", "bo")),
    ]
    text = subprocess.run(["pdftotext", files[2], "-"], capture_output=True, text=True, check=True).stdout
    assert "bo 2" in text
    assert run().stdout == "week of 2026-11-09: nothing to do\n"
    files[1].unlink()
    assert run().stdout == "week of 2026-11-09: 1 PDF printed\n", "the one that is missing"
    open_corpus("corpus").remove("c1")
    assert run().stdout == "week of 2026-11-09: 1 report made, 1 PDF printed\n"
    assert not files[2].exists(), "bo has no calls any more"


def test_a_pdf_that_nobody_wants_any_more_does_not_outlive_its_page(service: Running) -> None:
    open_corpus("corpus", create=True)
    Path("in").mkdir()
    Path("weekly.toml").write_text(CONFIG + REPORT)
    write_report()
    page = Path("reports/2026-11-09/week.html")
    page.parent.mkdir(parents=True)
    for file, when in ((page, 2), (page.with_suffix(".pdf"), 3)):
        file.write_text("words")
        os.utime(file, (when, when))
    assert run().exit_code == 0
    assert page.with_suffix(".pdf").exists(), "it says what the page says"
    os.utime(page, (4, 4))
    assert run().exit_code == 0
    assert not page.with_suffix(".pdf").exists()


@pytest.mark.slow
def test_reports_made_by_the_workers_of_a_scheduler(
    service: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.delattr("speechkit.each._here")  # no process of this machine can do the work
    (tmp_path / "dask").mkdir()
    with cluster(tmp_path / "dask", workers=2) as address:
        agents(f'scheduler = "{address}"')
        first = run()
        assert (first.exit_code, first.stdout) == (0, "week of 2026-11-09: 2 reports made\n")
        pages = [Path(f"reports/agent_by_agent/{agent}.html") for agent in ("amy", "bo")]
        assert ["amy 2" in pages[0].read_text(), "bo 2" in pages[1].read_text()] == [True, True]
    assert run().stdout == "week of 2026-11-09: nothing to do\n", "nobody is asked when nothing is to be made"


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("speechkit.each._PATIENCE_S", 1.0)
    agents('scheduler = "tcp://127.0.0.1:9"')
    first = run()
    assert first.exit_code == 1
    assert first.stdout == (
        "week of 2026-11-09: 2 reports made; 1 problem: no Dask scheduler answers at tcp://127.0.0.1:9. Start one "
        "with `dask scheduler`, and see its address. The reports are made on this machine instead.\n"
    )
    assert run().stdout == "week of 2026-11-09: nothing to do\n"


def test_a_night_without_the_service(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPEECH_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("speechkit.client.rest.time.sleep", lambda seconds: None)
    open_corpus("corpus", create=True).add(sample_call("old", recorded_at="2026-11-09T09:00:00"))
    make_recording(Path("in/20261110-0914_amy.wav"))
    Path("weekly.toml").write_text(CONFIG + REPORT)
    write_report()
    result = run()
    assert result.exit_code == 1
    assert "1 call summarized, 1 report made; 1 problem: " in result.stdout
    assert "127.0.0.1:9" in result.stdout
    monkeypatch.setenv("SPEECH_ENDPOINT", service.endpoint)


def test_two_at_once(service: Running) -> None:
    Path("weekly.toml").write_text(CONFIG)
    Path("in").mkdir()
    Path("reports").mkdir()
    with Path("reports/.weekly.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        busy = run()
    assert (busy.exit_code, busy.stdout) == (
        3,
        "week of 2026-11-09: another run is at work; nothing was done\n",
    )
    free = run()
    assert (free.exit_code, free.stdout) == (0, "week of 2026-11-09: nothing to do\n")


def test_no_more_money_than_the_week_has(service: Running) -> None:
    corpus = open_corpus("corpus", create=True)
    for number in range(4):
        corpus.add(sample_call(f"c{number}", recorded_at=f"2026-11-1{number}T09:00:00"))
    Path("in").mkdir()
    prices = "[summarize]\nprice_input_per_million = 10\nprice_output_per_million = 0.001\n"
    Path("weekly.toml").write_text(f"{CONFIG}{prices}max_cost = 0.04\n")
    lines = []
    for _ in range(4):
        result = run()
        assert result.exit_code == 1
        lines.append(result.stdout)
    assert "not summarized (skipped)" in lines[0]
    costs = [float(cost) for line in lines for cost in re.findall(r"summarized for ([\d.]+)", line)]
    assert 0 < sum(costs) <= 0.04, "the calls of a week have one budget, however often it is run"
    assert lines[-1].startswith("week of 2026-11-09: nothing to do; 1 problem: ")
    Path("weekly.toml").write_text(f"{CONFIG}{prices}max_cost = 1.0\n")
    assert run().exit_code == 0
    assert open_corpus("corpus").table("summaries")["status"].tolist() == ["ok"] * 4


def test_calls_that_are_too_old(service: Running) -> None:
    corpus = open_corpus("corpus", create=True)
    now = datetime(2026, 11, 21, 9)
    for name, days in [("new", 27), ("old", 29)]:
        corpus.add(sample_call(name, recorded_at=(now - timedelta(days=days)).isoformat()))
    summarize_calls(corpus)
    search(corpus, "")
    Path("in").mkdir()
    Path("weekly.toml").write_text(CONFIG + REPORT + "[retention]\ndays = 28\n")
    write_report()
    config = read_config(Path("weekly.toml"))
    weeks = [Week(date(2026, 10, 12)), Week(date(2026, 10, 26))]
    for week in weeks:
        corpus.add(sample_call(f"w{week}", recorded_at=week.start.isoformat()))
        Job(config, week, read_settings(), now=week.end).run()
    outcome = Job(config, WEEK, read_settings(), now=now).run()
    assert outcome.line == "week of 2026-11-09: 2 calls older than 28 days removed"
    left = open_corpus("corpus")
    assert left.call_ids == ["new", "w2026-10-26"]
    assert set(left.table("summaries")["call_id"]) == set(left.call_ids)
    assert {path.name.split("~")[0] for path in Path("corpus/answers").iterdir()} == set(left.call_ids)
    assert len(search(left, "refunded")) == 2
    assert not Path("reports/2026-10-12").exists(), "its calls are gone, and it quotes them"
    assert Path("reports/2026-10-26/week.html").exists()


@pytest.mark.parametrize(
    "until",
    [
        pytest.param("home/runs.sqlite", marks=pytest.mark.slow, id="killed-when-the-run-is-planned?"),
        pytest.param("corpus/calls/*.parquet", id="killed-when-calls-are-there?"),
        pytest.param(
            "reports/2026-11-09/.report-*", marks=pytest.mark.slow, id="killed-when-the-report-is-made?"
        ),
    ],
)
def test_killed_and_run_again(service: Running, until: str) -> None:
    for number in range(5):
        make_recording(Path(f"in/2026111{number}-0914_amy.wav"), seconds=1 + number)
    Path("weekly.toml").write_text(CONFIG + REPORT)
    write_report()
    command = [sys.executable, "-m", "speechkit.cli", "weekly", "weekly.toml", "--week", "2026-11-12"]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    end_s = time.monotonic() + 60
    while not list(Path().glob(until)) and process.poll() is None and time.monotonic() < end_s:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it was killed at work"
    again = run()
    assert again.exit_code == 0, again.output
    corpus = open_corpus("corpus")
    assert len(corpus.call_ids) == 5
    assert corpus.calls["source"].is_unique
    assert len(corpus.table("summaries")) == 5
    assert "2026-11-09 2026-11-15 5" in Path("reports/2026-11-09/week.html").read_text()
    assert not (list_runs(open_ledger(read_settings().home))["open"] > 0).any(), "nothing is left open"
    assert run().stdout == "week of 2026-11-09: nothing to do\n"
