"""The answers of language models, kept beside the corpus by the hash of what was asked."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

from pydantic import ValidationError

from speechkit.errors import CorpusError
from speechkit.insight.schema import CallSummary

_FORMAT = 1


def request_hash(model: str, system: str, user: str, schema: str) -> str:
    """The name of a request: SHA-256 over model, prompt, transcript and schema, the first 20 hex digits.

    >>> request_hash("m", "system", "user", "{}") == request_hash("m", "system", "user", "{}")
    True
    >>> request_hash("m", "system", "user", "{}") == request_hash("m", "systemuser", "", "{}")
    False
    """
    text = json.dumps([_FORMAT, model, system, user, schema])
    return hashlib.sha256(text.encode()).hexdigest()[:20]


@dataclass(frozen=True)
class AnswerStore:
    """A folder with one small JSON file for each answered request; without a folder nothing is kept.

    A file is named after the call and the request, so that a call's answers can be found and removed.
    """

    folder: Path | None

    def read(self, call_id: str, key: str, schema: type[CallSummary]) -> CallSummary | None:
        """The kept answer, or None when there is none that can be read."""
        if self.folder is None:
            return None
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, ValidationError):
            record = json.loads(self._path(call_id, key).read_text(encoding="utf-8"))
            return schema.model_validate(record["answer"])
        return None

    def write(self, call_id: str, key: str, answer: CallSummary, **about: object) -> None:
        """Keep an answer, with what is known about it (model, prompt, tokens).

        Raises CorpusError when the disk is full or the folder cannot be written.
        """
        if self.folder is None:
            return
        record = {"call_id": call_id, **about, "answer": answer.model_dump(mode="json")}
        path = self._path(call_id, key)
        part = path.with_suffix(
            f".{uuid4().hex[:8]}.part"
        )  # the call's name first, so that remove() finds it
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")
            os.replace(part, path)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            raise CorpusError(
                f"the summary of {call_id} cannot be kept in {path.parent}: {error.strerror}. "
                "Free some space or make the folder writable; what was answered so far is kept."
            ) from error

    def tokens(self, call_id: str) -> tuple[int, int]:
        """The tokens that all kept answers about a call took, in and out, whoever asked for them and when."""
        tokens_in = tokens_out = 0
        for path in self._of(call_id):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                more_in, more_out = json.loads(path.read_text(encoding="utf-8"))["tokens"]
                tokens_in, tokens_out = tokens_in + int(more_in), tokens_out + int(more_out)
        return tokens_in, tokens_out

    def remove(self, call_id: str) -> int:
        """Remove every answer about a call; answers how many there were."""
        found = self._of(call_id)
        for path in found:
            path.unlink(missing_ok=True)
        return len(found)

    def _of(self, call_id: str) -> list[Path]:
        if self.folder is None or not self.folder.is_dir():
            return []
        return [path for path in self.folder.iterdir() if path.name.startswith(f"{_name(call_id)}~")]

    def _path(self, call_id: str, key: str) -> Path:
        assert self.folder is not None
        return self.folder / f"{_name(call_id)}~{key}.json"


def _name(call_id: str) -> str:
    # "~" ends the name, so it may not stand in it; file names end at 255 bytes on usual file systems.
    name = quote(call_id, safe=" ").replace("~", "%7E")
    return name if len(name) <= 150 else f"{name[:120]}%{hashlib.sha256(call_id.encode()).hexdigest()[:16]}"
