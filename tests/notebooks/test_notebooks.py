"""The notebooks are products: they keep the rules that readers rely on, and run with other parameters too."""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import statistics
from difflib import SequenceMatcher
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest

from speechkit import demo_data, open_corpus
from speechkit.analysis.latency import measure_latency
from speechkit.audio import decode, write_wav
from tests.conftest import ROOT

FOLDER = ROOT / "notebooks"
LESSONS = sorted(FOLDER.glob("*.ipynb"))
REPORTS = sorted(FOLDER.glob("reports/*.ipynb"))
EVERY = [*LESSONS, *REPORTS]


def named(path: Path) -> str:
    return path.stem


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def code_cells(path: Path) -> list[Any]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def lines_of(cell: Any) -> int:
    return len([line for line in cell.source.splitlines() if line.strip()])


def outputs_of(path: Path) -> list[Any]:
    return [output for cell in code_cells(path) for output in cell.outputs]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """notebooks/execute.py as a module."""
    spec = importlib.util.spec_from_file_location("execute", FOLDER / "execute.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- how they are written ---


@pytest.mark.parametrize("path", EVERY, ids=named)
def test_a_notebook_opens_with_title_purpose_need_and_time(path: Path) -> None:
    first = read(path).cells[0]
    assert first.cell_type == "markdown"
    lines = [line for line in first.source.splitlines() if line.strip()]
    assert lines[0].startswith("# ")
    assert re.fullmatch(r"\*[^*]+\.\*", lines[1]), "one line of purpose in italics"
    assert "**Needs**" in first.source
    assert "**Takes**" in first.source


@pytest.mark.parametrize("path", EVERY, ids=named)
def test_parameters_are_plain_annotated_and_explained(path: Path) -> None:
    cells = code_cells(path)
    assert [cell.id for cell in cells if "parameters" in cell.metadata.get("tags", [])] == [cells[0].id]
    source = cells[0].source
    for statement in ast.parse(source).body:
        assert isinstance(statement, ast.AnnAssign)
        ast.literal_eval(statement.value)  # a plain value: papermill puts another in its place
    assert all(re.search(r"  # \w.{8,}$", line) for line in source.splitlines())


@pytest.mark.parametrize("path", EVERY, ids=named)
def test_code_is_short_and_defines_nothing(path: Path) -> None:
    cells = code_cells(path)
    assert max(lines_of(cell) for cell in cells) <= 15
    assert statistics.median(lines_of(cell) for cell in cells) <= 4
    for cell in cells:
        kinds = {type(node) for node in ast.walk(ast.parse(cell.source))}
        assert not kinds & {ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda}
        assert all(len(line) <= 120 for line in cell.source.splitlines())


@pytest.mark.parametrize("path", EVERY, ids=named)
def test_headings_are_questions_and_each_has_its_answer(path: Path) -> None:
    section, answered, figures = "", {}, {}
    for cell in read(path).cells:
        for heading in re.findall(r"^## (.+)$", cell.source, re.M) if cell.cell_type == "markdown" else []:
            section, answered[heading], figures[heading] = heading, False, 0
        if cell.cell_type == "code" and section:
            answered[section] = True
            figures[section] += sum("image/png" in output.get("data", {}) for output in cell.outputs)
    assert len(answered) >= 4
    for heading in answered:
        assert heading.endswith("?") or heading == "Try it"
    unanswered = [heading for heading, done in answered.items() if not done]
    assert set(unanswered) <= {"Try it", "And without a notebook?"}
    assert max(figures.values()) == 1, "one figure a question"


@pytest.mark.parametrize("path", LESSONS, ids=named)
def test_a_lesson_ends_with_something_to_try_and_checks_its_numbers(path: Path) -> None:
    text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    assert "## Try it" in text
    assert re.search(r"<details><summary>.*</details>", text, re.S)
    checked = [cell for cell in code_cells(path) if "nbval-check-output" in cell.metadata.get("tags", [])]
    assert 2 <= len(checked) <= 5
    assert all(cell.outputs for cell in checked)


@pytest.mark.parametrize("path", LESSONS, ids=named)
def test_links_between_notebooks_lead_somewhere(path: Path) -> None:
    for cell in read(path).cells:
        for target in re.findall(r"\]\(([^)#:]+)\)", cell.source) if cell.cell_type == "markdown" else []:
            assert (path.parent / target).exists(), target


# --- how they are committed ---


@pytest.mark.parametrize("path", EVERY, ids=named)
def test_a_notebook_is_committed_as_it_ran(path: Path) -> None:
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert {output.output_type for output in outputs_of(path)} <= {"stream", "display_data", "execute_result"}
    assert [output.text for output in outputs_of(path) if output.get("name") == "stderr"] == []


@pytest.mark.parametrize("path", EVERY, ids=named)
def test_nothing_of_the_machine_or_the_day_is_committed(path: Path, tool: ModuleType) -> None:
    notebook = read(path)
    assert tool.cleaned(read(path)) == notebook
    text = path.read_text()
    assert not re.search(r"127\.0\.0\.1:\d|/(?:home|work|root)/\w", text)
    assert not re.search(r"Bearer |SharedAccess|[?&]sig=", text)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


@pytest.mark.parametrize("path", EVERY, ids=named)
def test_every_picture_can_be_heard(path: Path) -> None:
    for output in outputs_of(path):
        if "image/png" in output.get("data", {}):
            assert len(output.metadata["image/png"]["alt"]) > 30


# --- the tool that runs them ---


def test_the_tool_cleans_what_changes_from_run_to_run(tool: ModuleType) -> None:
    said = "speechkit: local service at http://127.0.0.1:41234 (started); fine"
    assert tool.without_volatile(said) == "speechkit: local service at http://127.0.0.1 (running); fine"
    assert tool.without_volatile([f"{ROOT}/data/calls/c01.wav"]) == ["data/calls/c01.wav"]
    assert tool.without_volatile({"text": f"{Path.home()}/x"}) == {"text": "~/x"}
    assert tool.without_volatile("<Speech object at 0x7f2276749750>") == "<Speech object at 0x...>"
    cell = nbformat.v4.new_code_cell(
        "1", id="a", metadata={"execution": {"iopub": "2026"}, "tags": ["parameters"]}
    )
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"papermill": {"duration": 3}})
    cleaned = tool.cleaned(notebook)
    assert cleaned.cells[0].metadata == {"tags": ["parameters"]}
    assert set(cleaned.metadata) == {"kernelspec", "language_info"}


def test_the_tool_names_the_notebooks_it_knows(tool: ModuleType) -> None:
    assert tool.notebooks([]) == EVERY
    with pytest.raises(SystemExit, match="there is no notebook 'nothing'"):
        tool.notebooks(["nothing"])


def test_a_notebook_that_fails_or_complains_stays_as_it_was(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, source in {
        "bad": "1 / 0",
        "loud": "import sys; print('hm', file=sys.stderr)",
        "good": "6 * 7",
    }.items():
        nbformat.write(
            nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), tmp_path / f"{name}.ipynb"
        )
    before = {name: (tmp_path / f"{name}.ipynb").read_text() for name in ("bad", "loud")}
    monkeypatch.setattr(tool, "HERE", tmp_path)
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    assert tool.main([]) == 2
    assert {name: (tmp_path / f"{name}.ipynb").read_text() for name in before} == before
    assert "'42'" in (tmp_path / "good.ipynb").read_text().replace('"', "'")
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert "loud.ipynb wrote to stderr: hm" in said


# --- they run with other parameters ---


def run(path: Path, folder: Path, **parameters: Any) -> Any:
    """Run a notebook by papermill in another folder, and answer it executed."""
    import papermill
    from traitlets.config import Config

    ipc = Config({"KernelManager": {"transport": "ipc", "ip": f"{folder}/k"}})
    executed = papermill.execute_notebook(
        path, folder / path.name, parameters=parameters, progress_bar=False, cwd=folder, config=ipc
    )
    said = [o.text for c in executed.cells for o in c.get("outputs", []) if o.get("name") == "stderr"]
    assert said == []
    return executed


def text_of(notebook: Any) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(o.get("text") or o.get("data", {}).get("text/plain", "") for o in outputs)


@pytest.mark.slow
def test_start_here_runs_with_a_mono_call(calls: Path, tmp_path: Path) -> None:
    text = text_of(run(FOLDER / "00_start_here.ipynb", tmp_path, call="c11.mp3", doubts=2))
    assert "c11.mp3: 52 s, 1 channel," in text
    assert "reason: " in text


def test_submit_batch_runs_with_recordings_and_a_corpus_of_ones_own(calls: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    for name in ("c08.wav", "c11.mp3"):
        shutil.copy(calls / name, mine / name)
    where = {"recordings": str(mine), "pattern": "c*", "corpus": str(tmp_path / "kept")}
    text = text_of(run(FOLDER / "02_submit_batch.ipynb", tmp_path, **where))
    assert "2 transcripts, 1 failure" in text
    assert "['c08']" in text
    kept = open_corpus(tmp_path / "kept")
    assert kept.call_ids == ["c08", "c11"]
    heard, known = (
        shelf.call("c11").words["word"].tolist() for shelf in (kept, open_corpus(demo_data("corpus")))
    )
    # another processor may round otherwise, and a word may change with it
    assert SequenceMatcher(None, heard, known, autojunk=False).ratio() > 0.9, (
        "run: python data/make_corpus.py"
    )


def test_diarization_runs_with_other_calls(tmp_path: Path) -> None:
    other = {"stereo": "c06", "mono": "c05", "crowd": "c03", "collar_s": 0.5}
    text = text_of(run(FOLDER / "03_explore_diarization.ipynb", tmp_path, **other))
    assert "c06: Agent has" in text
    assert "Roles in c05" in text
    assert "c03: diarization error rate 2%" in text
    assert "a collar of 0.5 s on each side" in text


def test_a_call_is_explored_whichever_it_is(tmp_path: Path) -> None:
    lesson = FOLDER / "08_explore_a_call.ipynb"
    text = text_of(run(lesson, tmp_path, queue="sales", call="", end="2026-09-22"))
    assert "Only calls with end 2026-09-22 and queue sales." in text
    assert "One channel: speech at the same time is mostly lost" in text
    silent = text_of(run(lesson, tmp_path, queue="", call="c08"))
    assert "Nothing was recognized in c08, so there is no timeline of it." in silent
    assert "This call has no moment that stands out" in silent
    assert "Player(c08: no phrases, 0:45, c08.wav)" in silent


def test_summaries_run_with_labels_of_ones_own_and_another_call(tmp_path: Path) -> None:
    given = {
        "calls": ["c01", "c08"],
        "call": "c01",
        "reasons": {"money": "a charge"},
        "checklist": {},
        "rubric": {},
    }
    text = text_of(run(FOLDER / "06_summarize_calls.ipynb", tmp_path, **given))
    assert "1 calls summarized, 0 not" in text
    assert "money" in text
    assert "No checklist was checked" in text


def test_confidence_runs_with_another_calibration_and_another_condition(tmp_path: Path) -> None:
    where = {
        "fit_on": "blind",
        "shown": "not blind and condition == 'telephone'",
        "method": "logistic",
        "minutes": 1.0,
    }
    text = text_of(run(FOLDER / "04_explore_confidence.ipynb", tmp_path, **where))
    assert "Calibration(logistic, 11," in text
    expected, calibrated = re.search(
        r"wrong words: \d+; expected as given: (\d+), calibrated: (\d+)", text
    ).groups()  # type: ignore[union-attr]
    assert int(calibrated) < int(expected)
    assert "0 answers, 0 of them stale" in text


def test_confidence_runs_with_a_corpus_that_was_recognized_once(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(demo_data("corpus"), mine)
    where = {"corpus": str(mine), "same": "call_id", "by": "queue", "apart": ["call_id", "said_by"]}
    text = text_of(run(FOLDER / "04_explore_confidence.ipynb", tmp_path, fit_on="", shown="", **where))
    assert "Mean confidence by queue: from " in text
    assert "To hear again: " in text


@pytest.fixture
def short(calls: Path, tmp_path: Path) -> Path:
    """A folder with the first seconds of two demo calls."""
    mine = tmp_path / "mine"
    for name in ("c01.wav", "c03.mp3"):
        write_wav(mine / f"{Path(name).stem}.wav", decode(calls / name, 8000)[:, : 8000 * 3], 8000)
    return mine


@pytest.mark.slow
def test_choose_a_method_runs_with_a_price_table_and_a_recording_of_ones_own(
    short: Path, tmp_path: Path
) -> None:
    (tmp_path / "prices.csv").write_text("method,price_per_hour\nbatch,0.18\nfast,0.36\nrealtime,1\n")
    given = {"recordings": [str(short / "c01.wav")], "clip_s": 2.5, "prices": str(tmp_path / "prices.csv")}
    text = text_of(run(FOLDER / "01_choose_a_method.ipynb", tmp_path, **given))
    assert "1 recording, 2.5 s together" in text
    assert "price_per_hour" in text
    assert "batch against fast: 0.0% of" in text
    assert re.search(r"Real time shows (\d+ of \d+ words before|no)", text)


@pytest.mark.slow
def test_compare_runs_with_recordings_of_ones_own_and_without_a_reference(
    short: Path, tmp_path: Path
) -> None:
    given = {"recordings": str(short), "live": ["c01.wav", "c03.wav"], "look_at": "c01"}
    text = text_of(run(FOLDER / "05_compare_realtime_and_batch.ipynb", tmp_path, **given))
    assert "There is no reference: batch stands in for one" in text
    assert re.search(r"Real time differs from batch in [\w ]*\d+% of the words", text)
    assert "AlignmentView(c01:" in text
    assert "a reference would tell" in text


def test_the_comparison_report_runs_without_a_reference(tmp_path: Path) -> None:
    folders = {"corpus": str(demo_data("realtime")), "batch": str(demo_data("corpus")), "products": ""}
    text = text_of(run(FOLDER / "reports" / "comparison_report.ipynb", tmp_path, **folders))
    assert "There is no reference: batch stands in for one" in text
    assert "Recognized by speechkit local" in text


def test_the_kept_sessions_are_of_the_demo_calls_at_the_pace_of_speech(calls: Path) -> None:
    kept = open_corpus(demo_data("realtime"))
    events = kept.table("events")
    assert kept.call_ids == sorted(path.stem for path in calls.iterdir())
    assert set(kept.sources.values()) == {f"data/calls/{path.name}" for path in calls.iterdir()}
    assert set(kept.calls["mode"]) == {"realtime"}
    assert not events["cached"].any()
    assert (events["pace"] == 1.0).all()
    assert (events["end_s"] <= events["sent_s"] + 0.15).all(), "no word arrives before its sound was sent"
    latency = measure_latency(events, kept)
    assert latency.words["final_after_s"].min() > 0
    assert latency.final.count > 3000
    assert latency.behind_s < 0.5


def test_the_demo_corpus_is_of_the_demo_calls(calls: Path) -> None:
    corpus = open_corpus(demo_data("corpus"))
    assert corpus.call_ids == sorted(path.stem for path in calls.iterdir())
    assert set(corpus.sources.values()) == {f"data/calls/{path.name}" for path in calls.iterdir()}
    assert set(corpus.table("summaries")["call_id"]) == set(corpus.call_ids)
    assert {"recorded_at", "agent", "queue"} <= set(corpus.calls)


def test_find_insights_finds_nothing_where_nothing_is(tmp_path: Path) -> None:
    plain = shutil.copytree(demo_data("weeks_plain"), tmp_path / "plain")
    text = text_of(
        run(FOLDER / "07_find_insights.ipynb", tmp_path, corpus=str(plain), query='"no such words"')
    )
    assert "Weekdays do not differ by more than chance" in text
    assert "nothing began that the words of the calls tell" in text
    assert text.count("by more than chance") >= 4
    assert "none of 5 questions found something" in text
    assert "Nothing is found for" in text


def test_the_insight_report_runs_when_no_call_is_left(tmp_path: Path) -> None:
    notebook = run(FOLDER / "reports" / "insight_report.ipynb", tmp_path, agent="Nobody", start="2026-09-01")
    text = text_of(notebook)
    assert "No call in this corpus has start 2026-09-01 and agent Nobody." in text
    pictures = [o for c in notebook.cells for o in c.get("outputs", []) if "image/png" in o.get("data", {})]
    assert pictures == []
