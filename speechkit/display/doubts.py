"""Figures of confidence: where it is low, whether it means what it says, and what listening again brings."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from speechkit.display.canvas import BLUE, GREY, PURPLE, VERMILION, canvas, styled
from speechkit.display.picture import Note, Picture, Shown
from speechkit.display.wording import count, label, percent

NAMES: Final = {
    "ece": "calibration error (ECE)",
    "brier": "Brier score",
    "auc": "AUC",
    "average_precision": "average precision",
}
"""The measures of `analysis.calibration` as people read them."""

_NO_JUDGEMENT: Final = "No word is judged: without a reference nobody knows what a confidence is worth."


@styled
def levels(table: pd.DataFrame, by: str, most: int = 14) -> Shown:
    """Draw median and quartiles of the confidence of each group, from `confidence.levels(words, by)`."""
    known = table[table["median"].notna()]
    if known.empty:
        return Note("The recognizer gave no confidence for any word, so its doubts cannot be compared.")
    rows = known.sort_values("mean", ignore_index=True)
    shown = pd.concat([rows.head(most // 2), rows.tail(most - most // 2)]) if len(rows) > most else rows
    low, high, name = rows.iloc[0], rows.iloc[-1], label(by)
    finding = f"The only {name}, {label(str(low[by]))}, has a mean confidence of {low['mean']:.2f}"
    if len(rows) > 1:
        finding = (
            f"Mean confidence by {name}: from {low['mean']:.2f} ({label(str(low[by]))}) "
            f"to {high['mean']:.2f} ({label(str(high[by]))})"
        )
    figure, axes = canvas(finding, 1.1 + 0.36 * len(shown))
    for place, (_, row) in enumerate(shown.iterrows()):
        axes.plot([row["lower"], row["upper"]], [place, place], color=BLUE, linewidth=5, alpha=0.45)
        axes.plot(row["median"], place, "|", color="#1f1f1f", markersize=14, markeredgewidth=2)
        axes.plot(row["mean"], place, "o", color=BLUE)
    names = [f"{label(str(g))} ({n:,})" for g, n in zip(shown[by], shown["words"], strict=True)]
    axes.set_yticks(range(len(shown)), names)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlim(min(0.5, float(shown["lower"].min()) - 0.02), 1.01)
    axes.set_xlabel("confidence of the words, 0 to 1")
    axes.grid(visible=False, axis="y")
    caption = (
        "Bar: the middle half of the words; line: the median; dot: the mean; in brackets: how many words."
    )
    if len(shown) < len(rows):
        caption += f" The {len(shown)} lowest and highest of {len(rows)} are shown."
    return Picture(figure, finding, caption, f"Ranges of confidence by {name}. {finding}.")


@styled
def reliability(table: pd.DataFrame, calibrated: pd.DataFrame | None = None) -> Shown:
    """Draw the share of right words against their confidence, from `calibration.reliability`; both of the raw
    and of the calibrated confidence where there are two."""
    if table.empty:
        return Note(_NO_JUDGEMENT)
    gap = table["right"] - table["confidence"]
    worst = table.iloc[int(np.argmax(gap.abs()))]
    mean = float(np.average(gap, weights=table["words"]))
    verdict = "too modest" if mean > 0.01 else "too sure" if mean < -0.01 else "honest on average"
    finding = (
        f"The recognizer is {verdict}: of words with a confidence around {worst['confidence']:.2f}, "
        f"{percent(worst['right'])} are right"
    )
    if calibrated is not None and len(calibrated):
        off = [
            float(np.average((bins["right"] - bins["confidence"]).abs(), weights=bins["words"]))
            for bins in (table, calibrated)
        ]
        finding = f"As given, the confidence is off by {off[0]:.2f} on average; calibrated, by {off[1]:.2f}"
    figure, axes = canvas(finding, 4.2)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
    axes.text(0.17, 0.08, "confidence = share right", color=GREY, fontsize=9, rotation=45)
    kinds = [(table, "as given", VERMILION, "o")]
    if calibrated is not None:
        kinds.append((calibrated, "calibrated", BLUE, "s"))
    for bins, name, colour, marker in kinds:
        ends = [bins["right"] - bins["low"], bins["high"] - bins["right"]]
        axes.errorbar(
            bins["confidence"],
            bins["right"],
            yerr=ends,
            color=colour,
            marker=marker,
            markersize=6,
            linewidth=1,
            label=name,
        )
    axes.set_xlim(0, 1.01)
    axes.set_ylim(0, 1.02)
    axes.set_aspect("equal")
    axes.set_xlabel("mean confidence of the words of a bin")
    axes.set_ylabel("share of them that are right")
    axes.legend(loc="upper left")
    caption = (
        f"Each point holds a like number of words, {count(int(table['words'].sum()), 'word')} in all; "
        "its line is the 95% interval. Above the dashed line the recognizer is better than it says."
    )
    return Picture(figure, finding, caption, f"Reliability curve. {finding}.")


@styled
def groups(words: pd.DataFrame, by: str) -> Shown:
    """Draw share right against mean confidence for each group of judged words (`right`, `confidence`, `by`)."""
    table = words.groupby(by)[["confidence", "right"]].mean().dropna().sort_values("right")
    if len(table) < 2:
        return Note(f"There is only one {label(by)}, so nothing can be compared.")
    order = table["confidence"].corr(table["right"], method="spearman")
    follows = "follows" if order > 0.7 else "hardly follows" if order > 0.2 else "does not follow"
    finding = (
        f"From {percent(table['right'].iloc[0])} ({label(str(table.index[0]))}) to "
        f"{percent(table['right'].iloc[-1])} ({label(str(table.index[-1]))}) of the words are right, and the "
        f"mean confidence {follows}"
    )
    figure, axes = canvas(finding, 3.0)
    for place, (name, row) in enumerate(table.iterrows()):
        axes.plot([row["confidence"], row["right"]], [place, place], color=GREY, linewidth=1)
        axes.plot(row["confidence"], place, "o", color=VERMILION, label="" if place else "mean confidence")
        axes.plot(row["right"], place, "s", color=BLUE, label="" if place else "share right")
        axes.text(
            -0.01, place, label(str(name)), ha="right", va="center", transform=axes.get_yaxis_transform()
        )
    axes.set_yticks([])
    axes.set_ylim(-0.6, len(table) - 0.4)
    axes.set_xlabel("mean confidence and share right, 0 to 1")
    axes.legend(loc="upper left")
    caption = "The line between the marks is what the confidence is off by on average; 0 is no error."
    return Picture(figure, finding, caption, f"Confidence and share right by {label(by)}. {finding}.")


@styled
def gains(table: pd.DataFrame) -> Shown:
    """Draw what a recalibration changes, from `calibration.gain`; what is not certain is said to be."""
    if table["gain"].isna().all():
        return Note(_NO_JUDGEMENT)
    sure = table[table["certain"]]
    finding = f"Recalibration: {_listed(sure[sure['gain'] > 0], 'better')}"
    if (sure["gain"] < 0).any():
        finding += f"; {_listed(sure[sure['gain'] < 0], 'worse')}"
    if len(rest := table[~table["certain"]]):
        finding += f"; no certain change in {' and '.join(NAMES[name] for name in rest['measure'])}"
    figure, axes = canvas(finding, 2.4)
    for place, (_, row) in enumerate(table.iterrows()):
        colour, marker = (
            (GREY, "D") if not row["certain"] else (BLUE, "o") if row["gain"] > 0 else (VERMILION, "X")
        )
        axes.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=2)
        axes.plot(row["gain"], place, marker, color=colour, markersize=8)
        note = f"{row['before']:.3f} to {row['after']:.3f}"
        axes.text(1.02, place, note, va="center", transform=axes.get_yaxis_transform(), fontsize=9)
    axes.axvline(0, color=GREY, linewidth=1, linestyle="--")
    axes.set_yticks(range(len(table)), [NAMES[name] for name in table["measure"]])
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.set_xlabel("gain (right of 0 is better), in the measure's own unit")
    axes.grid(visible=False, axis="y")
    caption = (
        "Point: the gain; line: its 95% interval over dialogues; on the right the measure before and after. "
        "Where the line crosses 0 the gain may be chance."
    )
    return Picture(figure, finding, caption, f"Gains of the recalibration with intervals. {finding}.")


def _listed(rows: pd.DataFrame, word: str) -> str:
    names = " and ".join(NAMES[name] for name in rows["measure"])
    return f"{names} {word}" if names else f"nothing is certainly {word}"


@styled
def listening(table: pd.DataFrame, chosen: pd.Series[float], duration_s: float) -> Shown:
    """Draw the errors caught against the minutes of listening, from `review.curve` and `review.choose`;
    `duration_s` is how long the calls last together."""
    if table.empty or not table["expected"].max() > 0:
        return Note("The recognizer doubts no word, so listening again promises nothing.")
    finding = (
        f"{chosen['minutes']:.0f} minutes of listening, {percent(60 * chosen['minutes'] / duration_s)} of the calls, "
        f"should catch {percent(float(chosen['share']))} of the wrong words (threshold {chosen['below']:.2f})"
    )
    found = ""
    if "caught" in table:
        found = f" Of {int(table['caught'].max()):,} wrong words {int(chosen['caught']):,} are in them."
    figure, axes = canvas(finding, 3.4)
    every = float(table["expected"].max() / table["share"].max())
    axes.plot(
        [0, duration_s / 60], [0, every], color=GREY, linestyle="--", linewidth=1, label="listening to all"
    )
    axes.plot(table["minutes"], table["expected"], color=BLUE, marker="o", markersize=3, label="expected")
    if "caught" in table:
        axes.plot(
            table["minutes"],
            table["caught"],
            color=VERMILION,
            marker="^",
            markersize=3,
            linewidth=1,
            label="found",
        )
    axes.plot(chosen["minutes"], chosen["expected"], "*", color=PURPLE, markersize=16, label="chosen")
    axes.set_xlim(0, max(duration_s / 60, float(table["minutes"].max())))
    axes.set_ylim(0, None)
    axes.set_xlabel("minutes of listening")
    axes.set_ylabel("wrong words")
    axes.legend(loc="lower right")
    caption = (
        f"Each dot is a threshold: what is under it is heard, {count(int(chosen['items']), 'passage')} at the "
        f"star.{found} Thinking and typing take time too. Words that were never written cannot be found so."
    )
    return Picture(figure, finding, caption, f"Curve of errors caught by minutes of listening. {finding}.")
