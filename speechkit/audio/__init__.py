"""Recordings: what a file holds, its samples, its channels, its silences.

Arrays are float32 in -1..1 and shaped (channels, samples). PyAV (ffmpeg) reads every container, soxr
resamples, soundfile writes WAV. Every function that takes a path raises the AudioError tree of
`speechkit.errors` for a file that cannot be used: the message names the file and the remedy.
"""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from speechkit.audio import containers
from speechkit.errors import AudioError, AudioNotFoundError, UnsupportedAudioError
from speechkit.whole import whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PathLike: TypeAlias = str | os.PathLike[str]

AUDIO_SUFFIXES: Final = frozenset(
    {
        *(".aac", ".ac3", ".aif", ".aiff", ".alaw", ".amr", ".au", ".awb", ".flac", ".gsm", ".m4a", ".mka"),
        *(".mp2", ".mp3", ".oga", ".ogg", ".opus", ".spx", ".ulaw", ".w64", ".wav", ".wave", ".wma"),
        *(
            ".3gp",
            ".avi",
            ".m4v",
            ".mkv",
            ".mov",
            ".mp4",
            ".mpeg",
            ".mpg",
            ".webm",
            ".wmv",
        ),  # video with sound
    }
)
"""The file name suffixes that `find_recordings` takes for recordings, in lower case."""
_JOINED: Final = 65_536  # samples that are handed over at once; frames hold a few hundred


@dataclass(frozen=True)
class AudioInfo:
    """What a recording's headers say: `rate` in Hz, `duration_s` in seconds, `bytes` of the whole file."""

    path: Path
    container: str
    codec: str
    rate: int
    channels: int
    duration_s: float
    bytes: int


def probe(path: PathLike) -> AudioInfo:
    """Read the headers of a recording, and check that the file is as long as they say.

    Compressed sound is walked through without decoding it, so the duration is right also where the header has
    none. Raises AudioNotFoundError, EmptyAudioError, TruncatedAudioError or UnsupportedAudioError.
    """
    path = Path(path)
    try:
        now = path.stat()
    except OSError:  # what there is to say about it, opening says
        return _probed(path, 0, 0)
    return _probed(path, now.st_size, now.st_mtime_ns)


@lru_cache(maxsize=16)  # a page asks several times for the same recording
def _probed(path: Path, size: int, modified_ns: int) -> AudioInfo:
    with _opened(path) as (container, stream):
        name = container.format.name.split(",")[0]
        stated = containers.stated_s(path, container, stream)
        duration_s = stated or 0.0
        if name != "wav" or not stated:  # a WAV was measured by its data chunk already
            held = _walked_s(container, stream)
            if not held:
                raise containers.no_samples(path)
            containers.check_length(path, stated, held)
            duration_s = stated or held
        context = stream.codec_context
        return AudioInfo(path, name, context.name, context.rate, context.channels, duration_s, size)


def decode(path: PathLike, rate: int | None = 16000) -> NDArray[np.float32]:
    """Read a whole recording as float32 (channels, samples) at `rate` Hz; `rate=None` keeps its own.

    Raises what `probe` raises. An hour of stereo at 16 kHz takes 460 MB: `decode_blocks` takes less.
    """
    import numpy as np

    return np.concatenate(list(decode_blocks(path, rate)), axis=1)


def decode_blocks(
    path: PathLike, rate: int | None = 16000, block_s: float = 30.0
) -> Iterator[NDArray[np.float32]]:
    """Read a recording in blocks of `block_s` seconds, each float32 (channels, samples).

    The last block may be shorter. Raises what `probe` raises; that a compressed file was cut off may show
    only at its end.
    """
    import numpy as np

    path = Path(path)
    with _opened(path) as (container, stream):
        native, channels = stream.codec_context.rate, stream.codec_context.channels
        resampled = _resampler(native, rate or native, channels)
        size = max(1, round(block_s * (rate or native)))
        held: list[NDArray[np.float32]] = []
        count = decoded = 0
        for chunk in _decoded(path, container, stream):
            decoded += chunk.shape[1]
            held.append(resampled(chunk, False))
            count += held[-1].shape[1]
            if count >= size:
                joined = np.concatenate(held, axis=1)
                for start in range(0, count - size + 1, size):
                    yield joined[:, start : start + size]
                held = [joined[:, count - count % size :]]
                count %= size
        if not decoded:
            raise containers.no_samples(path)
        containers.check_length(path, containers.stated_s(path, container, stream), decoded / native)
        held.append(resampled(np.zeros((channels, 0), np.float32), True))
        rest = np.concatenate(held, axis=1)
        for start in range(0, rest.shape[1], size):
            yield rest[:, start : start + size]


def find_recordings(paths: PathLike | Iterable[PathLike]) -> list[Path]:
    """List the recordings that files, folders (with their subfolders) and glob patterns name, each once.

    The order is the given one; the files of a folder or a pattern are sorted, hidden ones left out. A file
    that is named itself is taken whatever its suffix. Raises AudioNotFoundError where a path finds nothing.
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    found: dict[Path, Path] = {}
    for item in given:
        for file in iter_recordings(item):
            found.setdefault(file.resolve(), file)
    if not found:
        raise AudioNotFoundError(
            "no recordings were named. Give files, folders or patterns like calls/*.wav."
        )
    return list(found.values())


def iter_recordings(item: PathLike) -> Iterator[Path]:
    """Yield the recordings that one file, folder or glob pattern names, as `find_recordings` lists them.

    A folder is walked as it goes, so that one with very many recordings takes no memory.
    """
    path = Path(item).expanduser()
    if path.is_dir():
        files = _walk(path)
        remedy = "holds no recordings. Give a folder with .wav, .flac, .mp3, .ogg or .mp4 files."
    elif path.exists():
        files, remedy = iter([path]), ""
    else:
        matched = sorted(Path(f) for f in glob.glob(str(path), recursive=True))
        files = (f for f in matched if _is_recording(f))
        remedy = ": there is no such recording. Check the path."
    first = next(files, None)
    if first is None:
        raise AudioNotFoundError(f"{path}{'' if remedy[0] == ':' else ' '}{remedy}")
    yield first
    yield from files


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the recordings of a folder and its subfolders in the order of their names, hidden ones left out."""
    for name in sorted(name for name in os.listdir(folder) if not name.startswith(".")):
        path = folder / name
        if path.is_dir():
            yield from () if path.is_symlink() else _walk(path)
        elif _is_recording(path):
            yield path


def split_channels(path: PathLike, folder: PathLike) -> list[Path]:
    """Write each channel as a mono WAV of its own, `{stem}.ch0.wav` and so on, at the recording's rate."""
    path, folder = Path(path), Path(folder)
    info = probe(path)
    samples = decode(path, info.rate)
    written = [folder / f"{path.stem}.ch{channel}.wav" for channel in range(len(samples))]
    for target, channel in zip(written, samples, strict=True):
        write_wav(target, channel, info.rate)
    return written


def mix(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mix (channels, samples) down to one channel: the mean, so nothing clips.

    >>> import numpy as np
    >>> mix(np.array([[1.0, 0.0], [0.0, 0.5]], np.float32)).tolist()
    [0.5, 0.25]
    """
    import numpy as np

    return samples if samples.ndim == 1 else samples.mean(axis=0, dtype=np.float32)


def silence_spans(
    samples: NDArray[np.float32],
    rate: int,
    *,
    threshold_db: float = -45.0,
    min_s: float = 0.5,
    frame_s: float = 0.02,
) -> list[tuple[float, float]]:
    """Find where a recording is silent: (start_s, end_s) of each span of at least `min_s` seconds.

    A frame of `frame_s` is silent when the RMS of its loudest channel is below `threshold_db` (dB of full
    scale; -45 is above the quantization noise of mu-law and below quiet telephone speech).

    >>> import numpy as np
    >>> tone = np.sin(np.arange(8000) / 3).astype(np.float32)
    >>> silence_spans(np.concatenate([tone, 0 * tone, tone]), 8000)
    [(1.0, 2.0)]
    """
    import numpy as np

    rows = np.atleast_2d(samples)
    total = rows.shape[1]
    if not total:
        return []
    step = max(1, round(frame_s * rate))
    starts = np.arange(0, total, step)
    lengths = np.minimum(step, total - starts)
    power = np.add.reduceat(np.square(rows, dtype=np.float64), starts, axis=1).max(axis=0) / lengths
    silent = np.concatenate([[False], power < 10 ** (threshold_db / 10), [False]])
    edges = np.flatnonzero(silent[1:] != silent[:-1]).reshape(-1, 2)
    spans = [(start * step / rate, min(end * step, total) / rate) for start, end in edges.tolist()]
    return [(start_s, end_s) for start_s, end_s in spans if end_s - start_s >= min_s]


def write_wav(path: PathLike, samples: NDArray[Any], rate: int, *, subtype: str = "PCM_16") -> None:
    """Write samples, (samples,) or (channels, samples), as WAV; what is louder than full scale is clipped.

    `subtype` is soundfile's: PCM_16, ULAW, ALAW. The file appears complete or not at all.
    """
    import numpy as np
    import soundfile

    path = Path(path)
    rows = np.atleast_2d(samples)
    if rows.dtype.kind == "f":
        rows = np.clip(rows, -1.0, 1.0)
    try:
        with whole(path) as part:
            soundfile.write(part, rows.T, rate, subtype=subtype, format="WAV")
    except (OSError, soundfile.SoundFileError) as error:
        raise AudioError(f"{path} cannot be written: {error}. Free space or give another folder.") from error


def content_hash(path: PathLike) -> str:
    """Return the SHA-256 of a file's bytes in hex: a copy under another name has the same."""
    path = Path(path)
    containers.read_head(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_recording(path: Path) -> bool:
    return not path.name.startswith(".") and path.suffix.lower() in AUDIO_SUFFIXES and path.is_file()


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """Open a recording with PyAV and answer its container and its first audio stream."""
    import av

    containers.check_head(path)
    try:
        # An absolute path is never taken for a protocol such as concat: or http:.
        # max_size is that of a packet of WAV, which is slow at its 4096.
        options = {"format_whitelist": containers.FORMATS, "max_size": "65536"}
        container = av.open(str(path.resolve()), options=options)
    except (av.FFmpegError, ValueError) as error:
        raise containers.unreadable(path) from error
    with container:
        if not container.streams.audio:
            raise UnsupportedAudioError(
                f"{path} has no audio stream. Give a file with sound, or leave it out."
            )
        stream = container.streams.audio[0]
        for other in container.streams:
            if other.index != stream.index:
                other.discard = av.stream.Discard.all  # pictures are skipped, not read
        context = stream.codec_context
        if context is None or not context.rate or not context.channels:
            raise UnsupportedAudioError(
                f"{path}: its codec cannot be decoded here. Convert it to WAV or FLAC."
            )
        yield container, stream


def _walked_s(container: Any, stream: Any) -> float:
    """Return where the last packet ends, in seconds, without decoding."""
    import av

    end = 0
    try:
        for packet in container.demux(stream):
            if packet.pts is not None:
                end = max(end, packet.pts + (packet.duration or 0))
    except av.FFmpegError:  # the walk ends where the file does; its length says the rest
        pass
    return float(end * stream.time_base)


def _resampler(native: int, rate: int, channels: int) -> Any:
    """Return a function (chunk, last) -> chunk from `native` to `rate` Hz, seamless over chunks."""
    import numpy as np
    import soxr

    if native == rate:
        return lambda chunk, last: chunk
    stream = soxr.ResampleStream(native, rate, channels, dtype="float32")
    return lambda chunk, last: stream.resample_chunk(np.ascontiguousarray(chunk.T), last=last).T.reshape(
        channels, -1
    )


def _decoded(path: Path, container: Any, stream: Any) -> Iterator[NDArray[np.float32]]:
    """Yield the stream as float32 (channels, samples), many frames at once; a damaged packet becomes as much
    silence."""
    import av
    import numpy as np

    context = stream.codec_context
    channels, rate = context.channels, context.rate
    held, planar = av.AudioFifo(), av.AudioResampler(format="fltp")

    def joined() -> Iterator[NDArray[np.float32]]:
        for out in planar.resample(held.read()) if held.samples else ():
            samples: Any = out.to_ndarray()
            if len(samples) != channels or out.sample_rate != rate:
                raise _changed(path)
            yield samples

    damaged: float | None = None
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):
            break
        try:
            frames = packet.decode()
        except av.FFmpegError:
            damaged = (damaged or 0.0) + float((packet.duration or 0) * packet.time_base)
            continue
        if damaged is not None and frames and packet.size:  # the empty packet at the end only flushes
            yield from joined()
            yield np.zeros((channels, round(damaged * rate)), np.float32)
            damaged = None
        for frame in frames:
            frame.pts = None  # frames follow one another, whatever a damaged file says
            try:
                held.write(frame)
            except ValueError:
                raise _changed(path) from None
        if held.samples > _JOINED:
            yield from joined()
    yield from joined()
    if damaged is not None and container.format.name in ("amr", "aac", "asf"):  # they state no length
        raise containers.cut_frame(path)


def _changed(path: Path) -> UnsupportedAudioError:
    return UnsupportedAudioError(f"{path}: its channels or rate change on the way. Convert it to WAV first.")
