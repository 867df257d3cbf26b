"""What a batch job left: result files and a report, matched with recordings by their `source`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import unquote

from speechkit.client.recording import Recording
from speechkit.client.secrets import strip_sas
from speechkit.errors import JobFailedError

if TYPE_CHECKING:
    from speechkit.transcripts.schema import Transcript

_AGAIN: Final = "Transcribe it again."
_REMEDIES: Final = {  # errorKind of a report
    "InvalidUri": "Check that the service can read the URL.",
    "InvalidData": "Check the recording, or convert it to WAV or FLAC.",
    "InvalidAudioFormat": "Convert the recording to WAV or FLAC.",
    "EmptyAudioFile": "Leave the recording out.",
    "InvalidLocale": "Give a locale that the service knows.",
    "Timeout": _AGAIN,
    "Transient": _AGAIN,
    "Internal": _AGAIN,
}
_PASSING: Final = ("InvalidUri", "Timeout", "Transient", "Internal")  # what the official samples send again


@dataclass(frozen=True)
class Failure:
    """A recording that the report says was not transcribed; `source` has no signature, `worth` says that
    to send it again may help."""

    source: str
    error: JobFailedError
    worth: bool


def report_failures(report: Mapping[str, Any]) -> Iterator[Failure]:
    """Yield the failures of a report.json, whatever the case of its keys; older ones say sourceUrl for
    source.

    >>> detail = {"SourceUrl": "https://a.example/c.wav", "ErrorKind": "Timeout", "ErrorMessage": "Too slow."}
    >>> [str(failure.error) for failure in report_failures({"Details": [detail]})]
    ['Timeout: Too slow. Transcribe it again.']
    """
    for detail in _lower(report).get("details") or []:
        entry = _lower(detail)
        if str(entry.get("status", "")).lower() == "succeeded":
            continue
        kind = str(entry.get("errorkind") or "")
        message = str(entry.get("errormessage") or "no reason given").strip().rstrip(".")
        remedy = _REMEDIES.get(kind, "Check the recording, then transcribe it again.")
        source = strip_sas(str(entry.get("source") or entry.get("sourceurl") or ""))
        what = strip_sas(f"{kind}: {message}" if kind else message)
        yield Failure(source, JobFailedError(f"{what}. {remedy}"), kind in _PASSING or not kind)


def source_of(body: bytes) -> str:
    """Read the `source` of a result file; empty where there is none."""
    import msgspec

    try:
        decoded = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        raw = decoded.get("source") or decoded.get("Source")
        return msgspec.json.decode(raw, type=str) if raw else ""
    except msgspec.DecodeError:
        return ""


def source_keys(url: str) -> tuple[str, str]:
    """Return a URL without its signature, and without any query: what two spellings of one source share.

    >>> source_keys("https://A.example/c%201.wav?v=2")
    ('https://a.example/c 1.wav?v=2', 'https://a.example/c 1.wav')
    """
    whole = strip_sas(url)
    path, mark, query = whole.partition("?")
    scheme, separator, rest = path.partition("://")
    host, slash, name = rest.partition("/")
    path = f"{scheme.lower()}{separator}{host.lower()}{slash}{unquote(name)}"
    return path + mark + query, path


class Sources:
    """The recordings of a job by the URLs that the service was given, to find whose a result is.

    >>> sources = Sources({7: "https://a.example/calls/c1.wav"})
    >>> sources.find("https://a.example/calls/c1.wav?sv=1&sig=abc"), sources.find("https://a.example/c2.wav")
    (7, None)
    """

    def __init__(self, urls: Mapping[int, str]) -> None:
        self._numbers: dict[str, int | None] = {}
        for number, url in urls.items():
            whole, path = source_keys(url)
            self._numbers[path] = None if path in self._numbers and path != whole else number
            self._numbers[whole] = number

    def find(self, source: str) -> int | None:
        """Answer the number of the recording that a result or report names as its source, signed or not."""
        found = (self._numbers.get(key) for key in source_keys(source))
        return next((number for number in found if number is not None), None)


def read_result(
    body: bytes | dict[str, Any],
    item: Recording,
    mode: Literal["batch", "fast", "realtime"],
    engine: str | None = None,
) -> Transcript:
    """Read a result as the transcript of a recording: its call_id, its source and the hash of its bytes.

    A result names neither its recognizer nor, where only one was asked for, its locale.
    """
    from speechkit.transcripts.parse import read_transcript

    transcript = read_transcript(body, call_id=item.call_id, mode=mode, engine=engine)
    columns: dict[str, Any] = {"source": item.source}
    if item.sha256:
        locale = transcript.calls["locale"].fillna(item.options.locale)
        columns |= {"audio_sha256": item.sha256, "locale": locale}
    return transcript.with_calls(**columns)


def _lower(table: Any) -> dict[str, Any]:
    return {str(key).lower(): value for key, value in table.items()} if isinstance(table, Mapping) else {}
