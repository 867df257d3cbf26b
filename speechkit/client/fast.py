"""Fast transcription: one recording in one request, answered when it is done."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from speechkit.client.plan import Mode, Plan, make_plan
from speechkit.client.recording import Problem, Recording, is_url
from speechkit.client.rest import SpeechClient
from speechkit.client.results import read_result
from speechkit.errors import AudioError, RequestRefusedError, SpeechkitError
from speechkit.progress import Progress, ProgressCallback

if TYPE_CHECKING:
    from speechkit.transcripts.schema import Transcript

AT_ONCE: Final = 8  # requests to Azure, which takes hundreds a minute
AT_ONCE_LOCAL: Final = 2  # requests to the local service, which works with the cores of this machine


class Fast:
    """Fast transcription on one service."""

    def __init__(self, client: SpeechClient) -> None:
        self._client = client

    def transcribe(self, recording: str | Path | Recording, **options: Any) -> Transcript:
        """Transcribe a file, or a URL that the service can read, of up to 2 hours and 300 MB.

        `options` are those of `Options`; without `diarization` and `channels` a stereo recording gets a
        channel each and a mono one diarization with two speakers. Raises the AudioError tree for the file,
        RequestRefusedError for the options, and the ServiceError tree.
        """
        item = recording if isinstance(recording, Recording) else one_recording(recording, "fast", options)
        definition = item.options.fast_definition()
        if item.is_url:
            definition["audioUrl"] = item.address
        parts: dict[str, tuple[str | None, Path | str, str]] = {
            "definition": (None, json.dumps(definition), "application/json")
        }
        if not item.is_url:
            kind = mimetypes.guess_type(item.file)[0] or "application/octet-stream"
            parts["audio"] = (item.file, Path(item.address), kind)
        result = self._client.post_files("transcriptions:transcribe", parts)
        return read_result(result, item, "fast", self._client.engine)

    def transcribe_all(
        self, plan: Plan, progress: ProgressCallback | None = None
    ) -> Iterator[Transcript | Problem]:
        """Transcribe the recordings of a plan, some at a time; yield each as it ends, as what it came to."""
        at_once = AT_ONCE_LOCAL if self._client.is_local else AT_ONCE
        return transcribe_each(self.transcribe, plan, at_once, progress)


def transcribe_each(
    transcribe: Callable[[Recording], Transcript],
    plan: Plan,
    at_once: int,
    progress: ProgressCallback | None = None,
) -> Iterator[Transcript | Problem]:
    """Transcribe the recordings of a plan, `at_once` at a time; yield each as it ends, as what it came to."""

    def attempt(item: Recording) -> Transcript | Problem:
        try:
            return transcribe(item)
        except SpeechkitError as error:
            return Problem(item.source, error, item.call_id)
        except OSError as error:
            unread = AudioError(f"{item.source} cannot be read: {error.strerror}. Check the file.")
            return Problem(item.source, unread, item.call_id)

    with ThreadPoolExecutor(at_once, thread_name_prefix="speechkit-transcribe") as pool:
        waiting = {pool.submit(attempt, item): item for item in plan.items}
        try:
            for done, future in enumerate(as_completed(waiting), start=1):
                yield future.result()
                if progress:
                    progress(Progress("transcribe", done, len(waiting), waiting[future].file))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def one_recording(recording: str | Path, mode: Mode, options: dict[str, Any]) -> Recording:
    """Look at the one recording that a path or URL names; raises what stands against it."""
    path = Path(recording)
    if not is_url(str(recording)) and path.is_dir():
        raise RequestRefusedError(f"{path} is a folder. Give one recording, or use speech.batch.")
    plan = make_plan(recording, mode=mode, **options)
    plan.raise_if_nothing()
    if len(plan.items) != 1:
        raise RequestRefusedError(
            f"{recording} names {len(plan.items)} recordings. Give one, or use speech.batch."
        )
    return plan.items[0]
