"""What is odd about the channels of a recording: is one silent, do both hold the same sound?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from speechkit import audio
from speechkit.errors import AudioError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WINDOWS: Final = 8  # places, evenly spread, where a recording is listened to first
WINDOW_S: Final = 0.5
SILENCE: Final = 0.005  # of full scale, -46 dB: above the noise of mu-law, below quiet telephone speech
SAME: Final = 0.01  # the largest difference of two channels that are copies, as a share of the loudest sample


def channel_note(info: audio.AudioInfo) -> str:
    """Say what is odd about the channels of a recording; nothing when nothing is.

    A silent channel, or two that hold the same sound ("fake stereo"), is recognized and paid for all the same.
    Only where some windows of half a second look so, the whole recording is read to be sure.
    """
    try:
        if note := judge(_windows(info)):
            return judge(audio.decode_blocks(info.path, None))
    except AudioError:  # whoever needs all of it will say so
        return ""
    return note


def judge(blocks: Iterable[NDArray[np.float32]]) -> str:
    """Say what is odd about blocks of samples, each (channels, samples).

    >>> import numpy as np
    >>> judge([np.array([[0.5, -0.5], [0.0, 0.001]], np.float32)]).split(".")[0]
    'channel 1 is silent'
    """
    import numpy as np

    loudest, difference = np.zeros(1), 0.0
    for block in blocks:
        if block.shape[1]:
            loudest = np.maximum(loudest, abs(block).max(axis=1))
            if len(block) == 2:
                difference = max(difference, float(abs(block[0] - block[1]).max()))
    if loudest.max() < SILENCE:
        return "is silent. Listen to it, or leave it out."
    if len(loudest) != 2:
        return ""
    for channel, other in ((0, 1), (1, 0)):
        if loudest[channel] < SILENCE:
            return f"channel {channel} is silent. channels=[{other}] takes the other alone."
    if difference <= SAME * loudest.max():
        return "both channels hold the same sound. Mix it to mono: then voices can be told apart."
    return ""


def _windows(info: audio.AudioInfo) -> Iterator[NDArray[np.float32]]:
    """Yield some samples of places that are evenly spread over a recording."""
    import av

    with audio._opened(info.path) as (container, stream):
        for number in range(WINDOWS):
            wanted = round(WINDOW_S * info.rate)
            try:
                container.seek(round((number + 0.5) / WINDOWS * info.duration_s * av.time_base))
            except av.FFmpegError:  # it cannot be searched: the beginning has to do
                wanted *= WINDOWS
            for chunk in audio._decoded(info.path, container, stream):
                yield chunk
                wanted -= chunk.shape[1]
                if wanted <= 0:
                    break
