"""Figures: one function a figure, tables of `analysis` in, a `Picture` out, or a `Note` where there is
nothing to draw.

Every title is a finding that is computed from the table. Agent and customer keep their colour and their
marker in all figures; no colour stands alone, and values are written beside the marks where there is room.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from speechkit.display.canvas import (
    BLUE,
    GREY,
    PALE,
    PURPLE,
    ROLES,
    VERMILION,
    canvas,
    clock_axis,
    date_axis,
    luminance,
    strips,
    styled,
    thinned,
)
from speechkit.display.picture import Note, Picture, Shown
from speechkit.display.wording import count, day, label, length, listing, part, percent
from speechkit.transcripts.schema import clock


@styled
def volume(table: pd.DataFrame, step: str = "day") -> Shown:
    """Draw how many calls came in each period, from `trends.volume` (without `by`)."""
    if table.empty:
        return Note("No call has a date, so nothing can be said about how many came when.")
    calls, starts = int(table["calls"].sum()), table["start"]
    busiest = table.iloc[int(np.argmax(table["calls"]))]
    if len(table) == 1:
        came = "The only call" if calls == 1 else f"All {count(calls, 'call')}"
        return Note(f"{came} came {'on' if step == 'day' else f'in the {step} of'} {day(busiest['start'])}.")
    if int((table["calls"] == busiest["calls"]).sum()) > 1:
        peak = f"never more than {busiest['calls']} a {step}"
    else:
        when = f"on {day(busiest['start'], year=False)}" if step == "day" else f"from {day(busiest['start'])}"
        peak = f"most {when} ({busiest['calls']})"
    finding = f"{_upper(count(calls, 'call'))} in {len(table)} {step}s; {peak}"
    from matplotlib.ticker import MaxNLocator

    figure, axes = canvas(finding, 2.5)
    days = {"day": 1, "week": 7, "month": 28}[step]
    bars = axes.bar(
        starts, table["calls"], width=0.8 * days, color=BLUE, align="edge" if days > 1 else "center"
    )
    if len(table) <= 31:
        axes.bar_label(bars, [str(n) if n else "" for n in table["calls"]], padding=2)
    date_axis(axes, starts)
    axes.set_ylabel("calls")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(0, max(1.0, 1.18 * busiest["calls"]))
    axes.grid(visible=False, axis="x")
    empty = int((table["calls"] == 0).sum())
    caption = f"Each bar is one {step}." + (f" On {count(empty, step)} no call came." if empty else "")
    return Picture(figure, finding, caption, f"Bar chart of calls per {step}. {finding}.")


@styled
def talk_shares(talk: pd.DataFrame, by: str = "queue") -> Shown:
    """Draw the agent's share of the speech of each call, a row for each value of `by`.

    `talk` is `speakers.talk` with the column `role` (from `roles.roles`) and the column `by`.
    """
    agents = talk[(talk["role"] == "agent") & talk["talk_share"].notna()]
    left_out = talk["call_id"].nunique() - agents["call_id"].nunique()
    if talk.empty:
        return Note("Nobody speaks in these calls, so there is no talk to share.")
    if agents.empty:
        return Note(
            "Who of the speakers is the agent is told by their channels, or by what they say: "
            f"in none of these {count(left_out, 'call')}."
        )
    spoken = agents["talk_s"] / agents["talk_share"]
    share, many = agents["talk_s"].sum() / spoken.sum(), int((agents["talk_share"] > 0.6).sum())
    finding = f"Agents do {percent(share)} of the talking"
    if len(agents) > 1:
        finding += f", and more than 60% in {part(many, len(agents), 'call')}"
    groups = agents[by].fillna("not known")
    names = groups.value_counts().index[:12].tolist()
    rows = [(name, agents.loc[groups == name, "talk_share"] * 100) for name in names]
    figure, axes = canvas(finding, 1.1 + 0.42 * len(rows))
    strips(axes, rows, "agent", "{:.0f}%")
    axes.axvline(50, color=GREY, linewidth=1, linestyle="--")
    axes.set_xlim(0, 100)
    axes.set_xlabel("agent's share of the speech, %")
    axes.set_ylabel(label(by))
    caption = (
        "Each dot is a call, each bar with its number the median. At the dashed line both speak equally long."
        + thinned(rows)
    )
    if left_out:
        caption += f" Left out, as nobody knows who the agent is: {count(left_out, 'call')}."
    if "role_confidence" in agents and (guessed := int((agents["role_confidence"] < 1).sum())):
        caption += f" In {part(guessed, len(agents), 'call')} the agent was told by what is said."
    return Picture(
        figure, finding, caption, f"Dot plot of the agent's share of speech by {label(by)}. {finding}."
    )


@styled
def pace(talk: pd.DataFrame, least_s: float = 10.0) -> Shown:
    """Draw the words a minute of each party that speaks for `least_s` seconds or longer, a row for each
    role."""
    spoke = talk[(talk["talk_s"] >= least_s) & talk["words_per_minute"].notna()]
    if spoke.empty:
        return Note(f"Nobody speaks for {least_s:.0f} s or longer, too little to measure a pace.")
    role = spoke["role"].fillna("other")
    rows = [(name, spoke.loc[role == name, "words_per_minute"]) for name in ROLES if (role == name).any()]
    medians = {name: values.median() for name, values in rows}
    if {"agent", "customer"} <= set(medians):
        agent, customer = medians["agent"], medians["customer"]
        finding = f"Agents speak {agent:.0f} words a minute, customers {customer:.0f} (medians)"
    else:
        middle = spoke["words_per_minute"].median()
        finding = f"People speak {middle:.0f} words a minute (median of {count(len(spoke), 'speaker')})"
    figure, axes = canvas(finding, 1.0 + 0.5 * len(rows))
    names = {"other": "role not known"}
    for place, (name, values) in enumerate(rows):
        strips(axes, [(names.get(name, name), values)], name, "{:.0f}", place, len(rows))
    axes.set_yticks(range(len(rows)), [names.get(name, name) for name, _ in rows])
    low, high = spoke["words_per_minute"].min(), spoke["words_per_minute"].max()
    axes.set_xlim(min(90, low - 10), max(210, high + 10))
    axes.set_xlabel("words a minute of own speaking time")
    caption = (
        "Each mark is one party of one call, each bar with its number the median. "
        f"Who speaks for less than {least_s:.0f} s is left out.{thinned(rows)}"
    )
    return Picture(figure, finding, caption, f"Dot plot of words a minute by role. {finding}.")


@styled
def silences(overview: pd.DataFrame, places: pd.DataFrame, top: int = 8) -> Shown:
    """Draw where nobody speaks, in the calls with the longest silences; from `speakers.overview` and
    `.silences`."""
    if overview["duration_s"].sum() == 0:
        return Note("There is no recording in which silence could be looked for.")
    share = overview["silence_s"].sum() / overview["duration_s"].sum()
    spoken = places[places["place"] != "all"]
    mute = places.loc[places["place"] == "all", "call_id"]
    total = f"Nobody speaks for {percent(share)} of the time"
    extra = f" No speech at all: {listing(mute.tolist())}." if len(mute) else ""
    if spoken.empty:
        return Note(f"{total}, but no single silence is long enough to be shown.{extra}")
    worst = spoken.iloc[int(np.argmax(spoken["duration_s"]))]
    finding = (
        f"{total}; longest, {length(worst['duration_s'])}, in {worst['call_id']} at {clock(worst['start_s'])}"
    )
    longest = spoken.groupby("call_id")["duration_s"].max().sort_values(ascending=False, kind="stable")
    rows = longest.index[:top].tolist()
    lasts = overview.set_index("call_id")["duration_s"]
    figure, axes = canvas(finding, 1.0 + 0.33 * len(rows))
    for place, call in enumerate(rows):
        here = spoken[spoken["call_id"] == call]
        axes.barh(place, lasts[call], color=PALE, height=0.62)
        axes.barh(place, here["duration_s"], left=here["start_s"], color=PURPLE, height=0.62, hatch="////")
        note = f"{length(here['duration_s'].max())} of {clock(lasts[call])}"
        axes.annotate(note, (lasts[call], place), (5, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_yticks(range(len(rows)), rows)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.2 * max(lasts[call] for call in rows))
    clock_axis(axes)
    axes.set_xlabel("time in the call, minutes:seconds")
    axes.grid(visible=False, axis="y")
    caption = (
        f"Each row is a call, hatched where nobody speaks; beside it its longest silence and its length. "
        f"{_upper(count(len(spoken), 'silence'))} in {count(len(longest), 'call')}"
        + (f", the {len(rows)} calls with the longest are shown." if len(longest) > len(rows) else ".")
    )
    return Picture(
        figure, finding, caption + extra, f"Timelines of calls with their silences marked. {finding}."
    )


@styled
def confidence(distribution: pd.DataFrame, below: float = 0.5) -> Shown:
    """Draw how the confidence of words is distributed, from `confidence.distribution`; `below` is an edge of
    a bin."""
    words = int(distribution["words"].sum())
    if not words:
        return Note(
            "The recognizer gave no confidence for any word, so nothing can be said about its doubts."
        )
    low = distribution["upper"] <= below + 1e-9
    doubted = int(distribution.loc[low, "words"].sum())
    finding = f"{percent(doubted / words)} of {words:,} words have a confidence below {below:g}"
    figure, axes = canvas(finding, 2.5)
    width = float(distribution["upper"].iloc[0] - distribution["lower"].iloc[0])
    for mask, colour, hatch in ((low, VERMILION, "////"), (~low, BLUE, "")):
        bins = distribution[mask]
        axes.bar(bins["lower"], 100 * bins["share"], 0.92 * width, align="edge", color=colour, hatch=hatch)
    axes.axvline(below, color=GREY, linewidth=1, linestyle="--")
    top = 100 * float(distribution["share"].max())
    axes.text(
        below - 0.015,
        0.96 * top,
        f"doubtful\n{count(doubted, 'word')}",
        ha="right",
        va="top",
        color="#9A4400",
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.08 * top)
    axes.set_xlabel("confidence of the word, 0 to 1")
    axes.set_ylabel("words, %")
    axes.grid(visible=False, axis="x")
    caption = (
        "The recognizer's own estimate that each word is right; not a measured error rate. "
        f"Hatched: below {below:g}, worth a second listen."
    )
    return Picture(figure, finding, caption, f"Histogram of word confidence. {finding}.")


@styled
def monologues(talk: pd.DataFrame, top: int = 8) -> Shown:
    """Draw the longest turns, from `speakers.talk` with the column `role`."""
    rows = talk.nlargest(top, "longest_turn_s").reset_index(drop=True)
    if rows.empty:
        return Note("Nobody speaks in these calls, so there is no monologue.")
    role = rows["role"].fillna("other")
    first = rows.iloc[0]
    speaker = f"the {role[0]}" if role[0] in ("agent", "customer") else _party(first["party"])
    finding = (
        f"The longest monologue lasts {length(first['longest_turn_s'])}: {speaker} in {first['call_id']}, "
        f"from {clock(first['longest_turn_start_s'])}"
    )
    figure, axes = canvas(finding, 1.0 + 0.33 * len(rows))
    for place, (_, row) in enumerate(rows.iterrows()):
        colour, _, hatch = ROLES.get(str(role[place]), ROLES["other"])
        axes.barh(place, row["longest_turn_s"], color=colour, hatch=hatch, height=0.62)
        note = f"{length(row['longest_turn_s'])}, from {clock(row['longest_turn_start_s'])}"
        axes.annotate(
            note, (row["longest_turn_s"], place), (5, 0), textcoords="offset points", va="center", fontsize=9
        )
    who = [
        _party(party) if name == "other" else name for name, party in zip(role, rows["party"], strict=True)
    ]
    axes.set_yticks(
        range(len(rows)), [f"{call}, {name}" for call, name in zip(rows["call_id"], who, strict=True)]
    )
    axes.invert_yaxis()
    axes.set_xlim(0, 1.3 * float(rows["longest_turn_s"].max()))
    axes.set_xlabel("longest turn without interruption, s")
    axes.grid(visible=False, axis="y")
    caption = (
        "Each bar is one party's longest turn in a call. A word of the listener or a long pause ends it."
    )
    return Picture(figure, finding, caption, f"Bar chart of the longest turns. {finding}.")


@styled
def crossed(table: pd.DataFrame, most: int = 12) -> Shown:
    """Draw how often each pair of values comes together, from `trends.crossed`; the rows are what the title
    speaks of."""
    calls = int(table.to_numpy().sum())
    if not calls:
        return Note(
            "No call has a summary, so reasons and outcomes are not known. Run: speechkit summarize CORPUS"
        )
    rows, columns = label(str(table.index.name)), label(str(table.columns.name))
    totals, ends = table.sum(axis=1), table.sum(axis=0)
    finding = f"{_leaders(rows, totals, calls)}; {_leaders(columns, ends, calls)}"
    finding = finding[0].upper() + finding[1:]
    if calls == 1:
        return Note(f"The only call with a summary: {rows} {_leader(totals)}, {columns} {_leader(ends)}.")
    shown = table.iloc[:most, :most]
    figure, axes = canvas(finding, 1.5 + 0.34 * len(shown))
    from matplotlib.colors import LinearSegmentedColormap

    scale = LinearSegmentedColormap.from_list("speechkit", ["#FFFFFF", "#9CC3DD", BLUE])
    top = max(1, int(shown.to_numpy().max()))
    axes.imshow(shown, cmap=scale, vmin=0, vmax=1.15 * top, aspect="auto")
    for (y, x), value in np.ndenumerate(shown.to_numpy()):
        dark = luminance(scale(value / (1.15 * top))) < 0.3
        axes.text(
            x,
            y,
            f"{value:,}" if value else "·",
            ha="center",
            va="center",
            color="white" if dark else "#1f1f1f",
        )
    names = [f"{label(str(name))} ({totals[name]:,})" for name in shown.index]
    axes.set_yticks(range(len(shown)), names)
    axes.set_xticks(range(shown.shape[1]), [label(str(name)) for name in shown.columns])
    axes.tick_params("x", rotation=38, length=0)
    axes.tick_params("y", length=0)
    for tick in axes.get_xticklabels():
        tick.set(ha="right", rotation_mode="anchor")
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel(columns)
    axes.set_ylabel(rows)
    caption = (
        f"Each cell counts the calls with this {rows} and {columns}; beside each {rows} stands its total."
    )
    return Picture(figure, finding, caption, f"Table of {rows} by {columns} with counts. {finding}.")


def _leaders(noun: str, totals: pd.Series[int], calls: int) -> str:
    """The most frequent value, or two, with its part of the calls; none where more are equally frequent."""
    most = int(totals.max())
    names = [label(str(name)) for name in totals.index[totals == most]]
    if len(names) > 2:
        return f"no {noun} leads: {len(names)} have {most:,} of {calls:,} calls each"
    return (
        f"most frequent {noun}: {listing(names)} ({most:,} of {calls:,}{' each' if len(names) > 1 else ''})"
    )


def _leader(totals: pd.Series[int]) -> str:
    return label(str(totals.index[0]))


def _party(name: str) -> str:
    return f"speaker {name}" if name.isdecimal() else name


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
