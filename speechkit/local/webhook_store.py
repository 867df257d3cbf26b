"""What the service keeps of webhooks: registrations, and the call-backs that are still to be made."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from speechkit.local.store import Store

Status = Literal["NotStarted", "Running", "Succeeded", "Failed"]

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS webhooks (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, version TEXT NOT NULL,
    base TEXT NOT NULL, display_name TEXT NOT NULL, description TEXT, custom_properties TEXT,
    web_url TEXT NOT NULL, events TEXT NOT NULL, secret TEXT, status TEXT NOT NULL, error TEXT,
    created_s REAL NOT NULL, acted_s REAL NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,
    webhook_id TEXT NOT NULL REFERENCES webhooks(id) ON DELETE CASCADE, event TEXT NOT NULL,
    subject TEXT NOT NULL);
"""
_JSON: Final = ("custom_properties", "events", "error")


@dataclass(frozen=True)
class Webhook:
    """A registration; `base` is where the API was when it was made, times are seconds since 1970.

    `status` is NotStarted until the challenge is answered, then Succeeded; Failed when it was not, or when
    call-backs failed too often.
    """

    id: str
    version: str
    base: str
    display_name: str
    description: str | None
    custom_properties: dict[str, str] | None
    web_url: str
    events: dict[str, bool]
    secret: str | None
    status: Status
    error: dict[str, str] | None
    created_s: float
    acted_s: float

    def wants(self, event: str) -> bool:
        """Whether it is to be called for an event such as transcriptionCompletion."""
        return self.events.get(event, False)


@dataclass(frozen=True)
class Delivery:
    """A call-back to be made: `id` is its invocationId, `subject` the path of the entity."""

    number: int
    id: str
    webhook_id: str
    event: str
    subject: str


class WebhookStore:
    """Webhooks in the database of a service.

    >>> webhooks = WebhookStore(Store(None))
    >>> made = webhooks.add("2025-10-15", "http://127.0.0.1:1", {"display_name": "h", "web_url": "http://h/"})
    >>> made.status, webhooks.next_delivery(made.id)
    ('NotStarted', None)
    """

    def __init__(self, store: Store) -> None:
        self._db = store.database
        self._db.executescript(_TABLES)

    def add(self, version: str, base: str, values: Mapping[str, Any]) -> Webhook:
        """Keep a new webhook; `values` by the names of the fields."""
        now, made_id = time.time(), str(uuid.uuid4())
        row: dict[str, Any] = {"events": {}, **values, "id": made_id, "version": version, "base": base}
        row |= {"status": "NotStarted", "created_s": now, "acted_s": now}
        names = list(row)
        self._db.execute(
            f"INSERT INTO webhooks ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
            [_plain(name, row[name]) for name in names],
        )
        made = self.webhook(made_id)
        assert made is not None
        return made

    def webhook(self, webhook_id: str) -> Webhook | None:
        """One webhook, or None."""
        row = self._db.execute("SELECT * FROM webhooks WHERE id = ?", (webhook_id,)).fetchone()
        return _webhook(row) if row else None

    def webhooks(self) -> list[Webhook]:
        """All webhooks, oldest first."""
        return [_webhook(row) for row in self._db.execute("SELECT * FROM webhooks ORDER BY number")]

    def update(self, webhook_id: str, values: Mapping[str, Any]) -> None:
        """Change fields; a change of `status` is its last action."""
        row = dict(values)
        if "status" in row:
            row["acted_s"] = time.time()
        if row:
            self._db.execute(
                f"UPDATE webhooks SET {', '.join(f'{name} = ?' for name in row)} WHERE id = ?",
                [*(_plain(name, value) for name, value in row.items()), webhook_id],
            )

    def delete(self, webhook_id: str) -> None:
        """Remove a webhook and its call-backs."""
        self._db.execute("DELETE FROM webhooks WHERE id = ?", (webhook_id,))

    # --- call-backs -----------------------------------------------------------------------------------------

    def add_delivery(self, webhook_id: str, event: str, subject: str) -> None:
        """Keep a call-back to be made."""
        self._db.execute(
            "INSERT INTO deliveries (id, webhook_id, event, subject) VALUES (?, ?, ?, ?)",
            (str(uuid.uuid4()), webhook_id, event, subject),
        )

    def next_delivery(self, webhook_id: str) -> Delivery | None:
        """The oldest call-back to be made, or None."""
        row = self._db.execute(
            "SELECT * FROM deliveries WHERE webhook_id = ? ORDER BY number LIMIT 1", (webhook_id,)
        ).fetchone()
        return Delivery(**dict(row)) if row else None

    def remove_delivery(self, delivery: Delivery) -> None:
        """A call-back was made."""
        self._db.execute("DELETE FROM deliveries WHERE number = ?", (delivery.number,))

    def drop_deliveries(self, webhook_id: str) -> None:
        """Give up every call-back of a webhook."""
        self._db.execute("DELETE FROM deliveries WHERE webhook_id = ?", (webhook_id,))


def _plain(name: str, value: Any) -> Any:
    return json.dumps(value) if name in _JSON and value is not None else value


def _webhook(row: sqlite3.Row) -> Webhook:
    values = {name: row[name] for name in row.keys() if name != "number"}  # noqa: SIM118
    for name in _JSON:
        values[name] = json.loads(values[name]) if values[name] else None
    values["events"] = values["events"] or {}
    return Webhook(**values)
