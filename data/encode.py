"""Write a call in the file format that its dialogue names."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile as sf
import soxr
from voices import RATE

EXTENSION = {
    "wav-mulaw-stereo": "wav",
    "wav-mulaw-mono": "wav",
    "flac-stereo": "flac",
    "mp3-mono": "mp3",
    "ogg-mono": "ogg",
    "mp4-mono": "mp4",
}
TELEPHONE_RATE = 8_000
_CODEC = {"mp3-mono": ("libmp3lame", 48_000), "ogg-mono": ("libopus", 24_000), "mp4-mono": ("aac", 48_000)}
_PICTURE = (320, 180)  # width and height of the still picture


def write_call(path: Path, samples: np.ndarray, form: str) -> None:
    """Write (samples, channels) float32 at 16 kHz; the file appears under its name when it is complete."""
    part = path.with_name(f"{path.stem}.part.{path.suffix[1:]}")
    if form.startswith("wav-mulaw"):
        narrow = soxr.resample(samples, RATE, TELEPHONE_RATE)
        sf.write(part, narrow, TELEPHONE_RATE, subtype="ULAW", format="WAV")
    elif form == "flac-stereo":
        sf.write(part, samples, RATE, subtype="PCM_16", format="FLAC")
    else:
        _encode(part, samples, form)
    os.replace(part, path)


def _encode(path: Path, samples: np.ndarray, form: str) -> None:
    codec, bit_rate = _CODEC[form]
    pcm = np.clip(np.round(samples[:, 0] * 32767), -32768, 32767).astype(np.int16)[None, :]
    # bitexact leaves the library's version out, so that a rebuild gives the same bytes.
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(codec, rate=RATE, layout="mono")
        stream.bit_rate = bit_rate
        if form == "mp4-mono":
            _add_picture(container, len(pcm[0]) / RATE)
        resampler = av.AudioResampler(
            format=stream.codec_context.format.name if stream.codec_context.format else None,
            layout="mono",
            rate=RATE,
        )
        step = 16 * RATE
        for start in range(0, pcm.shape[1], step):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(pcm[:, start : start + step]), "s16", "mono"
            )
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            for ready in resampler.resample(frame):
                container.mux(stream.encode(ready))
        container.mux(stream.encode(None))


def _add_picture(container: av.container.OutputContainer, duration_s: float) -> None:
    """One still picture a second, as a screen recorder makes it."""
    stream = container.add_stream("libx264", rate=1, options={"crf": "35", "threads": "1"})
    stream.width, stream.height, stream.pix_fmt = *_PICTURE, "yuv420p"
    frame = av.VideoFrame.from_ndarray(_picture(), format="rgb24")
    for second in range(int(np.ceil(duration_s))):
        frame.pts, frame.time_base = second, Fraction(1, 1)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _picture() -> np.ndarray:
    """A dark card with a drawn wave."""
    width, height = _PICTURE
    picture = np.full((height, width, 3), (24, 40, 56), np.uint8)
    x = np.arange(width)
    half = 8 + 40 * np.abs(np.sin(x / 17) * np.sin(x / 5.3)) * np.hanning(width)
    bars = np.abs(np.arange(height)[:, None] - height / 2) <= half[None, :]
    picture[bars & (x % 4 < 2)[None, :]] = (86, 180, 233)
    return picture
