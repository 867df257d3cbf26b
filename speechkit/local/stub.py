"""No recognizer at all (`--engine none`): for tests of everything else, on tens of thousands of recordings."""

from __future__ import annotations

from typing import Final

import msgspec

from speechkit.local.recognition import Phrase, Sound, Word
from speechkit.local.workers import BATCH_PRIORITY, Task

_BYTES_PER_SECOND: Final = 16_000  # 8 kHz, 16 bit, mono: what the length of a recording is told from


class NoRecognizer:
    """Takes the place of the workers: it never opens a recording and "hears" its size in bytes.

    So a result can be told to belong to its recording, and costs next to nothing.
    """

    async def version(self) -> str:
        """What health says."""
        return "none (recognizes nothing)"

    async def run(self, task: Task, priority: int = BATCH_PRIORITY) -> bytes:
        """One channel, and one phrase in it: "1044 bytes."."""
        size = task.path.stat().st_size
        sound = Sound(1, size / _BYTES_PER_SECOND)
        if task.wanted is None:
            return msgspec.json.encode(sound)
        half_s = sound.duration_s / 2
        words = [
            Word(str(size), str(size), 0.0, half_s, 1.0),
            Word("bytes.", "bytes", half_s, sound.duration_s, 1.0),
        ]
        speaker = 1 if task.wanted.speakers else None
        return msgspec.json.encode(
            [Phrase(0.0, sound.duration_s, 1.0, f"{size} bytes.", words, speaker=speaker)]
        )
