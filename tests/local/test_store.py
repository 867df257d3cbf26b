"""What the service keeps, and that it is there again."""

from __future__ import annotations

import errno
import sqlite3
import time
from pathlib import Path

import pytest

from speechkit.errors import LocalServiceError
from speechkit.local.recording_routes import forget_recognitions
from speechkit.local.store import RECOGNITION_LIFE_S, RECORDING_LIFE_S, Recording, Store, is_full

PROPERTIES = {"locale": "en-US", "properties": {"timeToLiveHours": 6}}
URLS = [("https://host/a.wav?sig=x", "contenturl_0.json"), ("https://host/b.wav", "contenturl_1.json")]


@pytest.fixture
def store() -> Store:
    return Store(None)


def test_a_job_lives_from_not_started_to_its_report(store: Store) -> None:
    job = store.add_job("2025-10-15", PROPERTIES, "calls", description="d", urls=URLS)
    assert (job.status, job.finished, job.expires_s, job.duration_ms) == ("NotStarted", False, None, None)
    store.start_job(job.id)
    first, second = store.inputs(job.id)
    store.succeed_input(job.id, first, b'{"a": 1}', 1.25)
    store.fail_input(job.id, second.position, "InvalidUri", "gone")
    store.finish_job(job.id, "Succeeded", report=b"{}")
    done = store.job(job.id)
    assert done is not None
    assert (done.status, done.duration_ms, done.finished) == ("Succeeded", 1250, True)
    assert done.expires_s == pytest.approx(time.time() + 6 * 3600, abs=5)
    files = store.files(job.id)
    assert [(f.name, f.kind, f.size) for f in files] == [
        ("contenturl_0.json", "Transcription", 8),
        ("report.json", "TranscriptionReport", 2),
    ]
    assert store.content(job.id, files[0].id) == b'{"a": 1}'
    assert store.content("another job", files[0].id) is None
    assert [(i.status, i.error_kind) for i in store.inputs(job.id)] == [
        ("Succeeded", None),
        ("Failed", "InvalidUri"),
    ]


def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path)
    job = store.add_job("2025-10-15", PROPERTIES, "calls", custom_properties={"a": "b"}, urls=URLS)
    secret = store.secret
    store.add_recognition("key", b"phrases")
    # not closed: as after a kill
    again = Store(tmp_path)
    assert again.job(job.id) == job
    assert (again.secret, again.recognition("key")) == (secret, b"phrases")


def test_a_change_that_fails_changes_nothing(store: Store) -> None:
    job = store.add_job("2025-10-15", PROPERTIES, "calls", urls=URLS[:1])
    first = store.inputs(job.id)[0]
    with pytest.raises(sqlite3.Error):
        store.succeed_input(job.id, first, None, 1.0)  # type: ignore[arg-type]
    assert store.inputs(job.id) == [first]
    assert store.files(job.id) == []
    store.succeed_input(job.id, first, b"{}", 1.0)  # the connection is of use again
    assert store.inputs(job.id)[0].status == "Succeeded"


def test_a_deleted_job_leaves_nothing_and_takes_nothing_more(store: Store) -> None:
    job = store.add_job("2025-10-15", PROPERTIES, "calls", urls=URLS)
    item = store.inputs(job.id)[0]
    assert store.delete_job(job.id)
    assert not store.delete_job(job.id)
    store.succeed_input(job.id, item, b"{}", 1.0)
    store.fail_input(job.id, 1, "Internal", "late")
    store.finish_job(job.id, "Succeeded", report=b"{}")
    assert (store.job(job.id), store.inputs(job.id), store.files(job.id)) == (None, [], [])


def test_finished_jobs_expire_and_others_do_not(store: Store) -> None:
    done, running = (store.add_job("2025-10-15", PROPERTIES, name) for name in ("done", "running"))
    store.finish_job(done.id, "Failed", error={"code": "InvalidUri", "message": "m"})
    store.start_job(running.id)
    later = time.time() + 6 * 3600 + 1
    assert store.expired_jobs(time.time()) == []
    assert store.expired_jobs(later) == [done.id]
    assert store.count_jobs() == {"NotStarted": 0, "Running": 1, "Succeeded": 0, "Failed": 1}


def test_a_change_of_a_job_changes_what_it_names(store: Store) -> None:
    job = store.add_job("2025-10-15", PROPERTIES, "calls", description="d", custom_properties={"a": "b"})
    store.update_job(job.id, {"displayName": "new", "description": None})
    changed = store.job(job.id)
    assert changed is not None
    assert (changed.display_name, changed.description, changed.custom_properties) == ("new", None, {"a": "b"})
    store.update_job(job.id, {"customProperties": None})
    assert store.job(job.id).custom_properties is None  # type: ignore[union-attr]


def test_jobs_are_listed_oldest_first(store: Store) -> None:
    made = [store.add_job("2025-10-15", PROPERTIES, str(i)).id for i in range(5)]
    assert [job.id for job in store.jobs()] == made


def test_a_recording_is_replaced_and_forgotten(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    assert store.add_recording(Recording("a b/c.wav", "1.wav", "h1", 5, now)) is None
    assert store.add_recording(Recording("a b/c.wav", "2.wav", "h2", 6, now)) == "1.wav"
    store.add_recognition("key", b"x")
    assert store.recording_files() == {"2.wav"}
    assert store.recording("a b/c.wav").hash == "h2"  # type: ignore[union-attr]
    store.forget_old(now + RECORDING_LIFE_S - 60)
    assert store.recording_files() == {"2.wav"}
    store.forget_old(now + RECORDING_LIFE_S + 60)
    assert (store.recording("a b/c.wav"), store.recognition("key")) == (None, b"x")
    monkeypatch.setattr(time, "time", lambda: now + 2 * 86400)
    store.recognition("key")  # it was of use again
    store.forget_old(now + RECOGNITION_LIFE_S + 60)
    assert store.recognition("key") == b"x"
    store.forget_old(now + RECOGNITION_LIFE_S + 3 * 86400)
    assert store.recognition("key") is None
    assert store.delete_recording("a b/c.wav") is None


def test_a_folder_that_cannot_hold_a_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "service.sqlite").write_bytes(b"this is no database, and it is long enough to see" * 100)
    with pytest.raises(LocalServiceError, match=r"service\.sqlite cannot be used.*--state"):
        Store(tmp_path)


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (sqlite3.OperationalError("database or disk is full"), True),
        (sqlite3.OperationalError("database is locked"), False),
        (OSError(errno.ENOSPC, "no space"), True),
        (OSError(errno.EFBIG, "too large"), True),
        (OSError(errno.EACCES, "no"), False),
        (ValueError("full"), False),
    ],
)
def test_no_space_is_told_from_other_errors(error: Exception, full: bool) -> None:
    assert is_full(error) is full


def test_what_was_heard_in_a_recording_is_forgotten_and_what_nobody_knows_whose_it_is(store: Store) -> None:
    for key in ("ab:1", "ab:sound", "abc:1", "a:1", "%:1", "sound:old", "0123abcd"):
        store.add_recognition(key, b"[]")
    forget_recognitions(store.database, "ab")
    left = [
        key
        for key in ("ab:1", "ab:sound", "abc:1", "a:1", "%:1", "sound:old", "0123abcd")
        if store.recognition(key)
    ]
    assert left == ["abc:1", "a:1", "%:1"]
    forget_recognitions(store.database, "%")
    assert store.recognition("abc:1") == b"[]"
