"""What a language model is asked for: the labels, the claims and the schema of its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
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

CHECKS = ("said", "missed")
LEVELS = {"met": "", "partly": "", "missed": ""}
"""How well a criterion of a rubric is met, the best level first; a user's own may stand in their place."""
UNCLEAR = "unclear"
"""The rating when the turns do not tell; always offered."""
RESOLVED = ("yes", "no", "unclear")
MOODS = ("negative", "neutral", "positive")

MAX_SUMMARY_WORDS = 60
MAX_NAME = 80
"""Characters of a name in a file: a longer one is a sentence whose colon is missing."""
MAX_LABELS = 100
"""Far more than a person tells apart, and below what providers accept as enum values of a strict schema."""

FIELDS = ("summary", "reason", "outcome", "resolved", "mood_start", "mood_end")
"""The claims of one call that stand in one row; the others are lists and stand in tables of their own."""


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


class TurnMood(_Answer):
    """How one turn of the customer sounds; the turn itself is the proof."""

    phrase_id: str
    value: Literal["negative", "neutral", "positive"]


class Check(_Answer):
    """One item of a user's checklist or rubric, judged; what was missed has no quote."""

    quote: str = Field(description="Words of one turn, copied exactly; empty when nothing shows it.")
    phrase_id: str = Field(description="The phrase_id of the turn that the quote is copied from, or empty.")
    item: str
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
    odd = next(
        ((name, part) for name, text in pairs for part in (name, text) if not isinstance(part, str)), None
    )
    if odd:
        fields = f" with the fields {', '.join(map(str, odd[1]))}" if isinstance(odd[1], Mapping) else ""
        raise SettingsError(
            f"a label is a name and its meaning, both texts; of {str(odd[0])[:MAX_NAME]!r} one is a "
            f"{type(odd[1]).__name__}{fields}. Write {{name: meaning}} and leave other fields out."
        )
    names = [name.strip() for name, _ in pairs]
    wrong = [name for name in dict.fromkeys(names) if not name or names.count(name) > 1]
    if not names or wrong:
        raise SettingsError(f"labels must be different, non-empty texts; there is {wrong or 'none at all'}")
    if len(names) > MAX_LABELS:
        raise SettingsError(f"{len(names)} labels are too many: give at most {MAX_LABELS}")
    return {name: meaning.strip() for name, (_, meaning) in zip(names, pairs, strict=True)}


def read_labels(path: Path) -> dict[str, str]:
    """Read labels, or the items of a checklist or a rubric, from a text file: `NAME: MEANING` in each line.

    The meaning may be left out; empty lines and those that begin with # are not read. Raises SettingsError, also for
    items with fields, as JSON and YAML write them.
    """
    try:
        lines = [line.rstrip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}. Give a text file in UTF-8.") from None
    lines = [line for line in lines if line and line.lstrip()[0] != "#"]
    if field := next((line.strip() for line in lines if line[0] in ' \t{[-"'), ""):
        raise SettingsError(
            f"{path}: {field[:MAX_NAME]!r} is a field of an item, or not text: items have no fields but their meaning. "
            "Write a line for each, from its first column: NAME: MEANING."
        )
    pairs = [line.partition(":")[::2] for line in lines]
    names = [name.strip() for name, _ in pairs]
    wrong = [
        name for name in dict.fromkeys(names) if not name or len(name) > MAX_NAME or names.count(name) > 1
    ]
    if not names or wrong:
        what = f"{wrong[0]!r} is empty, twice there or too long" if wrong else "there is none"
        raise SettingsError(f"{path}: {what}. Write a line for each: NAME: MEANING.")
    return labels(dict(pairs), {})


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


def full_model(
    reasons: Mapping[str, str],
    outcomes: Mapping[str, str],
    checklist: Mapping[str, str],
    rubric: Mapping[str, str],
    levels: Mapping[str, str] = LEVELS,
) -> type[CallSummary]:
    """What is asked about the turns of a call: the schema of `answer_model`, and lists that code puts together where
    a long call is read in parts. Without a checklist or a rubric there is no such list.

    >>> [name for name in full_model(REASONS, OUTCOMES, {"greeting": ""}, {}).model_fields if name not in FIELDS]
    ['actions', 'promises', 'products', 'turn_moods', 'checks']
    """
    fields: dict[str, Any] = {
        "promises": (list[Claim], Field(description="What was assured; empty when nothing was.")),
        "products": (list[Claim], Field(description="text is the name, as the call has it.")),
        "turn_moods": (list[TurnMood], ...),
    }
    for name, items, values in (("checks", checklist, CHECKS), ("ratings", rubric, (*levels, UNCLEAR))):
        if items:
            item, value = (cast(Any, Literal)[tuple(choices)] for choices in (items, values))
            one: Any = create_model(name.capitalize(), __base__=Check, item=(item, ...), value=(value, ...))
            fields[name] = (list[one], ...)
    return create_model("FullSummary", __base__=answer_model(reasons, outcomes), **fields)


def _label(name: str, values: Sequence[str]) -> type[Label]:
    # Literal takes a tuple at run time; the type checker only knows written ones.
    choice: Any = cast(Any, Literal)[tuple(values)]
    title = "".join(part.capitalize() for part in name.split("_"))
    return create_model(title, __base__=Label, value=(choice, ...))
