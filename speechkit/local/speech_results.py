"""What real time and short audio answer for a phrase: the simple and the detailed shape of the Speech SDK."""

from __future__ import annotations

from typing import Any

from speechkit.local.forms import Profanity, Punctuation, filter_text, forms
from speechkit.local.recognition import Phrase, Word
from speechkit.local.results import other_form, sure
from speechkit.local.speech_protocol import ticks


def phrase_result(
    phrase: Phrase,
    *,
    detailed: bool = False,
    words: bool = False,
    profanity: Profanity = "Masked",
    punctuation: Punctuation = "DictatedAndAutomatic",
    until_s: float | None = None,
) -> dict[str, Any]:
    """A recognized phrase; `until_s` is where its sound ends when that is after its last word.

    >>> said = [Word("Hello", "hello", 1.0, 1.4, 0.9), Word("there.", "there", 1.5, 1.8, 0.8)]
    >>> phrase_result(Phrase(1.0, 1.8, 0.85, "Hello there.", said))["DisplayText"]
    'Hello there.'
    """
    form = forms(phrase, profanity, punctuation)
    offset = ticks(phrase.start_s)
    result: dict[str, Any] = {
        "RecognitionStatus": "Success",
        "Offset": offset,
        "Duration": ticks(max(phrase.end_s, until_s or 0.0)) - offset,
        "DisplayText": form.display,
    }
    if not detailed:
        return result
    best: dict[str, Any] = {
        "Confidence": sure(phrase.confidence),
        "Lexical": form.lexical,
        "ITN": form.itn,
        "MaskedITN": form.masked_itn,
        "Display": form.display,
    }
    if words:
        best["Words"] = [
            {"Word": w.lexical} | _span(w) | {"Confidence": sure(w.confidence)} for w in form.words
        ]
        best["DisplayWords"] = [{"DisplayText": w.text} | _span(w) for w in form.display_words]
    others = [other_form(a.text, a.confidence, profanity) for a in phrase.alternatives]
    result["NBest"] = [best, *({_PASCAL[k]: v for k, v in other.items()} for other in others)]
    return result


_PASCAL = {
    "confidence": "Confidence",
    "lexical": "Lexical",
    "itn": "ITN",
    "maskedITN": "MaskedITN",
    "display": "Display",
}


def hypothesis_text(words: list[str], profanity: Profanity) -> str:
    """The words of a hypothesis as they are shown: as spoken, in lower case.

    >>> hypothesis_text(["what", "crap"], "Masked")
    'what c***'
    """
    return " ".join(filter_text(words, profanity))


def _span(word: Word) -> dict[str, int]:
    offset = ticks(word.start_s)
    return {"Offset": offset, "Duration": max(0, ticks(word.end_s) - offset)}
