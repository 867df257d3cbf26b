"""Ways to transcribe the same calls: how much they differ in accuracy, and whether that is chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from speechkit.analysis.accuracy import score
from speechkit.analysis.guards import shared_calls, some
from speechkit.analysis.normalize import ENGLISH, Rules
from speechkit.analysis.rates import ErrorRate
from speechkit.analysis.significance import (
    Interval,
    MatchedPairs,
    difference,
    exchange_test,
    matched_pairs,
)
from speechkit.errors import TranscriptError

if TYPE_CHECKING:
    from speechkit.analysis.accuracy import Accuracy
    from speechkit.transcripts.schema import Transcript

SIGNIFICANT: Final = 0.05
"""A p-value under it is called significant."""


@dataclass(frozen=True)
class Comparison:
    """The second way against the first: `difference` is its rate minus that of the first.

    `interval` is that of the difference (paired bootstrap over calls), `p_value` of the randomization test
    over calls, `segments` the matched pairs test over segments of calls (see `analysis.significance`).
    """

    first: ErrorRate
    second: ErrorRate
    interval: Interval
    p_value: float
    segments: MatchedPairs

    @property
    def difference(self) -> float:
        """The rate of the second minus that of the first: positive where the second errs more."""
        return self.second.rate - self.first.rate

    @property
    def significant(self) -> bool:
        """Whether the calls tell the two apart: the randomization test says so."""
        return self.p_value < SIGNIFICANT

    def __str__(self) -> str:
        points = 100 * self.difference
        more = f"{abs(points):.1f} points {'more' if points > 0 else 'fewer'} errors"
        verdict = "significant" if self.significant else "not significant"
        return (
            f"{more} ({100 * self.first.rate:.1f}% and {100 * self.second.rate:.1f}%); "
            f"difference {self.interval}; p = {self.p_value:.3f}: {verdict}"
        )


def compare(first: Accuracy, second: Accuracy) -> Comparison:
    """Compare two transcripts of the same calls, scored against the same reference by the same rules.

    Raises TranscriptError where calls, rules or the words of the reference differ.
    """
    ours, theirs = (set(a.calls["call_id"]) for a in (first, second))
    if ours != theirs:
        raise TranscriptError(
            f"only one of the two was scored for {some(ours ^ theirs)}. Filter both to the same calls first."
        )
    if first.rules != second.rules or first.channels != second.channels:
        raise TranscriptError("the two were scored by different rules. Score both with the same.")
    tables = [a.by("call_id").table for a in (first, second)]
    errors = [table["errors"].tolist() for table in tables]
    words = [table["words"].tolist() for table in tables]
    if words[0] != words[1]:
        call_id = next(str(name) for name, a, b in zip(tables[0]["call_id"], *words, strict=True) if a != b)
        raise TranscriptError(
            f"{call_id}: the two were scored against different references. Take the same one."
        )
    by_word = [a.rows.errors_by_word() for a in (first, second)]
    return Comparison(
        first.total,
        second.total,
        difference(errors[0], errors[1], words[0]),
        exchange_test(errors[0], errors[1]),
        matched_pairs(np.asarray(by_word[0][0]).tolist(), by_word[1][0].tolist(), by_word[0][1].tolist()),
    )


@dataclass(frozen=True)
class Study:
    """Methods scored against one reference on the same calls.

    `scored` holds the accuracy of each by its name, in the order given. `stand_in` is the method that was taken
    for the truth where there is no reference: it is not among them. `notes` name calls that were left out.
    """

    scored: Mapping[str, Accuracy]
    stand_in: str | None
    notes: tuple[str, ...]

    @property
    def comparison(self) -> Comparison | None:
        """The last method against the first; None where only one is scored."""
        found = list(self.scored.values())
        return compare(found[0], found[-1]) if len(found) > 1 else None


def judge(
    transcripts: Mapping[str, Transcript],
    reference: Transcript | None = None,
    *,
    stand_in: str = "batch",
    rules: Rules = ENGLISH,
    **options: Any,
) -> Study:
    """Score methods, `{"batch": ..., "realtime": ...}`, against one reference, on the calls that all have.

    Without a reference the method `stand_in` is taken for the truth, a pseudo-reference: then the rates of the
    others are differences from it, and nobody knows who is right. `options` are those of `score`. Raises what
    `score` raises, and TranscriptError where no method is left to be scored.

    >>> import pandas as pd
    >>> from speechkit.transcripts.schema import Transcript
    >>> def one(text): return Transcript(pd.DataFrame({"call_id": ["c1"]}), pd.DataFrame(
    ...     {"call_id": ["c1"], "phrase_id": ["c1:0001"], "lexical": [text]}))
    >>> study = judge({"batch": one("you owe us ten"), "realtime": one("you owe ten")})
    >>> study.stand_in, study.scored["realtime"].total
    ('batch', ErrorRate(25.0% of 4 words: 0 substituted, 1 missing, 0 inserted))
    """
    pseudo = None if reference is not None else stand_in
    if pseudo is not None and (pseudo not in transcripts or len(transcripts) < 2):
        raise TranscriptError(
            f"there is no reference, and no second transcript beside {pseudo}. Give a reference, or transcripts of "
            f"{pseudo} and of another method."
        )
    said = transcripts[stand_in] if reference is None else reference
    judged = {name: one for name, one in transcripts.items() if name != pseudo}
    notes: list[str] = []
    common = set(said.call_ids)
    for name, one in judged.items():
        both, left_out = shared_calls(said, one)
        notes += [f"{name}: {note}" for note in left_out]
        common &= set(both)
    if not common:
        raise TranscriptError("no call is in all transcripts and the reference. Give the same calls to each.")
    chosen = sorted(common)
    truth = said.filter(call_id=chosen)
    scored = {
        name: score(truth, one.filter(call_id=chosen), rules=rules, **options) for name, one in judged.items()
    }
    for name, accuracy in scored.items():
        notes += [f"{name}: {note}" for note in accuracy.notes]
    return Study(scored, pseudo, tuple(notes))
