"""Pages of lists: skip, top, and the filter expressions of the API."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request

from speechkit.local.envelope import RefusalError
from speechkit.local.service import service_of

Predicate = Callable[[Mapping[str, Any]], bool]
Item = TypeVar("Item")

DEFAULT_TOP: Final = 100  # the default page of base models; that of other lists is not published
MAX_TOP: Final = 1000
_MAX_DEPTH: Final = 40

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<mark>[()])|(?P<word>[A-Za-z]\w*(?![\w:+-]))|(?P<date>\d{4}-[\d:.TZ+-]+))"
)
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "gt": lambda a, b: a is not None and a > b,
    "ge": lambda a, b: a is not None and a >= b,
    "lt": lambda a, b: a is not None and a < b,
    "le": lambda a, b: a is not None and a <= b,
}


def parse_filter(text: str, fields: Sequence[str]) -> Predicate:
    """Read a filter expression: comparisons of `fields`, joined by and, or, not and parentheses.

    `eq` and `ne` work on every field, `gt ge lt le` on those that end in DateTime. Raises RefusalError
    (UnsupportedFilter).

    >>> wanted = parse_filter("status eq 'Failed' and not (name eq 'it''s')", ["status", "name"])
    >>> wanted({"status": "Failed", "name": "calls"}), wanted({"status": "Failed", "name": "it's"})
    (True, False)
    """
    return _Parser(text, fields).parse()


class _Parser:
    def __init__(self, text: str, fields: Sequence[str]) -> None:
        self._fields = fields
        self._tokens: list[tuple[str, str]] = []
        position, text = 0, text.strip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise self._refusal(f"it cannot be read from '{text[position : position + 20]}'")
            self._tokens.append((match.lastgroup, match.group(match.lastgroup)))
            position = match.end()
        self._at = 0
        self._depth = 0

    def parse(self) -> Predicate:
        made = self._either()
        if self._at < len(self._tokens):
            raise self._refusal(f"'{self._tokens[self._at][1]}' is not expected")
        return made

    def _either(self) -> Predicate:
        parts = [self._both()]
        while self._take("word", "or"):
            parts.append(self._both())
        return lambda row: any(part(row) for part in parts)

    def _both(self) -> Predicate:
        parts = [self._negated()]
        while self._take("word", "and"):
            parts.append(self._negated())
        return lambda row: all(part(row) for part in parts)

    def _negated(self) -> Predicate:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._refusal("it is nested too deeply")
        try:
            if self._take("word", "not"):
                inner = self._negated()
                return lambda row: not inner(row)
            if self._take("mark", "("):
                inner = self._either()
                if not self._take("mark", ")"):
                    raise self._refusal("a closing parenthesis is missing")
                return inner
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Predicate:
        field, operator = self._next("word", "a field"), self._next("word", "an operator")
        if field not in self._fields:
            raise self._refusal(f"{field} cannot be filtered; {', '.join(self._fields)} can")
        if operator not in _COMPARE:
            raise self._refusal(f"{operator} is not one of {', '.join(_COMPARE)}")
        is_date = field.endswith("DateTime")
        if not is_date and operator not in ("eq", "ne"):
            raise self._refusal(f"{operator} works on dates only; use eq or ne for {field}")
        kind, token = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
        if kind not in ("text", "date"):
            raise self._refusal("a value in single quotes is missing")
        self._at += 1
        value = token[1:-1].replace("''", "'") if kind == "text" else token
        compare = _COMPARE[operator]
        if not is_date:
            return lambda row: compare(row.get(field), value)
        moment = self._date(value)
        return lambda row: compare(_date(row.get(field)), moment)

    def _date(self, value: str) -> datetime:
        try:
            made = _date(value)
        except ValueError:
            made = None
        if made is None:
            raise self._refusal(f"{value} is not a date such as 2025-05-24T13:37:05Z")
        return made

    def _take(self, kind: str, text: str) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at] == (kind, text)
        self._at += found
        return found

    def _next(self, kind: str, what: str) -> str:
        if self._at >= len(self._tokens) or self._tokens[self._at][0] != kind:
            raise self._refusal(f"{what} is missing")
        self._at += 1
        return self._tokens[self._at - 1][1]

    @staticmethod
    def _refusal(reason: str) -> RefusalError:
        return RefusalError(
            "InvalidArgument",
            f"The filter is not supported: {reason}.",
            inner="UnsupportedFilter",
            target="filter",
        )


def page(
    request: Request, items: Sequence[Item], fields: Sequence[str], entity: Callable[[Item], dict[str, Any]]
) -> dict[str, Any]:
    """A page of a list as the query asks for it, with the link to the next one where there is more."""
    skip = _number(request, "skip", 0, 0)
    top = min(_number(request, "top", DEFAULT_TOP, 1), MAX_TOP)
    expression = request.query_params.get("filter")
    if most := service_of(request).misbehaviour.take("pages", request.url.path):
        top = min(top, most.size)
    if expression is not None and expression.strip():
        wanted = parse_filter(expression, fields)
        items = [item for item in items if wanted(entity(item))]
    made: dict[str, Any] = {"values": [entity(item) for item in items[skip : skip + top]]}
    if skip + top < len(items):
        query = dict(request.query_params) | {"skip": str(skip + top), "top": str(top)}
        made["@nextLink"] = f"{str(request.url).split('?')[0]}?{urlencode(query)}"
    return made


def _number(request: Request, name: str, default: int, least: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= least):
        raise RefusalError(
            "InvalidArgument",
            f"{name} must be a whole number of at least {least}.",
            inner="UnsupportedPagination",
            target=name,
        )
    return int(text)


def _date(value: Any) -> datetime | None:
    if value is None:
        return None
    made = datetime.fromisoformat(str(value))
    return made if made.tzinfo else made.replace(tzinfo=UTC)
