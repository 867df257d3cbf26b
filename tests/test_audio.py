"""Recordings: every container, every way to be broken."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from speechkit import audio
from speechkit.errors import (
    AudioError,
    AudioNotFoundError,
    EmptyAudioError,
    TruncatedAudioError,
    UnsupportedAudioError,
)

RATE = 16000
SECONDS = 4.0

# suffix: codec, rate, channels, how far the length may be off (encoders add a frame)
ENCODED = {
    ".mp3": ("libmp3lame", 16000, 1, 0.0),
    ".flac": ("flac", 16000, 2, 0.0),
    ".ogg": ("libopus", 48000, 1, 0.02),
    ".opus": ("libopus", 48000, 2, 0.02),
    ".webm": ("libopus", 48000, 1, 0.02),
    ".m4a": ("aac", 16000, 1, 0.13),
    ".mp4": ("aac", 44100, 2, 0.13),
    ".mka": ("aac", 16000, 1, 0.13),
    ".wma": ("wmav2", 44100, 1, 0.1),
    ".amr": ("libopencore_amrnb", 8000, 1, 0.04),
    ".aac": ("aac", 16000, 1, 0.13),
    ".aiff": ("pcm_s16be", 16000, 2, 0.0),
}


def speech_like(seconds: float = SECONDS, rate: int = RATE, channels: int = 1) -> NDArray[np.float32]:
    """A tone that swells and fades, another in each channel."""
    t = np.arange(round(seconds * rate)) / rate
    swell = 0.4 * (0.6 + 0.4 * np.sin(5 * t))
    return np.array([swell * np.sin(2 * np.pi * (300 + 200 * c) * t) for c in range(channels)], np.float32)


def encode(path: Path, codec: str, rate: int, channels: int, *, picture: bool = False) -> Path:
    """Write `speech_like` with PyAV; with a picture, beside a black video."""
    import av

    with av.open(str(path), "w", format="adts" if path.suffix == ".aac" else None) as container:
        layout = {1: "mono", 2: "stereo"}[channels]
        pictures = []
        if picture:
            video = container.add_stream("mpeg4", rate=5, width=64, height=64, pix_fmt="yuv420p")
            black = np.zeros((64, 64, 3), np.uint8)
            for _ in range(int(5 * SECONDS)):
                pictures += video.encode(av.VideoFrame.from_ndarray(black))
            pictures += video.encode(None)
        stream = container.add_stream(codec, rate=rate, layout=layout)
        if stream.codec_context.name == "wmav2":
            stream.bit_rate = 64000
        if codec == "libopencore_amrnb":
            stream.bit_rate = 12200
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(speech_like(SECONDS, rate, channels)), format="fltp", layout=layout
        )
        frame.sample_rate, frame.pts = rate, 0
        resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate)
        waiting = av.AudioFifo()
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            waiting.write(part)
        container.mux(pictures)
        size = stream.codec_context.frame_size or waiting.samples
        while (part := waiting.read(size)) or (part := waiting.read()):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function that answers a file of four seconds in a container, encoded once."""
    folder = tmp_path_factory.mktemp("encoded")
    made: dict[str, Path] = {}

    def make(suffix: str) -> Path:
        if suffix not in made:
            made[suffix] = encode(folder / f"call{suffix}", *ENCODED[suffix][:3])
        return made[suffix]

    return make


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    """A sound WAV of four seconds."""
    audio.write_wav(tmp_path / "call.wav", speech_like(), RATE)
    return tmp_path / "call.wav"


# --- what is whole


@pytest.mark.parametrize("suffix", ENCODED)
def test_every_container_is_read(encoded: Callable[[str], Path], suffix: str) -> None:
    path = encoded(suffix)
    _, rate, channels, tolerance = ENCODED[suffix]
    info = audio.probe(path)
    samples = audio.decode(path, RATE)
    assert (info.path, info.rate, info.channels, info.bytes) == (path, rate, channels, path.stat().st_size)
    assert info.duration_s == pytest.approx(SECONDS, abs=tolerance + 0.001)
    assert samples.dtype == np.float32
    assert samples.shape[0] == channels
    assert samples.shape[1] == pytest.approx(SECONDS * RATE, abs=(tolerance + 0.001) * RATE)
    assert 0.1 < np.sqrt(np.mean(samples**2)) < 0.4
    spectrum = np.abs(np.fft.rfft(samples[0]))
    assert np.argmax(spectrum) * RATE / samples.shape[1] == pytest.approx(300, abs=3)


@pytest.mark.parametrize(
    ("subtype", "codec"),
    [("PCM_16", "pcm_s16le"), ("ULAW", "pcm_mulaw"), ("ALAW", "pcm_alaw"), ("PCM_24", "pcm_s24le")],
)
def test_wav_of_every_law(tmp_path: Path, subtype: str, codec: str) -> None:
    path = tmp_path / "call.wav"
    written = speech_like(2.0, 8000, channels=2)
    audio.write_wav(path, written, 8000, subtype=subtype)
    info = audio.probe(path)
    assert (info.container, info.codec, info.rate, info.channels) == ("wav", codec, 8000, 2)
    assert info.duration_s == 2.0
    assert np.abs(audio.decode(path, None) - written).max() < 0.02


def test_video_gives_its_sound(tmp_path: Path) -> None:
    path = encode(tmp_path / "call.mp4", "aac", 44100, 1, picture=True)
    assert audio.probe(path).codec == "aac"
    assert audio.decode(path).shape[1] == pytest.approx(SECONDS * RATE, abs=0.13 * RATE)


@pytest.mark.parametrize("block_s", [0.25, 1.0, 3.0, 30.0])
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_blocks_are_the_whole_in_pieces(wav: Path, block_s: float, rate: int) -> None:
    blocks = list(audio.decode_blocks(wav, rate, block_s))
    whole = audio.decode(wav, rate)
    assert all(block.shape[1] == round(block_s * rate) for block in blocks[:-1])
    assert blocks[-1].shape[1] <= round(block_s * rate)
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), whole)
    assert whole.shape[1] == pytest.approx(SECONDS * rate, abs=2)


def test_wav_written_to_a_pipe_has_no_length(wav: Path) -> None:
    data = bytearray(wav.read_bytes())
    struct.pack_into("<I", data, 4, 0xFFFFFFFF)
    struct.pack_into("<I", data, 40, 0xFFFFFFFF)
    wav.write_bytes(data)
    assert audio.probe(wav).duration_s == pytest.approx(SECONDS)
    assert audio.decode(wav).shape == (1, SECONDS * RATE)


def test_misnamed_recordings_are_read(encoded: Callable[[str], Path], tmp_path: Path) -> None:
    path = tmp_path / "really_mp3.wav"
    shutil.copy(encoded(".mp3"), path)
    assert audio.probe(path).container == "mp3"


def test_a_damaged_frame_is_silence(encoded: Callable[[str], Path], tmp_path: Path) -> None:
    import av

    with av.open(str(encoded(".m4a"))) as container:
        packets = [(p.pos, p.size) for p in container.demux(audio=0) if p.size]
    data = bytearray(encoded(".m4a").read_bytes())
    at, size = packets[len(packets) // 2]
    data[at : at + size] = b"\xff" * size
    path = tmp_path / "damaged.m4a"
    path.write_bytes(data)
    damaged, whole = audio.decode(path), audio.decode(encoded(".m4a"))
    assert damaged.shape == whole.shape
    np.testing.assert_array_equal(damaged[:, :RATE], whole[:, :RATE])
    np.testing.assert_array_equal(damaged[:, -RATE:], whole[:, -RATE:])


# --- what is broken


def cut(path: Path, target: Path, share: float = 0.6) -> Path:
    data = path.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


@pytest.mark.parametrize("suffix", [*ENCODED, ".wav"])
def test_what_was_cut_off_is_refused(
    encoded: Callable[[str], Path], wav: Path, tmp_path: Path, suffix: str
) -> None:
    path = cut(wav if suffix == ".wav" else encoded(suffix), tmp_path / f"half{suffix}")
    with pytest.raises(TruncatedAudioError, match=rf"half{suffix}.*again"):
        audio.decode(path)


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".ogg", ".mp4", ".webm", ".wav", ".aiff"])
def test_probe_sees_what_was_cut_off(
    encoded: Callable[[str], Path], wav: Path, tmp_path: Path, suffix: str
) -> None:
    path = cut(wav if suffix == ".wav" else encoded(suffix), tmp_path / f"half{suffix}")
    with pytest.raises(TruncatedAudioError, match=rf"half{suffix}"):
        audio.probe(path)


LETTER = b"Dear all,\n" * 50
SUBTITLES = b"1\n00:00:01,000 --> 00:00:02,000\nhello\n\n" * 9
PLAYLIST = b"#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1/x.ts\n"
NOISE = bytes(range(256)) * 99
BROKEN = [
    pytest.param("empty.wav", b"", EmptyAudioError, "zero bytes", id="zero-bytes?"),
    pytest.param("notes.wav", LETTER, UnsupportedAudioError, "is text", id="text-named-wav?"),
    pytest.param("notes.txt", LETTER, UnsupportedAudioError, "is text", id="text?"),
    pytest.param("titles.mp3", SUBTITLES, UnsupportedAudioError, "is text", id="subtitles?"),
    pytest.param("list.wav", PLAYLIST, UnsupportedAudioError, "is text", id="playlist?"),
    pytest.param("raw.wav", NOISE, UnsupportedAudioError, "no RIFF header", id="samples-without-header?"),
    pytest.param("noise.ogg", NOISE, UnsupportedAudioError, "not audio", id="noise?"),
    pytest.param("head.wav", b"RIFF\x24\0\0\0WAVEfmt ", TruncatedAudioError, "header", id="only-a-header?"),
    pytest.param("page.ogg", b"OggS\0\2", TruncatedAudioError, "page", id="only-a-page?"),
]


@pytest.mark.parametrize(("name", "content", "error", "says"), BROKEN)
@pytest.mark.parametrize("read", [audio.probe, audio.decode])
def test_what_is_no_recording_is_refused(
    tmp_path: Path, read: Callable[[Path], object], name: str, content: bytes, error: type, says: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(error, match=says) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_a_wav_without_samples_is_empty(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 8000)
    with pytest.raises(EmptyAudioError, match=r"none\.wav holds no samples"):
        audio.probe(tmp_path / "none.wav")


def test_a_flac_without_samples_is_empty(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "none.flac", np.zeros(0), 8000)
    with pytest.raises((EmptyAudioError, UnsupportedAudioError), match=r"none\.flac"):
        audio.decode(tmp_path / "none.flac")


def test_video_without_sound_is_refused(tmp_path: Path) -> None:
    import av

    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=5, width=64, height=64, pix_fmt="yuv420p")
        container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
        container.mux(video.encode(None))
    with pytest.raises(UnsupportedAudioError, match=r"silent\.mp4 has no audio stream"):
        audio.probe(path)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(AudioNotFoundError, match=r"none\.wav: there is no such file"):
        audio.probe(tmp_path / "none.wav")
    with pytest.raises(AudioError, match="cannot be read"):
        audio.probe(tmp_path)


def test_wav_of_a_codec_that_nobody_has(tmp_path: Path) -> None:
    form = struct.pack("<HHIIHH", 0x7777, 1, 8000, 8000, 1, 8)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", 800) + bytes(800)
    path = tmp_path / "odd.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    with pytest.raises(UnsupportedAudioError, match=r"odd\.wav: its codec cannot be decoded"):
        audio.probe(path)


@settings(deadline=None, max_examples=60)
@given(
    st.binary(min_size=1, max_size=400), st.sampled_from([".wav", ".mp3", ".ogg", ".mp4", ".flac", ".txt"])
)
def test_any_bytes_give_our_errors(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("any") / f"x{suffix}"
    path.write_bytes(data)
    with pytest.raises(AudioError) as caught:
        audio.decode(path)
    assert str(path) in str(caught.value)


# --- real recordings


@pytest.mark.speech
@pytest.mark.parametrize(
    ("name", "codec", "rate", "channels", "duration_s"),
    [
        ("katiesteve.wav", "pcm_s16le", 16000, 1, 29.4875),
        ("repairs_40_agent.wav", "pcm_s16le", 8000, 1, 245.38),
        ("test_audio_stereo.wav", "pcm_s16le", 16000, 2, 1.7195625),
        ("whatstheweatherlike.mp3", "mp3float", 16000, 1, 2.03),
        ("whatstheweatherlike-mulaw.wav", "pcm_mulaw", 16000, 1, 2.03),
    ],
)
def test_real_recordings(
    shared: Path, name: str, codec: str, rate: int, channels: int, duration_s: float
) -> None:
    info = audio.probe(shared / "speech" / name)
    assert (info.codec, info.rate, info.channels) == (codec, rate, channels)
    assert info.duration_s == pytest.approx(duration_s)
    samples = audio.decode(shared / "speech" / name)
    assert samples.shape == (channels, round(duration_s * RATE))


@pytest.mark.speech
def test_encodings_of_one_sentence_sound_alike(shared: Path) -> None:
    names = ["whatstheweatherlike.wav", "whatstheweatherlike-mulaw.wav", "whatstheweatherlike.mp3"]
    plain, *others = (audio.decode(shared / "speech" / name)[0] for name in names)
    for other in others:
        assert np.corrcoef(plain, other)[0, 1] > 0.98


@pytest.mark.speech
def test_the_recording_without_a_header_is_refused(shared: Path) -> None:
    with pytest.raises(UnsupportedAudioError, match=r"missing_wav_header\.wav has no RIFF header.*wrap"):
        audio.probe(shared / "speech" / "missing_wav_header.wav")


# --- finding, writing, splitting, silence


def test_find_takes_files_folders_and_patterns(tmp_path: Path) -> None:
    for name in ["b.wav", "a.MP3", "deep/c.ogg", ".hidden/d.wav", ".e.wav", "notes.txt", "odd.raw"]:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    found = audio.find_recordings(tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in found] == ["a.MP3", "b.wav", "deep/c.ogg"]
    some = audio.find_recordings([tmp_path / "odd.raw", str(tmp_path / "*.wav"), tmp_path / "b.wav"])
    assert [path.name for path in some] == ["odd.raw", "b.wav"]


@pytest.mark.parametrize("what", ["nothing/*.wav", "none.wav", "folder"])
def test_find_says_where_nothing_is(tmp_path: Path, what: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("no sound")
    with pytest.raises(AudioNotFoundError, match=what.replace("*", r"\*")):
        audio.find_recordings([tmp_path / what])


def test_find_wants_something() -> None:
    with pytest.raises(AudioNotFoundError, match="no recordings were named"):
        audio.find_recordings([])


def test_split_and_mix(tmp_path: Path) -> None:
    stereo = speech_like(1.0, 8000, channels=2)
    audio.write_wav(tmp_path / "call.wav", stereo, 8000)
    parts = audio.split_channels(tmp_path / "call.wav", tmp_path / "split")
    assert [part.name for part in parts] == ["call.ch0.wav", "call.ch1.wav"]
    assert [audio.probe(part).rate for part in parts] == [8000, 8000]
    for part, channel in zip(parts, stereo, strict=True):
        np.testing.assert_allclose(audio.decode(part, None)[0], channel, atol=1e-3)
    np.testing.assert_allclose(audio.mix(stereo), stereo.mean(axis=0), atol=1e-6)
    assert audio.mix(stereo[0]).shape == (8000,)


def test_write_clips_and_is_whole_or_not_there(tmp_path: Path) -> None:
    audio.write_wav(tmp_path / "loud.wav", np.array([2.0, -2.0, 0.5], np.float32), 8000)
    loud = audio.decode(tmp_path / "loud.wav", None)[0]
    np.testing.assert_allclose(loud, [1.0, -1.0, 0.5], atol=1e-3)
    (tmp_path / "file").write_text("a file where a folder should be")
    with pytest.raises(AudioError, match="cannot be written"):
        audio.write_wav(tmp_path / "file" / "x.wav", loud, 8000)
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(AudioError, match="cannot be written"):
        audio.write_wav(tmp_path / "folder.wav", loud, 8000)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.wav", "loud.wav"]


def test_silence_is_where_every_channel_is_silent() -> None:
    tone, rest = speech_like(1.0, 8000)[0], np.zeros(8000, np.float32)
    agent = np.concatenate([tone, rest, rest, tone, rest])
    caller = np.concatenate([rest, rest, tone, tone, rest])
    assert audio.silence_spans(np.stack([agent, caller]), 8000) == [(1.0, 2.0), (4.0, 5.0)]
    assert audio.silence_spans(agent, 8000) == [(1.0, 3.0), (4.0, 5.0)]
    assert audio.silence_spans(agent, 8000, min_s=1.5) == [(1.0, 3.0)]
    assert audio.silence_spans(rest, 8000) == [(0.0, 1.0)]
    assert audio.silence_spans(np.zeros((1, 0), np.float32), 8000) == []
    hiss = np.random.default_rng(0).normal(0, 0.001, 8000).astype(np.float32)
    assert audio.silence_spans(hiss, 8000) == [(0.0, 1.0)]
    assert audio.silence_spans(hiss, 8000, threshold_db=-70) == []


def test_the_hash_is_of_the_content(wav: Path, tmp_path: Path) -> None:
    shutil.copy(wav, tmp_path / "copy.wav")
    assert audio.content_hash(wav) == audio.content_hash(tmp_path / "copy.wav")
    assert len(audio.content_hash(wav)) == 64
    (tmp_path / "copy.wav").write_bytes(wav.read_bytes() + b"x")
    assert audio.content_hash(wav) != audio.content_hash(tmp_path / "copy.wav")
    with pytest.raises(AudioNotFoundError):
        audio.content_hash(tmp_path / "none.wav")
