"""Lay the turns of a dialogue out in time and mix them to the sound of a call."""

from __future__ import annotations

import random
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from dialogue import Dialogue, Gap, Mark
from voices import RATE, Span, Utterance

LEAD_S, TAIL_S = 0.4, 0.6
GAP_S = (0.2, 0.8)  # between turns; people answer after 0.2 s on average, on the telephone a little later
EDGE_S = (0.05, 0.1)  # sound kept before the first and after the last word of a piece
LEVEL_DB, PEAK = -22.0, 0.8
FLOOR_DB, LINE_DB = -75.0, -48.0  # noise of a quiet line, and of a bad one
SPEECH_GAP_S = 0.3  # a shorter silence between two words does not end a stretch of speech
TONES_S = 45.0


@dataclass(frozen=True)
class Segment:
    """A piece of speech in the call; `spans` are the times of `words` in seconds of the recording."""

    speaker: str
    channel: int
    text: str
    words: tuple[str, ...]
    spans: list[Span]
    marks: tuple[Mark, ...]
    start_s: float
    end_s: float
    at: int
    samples: np.ndarray


@dataclass(frozen=True)
class Timeline:
    """Segments in the order of the dialogue, the holds, and the length of the call in seconds."""

    segments: list[Segment]
    holds: list[Span]
    duration_s: float


def level(samples: np.ndarray, words: list[Span]) -> np.ndarray:
    """Scale speech so that the RMS of its words is LEVEL_DB below full scale, its peak at most PEAK."""
    spoken = np.concatenate([samples[int(a * RATE) : int(b * RATE)] for a, b in words])
    gain = 10 ** (LEVEL_DB / 20) / float(np.sqrt(np.mean(spoken**2)))
    return samples * min(gain, PEAK / float(np.abs(samples).max()))


def place(dialogue: Dialogue, utterances: list[Utterance]) -> Timeline:
    """Give each piece its time; gaps come from a generator seeded with the call id."""
    rng = random.Random(dialogue.call_id)
    spoken = iter(utterances)
    segments: list[Segment] = []
    holds: list[Span] = []
    ended_s = LEAD_S
    for number, turn in enumerate(dialogue.turns):
        gap_s = rng.uniform(*GAP_S) if number else 0.0
        clock_s = ended_s - turn.over_s if turn.over_s else ended_s + gap_s
        if clock_s < 0:
            raise ValueError(f"{dialogue.call_id}: turn {number + 1} would begin before the call")
        for part in turn.parts:
            if isinstance(part, Gap):
                if part.kind == "hold":
                    holds.append((clock_s, clock_s + part.seconds))
                clock_s += part.seconds
                continue
            utterance = next(spoken)
            # Whole samples from here on, so that times and sound cannot drift apart.
            at = round(clock_s * RATE)
            first, last = utterance.words[0][0], utterance.words[-1][1]
            cut = max(0, round((first - EDGE_S[0]) * RATE))
            samples = utterance.samples[cut : round((last + EDGE_S[1]) * RATE)]
            shift = (at - cut) / RATE
            spans = [(round(a + shift, 3), round(b + shift, 3)) for a, b in utterance.words]
            segments.append(
                Segment(
                    turn.speaker,
                    dialogue.channel(turn.speaker),
                    part.text,
                    part.words,
                    spans,
                    part.marks,
                    spans[0][0],
                    spans[-1][1],
                    at,
                    _fade(level(samples, [(a - at / RATE, b - at / RATE) for a, b in spans])),
                )
            )
            clock_s = segments[-1].end_s
        ended_s = max(ended_s, clock_s)
    duration_s = ended_s + TAIL_S if segments else TONES_S
    return Timeline(segments, holds, round(duration_s, 3))


def _fade(samples: np.ndarray) -> np.ndarray:
    n = round(0.01 * RATE)
    ramp = np.linspace(0, 1, n, dtype=np.float32)
    faded = samples.copy()
    faded[:n] *= ramp
    faded[-n:] *= ramp[::-1]
    return faded


def mix(dialogue: Dialogue, timeline: Timeline) -> np.ndarray:
    """Return the call as float32 of shape (samples, channels) at 16 kHz."""
    n = round(timeline.duration_s * RATE)
    call = np.zeros((n, dialogue.channels), np.float32)
    for segment in timeline.segments:
        fits = segment.samples[: n - segment.at]
        call[segment.at : segment.at + len(fits), segment.channel] += fits
    if dialogue.head.get("hold") == "tone":
        for start, end in timeline.holds:
            tone = _hold_tone(end - start)
            at = round(start * RATE)
            call[at : at + len(tone), 0] += tone
    if dialogue.head.get("tones"):
        call[:, 0] += _voicemail(timeline.duration_s)[:n]
    rng = np.random.default_rng(crc32(dialogue.call_id.encode()))
    line = dialogue.head.get("noise") == "line"
    for channel in range(dialogue.channels):
        call[:, channel] += _noise(rng, n, LINE_DB if line else FLOOR_DB, hum=line)
    return call


def _noise(rng: np.random.Generator, n: int, level_db: float, hum: bool) -> np.ndarray:
    amplitude = 10 ** (level_db / 20)
    noise = rng.standard_normal(n) * amplitude
    if hum:
        t = np.arange(n) / RATE
        noise += amplitude * sum(
            np.sin(2 * np.pi * 60 * k * t + k) / k
            for k in (2, 3, 5)  # mains hum, 60 Hz and harmonics
        )
        for at in rng.integers(0, n - 200, size=int(n / RATE * 0.7)):  # crackle
            noise[at : at + 200] += rng.standard_normal(200) * amplitude * 8 * np.exp(-np.arange(200) / 30)
    return noise.astype(np.float32)


def _tone(seconds: float, *frequencies: float, level_db: float) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * f * t) for f in frequencies) / len(frequencies)
    return _fade((tone * 10 ** (level_db / 20)).astype(np.float32))


def _hold_tone(seconds: float) -> np.ndarray:
    """Two soft notes every four seconds."""
    hold = np.zeros(round(seconds * RATE), np.float32)
    for start in np.arange(0.5, seconds - 1.5, 4.0):
        for offset, frequency in ((0.0, 523.25), (0.5, 659.25)):
            note = _tone(0.8, frequency, level_db=-34) * np.exp(-np.arange(round(0.8 * RATE)) / (0.25 * RATE))
            at = round((start + offset) * RATE)
            hold[at : at + len(note)] += note.astype(np.float32)
    return hold


def _voicemail(seconds: float) -> np.ndarray:
    """Three rings, the beep, nobody speaks, then the reorder tone: North American frequencies."""
    call = np.zeros(round(seconds * RATE), np.float32)
    for ring in range(3):
        _add(call, 1 + 6 * ring, _tone(2, 440, 480, level_db=-18))
    _add(call, 20, _tone(0.5, 1000, level_db=-16))
    for pulse in range(16):
        _add(call, 36 + pulse * 0.5, _tone(0.25, 480, 620, level_db=-20))
    return call


def _add(call: np.ndarray, at_s: float, sound: np.ndarray) -> None:
    at = round(at_s * RATE)
    call[at : at + len(sound)] += sound[: len(call) - at]


def speech(segments: list[Segment]) -> list[tuple[Segment, float, float]]:
    """Split segments where nobody speaks for SPEECH_GAP_S or more: (segment, start, end) in time order."""
    stretches = []
    for segment in segments:
        start, end = segment.spans[0]
        for a, b in segment.spans[1:]:
            if a - end >= SPEECH_GAP_S:
                stretches.append((segment, start, end))
                start = a
            end = b
        stretches.append((segment, start, end))
    return sorted(stretches, key=lambda stretch: (stretch[1], stretch[2]))


def overlap_share(timeline: Timeline) -> float:
    """Seconds where two people speak at once, divided by the seconds where anybody does; 0 without speech."""
    edges = sorted(edge for _, start, end in speech(timeline.segments) for edge in ((start, 1), (end, -1)))
    speaking, last, any_s, both_s = 0, 0.0, 0.0, 0.0
    for at, step in edges:
        any_s += (at - last) * (speaking > 0)
        both_s += (at - last) * (speaking > 1)
        speaking, last = speaking + step, at
    return both_s / any_s if any_s else 0.0
