"""What is asked of the recognizer, checked before anything is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from typing import Any, Final, Literal, Self, get_args

from speechkit import limits
from speechkit.audio import AudioInfo
from speechkit.errors import RequestRefusedError

Profanity = Literal["None", "Removed", "Tags", "Masked"]
Punctuation = Literal["None", "Dictated", "Automatic", "DictatedAndAutomatic"]

_LOCALE: Final = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?(-[a-z]+)?")
DEFAULT_SPEAKERS: Final = 2  # of a mono call, unless told otherwise


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is asked of the recognizer. Raises RequestRefusedError for what the service would refuse.

    `diarization` is the most speakers to tell apart in a mono recording (2 to 35), None for none. `channels`
    are the channels to recognize, each on its own: None leaves it to the service (batch: both; fast: a mix).
    `words` and `display_words` ask for word times. `candidate_locales` lets the service find the language of
    each part. `phrases` are hints, `biasing_weight` (0 to 2) their strength; batch has neither. `model` is
    the URL of a custom model. `time_to_live_hours` is how long the service keeps a batch job's results.

    >>> Options(diarization=1)
    Traceback (most recent call last):
    speechkit.errors.RequestRefusedError: diarization=1: give 2 to 35 speakers, or None for no diarization.
    """

    locale: str = "en-US"
    diarization: int | None = None
    channels: tuple[int, ...] | None = None
    words: bool = True
    display_words: bool = True
    profanity: Profanity = "Masked"
    punctuation: Punctuation = "DictatedAndAutomatic"
    time_to_live_hours: int = limits.DEFAULT_TIME_TO_LIVE_HOURS
    candidate_locales: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    biasing_weight: float | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        for name in (
            "channels",
            "candidate_locales",
            "phrases",
        ):  # lists are welcome; a frozen key needs tuples
            value = getattr(self, name)
            if isinstance(value, str):
                raise RequestRefusedError(f"{name}={value!r}: give a list.")
            if value is not None:
                object.__setattr__(self, name, tuple(value))
        for locale in (self.locale, *self.candidate_locales):
            if not _LOCALE.fullmatch(locale):
                raise RequestRefusedError(f"locale={locale!r} is not a locale. Write it like en-US.")
        n = self.diarization
        if n is not None and not (_is_int(n) and limits.MIN_SPEAKERS <= n <= limits.MAX_SPEAKERS):
            raise RequestRefusedError(
                f"diarization={n}: give {limits.MIN_SPEAKERS} to {limits.MAX_SPEAKERS} speakers, "
                "or None for no diarization."
            )
        if self.channels is not None and (
            not self.channels
            or len(set(self.channels)) < len(self.channels)
            or not set(self.channels) <= {0, 1}
        ):
            raise RequestRefusedError(f"channels={list(self.channels)}: give [0], [1] or [0, 1].")
        if n is not None and self.channels is not None and len(self.channels) > 1:
            raise RequestRefusedError(
                "diarization is for one channel. Leave it out, and each channel is a speaker, or split them."
            )
        hours = self.time_to_live_hours
        if not _is_int(hours) or not limits.MIN_TIME_TO_LIVE_HOURS <= hours <= limits.MAX_TIME_TO_LIVE_HOURS:
            raise RequestRefusedError(
                f"time_to_live_hours={hours}: give {limits.MIN_TIME_TO_LIVE_HOURS} to "
                f"{limits.MAX_TIME_TO_LIVE_HOURS} hours; {limits.DEFAULT_TIME_TO_LIVE_HOURS} is recommended."
            )
        _one_of("profanity", self.profanity, get_args(Profanity))
        _one_of("punctuation", self.punctuation, get_args(Punctuation))
        weight = self.biasing_weight
        if weight is not None and not 0.0 <= weight <= 2.0:
            raise RequestRefusedError(f"biasing_weight={weight}: give 0 to 2.")
        self._check_candidates()

    def _check_candidates(self) -> None:
        count = len(self.candidate_locales)
        if not count:
            return
        if not limits.MIN_CANDIDATE_LOCALES <= count <= limits.MAX_CANDIDATE_LOCALES:
            raise RequestRefusedError(
                f"{count} candidate_locales: give {limits.MIN_CANDIDATE_LOCALES} "
                f"to {limits.MAX_CANDIDATE_LOCALES}."
            )
        if self.locale not in self.candidate_locales:
            raise RequestRefusedError(
                f"candidate_locales must name the main locale too: add {self.locale}, "
                "or set locale to one of them."
            )

    @classmethod
    def of(cls, **given: Any) -> Self:
        """Make options from keywords; an unknown one is refused with the known ones named."""
        known = [f.name for f in fields(cls)]
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise RequestRefusedError(f"unknown option {', '.join(unknown)}. There are: {', '.join(known)}.")
        return cls(**given)

    def json(self) -> str:
        """Write the options as JSON, the same text for the same options."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    @lru_cache(maxsize=64)
    def of_json(cls, text: str) -> Self:
        """Read what `json` wrote.

        >>> Options.of_json(Options(channels=[0]).json()) == Options(channels=[0])
        True
        """
        return cls(**json.loads(text))

    def for_recording(self, info: AudioInfo | None, *, told: bool) -> Self:
        """Return the options for one recording.

        Unless it was told what to do with speakers and channels, a stereo recording gets a channel each and a
        mono one diarization with two speakers. Raises RequestRefusedError where recording and options do not
        go together; `info` is None for a recording that cannot be probed, such as a URL.
        """
        if info is None:
            return self
        options = self
        if not told:
            stereo = info.channels > 1
            options = replace(
                self,
                channels=(0, 1) if stereo else (0,),
                diarization=None if stereo else DEFAULT_SPEAKERS,
            )
        options.check(info)
        return options

    def check(self, info: AudioInfo) -> None:
        """Raise RequestRefusedError when the service would refuse this recording with these options."""
        name = info.path
        if info.channels > 2:
            raise RequestRefusedError(
                f"{name} has {info.channels} channels, and the service recognizes two. Split its channels "
                "(speechkit.audio.split_channels), or mix them to one."
            )
        if self.diarization and info.channels > 1:
            raise RequestRefusedError(
                f"{name} is stereo, and diarization is for mono recordings. Turn it off, so that each "
                "channel is a speaker, or split the channels (speechkit.audio.split_channels)."
            )
        if self.diarization and info.duration_s > limits.MAX_DIARIZATION_S:
            raise RequestRefusedError(
                f"{name} is {info.duration_s / 60:.0f} minutes long, and diarization takes "
                f"{limits.MAX_DIARIZATION_S / 60:.0f}. Cut the recording, or turn diarization off."
            )
        if self.channels and max(self.channels) >= info.channels and min(self.channels) > 0:
            raise RequestRefusedError(
                f"{name} is mono and has no channel {max(self.channels)}. Give channels=[0], or leave it out."
            )

    # --- as the service wants them -------------------------------------------------------------------------

    def batch_body(
        self,
        name: str,
        *,
        urls: Sequence[str] | None = None,
        container: str | None = None,
        custom: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return the body of `transcriptions:submit` for the URLs of recordings, or of one container.

        >>> Options(locale="en-GB").batch_body("calls", urls=["https://a.example/c1.wav"])["locale"]
        'en-GB'
        """
        if bool(urls) == bool(container):
            raise RequestRefusedError(
                "give either the URLs of recordings or the URL of a container: "
                f"{'both were' if urls else 'neither was'} given."
            )
        if urls and len(urls) > limits.MAX_CONTENT_URLS:
            raise RequestRefusedError(
                f"{len(urls)} recordings in one job, and the service takes {limits.MAX_CONTENT_URLS}. "
                "Send several jobs, as Batch.submit does."
            )
        if self.phrases or self.biasing_weight is not None:
            raise RequestRefusedError(
                "batch takes no phrases. Use fast mode, or a custom model trained with them."
            )
        properties: dict[str, Any] = {
            "timeToLiveHours": self.time_to_live_hours,
            "wordLevelTimestampsEnabled": self.words,
            "displayFormWordLevelTimestampsEnabled": self.display_words,
            "punctuationMode": self.punctuation,
            "profanityFilterMode": self.profanity,
        }
        if self.channels is not None:
            properties["channels"] = list(self.channels)
        if self.diarization:
            properties["diarization"] = {"enabled": True, "maxSpeakers": self.diarization}
        if self.candidate_locales:
            properties["languageIdentification"] = {
                "candidateLocales": list(self.candidate_locales),
                "mode": "Continuous",
            }
        body: dict[str, Any] = {"displayName": name, "locale": self.locale, "properties": properties}
        body |= {"contentUrls": list(urls)} if urls else {"contentContainerUrl": container}
        if custom:
            body["customProperties"] = custom
        if self.model:
            body["model"] = {"self": self.model}
        return body

    def fast_definition(self) -> dict[str, Any]:
        """Return the `definition` of `transcriptions:transcribe`, which has word times always.

        >>> Options(diarization=3).fast_definition()["diarization"]
        {'enabled': True, 'maxSpeakers': 3}
        """
        if self.punctuation != "DictatedAndAutomatic":
            raise RequestRefusedError(
                f"punctuation={self.punctuation!r}: fast mode has no such choice; use batch."
            )
        definition: dict[str, Any] = {
            "locales": list(self.candidate_locales) or [self.locale],
            "profanityFilterMode": self.profanity,
        }
        if self.channels is not None and not self.diarization:
            definition["channels"] = list(self.channels)
        if self.diarization:
            definition["diarization"] = {"enabled": True, "maxSpeakers": self.diarization}
        if self.phrases:
            definition["phraseList"] = {"phrases": list(self.phrases)}
            if self.biasing_weight is not None:
                definition["phraseList"]["biasingWeight"] = self.biasing_weight
        if self.model:
            definition["models"] = {self.locale: self.model}
        return definition

    def check_realtime(self) -> None:
        """Raise RequestRefusedError for what real time has no way to ask for."""
        if self.punctuation != "DictatedAndAutomatic":
            raise RequestRefusedError(
                f"punctuation={self.punctuation!r}: real time has no such choice; use batch."
            )
        if self.profanity == "Tags":
            raise RequestRefusedError("profanity='Tags': real time masks, removes or leaves; use batch.")
        if self.model:
            raise RequestRefusedError("model: real time has no custom model here; use batch or fast mode.")


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _one_of(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise RequestRefusedError(f"{name}={value!r}: give one of {', '.join(choices)}.")
