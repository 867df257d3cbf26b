"""Another recognizer for the local service: a Whisper model of the user's own, run by faster-whisper.

`speechkit serve --engine whisper --model DIR`. The folder is one that CTranslate2 reads: `model.bin`,
`config.json`, `tokenizer.json` and `vocabulary.json` or `vocabulary.txt`. Nothing is fetched.
"""

from __future__ import annotations

import hashlib
import json
import os
import string
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from speechkit.errors import LocalServiceError, ModelError
from speechkit.local.diarizer import Diarizer
from speechkit.local.models import find_models
from speechkit.local.recognition import Phrase, Word
from speechkit.local.segments import RATE
from speechkit.local.voices import VoiceEncoder

MULTILINGUAL_TOKENS: Final = (
    51865  # a smaller vocabulary is that of an English model [CTranslate2, whisper.h]
)
# What Whisper was trained on, less the rarest; a locale is served where the documentation has one for it.
_LANGUAGES: Final = (
    "af ar bg bn ca cs cy da de el en es et eu fa fi fr gl gu he hi hr hu hy id is it ja ka kk km kn ko "
    "lo lt lv mk ml mn mr ms mt my ne nl no pa pl ps pt ro ru si sk sl so sq sr sv sw ta te th tr uk ur "
    "uz vi zh"
)
LANGUAGES: Final = tuple(_LANGUAGES.split())

_FILES: Final = ("config.json", "model.bin", "tokenizer.json")
_VOCABULARIES: Final = ("vocabulary.json", "vocabulary.txt")
_MARKS: Final = ' \t\n.,;:!?¿¡…"“”„«»()[]{}。，、！？：；「」-–—'

Samples = NDArray[np.float32]


def require_package() -> None:
    """Raise LocalServiceError when faster-whisper is not installed."""
    if find_spec("faster_whisper") is None:
        raise LocalServiceError(
            "the engine whisper needs the package faster-whisper, which is not installed. Install it with "
            "`pip install 'speechkit[local,whisper]'`."
        )


def check_folder(folder: Path | None) -> Path:
    """Return the folder of a complete model, or raise ModelError that says what is missing."""
    how = (
        "Give a folder with a Whisper model in CTranslate2's format, such as one that "
        "`ct2-transformers-converter --model openai/whisper-small --copy_files tokenizer.json "
        "preprocessor_config.json --output_dir DIR` writes."
    )
    if folder is None:
        raise ModelError(f"the engine whisper needs a model: --engine whisper --model DIR. {how}")
    if not folder.is_dir():
        raise ModelError(f"{folder} is no folder. {how}")
    missing = [name for name in _FILES if not _has(folder / name)]
    if not any(_has(folder / name) for name in _VOCABULARIES):
        missing.append(" or ".join(_VOCABULARIES))
    if missing:
        raise ModelError(f"{folder} holds no complete model: {', '.join(missing)} missing or empty. {how}")
    return folder


def languages_of(folder: Path) -> tuple[str, ...]:
    """Return the languages of a model: English alone, or all that Whisper knows, as its vocabulary's size says."""
    listed = folder / "vocabulary.json"
    try:
        if _has(listed):
            size = len(json.loads(listed.read_text(encoding="utf-8")))
        else:
            with (folder / "vocabulary.txt").open(encoding="utf-8") as lines:
                size = sum(1 for _ in lines)
    except (ValueError, TypeError):
        raise ModelError(f"{listed} cannot be read. Convert or copy the model again.") from None
    return LANGUAGES if size >= MULTILINGUAL_TOKENS else ("en",)


class WhisperEngine:
    """A Whisper model with the interface of `speechkit.local.engine.Engine`.

    It holds a whole recording in memory (230 MB an hour). `version` names the model's files, so that another
    model does not answer from the cache of this one.
    """

    def __init__(self, model: Any, folder: Path, voices: Callable[[], VoiceEncoder]) -> None:
        self._model, self._voices = model, voices
        self.name = f"whisper {folder.name}"
        self.version = _fingerprint(folder)

    @classmethod
    def load(cls, folder: Path) -> WhisperEngine:
        """Load the model of a folder; raises ModelError, or LocalServiceError without faster-whisper."""
        require_package()
        check_folder(folder)
        from faster_whisper import WhisperModel

        try:  # one thread each: the service has a worker a processor
            model = WhisperModel(str(folder), device="cpu", compute_type="auto", cpu_threads=1)
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelError(
                f"{folder} cannot be loaded: {error}. Convert or copy the model again."
            ) from None
        home = Path(os.environ.get("SPEECHKIT_HOME") or "~/.speechkit").expanduser()
        return cls(model, folder, lambda: VoiceEncoder.load(find_models(home / "models").speakers))

    def recognize(
        self,
        samples: Samples | Iterable[Samples],
        *,
        diarize: int | None = None,
        nbest: int = 1,
        phrases: Sequence[str] = (),
        weight: float = 1.0,
        language: str | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> list[Phrase]:
        """Recognize mono float32 sound at 16 kHz, as `Engine.recognize` does.

        `language` is Whisper's code of it; None lets the model find out. Whisper gives one hypothesis only,
        whatever `nbest` asks for, and its hotwords have no weight.
        """
        sound = (
            samples
            if isinstance(samples, np.ndarray)
            else np.concatenate([np.zeros(0, np.float32), *samples])
        )
        if not sound.size:
            return []
        segments, _ = self._model.transcribe(
            sound,
            language=language,
            word_timestamps=True,
            vad_filter=True,  # else it invents words in silence
            condition_on_previous_text=False,  # else it repeats itself
            hotwords=", ".join(phrases) or None,
        )
        heard: list[list[Word]] = []
        diarizer = Diarizer(self._voices()) if diarize else None
        for segment in segments:
            words = words_of(segment)
            if not words:
                continue
            heard.append(words)
            if diarizer:
                start_s, end_s = words[0].start_s, words[-1].end_s
                part = sound[round(start_s * RATE) : round(end_s * RATE)]
                diarizer.add(part, start_s, [(start_s, end_s)])
            if progress:
                progress(words[-1].end_s)
        speakers: list[int | None] = [None] * sum(len(words) for words in heard)
        if diarizer and diarize and heard:
            speakers = list(diarizer.speakers([w for words in heard for w in words], diarize))
        return _phrases(heard, speakers)


def words_of(segment: Any) -> list[Word]:
    """Return the words of one of faster-whisper's segments, with what is no word left out.

    It begins a word at every mark: ` real`, `-time` is one word, as the missing blank says.
    """
    made: list[Word] = []
    for word in segment.words or ():
        text, start_s, end_s = word.word.strip(), float(word.start), float(word.end)
        sure = min(1.0, max(0.0, float(word.probability)))
        if made and word.word[:1] in string.punctuation:
            last = made.pop()
            text, start_s, sure = last.text + text, last.start_s, min(last.confidence, sure)
        lexical = " ".join(part.strip(_MARKS) for part in text.lower().split())
        if lexical:
            made.append(Word(text, lexical, start_s, max(start_s, end_s), sure))
    return made


def _phrases(heard: Iterable[Sequence[Word]], speakers: Sequence[int | None]) -> list[Phrase]:
    """One phrase a segment, and a new one where another voice goes on."""
    made, following = [], iter(speakers)
    for words in heard:
        voiced = [(next(following), word) for word in words]
        for speaker, group in groupby(voiced, key=lambda pair: pair[0]):
            said = [word for _, word in group]
            sure = sum(word.confidence for word in said) / len(said)
            text = " ".join(word.text for word in said)
            made.append(Phrase(said[0].start_s, said[-1].end_s, sure, text, said, speaker))
    return made


def _has(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _fingerprint(folder: Path) -> str:
    """Name a model by its configuration and the size and head of its weights: a gigabyte is not read twice."""
    weights = folder / "model.bin"
    with weights.open("rb") as file:
        head = file.read(1 << 20)
    digest = hashlib.sha256(
        (folder / "config.json").read_bytes() + head + str(weights.stat().st_size).encode()
    )
    return digest.hexdigest()[:12]
