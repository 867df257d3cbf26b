"""What a voice sounds like: GE2E speaker embeddings, Resemblyzer's weights evaluated in numpy."""

from __future__ import annotations

import collections
import pickle
import struct
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from speechkit.errors import ModelError

RATE: Final = 16000
FFT, HOP, BANDS, CELLS, LAYERS = 400, 160, 40, 256, 3  # the network was trained on these
LEVEL_DB: Final = -30.0  # and on sound of at least this level
BATCH: Final = 64  # windows at a time: the gates of more no longer fit the cache

Floats = NDArray[np.float32]


class VoiceEncoder:
    """Three LSTM layers over a mel spectrogram, and a projection to 256 numbers of length one."""

    def __init__(self, weights: dict[str, Floats]) -> None:
        self._layers = [
            (
                np.ascontiguousarray(weights[f"lstm.weight_ih_l{i}"].T),
                np.ascontiguousarray(weights[f"lstm.weight_hh_l{i}"].T),
                weights[f"lstm.bias_ih_l{i}"] + weights[f"lstm.bias_hh_l{i}"],
            )
            for i in range(LAYERS)
        ]
        self._linear = np.ascontiguousarray(weights["linear.weight"].T), weights["linear.bias"]

    @classmethod
    def load(cls, path: Path) -> VoiceEncoder:
        """Read the weights; raises ModelError where the file does not hold them."""
        return cls(read_checkpoint(path))

    def embed(self, windows: Floats) -> Floats:
        """Embeddings (n, 256), each of length one, of n windows (n, frames, 40) of a mel spectrogram."""
        parts = [self._embed(windows[i : i + BATCH]) for i in range(0, len(windows), BATCH)]
        return np.concatenate(parts) if parts else np.zeros((0, CELLS), np.float32)

    def _embed(self, windows: Floats) -> Floats:
        count, length, _ = windows.shape
        hidden: Floats = windows.transpose(1, 0, 2)
        for w_in, w_state, bias in self._layers:
            gates = hidden @ w_in + bias
            hidden = np.empty((length, count, CELLS), np.float32)
            state = np.zeros((count, CELLS), np.float32)
            cell = np.zeros_like(state)
            for step in range(length):
                total = gates[step]
                total += state @ w_state
                new = np.tanh(total[:, 2 * CELLS : 3 * CELLS])
                soft = expit(total)
                cell = soft[:, CELLS : 2 * CELLS] * cell + soft[:, :CELLS] * new
                state = soft[:, 3 * CELLS :] * np.tanh(cell)
                hidden[step] = state
        weight, bias = self._linear
        raw = np.maximum(hidden[-1] @ weight + bias, 0)
        return np.asarray(raw / np.maximum(np.linalg.norm(raw, axis=1, keepdims=True), 1e-9), np.float32)


def mel_spectrogram(samples: Floats) -> Floats:
    """Mel spectrogram (frames, 40) of power, not logarithmic, of mono sound at 16 kHz: a frame every 10 ms."""
    level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
    if 0 < level < (target := 10 ** (LEVEL_DB / 20)):
        samples = samples * np.float32(target / level)
    padded = np.pad(samples, FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP]
    window = np.hanning(FFT + 1)[:-1].astype(np.float32)
    out = np.empty((len(frames), BANDS), np.float32)
    bands = _mel_bands()
    for start in range(0, len(frames), 4096):  # flat memory
        spectrum = np.fft.rfft(frames[start : start + 4096] * window, axis=1)
        out[start : start + 4096] = (np.abs(spectrum) ** 2).astype(np.float32) @ bands
    return out


def _mel_bands() -> Floats:
    """Triangles (201, 40) of equal area, spaced on Slaney's mel scale: linear to 1 kHz, logarithmic above."""
    step = np.log(6.4) / 27
    top = 15.0 + np.log(RATE / 2 / 1000.0) / step
    mels = np.linspace(0.0, top, BANDS + 2)
    hertz = np.where(mels < 15.0, mels * 200.0 / 3, 1000.0 * np.exp(step * (mels - 15.0)))
    bins = np.fft.rfftfreq(FFT, 1 / RATE)[:, None]
    rising = (bins - hertz[:-2]) / np.diff(hertz[:-1])
    falling = (hertz[2:] - bins) / np.diff(hertz[1:])
    triangles = np.maximum(0, np.minimum(rising, falling)) * 2 / (hertz[2:] - hertz[:-2])
    return np.asarray(triangles, np.float32)


class _Unpickler(pickle.Unpickler):
    """Reads a torch checkpoint and nothing else: a pickle may otherwise run any code."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda *arguments: arguments
        if module == "torch" and name.endswith("Storage"):
            return name
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a checkpoint")

    def persistent_load(self, pid: Any) -> Any:
        return pid


def read_checkpoint(path: Path) -> dict[str, Floats]:
    """The float tensors of `model_state` in a torch checkpoint of the format before 1.6: pickles, then raw storages."""
    try:
        with path.open("rb") as file:
            for _ in range(3):  # magic number, protocol, sizes of types
                _Unpickler(file).load()
            state = _Unpickler(file).load()["model_state"]
            storages = _read_storages(file, _Unpickler(file).load(), {t[0][2] for t in state.values()})
        tensors = {}
        for name, ((_, kind, key, *_), offset, shape, stride, *_) in state.items():
            if kind != "FloatStorage":
                raise ValueError(f"{name} is a {kind}")
            strides = [4 * s for s in stride]
            view = np.lib.stride_tricks.as_strided(storages[key][offset:], shape, strides, writeable=False)
            tensors[name] = np.array(view, np.float32)
        return tensors
    except (OSError, ValueError, KeyError, EOFError, struct.error, pickle.UnpicklingError) as error:
        raise ModelError(
            f"the voice model {path} cannot be read: {error}. Delete it and run `make models`."
        ) from None


def _read_storages(file: BinaryIO, keys: list[str], wanted: set[str]) -> dict[str, Floats]:
    """Float storages by key, in the order of `keys`: a count of 8 bytes, then the numbers.

    Those after the last wanted one, an optimizer's, may be of other types and are not read.
    """
    found: dict[str, Floats] = {}
    for key in keys:
        if wanted <= found.keys():
            break
        (count,) = struct.unpack("<q", file.read(8))
        found[key] = np.frombuffer(file.read(4 * count), "<f4")
    return found
