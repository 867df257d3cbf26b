"""Plans: which recordings, under which ids, in which jobs; what is left out and why."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from speechkit import audio, limits
from speechkit.client.ledger import Ledger
from speechkit.client.options import Options
from speechkit.client.plan import Plan, check_size, make_plan
from speechkit.client.recording import Recording, split_message
from speechkit.errors import AudioNotFoundError, EmptyAudioError, RequestRefusedError
from speechkit.progress import Progress
from speechkit.transcripts.schema import Transcript

Make = Callable[..., Path]


def corpus_of(*calls: tuple[str, str, str | None]) -> Transcript:
    """Calls that are there already: (call_id, source, SHA-256)."""
    return Transcript(pd.DataFrame(calls, columns=["call_id", "source", "audio_sha256"]))


def test_each_bad_file_is_a_problem_and_the_others_are_planned(recording: Make, shared: Path) -> None:
    recording(Path("calls/good.wav"))
    Path("calls/empty.wav").touch()
    whole = recording(Path("calls/cut.wav"), seed=1).read_bytes()
    Path("calls/cut.wav").write_bytes(whole[: len(whole) // 2])
    Path("calls/text.wav").write_text("this is a letter, not a recording\n" * 50)
    shutil.copy(shared / "speech" / "missing_wav_header.wav", "calls/headless.wav")
    Path("silent").mkdir()
    plan = make_plan(["calls", "gone.wav", "silent"])
    assert plan.recordings["call_id"].tolist() == ["good"]
    table = plan.problem_table.set_index("file")
    expected = {
        "calls/empty.wav": "no bytes|zero bytes|empty",
        "calls/cut.wav": "header|cut",
        "calls/text.wav": "not",
        "calls/headless.wav": "RIFF header",
        "gone.wav": "no such recording",
        "silent": "no recordings",
    }
    assert set(table.index) == set(expected)
    for file, says in expected.items():
        assert table.loc[file, ["error"]].str.contains(says).all(), table.loc[file, "error"]
        assert len(str(table.loc[file, "remedy"])) > 10, file
    with pytest.raises(AudioNotFoundError, match=r"silent|gone.*1 more"):
        make_plan(["gone.wav", "silent"]).raise_if_nothing()
    with pytest.raises(EmptyAudioError, match=r"empty\.wav"):
        make_plan("calls/empty.wav").raise_if_nothing()
    with pytest.raises(RequestRefusedError, match="no recordings were given"):
        make_plan([]).raise_if_nothing()


def test_a_mixed_folder_is_grouped_by_options(recording: Make) -> None:
    for name, channels in [("a", 1), ("b", 2), ("c", 1)]:
        recording(Path(f"{name}.wav"), channels, seed=ord(name))
    plan = make_plan(".")
    groups = [([r.call_id for r in job], job[0].options) for job in plan.jobs()]
    assert groups == [
        (["a", "c"], Options(channels=(0,), diarization=2)),
        (["b"], Options(channels=(0, 1))),
    ]
    assert plan.recordings["diarization"].tolist()[1] is not None
    assert repr(plan) == "Plan(3 recordings, 0.00 h, 2 jobs, 0 problems, 0 skipped)"
    row = plan.recordings.iloc[1]
    assert (row["codec"], row["rate"], row["channels"], row["duration_s"]) == ("pcm_s16le", 8000, 2, 0.5)


def test_stereo_with_diarization_is_a_problem_of_that_recording(recording: Make) -> None:
    recording(Path("mono.wav"))
    recording(Path("stereo.wav"), 2)
    plan = make_plan(".", diarization=3)
    assert [(r.call_id, r.options.diarization) for r in plan.items] == [("mono", 3)]
    assert "split" in plan.problem_table["remedy"].item()


def test_told_that_there_is_no_diarization(recording: Make) -> None:
    recording(Path("mono.wav"))
    assert make_plan(".", diarization=None).items[0].options == Options()


def test_two_files_of_one_stem_get_a_hash_each(recording: Make) -> None:
    recording(Path("a/call.wav"), seed=1)
    recording(Path("b/call.wav"), seed=2)
    recording(Path("b/other.wav"), seed=3)
    plan = make_plan(["a", "b"])
    ids = [r.call_id for r in plan.items]
    assert ids == [f"call-{r.sha256[:16]}" for r in plan.items[:2]] + ["other"]
    assert len(set(ids)) == 3
    assert len({r.blob_name for r in plan.items}) == 3
    again = make_plan(["b", "a"])
    assert {r.source: r.call_id for r in again.items} == {r.source: r.call_id for r in plan.items}


def test_many_files_of_one_stem_are_planned_in_linear_time() -> None:
    def seconds(count: int) -> float:
        rows = (
            {"state": "looked", "address": str(n), "place": str(n), "file": "call.wav", "stem": "call"}
            | {"identity": str(n), "mark": f"{n:016x}", "options": "{}"}
            for n in range(count)
        )
        with Ledger() as ledger:
            ledger.begin("night", "corpus", {}, rows)
            began_s = time.process_time()
            ledger.settle("night", (), again=False)
            assert ledger.count("night") == {"planned": count}
            return time.process_time() - began_s

    assert seconds(20_000) < 30 * seconds(2_000)  # ten times the files; of quadratic work a hundred times


def test_a_copy_of_the_same_name_is_sent_once(recording: Make) -> None:
    recording(Path("a/call.wav"))
    recording(Path("b/call.wav"))
    plan = make_plan(["a", "b"])
    assert [r.call_id for r in plan.items] == ["call"]
    assert plan.skipped == (("b/call.wav", "is the same recording as a/call.wav"),)


def test_what_is_known_is_left_out_unless_asked_for(recording: Make) -> None:
    recording(Path("old.wav"), seed=1)
    recording(Path("changed.wav"), seed=2)
    recording(Path("by_hand.wav"), seed=3)
    recording(Path("new.wav"), seed=4)
    digest = {r.call_id: r.sha256 for r in make_plan(".").items}
    known = corpus_of(
        ("old", "before/old.wav", digest["old"]),
        ("changed", "changed.wav", "0" * 64),
        ("by_hand", "by_hand.wav", None),
    )
    plan = make_plan(".", corpus=known)
    assert sorted(r.call_id for r in plan.items) == [f"changed-{digest['changed'][:16]}", "new"]
    assert sorted(plan.skipped) == [
        ("by_hand.wav", "is in the corpus as by_hand"),
        ("old.wav", "is in the corpus as old"),
    ]
    again = make_plan(".", corpus=known, again=True)
    assert sorted(r.call_id for r in again.items) == [
        "by_hand",
        f"changed-{digest['changed'][:16]}",
        "new",
        "old",
    ]
    make_plan("old.wav", corpus=known).raise_if_nothing()


def test_urls_are_read_where_they_are() -> None:
    signed = "https://a.example/calls/call%201.wav?sv=1&sig=abc"
    plan = make_plan([signed, "https://b.example/call%201.wav"])
    first, second = plan.items
    assert (first.source, first.address) == ("https://a.example/calls/call%201.wav", signed)
    assert first.call_id.startswith("call 1-")
    assert second.call_id.startswith("call 1-")
    assert first.options == Options()
    assert "sig" not in plan.recordings.to_string()
    known = corpus_of(("call 1", "https://b.example/call%201.wav", None))
    assert [r.source for r in make_plan([signed, second.address], corpus=known).items] == [first.source]


def test_more_than_a_job_takes_becomes_several_jobs() -> None:
    items = tuple(Recording(f"c{n}", f"c{n}", f"c{n}", Options()) for n in range(2001))
    assert [len(job) for job in Plan(items).jobs()] == [1000, 1000, 1]
    assert [len(job) for job in Plan(items[:5]).jobs(2)] == [2, 2, 1]


def test_too_large_or_too_long() -> None:
    from tests.client.test_options import info

    for mode, size, duration_s, says in [
        ("fast", limits.MAX_FAST_BYTES + 1, 60, "Use batch mode"),
        ("fast", limits.MAX_BATCH_BYTES + 1, 60, "Compress or cut"),
        ("fast", 1000, limits.MAX_FAST_S + 1, "Use batch mode"),
        ("batch", limits.MAX_BATCH_BYTES + 1, 60, "1000. Compress"),
    ]:
        recording = info(1, duration_s)
        object.__setattr__(recording, "bytes", size)
        with pytest.raises(RequestRefusedError, match=says):
            check_size(recording, mode)  # type: ignore[arg-type]


def test_options_that_fit_no_recording_are_refused_at_once() -> None:
    with pytest.raises(RequestRefusedError, match="phrases"):
        make_plan("gone.wav", phrases=["Contoso"])
    with pytest.raises(RequestRefusedError, match="2 to 35"):
        make_plan("gone.wav", diarization=1)


def test_a_file_that_cannot_be_read_is_a_problem(recording: Make) -> None:
    Path("loop.wav").symlink_to("loop.wav")
    recording(Path("good.wav"))
    plan = make_plan(["loop.wav", "good.wav"])
    assert [r.call_id for r in plan.items] == ["good"]
    assert plan.problem_table["file"].tolist() == ["loop.wav"]


def test_progress(recording: Make) -> None:
    recording(Path("a.wav"))
    told: list[Progress] = []
    make_plan(".", progress=told.append)
    assert [(p.step, p.done, p.total) for p in told] == [("plan", 0, 1), ("plan", 1, 1)]


@pytest.mark.parametrize(
    ("message", "file", "expected"),
    [
        ("a/b.wav is empty. Leave it out.", "a/b.wav", ("is empty", "Leave it out.")),
        ("a. B.wav: not audio. Convert it. Or not.", "a. B.wav", ("not audio", "Convert it. Or not.")),
        ("it takes 1.5 hours", "", ("it takes 1.5 hours", "")),
        ("gone. `speechkit doctor` tells.", "", ("gone", "`speechkit doctor` tells.")),
    ],
)
def test_split_message(message: str, file: str, expected: tuple[str, str]) -> None:
    assert split_message(message, file) == expected


def test_odd_channels_are_noted(recording: Make) -> None:
    rng = np.random.default_rng(0)
    noise, other = rng.normal(0, 0.1, (2, 80_000)).astype(np.float32)
    burst = np.zeros(80_000, np.float32)
    burst[100:1000] = 0.5  # between two of the windows that are listened to first
    for name, rows in {
        "copies": [noise, noise],
        "half": [noise, 0 * noise],
        "rare": [noise, burst],
        "silent": [0 * noise],
        "two": [noise, other],
    }.items():
        audio.write_wav(f"{name}.wav", np.vstack(rows), 8000)
    notes = make_plan(".").recordings.set_index("call_id")["note"].dropna()
    assert {name: note.split(".")[0] for name, note in notes.items()} == {
        "copies": "both channels hold the same sound",
        "half": "channel 1 is silent",
        "silent": "is silent",
    }
