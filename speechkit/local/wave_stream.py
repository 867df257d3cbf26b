"""Sound as the Speech SDK streams it: a RIFF header without sizes, then samples in pieces of any length."""

from __future__ import annotations

import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from speechkit.audio import mix
from speechkit.errors import UnsupportedAudioError

RATE: Final = 16000
MIN_RATE, MAX_RATE, MAX_CHANNELS = 4000, 192_000, 16
HEADER_BYTES: Final = 65_536  # a header that has not ended by then is none
_PCM, _FLOAT, _ALAW, _MULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_CODECS: Final = {
    (_PCM, 8): "pcm_u8",
    (_PCM, 16): "pcm_s16le",
    (_PCM, 24): "pcm_s24le",
    (_PCM, 32): "pcm_s32le",
    (_FLOAT, 32): "pcm_f32le",
    (_FLOAT, 64): "pcm_f64le",
    (_ALAW, 8): "pcm_alaw",
    (_MULAW, 8): "pcm_mulaw",
}

Samples = NDArray[np.float32]


class WaveReader:
    """Turns the bytes of a WAVE stream into mono sound at 16 kHz; several channels are mixed into one.

    >>> import io, soundfile
    >>> file = io.BytesIO()
    >>> soundfile.write(file, np.zeros(8000), 8000, format="WAV", subtype="ULAW")
    >>> reader = WaveReader()
    >>> pieces = [reader.feed(file.getvalue()[:1000]), reader.feed(file.getvalue()[1000:]), reader.finish()]
    >>> sum(len(piece) for piece in pieces)
    16000
    """

    def __init__(self) -> None:
        self._waiting = b""
        self._decode: _Decoder | None = None

    def feed(self, data: bytes) -> Samples:
        """The samples (n,) that more bytes complete; raises UnsupportedAudioError for what is no such stream."""
        self._waiting += data
        if self._decode is None:
            start = self._read_header()
            if start is None:
                return np.zeros(0, np.float32)
            self._waiting = self._waiting[start:]
        assert self._decode is not None
        whole = len(self._waiting) // self._decode.block * self._decode.block
        piece, self._waiting = self._waiting[:whole], self._waiting[whole:]
        return self._decode(piece)

    def finish(self) -> Samples:
        """The samples that the resampler still holds; half a sample at the end is dropped."""
        return self._decode(b"", last=True) if self._decode else np.zeros(0, np.float32)

    def _read_header(self) -> int | None:
        """Find the format; answer where the samples begin, or None when more bytes are needed."""
        head = self._waiting
        if head[:4] != b"RIFF"[: len(head)] or head[8:12] != b"WAVE"[: max(0, len(head) - 8)]:
            raise UnsupportedAudioError(
                "The sound has no RIFF header. Send WAV: PCM, float, A-law or mu-law; compressed sound is "
                "not taken."
            )
        at = 12
        while len(head) >= at + 8:
            name, size = struct.unpack_from("<4sI", head, at)
            at += 8
            if name == b"data":
                if self._decode is None:
                    raise UnsupportedAudioError("The WAV header says nothing about the format.")
                return at
            if name == b"fmt " and len(head) >= at + size:
                self._decode = _Decoder(*_format(head[at : at + size]))
            at += size + size % 2
        if len(head) > HEADER_BYTES:
            raise UnsupportedAudioError("The WAV header has no end.")
        self._decode = None
        return None


class _Decoder:
    """Bytes of one format to mono samples at 16 kHz: decoded by ffmpeg, resampled by soxr as recordings are."""

    def __init__(self, codec: str, rate: int, channels: int, block: int) -> None:
        import av
        import soxr

        self.block = block
        context: Any = av.CodecContext.create(codec, "r")
        self._context = context
        context.sample_rate, context.layout = rate, f"{channels}c"
        self._planar = av.AudioResampler(format="fltp")
        self._resampler = soxr.ResampleStream(rate, RATE, 1, dtype="float32") if rate != RATE else None

    def __call__(self, data: bytes, last: bool = False) -> Samples:
        import av

        frames = self._context.decode(av.Packet(data)) if data else []
        planes: list[Any] = [out.to_ndarray() for frame in frames for out in self._planar.resample(frame)]
        found = [mix(plane) for plane in planes]
        mono = np.concatenate(found) if found else np.zeros(0, np.float32)
        if self._resampler is not None:
            mono = self._resampler.resample_chunk(mono, last=last)
        return np.asarray(mono, np.float32)


def _format(chunk: bytes) -> tuple[str, int, int, int]:
    """Codec, rate, channels and bytes a sample of all channels, from the chunk `fmt `."""
    if len(chunk) < 16:
        raise UnsupportedAudioError("The WAV header's format is cut off.")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == _EXTENSIBLE and len(chunk) >= 26:
        (tag,) = struct.unpack_from("<H", chunk, 24)
    codec = _CODECS.get((tag, bits))
    if codec is None or not MIN_RATE <= rate <= MAX_RATE or not 1 <= channels <= MAX_CHANNELS:
        raise UnsupportedAudioError(
            f"WAV of format {tag} with {bits} bits, {channels} channels and {rate} Hz is not taken. Send PCM, "
            "float, A-law or mu-law."
        )
    return codec, rate, channels, channels * bits // 8
