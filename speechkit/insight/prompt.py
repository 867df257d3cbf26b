"""The prompts: text files in prompts/, each with its version in the name and in its first line."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from speechkit.insight.schema import LEVELS, MAX_SUMMARY_WORDS, OTHER

SUMMARY = "summary.v2"
MERGE = "merge.v1"
"""The versions in use. A prompt that has been used is never edited: a new version is a new file."""


def read_prompt(
    name: str,
    reasons: Mapping[str, str],
    outcomes: Mapping[str, str],
    levels: Mapping[str, str] = LEVELS,
    **lists: Mapping[str, str],
) -> str:
    """The text of a prompt with the labels of this request filled in.

    `lists` are a checklist and a rubric, if any, `levels` those of the rubric, the best first.

    >>> read_prompt(SUMMARY, {"sales": "wants to buy"}, {"sold": ""}).splitlines()[0]
    'speechkit summary v2'
    """
    reasons = reasons if OTHER in reasons else {**reasons, OTHER: "none of these"}
    text = _file(name).format(max_words=MAX_SUMMARY_WORDS, reasons=_list(reasons), outcomes=_list(outcomes))
    own = dict(levels) != LEVELS
    for kind, items in lists.items():
        version = "v2" if own and kind == "rubric" else "v1"
        text += _file(f"{kind}.{version}").format(items=_list(items), levels=_list(levels)) if items else ""
    return text


def _file(name: str) -> str:
    return files("speechkit.insight").joinpath("prompts", f"{name}.txt").read_text(encoding="utf-8")


def _list(labels: Mapping[str, str]) -> str:
    return "\n".join(f"- {name}: {meaning}" if meaning else f"- {name}" for name, meaning in labels.items())
