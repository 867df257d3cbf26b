"""Write the corpus of data/weeks: about 600 calls over eight weeks, as text, with effects that are known.

    python data/make_weeks.py

The calls are written from data/weeks_lines.txt, not spoken and not recognized: lesson 07 needs many calls, and
needs to know what is in them. What was planted, to be found again:

- six reasons to call, and a seventh that is technical too: the fault below
- more calls on Mondays, few at weekends
- one agent, Paula, leaves far more calls unresolved, whatever they are about
- a product fault: from 5 August on calls about a red light that blinks
- who was left without a solution calls again within a week, one in two
- unresolved calls are longer on hold

data/weeks_plain is the null corpus: the same lines and reasons, and none of these effects.
Deterministic for a seed. Summaries are then made of the text by `speechkit summarize`, with whatever model is
configured (the committed ones are the local service's): nothing that was planted is told to it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from speechkit import open_corpus
from speechkit.transcripts.schema import Transcript

HERE = Path(__file__).resolve().parent
SEED = 20_260_706
FIRST_DAY, DAYS = pd.Timestamp("2026-07-06"), 56  # a Monday, and eight weeks
CALLS_A_DAY = 10.5
AGENTS = ("Aisha", "Bruno", "Carla", "Dmitri", "Elena", "Farid", "Paula", "Quentin")
PRODUCTS = ("Aquila router", "Brioflex thermostat", "Corvo camera", "Deltona speaker", "Esmera lamp")
REASONS = {
    "billing": 0.24,
    "delivery": 0.22,
    "technical": 0.2,
    "appointment": 0.13,
    "cancellation": 0.11,
    "account": 0.10,
}
QUEUES = {"technical": "technical", "fault": "technical", "billing": "billing", "cancellation": "billing"}
WORDS_A_SECOND = 2.6
AGAIN_DAYS = 7
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


@dataclass(frozen=True)
class Effects:
    """What is planted; the default is nothing."""

    weekday: tuple[float, ...] = (1.0,) * 7  # calls a day, Monday first, as factors
    unresolved: float = 0.28
    unresolved_of: dict[str, float] | None = None  # agents with a share of their own
    fault_from: int | None = None  # day number
    faults_a_day: float = 2.2
    again: float = 0.06  # share of customers that call again within a week, after a solution
    again_unresolved: float = 0.06  # and without one
    hold_unresolved: float = 0.25  # share of unresolved calls with a hold


PLANTED = Effects(
    weekday=(1.75, 1.1, 1.0, 1.0, 1.0, 0.6, 0.5),
    unresolved=0.22,
    unresolved_of={"Paula": 0.6},
    fault_from=30,
    again=0.05,
    again_unresolved=0.5,
    hold_unresolved=0.7,
)
NONE = Effects()


@dataclass(frozen=True)
class Call:
    """One call to be written."""

    day: int
    customer: int
    reason: str


def read_lines() -> dict[str, list[str]]:
    """Read the sections of weeks_lines.txt."""
    sections: dict[str, list[str]] = {}
    for line in (HERE / "weeks_lines.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            sections[line.strip("[]")] = []
        elif line and not line.startswith("#"):
            list(sections.values())[-1].append(line)
    return sections


def make(seed: int = SEED, effects: Effects = PLANTED) -> tuple[Transcript, pd.DataFrame]:
    """Return the calls and the truth: call_id, reason, resolved."""
    rng = np.random.default_rng(seed)
    lines = read_lines()
    waiting = [call for day in range(DAYS) for call in _first_contacts(rng, day, effects)]
    calls, phrases, truth = [], [], []
    while waiting:  # calls that are made again join the line
        call = waiting.pop(0)
        number = f"w{len(calls) + 1:04d}"
        agent = str(rng.choice(AGENTS))
        share = (effects.unresolved_of or {}).get(agent, effects.unresolved)
        resolved = bool(rng.random() >= share)
        hold = rng.random() < (0.25 if resolved else effects.hold_unresolved)
        said = _said(rng, lines, call.reason, agent, resolved, hold)
        rows, length_s = _timed(rng, number, said)
        at = pd.Timedelta(days=call.day, hours=8, seconds=int(rng.integers(36_000)))
        phrases += rows
        calls.append(
            {
                "call_id": number,
                "mode": "batch",
                "engine": "written by data/make_weeks.py",
                "locale": "en-US",
                "channels": 2,
                "duration_s": length_s,
                "recorded_at": FIRST_DAY + at,
                "agent": agent,
                "queue": QUEUES.get(call.reason, "service"),
                "caller_number": f"customer {call.customer:05d}",
            }
        )
        truth.append({"call_id": number, "reason": call.reason, "resolved": "yes" if resolved else "no"})
        if rng.random() < (effects.again if resolved else effects.again_unresolved):
            day = call.day + int(rng.integers(1, AGAIN_DAYS))
            if day < DAYS:
                waiting.append(replace(call, day=day))
    return Transcript(pd.DataFrame(calls), pd.DataFrame(phrases)), pd.DataFrame(truth)


def _first_contacts(rng: np.random.Generator, day: int, effects: Effects) -> list[Call]:
    base = CALLS_A_DAY * effects.weekday[day % 7] / np.mean(effects.weekday)
    reasons = list(rng.choice(list(REASONS), rng.poisson(base), p=list(REASONS.values())))
    if effects.fault_from is not None and day >= effects.fault_from:
        reasons += ["fault"] * rng.poisson(effects.faults_a_day)
    return [Call(day, int(rng.integers(100_000)), str(reason)) for reason in reasons]


def _said(
    rng: np.random.Generator, lines: dict[str, list[str]], reason: str, agent: str, resolved: bool, hold: bool
) -> list[tuple[str, str, float]]:
    """Return the turns of a call: A or C, the text, and seconds of silence before it."""
    end = "technical" if reason == "fault" else reason
    stages = ["greeting", reason, "check", f"{reason} detail"]
    stages += ["hold"] if hold else []
    stages += [f"{end} {'solved' if resolved else 'unsolved'}", "goodbye" if resolved else "goodbye unsolved"]
    slots = {
        "agent": agent,
        "product": PRODUCTS[0] if reason == "fault" else str(rng.choice(PRODUCTS)),
        "day": str(rng.choice(WEEKDAYS)),
        "amount": str(rng.integers(12, 190)),
        "hours": f"{rng.integers(1, 6)} o'clock",
        "number": " ".join(str(digit) for digit in rng.integers(0, 10, 6)),
    }
    turns = []
    for stage in stages:
        pause_s = 0.0
        for turn in str(rng.choice(lines[stage])).format(**slots).split(" / "):
            turns.append((turn[0], turn[2:], pause_s))
        if stage == "hold":
            party, text, _ = turns[-1]
            turns[-1] = (party, text, 0.0)
            turns.append(("A", "Thank you for waiting.", float(rng.uniform(20, 75))))
    return turns


def _timed(
    rng: np.random.Generator, call_id: str, turns: list[tuple[str, str, float]]
) -> tuple[list[dict[str, object]], float]:
    at_s, rows = 0.8, []
    for number, (party, text, pause_s) in enumerate(turns, 1):
        start_s = at_s + pause_s + float(rng.exponential(0.5))
        at_s = start_s + len(text.split()) / WORDS_A_SECOND * float(rng.uniform(0.85, 1.2))
        rows.append(
            {
                "call_id": call_id,
                "phrase_id": f"{call_id}:{number:04d}",
                "channel": 0 if party == "A" else 1,
                "locale": "en-US",
                "start_s": round(start_s, 2),
                "end_s": round(at_s, 2),
                "display": text,
                "lexical": text.lower().translate(str.maketrans("", "", ".,?!")),
            }
        )
    return rows, round(at_s + 1.0, 2)


def write(folder: Path, seed: int = SEED, effects: Effects = PLANTED, summarize: bool = True) -> None:
    """Write the corpus to a new folder, and what is true of it beside it, as FOLDER_truth.json.

    Without `summarize`, for tests, the truth stands in for what a model says of the calls.
    """
    transcript, truth = make(seed, effects)
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    corpus = open_corpus(part, create=True)
    corpus.add(transcript)
    if summarize:
        subprocess.run([sys.executable, "-m", "speechkit.cli", "summarize", str(part)], check=True)
    else:
        corpus.write_table("summaries", truth.assign(status="ok"))
    for folder_name in ("answers", "claims"):  # no reader of the lesson needs them
        shutil.rmtree(part / folder_name, ignore_errors=True)
    (part / ".lock").unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    planted = {
        "agent": next(iter(effects.unresolved_of or {}), None),
        "fault_from": None
        if effects.fault_from is None
        else str((FIRST_DAY + pd.Timedelta(days=effects.fault_from)).date()),
        "reasons": dict(zip(truth["call_id"], truth["reason"], strict=True)),
        "unresolved": truth.loc[truth["resolved"] == "no", "call_id"].tolist(),
    }
    folder.with_name(f"{folder.name}_truth.json").write_text(json.dumps(planted, indent=0) + "\n", "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.parse_args()
    write(HERE / "weeks")
    write(HERE / "weeks_plain", SEED + 1, NONE)
