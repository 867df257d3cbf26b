"""The questions about a call: kept answers first, then the model, long calls in parts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Event
from typing import TYPE_CHECKING, Literal

import speechkit
from speechkit.insight.answers import AnswerStore, request_hash
from speechkit.insight.cost import Budget
from speechkit.insight.model import EXTRACTIVE, ask
from speechkit.insight.prompt import MERGE, SUMMARY, read_prompt
from speechkit.insight.schema import LEVELS, CallSummary, answer_model, full_model
from speechkit.insight.turns import Turn, as_json, split_turns

if TYPE_CHECKING:
    from openai import OpenAI

Status = Literal["ok", "no speech", "failed", "skipped"]


@dataclass(frozen=True)
class Asked:
    """What came of asking about a call; `kept` says that every answer was there before and cost nothing.

    `parts` are the answers about its turns: the answer itself, or one for each part of a long call.
    """

    status: Status
    answer: CallSummary | None = None
    problem: str = ""
    prompt: str = SUMMARY
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    kept: bool = True
    parts: tuple[CallSummary, ...] = ()


@dataclass
class Questions:
    """How every call of one run is asked about; used by several threads.

    `max_characters` is the most text of one question. Once `stop` is set nothing more is asked, and
    `stop_reason` says why.
    """

    client: OpenAI
    model: str
    reasons: dict[str, str]
    outcomes: dict[str, str]
    store: AnswerStore
    budget: Budget
    again: bool
    max_characters: int
    checklist: dict[str, str] = field(default_factory=dict)
    rubric: dict[str, str] = field(default_factory=dict)
    levels: dict[str, str] = field(default_factory=lambda: dict(LEVELS))
    stop: Event = field(default_factory=Event)
    stop_reason: str = "the run was interrupted"

    def __post_init__(self) -> None:
        """Read the prompts once for all calls."""
        lists = {"checklist": self.checklist, "rubric": self.rubric}
        self._prompts = {
            SUMMARY: read_prompt(SUMMARY, self.reasons, self.outcomes, self.levels, **lists),
            MERGE: read_prompt(MERGE, self.reasons, self.outcomes),
        }
        self._schemas = {
            SUMMARY: full_model(self.reasons, self.outcomes, **lists, levels=self.levels),
            MERGE: answer_model(self.reasons, self.outcomes),
        }

    def ask_call(self, call_id: str, turns: Sequence[Turn]) -> Asked:
        """The answer about a call: of one question, or of one for each part and one that merges them."""
        parts = split_turns(turns, self.max_characters)
        if len(parts) == 1:
            asked_once = self._ask(call_id, SUMMARY, as_json(turns))
            return replace(asked_once, parts=(asked_once.answer,)) if asked_once.answer else asked_once
        asked: list[Asked] = []
        for number, part in enumerate(parts, start=1):
            asked.append(self._ask(call_id, SUMMARY, as_json(part, (number, len(parts)))))
            if asked[-1].answer is None:
                return _together(asked)
        parts_answered = tuple(one.answer for one in asked if one.answer)
        wanted = set(self._schemas[MERGE].model_fields)
        answers = [answer.model_dump(mode="json", include=wanted) for answer in parts_answered]
        merged = self._ask(call_id, MERGE, json.dumps({"parts": answers}, ensure_ascii=False))
        return replace(_together([*asked, merged]), parts=parts_answered)

    def _ask(self, call_id: str, prompt: str, user: str) -> Asked:
        system, model = self._prompts[prompt], self._schemas[prompt]
        schema = json.dumps(model.model_json_schema(), sort_keys=True)
        # The local model is part of this package and changes with it.
        version = f" {speechkit.__version__}" if self.model == EXTRACTIVE else ""
        key = request_hash(self.model + version, system, user, schema)
        if not self.again and (kept := self.store.read(call_id, key, model)):
            return Asked("ok", kept, prompt=prompt)
        if self.stop.is_set():
            return Asked("skipped", problem=f"not asked: {self.stop_reason}", prompt=prompt)
        reserved = self.budget.reserve(len(system) + len(schema) + len(user))
        if reserved is None:
            problem = f"not asked: the cost limit of {self.budget.limit} would be crossed"
            return Asked("skipped", problem=problem, prompt=prompt)
        reply = ask(self.client, self.model, system, user, model)
        cost = self.budget.book(reserved, reply.tokens_in, reply.tokens_out)
        if reply.answer is not None:
            about = {"model": self.model, "prompt": prompt, "tokens": [reply.tokens_in, reply.tokens_out]}
            self.store.write(call_id, key, reply.answer, **about)
        elif reply.stop:
            self.stop_reason = reply.problem
            self.stop.set()
        return Asked(
            status="ok" if reply.answer is not None else "failed",
            answer=reply.answer,
            problem=reply.problem,
            prompt=prompt,
            tokens_in=reply.tokens_in,
            tokens_out=reply.tokens_out,
            cost=cost,
            kept=False,
        )


def _together(asked: Sequence[Asked]) -> Asked:
    """The last one's answer or problem, and the tokens of them all."""
    last = asked[-1]
    place = f" (question {len(asked)} about this long call)" if last.problem else ""
    return Asked(
        status=last.status,
        answer=last.answer,
        problem=last.problem + place,
        prompt=last.prompt,
        tokens_in=sum(one.tokens_in for one in asked),
        tokens_out=sum(one.tokens_out for one in asked),
        cost=sum(one.cost for one in asked),
        kept=all(one.kept for one in asked),
    )
