"""Every error that speechkit raises, as one tree.

SpeechkitError
├── SettingsError                what is configured is missing, malformed or contradictory
├── AudioError                   a recording cannot be used; the message names the file
│   ├── AudioNotFoundError       no such file, or a folder without recordings
│   ├── EmptyAudioError          zero bytes, or no samples
│   ├── TruncatedAudioError      the header promises more than the file holds
│   └── UnsupportedAudioError    not audio, or a codec that cannot be decoded
├── RequestRefusedError          options that the service would refuse; raised before anything is sent
├── ServiceError                 Azure Speech, storage or the local service could not or would not answer
│   ├── UnreachableError         no connection, or no answer in time
│   └── StatusError              an HTTP status that means failure
│       ├── AccessDeniedError    401 or 403: key, token, role or SAS
│       ├── NotFoundError        404
│       ├── ThrottledError       429, after the retries
│       └── InvalidRequestError  400 or 422, with the service's own code and inner code
├── JobFailedError               a batch job ended as Failed
├── RunError                     a run of that name is not there, or is; its ledger cannot be used
├── TranscriptError              a result file that is not a transcript
├── CorpusError                  a corpus folder that cannot be read or written
├── SummaryError                 the language model refused, was cut off, or answered nonsense
├── WorkersError                 a scheduler or its workers cannot be used, or a worker's process died
├── ReportError                  an unknown report, an unknown or mistyped parameter, a notebook that raised
└── LocalServiceError            the local service cannot start or answer
    └── ModelError               a model file is missing or is not what it should be
"""

from __future__ import annotations


class SpeechkitError(Exception):
    """The base of every error here: `except SpeechkitError` catches them all."""


class SettingsError(SpeechkitError):
    """What is configured is missing, malformed or contradictory."""


class AudioError(SpeechkitError):
    """A recording cannot be used; the message names the file and the remedy."""


class AudioNotFoundError(AudioError):
    """There is no such file, or the folder holds no recordings."""


class EmptyAudioError(AudioError):
    """The file has no bytes, or no samples."""


class TruncatedAudioError(AudioError):
    """The header promises more sound than the file holds."""


class UnsupportedAudioError(AudioError):
    """The file is not audio, or its codec cannot be decoded."""


class RequestRefusedError(SpeechkitError):
    """The options would be refused by the service; nothing was sent."""


class ServiceError(SpeechkitError):
    """The service could not or would not answer."""


class UnreachableError(ServiceError):
    """There was no connection, or no answer in time."""


class StatusError(ServiceError):
    """The service answered with an HTTP status that means failure.

    Carries `status`, the service's `code` and `inner_code` where it gave them, and `request_id`.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str | None = None,
        inner_code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.inner_code = inner_code
        self.request_id = request_id


class AccessDeniedError(StatusError):
    """401 or 403: the key, the token, the role or the SAS was not accepted."""


class NotFoundError(StatusError):
    """404: there is nothing of that name."""


class ThrottledError(StatusError):
    """429: too many requests, also after the retries."""


class InvalidRequestError(StatusError):
    """400 or 422: the service refused the request; `inner_code` says why."""


class JobFailedError(ServiceError):
    """A batch job ended as Failed."""


class RunError(SpeechkitError):
    """A run is unknown, or there already, or its ledger cannot be read or written."""


class TranscriptError(SpeechkitError):
    """A result file is not a transcript that speechkit can read."""


class CorpusError(SpeechkitError):
    """A corpus folder cannot be read or written."""


class SummaryError(SpeechkitError):
    """The language model refused, was cut off, or answered something else."""


class WorkersError(SpeechkitError):
    """A scheduler or its workers cannot be used, or a worker's process died."""


class ReportError(SpeechkitError):
    """The report is unknown, a parameter is wrong, or its notebook raised."""


class LocalServiceError(SpeechkitError):
    """The local service cannot start or answer."""


class ModelError(LocalServiceError):
    """A model file is missing or is not what it should be."""
