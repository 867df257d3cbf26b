"""The prompts: text files in prompts/, each with its version in the name and in its first line."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from speechkit.insight.schema import MAX_SUMMARY_WORDS, OTHER

SUMMARY = "summary.v2"
MERGE = "merge.v1"
"""The versions in use. A prompt that has been used is never edited: a new version is a new file."""


def read_prompt(
    name: str, reasons: Mapping[str, str], outcomes: Mapping[str, str], **lists: Mapping[str, str]
) -> str:
    """The text of a prompt with the labels of this request filled in; `lists` are a checklist and a rubric, if any.

    >>> read_prompt(SUMMARY, {"sales": "wants to buy"}, {"sold": ""}).splitlines()[0]
    'speechkit summary v2'
    """
    reasons = reasons if OTHER in reasons else {**reasons, OTHER: "none of these"}
    text = _file(name).format(max_words=MAX_SUMMARY_WORDS, reasons=_list(reasons), outcomes=_list(outcomes))
    return text + "".join(
        _file(f"{kind}.v1").format(items=_list(items)) for kind, items in lists.items() if items
    )


def _file(name: str) -> str:
    return files("speechkit.insight").joinpath("prompts", f"{name}.txt").read_text(encoding="utf-8")


def _list(labels: Mapping[str, str]) -> str:
    return "\n".join(f"- {name}: {meaning}" if meaning else f"- {name}" for name, meaning in labels.items())
