"""The local service's stand-in for a language model: `extractive`.

It answers speechkit's own summary request and nothing else. It has no idea of the call: it takes central
sentences, cue phrases of call centres and a lexicon's mood, and quotes what it found. What nobody says in
such words it misses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from speechkit.local.actions import find_actions
from speechkit.local.judgement import cues_for, find_mood, find_outcome, find_reason, find_resolved
from speechkit.local.lists import find_checks, find_products, find_promises, turn_moods
from speechkit.local.sentences import read_sentences
from speechkit.local.story import MAX_SUMMARY_WORDS, MODEL, tell_story

_MARKER: Final = re.compile(r"\s*speechkit (summary|merge) v[12]\b")
_LABELS: Final = re.compile(r"^- ([^:\n]+)(?:: (.*))?$", re.MULTILINE)
_CORE: Final = ("summary", "reason", "outcome", "resolved", "mood_start", "mood_end", "actions")
_FIELDS: Final = (*_CORE, "promises", "products", "turn_moods", "checks", "ratings")


class NotServed(Exception):  # noqa: N818 - it is an answer, not a fault: the request is for a language model
    """A request that only a language model could answer; the message says what is served."""


def answer(messages: list[dict[str, Any]], schema: dict[str, Any]) -> dict[str, Any]:
    """Answer speechkit's summary request: a dict that is valid by `schema`, with quotes that are pieces of
    turns.

    `messages` are a system message that begins with `speechkit summary v1` or `speechkit merge v1`, and a
    user message of JSON data: `turns` (phrase_id, speaker, text), or `parts` that were answered before.
    Raises NotServed for anything else, and for a call without words.
    """
    task, system, data = _read(messages)
    wanted = _wanted(schema)
    made = _merge(data) if task == "merge" else _summarize(data, system, wanted)
    if absent := sorted(set(wanted) - set(made)):
        raise NotServed(f"The answers about parts cannot be merged to {', '.join(absent)}.")
    return {field: made[field] for field in wanted}


def _read(messages: Sequence[Mapping[str, Any]]) -> tuple[str, str, Mapping[str, Any]]:
    """The task, the system prompt and the data of the request."""
    by_role = {str(message.get("role")): str(message.get("content")) for message in messages}
    system = by_role.get("system", by_role.get("developer", ""))
    marker = _MARKER.match(system)
    if marker is None:
        raise NotServed(
            f"The model {MODEL} is no language model: it answers the summary request of speechkit, which "
            "begins with 'speechkit summary v1', and nothing else. "
            "Configure OPENAI_ENDPOINT for a language model."
        )
    try:
        data = json.loads(by_role.get("user", ""))
    except ValueError:
        data = None
    key = "parts" if marker[1] == "merge" else "turns"
    if not isinstance(data, dict) or not isinstance(data.get(key), list) or not data[key]:
        raise NotServed(f"The user message must be JSON data with a list of {key} that is not empty.")
    return marker[1], system, data


def _wanted(schema: Mapping[str, Any]) -> dict[str, list[str]]:
    """The fields that the schema asks for, each with the values that it allows (none for lists of claims)."""
    properties = schema.get("properties")
    unknown = sorted(set(properties) - set(_FIELDS)) if isinstance(properties, dict) else ["no properties"]
    if unknown or not isinstance(properties, dict):
        raise NotServed(f"The schema asks for {', '.join(unknown)}; {MODEL} answers {', '.join(_FIELDS)}.")
    return {field: _values(properties[field], schema) for field in properties}


def _values(property_: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    is_list = "items" in property_
    name = str((property_["items"] if is_list else property_).get("$ref", "")).rpartition("/")[2]
    definition = schema.get("$defs", {}).get(name, property_)
    value = definition.get("properties", {}).get("item" if is_list else "value", {})
    return [str(value["const"])] if "const" in value else [str(choice) for choice in value.get("enum", [])]


def _summarize(data: Mapping[str, Any], system: str, wanted: Mapping[str, list[str]]) -> dict[str, Any]:
    try:
        turns = [{key: str(turn[key]) for key in ("phrase_id", "speaker", "text")} for turn in data["turns"]]
    except (TypeError, KeyError):
        raise NotServed("Each turn must have phrase_id, speaker and text.") from None
    sentences = read_sentences(turns)
    if not sentences:
        raise NotServed("The turns hold no words, so there is nothing to summarize.")
    meanings = {match[1].strip(): match[2] or "" for match in _LABELS.finditer(system)}
    reason = find_reason(sentences, cues_for("reasons", wanted.get("reason", []), meanings))
    outcome = find_outcome(sentences, cues_for("outcomes", wanted.get("outcome", []), meanings), reason.value)
    resolved = find_resolved(sentences, outcome, wanted.get("resolved", []))
    start, end = find_mood(sentences, at_end=False), find_mood(sentences, at_end=True)
    return {
        "summary": tell_story(sentences, reason, outcome, resolved),
        "reason": reason.label(),
        "outcome": outcome.label(),
        "resolved": resolved.label(),
        "mood_start": start.label(),
        "mood_end": end.label(),
        "actions": find_actions(sentences),
        "promises": find_promises(sentences),
        "products": find_products(sentences),
        "turn_moods": turn_moods(sentences),
        "checks": find_checks(sentences, wanted.get("checks", []), meanings),
        # How well something was handled is no matter of cue phrases.
        "ratings": [
            {"quote": "", "phrase_id": "", "item": item, "value": "unclear"}
            for item in wanted.get("ratings", [])
        ],
    }


def _merge(data: Mapping[str, Any]) -> dict[str, Any]:
    """One answer from those about the parts of a long call: it begins with the first, ends with the last."""
    parts: list[Mapping[str, Any]] = data["parts"]
    try:
        reason = next((p["reason"] for p in parts if p["reason"]["value"] != "other"), parts[0]["reason"])
        outcome = next(
            (p["outcome"] for p in reversed(parts) if p["outcome"]["value"] != "none"), parts[-1]["outcome"]
        )
        ends = [parts[0]["summary"][0], *parts[-1]["summary"][-2:]]
        told = [claim for n, claim in enumerate(ends) if claim not in ends[:n]]
        while sum(len(claim["text"].split()) for claim in told) > MAX_SUMMARY_WORDS and len(told) > 1:
            told.pop(1)
        return {
            "summary": told,
            "reason": reason,
            "outcome": outcome,
            "resolved": parts[-1]["resolved"],
            "mood_start": parts[0]["mood_start"],
            "mood_end": parts[-1]["mood_end"],
            "actions": [action for part in parts for action in part["actions"]][-12:],
        }
    except (KeyError, IndexError, TypeError):
        raise NotServed("Each part must be an answer to 'speechkit summary v1'.") from None
