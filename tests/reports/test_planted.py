"""Nothing that was planted in the readable demo calls is left: in pages, notebooks, logs, or to be heard."""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from speechkit import demo_data, open_corpus
from speechkit.audio import decode
from speechkit.display.player import player
from speechkit.reports import run_report
from speechkit.reports.fleet import run_reports
from speechkit.transcripts import masking
from speechkit.transcripts.corpus import Corpus
from speechkit.transcripts.digits import digit_runs
from speechkit.transcripts.schema import TABLES, Transcript
from tests.conftest import MODELS_HOME, ROOT

CALLS = [f"c0{number}" for number in range(1, 8)]
TRUTH = json.loads((demo_data("truth") / "calls.json").read_text("utf-8"))
NUMBERS = ("card", "phone", "account")
DATA = re.compile(r"(?:data:[\w/+.-]+;base64,|\"image/png\": \")[A-Za-z0-9+/=\\n]+")


def planted(call_id: str) -> list[dict[str, Any]]:
    return list(TRUTH[call_id]["personal_data"])


def recognized(shelf: Corpus, call_id: str) -> list[dict[str, Any]]:
    """What was planted, and what the recognizer made of it: "daniel.faster@example.com"."""
    call = shelf.call(call_id)
    texts = dict(zip(call.phrases["phrase_id"], call.phrases["display"], strict=True))
    spans = masking.find_masks(call)[["kind", "phrase_id", "start", "end"]].itertuples(index=False)
    return planted(call_id) + [{"kind": kind, "text": texts[phrase][a:b]} for kind, phrase, a, b in spans]


def digits_of(text: str) -> str:
    return "".join(run.digits for run in digit_runs([text], ["x"]))


def plain(text: str) -> str:
    """Words in small letters, a space between them: no way of writing hides a name."""
    return f" {' '.join(re.findall(r'[a-z0-9]+', text.lower()))} "


def left_in(text: str, items: list[dict[str, Any]], heard: bool = False) -> set[str]:
    """The kinds of the items that a text still has, as they were said, as digits, or in parts of a name.

    In a text that was `heard` numbers may be spoken, so they are compared as runs of digits.
    """
    words = plain(DATA.sub("", text))
    numbers = " ".join(run.digits for run in digit_runs([text], ["x"])) if heard else words.replace(" ", "_")
    found = set()
    for item in items:
        forms = [plain(item["text"])]
        if item["kind"] == "name":
            forms = [plain(item["text"])] if " " in item["text"] else []
            # "lang" is a word of HTML: a short name is looked for as names are written.
            names = item["text"].split()
            forms += [plain(n) for n in names if heard or len(n) > 4 or re.search(rf"\b{n}\b", text)]
        if item["kind"] == "email":  # the mailbox; the provider is nobody's secret
            mailbox = re.split(r" at ", item["text"].lower())[0]
            forms = [plain(item["text"] if "@" in item["text"] else re.findall(r"[a-z0-9]+", mailbox)[-1])]
        number = digits_of(item["text"]) if item["kind"] in NUMBERS else ""
        grouped = "[_ ]?".join(number)
        if any(form in words for form in forms) or (
            number and re.search(rf"(?<![a-z0-9.]){grouped}(?![a-z0-9])", numbers)
        ):
            found.add(f"{item['kind']}: {item['text']}")
    return found


def texts_of(page: Path) -> Iterator[tuple[str, str]]:
    """A page and what stands beside it, by name; its parameters and the texts of its pictures are in them."""
    for path in (page, page.with_suffix(".ipynb")):
        yield path.name, path.read_text("utf-8")


def sound_of(page: Path, folder: Path) -> Path:
    found = re.search(r"data:audio/webm;base64,([A-Za-z0-9+/=]+)", page.read_text("utf-8"))
    assert found, "there is no sound in the page"
    heard = folder / f"{page.stem}.webm"
    heard.write_bytes(base64.b64decode(found[1]))
    return heard


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """A corpus of the readable calls, with their summaries."""
    whole = open_corpus(demo_data("corpus"))
    made = open_corpus(tmp_path_factory.mktemp("planted") / "corpus", create=True)
    part = whole.filter(call_id=[*CALLS, "c08"])
    sources = part.calls["source"].map(lambda source: str(ROOT / source))
    made.add(Transcript(part.calls.assign(source=sources), part.phrases, part.words))
    for name in set(whole.tables) - set(TABLES):
        table = whole.table(name)
        made.write_table(name, table[table["call_id"].isin(made.call_ids)].reset_index(drop=True))
    return made


def test_the_search_for_what_is_left_finds_it(shelf: Corpus) -> None:
    """In the words as they were read nearly everything is found, in other ways of writing too."""
    for call_id in CALLS:
        items = planted(call_id)
        said = " ".join(turn["text"] for turn in TRUTH[call_id]["turns"])
        assert {item["kind"] for item in items} == {part.partition(":")[0] for part in left_in(said, items)}
    assert left_in("<td>555-010-0176</td>", planted("c02")) == {
        f"phone: {item['text']}" for item in planted("c02") if item["kind"] == "phone"
    }
    assert left_in("it is four four, one eight", planted("c01"), heard=True) == {"card: Four four one eight"}
    assert left_in("The 4418th line; FOSTERED", planted("c01")) == set()


def test_the_report_of_many_calls_says_nothing_planted(
    shelf: Corpus, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    items = [item for call_id in CALLS for item in recognized(shelf, call_id)]
    with caplog.at_level(logging.DEBUG):
        page = run_report("insight_report", corpus=shelf.path, out=tmp_path / "insight.html")
    told = capfd.readouterr()
    for name, text in [*texts_of(page), ("log", caplog.text), ("stdout", told.out), ("stderr", told.err)]:
        assert left_in(text, items) == set(), name


@pytest.mark.parametrize("call_id", CALLS)
def test_a_player_hides_what_was_planted(shelf: Corpus, call_id: str, tmp_path: Path) -> None:
    whole = shelf.call(call_id)
    hidden = masking.find_masks(whole)
    shown = player(masking.mask(whole, hidden), audio=None, bleeps=masking.bleeps(hidden), title=call_id)
    page = shown.save(tmp_path / "player.html")
    assert left_in(Path(page).read_text("utf-8"), recognized(shelf, call_id)) == set()


def test_the_lesson_about_one_call_hides_what_was_planted(shelf: Corpus) -> None:
    text = (ROOT / "notebooks" / "08_explore_a_call.ipynb").read_text("utf-8")
    assert left_in(text, recognized(shelf, "c01")) == set()


@pytest.mark.slow
def test_the_pages_of_single_calls_neither_say_nor_play_what_was_planted(
    shelf: Corpus, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from speechkit.local.engine import Engine

    engine = Engine.load(MODELS_HOME / "models")

    def heard(path: Path) -> str:
        phrases = [phrase for channel in decode(path, 16_000) for phrase in engine.recognize(channel)]
        return " . ".join(" ".join(word.lexical for word in phrase.words) for phrase in phrases)

    with caplog.at_level(logging.DEBUG):
        made = run_reports("call_report", corpus=shelf.path, out=tmp_path / "calls", by="call")
    assert isinstance(made, pd.DataFrame)
    for call_id in CALLS:
        page = tmp_path / "calls" / f"{call_id}.html"
        for name, text in texts_of(page):
            assert left_in(text, recognized(shelf, call_id)) == set(), name
        assert left_in(heard(sound_of(page, tmp_path)), planted(call_id), heard=True) == set(), call_id
    assert left_in(caplog.text, [item for call_id in CALLS for item in planted(call_id)]) == set()
    open_ = heard(ROOT / "data" / "calls" / "c01.wav")
    assert {part.partition(":")[0] for part in left_in(open_, planted("c01"), heard=True)} >= {
        "card",
        "account",
        "name",
    }
