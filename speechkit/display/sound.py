"""Sound inside a page: a recording as Opus in WebM, small and quickly made.

Safari plays it since 15 (2021), other browsers longer. In Ogg, Safari would play it since 18.4 only (webkit.org,
2025); MP3 takes seven times as long to encode, which most of the time of a call report would be.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final, TypeAlias

from speechkit.audio import decode_blocks, mix, probe

EMBED_MAX_BYTES: Final = 8_000_000
"""A recording that would be larger is linked, not embedded: 44 minutes in mono, 33 in stereo."""

Spans: TypeAlias = Sequence[tuple[float, float]]
TONE_HZ: Final = 440.0
TONE_LEVEL: Final = 0.05  # -26 dB: told from silence, and no pain in headphones
RATE: Final = 16_000  # Hz; holds all that wide-band speech has
BITS_PER_S: Final = {1: 24_000, 2: 32_000}  # by channels; the two sides of a call seldom speak at once
_MEDIA: Final = "data:audio/webm;base64,"
# a fifth of the time of its best, for a fifth more bytes
_OPUS: Final = {"compression_level": "0", "frame_duration": "60"}


def data_uri(
    path: Path, max_bytes: int = EMBED_MAX_BYTES, bleeps: Spans = (), mixed: bool = False
) -> str | None:
    """Make a `data:` address that holds the recording, or None where it would exceed `max_bytes`.

    `bleeps` and `mixed` are as for `webm`. Raises the AudioError tree for a file that cannot be used.
    """
    if not fits(path, max_bytes, mixed):
        return None
    return _MEDIA + base64.b64encode(webm(path, bleeps, mixed)).decode("ascii")


def fits(path: Path, max_bytes: int = EMBED_MAX_BYTES, mixed: bool = False) -> bool:
    """Tell whether a recording takes at most `max_bytes`."""
    info = probe(path)
    return info.duration_s * BITS_PER_S[_channels(info.channels, mixed)] / 8 <= max_bytes


def webm(path: Path, bleeps: Spans = (), mixed: bool = False) -> bytes:
    """Encode a recording as Opus in WebM: one channel or two stay, more are mixed into one, with `mixed` two as well.

    `bleeps` are spans in seconds, in order, in which a soft tone stands on all channels instead of what was said.
    Raises the AudioError tree for a file that cannot be used.
    """
    info = probe(path)
    rate = 8_000 if info.rate <= 8_000 else RATE  # a telephone has no more
    blocks = _bleeped(decode_blocks(path, rate), bleeps, rate)
    return _encoded(_channels(info.channels, mixed), blocks, rate)


def _bleeped(blocks: Iterable[Any], bleeps: Spans, rate: int) -> Iterator[Any]:
    import numpy as np

    place = 0
    for block in blocks:
        until = place + block.shape[1]
        for start_s, end_s in bleeps:
            first, last = max(place, round(start_s * rate)), min(until, round(end_s * rate))
            if first < last:
                block = block.copy()
                block[:, first - place : last - place] = TONE_LEVEL * np.sin(
                    2 * np.pi * TONE_HZ / rate * np.arange(first, last, dtype=np.float32)
                )
        yield block
        place = until


def _encoded(channels: int, blocks: Iterable[Any], rate: int) -> bytes:
    import av
    import numpy as np

    buffer = BytesIO()
    layout = "mono" if channels == 1 else "stereo"
    # bitexact: without numbers drawn by chance, so that the same recording makes the same page
    with av.open(buffer, "w", format="webm", container_options={"fflags": "+bitexact"}) as container:
        stream: Any = container.add_stream("libopus", rate=rate, layout=layout, options=_OPUS)
        stream.bit_rate = BITS_PER_S[channels]
        place = 0
        for block in blocks:
            samples = block if len(block) == channels else mix(block).reshape(1, -1)
            frame: Any = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
            frame.sample_rate, frame.pts = rate, place
            place += samples.shape[1]
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def clip(path: Path, from_s: float, to_s: float, channel: int | None = None) -> bytes:
    """Cut a piece out of a recording as a 16-bit WAV file of one channel: `channel`, or all of them mixed.

    What lies before the piece is decoded too. Raises the AudioError tree for a file that cannot be used.
    """
    import numpy as np
    import soundfile

    held = [block[0] for block in _cut(path, from_s, to_s, channel)]
    buffer = BytesIO()
    soundfile.write(buffer, np.concatenate([np.zeros(0, np.float32), *held]), RATE, "PCM_16", format="WAV")
    return buffer.getvalue()


def clip_uri(path: Path, from_s: float, to_s: float, channel: int | None = None, bleeps: Spans = ()) -> str:
    """Make a `data:` address that holds the piece that `clip` cuts; `bleeps` as for `webm`."""
    piece = _encoded(1, _cut(path, from_s, to_s, channel, bleeps), RATE)
    return _MEDIA + base64.b64encode(piece).decode("ascii")


def _cut(
    path: Path, from_s: float, to_s: float, channel: int | None = None, bleeps: Spans = ()
) -> Iterator[Any]:
    """Blocks of one row of a piece of a recording."""
    at, first, last = 0, round(max(0.0, from_s) * RATE), round(to_s * RATE)
    for block in _bleeped(decode_blocks(path, RATE, block_s=1.0), bleeps, RATE):
        if at + block.shape[1] > first:
            alone = channel is not None and channel < len(block)
            row = block[channel] if alone else mix(block)
            yield row[max(0, first - at) : last - at].reshape(1, -1)
        at += block.shape[1]
        if at >= last:
            break


def _channels(held: int, mixed: bool) -> int:
    return held if held in BITS_PER_S and not mixed else 1
