"""What a transcription would do: which recordings, with which options, in which jobs, and what stands against
it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import unquote, urlsplit

from speechkit import audio, limits
from speechkit.client.options import Options
from speechkit.client.secrets import strip_sas
from speechkit.errors import AudioError, RequestRefusedError, SpeechkitError
from speechkit.progress import Progress, ProgressCallback

if TYPE_CHECKING:
    import pandas as pd

    from speechkit.transcripts.schema import Transcript

Mode: TypeAlias = Literal["batch", "fast", "realtime"]
Known: TypeAlias = Mapping[str, tuple[str, str]]
"""The calls that are there already: call_id to (file name, SHA-256 of the audio)."""

_HASH_DIGITS = 8  # of the content hash, where two stems collide


@dataclass(frozen=True)
class Recording:
    """One recording to transcribe.

    `source` is the path as it was given, or a URL with its signature removed; `address` what to open.
    `sha256` and `info` are of the file, empty and None for a URL.
    """

    call_id: str
    source: str
    address: str
    options: Options
    sha256: str = ""
    info: audio.AudioInfo | None = None

    @property
    def is_url(self) -> bool:
        """Whether the service reads the recording where it is."""
        return is_url(self.address)

    @property
    def file(self) -> str:
        """The file's name, without folders."""
        return file_name(self.source)

    @property
    def blob_name(self) -> str:
        """The name in storage: other bytes have another name, so that what is queued never changes."""
        path = PurePosixPath(self.file)
        return f"{path.stem}-{self.sha256[:_HASH_DIGITS]}{path.suffix.lower()}"


@dataclass(frozen=True)
class Problem:
    """A recording that cannot be transcribed, with its reason."""

    file: str
    error: SpeechkitError
    call_id: str | None = None

    @property
    def row(self) -> dict[str, Any]:
        """The problem as a row of a table."""
        what, remedy = split_message(str(self.error), self.file)
        return {"call_id": self.call_id, "file": self.file, "error": what, "remedy": remedy}


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
        locale."""
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
        ]
        whole = dict.fromkeys(["rate", "channels", "bytes", "diarization"], "Int64")
        text = dict.fromkeys(["call_id", "file", "codec", "locale"], "str")
        return pd.DataFrame(rows, columns=names).astype(whole | text | {"duration_s": "float64"})

    @property
    def problem_table(self) -> pd.DataFrame:
        """What cannot be transcribed: call_id, file, error, remedy."""
        return problem_table(self.problems)

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
    known: Known | Transcript | None = None,
    again: bool = False,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> Plan:
    """Look at recordings (a path, pattern or URL, or many) and decide what to send; nothing is sent.

    Without `diarization` and `channels` a stereo recording gets a channel each, a mono one diarization with
    two speakers. What is in the corpus `known`, by file name and content, is skipped unless `again`; a call
    whose stem is taken gets a short content hash. What cannot be used becomes a problem; only options that
    fit no recording raise RequestRefusedError.
    """
    base = Options.of(**options)
    if mode == "fast":
        base.fast_definition()
    elif mode == "realtime":
        base.check_realtime()
    else:
        base.batch_body("check", urls=["https://check.invalid"])
    told = "diarization" in options or "channels" in options
    there = dict(known or {}) if known is None or isinstance(known, Mapping) else known_calls(known)
    addresses, problems = find_addresses(recordings)
    found: list[Recording] = []
    skipped: list[tuple[str, str]] = []
    seen: dict[tuple[str, str], str] = {}
    call_ids = {where: call_id for call_id, where in there.items()}
    for done, address in enumerate(addresses):
        if progress:
            progress(Progress("plan", done, len(addresses), strip_sas(address)))
        try:
            item = _look_at(address, base, told, mode)
        except SpeechkitError as error:
            problems.append(Problem(strip_sas(address), error))
            continue
        identity = (item.file, item.sha256) if item.sha256 else (item.source, "")
        # A call that was added from a result file has no hash: then its file name has to do.
        call_id = call_ids.get(identity) or call_ids.get((item.file, "")) or ""
        if identity in seen:
            skipped.append((item.source, f"is the same recording as {seen[identity]}"))
        elif call_id and not again:
            skipped.append((item.source, f"is in the corpus as {call_id}"))
        else:
            found.append(replace(item, call_id=call_id))
        seen.setdefault(identity, item.source)
    if progress and addresses:
        progress(Progress("plan", len(addresses), len(addresses)))
    return Plan(tuple(_with_call_ids(found, there)), tuple(problems), tuple(skipped))


def known_calls(transcript: Transcript) -> dict[str, tuple[str, str]]:
    """List the calls of a transcript or corpus as a plan knows them again: file name (or URL) and SHA-256."""
    calls = transcript.calls
    if "audio_sha256" not in calls:
        calls = calls.assign(audio_sha256=None)
    known = {}
    for call_id, source, digest in calls[["call_id", "source", "audio_sha256"]].itertuples(index=False):
        where = source if isinstance(source, str) else ""
        name = where if is_url(where) else file_name(where)
        known[str(call_id)] = (name, digest if isinstance(digest, str) else "")
    return known


def find_addresses(recordings: object) -> tuple[list[str], list[Problem]]:
    """List the files and URLs that paths, folders, patterns and URLs name; what is missing is a problem."""
    given = [recordings] if isinstance(recordings, str | Path) else list(recordings)  # type: ignore[call-overload]
    addresses: dict[str, None] = {}
    problems: list[Problem] = []
    files: dict[Path, None] = {}
    for item in given:
        if is_url(str(item)):
            addresses.setdefault(str(item))
            continue
        try:
            for path in audio.find_recordings(item):
                if path.resolve() not in files:
                    files.setdefault(path.resolve())
                    addresses.setdefault(str(path))
        except AudioError as error:
            problems.append(Problem(str(item), error))
    return list(addresses), problems


def is_url(address: str) -> bool:
    """Whether an address is a URL rather than a path."""
    return address.startswith(("https://", "http://"))


def file_name(source: str) -> str:
    """Return the name of the file that a path or URL ends in.

    >>> file_name("https://a.example/calls/call%201.wav"), file_name("data/calls/c01.wav")
    ('call 1.wav', 'c01.wav')
    """
    return unquote(PurePosixPath(urlsplit(source).path).name) if is_url(source) else Path(source).name


def split_message(message: str, file: str = "") -> tuple[str, str]:
    """Split an error's message into what happened and what to do; what happened does not repeat the file.

    >>> split_message("a. B.wav is stereo. Split its channels.", "a. B.wav")
    ('is stereo', 'Split its channels.')
    """
    text = message.removeprefix(file).lstrip(": ") if file else message
    found = re.search(r"(?<=[\w)'\"])\. (?=[A-Z`])", text)
    if not found:
        return text.rstrip("."), ""
    return text[: found.start()], text[found.end() :]


def problem_table(problems: Iterable[Problem]) -> pd.DataFrame:
    """Make the table of problems: call_id (missing where none was given), file, error, remedy, all str."""
    import pandas as pd

    rows = [problem.row for problem in problems]
    return pd.DataFrame(rows, columns=["call_id", "file", "error", "remedy"]).astype("str")


def _look_at(address: str, base: Options, told: bool, mode: Mode) -> Recording:
    """Probe one recording, and raise what the service would refuse."""
    if is_url(address) and mode == "realtime":
        raise RequestRefusedError(
            f"{strip_sas(address)} is a URL, and real time streams what is on this machine. Download it, or use "
            "batch or fast mode."
        )
    if is_url(address):
        return Recording("", strip_sas(address), address, base.for_recording(None, told=told))
    path = Path(address)
    try:
        info = audio.probe(path)
        options = base.for_recording(info, told=told)
        check_size(info, mode)
        return Recording("", path.as_posix(), address, options, audio.content_hash(path), info)
    except OSError as error:
        raise AudioError(f"{path} cannot be read: {error.strerror or error}. Check the file.") from None


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


def _with_call_ids(found: Sequence[Recording], known: Known) -> list[Recording]:
    """Name each call by its stem; where two stems collide, both get a short hash of what they hold."""
    stems = [PurePosixPath(item.file).stem for item in found]
    counts = Counter(stems)
    named = []
    for item, stem in zip(found, stems, strict=True):
        digest = item.sha256 or hashlib.sha256(item.source.encode()).hexdigest()
        collides = counts[stem] > 1 or stem in known
        fresh = f"{stem}-{digest[:_HASH_DIGITS]}" if collides else stem
        named.append(replace(item, call_id=item.call_id or fresh))
    return named
