"""A call while it is spoken: one display in a notebook, firm lines elsewhere."""

from __future__ import annotations

import io
from typing import Any

import pytest

from speechkit.display import live as module
from speechkit.display.live import show_live
from speechkit.transcripts.events import FINAL, HYPOTHESIS, Event


def event(kind: str, text: str, start_s: float, channel: int = 0, speaker: str | None = None) -> Event:
    return Event("c1", channel, kind, text, speaker, start_s, start_s + 1, start_s + 1, start_s + 1.5, 1.0)


SPOKEN = [
    event(HYPOTHESIS, "good <more>", 1),
    event(HYPOTHESIS, "good morning", 1),
    event(HYPOTHESIS, "hi", 2, channel=1),
    event(FINAL, "Good morning.", 1),
    event(FINAL, "Hi & bye.", 62, channel=1),
]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What a notebook was sent: display once, then updates."""
    sent: list[tuple[str, Any]] = []

    class Handle:
        def display(self, data: Any, raw: bool) -> None:
            sent.append(("display", data))

        def update(self, data: Any, raw: bool) -> None:
            sent.append(("update", data))

    monkeypatch.setattr("IPython.display.DisplayHandle", Handle)
    monkeypatch.setattr(module, "in_notebook", lambda: True)
    return sent


def test_in_a_notebook_the_line_is_revised_and_then_firm(shown: list[tuple[str, Any]]) -> None:
    live = show_live({"channel 0": "Agent", "channel 1": "Caller"})
    for one in SPOKEN:
        live(one)
    assert [verb for verb, _ in shown] == ["display", *["update"] * 4]
    plain = [data["text/plain"] for _, data in shown]
    assert plain[0] == "0:01 Agent: good <more> ..."
    assert plain[3] == "0:01 Agent: Good morning.\n0:02 Caller: hi ..."
    assert plain[4] == "0:01 Agent: Good morning.\n1:02 Caller: Hi & bye."
    assert "<i>good &lt;more&gt; …</i>" in shown[0][1]["text/html"]
    assert "Hi &amp; bye." in shown[4][1]["text/html"]
    assert "…" not in shown[4][1]["text/html"]


def test_old_lines_scroll_away(shown: list[tuple[str, Any]]) -> None:
    live = show_live(lines=2)
    for number in range(5):
        live(event(FINAL, f"Line {number}.", number, speaker="Guest-1"))
    assert shown[-1][1]["text/plain"] == "0:03 Guest-1: Line 3.\n0:04 Guest-1: Line 4."


def test_elsewhere_only_what_is_firm_is_printed() -> None:
    out = io.StringIO()
    live = show_live(stream=out)
    for one in SPOKEN:
        live(one)
    assert out.getvalue() == "0:01 Channel 0: Good morning.\n1:02 Channel 1: Hi & bye.\n"
