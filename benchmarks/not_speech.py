"""Sounds without a word in them, to see whether a recognizer invents some."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

RATE = 16000
Samples = NDArray[np.float32]


def sounds(seconds: float = 120.0) -> Iterator[tuple[str, Samples]]:
    """Sounds without a word in them, each `seconds` long."""
    draw = np.random.default_rng(7)
    count = int(seconds * RATE)
    t = np.arange(count) / RATE
    white = draw.standard_normal(count)
    spectrum = np.fft.rfft(white) / np.maximum(np.sqrt(np.arange(count // 2 + 1)), 1)
    pink = np.fft.irfft(spectrum, count)
    pink /= np.sqrt(np.mean(pink**2))
    brown = np.fft.irfft(np.fft.rfft(white) / np.maximum(np.arange(count // 2 + 1), 50), count)
    brown /= np.sqrt(np.mean(brown**2))
    yield "digital silence", np.zeros(count, np.float32)
    yield "a quiet line, -70 dB", (white * 10**-3.5).astype(np.float32)
    for title, sound in (("white", white), ("pink", pink), ("brown", brown)):
        for level in (-45, -25):
            yield f"{title} noise, {level} dB", (sound * 10 ** (level / 20)).astype(np.float32)
    hum = sum(np.sin(2 * np.pi * 60 * k * t) / k for k in range(1, 8))
    yield "mains hum and hiss", (0.03 * hum + 0.003 * white).astype(np.float32)
    yield "a tone of 440 Hz", (0.2 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)
    ringing = (np.sin(2 * np.pi * 440 * t) + np.sin(2 * np.pi * 480 * t)) * ((t % 6) < 2)
    yield "ringing", (0.15 * ringing).astype(np.float32)
    low, high = np.array([697, 770, 852, 941]), np.array([1209, 1336, 1477])
    key = (t / 0.25).astype(int)
    dial = np.sin(2 * np.pi * low[(key * 7) % 4] * t) + np.sin(2 * np.pi * high[(key * 5) % 3] * t)
    yield "dialling", (0.15 * dial * ((t % 0.25) < 0.12)).astype(np.float32)
    notes = 220 * 2 ** (draw.integers(0, 25, size=int(seconds / 0.3) + 1) / 12)
    pitch = notes[(t / 0.3).astype(int)]
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    decay = np.exp(-(t % 0.3) * 6)
    melody = sum(np.sin(k * phase) / k for k in range(1, 6)) * decay
    chord = sum(np.sin(2 * np.pi * f * t) for f in (130.8, 164.8, 196.0)) * (
        0.6 + 0.4 * np.sin(2 * np.pi * 0.5 * t)
    )
    yield "music: melody", (0.1 * melody).astype(np.float32)
    yield "music: melody, chords, hiss", (0.07 * melody + 0.05 * chord + 0.01 * white).astype(np.float32)
    clicks = np.convolve((draw.random(count) < 3 / RATE) * 1.0, np.hanning(80), mode="same") * white
    yield "crackling line", (0.3 * clicks + 0.01 * pink).astype(np.float32)
