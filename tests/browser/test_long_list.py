"""The list over 20,000 reports: it opens, is searched, sorted and filtered while one waits for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

from speechkit import open_corpus
from speechkit.reports.index import write_index
from speechkit.transcripts.schema import Transcript
from tests.browser.conftest import Watched

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CALLS = 20_000
OPEN_S, STEP_S, ALL_S = 5.0, 1.5, 60.0  # some six times what two busy cores need


@pytest.fixture
def known(tmp_path: Path) -> pd.DataFrame:
    """What the corpus has to say of the calls, in the order of the list; it lies in tmp_path / "corpus"."""
    rng = np.random.default_rng(8)
    names = [f"call{number:05d}" for number in range(CALLS)]
    about = pd.DataFrame({
        "call_id": names,
        "recorded_at": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 200 * 86_400, CALLS), unit="s"),
        "agent": rng.choice([f"Agent {number}" for number in range(60)], CALLS),
        "queue": rng.choice(["billing", "technical", "sales"], CALLS),
        "duration_s": rng.gamma(2, 120, CALLS),
    })  # fmt: skip
    phrases = about[["call_id"]].assign(
        phrase_id=about["call_id"] + ":0001", start_s=0.0, end_s=1.0, display="Hi."
    )
    open_corpus(tmp_path / "corpus", create=True).add(Transcript(about, phrases))
    return about


def test_twenty_thousand_reports_are_a_list_to_work_with(
    watched: Watched, known: pd.DataFrame, tmp_path: Path
) -> None:
    table = pd.DataFrame({
        "key": known["call_id"], "file": known["call_id"] + ".html", "status": "made", "error": "", "calls": 1,
    })  # fmt: skip
    path = write_index(tmp_path, table, open_corpus(tmp_path / "corpus"), "call", "call_report")
    page = watched.context.new_page()
    page.goto(path.as_uri(), timeout=OPEN_S * 1000)
    expect(page.locator("tbody tr")).to_have_count(200)
    expect(page.locator("#rest")).to_contain_text("200 of 20,000 are shown.")

    took_s: dict[str, float] = {}

    def step(name: str, act: str) -> list[str]:
        """Do something in the page, until it is drawn; answers the first calls of the list."""
        done = f"() => {{ {act} }}"
        script = """async (act) => { const start = performance.now(); act();
          await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
          return (performance.now() - start) / 1000; }"""
        took_s[name] = page.evaluate(f"() => ({script})({done})")
        return page.locator("tbody th").evaluate_all(
            "heads => heads.slice(0, 50).map(head => head.textContent)"
        )

    words = "const box = document.querySelector('#words'); box.value = '{}'; box.dispatchEvent(new Event('input'))"
    wanted = known.loc[(known["queue"] == "sales") & known["call_id"].str.startswith("call1"), "call_id"]
    assert step("search", words.format("SALES call1")) == wanted.head(50).tolist()
    expect(page.locator("#found")).to_have_text(f"{len(wanted):,} of 20,000")
    step("no search", words.format(""))
    head = "document.querySelector('thead th:nth-child({}) button').click()"
    for place, (name, column) in enumerate([("recorded", "recorded_at"), ("agent", "agent")], start=2):
        key = known[column].dt.floor("min") if name == "recorded" else known[column].str[6:].astype(int)
        order = key.sort_values(kind="stable").index
        assert step(f"sort by {name}", head.format(place)) == known["call_id"][order[:50]].tolist()
    choose = "const agents = document.querySelector('select[aria-label=agent]'); agents.value = 'Agent 7'; " \
        "agents.dispatchEvent(new Event('change'))"  # fmt: skip
    mine = known.loc[known["agent"] == "Agent 7", "call_id"]
    assert step("filter", choose) == mine.head(50).tolist()
    assert max(took_s.values()) < STEP_S, took_s

    page.get_by_label("agent").select_option("")
    page.set_default_timeout(ALL_S * 1000)
    for shown in (400, 800, 1_600, 3_200, 6_400, 12_800, CALLS):
        page.get_by_role("button", name="Show more").click()
        assert page.locator("tbody tr").count() == shown
    expect(page.locator("#rest")).to_be_hidden()
