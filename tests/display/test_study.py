"""Figures of the study: their titles follow the numbers, also when these are turned around."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from speechkit.analysis.comparison import Study, judge
from speechkit.analysis.latency import measure_latency
from speechkit.analysis.normalize import PLAIN
from speechkit.display import study
from speechkit.display.picture import Note, Picture
from speechkit.errors import TranscriptError
from speechkit.transcripts.events import EVENTS
from speechkit.transcripts.schema import Transcript
from tests.analysis.test_latency import session

TEXT = "the brioflex plan costs twenty two dollars and you will get it on friday morning at home"
SAID = TEXT.split()


def calls(wrong: Sequence[int]) -> Transcript:
    """A call for each number: how many of its words are wrong."""
    names = [f"c{i:02d}" for i in range(len(wrong))]
    text = [" ".join(["zulu"] * bad + SAID[bad:]) for bad in wrong]
    said = pd.DataFrame(
        {"call_id": names, "phrase_id": [f"{n}:0001" for n in names], "channel": 0, "lexical": text}
    )
    return Transcript(pd.DataFrame({"call_id": names}), said)


def judged(**wrong: Sequence[int]) -> Study:
    some = {name: calls(counts) for name, counts in wrong.items()}
    size = len(next(iter(wrong.values())))
    return judge(some, calls([0] * size), rules=PLAIN)


FEW, MANY = [0, 1, 0, 1, 2, 0, 1, 1], [3, 4, 2, 5, 4, 3, 2, 4]


@pytest.mark.parametrize(
    ("batch", "live", "says"),
    [
        pytest.param(FEW, MANY, "The word error rate of real time is 15.4 points higher than that of batch: more",
                     id="real time is worse?"),
        pytest.param(MANY, FEW, "The word error rate of batch is 15.4 points higher than that of real time: more",
                     id="real time is better?"),
        pytest.param(FEW, FEW, "The word error rates of batch and real time are the same", id="no difference?"),
        pytest.param([0, 1, 0, 2, 1, 1], [1, 0, 1, 1, 2, 1], "which may be chance (p = 1.00)", id="by chance?"),
        pytest.param([0, 0], [3, 4], "p = 0.50, too little to tell with 2 calls", id="too few calls?"),
    ],
)  # fmt: skip
def test_the_title_says_who_errs_more_and_whether_that_is_chance(
    batch: list[int], live: list[int], says: str
) -> None:
    result = judged(batch=batch, realtime=live)
    picture = study.rates(result)
    assert isinstance(picture, Picture)
    assert says in picture.finding == study.verdict(result)


def test_calls_and_classes_tell_where_the_errors_sit() -> None:
    result = judged(batch=FEW, realtime=MANY)
    assert study.by_call(result).finding == "Real time errs more than batch in all 8 calls, less in 0"
    turned = study.by_call(judged(batch=MANY, realtime=FEW))
    assert turned.finding == "Real time errs more than batch in none of 8 calls, less in 8"
    picture = study.by_class(result, {"product": ["Brioflex"]})
    assert picture.finding == "Real time errs most on product names: 100% of 8 words"
    assert "product names" in [t.get_text().split("\n")[0] for t in picture.figure.axes[0].get_yticklabels()]


def test_without_a_reference_batch_stands_in_and_every_sentence_says_so() -> None:
    result = judge({"batch": calls(FEW), "realtime": calls(MANY)}, rules=PLAIN)
    assert result.comparison is None
    assert study.rates(result).finding == "Real time differs from batch in 15% of the words"
    assert study.reference(result).text.startswith("There is no reference: batch stands in for one")
    assert "a reference would tell" in study.choice(result, measure_latency(*session([SAID[:6]], 0.5))).text
    assert study.by_call(result).finding.startswith("The word error rate of real time lies between")
    with pytest.raises(TranscriptError, match="no second transcript beside batch"):
        judge({"batch": calls(FEW)})


def test_a_reference_of_other_calls_is_named() -> None:
    other = calls([0, 0])
    renamed = Transcript(other.calls.assign(call_id=["x1", "x2"]), other.phrases.assign(call_id=["x1", "x2"]))
    with pytest.raises(
        TranscriptError, match="reference is of other calls: it has x1, x2, the transcript has c00"
    ):
        judge({"batch": calls(FEW)}, renamed)
    with pytest.raises(TranscriptError, match="no call is in all transcripts"):
        judge({"batch": calls(FEW[:1]), "realtime": calls(FEW[:3]).filter(call_id=["c02"])}, calls([0] * 4))


def test_calls_that_one_side_lacks_are_named_and_left_out() -> None:
    result = judge({"batch": calls(FEW), "realtime": calls(MANY[:5])}, calls([0] * 9), rules=PLAIN)
    assert {len(a.calls) for a in result.scored.values()} == {5}
    text = study.reference(result).text
    assert "batch: 1 call of the reference without a transcript, not scored: c08." in text
    assert "words in 5 calls" in text


def test_delays_and_changes_are_told_in_seconds() -> None:
    quick, slow = (measure_latency(*session([SAID[:6], SAID[6:10]], delay)) for delay in (0.3, 1.1))
    assert study.delays(quick).finding.startswith("Half of the words stand 0.3 s after they were spoken")
    assert study.delays(slow).finding.startswith("Half of the words stand 1.1 s after they were spoken")
    assert "for 100 final words 0 shown words were changed" in study.stability(quick).text
    assert "overloaded" not in study.stability(quick).text
    events, transcript = session([SAID[:6], SAID[6:10]], 1.1)
    held_up = measure_latency(
        events.assign(sent_s=events["sent_s"] - np.linspace(0, 0.9, len(events))), transcript
    )
    assert held_up.behind_s > 0.5
    assert "this machine was overloaded" in study.stability(held_up).text
    trailing = events.assign(arrived_s=events["arrived_s"] + np.repeat([0.0, 20.0], [len(events) - 1, 1]))
    assert (
        "the last words came 20 s after the sound"
        in study.stability(measure_latency(trailing, transcript)).text
    )
    changing = measure_latency(*session([["alpha", "bravo", "delta"]], 0.5, garble=True))
    assert "for 100 final words 100 shown words were changed" in study.stability(changing).text


def test_what_to_choose_follows_from_accuracy() -> None:
    latency = measure_latency(*session([SAID[:6]], 0.5))
    worse = study.choice(judged(batch=FEW, realtime=MANY), latency).text
    better = study.choice(judged(batch=MANY, realtime=FEW), latency).text
    assert "batch or fast for what is kept" in worse
    assert "Accuracy does not decide here" in better
    assert "within 0.5 s" in worse


def test_without_words_a_sentence_stands_instead() -> None:
    nothing = measure_latency(
        pd.DataFrame(columns=list(EVENTS)), Transcript(pd.DataFrame({"call_id": ["c1"]}))
    )
    assert isinstance(study.delays(nothing), Note)
    assert "nothing changed" in study.stability(nothing).text
    assert "shows half of the words" not in study.choice(judged(batch=FEW, realtime=MANY), nothing).text


def test_no_mark_is_outside_its_axes() -> None:
    for picture in (
        study.rates(judged(batch=FEW)),
        study.by_call(judged(batch=FEW, realtime=[len(SAID)] * 8)),
    ):
        axes = picture.figure.axes[0]
        low, high = axes.get_xlim()
        spots = np.concatenate(
            [c.get_offsets()[:, 0] for c in axes.collections if len(c.get_offsets())] or [[0.0]]
        )
        assert low <= spots.min() <= spots.max() <= high
