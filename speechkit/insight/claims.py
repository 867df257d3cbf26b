"""From the answer of a model to rows: every claim with its evidence, or marked as unsupported."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from speechkit.insight.evidence import Evidence, find_quote, is_said
from speechkit.insight.schema import (
    FIELDS,
    LEVELS,
    MAX_SUMMARY_WORDS,
    UNCLEAR,
    Action,
    CallSummary,
    Check,
    Claim,
    Label,
)
from speechkit.insight.turns import Turn

_PLACE_DTYPES = {
    "quote": "str",
    "phrase_id": "str",
    "speaker": "str",
    "start_s": "float64",
    "end_s": "float64",
    "confidence": "float64",
}
"""Where the words stand that prove something."""

CLAIM_DTYPES = {
    "call_id": "str",
    "field": "str",
    "position": "int64",
    "text": "str",
    "owner": "str",
    "due": "str",
    **_PLACE_DTYPES,
    "supported": "bool",
}
"""The table of claims: one row for each statement, in the order of call_id, field and position."""

CALL_DTYPES = {
    "call_id": "str",
    "status": "str",
    "problem": "str",
    **{
        f"{field}{part}": dtype
        for field in FIELDS
        for part, dtype in (
            ("", "str"),
            ("_quote", "str"),
            ("_phrase_id", "str"),
            ("_start_s", "float64"),
            ("_confidence", "float64"),
        )
    },
    "mood_trend": "str",
    **{f"mood_turn{part}": "str" for part in ("", "_quote", "_phrase_id")},
    "mood_turn_start_s": "float64",
    "mood_turn_confidence": "float64",
    "unsupported": "int64",
    "model": "str",
    "prompt": "str",
    "masked": "bool",
    "tokens_in": "int64",
    "tokens_out": "int64",
    "cost": "float64",
    "kept": "bool",
}
"""The table of summaries: one row for each call."""

CHECK_DTYPES = {
    "call_id": "str",
    "kind": "str",
    "item": "str",
    "value": "str",
    **_PLACE_DTYPES,
    "supported": "bool",
}
"""The table of checks: a row for each item of the checklist (said, missed) and of the rubric (met, partly, missed or
levels of the user's own, unclear) in each call. `unproved` is what the model took for said without a quote that stands
in the call."""


def check_lists(
    parts: Sequence[CallSummary],
    kinds: Mapping[str, Iterable[str]],
    turns: Sequence[Turn],
    levels: Iterable[str] = LEVELS,
) -> list[dict[str, Any]]:
    """The items of the checklist and the rubric, by `kinds` (checklist, rubric), as the parts of a call judge them.

    What any part shows, with a quote that stands in the turns, is shown; the strongest value holds. The last of the
    rubric's `levels` needs no quote, and says that nothing better was shown.
    """
    rows = []
    for kind, items in kinds.items():
        name, order = ("checks", ("said",)) if kind == "checklist" else ("ratings", tuple(levels))
        worst = "missed" if kind == "checklist" else order[-1]
        given: list[Check] = [check for part in parts for check in getattr(part, name, [])]
        for item in items:
            told = [check for value in order for check in given if (check.item, check.value) == (item, value)]
            judged = any(check.item == item and check.value != UNCLEAR for check in given)
            proofs = [(check, find_quote(check.quote, check.phrase_id, turns)) for check in told]
            check, found = next(((c, f) for c, f in proofs if f), (None, None))
            row: dict[str, Any] = {"kind": kind, "item": item, "supported": found is not None}
            if check and found:
                row |= {"value": check.value, **_place(found)}
            else:
                claimed = [check for check in told if check.value != worst]
                row |= {"value": "unproved" if claimed else worst if judged else UNCLEAR}
            rows.append(row)
    return rows


def check_claims(
    answer: CallSummary, turns: Sequence[Turn], parts: Sequence[CallSummary] = ()
) -> list[dict[str, Any]]:
    """One dict for each claim of an answer; `supported` says whether its quote stands in the turns.

    What is not supported keeps what the model said, as text and quote, so that it can be looked into, but has
    no phrase and no time.
    """
    given: list[tuple[str, int, Claim | Label]] = []
    for field in FIELDS:
        value: Claim | Label | list[Claim] = getattr(answer, field)
        given += [(field, n, v) for n, v in enumerate(value if isinstance(value, list) else [value])]
    given += [("action", number, action) for number, action in enumerate(answer.actions)]
    for field, name in (("promise", "promises"), ("product", "products")):
        told = {claim.text.casefold(): claim for part in parts for claim in getattr(part, name, [])}
        given += [(field, number, claim) for number, claim in enumerate(told.values())]
    return [_row(field, number, claim, turns) for field, number, claim in given]


def call_columns(claims: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The columns of one call's row from its claims: only what is supported, and how many claims are not.

    The summary is joined from its supported sentences, up to MAX_SUMMARY_WORDS words; its quote is the first
    sentence's, the others stand in the table of claims.
    """
    columns: dict[str, Any] = {"unsupported": 0}
    sentences: list[str] = []
    for claim in claims:
        field = claim["field"]
        if not claim["supported"]:
            columns["unsupported"] += 1
            continue
        if field not in FIELDS:
            continue
        if field == "summary":
            words = sum(len(sentence.split()) for sentence in [*sentences, claim["text"]])
            if sentences and words > MAX_SUMMARY_WORDS:
                continue
            sentences.append(claim["text"].strip())
        columns.setdefault(field, claim["text"])
        for part in ("quote", "phrase_id", "start_s", "confidence"):
            columns.setdefault(f"{field}_{part}", claim[part])
    if sentences:
        columns["summary"] = " ".join(sentences)
    return columns


def as_table(rows: Sequence[Mapping[str, Any]], dtypes: Mapping[str, str]) -> pd.DataFrame:
    """Rows as a DataFrame with exactly these columns and dtypes; what a row lacks is missing, 0 or False.

    >>> as_table([{"call_id": "a", "n": 5}], {"call_id": "str", "n": "int64", "cost": "float64"})
      call_id  n  cost
    0       a  5   NaN
    """
    empty: dict[str, Any] = {"str": math.nan, "float64": math.nan, "int64": 0, "bool": False}
    columns = {
        name: pd.Series([row.get(name, empty[dtype]) for row in rows], dtype=dtype)
        for name, dtype in dtypes.items()
    }
    return pd.DataFrame(columns)


def _row(field: str, position: int, claim: Claim | Label, turns: Sequence[Turn]) -> dict[str, Any]:
    text = claim.value if isinstance(claim, Label) else claim.text
    row: dict[str, Any] = {"field": field, "position": position, "text": text, "quote": claim.quote}
    if isinstance(claim, Action):
        row["owner"] = claim.owner
        if is_said(claim.due, turns):  # a date that nobody said is left out
            row["due"] = claim.due.strip()
    found = find_quote(claim.quote, claim.phrase_id, turns)
    # An empty statement is nothing that a quote could prove.
    row["supported"] = found is not None and bool(text.strip())
    if found is not None and row["supported"]:
        row |= _place(found)
    return row


def _place(found: Evidence) -> dict[str, Any]:
    return {name: getattr(found, name) for name in _PLACE_DTYPES}
