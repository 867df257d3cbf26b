"""The report of `verify`, which a user can attach to an issue: keys, types and messages, never a value."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING

from speechkit.whole import whole

if TYPE_CHECKING:
    from speechkit.verify import Verification


def write_report(found: Verification, path: Path) -> None:
    """Write what was found as JSON (`.json`) or Markdown (any other name): keys and types, never values."""
    text = report_json(found) if path.suffix.lower() == ".json" else report_markdown(found)
    with whole(path) as part:
        part.write_text(text, encoding="utf-8")


def report_json(found: Verification) -> str:
    """Return the report for programs."""
    about = {**_versions(), "service": found.service, "apiVersion": found.api_version}
    listed = [vars(d) for d in found.departures]
    parts = {
        "problems": dict(found.problems),
        "notVerified": dict(found.left_out),
        "seconds": {step: round(s, 1) for step, s in found.taken_s.items()},
        "departures": listed,
        "shapes": found.shapes,
    }
    return json.dumps(about | parts, indent=1) + "\n"


def report_markdown(found: Verification) -> str:
    """Return the report for people, to attach to an issue."""
    version = _versions()
    lines = ["# speechkit verify", "", found.sentence() + ".", ""]
    lines += [f"- speechkit {version['speechkit']}, Python {version['python']}"]
    lines += [f"- service: {found.service}, api-version {found.api_version}"]
    lines += [f"- {step}: {s:.1f} s" for step, s in found.taken_s.items()]
    lines += [f"- **{step} failed**: {problem}" for step, problem in found.problems.items()]
    lines += [f"- not verified: {what} ({why})" for what, why in found.left_out.items()]
    for kind, title in (("departure", "Departures"), ("information", "For information")):
        those = [d for d in found.departures if d.kind == kind]
        if those:
            lines += ["", f"## {title}", "", "| answer | place | what | against |", "|---|---|---|---|"]
            lines += [f"| {d.answer} | `{d.where or '(whole)'}` | {d.what} | {d.against} |" for d in those]
    lines += ["", "## The answers", "", "Keys and types only: this report holds no word of the recording."]
    for name, shape in found.shapes.items():
        rows = [f"{place}: {types}" for place, types in shape.items()]
        lines += ["", f"### {name}", "", "```text", *rows, "```"]
    return "\n".join(lines) + "\n"


def _versions() -> dict[str, str]:
    from speechkit import __version__

    return {"speechkit": __version__, "python": platform.python_version()}
