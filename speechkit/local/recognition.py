"""What is asked of a recognizer and what it heard: records that cross processes and lie in the cache."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import msgspec


@dataclass(frozen=True)
class Word:
    """A word: `text` as displayed ("Hello,"), `lexical` as spoken ("hello"); seconds from the start."""

    text: str
    lexical: str
    start_s: float
    end_s: float
    confidence: float


@dataclass(frozen=True)
class Alternative:
    """Another hypothesis for a phrase."""

    text: str
    confidence: float


@dataclass(frozen=True)
class Phrase:
    """Speech of one speaker on one channel; `speaker` counts from 1 and is None without diarization."""

    start_s: float
    end_s: float
    confidence: float
    text: str
    words: list[Word]
    speaker: int | None = None
    alternatives: list[Alternative] = field(default_factory=list)


@dataclass(frozen=True)
class Wanted:
    """How a recording is to be recognized.

    `channel` is the channel to listen to, or None for all of them mixed into one; `speakers` the most
    speakers that diarization may find, or None for no diarization; `phrases` are words to expect, and
    `weight`, from 0 to 2, how much; `language` is told to a recognizer that knows several.
    """

    channel: int | None = None
    speakers: int | None = None
    nbest: int = 1
    phrases: tuple[str, ...] = ()
    weight: float = 1.0
    language: str | None = None

    def key(self, content_hash: str, engine_version: str) -> str:
        """The cache key: the same audio, options and engine always give the same phrases.

        It begins with the hash of the audio, so that all that was heard in it can be found and forgotten.

        >>> Wanted(0).key("ab", "1") == Wanted(0).key("ab", "1") != Wanted(1).key("ab", "1")
        True
        """
        text = msgspec.json.encode([content_hash, engine_version, self])
        return f"{content_hash}:{hashlib.sha256(text).hexdigest()}"


# --- live sessions ------------------------------------------------------------------------------------------


class Listening(msgspec.Struct, frozen=True):
    """How a stream is to be recognized; None stands for what holds in batch results.

    `start_s` is where the stream begins in the sound of the client, who sends the rest again after a broken connection.
    """

    nbest: int = 1
    phrases: tuple[str, ...] = ()
    weight: float = 1.0
    silence_s: float | None = None
    longest_s: float | None = None
    initial_silence_s: float | None = None
    speakers: bool = False
    interim_speakers: bool = False
    stable: int = 1
    start_s: float = 0.0


class Started(msgspec.Struct, tag=True):
    """Speech is heard for the first time; seconds from the start of the stream, as in all that follows."""

    start_s: float


class Revised(msgspec.Struct, tag=True):
    """What seems to be said in the phrase that goes on: a hypothesis, its words as spoken."""

    start_s: float
    end_s: float
    words: list[str]
    speaker: int | None = None


class Ended(msgspec.Struct, tag=True):
    """A phrase has ended; `until_s` is how far the sound was used up with it."""

    phrase: Phrase
    until_s: float


class Quiet(msgspec.Struct, tag=True):
    """Up to there nobody has spoken, or what was spoken has been told; `initial` when it is the initial silence."""

    until_s: float
    initial: bool = False


class Unusable(msgspec.Struct, tag=True):
    """The sound is none that can be recognized."""

    message: str


class Finished(msgspec.Struct, tag=True):
    """Everything up to the end of the sound was told; `until_s` is how long it was."""

    until_s: float


Event = Started | Revised | Ended | Quiet


# --- recordings ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sound:
    """What a recording is: how many channels and how long, in seconds."""

    channels: int
    duration_s: float


@dataclass(frozen=True)
class Heard:
    """A recognized recording: its length, and the phrases of each channel in time order.

    The channel is None when all channels were mixed into one.
    """

    duration_s: float
    channels: dict[int | None, list[Phrase]]


def decode_phrases(data: bytes) -> list[Phrase]:
    """Phrases from the JSON that a worker sends and the cache keeps."""
    return msgspec.json.decode(data, type=list[Phrase])
