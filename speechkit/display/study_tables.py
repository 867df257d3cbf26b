"""Tables of the study: what each method takes, how long it took, what it gets wrong, and who it says spoke."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from speechkit import limits
from speechkit.analysis.attribution import score_speakers
from speechkit.display.picture import Note
from speechkit.display.study import named
from speechkit.display.tables import Table
from speechkit.display.wording import clock, count, length

if TYPE_CHECKING:
    from speechkit.analysis.comparison import Study
    from speechkit.transcripts.schema import Transcript


def ways() -> Table:
    """What each method takes and gives, by the service's documented limits (`speechkit.limits`)."""
    rows = [
        ("batch", f"{limits.MAX_CONTENT_URLS:,} recordings a job", f"{limits.MAX_BATCH_BYTES // 10**6:,} MB each",
         "when the job is over", "a folder of recordings, over night"),
        ("fast", "one recording a request", f"{limits.MAX_FAST_BYTES // 10**6:,} MB, {limits.MAX_FAST_S / 3600:.0f} h",
         "when the recording is done", "one recording that somebody waits for"),
        ("realtime", "sound as it comes", "no end", "while people speak", "captions, help during the call"),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["method", "you send", "at most", "words come", "made for"])
    return Table(frame, "Three ways to transcribe", formats={"method": named})


def timings(table: pd.DataFrame) -> Table:
    """What `analysis.methods.compare_methods` answers, for reading."""
    shown = table.drop(columns=[c for c in ("price_per_hour", "price") if table[c].isna().all()])
    headings: Mapping[Hashable, str] = {
        "audio_s": "recording",
        "elapsed_s": "answered after",
        "speed": "times as fast as speech",
        "price_per_hour": "price of an hour",
        "price": "price of these",
    }
    formats: Mapping[Hashable, Callable[[Any], str]] = {
        "method": named,
        "audio_s": length,
        "elapsed_s": length,
        "speed": "{:.1f}".format,
        "price_per_hour": "{:,.2f}".format,
        "price": "{:,.4f}".format,
    }
    caption = "How long an answer takes, with nothing answered from a cache"
    return Table(shown, caption, headings, formats)


def confusions(result: Study, top: int = 12) -> Table:
    """The most frequent errors of the last method, and where to listen to one of each."""
    method, accuracy = list(result.scored.items())[-1]
    table = accuracy.confusions(top)
    headings: Mapping[Hashable, str] = {"call_id": "listen in", "start_s": "at", "reference": "said",
                                        "hypothesis": "heard"}  # fmt: skip
    caption = f"The {count(len(table), 'most frequent error')} of {named(method)}"
    return Table(table, caption, headings, {"start_s": clock}, empty=f"{named(method)} made no error.")


def speakers(transcripts: Mapping[str, Transcript], reference: Transcript | None = None) -> Table | Note:
    """Who said it: cpWER and words with the wrong speaker (WDER), against the reference, else against the first."""
    judged = dict(transcripts)
    truth = judged.pop(next(iter(judged))) if reference is None else reference
    rows = []
    for method, transcript in judged.items():
        found = score_speakers(truth, transcript)
        rows.append((method, found.total.rate, found.total_words.rate, found.total.missed, found.total.extra))
    columns = ["method", "cpwer", "wder", "missed", "extra"]
    headings: Mapping[Hashable, str] = {"cpwer": "cpWER", "wder": "words with the wrong speaker",
                                        "missed": "speakers missed", "extra": "speakers too many"}  # fmt: skip
    formats: Mapping[Hashable, Callable[[Any], str]] = {"method": named, "cpwer": _rate, "wder": _rate}
    return Table(pd.DataFrame(rows, columns=columns), "Words and who said them", headings, formats)


def _rate(share: float) -> str:
    return f"{100 * share:.1f}%"
