"""Measure what is told of speakers, and how fast: `python benchmarks/speakers.py [--dry]`.

Speed: 2,000 random calls, against a loop over the calls that computes the same shares and interruptions.
Truth: the demo calls, their stereo recordings, their mono ones, and the stereo ones mixed into one channel
(data/mono). Of the calls c09 to c16, which nobody looks at, only numbers are printed.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import pandas as pd
from sections import write_section

from speechkit import demo_data, open_corpus
from speechkit.analysis.attribution import score_speakers
from speechkit.analysis.diarization import score_diarization
from speechkit.analysis.exchange import INTERRUPTION, overlaps
from speechkit.analysis.holds import holds
from speechkit.analysis.reference import read_reference
from speechkit.analysis.roles import roles
from speechkit.analysis.speakers import overview, silences, talk
from speechkit.analysis.unlabelled import fill_unknown
from speechkit.transcripts.schema import Transcript

ROUNDS, CALLS, PHRASES, LIMIT_S = 5, 2000, 20, 0.1
NEAR_S = 1.0  # an interruption is found when one begins within this of the true one


def main() -> None:
    """Measure, print, write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry", action="store_true", help="print only, write nothing")
    chosen = parser.parse_args()
    corpus, mixed = open_corpus(demo_data("corpus")), open_corpus(demo_data("mono"))
    kinds = {
        "a channel each": corpus.filter(channels=2),
        "one channel": corpus.filter(channels=1),
        "mixed": mixed,
    }
    today = (
        f"{datetime.date.today().isoformat()}, Python {platform.python_version()}, pandas {version('pandas')}"
    )
    lines = [
        "## Speakers and conversation",
        "",
        *speed(),
        "",
        "Of the demo calls: *a channel each* are the stereo recordings, *mixed* the same ones mixed into one channel. "
        "c01 to c08 were looked at while the rules were written, c09 to c16 were not.",
        "",
        *diarized(kinds),
        "",
        *told(kinds),
        "",
        *filled([kinds["one channel"], mixed]),
        "",
        f"`python benchmarks/speakers.py`, {today}.",
    ]
    text = "\n".join(lines)
    print(text)
    if not chosen.dry:
        write_section("speakers", text)


# --- how fast -------------------------------------------------------------------------------------------------


def speed() -> list[str]:
    """Milliseconds for 2,000 calls, and the same by a loop over the calls."""
    made = many_calls()
    ways: dict[str, Callable[[], object]] = {
        "speakers.talk: shares, pace, responses, interruptions, monologues": lambda: talk(made),
        "speakers.overview: the same by call, with overlap and silence": lambda: overview(made),
        "speakers.silences: every place": lambda: silences(made),
        "exchange.overlaps: every place": lambda: overlaps(made),
        "a loop over the calls: only shares and interruptions": lambda: looped(made),
    }
    mine = talk(made).groupby("call_id")["interruptions"].sum().tolist()
    assert mine == looped(made)["interruptions"].tolist()
    seconds = {name: min(timed(way) for _ in range(ROUNDS)) for name, way in ways.items()}
    own = next(iter(seconds.values()))
    rows = [f"| {name} | {1000 * s:.0f} | {s / own:.1f} |" for name, s in seconds.items()]
    verdict = "met" if max(list(seconds.values())[:-1]) <= LIMIT_S else "missed"
    return [
        f"{CALLS:,} random calls of {PHRASES} phrases; CPU time, the best of {ROUNDS} rounds.",
        "",
        "| way | ms | times speakers.talk |",
        "|---|---|---|",
        *rows,
        "",
        f"Asked for: at most {1000 * LIMIT_S:.0f} ms each: {verdict}.",
    ]


def timed(way: Callable[[], object]) -> float:
    """CPU seconds of one run."""
    start = time.process_time()
    way()
    return time.process_time() - start


def many_calls() -> Transcript:
    """Two parties on channels of their own, who overlap now and then."""
    draw = np.random.default_rng(7)
    start = np.cumsum(draw.uniform(0.5, 4.5, (CALLS, PHRASES)), axis=1).round(2)
    said = ["hello how are you", "never", "i have refunded the full amount and will mail you the invoice"]
    rows = CALLS * PHRASES
    ids = np.repeat([f"c{i:04d}" for i in range(CALLS)], PHRASES)
    phrases = pd.DataFrame(
        {"call_id": ids, "phrase_id": [f"{c}:{i % PHRASES:04d}" for i, c in enumerate(ids)],
         "channel": draw.integers(0, 2, rows), "start_s": start.ravel(),
         "end_s": (start.ravel() + draw.uniform(0.5, 4, rows)).round(2), "lexical": draw.choice(said, rows)}
    )  # fmt: skip
    return Transcript(
        pd.DataFrame({"call_id": sorted(set(ids)), "channels": 2, "duration_s": 120.0}), phrases
    )


def looped(made: Transcript) -> pd.DataFrame:
    """Shares and interruptions of each call as one would first write it."""
    rows = []
    for call_id, call in made.phrases.groupby("call_id"):
        table = call.sort_values("start_s")
        lasts = (table["end_s"] - table["start_s"]).groupby(table["channel"]).sum()
        reach, cut = {0: -np.inf, 1: -np.inf}, 0
        for start, end, channel, text in zip(
            table["start_s"], table["end_s"], table["channel"], table["lexical"], strict=True
        ):
            other = reach[1 - channel]
            short = len(text.split()) <= 3 and end - start <= 1.5
            cut += other - start > 0.5 and other < end and not (short and other >= end)
            reach[channel] = max(reach[channel], end)
        rows.append((call_id, lasts.get(0, 0.0) / lasts.sum(), cut))
    return pd.DataFrame(rows, columns=["call_id", "share", "interruptions"])


# --- how right ------------------------------------------------------------------------------------------------


def diarized(kinds: dict[str, Transcript]) -> list[str]:
    """Errors against the reference: seconds, speakers, words."""
    truth = demo_data("truth")
    turns, words = (
        read_reference(truth / "calls.rttm"),
        read_reference(truth / "calls.stm", truth / "calls.ctm"),
    )
    rows = []
    for name, made in kinds.items():
        one = score_diarization(turns, made).total
        lax = score_diarization(turns, made, collar_s=0.25).total
        who = score_speakers(words, made)
        parts = [100 * part / one.speech_s for part in (one.missed_s, one.invented_s, one.confused_s)]
        shown = [100 * one.rate, *parts, 100 * lax.rate, 100 * one.jaccard_rate]
        rows.append(
            f"| {name} | {one.calls} | {' | '.join(f'{x:.1f}' for x in shown)} | {one.miscounted} "
            f"| {100 * who.total_words.rate:.1f} | {100 * who.total.rate:.1f} |"
        )
    return [
        "Percent; the whole recording, overlaps included.",
        "",
        "| recording | calls | DER | missed | invented | confused | DER, collar 0.25 s | JER "
        "| speakers miscounted, calls | WDER | cpWER |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
        *rows,
    ]


def told(kinds: dict[str, Transcript]) -> list[str]:
    """Roles, holds and interruptions that are told rightly, by who looked at the calls."""
    turns = read_reference(demo_data("truth") / "calls.rttm")
    facts = json.loads((demo_data("truth") / "calls.json").read_text())
    said = read_reference(demo_data("truth") / "calls.stm")
    rows = []
    for name, made in kinds.items():
        for half, low, high in (("c01 to c08", "c01", "c08"), ("c09 to c16", "c09", "c16")):
            ids = sorted({i for i in made.phrases["call_id"] if low <= i <= high})
            own = made.filter(call_id=ids)
            right, wrong, open_ = role_counts(own, turns.filter(call_id=ids))
            real = [(i, h["start_s"], h["end_s"]) for i in ids for h in facts[i]["holds"]]
            found = list(holds(own)[["call_id", "start_s", "end_s"]].itertuples(index=False))
            hit = sum(any(f[0] == r[0] and f[1] < r[2] and r[1] < f[2] for f in found) for r in real)
            cut = [
                table[table["kind"] == INTERRUPTION]
                for table in (overlaps(said.filter(call_id=ids)), overlaps(own))
            ]
            places = [list(zip(table["call_id"], table["start_s"], strict=True)) for table in cut]
            met = sum(any(f[0] == r[0] and abs(f[1] - r[1]) < NEAR_S for f in places[1]) for r in places[0])
            rows.append(
                f"| {name} | {half} | {len(ids)} | {right} | {wrong} | {open_} | {hit} of {len(real)} | {len(found)} "
                f"| {met} of {len(places[0])} | {len(places[1])} |"
            )
    return [
        "| recording | calls | with speech | roles right | wrong | unknown | holds found | holds told "
        "| interruptions found | told |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *rows,
    ]


def role_counts(made: Transcript, truth: Transcript) -> tuple[int, int, int]:
    """Calls with every role right, with one wrong, with none told."""
    partners, table = score_diarization(truth, made).assignment, roles(made)
    counts = [0, 0, 0]
    for call_id, own in table.groupby("call_id"):
        known = own.dropna(subset="role")
        partner = partners[str(call_id)]
        wrong = any(partner.get(p, r) != r for p, r in zip(known["party"], known["role"], strict=True))
        counts[2 if known.empty else int(wrong)] += 1
    return counts[0], counts[1], counts[2]


def filled(shelves: list[Transcript]) -> list[str]:
    """How many speakers that were taken away are found again."""
    draw, lost, done, right, naive = np.random.default_rng(5), 0, 0, 0, 0
    for made in shelves:
        known = made.phrases["speaker"]
        gone = pd.Series(draw.random(len(known)) < 0.1, known.index)
        holed = made.phrases.assign(speaker=known.mask(gone, "Unknown"))
        answer = fill_unknown(Transcript(made.calls, holed)).phrases
        lost, done = lost + int(gone.sum()), done + int(answer["filled"].sum())
        right += int((answer["speaker"] == known)[answer["filled"]].sum())
        same = gone & (known.shift() == known.shift(-1))
        naive += int((known.shift() == known)[same].sum())
    return [
        f"Speakers of a tenth of the phrases of one channel taken away: {lost}. `fill_unknown` fills {done}, "
        f"{right} of them rightly; the speaker that both neighbours have would be right in {naive}."
    ]


if __name__ == "__main__":
    main()
