"""Measure summaries on recognized text against the truth: `python benchmarks/insight.py [CORPUS] [--dry]`.

Without a corpus, that of `make demo` is read, or data/calls is transcribed. The model is the one that OPENAI_*
configures, else the local service's `extractive`. Prints and writes aggregated figures only: which call of the
blind half was wrong is not for those who write the rules.
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from sections import write_section

from speechkit.connect import Speech, connect
from speechkit.demo import demo_data
from speechkit.insight.summaries import Summaries, summarize_calls
from speechkit.settings import read_settings
from speechkit.transcripts.corpus import open_corpus
from speechkit.transcripts.privacy import KINDS, find_personal
from speechkit.transcripts.schema import Transcript

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "corpus" / "demo"
FIELDS = ("reason", "outcome", "resolved", "mood_start", "mood_end")
Truth = Mapping[str, Mapping[str, Any]]


def main() -> None:
    """Read or make the transcripts, summarize them, compare, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", nargs="?", type=Path, help="a corpus of the demo calls")
    parser.add_argument("--dry", action="store_true", help="print only, write nothing")
    chosen = parser.parse_args()
    settings = read_settings()
    speech = connect(settings)
    own = bool(settings.openai_endpoint or settings.openai_api_key)
    local = {} if own else {"endpoint": speech.endpoint, "key": speech.key}
    result = summarize_calls(read_or_transcribe(chosen.corpus, speech), settings, **local)
    truth = json.loads((demo_data("truth") / "calls.json").read_text(encoding="utf-8"))
    for name, section in (
        ("insight", "## Summaries\n\n" + describe_summaries(result, truth)),
        ("privacy", "## Personal data\n\n" + describe_personal(truth)),
    ):
        print(f"{section}\n")
        if not chosen.dry:
            write_section(name, section)


def read_or_transcribe(folder: Path | None, speech: Speech) -> Transcript:
    """The transcripts without the folder around them, so that nothing is kept and nothing is written."""
    if folder is None and DEMO.is_dir():
        folder = DEMO
    if folder is not None:
        corpus = open_corpus(folder)
        return Transcript(corpus.calls, corpus.phrases, corpus.words)
    run = speech.batch.submit(demo_data("calls"))
    run.watch()
    collected = run.collect()
    if len(collected.failures):
        raise SystemExit(f"some calls could not be transcribed:\n{collected.failures.to_string()}")
    return collected.transcripts


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
