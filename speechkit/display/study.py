"""Figures and sentences of the study: methods against each other in accuracy, real time in latency.

Each method keeps its colour and its marker. Every title is a finding that is computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from speechkit.display.canvas import BLUE, GREY, PALE, PURPLE, VERMILION, canvas, styled
from speechkit.display.picture import Note, Picture, Shown
from speechkit.display.wording import count, length, listing, part, percent

if TYPE_CHECKING:
    from speechkit.analysis.comparison import Comparison, Study
    from speechkit.analysis.latency import Latency
    from speechkit.analysis.word_classes import Names

METHODS: Final[Mapping[str, tuple[str, str, str]]] = {
    "batch": (BLUE, "o", ""),
    "fast": (PURPLE, "s", "...."),
    "realtime": (VERMILION, "^", "////"),
}
"""Colour, marker and hatch of each method."""

_NAMES: Final = {"realtime": "real time", "product": "product names", "number": "numbers",
                 "function word": "function words", "other": "other words"}  # fmt: skip
_MOST_CALLS: Final = 24
MOST_BEHIND_S: Final = 0.5
"""Sound that is sent later than this, in seconds, was sent by a machine that could not keep up."""
MOST_LAG_S: Final = 6.0
"""Last words that come later than this after the end of the sound, in seconds: the recognizer did not keep up."""


def named(name: str) -> str:
    """Write the name of a method or of a class of words as people read it."""
    return _NAMES.get(name, name)


def _look(method: str) -> tuple[str, str, str]:
    return METHODS.get(method, (GREY, "D", "xx"))


def points(difference: float) -> str:
    """Write a difference of rates in percentage points, without its sign.

    >>> points(0.0234), points(-0.01), points(0.0002)
    ('2.3 points', '1.0 point', '0.0 points')
    """
    size = f"{100 * abs(difference):.1f}"
    return f"{size} point{'' if size == '1.0' else 's'}"


def versus(comparison: Comparison, first: str = "batch", second: str = "realtime") -> str:
    """Say which of two methods errs less on the same words, and whether that may be chance.

    The randomization test over calls decides; where there are too few calls for it ever to, that is said.
    """
    change = comparison.difference
    one, two = named(first), named(second)
    if not change:
        return f"the word error rates of {one} and {two} are the same"
    worse, better = (two, one) if change > 0 else (one, two)
    said = f"the word error rate of {worse} is {points(change)} higher than that of {better}"
    if comparison.significant:
        return f"{said}: more than chance explains (p = {comparison.p_value:.3f})"
    calls = comparison.interval.calls
    few = f", too little to tell with {count(calls, 'call')}" if calls < 6 else ""
    return f"{said}, which may be chance (p = {comparison.p_value:.2f}{few})"


def verdict(result: Study) -> str:
    """Say in one sentence how the last method does against the first, or against the pseudo-reference."""
    first, *_, last = [*result.scored, *result.scored]
    if result.comparison:
        said = versus(result.comparison, first, last)
    else:
        rate = percent(result.scored[last].total.rate)
        said = f"{named(last)} has {rate} of the words wrong"
        if result.stand_in:
            said = f"{named(last)} differs from {named(result.stand_in)} in {rate} of the words"
    return said[:1].upper() + said[1:]


def reference(result: Study) -> Note:
    """Say what was taken for the truth, and which calls were left out."""
    said = (
        f"There is no reference: {named(result.stand_in)} stands in for one (a pseudo-reference). What is called an "
        f"error is a difference from it, and {named(result.stand_in)} may be the one that is wrong."
        if result.stand_in
        else "The reference is what was really said."
    )
    words = next(iter(result.scored.values())).total.total
    calls = len(next(iter(result.scored.values())).calls)
    return Note(" ".join([said, f"It has {words:,} words in {count(calls, 'call')}.", *result.notes]))


@styled
def rates(result: Study) -> Shown:
    """Draw the word error rate of each method with its 95 % interval; the title compares the last with the first."""
    scored = result.scored
    names = list(scored)
    first, finding = names[0], verdict(result)
    figure, axes = canvas(finding, 0.9 + 0.5 * len(names))
    most = 0.0
    for place, name in enumerate(names):
        colour, marker, _ = _look(name)
        rate, ends = scored[name].total.rate, scored[name].interval
        if not np.isnan(ends.low):
            axes.plot(
                [100 * ends.low, 100 * ends.high], [place, place], color=colour, linewidth=3, alpha=0.45
            )
            most = max(most, ends.high)
        axes.plot([100 * rate], [place], marker, color=colour, markersize=9)
        axes.annotate(
            f"{100 * rate:.1f}%", (100 * rate, place), (0, 9), textcoords="offset points", ha="center"
        )
        most = max(most, rate)
    axes.set_yticks(range(len(names)), [named(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.7)
    axes.set_xlim(0, 115 * most or 1)
    axes.set_xlabel("word error rate, %")
    axes.grid(visible=False, axis="y")
    words, calls = scored[first].total.total, len(scored[first].calls)
    caption = (
        f"Marks: the rate over {words:,} words of {count(calls, 'call')}. Bars: where it would lie in 95% of "
        "draws of as many such calls. Whether methods differ is not told by bars that overlap, but call by call."
    )
    return Picture(
        figure, finding, caption, f"Word error rate of {listing([named(n) for n in names])}. {finding}."
    )


@styled
def by_call(result: Study) -> Shown:
    """Draw the word error rate of each call by the first and the last method; those that differ most first."""
    names = list(dict.fromkeys([next(iter(result.scored)), list(result.scored)[-1]]))
    rates_ = {name: result.scored[name].by("call_id").table.set_index("call_id")["wer"] for name in names}
    both = pd.DataFrame(rates_).dropna()
    if both.empty:
        return Note("No call has words in its reference, so no call can be compared.")
    change = both[names[-1]] - (both[names[0]] if len(names) > 1 else 0.0)
    shown = both.loc[change.sort_values(ascending=False, kind="stable").index[:_MOST_CALLS]]
    if len(names) > 1:
        worse, better = int((change > 0).sum()), int((change < 0).sum())
        equal = len(change) - worse - better
        finding = f"{named(names[-1])} errs more than {named(names[0])} in {part(worse, len(both), 'call')}"
        finding += f", less in {better}" + (f", as much in {equal}" if equal else "")
    else:
        low, high = 100 * both[names[0]].min(), 100 * both[names[0]].max()
        finding = (
            f"the word error rate of {named(names[0])} lies between {low:.0f}% and {high:.0f}% in the calls"
        )
    finding = finding[:1].upper() + finding[1:]
    figure, axes = canvas(finding, 1.1 + 0.27 * len(shown))
    places = range(len(shown))
    axes.hlines(places, 100 * shown[names[0]], 100 * shown[names[-1]], color=GREY, linewidth=1.5, zorder=1)
    for name in names:
        colour, marker, _ = _look(name)
        axes.scatter(
            100 * shown[name], places, color=colour, marker=marker, s=46, label=named(name), zorder=3
        )
    axes.set_yticks(places, [str(call_id) for call_id in shown.index])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.set_xlabel("word error rate, %")
    axes.grid(visible=False, axis="y")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    caption = "Each row is a call; at the top those in which the second method loses most."
    if len(both) > len(shown):
        caption += f" The {len(shown)} of {len(both)} calls that differ most."
    return Picture(figure, finding, caption, f"Word error rates by call. {finding}.")


@styled
def by_class(result: Study, names: Names = ()) -> Shown:
    """Draw the errors of each method by class of word: names (as given), numbers, function words, others."""
    tables = {method: a.by("class", names).table.set_index("class") for method, a in result.scored.items()}
    first = next(iter(tables.values()))
    classes = [name for name in first.index if first.loc[name, "words"]]
    if not classes:
        return Note("The reference has no words, so there are no errors to sort.")
    rate = {method: table["wer"] for method, table in tables.items()}
    last = list(tables)[-1]
    worst = max(classes, key=lambda name: float(rate[last][name]))
    finding = (
        f"{named(last)} errs most on {named(worst)}: {percent(float(rate[last][worst]))} of "
        f"{count(int(first.loc[worst, 'words']), 'word')}"
    )
    finding = finding[:1].upper() + finding[1:]
    figure, axes = canvas(finding, 1.0 + 0.26 * len(classes) * len(tables))
    high = 0.8 / len(tables)
    for number, (method, rates_) in enumerate(rate.items()):
        colour, _, hatch = _look(method)
        places = np.arange(len(classes)) + (number - (len(tables) - 1) / 2) * high
        values = [100 * float(rates_[name]) for name in classes]
        bars = axes.barh(
            places, values, 0.9 * high, color=colour, hatch=hatch, edgecolor="white", label=named(method)
        )
        axes.bar_label(bars, [f"{value:.0f}%" for value in values], padding=3, fontsize=9)
    words = [int(first.loc[name, "words"]) for name in classes]
    axes.set_yticks(
        range(len(classes)), [f"{named(n)}\n({w:,})" for n, w in zip(classes, words, strict=True)]
    )
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15 * max(100 * float(r[name]) for r in rate.values() for name in classes) or 1)
    axes.set_xlabel("errors for 100 words of the class")
    axes.grid(visible=False, axis="y")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    caption = (
        "In brackets how many words of the class were said. A word that was invented counts for its own class, "
        "so more than 100% is possible."
    )
    return Picture(figure, finding, caption, f"Bar chart of errors by word class. {finding}.")


@styled
def delays(latency: Latency) -> Shown:
    """Draw after how long words are shown for good, and after how long they are final."""
    if not latency.final.count:
        return Note("No word arrived in these sessions, so there is no delay to show.")
    finding = (
        f"Half of the words stand {latency.shown.p50_s:.1f} s after they were spoken, 95% after "
        f"{latency.shown.p95_s:.1f} s; final after {latency.final.p50_s:.1f} s and {latency.final.p95_s:.1f} s"
    )
    figure, axes = canvas(finding, 3.0)
    longest = max(latency.final.p95_s, latency.shown.p95_s) * 1.25
    for column, text, style, colour in (
        ("shown_after_s", "shown, and not\nchanged any more", "-", BLUE),
        ("final_after_s", "final", "--", VERMILION),
    ):
        values = np.sort(latency.words[column].to_numpy())
        share = 100 * np.arange(1, len(values) + 1) / len(values)
        axes.step(
            [min(0.0, values[0]), *values],
            [0, *share],
            style,
            where="post",
            color=colour,
            linewidth=2,
            label=text,
        )
        for quantile, marker in ((0.5, "o"), (0.95, "D")):
            axes.plot([np.quantile(values, quantile)], [100 * quantile], marker, color=colour, markersize=6)
    axes.set_xlim(min(0.0, float(latency.words["shown_after_s"].min())), longest)
    axes.set_ylim(0, 103)
    axes.set_xlabel("seconds since the word was spoken to its end")
    axes.set_ylabel("words, %")
    axes.legend(loc="lower right")
    caption = (
        f"{latency.final.count:,} words of sessions that were sent as they were spoken. Dots: the median; diamonds: "
        "95%. A word is final when its phrase has ended, so the first word of a long phrase waits longest."
    )
    if float(latency.words["shown_after_s"].min()) < 0:
        caption += " Below 0: a word that was shown before it was spoken to its end."
    return Picture(figure, finding, caption, f"Cumulative shares of words by delay. {finding}.")


def stability(latency: Latency) -> Note:
    """Say how soon something is shown, and how often what was shown changed."""
    steady = latency.stability
    if not steady.words:
        return Note("No word arrived in these sessions, so nothing changed.")
    late = ""
    if latency.behind_s > MOST_BEHIND_S:
        late = f" Mind: the sound itself was sent up to {latency.behind_s:.1f} s late, so this machine was overloaded."
    elif latency.lag_s > MOST_LAG_S:
        late = f" Mind: the last words came {latency.lag_s:.0f} s after the sound: the recognizer did not keep up."
    return Note(
        f"The first words of a phrase appear {latency.first.p50_s:.1f} s after it began (95%: within "
        f"{latency.first.p95_s:.1f} s). {count(steady.hypotheses, 'hypothesis', 'hypotheses')} came for "
        f"{count(len(latency.phrases), 'phrase')}; for 100 final words {100 * steady.rate:.0f} shown words were "
        f"changed or taken back.{late}"
    )


def choice(result: Study, latency: Latency) -> Note:
    """Say what follows for whoever has to choose between batch (or fast) and real time."""
    said = f"{verdict(result)}."
    loses = (
        result.comparison is not None and result.comparison.significant and result.comparison.difference > 0
    )
    if result.comparison is None:
        advice = "Which of the two is right a reference would tell."
    elif loses:
        advice = (
            "Take real time where somebody waits for the words (captions, help for the agent), and batch or fast "
            "for what is kept."
        )
    else:
        advice = "Accuracy does not decide here: take real time where somebody waits for the words."
    if latency.shown.count:
        said += f" It shows half of the words within {latency.shown.p50_s:.1f} s; a batch none before the call ends."
    return Note(f"{said} {advice}")


@styled
def arrival(latency: Latency, audio_s: float, waits: Mapping[str, float]) -> Shown:
    """Draw how many words can be read when, from the moment the recording begins to play.

    `waits` are the seconds that other methods take once the recording is over, by method.
    """
    words = latency.words
    if not len(words):
        return Note("No word arrived, so there is nothing to draw.")
    at = np.sort((words["end_s"] + words["shown_after_s"]).to_numpy())
    by_end = int((at <= audio_s).sum())
    others = listing([f"{length(wait)} ({named(name)})" for name, wait in waits.items()])
    finding = f"Real time shows {by_end} of {len(at)} words before the recording is over"
    finding += f"; all are there after another {others}" if waits else ""
    figure, axes = canvas(finding, 2.8)
    stop = max([audio_s, *(audio_s + wait for wait in waits.values()), float(at[-1])]) * 1.05
    axes.axvspan(0, audio_s, color=PALE, zorder=0)
    axes.annotate("the recording plays", (audio_s / 2, 1.02 * len(at)), ha="center", va="bottom", fontsize=9)
    colour, _, _ = _look("realtime")
    axes.step([0, *at, stop], [*range(len(at) + 1), len(at)], where="post", color=colour, linewidth=2,
              label="real time")  # fmt: skip
    for name, wait in waits.items():
        colour, marker, _ = _look(name)
        line = [0, audio_s + wait, audio_s + wait, stop], [0, 0, len(at), len(at)]
        axes.plot(*line, "--", color=colour, linewidth=1.5)
        axes.plot([audio_s + wait], [len(at)], marker, color=colour, markersize=8, label=named(name))
    axes.set_xlim(0, stop)
    axes.set_ylim(0, 1.15 * len(at))
    axes.set_xlabel("seconds since the recording began to play")
    axes.set_ylabel("words that can be read")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    caption = (
        "A word counts from when it is shown and not changed any more. Batch and fast begin when the recording is "
        "over; how long they took for it was measured here."
    )
    return Picture(figure, finding, caption, f"Words that can be read over time, by method. {finding}.")
