"""WebVTT as Chromium reads it: the judge of what is escaped, who speaks and which word lights up when."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from speechkit.transcripts.captions import to_vtt
from speechkit.transcripts.cues import cues
from tests.browser.conftest import Watched
from tests.sample_call import sample_call

pytestmark = pytest.mark.browser

READ = """async () => {
  const track = document.querySelector("track").track;
  track.mode = "hidden";
  while (!track.cues || !track.cues.length) await new Promise((done) => setTimeout(done, 10));
  return [...track.cues].map((cue) => {
    const html = cue.getCueAsHTML();
    const stamps = [];
    const walk = (node) => {
      if (node.nodeType === Node.PROCESSING_INSTRUCTION_NODE) stamps.push(node.data);
      for (const child of node.childNodes) walk(child);
    };
    walk(html);
    const voices = [...html.querySelectorAll("span[title]")].map((el) => el.title);
    return { start: cue.startTime, end: cue.endTime, text: html.textContent, stamps, voices };
  });
}"""


def test_chromium_reads_the_captions_as_they_are_meant(watched: Watched, tmp_path: Path) -> None:
    said = [("1", 1.0, "Say <b>bold</b> & <script>x</script> --> now"), ("2", 9.0, "Yes, 1 < 2.")]
    made = sample_call(said=said)
    names = {"1": "Meg & <Co>"}
    coded = base64.b64encode(to_vtt(made, names=names).encode()).decode()
    path = tmp_path / "p.html"
    path.write_text(
        f'<!DOCTYPE html><title>t</title><video><track default src="data:text/vtt;base64,{coded}"></video>'
    )
    page = watched.context.new_page()
    page.goto(path.as_uri())
    read = page.evaluate(READ)
    laid = cues(made, names=names)
    assert [(c["start"], c["end"]) for c in read] == [(c.start_ms / 1000, c.end_ms / 1000) for c in laid]
    assert [c["text"] for c in read] == ["\n".join(c.lines) for c in laid]
    assert [c["voices"] for c in read] == [["Meg & <Co>"], ["Speaker 2"]]
    assert read[0]["stamps"] == [f"00:00:{1 + 0.3 * i:06.3f}" for i in range(1, 6)]
