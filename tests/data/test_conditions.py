"""The demo calls as they would sound elsewhere, and the corpus that came of it."""

from __future__ import annotations

from difflib import SequenceMatcher

import make_conditions
import numpy as np
import pytest

from speechkit import demo_data, open_corpus

RATE = make_conditions.RATE


def tone(hz: float, seconds: float = 2.0) -> np.ndarray:
    """One channel of a tone at the level of the voices."""
    at = np.arange(round(RATE * seconds)) / RATE
    return (np.sqrt(2) * 10 ** (-22 / 20) * np.sin(2 * np.pi * hz * at)).astype(np.float32)[None]


def power(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64))))


@pytest.mark.parametrize(("hz", "kept"), [(100, False), (500, True), (2000, True), (3900, False)])
def test_a_telephone_keeps_its_band_and_both_channels(hz: float, kept: bool) -> None:
    stereo = np.concatenate([tone(hz), 0 * tone(hz)])
    made, rate, _ = make_conditions.telephone(stereo, 1)
    assert made.shape == (2, 2 * rate)
    assert (power(made[0]) > -25) is kept
    assert not made[1].any()


@pytest.mark.parametrize("snr_db", [20, 15, 10])
def test_noise_is_as_loud_as_it_says_pink_and_the_same_each_time(snr_db: int) -> None:
    call = np.concatenate([tone(500), tone(700)])
    made, _, _ = make_conditions.noisy(call, 7, snr_db=snr_db)
    noise = made - call
    assert power(call) - power(noise) == pytest.approx(snr_db, abs=0.2)
    assert abs(np.corrcoef(noise)[0, 1]) < 0.1  # each side of a line has its own
    spectrum = np.abs(np.fft.rfft(noise[0])) ** 2
    octave = [spectrum[round(hz * 2.0) : round(hz * 4.0)].sum() for hz in (250, 1000)]
    assert octave[0] == pytest.approx(octave[1], rel=0.15)  # pink: as much in each octave
    assert np.array_equal(made, make_conditions.noisy(call, 7, snr_db=snr_db)[0])
    assert not np.array_equal(made, make_conditions.noisy(call, 8, snr_db=snr_db)[0])


def test_faster_speech_takes_less_time_at_the_same_pitch_on_each_channel() -> None:
    call = np.concatenate([tone(500), tone(700)])
    made, _, _ = make_conditions.faster(call, 1, factor=1.3)
    assert made.shape == (2, pytest.approx(call.shape[1] / 1.3, rel=0.02))
    for row, hz in zip(made, (500, 700), strict=True):
        spectrum = np.abs(np.fft.rfft(row))
        assert np.argmax(spectrum) * RATE / len(row) == pytest.approx(hz, rel=0.02)


def test_the_corpus_has_every_dialogue_in_every_condition() -> None:
    corpus, plain = (open_corpus(demo_data(name)) for name in ("conditions", "corpus"))
    table = corpus.calls.groupby("dialogue")["condition"].agg(set)
    assert table.index.tolist() == plain.call_ids
    assert set(map(frozenset, table)) == {frozenset({make_conditions.AS_RECORDED, *make_conditions.MADE})}
    assert len(corpus.words) >= 15_000
    assert set(corpus.sources) == set(plain.call_ids)  # the others cannot be heard
    assert {"dialogue", "said_by", "voice"} == set(corpus.table("voices"))
    assert corpus.calls["blind"].sum() == 8 * 6


def test_the_corpus_is_of_the_recognizer_as_it_is() -> None:
    corpus, plain = (open_corpus(demo_data(name)) for name in ("conditions", "corpus"))
    heard, known = (
        c.words.loc[c.words["call_id"].isin(plain.call_ids), "word"].tolist() for c in (corpus, plain)
    )
    assert SequenceMatcher(None, heard, known, autojunk=False).ratio() > 0.9, (
        "run: python data/make_conditions.py"
    )
