"""What a language model is asked for: the labels, the claims and the schema of its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, create_model

from speechkit.errors import SettingsError

REASONS: dict[str, str] = {
    "billing": "a charge, an invoice, a payment, a price that was billed",
    "technical_fault": "a device, an app or a connection does not work as it should",
    "delivery": "a parcel is late, lost, damaged, incomplete or at the wrong place",
    "appointment": "a visit is to be made, moved or confirmed, or nobody came",
    "cancellation": "a contract, a plan or an order is to end",
    "account_access": "signing in, passwords, codes, a locked account",
    "purchase": "the customer wants to buy, to order or to upgrade",
    "information": "a question about a product, a plan or a rule, with nothing to be changed",
}
"""Why a customer calls: general categories of a support line, and what each of them means."""

OUTCOMES: dict[str, str] = {
    "refund": "money is paid back or credited",
    "replacement": "another device or parcel is sent",
    "repair_scheduled": "a visit or a repair has a date",
    "information_given": "the question was answered, or the customer was told what to do",
    "account_updated": "the account, an address, a password or a setting was changed",
    "cancelled": "the contract, the plan or the order was ended",
    "order_placed": "something was bought",
    "escalated": "it was handed to a supervisor or to another team",
    "callback_promised": "somebody will call or write again before anything is decided",
    "none": "nothing of this happened",
}
"""How a call ends."""

OTHER = "other"
"""The reason when no category fits; always offered, so that no model is forced into a wrong one."""

RESOLVED = ("yes", "no", "unclear")
MOODS = ("negative", "neutral", "positive")

MAX_SUMMARY_WORDS = 60
MAX_LABELS = 100
"""Far more than a person tells apart, and below what providers accept as enum values of a strict schema."""

FIELDS = ("summary", "reason", "outcome", "resolved", "mood_start", "mood_end")
"""The claims of one call that stand in one row; actions are a list and stand in the table of claims."""


class _Answer(BaseModel):
    # Strict structured outputs want every property listed and no other one accepted.
    model_config = ConfigDict(extra="forbid", frozen=True)


class Claim(_Answer):
    """One statement about a call and the words of the call that prove it.

    The proof stands before the statement: a model writes in this order, so it states what it has quoted.
    """

    quote: str = Field(description="Words of one turn, copied exactly.")
    phrase_id: str = Field(description="The phrase_id of the turn that the quote is copied from.")
    text: str = Field(description="One whole sentence.")


class Action(Claim):
    """Something that somebody promised to do after the call."""

    text: str = Field(description="What is to be done, as an imperative: 'Email a corrected invoice.'")
    owner: Literal["agent", "customer", "supervisor", "other"] = Field(description="Who promised it.")
    due: str = Field(description="When it is due, in the words of the call; empty when nobody said it.")


class Label(_Answer):
    """One value of a fixed list and the words of the call that prove it."""

    quote: str = Field(description="Words of one turn, copied exactly.")
    phrase_id: str = Field(description="The phrase_id of the turn that the quote is copied from.")
    value: str


class CallSummary(_Answer):
    """What is asked about one call; every part of it carries a quote and the phrase that it stands in."""

    summary: list[Claim] = Field(
        description=f"One to three sentences, at most {MAX_SUMMARY_WORDS} words in all: "
        "what the customer wanted and how it ended."
    )
    reason: Label
    outcome: Label
    resolved: Label
    mood_start: Label
    mood_end: Label
    actions: list[Action] = Field(description="What was promised for later; empty when nothing was.")


def labels(given: Sequence[str] | Mapping[str, str] | None, default: Mapping[str, str]) -> dict[str, str]:
    """The labels as a dict from label to meaning; a list of labels has empty meanings.

    Raises SettingsError when there are none, too many, or one is empty or stands there twice.

    >>> labels(["sales", "support"], REASONS)
    {'sales': '', 'support': ''}
    """
    if given is None:
        return dict(default)
    if isinstance(given, str):
        raise SettingsError(f"labels are a list of texts, not the one text {given!r}: write [{given!r}]")
    pairs = list(given.items()) if isinstance(given, Mapping) else [(name, "") for name in given]
    names = [str(name).strip() for name, _ in pairs]
    wrong = [name for name in dict.fromkeys(names) if not name or names.count(name) > 1]
    if not names or wrong:
        raise SettingsError(f"labels must be different, non-empty texts; there is {wrong or 'none at all'}")
    if len(names) > MAX_LABELS:
        raise SettingsError(f"{len(names)} labels are too many: give at most {MAX_LABELS}")
    return {name: str(meaning).strip() for name, (_, meaning) in zip(names, pairs, strict=True)}


def answer_model(reasons: Mapping[str, str], outcomes: Mapping[str, str]) -> type[CallSummary]:
    """CallSummary with the labels of this request as enums, so that no other value is valid.

    >>> model = answer_model({"sales": ""}, {"sold": ""})
    >>> model.model_json_schema()["$defs"]["Reason"]["properties"]["value"]["enum"]
    ['sales', 'other']
    """
    choices: dict[str, Sequence[str]] = {
        "reason": [*reasons, *([] if OTHER in reasons else [OTHER])],
        "outcome": list(outcomes),
        "resolved": RESOLVED,
        "mood_start": MOODS,
        "mood_end": MOODS,
    }
    fields: dict[str, Any] = {name: (_label(name, values), ...) for name, values in choices.items()}
    return create_model("CallSummary", __base__=CallSummary, **fields)


def _label(name: str, values: Sequence[str]) -> type[Label]:
    # Literal takes a tuple at run time; the type checker only knows written ones.
    choice: Any = cast(Any, Literal)[tuple(values)]
    title = "".join(part.capitalize() for part in name.split("_"))
    return create_model(title, __base__=Label, value=(choice, ...))
