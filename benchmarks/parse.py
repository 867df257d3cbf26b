"""Measure how fast a result becomes tables: `python benchmarks/parse.py`.

One synthetic hour of a stereo call in the shape of the newest batch result, read by `read_transcript`, by
json and row dicts, and by pandas' json_normalize, in one run and by turns: ratios hold on a busy machine.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import random
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pandas as pd
from sections import write_section

from speechkit.transcripts.parse import read_transcript

HOUR_S = 3600
TICKS = 10_000_000


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--dry", action="store_true", help="print only, write nothing")
    chosen = parser.parse_args()
    data = json.dumps(one_hour()).encode()
    ways: dict[str, Callable[[bytes], tuple[int, int]]] = {
        "read_transcript": with_speechkit,
        "json, a dict a row, DataFrame": with_row_dicts,
        "pd.json_normalize": with_json_normalize,
    }
    counts = {way(data) for way in ways.values()}
    if len(counts) != 1:
        raise SystemExit(f"the ways disagree about phrases and words: {counts}")
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(chosen.rounds):
        for name, way in ways.items():
            before = time.process_time()
            way(data)
            seconds[name].append(time.process_time() - before)
    best = {name: min(taken) for name, taken in seconds.items()}
    text = section(data, counts.pop(), best, chosen.rounds)
    print(text)
    if not chosen.dry:
        write_section("parse", text)


def one_hour(seed: int = 1) -> dict[str, Any]:
    """An hour of two people in turn, about 15 words a phrase, with lexical and display words."""
    draw = random.Random(seed)
    vocabulary = [
        "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 9))) for _ in range(2000)
    ]
    phrases: list[dict[str, Any]] = []
    at = 0
    while at < HOUR_S * TICKS:
        words = draw.choices(vocabulary, k=draw.randint(4, 26))
        spans = []
        start = at
        for _ in words:
            length = draw.randint(8, 50) * 100_000
            spans.append(span(at, length))
            at += length
        lexical = " ".join(words)
        display = lexical.capitalize() + "."
        best: dict[str, Any] = {
            "confidence": round(draw.uniform(0.5, 1), 7),
            "lexical": lexical,
            "itn": lexical,
        }
        best |= {"maskedITN": lexical, "display": display}
        best["words"] = [
            {"word": word, **when, "confidence": round(draw.uniform(0.3, 1), 7)}
            for word, when in zip(words, spans, strict=True)
        ]
        best["displayWords"] = [
            {"displayText": word, **when} for word, when in zip(display.split(), spans, strict=True)
        ]
        head = {"recognitionStatus": "Success", "channel": len(phrases) % 2, **span(start, at - start)}
        phrases.append({**head, "nBest": [best]})
        at += draw.randint(1, 8) * 1_000_000
    phrases.sort(key=lambda phrase: phrase["channel"])
    head = {"source": "https://host/calls/hour.wav", "timestamp": "2026-09-07T09:14:00Z"}
    length = {"durationInTicks": at, "durationMilliseconds": at // 10_000, "duration": f"PT{at / TICKS}S"}
    return {**head, **length, "combinedRecognizedPhrases": [], "recognizedPhrases": phrases}


def span(start: int, length: int) -> dict[str, Any]:
    """A time in the three ways in which the service gives it."""
    return {
        "offset": f"PT{start / TICKS}S",
        "duration": f"PT{length / TICKS}S",
        "offsetInTicks": start,
        "durationInTicks": length,
        "offsetMilliseconds": start // 10_000,
        "durationMilliseconds": length // 10_000,
    }


def with_speechkit(data: bytes) -> tuple[int, int]:
    """The way of the package."""
    transcript = read_transcript(data)
    return len(transcript.phrases), len(transcript.words)


def with_row_dicts(data: bytes) -> tuple[int, int]:
    """The obvious way: json, a dict a row, DataFrame, sorted; with the same columns."""
    phrases, words = [], []
    for number, phrase in enumerate(json.loads(data)["recognizedPhrases"]):
        best = phrase["nBest"][0]
        head = {"phrase": number, "channel": phrase["channel"]}
        phrases.append(
            {**head, **seconds_of(phrase), "confidence": best["confidence"], "lexical": best["lexical"]}
        )
        phrases[-1] |= {"itn": best["itn"], "masked": best["maskedITN"], "display": best["display"]}
        for position, (word, shown) in enumerate(zip(best["words"], best["displayWords"], strict=True)):
            row = {**head, "position": position, **seconds_of(word), "confidence": word["confidence"]}
            words.append({**row, "word": word["word"], "display": shown["displayText"]})
    by_time = ["start_s", "channel"]
    return len(pd.DataFrame(phrases).sort_values(by_time)), len(pd.DataFrame(words).sort_values(by_time))


def seconds_of(item: dict[str, Any]) -> dict[str, float]:
    """Start and end in seconds."""
    start = item["offsetInTicks"] / TICKS
    return {"start_s": start, "end_s": start + item["durationInTicks"] / TICKS}


def with_json_normalize(data: bytes) -> tuple[int, int]:
    """The way of many notebooks: json_normalize for phrases and for words."""
    document = json.loads(data)
    for number, phrase in enumerate(document["recognizedPhrases"]):
        phrase["phrase"] = number
    meta = ["phrase", "channel", "offsetInTicks", "durationInTicks"]
    phrases = pd.json_normalize(document["recognizedPhrases"], "nBest", meta, record_prefix="best.")
    both = [
        pd.json_normalize(
            [{**phrase, "best": phrase["nBest"][0]} for phrase in document["recognizedPhrases"]],
            ["best", key],
            ["phrase", "channel"],
        )
        for key in ("words", "displayWords")
    ]
    words = both[0].assign(display=both[1]["displayText"])
    for frame in (phrases, words):
        frame["start_s"] = frame["offsetInTicks"].astype("float64") / TICKS
        frame["end_s"] = frame["start_s"] + frame["durationInTicks"].astype("float64") / TICKS
    by_time = ["start_s", "channel"]
    return len(phrases.sort_values(by_time)), len(words.sort_values(by_time))


def section(data: bytes, counts: tuple[int, int], seconds: dict[str, float], rounds: int) -> str:
    """The section of docs/measurements.md."""
    ours = seconds["read_transcript"]
    rows = [
        f"| {name} | {taken * 1e3:.0f} | {len(data) / taken / 1e6:.0f} | {taken / ours:.1f} |"
        for name, taken in seconds.items()
    ]
    return "\n".join(
        [
            "## From a result to tables",
            "",
            f"One synthetic hour of a stereo call as a batch result: {len(data) / 1e6:.1f} MB, "
            f"{counts[0]:,} phrases, {counts[1]:,} words, each with its lexical and its display form. All "
            "ways end in a sorted table of phrases and one of words; they took turns in one run, the best of "
            f"{rounds} rounds counts, in CPU time. Trust the ratio more than the milliseconds.",
            "",
            "| way | ms | MB/s | times read_transcript |",
            "|---|---|---|---|",
            *rows,
            "",
            f"`python benchmarks/parse.py`, {datetime.date.today():%Y-%m-%d}, Python "
            f"{platform.python_version()}, pandas {version('pandas')}, msgspec {version('msgspec')}.",
        ]
    )


if __name__ == "__main__":
    main()
