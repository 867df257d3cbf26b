"""speechkit: call recordings to transcripts, analyses and reports.

>>> import speechkit
>>> transcript = speechkit.read_transcript({"durationMilliseconds": 900, "phrases": []}, call_id="c1")
>>> transcript.call_ids
['c1']
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from speechkit.connect import Speech, connect, stop_service

if TYPE_CHECKING:
    from speechkit.demo import demo_data
    from speechkit.errors import SpeechkitError
    from speechkit.insight.summaries import summarize
    from speechkit.progress import Progress
    from speechkit.reports import report_parameters, run_report
    from speechkit.settings import Settings, read_settings
    from speechkit.transcripts.corpus import Corpus, open_corpus
    from speechkit.transcripts.parse import read_transcript
    from speechkit.transcripts.schema import Transcript

    __version__: str

# Each name is imported when it is first asked for: `import speechkit` alone loads nothing heavy.
_WHERE = {
    "Corpus": "speechkit.transcripts.corpus",
    "Progress": "speechkit.progress",
    "Settings": "speechkit.settings",
    "SpeechkitError": "speechkit.errors",
    "Transcript": "speechkit.transcripts.schema",
    "demo_data": "speechkit.demo",
    "open_corpus": "speechkit.transcripts.corpus",
    "read_settings": "speechkit.settings",
    "read_transcript": "speechkit.transcripts.parse",
    "report_parameters": "speechkit.reports",
    "run_report": "speechkit.reports",
    "summarize": "speechkit.insight.summaries",
}

__all__ = [
    "Corpus",
    "Progress",
    "Settings",
    "Speech",
    "SpeechkitError",
    "Transcript",
    "__version__",
    "connect",
    "demo_data",
    "open_corpus",
    "read_settings",
    "read_transcript",
    "report_parameters",
    "run_report",
    "stop_service",
    "summarize",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module, metadata

    if name == "__version__":
        value: Any = metadata.version("speechkit")
    elif name in _WHERE:
        value = getattr(import_module(_WHERE[name]), name)
    else:
        raise AttributeError(f"module 'speechkit' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
