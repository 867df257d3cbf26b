"""How much of the personal data in the demo calls is found: recall and precision by kind, both halves apart.

    python benchmarks/privacy.py [CORPUS]

Judged by time, on recognized text: a planted item is found where masks cover at least half of the time in which it
was said; a mask is right where it overlaps a planted item. What stands is written to docs/measurements.md.
"""

from __future__ import annotations

import json
import sys
from collections import Counter

import pandas as pd
from sections import write_section

from speechkit import demo_data, open_corpus
from speechkit.transcripts.masking import find_masks


def main(corpus: str = "") -> None:
    """Measure, print and write."""
    shelf = open_corpus(corpus or demo_data("corpus"))
    truth = json.loads((demo_data("truth") / "calls.json").read_text("utf-8"))
    masks = find_masks(shelf)
    rows = [row for half in ("seen", "blind") for row in half_rows(half, truth, masks)]
    table = pd.DataFrame(
        rows, columns=["half", "kind", "planted", "found", "recall", "masks", "right", "precision"]
    )
    print(table.to_string(index=False))
    if not corpus:
        write_section("privacy-recognized", text_of(table))


def half_rows(half: str, truth: dict, masks: pd.DataFrame) -> list[tuple]:
    """Count one half, by kind and in all."""
    calls = {name: facts for name, facts in truth.items() if facts["blind"] == (half == "blind")}
    planted, found, made, right = Counter(), Counter(), Counter(), Counter()
    for name, facts in calls.items():
        of_call = masks[masks["call_id"] == name]
        items = facts["personal_data"]
        for item in items:
            covered = sum(
                max(0.0, min(item["end_s"], end) - max(item["start_s"], start))
                for start, end in of_call[["start_s", "end_s"]].itertuples(index=False)
            )
            planted[item["kind"]] += 1
            found[item["kind"]] += covered >= 0.5 * (item["end_s"] - item["start_s"])
        for kind, start, end in of_call[["kind", "start_s", "end_s"]].itertuples(index=False):
            made[kind] += 1
            right[kind] += any(start < item["end_s"] and item["start_s"] < end for item in items)
    for counts in (planted, found, made, right):
        counts["all"] = sum(counts.values())
    return [
        (
            half,
            kind,
            planted[kind],
            found[kind],
            ratio(found[kind], planted[kind]),
            made[kind],
            right[kind],
            ratio(right[kind], made[kind]),
        )
        for kind in sorted(set(planted) | set(made), key=lambda kind: (kind == "all", kind))
    ]


def ratio(part: int, whole: int) -> str:
    """Write a share, or a dash of nothing."""
    return f"{part / whole:.2f}" if whole else "–"


def text_of(table: pd.DataFrame) -> str:
    """Write the section of docs/measurements.md."""
    head = "| " + " | ".join(table.columns) + " |\n|" + " --- |" * len(table.columns) + "\n"
    rows = [" | ".join(map(str, row)) for row in table.itertuples(index=False)]
    body = "".join(f"| {row} |\n" for row in rows)
    return (
        "In recognized text (`data/corpus`), judged by time: a planted item is found where masks cover at least half "
        "of the time in which it was said, a mask is right where it overlaps a planted item. "
        f"`python benchmarks/privacy.py` measures it.\n\n{head}{body}"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
