"""A recognizer for tests of what surrounds one: it takes its time, and dies of silence."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from speechkit.local.recognition import Phrase, Word


class Engine:
    """`--engine odd_engine:Engine`; ODD_S is how long a recognition takes."""

    name = "odd"
    version = "1"

    @classmethod
    def load(cls, folder: Path) -> Engine:
        """Load nothing, or fail where ODD_BROKEN is set."""
        if os.environ.get("ODD_BROKEN"):
            raise RuntimeError("this engine cannot be loaded")
        return cls()

    def recognize(self, samples: Iterable[Any], **options: Any) -> list[Phrase]:
        """Hear one word, after a while; die when there is nothing to be heard."""
        sound = np.concatenate(list(samples))
        if not sound.any():
            os._exit(9)
        time.sleep(float(os.environ.get("ODD_S", "0")))
        return [Phrase(0.0, 0.5, 0.9, "Hello.", [Word("Hello.", "hello", 0.0, 0.5, 0.9)])]
