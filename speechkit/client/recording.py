"""A recording to transcribe, and the problem that one may be."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from speechkit import audio, errors
from speechkit.client.options import Options
from speechkit.errors import ServiceError, SpeechkitError, StatusError

if TYPE_CHECKING:
    import pandas as pd

_HASH_DIGITS: Final = 16  # of the content hash: with 8, two of 50,000 "call.wav" are one in a run of four


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
    note: str = ""

    @property
    def is_url(self) -> bool:
        """Whether the service reads the recording where it is."""
        return is_url(self.address)

    @property
    def file(self) -> str:
        """The file's name, without folders."""
        return file_name(self.source)

    @property
    def row(self) -> dict[str, Any]:
        """What the ledger keeps of it."""
        info = self.info
        digest = self.sha256 or hashlib.sha256(self.source.encode()).hexdigest()
        return {
            "state": "looked",
            "source": self.source,
            "file": self.file,
            "stem": PurePosixPath(self.file).stem,
            "mark": digest[:_HASH_DIGITS],
            "identity": identity(self.file if self.sha256 else self.source, self.sha256),
            "sha256": self.sha256,
            "options": self.options.json(),
            "bytes": info.bytes if info else None,
            "container": info.container if info else None,
            "codec": info.codec if info else None,
            "rate": info.rate if info else None,
            "channels": info.channels if info else None,
            "duration_s": info.duration_s if info else None,
            "note": self.note or None,
            "error": None,
            "kind": None,
        }

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Recording:
        """Make it again of what the ledger keeps."""
        info = None
        if row["codec"]:
            names = ("container", "codec", "rate", "channels", "duration_s", "bytes")
            info = audio.AudioInfo(Path(row["address"]), *(row[name] for name in names))
        options = Options.of_json(row["options"])
        note = row["note"] or ""
        return cls(row["call_id"] or "", row["source"], row["address"], options, row["sha256"], info, note)

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

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Problem:
        """Make it of a failed row of the ledger."""
        kind = getattr(errors, row["kind"] or "", SpeechkitError)
        kind = ServiceError if issubclass(kind, StatusError) else kind
        return cls(row["source"], kind(row["error"]), row["call_id"])

    @property
    def row(self) -> dict[str, Any]:
        """The problem as a row of a table."""
        what, remedy = split_message(str(self.error), self.file)
        return {"call_id": self.call_id, "file": self.file, "error": what, "remedy": remedy}


def failed_row(source: str, error: SpeechkitError, *, worth: bool = False) -> dict[str, Any]:
    """Make what the ledger keeps of a failure; `worth` says that a retry is."""
    text = {"error": str(error), "kind": type(error).__name__}
    return {"state": "failed", "source": source, "file": file_name(source), "worth": int(worth), **text}


def identity(name: str, sha256: str) -> str:
    """What makes a recording the same as another: its file name and bytes, or its URL."""
    return f"{sha256}:{name}"


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
