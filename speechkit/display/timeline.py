"""A call as a timeline: who speaks when, where nobody does, how sure the recognizer was, and where a
diarization errs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from speechkit.analysis.confidence import BELOW
from speechkit.analysis.diarization import CONFUSED, INVENTED, MISSED, Diarization
from speechkit.analysis.exchange import INTERRUPTION, RULES, Rules, overlaps
from speechkit.analysis.holds import holds
from speechkit.analysis.roles import roles as tell_roles
from speechkit.analysis.spans import speech
from speechkit.analysis.speakers import silences, talk
from speechkit.analysis.timed import once
from speechkit.display.canvas import (
    BLUE,
    GREY,
    PALE,
    PURPLE,
    ROLES,
    VERMILION,
    canvas,
    clock_axis,
    styled,
)
from speechkit.display.picture import Note, Picture, Shown
from speechkit.display.wording import clock, count, length, listing, percent
from speechkit.transcripts.parties import labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from speechkit.analysis.speakers import Tables
    from speechkit.transcripts.schema import Transcript

MOST_LANES: Final = 7
"""More speakers than this are not told apart in a picture: those who speak least share a lane."""

_BINS: Final = 60
_GAP, _SURE = 0.25, 1.5  # what the confidence takes below the lanes, each of which takes 1
_PEOPLE: Final = (
    (BLUE, ""),
    (VERMILION, "////"),
    ("#009E73", "...."),
    ("#CC79A7", "xxxx"),
    ("#E69F00", "++++"),
)
_ERRORS: Final[Mapping[str, tuple[str, str]]] = {
    CONFUSED: ("#1F1F1F", "////"),
    MISSED: (GREY, ""),
    INVENTED: (PURPLE, "...."),
}


@styled
def call_timeline(
    transcript: Transcript,
    call_id: str,
    *,
    roles: pd.DataFrame | None = None,
    names: Mapping[str, str] | None = None,
    rules: Rules = RULES,
) -> Shown:
    """Draw one call: a lane for each speaker, overlaps, silences and holds, and the confidence along it.

    `roles` is the table of `roles.roles`; without it roles are told as that function does. `names` maps a
    party to a label of your own. A call without phrases or without times is a sentence that says so.
    """
    one = transcript.call(call_id)
    if one.phrases.empty:
        return Note(f"Nothing was recognized in {call_id}, so there is no timeline of it.")
    if one.phrases["start_s"].isna().all():
        return Note(
            f"No phrase of {call_id} has a time, so nobody knows who spoke when. Transcribe it again."
        )
    from speechkit.display.frame import Frame

    told = tell_roles(one) if roles is None else roles[roles["call_id"] == call_id]
    call = once(one)
    shares = talk(call, rules)
    role = dict(zip(told["party"], told["role"], strict=True))
    lanes = _lanes(shares, role, names)
    spans, quiet, held = speech(call).table, silences(call), holds(call)
    met = overlaps(call, rules)
    known = bool(call.words["confidence"].notna().any() or call.phrases["confidence"].notna().any())
    lasts = float(np.nanmax([call.calls["duration_s"].max(), call.phrases["end_s"].max()]))
    finding = _finding(call_id, shares, lanes, held, quiet, met)
    figure, axes = canvas(finding, 0.42 * len(lanes) + (1.65 if known else 0.9))
    for place, (label, parties, kind) in enumerate(lanes):
        own = spans[spans["party"].isin(parties)]
        colour, _, hatch = ROLES[kind]
        axes.broken_barh(_bars(own), (place - 0.32, 0.64), facecolor=colour, hatch=hatch, linewidth=0)
        axes.text(lasts * 1.01, place, label[1], va="center", fontsize=9, clip_on=False)
    _mark_silence(axes, quiet, held, len(lanes))
    _mark_overlaps(axes, met, lanes)
    marks, bottom = [*range(len(lanes) + 1)], len(lanes) + 0.5
    marked = [*(label[0] for label, _, _ in lanes), "nobody"]
    if known:
        bottom += _GAP + _SURE
        _draw_confidence(axes, call, bottom, lasts)
        marks, marked = [*marks, bottom - _SURE / 2], [*marked, "confidence"]
    axes.set_yticks(marks, marked)
    axes.set_ylim(bottom, -0.75)
    axes.set_xlim(0, lasts)
    axes.grid(visible=False, axis="y")
    clock_axis(axes)
    axes.set_xlabel("time in the call, minutes:seconds")
    figure.set_layout_engine(Frame())
    return Picture(figure, finding, _caption(call, met, known, told), f"Timeline of {call_id}. {finding}.")


Lane = tuple[tuple[str, str], list[str], str]


def _lanes(shares: pd.DataFrame, role: Mapping[str, Any], names: Mapping[str, str] | None) -> list[Lane]:
    """Label and share, parties and kind of each lane: the agent first, then who speaks most."""
    kinds = [str(role.get(p)) if role.get(p) in ROLES else "other" for p in shares["party"]]
    table = shares.assign(kind=kinds, rank=[list(ROLES).index(kind) for kind in kinds])
    table = table.sort_values(["rank", "talk_s"], ascending=[True, False], kind="stable")
    called = {p: k for p, k in zip(table["party"], table["kind"], strict=True) if k != "other"}
    single = {p: k.capitalize() for p, k in called.items() if list(called.values()).count(k) == 1}
    label = labels(table["party"], single | dict(names or {}))
    rows: list[Lane] = [
        ((label[p], percent(float(share))), [p], kind)
        for p, share, kind in table[["party", "talk_share", "kind"]].itertuples(index=False)
    ]
    if len(rows) <= MOST_LANES:
        return rows
    rest = [row[1][0] for row in rows[MOST_LANES - 1 :]]
    share = float(table.loc[table["party"].isin(rest), "talk_share"].sum())
    return [*rows[: MOST_LANES - 1], ((f"{len(rest)} others", percent(share)), rest, "other")]


def _mark_silence(axes: Axes, quiet: pd.DataFrame, held: pd.DataFrame, place: int) -> None:
    for table, colour, hatch in ((quiet, PALE, ""), (held, PURPLE, "////")):
        axes.broken_barh(_bars(table), (place - 0.3, 0.6), facecolor=colour, hatch=hatch, linewidth=0)
    for start_s, end_s in zip(held["start_s"], held["end_s"], strict=True):
        axes.annotate(
            "hold", ((start_s + end_s) / 2, place), ha="center", va="center", fontsize=9,
            bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none"},
        )  # fmt: skip


def _mark_overlaps(axes: Axes, met: pd.DataFrame, lanes: list[Lane]) -> None:
    """A grey band where two speak at once, and a mark on the lane of who interrupts."""
    both = met[met["overlap_s"] > 0]
    bands = list(zip(both["start_s"], both["overlap_s"].clip(lower=0.2), strict=True))
    axes.broken_barh(bands, (-0.75, len(lanes) + 1.25), facecolor=GREY, alpha=0.35, linewidth=0, zorder=0)
    place = {party: i for i, (_, parties, _) in enumerate(lanes) for party in parties}
    cut = met[met["kind"] == INTERRUPTION]
    axes.plot(
        cut["start_s"],
        [place[p] - 0.52 for p in cut["party"]],
        "v",
        color="#1f1f1f",
        markersize=6,
        linewidth=0,
    )


def _draw_confidence(axes: Axes, call: Tables, bottom: float, lasts: float) -> None:
    """The mean confidence along the call as an area that stands on `bottom`, and a cross for each doubtful word."""
    words, column = call.words, "confidence"
    if "calibrated" in words and words["calibrated"].notna().any():
        column = "calibrated"
    table = words if words[column].notna().any() and words["start_s"].notna().any() else call.phrases
    column = column if column in table else "confidence"
    table = table[table[column].notna() & table["start_s"].notna()]
    edges = np.linspace(0, lasts, _BINS + 1)
    place = np.clip(np.searchsorted(edges, table["start_s"], "right") - 1, 0, _BINS - 1)
    total = np.bincount(place, table[column], _BINS)
    number = np.bincount(place, minlength=_BINS)
    mean = np.divide(total, number, out=np.zeros(_BINS), where=number > 0)
    low = table[table[column] < BELOW]

    def height(sure: Any) -> Any:
        return bottom - _SURE * sure

    axes.stairs(height(mean), edges, baseline=bottom, fill=True, color="#9CC3DD")
    axes.plot(low["start_s"], height(low[column]), "x", color="#9A4400", markersize=4.5, linewidth=0)
    axes.plot([0, lasts], [height(BELOW)] * 2, color=GREY, linewidth=0.8, linestyle="--")
    for sure in (0, BELOW, 1):
        axes.text(lasts * 1.01, height(sure), f"{sure:g}", va="center", fontsize=9, clip_on=False)


def _finding(
    call_id: str,
    shares: pd.DataFrame,
    lanes: list[Lane],
    held: pd.DataFrame,
    quiet: pd.DataFrame,
    met: pd.DataFrame,
) -> str:
    if len(lanes) == 1:
        parts = [f"{call_id}: one speaker only"]
    else:
        most = max(lanes, key=lambda lane: float(shares.loc[shares["party"].isin(lane[1]), "talk_s"].sum()))
        parts = [f"{call_id}: {most[0][0]} has {most[0][1]} of the speech"]
    longest = quiet[quiet["place"] != "all"].nlargest(1, "duration_s")
    if len(held):
        first = held.nlargest(1, "duration_s").iloc[0]
        parts.append(f"on hold for {length(float(first['duration_s']))} from {clock(first['start_s'])}")
    elif len(longest):
        first = longest.iloc[0]
        parts.append(f"longest silence {length(float(first['duration_s']))} at {clock(first['start_s'])}")
    cut = int((met["kind"] == INTERRUPTION).sum())
    if cut:
        parts.append(count(cut, "interruption"))
    return ", ".join(parts)


def _caption(call: Tables, met: pd.DataFrame, known: bool, told: pd.DataFrame) -> str:
    parts = [
        "Each lane is a speaker, with its share of the speech on the right; pale where nobody speaks for 3 s."
    ]
    if (met["overlap_s"] > 0).any():
        parts.append("Grey bands: two speak at once; triangles: who interrupts.")
    if known:
        parts.append(f"Below: the mean confidence, and a cross for each word under {BELOW:g}.")
    else:
        parts.append("The transcript has no confidence, so doubt cannot be shown.")
    if call.words.empty or call.words["start_s"].isna().all():
        parts.append("No word times: pauses within a phrase are not seen.")
    if (call.calls["channels"] == 1).all():
        parts.append("One channel: speech at the same time is mostly lost.")
    if told["role"].isna().any():
        parts.append("Who is agent and who customer is not known.")
    elif (told["confidence"] < 1).any():
        parts.append("Who is the agent was told by what is said.")
    return " ".join(parts)


@styled
def errors_timeline(
    result: Diarization, reference: Transcript, transcript: Transcript, call_id: str
) -> Shown:
    """Draw where a diarization errs in one call: the speakers of both sides, and what went wrong between them.

    `result` is that of `diarization.score_diarization` for these two. Speakers of the transcript stand on the
    lane of the one they are mapped to.
    """
    if call_id not in result.calls:
        return Note(f"{call_id} was not scored: it has no reference. Scored: {listing(list(result.calls))}.")
    one, partner = result.calls[call_id], result.assignment[call_id]
    wrong = result.errors[result.errors["call_id"] == call_id]
    sides = [speech(tables.call(call_id)).table for tables in (reference, transcript)]
    said = list(dict.fromkeys(sides[0].sort_values("start_s")["party"]))
    heard = sorted(
        dict.fromkeys(sides[1]["party"]), key=lambda p: said.index(partner[p]) if p in partner else 99
    )
    rows = [*((0, p) for p in said), *((1, p) for p in heard)]
    kinds = {k: s for k, s in ((k, getattr(one, f"{k}_s")) for k in _ERRORS) if s > 0}
    lost = (
        listing([f"{length(float(s))} {kind}" for kind, s in kinds.items()])
        if kinds
        else "no second is wrong"
    )
    finding = f"{call_id}: diarization error rate {percent(one.rate)} ({lost})"
    figure, axes = canvas(finding, 0.36 * (len(rows) + 1) + 0.7)
    for place, (side, party) in enumerate(rows):
        own = sides[side][sides[side]["party"] == party]
        owner = party if side == 0 else partner.get(party)
        colour, hatch = _PEOPLE[said.index(owner) % len(_PEOPLE)] if owner in said else (GREY, "")
        axes.broken_barh(_bars(own), (place - 0.32, 0.64), facecolor=colour, hatch=hatch, linewidth=0)
    for kind, (colour, hatch) in _ERRORS.items():
        own = wrong[wrong["kind"] == kind]
        axes.broken_barh(
            _bars(own), (len(rows) - 0.32, 0.64), facecolor=colour, hatch=hatch, linewidth=0, label=kind
        )
    axes.axhline(len(said) - 0.5, color=GREY, linewidth=0.8)
    names = [f"said: {p}" if side == 0 else f"found: {p}" for side, p in rows]
    axes.set_yticks(range(len(rows) + 1), [*names, "errors"])
    axes.set_ylim(len(rows) + 0.5, -0.6)
    ends = [float(side["end_s"].max()) for side in sides if len(side)]
    axes.set_xlim(0, max([*ends, one.scored_s]))
    clock_axis(axes)
    axes.set_xlabel("time in the call, minutes:seconds")
    axes.grid(visible=False, axis="y")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9, handlelength=1.2)
    caption = (
        "Above the line who spoke, below it what the transcript says; a colour is one person on both sides. "
        f"{result.region}"
    )
    return Picture(
        figure, finding, caption, f"Timelines of the speakers of {call_id} with the errors. {finding}."
    )


def _bars(table: pd.DataFrame) -> list[tuple[float, float]]:
    """Start and length of each row, as matplotlib wants them."""
    return list(zip(table["start_s"], table["end_s"] - table["start_s"], strict=True))
