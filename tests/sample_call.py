"""A call made by hand, for tests of what people see: known words at known times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from speechkit.transcripts.schema import Transcript

SAID: list[tuple[str, float, str]] = [
    ("1", 0.5, "Thank you for calling Larkfield Home, this is Megan. How can I help you?"),
    ("2", 5.5, "Hi Megan, I was charged twice for the Brioflex plan."),
    ("1", 9.5, "I am sorry about that. Your account number, please?"),
    ("2", 13.0, "It is seven four two, nine zero one, three."),
    ("1", 16.5, "Mm-hm."),
    ("1", 19.5, "I have refunded $34.99 today, and I will email you a corrected invoice."),
    ("2", 25.0, "Thank you!"),
]
STEP_S = 0.3  # from the start of a word to the start of the next one
SPOKEN_S = 0.25  # of which it is spoken


def sample_call(
    call_id: str = "c01",
    said: Sequence[tuple[str | None, float, str]] = SAID,
    *,
    words: bool = True,
    confidence: float | None = 0.95,
    duration_s: float = 30.0,
    doubtful: Sequence[str] = ("Brioflex", "Larkfield", "nine"),
    **columns: Any,
) -> Transcript:
    """Say each text word by word, a word every 0.3 s; doubtful ones get confidence 0.3, "nine" gets 0.6."""
    phrases, rows = [], []
    for number, (speaker, start_s, text) in enumerate(said, start=1):
        phrase_id, pieces = f"{call_id}:{number:04d}", text.split()
        end_s = start_s + STEP_S * len(pieces)
        phrases.append(
            {"call_id": call_id, "phrase_id": phrase_id, "speaker": speaker, "locale": "en-US",
             "start_s": start_s, "end_s": end_s, "confidence": confidence, "display": text,
             "lexical": text.lower()}
        )  # fmt: skip
        for position, piece in enumerate(pieces):
            bare = piece.strip(".,?!")
            sure = confidence if bare not in doubtful else 0.6 if bare == "nine" else 0.3
            at = start_s + STEP_S * position
            rows.append(
                {"call_id": call_id, "phrase_id": phrase_id, "position": position, "speaker": speaker,
                 "start_s": at, "end_s": at + SPOKEN_S, "word": bare.lower(), "display": piece,
                 "confidence": sure if confidence is not None else math.nan}
            )  # fmt: skip
    calls = pd.DataFrame({"call_id": [call_id], "duration_s": [duration_s], "locale": ["en-US"]})
    keys = ["call_id", "phrase_id"]
    return Transcript(
        calls.assign(**columns),
        pd.DataFrame(phrases, columns=None if phrases else keys),
        pd.DataFrame(rows if words else [], columns=None if rows and words else keys),
    )
