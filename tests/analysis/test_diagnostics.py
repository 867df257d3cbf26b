"""What cannot be trusted is named, with what follows and what to do; what can be mended is mended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from speechkit.analysis.diagnostics import MEANINGS, diagnose
from speechkit.audio import write_wav
from speechkit.transcripts.schema import Transcript
from tests.analysis.making import transcript
from tests.sample_call import sample_call

COLUMNS = "call speaker channel start end text"
GOOD = [("c1", "1", 0, 0.0, 2.0, "good morning"), ("c1", "2", 0, 2.5, 4.0, "hi there")]
STEREO = [
    ("c1", None, 0, 0.0, 2.0, "good morning to you all"),
    ("c1", None, 1, 2.5, 4.0, "hi there my friend"),
]


def made(rows: list[tuple[Any, ...]], channels: int = 1, duration_s: float = 60.0) -> Transcript:
    return transcript(rows, COLUMNS, channels=channels, duration_s=duration_s)


def findings(one: Transcript, **options: Any) -> dict[str, str]:
    table = diagnose(one, **options)
    assert table["means"].notna().all()
    assert table["remedy"].notna().all()
    return dict(zip(table["finding"], table["detail"], strict=True))


@pytest.mark.parametrize(
    ("one", "finding", "detail"),
    [
        pytest.param(made([("c1", "1", 0, 0.0, 2.0, "hi"), ("c1", "1", 0, 3.0, 4.0, "so")]),
                     "one speaker", "only speaker 1", id="one-speaker?"),
        pytest.param(made([*GOOD, *[("c1", "1", 0, 5.0 + i, 5.9 + i, "so") for i in range(40)],
                           ("c1", "3", 0, 50.0, 50.4, "oh")]),
                     "tiny share", "of the talk: speaker 3 1.0%", id="a-tiny-share?"),
        pytest.param(made([*GOOD, ("c1", "Unknown", 0, 5.0, 8.5, "so")]),
                     "unlabelled", "1 of 3 phrases (3.5 of 7.0 s) have no speaker", id="unlabelled?"),
        pytest.param(made(GOOD), "one channel", "all parties are on one channel", id="what-mono-loses?"),
        pytest.param(made([("c1", None, 0, 0.0, 2.0, "hi"), ("c1", None, 0, 3.0, 4.0, "so")]),
                     "no speakers", "the phrases of the only channel have no speaker", id="no-speakers?"),
        pytest.param(made(STEREO[:1], 2), "silent channel", "no word on channel 1", id="a-silent-channel?"),
        pytest.param(made([(c, s, ch, a, b, STEREO[0][5]) for c, s, ch, a, b, _ in STEREO], 2),
                     "same channels", "channels 0 and 1 have the same words", id="duplicate-channels?"),
        pytest.param(made([*GOOD, ("c1", "2", 0, 3.0, 5.0, "again")]), "times run backwards",
                     "1 phrases begin before the same speaker's last one ends", id="overlapping-phrases?"),
        pytest.param(made([*GOOD, ("c1", "2", 0, 9.0, 8.0, "again")]), "times run backwards",
                     "1 phrases end before they begin", id="inverted?"),
        pytest.param(made(GOOD, duration_s=3.0), "past the end",
                     "the last word ends at 0:04, the recording at 0:03", id="past-the-end?"),
        pytest.param(made([("c1", "1", 0, 0.0, 2.0, "")]), "no words", "nothing was recognized", id="no-text?"),
        pytest.param(Transcript(pd.DataFrame({"call_id": ["c1"]})), "no words", "nothing was recognized",
                     id="no-phrases?"),
        pytest.param(made(GOOD[:1]), "one phrase", "a single phrase was recognized", id="one-phrase?"),
        pytest.param(made([(c, s, ch, None, None, t) for c, s, ch, _, _, t in GOOD]), "no times",
                     "no phrase has a time", id="no-times?"),
        pytest.param(made(GOOD), "no word times", "no word has a time", id="no-word-times?"),
        pytest.param(made(GOOD), "no confidence", "no word and no phrase has one", id="no-confidence?"),
        pytest.param(made([("c1", f"s{i}", 0, float(i), i + 0.5, "so") for i in range(36)]), "many speakers",
                     "36 speakers", id="too-many-speakers?"),
    ],
)  # fmt: skip
def test_what_cannot_be_trusted_is_named(one: Transcript, finding: str, detail: str) -> None:
    found = findings(one)
    assert finding in MEANINGS
    assert found[finding] == detail


def test_a_sound_call_has_nothing_to_say() -> None:
    sound = sample_call(channels=2)
    sound = Transcript(
        sound.calls, sound.phrases.assign(channel=(sound.phrases["speaker"] == "2") * 1), sound.words
    )
    assert findings(sound) == {}


def test_words_out_of_order_are_seen() -> None:
    one = sample_call(channels=1)
    words = one.words
    words.loc[words.index[1], "start_s"] = 0.1
    found = findings(Transcript(one.calls, one.phrases, words))
    assert found["times run backwards"] == "1 words stand before the word in front of them"


@pytest.mark.parametrize(
    ("name", "finding"),
    [
        pytest.param("copy", "same channels", id="what-when-a-channel-is-a-louder-copy?"),
        pytest.param("silent", "silent channel", id="what-when-a-channel-has-only-noise?"),
        pytest.param("good", None, id="what-when-both-are-voices?"),
        pytest.param("mono", None, id="what-when-there-is-one?"),
    ],
)
def test_channels_are_compared_by_their_sound(tmp_path: Path, name: str, finding: str | None) -> None:
    draw = np.random.default_rng(3)
    one, two = (0.1 * draw.standard_normal((2, 16000))).astype(np.float32)
    rows = {"copy": [one, 0.5 * one], "silent": [one, 1e-4 * two], "good": [one, two], "mono": [one]}[name]
    write_wav(tmp_path / "c1.wav", np.stack(rows), 8000)
    found = findings(made(STEREO, 2), recordings={"c1": tmp_path / "c1.wav"})
    assert set(found) & {"same channels", "silent channel"} == ({finding} if finding else set())
