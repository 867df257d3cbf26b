"""Short audio: up to a minute of sound in the body of a request, what is said in it in the answer."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from speechkit import limits
from speechkit.local import locales
from speechkit.local.checks import invalid, locale_of
from speechkit.local.envelope import RefusalError
from speechkit.local.fast_routes import FAST_PRIORITY
from speechkit.local.fetch import Fetched
from speechkit.local.recognition import Phrase, Wanted
from speechkit.local.service import Service, plain
from speechkit.local.speech_protocol import DETAILED_NBEST, MODES, PROFANITY
from speechkit.local.speech_results import phrase_result
from speechkit.local.workers import EngineUnavailableError, UnusableAudioError

MAX_BYTES: Final = 50_000_000  # more than a minute of any sound
_UNKNOWN: Final = (b"\0\0\0\0", b"\xff\xff\xff\xff")  # the size that a live encoder writes into a WAV header


async def recognize(request: Request, service: Service) -> Response:
    """POST /speech/recognition/{mode}/cognitiveservices/v1."""
    query = request.query_params
    mode, format_ = request.path_params["mode"], query.get("format", "simple").lower()
    profanity = PROFANITY.get(query.get("profanity", "masked").lower())
    if mode not in MODES:
        raise invalid("InvalidParameterValue", f"There is no recognition mode {mode}.", "mode")
    locale = locale_of(query.get("language"), "language")
    if locale not in locales.served():
        raise RefusalError("InvalidRequest", locales.not_served([locale]), inner="InvalidLocale")
    if format_ not in ("simple", "detailed") or profanity is None:
        raise invalid(
            "InvalidParameterValue",
            "format is simple or detailed; profanity is masked, removed or raw.",
            "format",
        )
    if "pronunciation-assessment" in request.headers:
        message = "The local service does not assess pronunciation."
        raise invalid("InvalidParameterValue", message, "Pronunciation-Assessment")
    detailed = format_ == "detailed"
    recording = await _recording(request, service)
    try:
        phrases = await _phrases(service, recording, locale, DETAILED_NBEST if detailed else 1)
    except UnusableAudioError as error:
        raise invalid(
            "InvalidAudioFormat", error.about(recording.path, "the body of the request"), "audio"
        ) from None
    except EngineUnavailableError as error:
        raise RefusalError("ServiceUnavailable", f"The recognizer cannot be used: {error}") from None
    finally:
        recording.release()
    if mode == "interactive":
        phrases = phrases[:1]
    if not phrases:
        return JSONResponse({"RecognitionStatus": "InitialSilenceTimeout", "Offset": 0, "Duration": 0})
    words = query.get("wordLevelTimestamps", "").lower() == "true"
    result = phrase_result(joined(phrases), detailed=detailed, words=words, profanity=profanity)
    if detailed:
        del result["DisplayText"]
    return JSONResponse(result)


def joined(phrases: Sequence[Phrase]) -> Phrase:
    """Several phrases as one; other hypotheses are those of a phrase alone."""
    words = [word for phrase in phrases for word in phrase.words]
    return Phrase(
        start_s=phrases[0].start_s,
        end_s=phrases[-1].end_s,
        confidence=sum(word.confidence for word in words) / len(words),
        text=" ".join(phrase.text for phrase in phrases),
        words=words,
        alternatives=phrases[0].alternatives if len(phrases) == 1 else [],
    )


async def _phrases(service: Service, recording: Fetched, locale: str, nbest: int) -> list[Phrase]:
    sound = await service.listener.look(recording, FAST_PRIORITY)
    if sound.duration_s > limits.MAX_SHORT_AUDIO_S:
        raise invalid(
            "AudioLengthLimitExceeded",
            f"The sound has {sound.duration_s:.0f} s; short audio has at most "
            f"{limits.MAX_SHORT_AUDIO_S:.0f} s. Use fast or batch transcription.",
            "audio",
        )
    wanted = Wanted(nbest=nbest, language=locales.language_of(locale))
    return await service.listener.hear(recording, wanted, FAST_PRIORITY)


async def _recording(request: Request, service: Service) -> Fetched:
    """The body on disk, as it comes: it may be chunked, and sent while it is being spoken."""
    suffix = ".ogg" if "ogg" in request.headers.get("content-type", "") else ".wav"
    path = service.fetcher.download_path(f"short{suffix}")
    sound = bytearray()
    async for chunk in request.stream():
        sound += chunk
        if len(sound) > MAX_BYTES:
            raise invalid("AudioLengthLimitExceeded", "The sound is larger than a minute's can be.", "audio")
    if not sound:
        raise invalid("EmptyAudioFile", "The request has no body. Send WAV or OGG.", "audio")
    content = sized(bytes(sound))
    await asyncio.to_thread(path.write_bytes, content)
    return Fetched(path, hashlib.sha256(content).hexdigest(), temporary=True)


def sized(wav: bytes) -> bytes:
    """A WAV file whose header leaves the size of its samples open, with that size; anything else as it is.

    >>> sized(b"RIFF\\0\\0\\0\\0WAVEdata\\0\\0\\0\\0samples!")[16:20]
    b'\\x08\\x00\\x00\\x00'
    """
    at = wav.find(b"data", 12, 4096) + 4
    if wav[:4] != b"RIFF" or at < 16 or wav[at : at + 4] not in _UNKNOWN:
        return wav
    rest = len(wav) - at - 4
    return (
        wav[:4]
        + (len(wav) - 8).to_bytes(4, "little")
        + wav[8:at]
        + rest.to_bytes(4, "little")
        + wav[at + 4 :]
    )


ROUTES: Final = [
    Route(f"{prefix}/speech/recognition/{{mode}}/cognitiveservices/v1", plain(recognize), methods=["POST"])
    for prefix in ("", "/stt")
]
