"""What a transcription would do: which recordings, with which options, in which jobs, and what stands against
it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from speechkit import audio, limits
from speechkit.audio.channels import channel_note
from speechkit.client.ledger import Ledger
from speechkit.client.options import Options
from speechkit.client.recording import (
    Problem,
    Recording,
    failed_row,
    file_name,
    identity,
    is_url,
    problem_table,
)
from speechkit.client.secrets import strip_sas
from speechkit.errors import AudioError, CorpusError, RequestRefusedError, SpeechkitError
from speechkit.progress import Progress, ProgressCallback

if TYPE_CHECKING:
    import pandas as pd

    from speechkit.transcripts.schema import Transcript

Mode: TypeAlias = Literal["batch", "fast", "realtime"]

_LOOKERS: Final = 4  # recordings looked at at once: hashing and probing mostly wait for the disk
_LOOK_AT: Final = 64  # recordings whose rows are written together
_PLAN: Final = "plan"  # the run of a ledger that holds nothing else


@dataclass(frozen=True)
class Plan:
    """What would be sent: `items` in jobs of one option set each; `problems` and `skipped` are left out."""

    items: tuple[Recording, ...]
    problems: tuple[Problem, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        hours = self.duration_s / 3600
        return (
            f"Plan({len(self.items)} recordings, {hours:.2f} h, {len(self.jobs())} jobs, "
            f"{len(self.problems)} problems, {len(self.skipped)} skipped)"
        )

    @property
    def duration_s(self) -> float:
        """Seconds of audio, of the recordings that could be probed."""
        return sum(item.info.duration_s for item in self.items if item.info)

    def jobs(self, size: int = limits.MAX_CONTENT_URLS) -> list[list[Recording]]:
        """Group the recordings by their options, at most `size` a job."""
        groups: dict[Options, list[Recording]] = {}
        for item in self.items:
            groups.setdefault(item.options, []).append(item)
        return [group[at : at + size] for group in groups.values() for at in range(0, len(group), size)]

    @property
    def recordings(self) -> pd.DataFrame:
        """The recordings: call_id, file, codec, rate (Hz), channels, duration_s, bytes, diarization,
        locale, note (a silent channel, or two that hold the same)."""
        import pandas as pd

        rows = [
            {
                "call_id": item.call_id,
                "file": item.source,
                "codec": item.info.codec if item.info else None,
                "rate": item.info.rate if item.info else None,
                "channels": item.info.channels if item.info else None,
                "duration_s": item.info.duration_s if item.info else None,
                "bytes": item.info.bytes if item.info else None,
                "diarization": item.options.diarization,
                "locale": item.options.locale,
                "note": item.note or None,
            }
            for item in self.items
        ]
        names = [
            "call_id",
            "file",
            "codec",
            "rate",
            "channels",
            "duration_s",
            "bytes",
            "diarization",
            "locale",
            "note",
        ]
        whole = dict.fromkeys(["rate", "channels", "bytes", "diarization"], "Int64")
        text = dict.fromkeys(["call_id", "file", "codec", "locale", "note"], "str")
        return pd.DataFrame(rows, columns=names).astype(whole | text | {"duration_s": "float64"})

    @property
    def problem_table(self) -> pd.DataFrame:
        """What cannot be transcribed: call_id, file, error, remedy."""
        return problem_table(self.problems)

    def check_hours(self, most: float | None) -> None:
        """Raise RequestRefusedError for more hours of audio than `most`."""
        check_hours(self.duration_s, most)

    def raise_if_nothing(self) -> None:
        """Raise when nothing could be sent: the first problem. That everything is there already is fine."""
        if self.items or (self.skipped and not self.problems):
            return
        if self.problems:
            error = self.problems[0].error
            more = len(self.problems) - 1
            raise error if not more else type(error)(f"{error} ({more} more recordings have problems.)")
        raise RequestRefusedError("no recordings were given. Give files, folders, patterns or URLs.")


def make_plan(
    recordings: object,
    *,
    mode: Mode = "batch",
    corpus: Transcript | None = None,
    again: bool = False,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> Plan:
    """Look at recordings (a path, pattern or URL, or many) and decide what to send; nothing is sent.

    Without `diarization` and `channels` a stereo recording gets a channel each, a mono one diarization with
    two speakers. What is in the corpus, by file name and content, is skipped unless `again`; a call
    whose stem is taken gets a short content hash. What cannot be used becomes a problem; only options that
    fit no recording raise RequestRefusedError.
    """
    base, told = check_options(mode, options)
    with Ledger() as ledger:
        ledger.begin(_PLAN, "", {}, list_rows(recordings))
        look(ledger, _PLAN, base, told=told, mode=mode, progress=progress)
        ledger.settle(_PLAN, known_calls(corpus), again=again)
        return read_plan(ledger, _PLAN)


def check_options(mode: Mode, options: Mapping[str, Any]) -> tuple[Options, bool]:
    """Check keywords of options for a mode; answers them, and whether they say how to tell speakers apart."""
    base = Options.of(**options)
    if mode == "fast":
        base.fast_definition()
    elif mode == "realtime":
        base.check_realtime()
    else:
        base.batch_body("check", urls=["https://check.invalid"])
    return base, "diarization" in options or "channels" in options


def check_hours(duration_s: float, most: float | None) -> None:
    """Raise RequestRefusedError for more hours of audio than `most`."""
    if most is not None and duration_s > most * 3600:
        raise RequestRefusedError(
            f"{duration_s / 3600:.2f} hours of audio would be sent, and {most:g} are allowed. Allow more, or give "
            "fewer recordings."
        )


def list_rows(recordings: object) -> Iterator[dict[str, Any]]:
    """Yield a row of the ledger for each file or URL that paths, folders, patterns and URLs name.

    What is missing becomes a row that has failed.
    """
    given: Iterable[Any] = [recordings] if isinstance(recordings, str | Path) else recordings  # type: ignore[assignment]
    for item in given:
        address = str(item)
        if is_url(address):
            yield {"state": "listed", "address": address, "place": strip_sas(address)}
            continue
        try:
            for path in audio.iter_recordings(item):
                yield {"state": "listed", "address": str(path), "place": os.path.realpath(path)}
        except AudioError as error:
            yield {"address": address, "place": os.path.abspath(address), **failed_row(address, error)}


def look(
    ledger: Ledger,
    name: str,
    base: Options,
    *,
    told: bool,
    mode: Mode = "batch",
    progress: ProgressCallback | None = None,
) -> None:
    """Probe the listed recordings of a run, some at a time: each is then looked at, or has failed."""
    done = 0
    total = ledger.count(name).get("listed", 0)

    def look_at(row: Any) -> dict[str, Any]:
        try:
            item = _look_at(row["address"], base, told, mode, ledger)
        except SpeechkitError as error:
            modified_ns, size = stamp(row["address"])
            found = {"number": row["number"], "modified_ns": modified_ns, "bytes": size}
            return found | failed_row(strip_sas(row["address"]), error)
        return {"number": row["number"], **item}

    with ThreadPoolExecutor(_LOOKERS, thread_name_prefix="speechkit-plan") as pool:
        while rows := ledger.listed(name, _LOOK_AT):
            found = []
            for row, answer in zip(rows, pool.map(look_at, rows), strict=True):
                if progress:
                    progress(Progress("plan", done, total, strip_sas(row["address"])))
                found.append(answer)
                done += 1
            ledger.update([row for row in found if row["state"] == "looked"])
            ledger.update([row for row in found if row["state"] == "failed"])
    if progress and total:
        progress(Progress("plan", total, total))


def read_plan(ledger: Ledger, name: str) -> Plan:
    """Read a plan out of a ledger."""
    rows = ledger.read("SELECT * FROM recordings WHERE run = ? ORDER BY number", name)
    return Plan(
        tuple(Recording.of_row(row) for row in rows if row["state"] == "planned"),
        tuple(Problem.of_row(row) for row in rows if row["state"] == "failed"),
        tuple((row["source"], row["note"]) for row in rows if row["state"] == "skipped"),
    )


def known_calls(transcript: Transcript | None) -> Iterator[tuple[str, str]]:
    """Yield the calls of a transcript or corpus as (identity, call_id)."""
    if transcript is None:
        return
    calls = transcript.table("calls", ["call_id", "source"])
    try:
        digests: Iterable[Any] = transcript.table("calls", ["audio_sha256"])["audio_sha256"]
    except (CorpusError, KeyError):  # only calls that came from result files
        digests = repeat(None, len(calls))
    for call_id, source, digest in zip(calls["call_id"], calls["source"], digests, strict=True):
        where = source if isinstance(source, str) else ""
        name = where if is_url(where) else file_name(where)
        yield identity(name, digest if isinstance(digest, str) else ""), str(call_id)


def _look_at(address: str, base: Options, told: bool, mode: Mode, ledger: Ledger) -> dict[str, Any]:
    """Probe one recording, and answer what the ledger keeps; raises what the service would refuse."""
    if is_url(address) and mode == "realtime":
        raise RequestRefusedError(
            f"{strip_sas(address)} is a URL, and real time streams what is on this machine. Download it, or use "
            "batch or fast mode."
        )
    if is_url(address):
        return Recording("", strip_sas(address), address, base.for_recording(None, told=told)).row | {
            "modified_ns": 0
        }
    path = Path(address)
    try:
        info = audio.probe(path)
        options = base.for_recording(info, told=told)
        check_size(info, mode)
        modified_ns, size = stamp(address)
        place = os.path.realpath(path)
        digest = ledger.known_hash(place, modified_ns, size) or audio.content_hash(path)
        note = channel_note(info)
        item = Recording("", path.as_posix(), address, options, digest, info, note)
        return {**item.row, "modified_ns": modified_ns}
    except OSError as error:
        raise AudioError(f"{path} cannot be read: {error.strerror or error}. Check the file.") from None


def stamp(address: str) -> tuple[int, int]:
    """Answer when a file was changed last (ns) and its bytes: by these a change is seen. Zeros where there is none."""
    try:
        found = os.stat(address)
    except (OSError, ValueError):
        return 0, 0
    return found.st_mtime_ns, found.st_size


def check_size(info: audio.AudioInfo, mode: Mode) -> None:
    """Raise RequestRefusedError for a recording that is too large or too long for the mode."""
    if mode == "realtime":  # what is streamed may be as long as it likes
        return
    most = limits.MAX_FAST_BYTES if mode == "fast" else limits.MAX_BATCH_BYTES
    if info.bytes > most:
        raise RequestRefusedError(
            f"{info.path} has {info.bytes / 1e6:.0f} MB, and {mode} mode takes {most / 1e6:.0f}. "
            + (
                "Use batch mode."
                if mode == "fast" and info.bytes <= limits.MAX_BATCH_BYTES
                else "Compress or cut it."
            )
        )
    if mode == "fast" and info.duration_s > limits.MAX_FAST_S:
        raise RequestRefusedError(
            f"{info.path} is {info.duration_s / 3600:.1f} hours long, and fast mode takes "
            f"{limits.MAX_FAST_S / 3600:.0f}. Use batch mode."
        )
