"""What the bytes of a recording say before it is decoded: is it there, is it sound, is it whole.

ffmpeg and libsndfile read a file that was cut off without a word, so the lengths that a header states are
compared with the file here. Used by `speechkit.audio` only.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any, Final

from speechkit.errors import (
    AudioError,
    AudioNotFoundError,
    EmptyAudioError,
    TruncatedAudioError,
    UnsupportedAudioError,
)

# ffmpeg may open these and nothing else: its playlists fetch other files, its subtitle readers take any text.
FORMATS: Final = (
    "aac,ac3,aiff,alaw,amr,amrnb,amrwb,asf,au,avi,caf,eac3,flac,g722,gsm,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,"
    "mp3,mpeg,mpegts,mulaw,ogg,tta,voc,w64,wav,wv"
)
# Containers whose header states a duration; elsewhere ffmpeg guesses it from the bit rate.
_STATES_DURATION: Final = frozenset(
    {"wav", "w64", "aiff", "au", "flac", "mov", "matroska", "asf", "ogg", "caf"}
)
_MAGIC: Final = (
    b"ID3",
    b"fLaC",
    b"OggS",
    b"RIFF",
    b"RF64",
    b"riff",
    b"FORM",
    b".snd",
    b"#!AMR",
    b"\x1aE\xdf\xa3",
    b"caff",
)
_SHORTFALL_S: Final = 0.5  # sound may be this much, or 1 %, shorter than stated: encoder padding, rounding
_WAV_SHORTFALL_S: Final = 0.05  # WAV headers are exact; some recorders are off by a block
_STREAMED: Final = 0x7FFF0000  # a data chunk of this size or more was written to a pipe: it means nothing
_OGG_PAGE: Final = 65307  # the largest page, RFC 3533


def check_head(path: Path) -> None:
    """Refuse what is no sound or no whole file, as far as its first and last bytes tell."""
    head = read_head(path)
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        _check_wav(path)
    elif head[:4] == b"OggS":
        _check_ogg(path)
    elif path.suffix.lower() in (".wav", ".wave") and not _has_magic(head):
        raise UnsupportedAudioError(_not_wav(path, head))


def read_head(path: Path) -> bytes:
    """Return the first 4096 bytes of a file that is there and not empty."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except FileNotFoundError:
        raise AudioNotFoundError(f"{path}: there is no such file. Check the path.") from None
    except OSError as error:
        raise AudioError(f"{path} cannot be read: {error.strerror}. Give a readable file.") from error
    if not head:
        raise EmptyAudioError(f"{path} has zero bytes. Copy or export it again, or leave it out.")
    return head


def unreadable(path: Path) -> AudioError:
    """Return the error for a file that no reader of ffmpeg recognizes."""
    head = read_head(path)
    if head[4:8] == b"ftyp":
        return TruncatedAudioError(
            f"{path} has no index (moov): it was cut off. Copy or export it again, or leave it out."
        )
    kind = "text, not audio" if _is_text(head) else "not audio that can be read"
    return UnsupportedAudioError(f"{path} is {kind}. Give a recording such as WAV, FLAC, MP3, OGG or MP4.")


def no_samples(path: Path) -> EmptyAudioError:
    """Return the error for a file without sound in it."""
    return EmptyAudioError(f"{path} holds no samples. Record or export it again, or leave it out.")


def cut_frame(path: Path, what: str = "frame") -> TruncatedAudioError:
    """Return the error for a file that ends where no file ends."""
    return TruncatedAudioError(
        f"{path} ends in the middle of a {what}: it was cut off. Copy or export it again, or leave it out."
    )


def stated_s(path: Path, container: Any, stream: Any) -> float | None:
    """Return the seconds that the header states, or None where ffmpeg would have to guess them."""
    name = container.format.name.split(",")[0]
    if name == "mp3" and not _has_xing(path):
        return None
    if name not in _STATES_DURATION and name != "mp3":
        return None
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else None


def check_length(path: Path, stated: float | None, held: float) -> None:
    """Raise TruncatedAudioError where a file holds clearly less than the `stated` seconds."""
    if stated and stated - held > max(_SHORTFALL_S, 0.01 * stated):
        raise _cut(path, stated, held)


def _check_wav(path: Path) -> None:
    """Compare the data chunk of a RIFF file with the file."""
    size, byte_rate, data_size = path.stat().st_size, 0, None
    with path.open("rb") as file:
        file.seek(12)
        while len(header := file.read(8)) == 8:
            kind, length = struct.unpack("<4sI", header)
            if kind == b"fmt ":
                body = file.read(length + length % 2)
                byte_rate = struct.unpack_from("<I", body, 8)[0] if len(body) >= 12 else 0
            elif kind == b"ds64":
                data_size = struct.unpack_from("<Q", file.read(length + length % 2).ljust(16, b"\0"), 8)[0]
            elif kind == b"data":
                if length < _STREAMED:
                    data_size = length
                break
            else:
                file.seek(length + length % 2, os.SEEK_CUR)
        else:
            raise cut_frame(path, "header")
        held = size - file.tell()
    if not held:
        raise no_samples(path)
    if data_size and byte_rate and data_size - held > _WAV_SHORTFALL_S * byte_rate:
        raise _cut(path, data_size / byte_rate, held / byte_rate)


def _check_ogg(path: Path) -> None:
    """Look at the last Ogg page: a file that was cut off ends within one (RFC 3533, section 6)."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2 * _OGG_PAGE))
        tail = file.read()
    start = tail.rfind(b"OggS")
    page = tail[start:]
    if start >= 0 and (len(page) < 27 or len(page) < 27 + page[26] + sum(page[27 : 27 + page[26]])):
        raise cut_frame(path, "page")


def _has_xing(path: Path) -> bool:
    """Say whether an MP3 states its length, in the Xing or Info header of the frame after its ID3 tag."""
    with path.open("rb") as file:
        tag = file.read(10)
        size = sum(byte << shift for byte, shift in zip(tag[6:10], (21, 14, 7, 0), strict=False))
        file.seek(10 + size if tag.startswith(b"ID3") else 0)
        frame = file.read(256)
    return b"Xing" in frame or b"Info" in frame


def _has_magic(head: bytes) -> bool:
    """Say whether a file begins as a container does; headerless samples may look like MPEG further on."""
    return head.startswith(_MAGIC) or head[4:8] == b"ftyp" or (head[0] == 0xFF and head[1:2] >= b"\xe0")


def _is_text(head: bytes) -> bool:
    return b"\0" not in head and head.isascii()


def _not_wav(path: Path, head: bytes) -> str:
    if _is_text(head):
        return f"{path} is text, not audio, whatever its name says. Give the recording itself."
    return (
        f"{path} has no RIFF header. If it holds raw samples, say what they are and wrap them, for example "
        f"`ffmpeg -f s16le -ar 8000 -ac 1 -i {path.name} wrapped.wav`; else it is not a recording."
    )


def _cut(path: Path, stated: float, held: float) -> TruncatedAudioError:
    return TruncatedAudioError(
        f"{path} was cut off: its header promises {stated:.1f} s, the file holds {held:.1f} s. "
        "Copy or export it again, or leave it out."
    )
