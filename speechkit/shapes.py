"""What answers of the Speech API look like: their keys and types, and where an answer departs from them.

Nothing here ever quotes a value, so that what is found can be shown to anybody: no word of a call, no name,
no signature.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

Shape = Mapping[str, frozenset[str]]

_TYPES: Final = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
_LIMITS: Final = {
    "enum": "is none of the values that the schema lists",
    "minimum": "is smaller than the schema allows",
    "maximum": "is larger than the schema allows",
    "minLength": "is empty",
    "minItems": "is empty",
    "pattern": "is not written as the schema wants it",
}


@dataclass(frozen=True)
class Departure:
    """Where an answer is not what was expected of it.

    `answer` names the answer, `where` the place in it (`phrases[].words[].text`; empty for the whole of it),
    `what` says what is wrong there, and `against` what it was held against: the schema, the local service, or
    the request. `kind` is `departure`, or `information` where a client need not care.
    """

    answer: str
    where: str
    what: str
    against: Literal["schema", "local service", "request"]
    kind: Literal["departure", "information"] = "departure"


@cache
def schemas() -> dict[str, Any]:
    """Return the schemas; its `$defs` are job, files, file, report, batch_result and fast_result."""
    document: dict[str, Any] = json.loads(files("speechkit").joinpath("shapes.json").read_text())
    return document


def shape_of(value: Any) -> dict[str, frozenset[str]]:
    """Return every place in a JSON value with the types that stand there; list items share one place.

    Whole numbers and others are both `number`: 1.0 is written either way.

    >>> shape_of({"phrases": [{"text": "hello"}, {"text": None}]})["phrases[].text"] == {"string", "null"}
    True
    """
    found: dict[str, set[str]] = {}
    for place, part in _places(value, ""):
        found.setdefault(place, set()).add(_TYPES.get(type(part), "number"))
    return {place: frozenset(types) for place, types in found.items()}


def schema_departures(answer: str, value: Any, name: str) -> list[Departure]:
    """Hold an answer against the schema of that name.

    >>> [d] = schema_departures("report", {"details": [{"source": "a", "status": "Succeeded"}],
    ...     "successfulTranscriptionsCount": "1", "failedTranscriptionsCount": 0}, "report")
    >>> d.where, d.what
    ('successfulTranscriptionsCount', 'is string, expected integer')
    """
    from jsonschema import Draft202012Validator

    document = schemas()
    schema = {"$ref": f"#/$defs/{name}", "$defs": document["$defs"]}
    found: dict[Departure, None] = {}
    for error in Draft202012Validator(schema).iter_errors(value):
        where = _place(error.absolute_path)
        if error.validator == "required":
            for key in error.validator_value:
                if key not in error.instance:
                    found[Departure(answer, _below(where, key), "is missing", "schema")] = None
        else:
            found[Departure(answer, where, _wrong(error), "schema")] = None
    known = set(_known(document["$defs"][name], document["$defs"], ""))
    for place in shape_of(value):
        above = _parent(place)
        if place not in known and above in known and _below(above, "*") not in known:
            found[Departure(answer, place, "is not in the schema", "schema", "information")] = None
    return list(found)


def shape_departures(answer: str, shape: Shape, reference: Shape) -> list[Departure]:
    """Compare the shape of an answer with that of the local service's answer to the same request.

    A place is missed only where what should hold it is there: a recording in which nothing was heard has no
    words to compare.

    >>> [d.what for d in shape_departures("job", {"": {"object"}}, {"": {"object"}, "self": {"string"}})]
    ['is missing']
    """
    found = []
    for place, types in reference.items():
        if place in shape:
            unexpected = shape[place] - types
            if unexpected:
                what = f"is {_either(unexpected)}, there {_either(types)}"
                found.append(Departure(answer, place, what, "local service"))
        elif _parent(place) in shape and not place.endswith("[]"):
            found.append(Departure(answer, place, "is missing", "local service"))
    for place in shape:
        if place not in reference and _parent(place) in reference and not place.endswith("[]"):
            found.append(Departure(answer, place, "is not there", "local service", "information"))
    return found


def _places(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    yield place, value
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _places(part, _below(place, key))
    elif isinstance(value, list):
        for part in value:
            yield from _places(part, f"{place}[]")


def _known(schema: Mapping[str, Any], defs: Mapping[str, Any], place: str) -> Iterator[str]:
    """Yield the places that a schema names; `.*` below an object whose keys are the caller's own."""
    yield place
    if "$ref" in schema:
        yield from _known(defs[schema["$ref"].rpartition("/")[2]], defs, place)
    for choice in schema.get("anyOf", ()):
        yield from _known(choice, defs, place)
    for key, part in schema.get("properties", {}).items():
        yield from _known(part, defs, _below(place, key))
    if "items" in schema:
        yield from _known(schema["items"], defs, f"{place}[]")
    if "additionalProperties" in schema:
        yield _below(place, "*")


def _wrong(error: Any) -> str:
    if error.validator == "type":
        wanted = error.validator_value
        wanted = {wanted} if isinstance(wanted, str) else set(wanted)
        return f"is {_TYPES.get(type(error.instance), 'number')}, expected {_either(frozenset(wanted))}"
    return _LIMITS.get(error.validator, "is not what the schema wants")


def _either(types: frozenset[str] | set[str]) -> str:
    return " or ".join(sorted(types))


def _below(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def _place(path: Any) -> str:
    place = ""
    for step in path:
        place = f"{place}[]" if isinstance(step, int) else _below(place, step)
    return place


def _parent(place: str) -> str:
    """The place that holds a place.

    >>> _parent("phrases[].text"), _parent("phrases[]"), _parent("phrases")
    ('phrases[]', 'phrases', '')
    """
    if place.endswith("[]"):
        return place[:-2]
    return place.rpartition(".")[0]
