"""The route of fast transcription: a recording comes in, its transcript goes out."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive

from speechkit.local import locales
from speechkit.local.envelope import RefusalError
from speechkit.local.fetch import Fetched, FetchError, without_sas
from speechkit.local.recognition import Heard, Sound, Wanted
from speechkit.local.requests import FastDefinition, parse_definition, read_json
from speechkit.local.results import fast_result
from speechkit.local.service import PREFIX, Service, api, version_of
from speechkit.local.workers import EngineUnavailableError, UnusableAudioError

FAST_PRIORITY: Final = 0  # before every recording of a job: a person waits
_OVERHEAD_BYTES: Final = 1 << 20  # of the multipart form around the audio


async def transcribe(request: Request, service: Service) -> Response:
    """POST /transcriptions:transcribe."""
    version = version_of(request)
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise RefusalError("UnsupportedMediaType", "The request must be multipart/form-data.")
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > service.fast_bytes + _OVERHEAD_BYTES:
        raise _too_large(service)
    limited = Request(request.scope, _limited(request.receive, service))
    async with limited.form(max_files=2, max_fields=2) as form:
        definition = parse_definition(
            await _definition(form), version=version, check_model=service.check_model
        )
        recording, name = await _recording(form, definition, service)
    try:
        with _refusals(recording.path, name):
            sound = await service.listener.look(recording, FAST_PRIORITY)
            heard = await _hear(service, recording, sound, definition)
    finally:
        recording.release()
    first = 0 if version == "2024-11-15" else 1
    return JSONResponse(
        fast_result(heard, profanity=definition.profanity, locale=definition.locale, first_speaker=first)
    )


ROUTES: Final = [Route(f"{PREFIX}/transcriptions:transcribe", api(transcribe), methods=["POST"])]


async def _definition(form: FormData) -> dict[str, Any]:
    """The part `definition`: JSON, sent as a text or as a file; none is an empty one."""
    part = form.get("definition")
    if part is None or part == "":
        return {}
    return read_json(await part.read() if isinstance(part, UploadFile) else part.encode())


async def _recording(form: FormData, definition: FastDefinition, service: Service) -> tuple[Fetched, str]:
    """The part `audio` on disk, or what audioUrl names; the audio wins where both are given."""
    part = form.get("audio")
    if isinstance(part, UploadFile):
        if not part.size:
            raise _unusable("EmptyAudioFile", "The audio part is empty.")
        if part.size > service.fast_bytes:
            raise _too_large(service)
        name = Path(part.filename or "audio").name
        path = service.fetcher.download_path(name)
        return Fetched(path, await asyncio.to_thread(_spool, part, path), temporary=True), name
    if part is not None:
        raise _invalid("InvalidPayload", "The part 'audio' must be a file: it needs a filename.", "audio")
    if definition.audio_url is None:
        raise _invalid(
            "EmptyRequest", "The request needs the part 'audio', or audioUrl in its definition.", "audio"
        )
    try:
        recording = await service.fetcher.fetch(definition.audio_url, max_bytes=service.fast_bytes)
    except FetchError as error:
        raise _invalid("InvalidRecordingsUri", str(error), "audioUrl") from None
    return recording, without_sas(definition.audio_url)


def _spool(part: UploadFile, path: Path) -> str:
    try:
        with path.open("wb") as file:
            shutil.copyfileobj(part.file, file, 1 << 20)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except BaseException:
        path.unlink(missing_ok=True)
        raise


async def _hear(service: Service, recording: Fetched, sound: Sound, definition: FastDefinition) -> Heard:
    if sound.duration_s > service.fast_s:
        raise _unusable(
            "AudioLengthLimitExceeded",
            f"The recording has {sound.duration_s / 60:.0f} minutes; at most {service.fast_s / 60:.0f} "
            "are transcribed at once. Use a batch transcription.",
        )
    channels: list[int | None] = [None]
    if definition.channels and sound.channels > 1:  # ignored for mono
        channels = list(definition.channels)
    told = locales.language_of(definition.locale)
    own = Wanted(None, definition.speakers, 1, definition.phrases, definition.weight, told)
    wanted = [replace(own, channel=channel) for channel in channels]
    phrases = await asyncio.gather(*(service.listener.hear(recording, w, FAST_PRIORITY) for w in wanted))
    return Heard(sound.duration_s, dict(zip(channels, phrases, strict=True)))


@contextmanager
def _refusals(path: Path, name: str) -> Iterator[None]:
    """Answer what is wrong with a recording in the API's words, under the name that the caller knows."""
    try:
        yield
    except UnusableAudioError as error:
        inner = "EmptyAudioFile" if error.kind == "EmptyAudioError" else "InvalidAudioFormat"
        raise _unusable(inner, error.about(path, name)) from None
    except EngineUnavailableError as error:
        raise RefusalError(
            "ServiceUnavailable", f"The recognizer cannot be used: {error}", retry_after_s=10
        ) from None


def _limited(receive: Receive, service: Service) -> Receive:
    """Stop reading a body without a stated length when it gets too large."""
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > service.fast_bytes + _OVERHEAD_BYTES:
            raise _too_large(service)
        return message

    return limited


def _invalid(inner: str, message: str, target: str) -> RefusalError:
    return RefusalError("InvalidRequest", message, inner=inner, target=target)


def _unusable(inner: str, message: str) -> RefusalError:
    return RefusalError("UnprocessableEntity", message, inner=inner, target="audio")


def _too_large(service: Service) -> RefusalError:
    most = service.fast_bytes // 1_000_000
    return _unusable(
        "AudioLengthLimitExceeded", f"The audio is larger than {most} MB. Use a batch transcription."
    )
