"""A disk that is really full: a small one of its own, in a mount namespace that needs no privileges."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from speechkit import open_corpus
from tests.client.conftest import make_recording
from tests.conftest import ROOT
from tests.local.service_fixture import KEY, Running
from tests.sample_call import sample_call

pytestmark = pytest.mark.slow

SPEECHKIT = f"'{sys.executable}' -m speechkit.cli"


@pytest.fixture(autouse=True)
def service(none: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It has a disk with room, and so has the ledger."""
    monkeypatch.setenv("SPEECH_ENDPOINT", none.endpoint)
    monkeypatch.setenv("SPEECH_KEY", KEY)
    monkeypatch.setenv("SPEECHKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def on_a_small_disk(kilobytes: int, script: str) -> list[str]:
    """Run lines of a shell beside a folder `disk` of some kB; answers what they say, `--` between them.

    `larger` makes the disk larger, `fill KB` leaves only so much of it.
    """
    words = f"""
    mkdir disk && mount -t tmpfs -o size={kilobytes}k tmpfs disk || exit 99
    larger() {{ mount -o remount,size=64m disk; }}
    fill() {{ head -c $(( ($(df -k --output=avail disk | tail -1) - $1) * 1024 )) /dev/zero > disk/filler; }}
    """
    lines = "\necho --\n".join(line.strip() for line in script.strip().splitlines())
    if not shutil.which("unshare"):
        pytest.skip("there is no unshare here to mount a small disk with")
    ran = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "bash", "-c", words + lines],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
        timeout=300,
    )
    if ran.returncode == 99 or "unshare:" in ran.stderr:
        pytest.skip(f"a small disk cannot be mounted here: {ran.stderr.strip()}")
    assert "Traceback" not in ran.stderr
    return [part.strip() for part in ran.stdout.split("--\n")]


def test_reports_on_a_full_disk() -> None:
    cells = [
        nbformat.v4.new_code_cell('corpus: str = ""\ncall: str = ""', metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("print(call * 100_000)"),
    ]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec}), "long.ipynb")
    corpus = open_corpus("corpus", create=True)
    for number in range(9):
        corpus.add(sample_call(f"c{number}"))
    make = f"{SPEECHKIT} reports long.ipynb --corpus corpus --out disk/out --workers 1 2>&1"
    full, code, left, whole, again, files = on_a_small_disk(
        1500,
        f"""{make}; code=$?
        echo $code
        ls -A disk/out
        for page in disk/out/*.html; do tail -c 8 $page; done
        larger; {make}
        ls -A disk/out; for page in disk/out/*.html; do tail -c 8 $page; done""",
    )
    assert full.splitlines()[-1] == (
        f"speechkit: {Path('disk/out').absolute()} cannot be written any more: No space left on device. "
        "Make room there and run this again: what is made stays."
    )
    assert code == "1"
    made = re.findall(r"c\d\.html", left)
    assert 0 < len(made) < 9
    assert set(left.split()) == {".lock", ".reports.jsonl", *made, *(f"{name[:2]}.ipynb" for name in made)}
    assert whole.split() == ["</html>"] * len(made)
    assert again.splitlines()[-1].endswith(
        f"disk/out/index.html: {9 - len(made)} made, {len(made)} unchanged"
    )
    assert files.count("</html>") == 10


def test_transcripts_on_a_full_disk() -> None:
    for number in range(40):
        make_recording(Path(f"in/r{number:02}.wav"), seconds=1 + number)
    read = 'import speechkit; c = speechkit.open_corpus("disk/corpus"); print(len(c.calls), len(c.phrases))'
    count = f"'{sys.executable}' -c '{read}'"
    first, said, kept, again, all_of_them = on_a_small_disk(
        2000,
        f"""{SPEECHKIT} transcribe in/r00.wav --out disk/corpus 2>/dev/null
        fill 24; {SPEECHKIT} transcribe in --out disk/corpus --name more 2>&1; echo $?
        {count}; find disk/corpus -name "*.part"
        rm disk/filler; {SPEECHKIT} runs resume more 2>/dev/null
        {count}""",
    )
    assert "1 call transcribed" in first
    assert re.search(
        r"speechkit: \S*/disk/corpus\S* cannot be written: No space left on device. Free some space or check it, then "
        r"write again; what was there before is whole. Go on with: speechkit runs resume more\n1$",
        said,
    ), said
    assert re.fullmatch(r"([12]?\d) \1", kept), (
        "what was there before is read, and no part of anything else lies there"
    )
    assert re.search(r"\d+ calls transcribed", again)
    assert all_of_them == "40 40"


def test_a_week_on_a_full_disk() -> None:
    make_recording(Path("in/20261110-0914_amy.wav"))
    open_corpus("corpus", create=True)
    config = (
        'recordings = "in"\ncorpus = "corpus"\nreports = "disk/reports"\nmetadata = "{recorded_at}_{agent}"\n'
    )
    report = '[summarize]\nenabled = false\n[[report]]\nname = "insight_report"\n'
    Path("weekly.toml").write_text(config + report)
    job = f"{SPEECHKIT} weekly weekly.toml --week 2026-11-12 2>&1; echo $?"
    full, again = on_a_small_disk(200, f"fill 0; {job}\nrm disk/filler; larger; {job}")
    line, code = full.splitlines()
    assert code == "1"
    assert line.startswith("week of 2026-11-09: 1 call transcribed (0.00 h); ")
    assert "insight_report.html cannot be written: No space left on device" in line
    assert line.endswith("weekly.log cannot be written: No space left on device"), (
        "nothing is lost with the log"
    )
    assert again.splitlines() == ["week of 2026-11-09: 1 report made", "0"]
