"""Measure what the local recognizer's confidence is worth: `python benchmarks/calibration.py [--dry]`.

The demo calls under six conditions (data/conditions, judged by data/truth), and apart from them the real recordings
with a reference in the folder `shared` beside the repository, where it is.
"""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

import pandas as pd
from sections import write_section

from speechkit import demo_data, open_corpus
from speechkit.analysis import calibration, correctness, review
from speechkit.analysis.reference import read_reference
from speechkit.transcripts.schema import Transcript

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "speech"
APART = ["dialogue", "voice"]


def main() -> None:
    """Judge the words, print the tables, write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry", action="store_true", help="print only, write nothing")
    chosen = parser.parse_args()
    words = demo_words()
    text = "\n\n".join(["## Confidence", *demo(words), *real(words)])
    print(text)
    if not chosen.dry:
        write_section("calibration", text)


def demo_words() -> pd.DataFrame:
    """The words of the demo calls with `right` and `voice`."""
    corpus = open_corpus(demo_data("conditions"))
    words = correctness.judge(corpus, read_reference(demo_data("truth") / "calls.stm"), by="dialogue")
    return words.merge(corpus.table("voices"), how="left")


def demo(words: pd.DataFrame) -> list[str]:
    """What is said of the demo calls."""
    rows = [measured(name, group) for name, group in words.groupby("condition")]
    table = pd.DataFrame([*rows, measured("all", words)])
    gains = []
    for method in calibration.METHODS:
        words["calibrated"] = calibration.cross_calibrated(words, method, APART)
        gained = calibration.gain(words, by="dialogue")
        gains.append({"method": method} | {r.measure: gain_of(r) for r in gained.itertuples()})
    return [
        f"The {len(words):,} words of the demo calls (synthetic voices) that the local recognizer wrote under six "
        "conditions. ECE and Brier: less is better; AUC and average precision, for finding wrong words: more. In "
        "brackets 95 % intervals by bootstrap over dialogues.",
        markdown(table),
        "Recalibrated by words of other dialogues and other voices, all conditions: before, after, and the interval "
        "of the gain.",
        markdown(pd.DataFrame(gains)),
        "Listening to what is under a threshold of the confidence so calibrated (logistic), in calls as they were "
        "recorded: the share of the wrong words that was expected there, and that was found.",
        markdown(listening(words[words["condition"] == "as recorded"])),
    ]


def measured(name: str, words: pd.DataFrame, by: str = "dialogue") -> dict[str, str]:
    """A row of the table of measures."""
    table = calibration.measure(words, by=by).set_index("measure")
    row = {"words": name, "number": f"{len(words):,}", "wrong": f"{1 - words['right'].mean():.1%}"}
    for measure, (value, low, high) in table.iterrows():
        ends = "" if pd.isna(low) else f" ({low:.3f} to {high:.3f})"
        row[str(measure).replace("_", " ")] = f"{value:.3f}{ends}"
    return row


def gain_of(row: object) -> str:
    """Before, after, and whether that is certain."""
    verdict = "" if row.certain else ", not certain"  # type: ignore[attr-defined]
    return f"{row.before:.3f} to {row.after:.3f} ({row.low:+.3f} to {row.high:+.3f}{verdict})"  # type: ignore[attr-defined]


def listening(words: pd.DataFrame) -> pd.DataFrame:
    """What a tenth, a quarter and a half of the listening brings."""
    table = review.curve(words)
    last_s = words.groupby("call_id")["duration_s"].first().sum()
    rows = []
    for part in (0.1, 0.25, 0.5):
        row = review.choose(table, part * last_s / 60)
        rows.append(
            {"listened": f"{60 * row['minutes'] / last_s:.0%} of the calls", "threshold": f"{row['below']:.2f}",
             "passages": int(row["items"]), "expected": f"{row['expected'] / table['expected'].max():.0%}",
             "found": f"{row['caught'] / table['caught'].max():.0%}"}
        )  # fmt: skip
    return pd.DataFrame(rows)


def real(words: pd.DataFrame) -> list[str]:
    """What is said of recordings of people: as given, and by the calibration of the demo calls as recorded."""
    if not SHARED.is_dir():
        return ["No recording of people was there to measure with."]
    from speechkit import connect

    fitted = calibration.fit(words[words["condition"] == "as recorded"], "logistic")
    speech = connect(quiet=True)
    parts = []
    for path in sorted(SHARED.glob("*.ref.txt")):
        recording = path.with_name(path.name.replace(".ref.txt", ".wav"))
        run = speech.batch.submit([recording])
        run.watch()
        heard = fitted.apply(run.collect().transcripts)
        said = read_reference(path)
        said = Transcript(
            said.calls.assign(call_id=heard.call_ids[0]), said.phrases.assign(call_id=heard.call_ids[0])
        )
        parts.append(correctness.judge(heard, said))
    judged = pd.concat(parts, ignore_index=True)
    after = judged.assign(confidence=judged["calibrated"])
    table = pd.DataFrame(
        [measured("as given", judged, "call_id"), measured("calibrated on the demo calls", after, "call_id")]
    )
    return [
        f"Recordings of people, apart: {judged['call_id'].nunique()} recordings, {len(judged):,} words. So few show "
        "that the score tells something, not how much; the intervals, over so few recordings, are too narrow.",
        markdown(table),
        f"`python benchmarks/calibration.py`, {datetime.date.today():%Y-%m-%d}.",
    ]


def markdown(table: pd.DataFrame) -> str:
    """A table in Markdown."""
    rows = [
        table.columns.str.replace("_", " "),
        ["---"] * table.shape[1],
        *table.astype(str).to_numpy().tolist(),
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


if __name__ == "__main__":
    main()
