"""`speechkit captions`: what others read in the files, and one clear line for each kind of bad input."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import webvtt
from typer.testing import CliRunner, Result

from speechkit import demo_data, open_corpus
from speechkit.cli import app
from speechkit.transcripts.cues import cues
from speechkit.transcripts.schema import Transcript
from tests.sample_call import sample_call

CORPUS = str(demo_data("corpus"))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["captions", *arguments], terminal_width=200)


@pytest.mark.parametrize("form", ["vtt", "srt"])
def test_webvtt_py_reads_what_was_written(tmp_path: Path, form: str) -> None:
    result = run(CORPUS, "--out", str(tmp_path / "new"), "-c", "c01", "-c", "c05", "--format", form)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"2 calls captioned in {tmp_path / 'new'}\n"
    for call_id, names in (
        ("c01", {"channel 0": "Agent", "channel 1": "Customer"}),
        ("c05", {"1": "Agent", "2": "Customer"}),
    ):
        read = webvtt.from_buffer(
            io.StringIO((tmp_path / "new" / f"{call_id}.{form}").read_text()), format=form
        )
        laid = cues(open_corpus(CORPUS), call_id, names=names)
        assert [cue.text for cue in read] == ["\n".join(cue.lines) for cue in laid]
        assert [round(cue.start_in_seconds, 3) for cue in read] == [cue.start_ms // 1000 for cue in laid]
        assert {cue.voice for cue in read if cue.voice} <= {"Agent", "Customer"}
    assert max(len(line) for cue in read for line in cue.text.splitlines()) <= 42


def test_names_guesses_and_lines_are_for_you_to_choose(tmp_path: Path) -> None:
    here = ["--out", str(tmp_path), "-c", "c05", "--format", "srt"]
    assert run(CORPUS, *here, "-n", "1=Robert", "--line-chars", "32").exit_code == 0
    text = (tmp_path / "c05.srt").read_text()
    assert "Robert: " in text
    assert "Customer: " in text
    assert max(map(len, text.splitlines())) <= 32
    assert run(CORPUS, *here, "--no-guess").exit_code == 0
    assert "Speaker 1: " in (tmp_path / "c05.srt").read_text()
    assert run(CORPUS, "--out", str(tmp_path), "-c", "c01", "--no-highlight").exit_code == 0
    assert "<c>" not in (tmp_path / "c01.vtt").read_text()


def test_a_result_file_will_do_and_a_call_without_times_is_named(tmp_path: Path) -> None:
    phrase = {"offsetMilliseconds": 0, "durationMilliseconds": 900, "text": "Hello there."}
    (tmp_path / "good.json").write_text(json.dumps({"durationMilliseconds": 900, "phrases": [phrase]}))
    assert run(str(tmp_path / "good.json"), "--out", str(tmp_path)).exit_code == 0
    assert "Hello there." in (tmp_path / "good.vtt").read_text()
    made = sample_call("timed")
    other = sample_call("timeless", words=False)
    other = Transcript(other.calls, other.phrases.assign(start_s=None, end_s=None))
    open_corpus(tmp_path / "corpus", create=True).add(Transcript.concat([made, other]))
    result = run(str(tmp_path / "corpus"), "--out", str(tmp_path))
    assert result.exit_code == 1
    assert "1 call not captioned:" in result.stderr
    assert "timeless: call timeless has no times, so nobody knows when its captions come" in result.stderr
    assert (tmp_path / "timed.vtt").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param([CORPUS, "-c", "zz"], 1, "has no call zz. It has: c01, c02", id="an-unknown-call?"),
        pytest.param(["nowhere.json"], 1, "nowhere.json", id="no-such-file?"),
        pytest.param([CORPUS, "-n", "Megan"], 2, "write PARTY=NAME", id="a-name-without-a-party?"),
        pytest.param([CORPUS, "--line-chars", "3"], 2, "at least 16 characters", id="too-short-lines?"),
        pytest.param([CORPUS, "--chars-per-s", "0"], 2, "speeds are positive", id="no-speed?"),
    ],
)
def test_what_is_refused(tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    result = run(*arguments, "--out", str(tmp_path / "new"))
    assert result.exit_code == code, result.output
    assert message in result.output
    assert not (tmp_path / "new").exists()
