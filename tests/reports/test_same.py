"""A report of the fleet is the report that papermill makes by itself, and knows nothing of the one before it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import papermill
import pytest

from speechkit import open_corpus
from speechkit.demo import demo_data
from speechkit.reports.fleet import run_reports
from speechkit.reports.page import write_page
from speechkit.reports.parameters import find_report
from speechkit.transcripts.corpus import Corpus
from tests.cluster import cluster

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="kernels are forked on Linux only"),
    # ordinary kernels listen on TCP, and say so
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

LOOK = """\
import gc, logging, os, random, signal, sys, threading, warnings
import matplotlib, numpy as np, pandas as pd
import matplotlib.pyplot as plt
given = {"call", "corpus"}
own = {n for n in globals() if not n.startswith("_")} - set(dir(__builtins__))
print(sorted(own - {"own"}))
print(matplotlib.get_backend(), plt.get_fignums(), sorted(map(str, plt.rcParams.items())))
print([(n, pd.get_option(n)) for n in ("display.max_rows", "display.precision", "mode.string_storage")])
ours = {"SPEECHKIT_NURSERY", "JPY_PARENT_PID", "LINES", "COLUMNS"}  # the last two: readline's, in the test's process
print(sorted(set(os.environ) - ours))
print(os.getcwd(), sys.path, os.path.basename(sys.argv[0]), sys.flags, sys.getrecursionlimit())
print(("ignore", None, Warning, None, 0) in warnings.filters, warnings.filters[-5:])  # imports add to the front
print(logging.root.handlers, logging.root.level, gc.isenabled(), gc.get_threshold())
print([(s, str(signal.getsignal(s)).split(" at ")[0]) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)])
print(threading.current_thread().name, sys.stdin is None, __name__, np.geterr())
"""
CHANGE = """\
plt.rcParams["figure.facecolor"] = "red"
pd.set_option("display.precision", 2)
pd.set_option("display.max_rows", 5)
np.seterr(all="raise")
os.environ["LEFT_BEHIND"] = "1"
warnings.simplefilter("ignore")
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sys.setrecursionlimit(500)
logging.basicConfig()
os.chdir("/")
plt.figure()
plt.close = None
pd.left_behind = True
kept = open(left, "w")
kept.write("written " * 5)
"""
RANDOM = "import random; (random.random(), np.random.rand(), np.random.default_rng().random())"
SHOW = """\
import io
from matplotlib.figure import Figure
axes = Figure().subplots(); axes.plot([1, 3, 2]); display(axes.figure)
print("text"); print("more", file=sys.stdout)
pd.DataFrame({"a": [1.23456789, 2], "b": ["x", "<script>"]})
"""


def notebook(path: Path) -> Path:
    cells = [
        nbformat.v4.new_markdown_cell("# State\n\n## What is there?", id="a"),
        nbformat.v4.new_code_cell(
            'corpus: str = ""  # folder\ncall: str = ""  # call\nleft: str = ""  # a file',
            id="b", metadata={"tags": ["parameters"]},
        ),
        *(nbformat.v4.new_code_cell(source, id=f"c{n}") for n, source in enumerate((LOOK, SHOW, CHANGE))),
        nbformat.v4.new_code_cell(RANDOM, id="random"),
    ]  # fmt: skip
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec}), path)
    return path


def plain(name: Path, folder: Path, parameters: dict[str, Any]) -> Path:
    """What papermill makes of a notebook, and the page of that."""
    out = folder / f"{parameters['call']}.ipynb"
    folder.mkdir(exist_ok=True)
    node = papermill.execute_notebook(name, out, parameters=parameters, progress_bar=False)
    out.with_suffix(".html").write_text(write_page(node, name.stem), encoding="utf-8")
    return out


def content(path: Path) -> dict[str, Any]:
    """An executed notebook without times and durations, its own path, and the id papermill draws for a new cell."""
    node: Any = json.loads(path.read_text(encoding="utf-8"))
    for cell in node["cells"]:
        cell["metadata"].pop("execution", None)
        cell["metadata"]["papermill"] = {
            k: v for k, v in cell["metadata"].get("papermill", {}).items() if k in ("exception", "status")
        }
        if "injected-parameters" in cell["metadata"].get("tags", []):
            cell.pop("id")
    about = node["metadata"]["papermill"]
    for name in ("duration", "start_time", "end_time", "output_path"):
        about.pop(name)
    return dict(node)


def said(cell: dict[str, Any]) -> list[str]:
    """The printed lines of a cell: where they differ, the line is told."""
    return [line for output in cell.get("outputs", ()) for line in output.get("text", ())]


def page(path: Path) -> str:
    """A page without the time at which it was made."""
    return re.sub(r"Made \d{4}-\d\d-\d\d \d\d:\d\d \w+", "Made", path.with_suffix(".html").read_text())


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Two of the demo calls; their recordings are found from the working folder only."""
    demo = open_corpus(demo_data("corpus"))
    held = open_corpus(tmp_path_factory.mktemp("same") / "corpus", create=True)
    for call_id in demo.call_ids[:2]:
        one = demo.call(call_id)
        one.calls["source"] = str(demo.recording(call_id))
        held.add(one)
    return held


def test_a_call_report_is_what_papermill_makes(corpus: Corpus, tmp_path: Path) -> None:
    given = {"most": 2}
    table = run_reports(
        "call_report", corpus=corpus.path, out=tmp_path / "fleet", parameters=given, workers=1
    )
    assert table["status"].tolist() == ["made", "made"]
    for call in corpus.call_ids[1:]:  # the second: another was made before it
        about = {"corpus": str(corpus.path), **given, "call": call, "title": f"Call {call}"}
        alone = plain(find_report("call_report"), tmp_path / "plain", about)
        assert content(tmp_path / "fleet" / f"{call}.ipynb") == content(alone)
        assert page(tmp_path / "fleet" / f"{call}.html") == page(alone)
        assert "data:audio/webm" in page(alone)


@pytest.mark.slow
def test_no_report_knows_of_the_one_before_it(corpus: Corpus, tmp_path: Path) -> None:
    source, left = notebook(tmp_path / "state.ipynb"), tmp_path / "left.txt"
    given = {"left": str(left)}
    run_reports(source, corpus=corpus.path, out=tmp_path / "fleet", parameters=given, workers=1)
    assert left.read_text() == "written " * 5, (
        "files that are left open are written, as by an ordinary kernel"
    )
    drawn = set()
    for call in corpus.call_ids:
        made = content(tmp_path / "fleet" / f"{call}.ipynb")
        about = {"corpus": str(corpus.path), **given, "call": call}
        alone = content(plain(source, tmp_path / "plain", about))
        for found, wanted in zip(made["cells"], alone["cells"], strict=True):
            if found.get("id") == "random":
                drawn |= {tuple(o["data"]["text/plain"]) for o in (*found["outputs"], *wanted["outputs"])}
            else:
                assert said(found) == said(wanted)
                assert found == wanted
        assert made["metadata"] == alone["metadata"]
    assert len(drawn) == 4, "no two kernels draw the same numbers"


@pytest.mark.slow
def test_the_workers_of_a_scheduler_make_the_same_reports(corpus: Corpus, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    given: dict[str, Any] = {"corpus": corpus.path, "parameters": {"most": 2}}
    near = run_reports("call_report", out=tmp_path / "near", workers=2, **given)
    with cluster(tmp_path, workers=2) as address:
        far = run_reports("call_report", out=tmp_path / "far", scheduler=address, **given)
        assert page(tmp_path / "near" / "index") == page(tmp_path / "far" / "index")
        again = run_reports("call_report", out=tmp_path / "far", scheduler=address, **given)
    assert far["status"].tolist() == ["made", "made"]
    assert again["status"].tolist() == ["unchanged", "unchanged"]
    pd.testing.assert_frame_equal(far.drop(columns="took_s"), near.drop(columns="took_s"))
    for call in corpus.call_ids:
        ours, theirs = (tmp_path / folder / f"{call}.ipynb" for folder in ("near", "far"))
        assert content(ours) == content(theirs)
        assert page(ours) == page(theirs)
