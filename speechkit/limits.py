"""The limits and defaults of Azure Speech to text, each with its source and the day it was read.

Sources: [spec] Azure/azure-rest-api-specs, SpeechToText 2025-10-15; [quota] the quotas and limits page,
[batch] the batch transcription pages, [fast] the fast transcription page and [short] the page of the REST API for short
audio of the Speech documentation, [sdk] the reference of the Speech SDK.
All read 2026-11-21. They move: change them here and nowhere else.
"""

from __future__ import annotations

from typing import Final

TICKS_PER_SECOND: Final = 10_000_000  # 1 tick = 100 ns [spec]

API_VERSIONS: Final = ("2024-11-15", "2025-10-15")  # generally available [spec]
DEFAULT_API_VERSION: Final = "2025-10-15"
DEPRECATED_API_VERSIONS: Final = (
    "2024-05-15-preview",
)  # to be retired; the local service refuses it [batch]

# Batch transcription
MAX_CONTENT_URLS: Final = 1000  # recordings a job [quota]
MIN_TIME_TO_LIVE_HOURS: Final = 6  # [spec]
MAX_TIME_TO_LIVE_HOURS: Final = 744  # 31 days [spec]
DEFAULT_TIME_TO_LIVE_HOURS: Final = 48  # recommended [batch]
MAX_CUSTOM_PROPERTIES: Final = 10  # keys of at most 64, values of at most 256 characters [spec]
MAX_BATCH_BYTES: Final = 1_000_000_000  # a recording [quota]; the spec says 2.5 GB
MAX_BLOBS_PER_CONTAINER: Final = 10_000  # [quota]
MAX_CONTAINER_BYTES: Final = 5_000_000_000  # [spec]
MIN_CANDIDATE_LOCALES: Final = 2  # continuous language identification [spec]
MAX_CANDIDATE_LOCALES: Final = 10  # [spec]

# Diarization
MIN_SPEAKERS: Final = 2  # diarization.maxSpeakers [spec]
MAX_SPEAKERS: Final = 35  # [spec]
MAX_DIARIZATION_S: Final = 240 * 60.0  # a recording with diarization [quota]

# Fast transcription
MAX_FAST_BYTES: Final = 300_000_000  # [fast]; other pages say 200, 250 and 500 MB
MAX_FAST_S: Final = 2 * 3600.0  # [fast]; another page says 5 hours

# Requests a resource: so many within so many seconds [quota]
REST_QUOTA: Final = (100, 10.0)
FAST_QUOTA: Final = (600, 60.0)

# Real time
SEGMENTATION_SILENCE_MS: Final = (100, 5000)  # range of Speech_SegmentationSilenceTimeoutMs [sdk]
SEGMENTATION_MAXIMUM_MS: Final = (20_000, 70_000)  # range of Speech_SegmentationMaximumTimeMs [sdk]
MAX_SHORT_AUDIO_S: Final = 60.0  # the REST API for short audio [short]

# Polling [batch]
POLL_AZURE_S: Final = 60.0  # never below one status request a minute and job; every 10 minutes is recommended
POLL_AZURE_MAX_S: Final = 600.0
POLL_LOCAL_S: Final = 0.25
POLL_LOCAL_MAX_S: Final = 2.0

LONGEST_WAIT_S: Final = 24 * 3600.0  # a job may take so long to start; beyond, something is wrong [batch]
LONGEST_WAIT_LOCAL_S: Final = 600.0

# Shared access signatures
SAS_LIFETIME_HOURS: Final = 48  # a job may wait 24 h before it starts [batch]
SAS_CLOCK_SKEW_MINUTES: Final = 15  # start in the past, for clocks that differ
RESULT_SAS_MINUTES: Final = 12 * 60  # links.contentUrl of a result file [spec]
