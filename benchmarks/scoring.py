"""Measure how fast calls are scored: `python benchmarks/scoring.py [--dry]`.

The peers are jiwer, meeteval, pyannote.metrics and spyder. All ways answer the same question about the same
random calls, take turns in one run, and must agree; the best of several rounds counts, in CPU time. meeteval
and spyder are left out where they are not installed (`uv pip install -e '.[oracles]'`).
"""

from __future__ import annotations

import argparse
import datetime
import logging
import platform
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import pairwise

import jiwer
import numpy as np
import pandas as pd
from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate
from sections import write_section

from speechkit.analysis.accuracy import score
from speechkit.analysis.attribution import cp_errors, score_speakers
from speechkit.analysis.diarization import score_diarization
from speechkit.analysis.normalize import ENGLISH, PLAIN
from speechkit.analysis.rows import lay_out
from speechkit.analysis.streams import Stream
from speechkit.transcripts.schema import Transcript

ROUNDS = 5
WRONG = 0.12  # of the words
NO_PHRASES = np.zeros(0, np.int64)
GATES = {"alignment": ("jiwer.process_words", 1.8), "cpWER": ("meeteval", 10.0)}

Ways = dict[str, Callable[[], float]]
Case = tuple[str, str, Ways]


def main() -> None:
    """Run every case, print its table, write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry", action="store_true", help="print only, write nothing")
    chosen = parser.parse_args()
    draw = np.random.default_rng(1)
    cases = [*word_cases(draw), *speaker_cases(draw), *diarization_cases(draw)]
    text = section([(kind, title, measure(ways)) for kind, title, ways in cases])
    print(text)
    if not chosen.dry:
        write_section("scoring", text)


def measure(ways: Ways) -> dict[str, float]:
    """Seconds of each way, the best of the rounds; the ways must agree on what they measure."""
    answers = {name: way() for name, way in ways.items()}  # also warms up
    first = next(iter(answers.values()))
    assert all(abs(answer - first) < 1e-5 for answer in answers.values()), answers
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = time.process_time()
            way()
            best[name] = min(best[name], time.process_time() - start)
    return best


# --- words ---------------------------------------------------------------------------------------------------


def spoken(draw: np.random.Generator, count: int) -> list[str]:
    """Words as frequent as words are (Zipf), from a vocabulary of 5,000."""
    return [f"w{min(n, 5000)}" for n in draw.zipf(1.4, count)]


def corrupted(draw: np.random.Generator, words: list[str]) -> list[str]:
    """The words with substitutions (half of the errors), deletions and insertions."""
    answer = []
    for word, chance in zip(words, draw.random(len(words)), strict=True):
        if chance < WRONG / 2:
            answer.append(f"w{draw.integers(1, 5000)}")
        elif chance < 0.75 * WRONG:
            continue
        elif chance < WRONG:
            answer += [word, f"w{draw.integers(1, 5000)}"]
        else:
            answer.append(word)
    return answer


def transcript(said: list[list[str]], speaker: str | None = None) -> Transcript:
    """Calls with a phrase every 12 words."""
    rows = [
        (f"c{i:03d}", f"c{i:03d}:{k:05d}", 0, speaker, 4.0 * k, 4.0 * k + 3, " ".join(words[k : k + 12]))
        for i, words in enumerate(said)
        for k in range(0, len(words), 12)
    ]
    columns = ["call_id", "phrase_id", "channel", "speaker", "start_s", "end_s", "lexical"]
    calls = pd.DataFrame({"call_id": [f"c{i:03d}" for i in range(len(said))]})
    return Transcript(calls, pd.DataFrame(rows, columns=columns))


def word_cases(draw: np.random.Generator) -> list[Case]:
    """The alignment of 100 calls, and one long call."""
    cases: list[Case] = []
    for count, size, name in ((100, 1500, "100 calls of 1,500 words"), (1, 10_000, "an hour, 10,000 words")):
        said = [spoken(draw, size) for _ in range(count)]
        heard = [corrupted(draw, words) for words in said]
        texts = [[" ".join(words) for words in side] for side in (said, heard)]

        def aligned(texts: list[list[str]] = texts, *, compounds: bool = False) -> float:
            streams = [[Stream(t.split(), NO_PHRASES) for t in side] for side in texts]
            pairs = {(str(i), 0): pair for i, pair in enumerate(zip(*streams, strict=True))}
            return lay_out(pairs, compounds=compounds).rate.rate

        ways: Ways = {
            "speechkit": aligned,
            "jiwer.process_words": lambda texts=texts: jiwer.process_words(*texts).wer,
            "speechkit, compounds at no cost": lambda texts=texts: aligned(texts, compounds=True),
        }
        if count > 1:
            tables = transcript(said), transcript(heard)
            ways["speechkit.score, plain, from tables"] = lambda t=tables: score(*t, rules=PLAIN).total.rate
            ways["speechkit.score, English rules, from tables"] = lambda t=tables: (
                score(*t, rules=ENGLISH).total.rate
            )
        cases.append(
            ("alignment" if count > 1 else "", f"Word error rate: {name}, {WRONG:.0%} corrupted", ways)
        )
    return cases


# --- speakers ------------------------------------------------------------------------------------------------


def speaker_cases(draw: np.random.Generator) -> list[Case]:
    """The cpWER of an hour with two and with four speakers; one word in twenty goes to another speaker."""
    cases: list[Case] = []
    for speakers in (2, 4):
        said: dict[str, list[str]] = {f"s{i}": [] for i in range(speakers)}
        heard: dict[str, list[str]] = {str(i): [] for i in range(speakers)}
        for turn in range(620):
            words = spoken(draw, 15)
            who = turn % speakers
            said[f"s{who}"] += words
            for word in corrupted(draw, words):
                other = who if draw.random() > 0.05 else (who + 1) % speakers
                heard[str(other)].append(word)
        tables = by_speaker(said), by_speaker(heard)
        texts = [{name: " ".join(words) for name, words in side.items()} for side in (said, heard)]
        ways: Ways = {
            "speechkit": lambda t=texts: cp_errors(*({n: v.split() for n, v in s.items()} for s in t)).rate
        }
        if find_spec("meeteval"):
            from meeteval.wer import cp_word_error_rate

            logging.getLogger("meeteval").setLevel(logging.ERROR)  # it says each time that there are no times
            ways["meeteval"] = lambda t=texts: float(cp_word_error_rate(*t).error_rate)
        ways["speechkit.score_speakers, with WDER, from tables"] = lambda t=tables: (
            score_speakers(*t, rules=PLAIN).total.rate
        )
        total = sum(map(len, said.values()))
        cases.append(("cpWER", f"cpWER: an hour, {total:,} words, {speakers} speakers", ways))
    return cases


def by_speaker(said: dict[str, list[str]]) -> Transcript:
    """One call in which every speaker has a phrase of all their words."""
    phrases = pd.DataFrame(
        {"call_id": "c1", "phrase_id": [f"c1:{n}" for n in said], "speaker": list(said), "channel": 0,
         "start_s": 0.0, "end_s": 1.0, "lexical": [" ".join(words) for words in said.values()]}
    )  # fmt: skip
    return Transcript(pd.DataFrame({"call_id": ["c1"]}), phrases)


def diarization_cases(draw: np.random.Generator) -> list[Case]:
    """The DER of an hour in turns of about four seconds, a twentieth of them given to another speaker."""
    starts = np.cumsum(draw.uniform(1.5, 6.5, 900))
    said = [("ab"[i % 2], float(a), float(a + 0.9 * (b - a))) for i, (a, b) in enumerate(pairwise(starts))]
    heard = [
        (
            "abc"[draw.integers(3)] if draw.random() < 0.05 else who,
            max(0.0, a + draw.normal(0, 0.2)),
            b + draw.normal(0, 0.2),
        )
        for who, a, b in said
    ]
    heard = [(who, a, b) for who, a, b in heard if b > a]
    end = float(starts[-1]) + 5

    def table(turns: list[tuple[str, float, float]]) -> Transcript:
        frame = pd.DataFrame(turns, columns=["speaker", "start_s", "end_s"]).assign(call_id="c1", channel=0)
        frame["phrase_id"] = [f"c1:{i}" for i in range(len(frame))]
        return Transcript(pd.DataFrame({"call_id": ["c1"], "duration_s": [end]}), frame)

    def annotation(turns: list[tuple[str, float, float]]) -> Annotation:
        answer = Annotation()
        for i, (who, a, b) in enumerate(turns):
            answer[Segment(a, b), i] = who
        return answer.support()

    tables, notes = (table(said), table(heard)), (annotation(said), annotation(heard))
    ways: Ways = {
        # pauses are not bridged, as the judges do not
        "speechkit": lambda: score_diarization(*tables, max_gap_s=0.0).total.rate,
        "pyannote.metrics": lambda: DiarizationErrorRate()(*notes, uem=Timeline([Segment(0, end)])),
    }
    if find_spec("spyder"):
        import spyder

        spans = [[(who, s.start, s.end) for s, _, who in n.itertracks(yield_label=True)] for n in notes]
        ways["spyder"] = lambda: float(spyder.DER(*spans, uem=[(0.0, end)]).der)
    return [("DER", f"DER: an hour, {len(said)} turns, 2 and 3 speakers", ways)]


# --- the section ---------------------------------------------------------------------------------------------


def section(cases: list[tuple[str, str, dict[str, float]]]) -> str:
    """The tables, with the ratio to speechkit's first way, and what the project asked for."""
    lines = [
        "## Scoring",
        "",
        "Random calls with words as frequent as words are; every way of a table gives the same rate. They took "
        f"turns in one run, the best of {ROUNDS} rounds counts, in CPU time. Trust the ratio more than the times.",
    ]
    for kind, title, seconds in cases:
        own = next(iter(seconds.values()))
        lines += ["", f"**{title}**", "", "| way | ms | times speechkit |", "|---|---|---|"]
        lines += [f"| {name} | {1000 * s:.1f} | {s / own:.1f} |" for name, s in seconds.items()]
        if kind in GATES:
            judge, least = GATES[kind]
            if judge in seconds:
                ratio = seconds[judge] / own
                verdict = "met" if ratio >= least else "missed"
                lines += [
                    "",
                    f"Asked for: {least:g} times as fast as {judge}; measured {ratio:.1f}: {verdict}.",
                ]
    names = ["jiwer", "meeteval", "pyannote.metrics", "spy-der", "rapidfuzz", "numpy", "pandas"]
    versions = ", ".join(f"{name} {installed(name)}" for name in names)
    today = datetime.date.today().isoformat()
    lines += ["", f"`python benchmarks/scoring.py`, {today}, Python {platform.python_version()}, {versions}."]
    return "\n".join(lines)


def installed(name: str) -> str:
    """The version of a package, or that it is not there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    main()
