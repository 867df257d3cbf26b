"""Measure summaries on recognized text against the truth: `python benchmarks/insight.py [CORPUS] [--dry]`.

Of the demo calls as they were recognized (`data/corpus`, or another corpus of them) and of the practice calls
(`data/practice`). The model is the one that OPENAI_* configures, else the local service's `extractive`. Prints and
writes aggregated figures only: which call of a blind half was wrong is not for those who write the rules.
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from sections import write_section

from speechkit.connect import connect
from speechkit.demo import demo_data
from speechkit.insight.schema import read_labels
from speechkit.insight.summaries import Summaries, summarize_calls
from speechkit.settings import read_settings
from speechkit.transcripts.corpus import open_corpus
from speechkit.transcripts.privacy import KINDS, find_personal
from speechkit.transcripts.schema import TABLES, Transcript

FIELDS = ("reason", "outcome", "resolved", "mood_start", "mood_end")
Truth = Mapping[str, Mapping[str, Any]]


def main() -> None:
    """Summarize, compare, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", nargs="?", type=Path, help="a corpus of the demo calls")
    parser.add_argument("--dry", action="store_true", help="print only, write nothing")
    chosen = parser.parse_args()
    settings = read_settings()
    own = bool(settings.openai_endpoint or settings.openai_api_key)
    speech = None if own else connect(settings)
    options = {"endpoint": speech.endpoint, "key": speech.key} if speech else {}
    options["checklist"] = read_labels(demo_data("checklist.txt"))
    practice = demo_data("practice")
    folders = [chosen.corpus or demo_data("corpus"), practice / "corpus"]
    # Transcripts without their folder, so that nothing is written beside them.
    calls = [Transcript(*map(open_corpus(folder).table, TABLES)) for folder in folders]
    results = [summarize_calls(part, settings, **options) for part in calls]
    files = [demo_data("truth") / "calls.json", practice / "truth.json"]
    truth, trained = (json.loads(file.read_text(encoding="utf-8")) for file in files)
    told = [measure_lists(result, facts) for result, facts in zip(results, (truth, trained), strict=True)]
    told[1]["dialogues"] = "practice, " + told[1]["dialogues"]
    lists = pd.concat(told, ignore_index=True)
    for name, section in (
        (
            "insight",
            "## Summaries\n\n" + describe_summaries(results[0], truth) + "\n\n" + describe_lists(lists),
        ),
        ("privacy", "## Personal data\n\n" + describe_personal(truth)),
    ):
        print(f"{section}\n")
        if not chosen.dry:
            write_section(name, section)


def measure(result: Summaries, truth: Truth) -> pd.DataFrame:
    """For each half: calls, the share of right labels, claims, and the share of them that is supported.

    A call without speech in truth is right when it is called so; it counts in `silent` and in no other figure.
    """
    calls = result.calls.set_index("call_id")
    rows = []
    for half, blind in (("seen", False), ("blind", True)):
        ids = [name for name, call in truth.items() if call["blind"] == blind and name in calls.index]
        spoken = [name for name in ids if truth[name]["turns"]]
        silent = [name for name in ids if not truth[name]["turns"]]
        claims = result.claims.loc[result.claims["call_id"].isin(ids), "supported"]
        row: dict[str, Any] = {"dialogues": half, "calls": len(spoken)}
        for field in FIELDS:
            right = [calls.loc[name, field] == truth[name][field] for name in spoken]
            row[field.replace("_", " ")] = sum(right) / len(right)
        row["claims"] = len(claims)
        row["claims supported"] = float(claims.mean())
        row["failed"] = int(calls.loc[spoken, "status"].ne("ok").sum())
        row["silent calls told"] = f"{calls.loc[silent, 'status'].eq('no speech').sum()} of {len(silent)}"
        rows.append(row)
    return pd.DataFrame(rows)


def measure_lists(result: Summaries, truth: Truth) -> pd.DataFrame:
    """For each half: what was found of products, promises, moods of turns and items of the checklist.

    Products are compared by the last word of their names. A promise is found where a promise is quoted from the turn in
    which it was given. The mood of a turn is that of the phrase that shares most of its time. What a half has no truth
    for is missing.
    """
    claims = result.claims[result.claims["supported"]]
    rows = []
    for half, blind in (("seen", False), ("blind", True)):
        calls = {name: facts for name, facts in truth.items() if facts["blind"] == blind and facts["turns"]}
        judged = [name for name, facts in calls.items() if "promises" in facts]
        counts = pd.DataFrame(
            [
                _counted(calls[name], *(_of(table, name) for table in (claims, result.moods, result.checks)))
                for name in calls
            ]
        ).sum()
        row: dict[str, Any] = {"dialogues": half, "calls": len(calls)}
        row["products found"] = _part(counts, "product found", "product")
        for title, hit, all_ in (
            ("promises found", "promise found", "promise"),
            ("found rightly", "promise right", "promise made"),
            ("turn moods", "mood right", "mood"),
            ("not neutral", "strong right", "strong"),
            ("items said", "said found", "said"),
            ("items missed", "missed found", "missed"),
        ):
            row[title] = _part(counts, hit, all_) if judged else "–"
        rows.append(row)
    return pd.DataFrame(rows)


def _counted(
    call: Mapping[str, Any], claims: pd.DataFrame, moods: pd.DataFrame, checks: pd.DataFrame
) -> Counter[str]:
    counts: Counter[str] = Counter()
    named = {_kind(text) for text in claims.loc[claims["field"] == "product", "text"]}
    counts["product"] = len(call["products"])
    counts["product found"] = sum(_kind(name) in named for name in call["products"])
    if "promises" not in call:
        return counts
    spans = [
        next((t["start_s"], t["end_s"]) for t in call["turns"] if promise in t["text"])
        for promise in call["promises"]
    ]
    made = claims.loc[claims["field"] == "promise", "start_s"].tolist()
    counts["promise"], counts["promise made"] = len(spans), len(made)
    counts["promise found"] = sum(any(a - 0.5 <= at <= b + 0.5 for at in made) for a, b in spans)
    counts["promise right"] = sum(any(a - 0.5 <= at <= b + 0.5 for a, b in spans) for at in made)
    for turn in call["turns"]:
        if "mood" in turn:
            shared = moods["end_s"].clip(upper=turn["end_s"]) - moods["start_s"].clip(lower=turn["start_s"])
            right = bool(
                len(shared) and shared.max() > 0 and moods.loc[shared.idxmax(), "mood"] == turn["mood"]
            )
            for name in ("mood", *(["strong"] if turn["mood"] != "neutral" else [])):
                counts[name] += 1
                counts[f"{name} right"] += right
    for item, value in checks[["item", "value"]].itertuples(index=False):
        name = "said" if item in call["said"] else "missed"
        counts[name] += 1
        counts[f"{name} found"] += value == name
    return counts


def _of(table: pd.DataFrame, call_id: str) -> pd.DataFrame:
    return table[table["call_id"] == call_id].reset_index(drop=True)


def _kind(product: str) -> str:
    """The noun of a product's name: "Zephyrix thermostats" is a thermostat."""
    return product.split()[-1].lower().rstrip("s")


def _part(counts: Any, hit: str, whole: str) -> str:
    return f"{int(counts.get(hit, 0))} of {int(counts.get(whole, 0))}"


def measure_personal(truth: Truth) -> pd.DataFrame:
    """For each half and kind: the share of planted data that is found in the words as they were written to be
    spoken, and the share of what is found that was planted (a part of it counts as found wrongly)."""
    counts: dict[tuple[str, str], list[int]] = {}
    agents = pd.read_csv(demo_data("calls.csv")).set_index("call_id")["agent"].dropna().to_dict()
    for call_id, call in truth.items():
        half = "blind" if call["blind"] else "seen"
        texts = [turn["text"] for turn in call["turns"]]
        findings = find_personal(
            texts, [turn["speaker"] for turn in call["turns"]], [agents.get(call_id, "")]
        )
        planted = list(_places(call))
        for kind in KINDS:
            wanted = [place for place in planted if place[0] == kind]
            found = [f for f in findings if f.kind == kind]
            hit = [p for p in wanted if any(_covers(f, p) for f in findings)]
            true = [f for f in found if any(_covers(f, p) for p in planted)]
            row = counts.setdefault((half, kind), [0, 0, 0, 0])
            for at, n in enumerate((len(hit), len(wanted), len(true), len(found))):
                row[at] += n
    return pd.DataFrame(
        [
            {
                "dialogues": half,
                "kind": kind,
                "found": f"{hit} of {wanted}",
                "found rightly": f"{true} of {found}",
            }
            for (half, kind), (hit, wanted, true, found) in counts.items()
        ]
    )


def _places(call: Mapping[str, Any]) -> Any:
    """(kind, turn, first character, end) of each planted piece, looked for in the turn that it is spoken in."""
    for item in call["personal_data"]:
        for index, turn in enumerate(call["turns"]):
            same = turn["speaker"] == item["speaker"]
            if (
                same
                and turn["start_s"] - 0.2 <= item["start_s"] <= turn["end_s"]
                and item["text"] in turn["text"]
            ):
                start = turn["text"].index(item["text"])
                yield item["kind"], index, start, start + len(item["text"])
                break
        else:
            yield item["kind"], -1, 0, 0


def _covers(finding: Any, place: tuple[str, int, int, int]) -> bool:
    _, index, start, end = place
    return bool(finding.index == index and finding.start <= start and finding.end >= end - 1)


def describe_summaries(result: Summaries, truth: Truth) -> str:
    """The section about summaries: what was measured, how, and a table."""
    table = measure(result, truth)
    model = result.calls["model"].iloc[0]
    tokens = int(result.calls["tokens_in"].sum()), int(result.calls["tokens_out"].sum())
    return (
        f"Model `{model}` on the recognized text of the demo calls, {datetime.date.today().isoformat()}: the share of "
        "calls whose label is the truth's. *seen*: dialogues that the rules of `extractive` were written with; "
        "*blind*: dialogues written apart from them. With so few calls, one more or less is "
        f"{1 / int(table['calls'].max()):.2f}. Tokens: {tokens[0]:,} in, {tokens[1]:,} out. "
        f"`python benchmarks/insight.py` measures it, for any model.\n\n{_markdown(table)}"
    )


def describe_lists(lists: pd.DataFrame) -> str:
    """What was found of the lists of a summary."""
    return (
        "The lists of a summary. *products found*, of those that the truth names; *promises found*, of those given, "
        "and how many of those found were given; *turn moods*, of the customer's turns, and of those that are *not "
        "neutral*; items of `data/checklist.txt` that were *said*, and that were *missed*. Nobody wrote a truth of "
        "these for the blind half. The practice dialogues were written, with their truth, by one who had read the "
        "rules of `extractive`, so they are easier than calls are; the text of their blind half was not read.\n\n"
        f"{_markdown(lists)}"
    )


def describe_personal(truth: Truth) -> str:
    """The section about personal data."""
    return (
        "What `speechkit.transcripts.privacy` finds in the words of the dialogues as the voices read them (not in "
        "recognized text, where misheard names and numbers are lost to it): planted data found, and findings that "
        f"were planted. `python benchmarks/insight.py` measures it.\n\n{_markdown(measure_personal(truth))}"
    )


def _markdown(table: pd.DataFrame) -> str:
    rows = [list(table), ["---"] * len(table.columns), *table.itertuples(index=False)]
    return "\n".join(
        "| " + " | ".join(f"{v:.2f}" if isinstance(v, float) else str(v) for v in row) + " |" for row in rows
    )


if __name__ == "__main__":
    main()
