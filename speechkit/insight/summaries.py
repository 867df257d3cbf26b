"""Summaries of calls by a language model, every claim with its proof."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import pandas as pd

from speechkit.errors import RequestRefusedError, SettingsError, SpeechkitError
from speechkit.insight.answers import AnswerStore
from speechkit.insight.claims import (
    CALL_DTYPES,
    CHECK_DTYPES,
    CLAIM_DTYPES,
    as_table,
    call_columns,
    check_claims,
    check_lists,
)
from speechkit.insight.cost import Budget, Price
from speechkit.insight.model import open_model
from speechkit.insight.moods import MOOD_DTYPES, mood_columns, turn_moods
from speechkit.insight.questions import Asked, Questions
from speechkit.insight.schema import LEVELS, OUTCOMES, REASONS, UNCLEAR, labels
from speechkit.insight.turns import Mask, Turn, read_turns
from speechkit.progress import Progress, ProgressCallback
from speechkit.settings import Settings, read_settings
from speechkit.transcripts.privacy import mask_texts

if TYPE_CHECKING:
    from openai import OpenAI
    from pydantic import SecretStr

MIN_WORDS = 3
"""A call with fewer recognized words counts as one without speech: recognizers hear a "you" in noise."""
MAX_CHARACTERS = 60_000
"""Text of one question, about 15,000 tokens or 70 minutes of talk; longer calls are read in parts."""
TABLES = ("calls", "claims", "checks", "moods")
WORKERS = 4
"""Questions that are under way at once."""


class Tables(Protocol):
    """What is read of a transcript: the three tables of the model."""

    @property
    def calls(self) -> pd.DataFrame: ...
    @property
    def phrases(self) -> pd.DataFrame: ...
    @property
    def words(self) -> pd.DataFrame: ...


@runtime_checkable
class Shelf(Tables, Protocol):
    """What is used of a corpus beyond that: its folder, and tables that stand beside the three."""

    @property
    def path(self) -> Path: ...
    def table(self, name: str) -> pd.DataFrame: ...
    def write_table(self, name: str, frame: pd.DataFrame, key: str = "call_id") -> None: ...


@dataclass(frozen=True)
class Summaries:
    """The result of a run: `calls` with one row a call, `claims` with one row a claim, and what it cost.

    `checks` has a row for each item of the checklist and the rubric in each call, `moods` one for each turn of the
    customer.
    """

    calls: pd.DataFrame
    claims: pd.DataFrame
    checks: pd.DataFrame
    moods: pd.DataFrame
    cost: float

    @property
    def failures(self) -> pd.DataFrame:
        """The calls that have speech but no summary, each with its problem."""
        missing = self.calls["status"].isin(["failed", "skipped"])
        return self.calls.loc[missing, ["call_id", "status", "problem"]].reset_index(drop=True)


def summarize(source: Tables, settings: Settings | None = None, **options: Any) -> pd.DataFrame:
    """One row a call: summary, reason, outcome, resolved, mood_start and mood_end, each with its proof.

    Beside each of them stand `_quote`, `_phrase_id`, `_start_s` and `_confidence`; all five are missing where
    the quote does not stand in the transcript (`unsupported` counts those). `status` is ok, no speech, failed
    or skipped, and `problem` says why. The options and errors are those of `summarize_calls`, which answers
    the single claims too.
    """
    return summarize_calls(source, settings, **options).calls


def summarize_calls(
    source: Tables,
    settings: Settings | None = None,
    *,
    client: OpenAI | None = None,
    model: str | None = None,
    endpoint: str | None = None,
    key: SecretStr | str | None = None,
    reasons: Sequence[str] | Mapping[str, str] | None = None,
    outcomes: Sequence[str] | Mapping[str, str] | None = None,
    checklist: Sequence[str] | Mapping[str, str] | None = None,
    rubric: Sequence[str] | Mapping[str, str] | None = None,
    levels: Sequence[str] | Mapping[str, str] | None = None,
    mask: bool = True,
    again: bool = False,
    workers: int = WORKERS,
    price: Price | None = None,
    max_cost: float | None = None,
    max_characters: int = MAX_CHARACTERS,
    progress: ProgressCallback | None = None,
) -> Summaries:
    """Summarize every call of a transcript or a corpus; a call that fails does not stop the others.

    The model is that of `settings` (OPENAI_ENDPOINT, OPENAI_API_KEY, OPENAI_MODEL), else the local service's
    at `endpoint` with `key`, or `client` with `model`. Beside a corpus, answers are kept by the hash of
    prompt, transcript and model, so that a second run asks only what is new (all of it with `again`), and the
    tables `summaries`, `claims`, `checks` and `moods` are written. `checklist` are things that the company's side
    is to say, `rubric` criteria of how a call is handled: names, or names with what each of them means. `levels` are
    those of the rubric, the best first, in place of met, partly and missed. Personal
    data is masked before it is sent unless `mask` is false. With `price` the cost is counted; before `max_cost`
    would be crossed the run ends and the other calls are skipped. Calls of more than `max_characters` are read in
    parts, and the parts' answers merged.

    Raises SettingsError when no model is configured or labels are wrong, RequestRefusedError for numbers that
    make no sense and CorpusError when the corpus cannot be written. What a model or its server does wrong is
    never raised: it stands in the row of the call.
    """
    if workers < 1 or max_characters < 1:
        raise RequestRefusedError(f"workers={workers} and max_characters={max_characters}: give 1 or more")
    if client is not None and not model:
        raise SettingsError("a client needs to know its model: give model= too")
    shelf = source if isinstance(source, Shelf) else None
    with ExitStack() as opened:
        if client is None:
            client, configured = open_model(settings or read_settings(), endpoint=endpoint, key=key)
            opened.enter_context(client)
            model = model or configured
        questions = Questions(
            client=client,
            model=str(model),
            reasons=labels(reasons, REASONS),
            outcomes=labels(outcomes, OUTCOMES),
            store=AnswerStore(shelf.path / "answers" if shelf else None),
            budget=Budget(price, max_cost),
            again=again,
            max_characters=max_characters,
            checklist=labels(checklist, {}),
            rubric=labels(rubric, {}),
            levels=_levels(levels, rubric),
        )
        calls = _turns_by_call(source, mask_texts if mask else None)
        found = _ask_all(calls, questions, workers, progress or (lambda _: None))
    about = {"model": questions.model, "masked": mask}
    result = Summaries(
        as_table([{**row, **about} for row in found["calls"]], CALL_DTYPES),
        as_table(found["claims"], CLAIM_DTYPES),
        as_table(found["checks"], CHECK_DTYPES),
        as_table(found["moods"], MOOD_DTYPES),
        questions.budget.spent,
    )
    if shelf is not None:
        _write(shelf, result)
    return result


def _levels(given: Sequence[str] | Mapping[str, str] | None, rubric: object) -> dict[str, str]:
    levels = labels(given, LEVELS)
    if given is not None and not rubric:
        raise SettingsError(
            "levels are those of a rubric: give its criteria with rubric= (--rubric FILE) too"
        )
    if len(levels) < 2 or {UNCLEAR, "unproved"} & set(levels):
        raise SettingsError(
            f"levels are two or more, and none is called {UNCLEAR} or unproved: {', '.join(levels)}"
        )
    return levels


def _ask_all(
    calls: Sequence[tuple[str, list[Turn]]], questions: Questions, workers: int, progress: ProgressCallback
) -> dict[str, list[dict[str, Any]]]:
    """The rows of each table, in the order of the calls."""
    progress(Progress("summarize", 0, len(calls), "calls"))
    with ThreadPoolExecutor(workers, thread_name_prefix="summarize") as pool:
        tasks = [pool.submit(_summarize_call, call_id, turns, questions) for call_id, turns in calls]
        try:
            for done, task in enumerate(as_completed(tasks), start=1):
                task.result()
                progress(Progress("summarize", done, len(calls), "calls"))
        except BaseException:
            # What is under way is finished and kept; nothing new is asked.
            questions.stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    results = [task.result() for task in tasks]
    return {name: [row for rows in results for row in rows[name]] for name in TABLES}


def _summarize_call(call_id: str, turns: list[Turn], questions: Questions) -> dict[str, list[dict[str, Any]]]:
    """The rows of one call for each table."""
    if sum(len(re.findall(r"\w+", turn.text)) for turn in turns) < MIN_WORDS:
        asked = Asked("no speech", problem="no speech was recognized in this call")
    else:
        asked = questions.ask_call(call_id, turns)
    claims = check_claims(asked.answer, turns, asked.parts) if asked.answer else []
    moods = turn_moods(asked.parts, turns) if asked.answer else []
    kinds = {"checklist": questions.checklist, "rubric": questions.rubric}
    checks = check_lists(asked.parts, kinds, turns, questions.levels) if asked.answer else []
    row = {
        "call_id": call_id,
        "status": asked.status,
        "prompt": asked.prompt,
        "tokens_in": asked.tokens_in,
        "tokens_out": asked.tokens_out,
        "cost": asked.cost if questions.budget.price else float("nan"),
        "kept": asked.kept,
        **call_columns(claims),
        **mood_columns(moods, turns),
    }
    if asked.problem:
        row["problem"] = asked.problem
    of_call = {"claims": claims, "checks": checks, "moods": moods}
    return {"calls": [row]} | {
        name: [{"call_id": call_id, **one} for one in rows] for name, rows in of_call.items()
    }


def _turns_by_call(source: Tables, mask: Mask | None) -> list[tuple[str, list[Turn]]]:
    phrases = dict(iter(source.phrases.groupby("call_id", sort=False)))
    words = dict(iter(source.words.groupby("call_id", sort=False)))
    return list(_read_calls(source.calls["call_id"].tolist(), phrases, words, mask))


def _read_calls(
    call_ids: Sequence[str], phrases: Mapping[Any, Any], words: Mapping[Any, Any], mask: Mask | None
) -> Iterator[tuple[str, list[Turn]]]:
    for call_id in call_ids:
        spoken = phrases.get(call_id)
        yield call_id, [] if spoken is None else read_turns(spoken, words.get(call_id), mask)


def _write(shelf: Shelf, result: Summaries) -> None:
    """Write both tables beside the corpus; a call that fails now does not lose the summary it has already."""
    failed = result.calls["status"].isin(["failed", "skipped"])
    good: set[str] = set()
    with suppress(SpeechkitError, KeyError):  # there is no such table yet
        before = shelf.table("summaries")
        good = set(before.loc[before["status"] == "ok", "call_id"])
    keep = ~(failed & result.calls["call_id"].isin(good))
    shelf.write_table("summaries", result.calls[keep].reset_index(drop=True))
    shelf.write_table("claims", result.claims)
    for name, frame in (("checks", result.checks), ("moods", result.moods)):
        if len(frame):
            shelf.write_table(name, frame)
