"""Speak text with the voices of Debian's festival and flite, and say when each word was spoken."""

from __future__ import annotations

import ctypes
import ctypes.util
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

RATE = 16_000
SLT = "cmu_us_slt_arctic_hts"
SLT_FOLDER = Path("/usr/share/festival/voices/us") / SLT
# Below 1 is faster. So all three speak at about 195 words a minute: lively, as on the telephone.
STRETCH = {"slt": 1.0, "rms": 0.92, "awb": 1.02}

Span = tuple[float, float]

_UNSPOKEN = str.maketrans("’", "'", '"“”()\\')


class VoiceError(RuntimeError):
    """A voice is missing or did not do what it should."""


@dataclass(frozen=True)
class Utterance:
    """Mono `samples` (float32, 16 kHz) and start and end in seconds of each whitespace token."""

    samples: np.ndarray
    words: list[Span]


def missing_packages() -> list[str]:
    """Name the Debian packages that are absent; an empty list means that everything is there."""
    missing = [] if shutil.which("festival") else ["festival"]
    missing += [] if SLT_FOLDER.is_dir() else ["festvox-us-slt-hts"]
    try:
        _Flite()
    except OSError:
        missing.append("flite")  # brings libflite1 with the voices rms and awb
    return missing


def speak(lines: list[tuple[str, str]]) -> list[Utterance]:
    """Speak (voice, text) pairs, in order; the same text always gives the same samples.

    The tokens of a text are what whitespace separates; each must hold something to say.
    VoiceError where a voice made other tokens of it, or gave them no sensible times (the message has the
    position, not the text).
    """
    lines = [(voice, text.translate(_UNSPOKEN)) for voice, text in lines]
    slt = iter(_festival([text for voice, text in lines if voice == "slt"]))
    flite = _Flite()
    spoken = [next(slt) if voice == "slt" else flite.speak(voice, text) for voice, text in lines]
    for number, ((voice, text), utterance) in enumerate(zip(lines, spoken, strict=True), 1):
        if len(utterance.words) != len(text.split()):
            raise VoiceError(
                f"piece {number} (voice {voice}): {len(text.split())} tokens written, "
                f"{len(utterance.words)} spoken; avoid signs and abbreviations in it"
            )
        edges = [edge for span in utterance.words for edge in span]
        if edges != sorted(edges) or any(a >= b for a, b in utterance.words):
            raise VoiceError(f"piece {number} (voice {voice}): its word times are out of order")
    return spoken


_SCHEME = """
(voice_{voice})
(Parameter.set 'Duration_Stretch {stretch})
(define (speak text name)
  (let ((utt (utt.synth (eval (list 'Utterance 'Text text)))))
    (mapcar
      (lambda (w)
        (format t "%s %d %f %f\\n" name (if (item.relation.prev w 'Token) 0 1)
          (item.feat w "word_start") (item.feat w "word_end")))
      (utt.relation.items utt 'Word))
    (utt.save.wave utt (string-append name ".wav") 'riff)))
"""


def _festival(texts: list[str]) -> list[Utterance]:
    if not texts:
        return []
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "speak.scm")
        script.write_text(
            _SCHEME.format(voice=SLT, stretch=STRETCH["slt"])
            + "\n".join(f'(speak "{text}" "{i}")' for i, text in enumerate(texts))
        )
        done = subprocess.run(
            ["festival", "-b", script.name], cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise VoiceError(f"festival ended with status {done.returncode}: {done.stderr.strip()[-200:]}")
        words: list[list[Span]] = [[] for _ in texts]
        for line in done.stdout.splitlines():
            name, first, start, end = line.split()
            _add_word(words[int(name)], first == "1", float(start), float(end))
        spoken = []
        for i, spans in enumerate(words):
            samples, rate = sf.read(Path(folder, f"{i}.wav"), dtype="float32")
            spoken.append(Utterance(soxr.resample(samples, rate, RATE), spans))
        return spoken


def _add_word(spans: list[Span], first: bool, start: float, end: float) -> None:
    """Append a synthesizer's word, or join it to the token it belongs to (well-known is two words)."""
    if first:
        spans.append((start, end))
    else:
        # Festival gives a bare 's to the syllable before it, and no time of its own.
        spans[-1] = (spans[-1][0], max(end, spans[-1][1]))


class _Wave(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_int16)),
    )


class _Voice(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("features", ctypes.c_void_p))


class _Flite:
    """libflite called directly: the flite command prints phone times only, the library knows the words."""

    def __init__(self) -> None:
        pointer, text, real = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_float
        self.lib = ctypes.CDLL("libflite.so.1", mode=ctypes.RTLD_GLOBAL)
        for name in ("usenglish", "cmulex"):
            ctypes.CDLL(f"libflite_{name}.so.1", mode=ctypes.RTLD_GLOBAL)
        signatures = {
            "feat_set_float": (None, [pointer, text, real]),
            "flite_synth_text": (pointer, [text, ctypes.POINTER(_Voice)]),
            "utt_wave": (ctypes.POINTER(_Wave), [pointer]),
            "utt_relation": (pointer, [pointer, text]),
            "relation_head": (pointer, [pointer]),
            "item_next": (pointer, [pointer]),
            "flite_ffeature_string": (text, [pointer, text]),
            "flite_ffeature_float": (real, [pointer, text]),
            "delete_utterance": (None, [pointer]),
        }
        for name, (result, arguments) in signatures.items():
            function = getattr(self.lib, name)
            function.restype, function.argtypes = result, arguments
        self.lib.flite_init()
        self.libc = ctypes.CDLL(ctypes.util.find_library("c"))
        self.voices = {name: self._register(name) for name in ("rms", "awb")}

    def _register(self, name: str) -> ctypes._Pointer[_Voice]:
        register = getattr(ctypes.CDLL(f"libflite_cmu_us_{name}.so.1"), f"register_cmu_us_{name}")
        register.restype, register.argtypes = ctypes.POINTER(_Voice), [ctypes.c_char_p]
        voice = register(None)
        self.lib.feat_set_float(voice.contents.features, b"duration_stretch", STRETCH[name])
        return voice

    def speak(self, voice: str, text: str) -> Utterance:
        # The excitation's noise comes from rand(): without a fresh seed it depends on what was said before.
        self.libc.srand(1)
        utterance = self.lib.flite_synth_text(text.encode(), self.voices[voice])
        wave = self.lib.utt_wave(utterance).contents
        if wave.sample_rate != RATE or wave.num_channels != 1:
            raise VoiceError(f"flite's {voice} speaks at {wave.sample_rate} Hz, not at {RATE} Hz mono")
        samples = np.ctypeslib.as_array(wave.samples, (wave.num_samples,)).astype(np.float32) / 32768
        spans: list[Span] = []
        item = self.lib.relation_head(self.lib.utt_relation(utterance, b"Word"))
        while item:
            _add_word(
                spans,
                self.lib.flite_ffeature_string(item, b"R:Token.p.name") == b"0",
                # A phone starts where the one before it ends.
                self.lib.flite_ffeature_float(item, b"R:SylStructure.daughter1.daughter1.R:Segment.p.end"),
                self.lib.flite_ffeature_float(item, b"R:SylStructure.daughtern.daughtern.R:Segment.end"),
            )
            item = self.lib.item_next(item)
        self.lib.delete_utterance(utterance)
        return Utterance(samples, spans)
