"""Which locales the recognizer serves: English ones, and with a Whisper model those of its languages, too.

They are opened once, when the service starts, before it answers anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

ENGLISH: Final = tuple(
    f"en-{region}"
    for region in ["AU", "CA", "GB", "GH", "HK", "IE", "IN", "KE", "NG", "NZ", "PH", "SG", "TZ", "US", "ZA"]
)  # the English locales of the Speech documentation
_OTHERS_TEXT: Final = (
    "af-ZA ar-AE ar-EG ar-SA bg-BG bn-IN ca-ES cs-CZ cy-GB da-DK de-AT de-CH de-DE el-GR es-AR es-CO es- "
    "ES es-MX es-US et-EE eu-ES fa-IR fi-FI fr-BE fr-CA fr-CH fr-FR gl-ES gu-IN he-IL hi-IN hr-HR hu-HU "
    "hy-AM id-ID is-IS it-CH it-IT ja-JP ka-GE kk-KZ km-KH kn-IN ko-KR lo-LA lt-LT lv-LV mk-MK ml-IN mn- "
    "MN mr-IN ms-MY mt-MT my-MM nb-NO ne-NP nl-BE nl-NL pa-IN pl-PL ps-AF pt-BR pt-PT ro-RO ru-RU si-LK "
    "sk-SK sl-SI so-SO sq-AL sr-RS sv-SE sw-KE ta-IN te-IN th-TH tr-TR uk-UA ur-IN uz-UZ vi-VN zh-CN zh- "
    "HK zh-TW"
)  # locales of the Speech documentation whose languages Whisper knows, too
_OTHERS: Final = tuple(_OTHERS_TEXT.split())
_CODES: Final = {"nb": "no"}  # where Whisper's code of a language is not the locale's


@dataclass(frozen=True)
class _Served:
    locales: tuple[str, ...] = ENGLISH
    told: bool = False  # whether the recognizer wants to be told the language
    description: str = (
        "Moonshine tiny-en, the same recognizer for every English locale; not a model of Azure."
    )


_now = [_Served()]


def served() -> tuple[str, ...]:
    """Return the locales that are served."""
    return _now[0].locales


def description() -> str:
    """Say in a sentence which model serves them."""
    return _now[0].description


def open_to(languages: Iterable[str], model: str) -> None:
    """Serve the locales of these languages (`en`, `de`) with a model of that description."""
    known = set(languages)
    every = sorted([*ENGLISH, *_OTHERS])
    _now[0] = _Served(tuple(locale for locale in every if _code(locale) in known), True, model)


def close() -> None:
    """Serve again what the recognizer of the package knows: English."""
    _now[0] = _Served()


def language_of(locale: str | None) -> str | None:
    """Return the language that the recognizer is to be told for a locale; None where it knows but one, or is
    to find out.

    >>> language_of("en-US") is None
    True
    """
    return _code(locale) if locale and _now[0].told else None


def among(candidates: Sequence[str]) -> list[str]:
    """Return the served ones of some candidates: one where they are of one language, else one a language.

    >>> among(["de-DE", "en-GB", "en-US"])
    ['en-GB']
    """
    by_language: dict[str, str] = {}
    for locale in candidates:
        if locale in served():
            by_language.setdefault(_code(locale), locale)
    return list(by_language.values())


def not_served(named: Sequence[str]) -> str:
    """Say that locales cannot be recognized, and what can."""
    english = served() == ENGLISH
    what = f"English only, not {', '.join(named)}" if english else f"no {', '.join(named)} with its model"
    return f"The local service recognizes {what}. Use one of {', '.join(served())}, or Azure Speech."


def _code(locale: str) -> str:
    language = locale.partition("-")[0]
    return _CODES.get(language, language)
