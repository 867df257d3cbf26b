"""A report is one page that anyone can open, or a clear error and nothing half-written."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nbformat
import pandas as pd
import pytest

from speechkit.errors import ReportError
from speechkit.progress import Progress
from speechkit.reports import parameters, report_parameters, run_report
from speechkit.reports.page import write_page
from speechkit.transcripts.corpus import open_corpus
from speechkit.transcripts.schema import Transcript

EVIL = '<script>alert("caller")</script>'


def small_corpus(folder: Path, calls: int = 2) -> Path:
    """A corpus of short stereo calls, the first of which says something evil."""
    corpus = open_corpus(folder, create=True)
    ids = [f"call{number}" for number in range(calls)]
    if not ids:
        return folder
    about = {"channels": 2, "duration_s": 30.0, "engine": "test 1", "queue": "billing", "agent": EVIL}
    table = pd.DataFrame({"call_id": ids, **about})
    table["recorded_at"] = pd.date_range("2026-09-07 09:00", periods=calls, freq="2D")
    phrases, words = [], []
    for call in ids:
        for number, text in enumerate(
            ["how can i help you today", "my brioflex plan was charged twice", EVIL]
        ):
            phrase, start_s = f"{call}:{number + 1:04d}", 8.0 * number
            said = {"call_id": call, "phrase_id": phrase, "channel": number % 2}
            phrases.append(
                {**said, "start_s": start_s, "end_s": start_s + 3, "lexical": text, "display": text}
            )
            for place, word in enumerate(text.split()):
                sure = 0.2 if word in ("brioflex", "plan", EVIL) else 0.9
                at = start_s + place / 2
                words.append(
                    {
                        **said,
                        "position": place,
                        "start_s": at,
                        "end_s": at + 0.4,
                        "word": word,
                        "confidence": sure,
                    }
                )
    corpus.add(Transcript(table, pd.DataFrame(phrases), pd.DataFrame(words)))
    summaries = pd.DataFrame(
        {"call_id": ids, "status": "ok", "summary": EVIL, "reason": "billing", "outcome": "refund"}
    )
    corpus.write_table("summaries", summaries.assign(reason_quote=EVIL, reason_start_s=8.0, resolved="yes"))
    return folder


class Page(HTMLParser):
    """What a page refers to, and the structure that people with a screen reader rely on."""

    VOID = frozenset({"meta", "img", "br", "hr", "input", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        self.text += data if self.open and self.open[-1] != "style" else ""

    def all(self, tag: str) -> Iterator[dict[str, str]]:
        return (attributes for name, attributes in self.elements if name == tag)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, list[Progress]]:
    """The insight report over a small corpus, in a folder that did not exist, with braces in its name."""
    room = tmp_path_factory.mktemp("report")
    seen: list[Progress] = []
    out = room / "new" / "{agent} 1" / "insights.html"
    given = {"title": "Billing <in September>", "queue": "billing"}
    path = run_report(
        "insight_report",
        corpus=small_corpus(room / "corpus"),
        out=out,
        parameters=given,
        progress=seen.append,
    )
    assert path == out
    return path, path.read_text(encoding="utf-8"), seen


def test_a_report_is_well_formed_and_asks_no_host_for_anything(
    made: tuple[Path, str, list[Progress]],
) -> None:
    page = Page(made[1])
    assert page.open == []
    for _, attributes in page.elements:
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:image/png;base64,"))
    assert not re.search(r"@import|url\(", made[1])
    assert not list(page.all("script"))
    assert not list(page.all("link"))


def test_a_report_can_be_read_by_a_screen_reader(made: tuple[Path, str, list[Progress]]) -> None:
    page = Page(made[1])
    assert next(page.all("html"))["lang"] == "en"
    assert "<title>Billing &lt;in September&gt;</title>" in made[1]
    assert [tag for tag, _ in page.elements].count("h1") == 1
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    links = [unquote(attributes["href"].removeprefix("#")) for attributes in page.all("a")]
    assert len(links) > 8
    assert set(links) <= ids
    images = list(page.all("img"))
    assert len(images) >= 5
    assert all(len(image["alt"]) > 30 for image in images)
    assert all(header["scope"] in ("col", "row") for header in page.all("th"))
    assert [tag for tag, _ in page.elements].count("caption") == len(list(page.all("table")))


def test_a_report_says_what_the_calls_say(made: tuple[Path, str, list[Progress]]) -> None:
    page = Page(made[1])
    assert (
        "2 calls from 7 Sep 2026 to 9 Sep 2026, 60 s of recording. Only calls with queue billing."
        in page.text
    )
    assert "my brioflex plan was" in " ".join(page.text.split())
    assert "Recognized by test 1 (2 calls)." in page.text
    assert "2 calls in 3 days" in made[1]


def test_what_callers_say_is_escaped(made: tuple[Path, str, list[Progress]]) -> None:
    assert EVIL not in made[1]
    assert "&lt;script&gt;alert" in made[1]
    assert EVIL in Page(made[1]).text


def test_code_is_hidden_and_kept_in_the_notebook_beside(made: tuple[Path, str, list[Progress]]) -> None:
    assert "import" not in Page(made[1]).text
    assert "speechkit report insight_report" not in made[1]
    notebook = nbformat.read(made[0].with_suffix(".ipynb"), as_version=4)
    assert any("injected-parameters" in cell.metadata.get("tags", []) for cell in notebook.cells)
    assert not [o for c in notebook.cells for o in c.get("outputs", []) if o.get("name") == "stderr"]
    assert sorted(p.name for p in made[0].parent.iterdir()) == ["insights.html", "insights.ipynb"]


def test_the_parameters_of_the_run_are_told_without_the_place_of_the_corpus(
    made: tuple[Path, str, list[Progress]],
) -> None:
    assert str(made[0].parent.parent.parent) not in made[1]
    assert '<th scope="row">queue</th><td>billing</td>' in made[1]
    assert '<th scope="row">agent</th><td>not set</td>' in made[1]


def test_progress_counts_the_cells(made: tuple[Path, str, list[Progress]]) -> None:
    done = [progress.done for progress in made[2]]
    assert done == sorted(done)
    assert (made[2][0].share, made[2][-1].share) == (0.0, 1.0)


# --- what is refused before anything runs ---


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        pytest.param("insigth_report", {}, "Did you mean 'insight_report'?", id="a-mistyped-name?"),
        pytest.param(
            "nothing.ipynb", {}, "there is no notebook nothing.ipynb", id="what-of-a-path-that-is-none?"
        ),
        pytest.param(
            "insight_report", {"quueue": "x"}, "Did you mean 'queue'?", id="and-a-mistyped-parameter?"
        ),
        pytest.param("insight_report", {"passages": "many"}, "must be int, not 'many'", id="words?"),
        pytest.param(
            "insight_report", {"passages": 2.5}, "passages must be int, not 2.5", id="a-fraction-for-int?"
        ),
        pytest.param(
            "insight_report", {"passages": True}, "passages must be int, not True", id="a-truth-for-int?"
        ),
        pytest.param(
            "insight_report", {"below": "low"}, "Write it like its default: 0.5", id="words-for-a-number?"
        ),
        pytest.param("insight_report", {"agent": 7}, "agent must be str, not 7", id="a-number-for-text?"),
        pytest.param(
            "insight_report", {"agent": None}, "agent must be str, not None", id="nothing-for-text?"
        ),
        pytest.param("insight_report", {"corpus": "x"}, "corpus is given twice", id="the-corpus-twice?"),
    ],
)
def test_refused_before_the_run(tmp_path: Path, name: str, given: dict[str, Any], says: str) -> None:
    (tmp_path / "corpus").mkdir()
    with pytest.raises(ReportError, match=re.escape(says)):
        run_report(name, corpus=tmp_path / "corpus", out=tmp_path / "new" / "r.html", parameters=given)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("out", "says"),
    [
        pytest.param("report.docx", "Let --out end in .html or .pdf", id="what-of-another-ending?"),
        pytest.param("taken.html", "is a folder", id="what-of-a-folder?"),
        pytest.param("file/report.html", "cannot be written", id="what-below-a-file?"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, out: str, says: str) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "taken.html").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match=re.escape(says)):
        run_report("insight_report", corpus=tmp_path / "corpus", out=tmp_path / out)


def test_a_corpus_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="there is no corpus"):
        run_report("insight_report", corpus=tmp_path / "none", out=tmp_path / "r.html")


def test_text_of_a_command_line_becomes_what_the_parameter_is() -> None:
    notebook = parameters.find_report("insight_report")
    given = {"passages": "3", "below": ".25", "agent": "7", "corpus": Path("x")}
    assert parameters.check_parameters(notebook, given) == {
        "passages": 3,
        "below": 0.25,
        "agent": "7",
        "corpus": "x",
    }


def test_report_parameters_are_a_table_with_help() -> None:
    table = report_parameters("insight_report").set_index("name")
    assert table.loc["below", "type"] == "float"
    assert table.loc["below", "default"] == 0.5
    assert (table["help"].str.len() > 10).all()
    assert table.loc["corpus", "default"] == ""


# --- notebooks that go wrong ---


def notebook_of(path: Path, *sources: str) -> Path:
    """A notebook with a parameters cell and these code cells."""
    first = nbformat.v4.new_code_cell(
        'corpus: str = ""  # folder\nflag: bool = False  # f\nnames: list = ["a"]  # n',
        metadata={"tags": ["parameters"]},
    )
    cells = [first, *(nbformat.v4.new_code_cell(source) for source in sources)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


def test_a_failing_cell_is_named_and_the_older_report_stays(tmp_path: Path) -> None:
    notebook = notebook_of(
        tmp_path / "mine.ipynb", "1 + 1", "# a comment\n{'a': 1}['brioflex']\nprint('never')"
    )
    (tmp_path / "corpus").mkdir()
    (tmp_path / "r.html").write_text("older")
    (tmp_path / "r.ipynb").write_text("older")
    with pytest.raises(ReportError) as caught:
        run_report(notebook, corpus=tmp_path / "corpus", out=tmp_path / "r.html", parameters={"flag": "yes"})
    assert "mine failed in cell [4]" in str(caught.value)
    assert "KeyError: 'brioflex'" in str(caught.value)
    assert str(tmp_path / "r.failed.ipynb") in str(caught.value)
    assert (tmp_path / "r.html").read_text() == (tmp_path / "r.ipynb").read_text() == "older"
    kept = nbformat.read(tmp_path / "r.failed.ipynb", as_version=4)
    assert "flag = True" in "".join(cell.source for cell in kept.cells)
    left = ["corpus", "mine.ipynb", "r.failed.ipynb", "r.html", "r.ipynb"]
    assert sorted(path.name for path in tmp_path.iterdir()) == left


def test_a_kernel_that_dies_is_an_error_with_what_was_done(tmp_path: Path) -> None:
    notebook = notebook_of(tmp_path / "mine.ipynb", "print('so far')", "import os\nos._exit(3)")
    (tmp_path / "corpus").mkdir()
    with pytest.raises(ReportError, match="mine could not be finished"):
        run_report(notebook, corpus=tmp_path / "corpus", out=tmp_path / "r.html")
    assert "so far" in (tmp_path / "r.failed.ipynb").read_text()
    assert not (tmp_path / "r.html").exists()


def test_a_notebook_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "mine.ipynb").write_text("not json")
    with pytest.raises(ReportError, match="cannot be read as a notebook"):
        run_report(tmp_path / "mine.ipynb", corpus=tmp_path / "corpus", out=tmp_path / "r.html")


# --- the page ---


def page_of(*cells: Any) -> str:
    return write_page(nbformat.v4.new_notebook(cells=list(cells)), "mine")


def test_outputs_of_every_kind_are_shown_and_text_is_escaped() -> None:
    cell = nbformat.v4.new_code_cell("x")
    new = nbformat.v4.new_output
    png = "iVBORw0KGgo="
    cell.outputs = [
        new("stream", name="stdout", text=f"out {EVIL}"),
        new("stream", name="stderr", text=f"err {EVIL}"),
        new("execute_result", data={"text/plain": f"plain {EVIL}"}),
        new("display_data", data={"text/markdown": f"**bold** {EVIL}"}),
        new(
            "display_data", data={"image/png": png}, metadata={"image/png": {"alt": f'"{EVIL}', "width": 99}}
        ),
        new("error", ename="E", evalue="v", traceback=[f"trace {EVIL}"]),
    ]
    text = page_of(nbformat.v4.new_markdown_cell("# My page\n\nwords"), cell)
    page = Page(text)
    assert EVIL not in text
    assert all(
        word in page.text for word in ("out <script", "err <script", "plain <script", "trace <script", "bold")
    )
    image = next(page.all("img"))
    assert (image["alt"], image["width"]) == (f'"{EVIL}', "99")
    assert "<title>My page</title>" in text


def test_a_picture_on_the_page_is_what_the_notebook_drew() -> None:
    cell = nbformat.v4.new_code_cell("x")
    cell.outputs = [nbformat.v4.new_output("display_data", data={"image/png": "aGFs\nbG8="})]
    assert 'src="data:image/png;base64,aGFsbG8="' in page_of(cell)


def test_the_style_sheet_meets_the_contrast_that_it_promises() -> None:
    from speechkit.display.canvas import luminance

    css = (Path(parameters.__file__).parent / "templates/speechkit/report.css").read_text()
    for block in re.findall(r":root \{(.*?)\}", css, re.S)[:2]:
        colour = {n: luminance([int(v[i : i + 2], 16) / 255 for i in (0, 2, 4)]) for n, v in
                  re.findall(r"--([\w-]+): #([0-9a-f]{6})", block)}  # fmt: skip
        pairs = [
            ("ink", "paper"),
            ("soft", "paper"),
            ("soft", "panel"),
            ("link", "panel"),
            ("mark-ink", "mark"),
        ]
        for ink, paper in pairs:
            high, low = sorted((colour[ink], colour[paper]), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, paper)


def test_tables_of_the_report_are_well_formed() -> None:
    from speechkit.display import story

    calls = pd.DataFrame(
        {"call_id": ["a"], "recorded_at": pd.to_datetime(["2026-09-07"]), "duration_s": [61.0]}
    )
    summaries = pd.DataFrame({"call_id": ["a"], "summary": [EVIL], "reason": ["billing"], "outcome": [None]})
    summaries = summaries.assign(
        reason_quote=EVIL, reason_start_s=8.0, outcome_quote=None, outcome_start_s=None
    )
    tree = ET.fromstring(f"<div>{story.CallCards(summaries, calls)._repr_html_()}</div>")
    assert tree.findtext(".//article/h3") == "a"
    assert f"“{EVIL}” (0:08)" in "".join(tree.itertext())
    assert "Mood" not in "".join(tree.itertext())
    moods = {"mood_start": "negative", "mood_end": "neutral", "mood_turn_start_s": 61.0}
    tree = ET.fromstring(f"<div>{story.CallCards(summaries.assign(**moods), calls)._repr_html_()}</div>")
    assert "negative at the start, neutral at the end; it turns at 1:01" in "".join(tree.itertext())
