"""What the work on a run needs at hand: its ledger, the services, the storage, its corpus, its lock."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speechkit.client.auth import is_loopback
from speechkit.client.ledger import Ledger, Row
from speechkit.client.rest import SpeechClient
from speechkit.client.storage import Storage
from speechkit.errors import RunError

if TYPE_CHECKING:
    import pandas as pd

    from speechkit.transcripts.corpus import Corpus


class Desk:
    """The means to work on one run; `clients` are the services that share it, the first for whatever is local."""

    def __init__(
        self, name: str, ledger: Ledger, clients: Sequence[SpeechClient], storage: Storage | None, home: Path
    ) -> None:
        row = ledger.run(name)
        self.name = name
        self.ledger = ledger
        self.clients = list(clients)
        self.asked: dict[str, Any] = json.loads(row["asked"])
        self.storage = storage.plain() if storage and self.asked.get("plain_urls") else storage
        self.folder = run_folder(home, name)
        self.corpus_path = Path(row["corpus"])

    def client(self, endpoint: str) -> SpeechClient:
        """Answer the client of an endpoint; that of the local service has another port each day."""
        for client in self.clients:
            if client.endpoint == endpoint:
                return client
        if self.clients and is_loopback(endpoint) and self.clients[0].is_local:
            return self.clients[0]
        raise RunError(
            f"the run {self.name!r} has jobs at {endpoint}, and that is not connected. Set SPEECH_ENDPOINT to it, "
            "or resume with also=[its batch]."
        )

    @cached_property
    def corpus(self) -> Corpus:
        """The corpus that the run writes to, made where there is none."""
        from speechkit.transcripts.corpus import open_corpus

        return open_corpus(self.corpus_path, create=True)

    @cached_property
    def metadata(self) -> pd.DataFrame | str | None:
        """What is known of the calls, as it was given to `submit`: a table, or a pattern of file names."""
        if self.asked.get("names"):
            return str(self.asked["names"])
        packed = self.ledger.run(self.name)["metadata"]
        if packed is None:
            return None
        import io

        import pandas as pd

        return pd.read_parquet(io.BytesIO(packed))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run's lock, for one step of the work: several processes may share a run, step by step."""
        from speechkit.transcripts import shards

        self.folder.mkdir(parents=True, exist_ok=True)
        with shards.locked(self.folder):
            yield

    def select(self, condition: str, *values: Any, columns: str = "*") -> list[Row]:
        """Answer the recordings of the run for which a condition of SQL holds, in their order."""
        return self.ledger.read(
            f"SELECT {columns} FROM recordings WHERE run = ? AND ({condition}) ORDER BY number",
            self.name,
            *values,
        )

    def has(self, condition: str, *values: Any) -> bool:
        """Whether there is any recording of the run for which a condition of SQL holds."""
        query = f"SELECT number FROM recordings WHERE run = ? AND ({condition}) LIMIT 1"
        return bool(self.ledger.read(query, self.name, *values))


def run_folder(home: Path, name: str) -> Path:
    """The folder of a run: its lock, and its corpus where no other was given."""
    return home / "runs" / name
