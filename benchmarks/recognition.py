"""Measure the local recognizer: `python benchmarks/recognition.py [--dry] [--long] [--details CALL]`.

WER, word starts, speakers, invented words, speed and memory, against the truth of the demo calls and real recordings
in the folder `shared` beside the repository, where it is. Nothing here tunes anything. One thread, CPU time.
`--long` also recognizes two hours, which takes minutes.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy is imported: the figures are those of one core

import argparse
import datetime
import json
import platform
import re
import resource
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import jiwer
import numpy as np
from numpy.typing import NDArray
from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate

from speechkit import audio
from speechkit.analysis.normalize import ENGLISH, normalize, normalize_words
from speechkit.local.engine import Engine, Phrase
from speechkit.local.models import fetch_models
from speechkit.local.segments import RATE, VoiceActivity, find_segments

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "speech"
TRUTH = ROOT / "data" / "truth"
MEASUREMENTS = ROOT / "docs" / "measurements.md"
BEGIN, END = "<!-- recognition:begin -->", "<!-- recognition:end -->"
PRODUCTS = frozenset({"zephyrix", "quovira", "lumadora", "brioflex"})
MANY = 36  # speakers: more than there are, so that their number must be found
COLLARS_S = (0.25, 0.5)  # pyannote.metrics leaves out half of it on each side of a boundary
SPEECH_GAP_S = 0.3  # a shorter silence does not end a stretch of speech, in the truth as in the answer

Samples = NDArray[np.float32]
Stretch = tuple[float, float, str]


@dataclass
class Words:
    """Errors of a group of texts; of them those at product names, and how many of those were said."""

    said: int = 0
    errors: int = 0
    names: int = 0
    name_errors: int = 0
    starts: list[float] = field(default_factory=list)

    def add(self, reference: str, phrases: list[Phrase], starts_s: list[float | None] | None = None) -> None:
        """Compare a text with what was heard; `starts_s` are the true starts of its words."""
        said = normalize_words(reference.split(), ENGLISH)
        lexical = [
            (part, start) for phrase in phrases for word in phrase.words for part, start in _spoken(word)
        ]
        heard = normalize_words([part for part, _ in lexical], ENGLISH)
        out = jiwer.process_words(" ".join(said.words), " ".join(heard.words))
        self.said += len(said.words)
        self.errors += out.substitutions + out.deletions + out.insertions
        self.names += sum(word in PRODUCTS for word in said.words)
        firsts = {place: said.origins.index(place) for place in set(said.origins)}
        for chunk in out.alignments[0]:
            reference_places = range(chunk.ref_start_idx, chunk.ref_end_idx)
            if chunk.type in ("substitute", "delete"):
                self.name_errors += sum(said.words[i] in PRODUCTS for i in reference_places)
            if chunk.type != "equal" or starts_s is None:
                continue
            for i, k in zip(reference_places, range(chunk.hyp_start_idx, chunk.hyp_end_idx), strict=True):
                true = starts_s[said.origins[i]]
                if true is not None and firsts[said.origins[i]] == i:
                    self.starts.append(lexical[heard.origins[k]][1] - true)

    @property
    def rate(self) -> float:
        return self.errors / max(1, self.said)

    @property
    def rate_without_names(self) -> float:
        return (self.errors - self.name_errors) / max(1, self.said - self.names)

    def within(self, limit_s: float) -> float:
        return float(np.mean(np.abs(self.starts) <= limit_s)) if self.starts else float("nan")


def _spoken(word: object) -> Iterator[tuple[str, float]]:
    """The spoken words of a word, which share its time by their length, as the service writes them."""
    parts = word.lexical.split()  # type: ignore[attr-defined]
    total, at = sum(map(len, parts)), 0
    for part in parts:
        yield part, word.start_s + (word.end_s - word.start_s) * at / total  # type: ignore[attr-defined]
        at += len(part)


# --- the truth of the demo calls -------------------------------------------------------------------------------------


def read_truth() -> tuple[
    dict[str, dict], dict[tuple[str, int], list[tuple[str, float]]], dict[str, list[Stretch]]
]:
    """Facts by call; (word, start) by call and channel in time order; stretches of speech by call."""
    facts = json.loads((TRUTH / "calls.json").read_text())
    words: dict[tuple[str, int], list[tuple[str, float]]] = defaultdict(list)
    for line in (TRUTH / "calls.ctm").read_text().splitlines():
        call, channel, start, _, word = line.split()
        words[call, int(channel)].append((word, float(start)))
    speech: dict[str, list[Stretch]] = defaultdict(list)
    for line in (TRUTH / "calls.rttm").read_text().splitlines():
        _, call, _, start, length, _, _, speaker, *_ = line.split()
        speech[call].append((float(start), float(start) + float(length), speaker))
    return facts, words, speech


# --- speakers --------------------------------------------------------------------------------------------------------


def heard_speech(phrases: list[Phrase]) -> list[Stretch]:
    """Stretches of speech of each speaker, from the words."""
    stretches: list[Stretch] = []
    for phrase in phrases:
        for word in phrase.words:
            last = stretches[-1] if stretches else None
            if last and last[2] == str(phrase.speaker) and word.start_s - last[1] < SPEECH_GAP_S:
                stretches[-1] = (last[0], max(last[1], word.end_s), last[2])
            else:
                stretches.append((word.start_s, word.end_s, str(phrase.speaker)))
    return stretches


class Speakers:
    """Diarization error rates of a group of recordings, one for each collar."""

    def __init__(self) -> None:
        self.metrics = [DiarizationErrorRate(collar=collar) for collar in COLLARS_S]
        self.found: list[int] = []

    def add(self, truth: list[Stretch], phrases: list[Phrase], duration_s: float) -> None:
        heard = heard_speech(phrases)
        self.found.append(len({s for *_, s in heard}))
        for metric in self.metrics:
            metric(_annotation(truth), _annotation(heard), uem=Timeline([Segment(0, duration_s)]))

    def row(self, title: str) -> str:
        rates = " | ".join(f"{abs(metric):.3f}" for metric in self.metrics)
        counts = ", ".join(f"{self.found.count(n)} × {n}" for n in sorted(set(self.found)))
        parts = self.metrics[0][:]
        total = max(parts["total"], 1e-9)
        shares = " | ".join(
            f"{parts[p] / total:.3f}" for p in ("missed detection", "false alarm", "confusion")
        )
        return f"| {title} | {rates} | {shares} | {counts} |"


def _annotation(stretches: list[Stretch]) -> Annotation:
    annotation = Annotation()
    for number, (start, end, speaker) in enumerate(stretches):
        annotation[Segment(start, end), number] = speaker
    return annotation


def activity_stretches(samples: Samples, speaker: str) -> list[Stretch]:
    """Where somebody speaks on a channel that is theirs alone."""
    spans = [span for segment in find_segments([samples]) for span in segment.speech]
    return [(start, end, speaker) for start, end in spans]


# --- the demo calls --------------------------------------------------------------------------------------------------


@dataclass
class Demo:
    """All that is measured on the demo calls."""

    words: dict[str, Words] = field(default_factory=lambda: defaultdict(Words))
    speakers: dict[str, Speakers] = field(default_factory=lambda: defaultdict(Speakers))
    by_call: dict[str, Words] = field(default_factory=lambda: defaultdict(Words))
    invented: dict[str, float] = field(default_factory=dict)


def measure_demo(engine: Engine) -> Demo:
    """Recognize every demo call as the service does: each channel, or the mono sound with speakers."""
    facts, truth, speech = read_truth()
    demo = Demo()
    for call, fact in facts.items():
        path = next((ROOT / "data" / "calls").glob(f"{call}.*"))
        samples = audio.decode(path, RATE)
        duration_s = samples.shape[1] / RATE
        rate = "8 kHz" if "mulaw" in fact["format"] else "16 kHz"
        half = "blind" if fact["blind"] else "open"
        if not fact["turns"]:
            count = sum(len(p.words) for p in engine.recognize(samples[0]))
            demo.invented[f"demo call {call}, a recorded voicemail tone"] = count / duration_s * 60
            continue
        for channel, sound in enumerate(samples):
            said = truth[call, channel]
            phrases = engine.recognize(sound, diarize=2 if len(samples) == 1 else None)
            for group in (rate, f"{rate}, {half}"):
                demo.words[group].add(" ".join(w for w, _ in said), phrases, [s for _, s in said])
            if fact["format"].startswith(("flac", "wav")):
                demo.words[f"{rate} clean"].add(" ".join(w for w, _ in said), phrases, [s for _, s in said])
            demo.by_call[call].add(" ".join(w for w, _ in said), phrases, [s for _, s in said])
            if len(samples) == 2:
                alone = engine.recognize(sound, diarize=MANY)
                one = [s for s in speech[call] if s[2] in _speakers_on(fact, channel)]
                demo.speakers["one speaker (each channel of a stereo call), number to be found"].add(
                    one, alone, duration_s
                )
                continue
            parties = len(fact["speakers"])
            title = {2: "mono calls of two", 3: "mono calls of three"}[parties]
            if parties == 2:
                demo.speakers[f"{title}, maxSpeakers 2"].add(speech[call], phrases, duration_s)
                demo.speakers[f"{title}, maxSpeakers 2, {half}"].add(speech[call], phrases, duration_s)
            else:
                phrases = engine.recognize(sound, diarize=parties)
                demo.speakers[f"{title}, maxSpeakers {parties}"].add(speech[call], phrases, duration_s)
            found = engine.recognize(sound, diarize=MANY)
            demo.speakers[f"{title}, number to be found"].add(speech[call], found, duration_s)
        if len(samples) == 2:
            mixed = audio.mix(samples)
            phrases = engine.recognize(mixed, diarize=2)
            demo.speakers["stereo calls mixed to mono, maxSpeakers 2"].add(speech[call], phrases, duration_s)
            found = engine.recognize(mixed, diarize=MANY)
            demo.speakers["stereo calls mixed to mono, number to be found"].add(
                speech[call], found, duration_s
            )
    return demo


def _speakers_on(fact: dict, channel: int) -> set[str]:
    return {name for name, where in fact["speakers"].items() if where == channel}


# --- real recordings -------------------------------------------------------------------------------------------------


@dataclass
class Real:
    """All that is measured on the recordings beside the repository."""

    words: dict[str, Words] = field(default_factory=lambda: defaultdict(Words))
    speakers: dict[str, Speakers] = field(default_factory=lambda: defaultdict(Speakers))
    turns: str = ""


def measure_real(engine: Engine) -> Real | None:
    """Recognize the real recordings, or answer None where they are absent."""
    if not SHARED.is_dir():
        return None
    real = Real()
    studio = audio.decode(SHARED / "studio_en-US_01.wav", RATE)[0]
    real.words["studio_en-US_01.wav"].add(
        (SHARED / "studio_en-US_01.ref.txt").read_text(), engine.recognize(studio)
    )
    real.speakers["studio_en-US_01.wav, one speaker, number to be found"].add(
        activity_stretches(studio, "reader"), engine.recognize(studio, diarize=MANY), len(studio) / RATE
    )
    lines = (SHARED / "katiesteve.ref.txt").read_text().splitlines()
    talk = audio.decode(SHARED / "katiesteve.wav", RATE)[0]
    for most, title in ((2, "maxSpeakers 2"), (MANY, "number to be found")):
        phrases = engine.recognize(talk, diarize=most)
        real.turns += f"{title}: {turns_right(lines, phrases)}; "
    real.words["katiesteve.wav"].add(" ".join(line.partition(":")[2] for line in lines), phrases)
    sides = [audio.decode(SHARED / f"repairs_40_{side}.wav", RATE)[0] for side in ("agent", "caller")]
    length = max(map(len, sides))
    sides = [np.pad(side, (0, length - len(side))) for side in sides]
    truth = activity_stretches(sides[0], "agent") + activity_stretches(sides[1], "caller")
    mixed = audio.mix(np.stack(sides))
    for most, title in ((2, "maxSpeakers 2"), (MANY, "number to be found")):
        phrases = engine.recognize(mixed, diarize=most)
        real.speakers[f"repairs_40 mixed to mono, {title}"].add(truth, phrases, length / RATE)
    return real


def turns_right(lines: list[str], phrases: list[Phrase]) -> str:
    """How many turns of a dialogue went to the right speaker, by the words that were heard in them."""
    said = [(word, line.partition(":")[0]) for line in lines for word in normalize(line.partition(":")[2])]
    turn_of = [i for i, line in enumerate(lines) for _ in normalize(line.partition(":")[2])]
    heard = [(part, p.speaker) for p in phrases for w in p.words for part in normalize(w.lexical)]
    out = jiwer.process_words(" ".join(w for w, _ in said), " ".join(w for w, _ in heard))
    votes: dict[int, list[int]] = defaultdict(list)
    for chunk in out.alignments[0]:
        if chunk.type == "equal":
            pairs = zip(
                range(chunk.ref_start_idx, chunk.ref_end_idx),
                range(chunk.hyp_start_idx, chunk.hyp_end_idx),
                strict=True,
            )
            for i, k in pairs:
                votes[turn_of[i]].append(heard[k][1] or 0)
    winners = {turn: max(set(v), key=v.count) for turn, v in votes.items()}
    names = {line.partition(":")[0] for line in lines}
    best = 0
    numbers = sorted(set(winners.values()))
    for first in numbers:
        for second in numbers:
            who = dict(zip(sorted(names), (first, second), strict=False))
            right = sum(winners.get(i) == who[line.partition(":")[0]] for i, line in enumerate(lines))
            best = max(best, right if first != second else 0)
    pure = sum(len(set(v)) == 1 for v in votes.values())
    return (
        f"{best} of {len(lines)} turns, {pure} of them without a word of the other, {len(numbers)} speakers"
    )


# --- what is not speech ----------------------------------------------------------------------------------------------


def noises(seconds: float = 120.0) -> Iterator[tuple[str, Samples]]:
    """Sounds without a word in them, each `seconds` long."""
    draw = np.random.default_rng(7)
    count = int(seconds * RATE)
    t = np.arange(count) / RATE
    white = draw.standard_normal(count)
    spectrum = np.fft.rfft(white) / np.maximum(np.sqrt(np.arange(count // 2 + 1)), 1)
    pink = np.fft.irfft(spectrum, count)
    pink /= np.sqrt(np.mean(pink**2))
    brown = np.fft.irfft(np.fft.rfft(white) / np.maximum(np.arange(count // 2 + 1), 50), count)
    brown /= np.sqrt(np.mean(brown**2))
    yield "digital silence", np.zeros(count, np.float32)
    yield "a quiet line, -70 dB", (white * 10**-3.5).astype(np.float32)
    for title, sound in (("white", white), ("pink", pink), ("brown", brown)):
        for level in (-45, -25):
            yield f"{title} noise, {level} dB", (sound * 10 ** (level / 20)).astype(np.float32)
    hum = sum(np.sin(2 * np.pi * 60 * k * t) / k for k in range(1, 8))
    yield "mains hum and hiss", (0.03 * hum + 0.003 * white).astype(np.float32)
    yield "a tone of 440 Hz", (0.2 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)
    ringing = (np.sin(2 * np.pi * 440 * t) + np.sin(2 * np.pi * 480 * t)) * ((t % 6) < 2)
    yield "ringing", (0.15 * ringing).astype(np.float32)
    low, high = np.array([697, 770, 852, 941]), np.array([1209, 1336, 1477])
    key = (t / 0.25).astype(int)
    dial = np.sin(2 * np.pi * low[(key * 7) % 4] * t) + np.sin(2 * np.pi * high[(key * 5) % 3] * t)
    yield "dialling", (0.15 * dial * ((t % 0.25) < 0.12)).astype(np.float32)
    notes = 220 * 2 ** (draw.integers(0, 25, size=int(seconds / 0.3) + 1) / 12)
    pitch = notes[(t / 0.3).astype(int)]
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    decay = np.exp(-(t % 0.3) * 6)
    melody = sum(np.sin(k * phase) / k for k in range(1, 6)) * decay
    chord = sum(np.sin(2 * np.pi * f * t) for f in (130.8, 164.8, 196.0)) * (
        0.6 + 0.4 * np.sin(2 * np.pi * 0.5 * t)
    )
    yield "music: melody", (0.1 * melody).astype(np.float32)
    yield "music: melody, chords, hiss", (0.07 * melody + 0.05 * chord + 0.01 * white).astype(np.float32)
    clicks = np.convolve((draw.random(count) < 3 / RATE) * 1.0, np.hanning(80), mode="same") * white
    yield "crackling line", (0.3 * clicks + 0.01 * pink).astype(np.float32)


def measure_noises(engine: Engine) -> dict[str, float]:
    """Invented words a minute."""
    return {
        title: sum(len(p.words) for p in engine.recognize(sound)) / (len(sound) / RATE) * 60
        for title, sound in noises()
    }


# --- speed and memory ------------------------------------------------------------------------------------------------


def measure_speed(engine: Engine) -> dict[str, float]:
    """CPU seconds of each step for each second of sound, over the mono demo calls of two."""
    facts, _, _ = read_truth()
    spent: dict[str, float] = defaultdict(float)
    total_s = 0.0
    for call, fact in facts.items():
        if fact["channels"] != 1 or not fact["turns"]:
            continue
        path = next((ROOT / "data" / "calls").glob(f"{call}.*"))
        clock = time.process_time()
        samples = audio.decode(path, RATE)[0]
        decoded = time.process_time()
        segments = list(find_segments([samples], VoiceActivity()))
        cut = time.process_time()
        found = engine.recognizer.transcribe([s.samples for s in segments])
        read = time.process_time()
        for segment, hypotheses in zip(segments, found, strict=True):
            engine.timed(segment, [(w.text, w.confidence) for w in hypotheses[0].words])
        timed = time.process_time()
        engine.recognize(samples)
        plain = time.process_time()
        engine.recognize(samples, diarize=2)
        done = time.process_time()
        total_s += len(samples) / RATE
        spent["decoding the file"] += decoded - clock
        spent["finding speech"] += cut - decoded
        spent["recognition"] += read - cut
        spent["word times"] += timed - read
        spent["speakers"] += max(0.0, (done - timed) - 2 * (plain - timed))
        spent["the whole chain"] += (decoded - clock) + (done - plain)
    return {step: seconds / total_s for step, seconds in spent.items()}


def measure_long(engine: Engine, hours: float = 2.0) -> str:
    """Recognize a real call over and over, in blocks; say how memory and time went."""
    sides = [audio.decode(SHARED / f"repairs_40_{side}.wav", RATE)[0] for side in ("agent", "caller")]
    length = min(map(len, sides))
    call = audio.mix(np.stack([side[:length] for side in sides]))
    rounds = round(hours * 3600 * RATE / length)
    marks: list[tuple[int, float]] = []

    def blocks() -> Iterator[Samples]:
        for number in range(rounds):
            for start in range(0, length, 30 * RATE):
                yield call[start : start + 30 * RATE]
            marks.append((number, _memory_mb()))

    clock = time.process_time()
    phrases = engine.recognize(blocks(), diarize=2)
    spent = time.process_time() - clock
    quarter = marks[len(marks) // 4][1]
    words = sum(len(p.words) for p in phrases)
    return (
        f"repairs_40, mixed, {rounds} times over ({rounds * length / RATE / 3600:.2f} h, {words:,} words, with speakers): "
        f"{quarter:.0f} MB of memory after a quarter, {marks[-1][1]:.0f} MB at the end, peak "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB; "
        f"{spent / (rounds * length / RATE):.3f} of real time."
    )


def _memory_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return float("nan")


# --- the report ------------------------------------------------------------------------------------------------------


def main() -> None:
    """Measure everything and write the section."""
    warnings.filterwarnings("ignore", module="pyannote")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry", action="store_true", help="print only, write nothing")
    parser.add_argument("--long", action="store_true", help="two hours in one recording, too")
    chosen = parser.parse_args()
    home = Path(os.environ.get("SPEECHKIT_HOME") or "~/.speechkit").expanduser()
    fetch_models(home)
    engine = Engine.load(home / "models")
    long = measure_long(engine) if chosen.long and SHARED.is_dir() else kept_long()
    text = section(
        engine,
        measure_demo(engine),
        measure_real(engine),
        measure_noises(engine),
        measure_speed(engine),
        long,
    )
    print(text)
    if not chosen.dry:
        write_section(text)


def section(
    engine: Engine, demo: Demo, real: Real | None, noise: dict[str, float], speed: dict[str, float], long: str
) -> str:
    """The section for docs/measurements.md."""
    words = dict(sorted({**(real.words if real else {}), **demo.words}.items()))
    speakers = {**demo.speakers, **(real.speakers if real else {})}
    noise = {**noise, **demo.invented}
    lines = [
        "## The local recognizer",
        "",
        f"{engine.name}, version {engine.version}. Word error rate by jiwer after the normalization of "
        "`speechkit.analysis.normalize`: "
        + " ".join(ENGLISH.describe()[:-1])
        + " (jiwer counts compounds as errors.) "
        "All words count, product names too; their cost stands apart.",
        "",
        "| recordings | words | WER | without product names | product names wrong |",
        "|---|---|---|---|---|",
        *(
            f"| {title} | {w.said:,} | {w.rate:.3f} | {w.rate_without_names:.3f} | {w.name_errors} of {w.names} |"
            for title, w in words.items()
            if "clean" not in title
        ),
        "",
        "By call: " + ", ".join(f"{call} {w.rate:.3f}" for call, w in demo.by_call.items()) + ".",
        "",
        "Starts of correctly recognized words, against the synthesizers' own times:",
        "",
        "| calls | words | within 50 ms | within 100 ms | median |",
        "|---|---|---|---|---|",
        *(
            f"| {title} | {len(w.starts):,} | {w.within(0.05):.3f} | {w.within(0.1):.3f} | {np.median(w.starts) * 1000:+.0f} ms |"
            for title, w in words.items()
            if w.starts and "half" not in title
        ),
        "",
        f"Diarization error rate by pyannote.metrics, overlap counted, at collars of {COLLARS_S[0]} and {COLLARS_S[1]} s "
        "(pyannote leaves out half of it on each side of a boundary; NIST's collar of 0.25 s is its 0.5); its parts at "
        "the first collar; and how many speakers were found (recordings × speakers). Speech is taken from the words, "
        f"joined over gaps under {SPEECH_GAP_S} s as in the truth; the truth of real recordings is voice activity.",
        "",
        f"| recordings | DER {COLLARS_S[0]} | DER {COLLARS_S[1]} | missed | false alarm | confused | speakers found |",
        "|---|---|---|---|---|---|---|",
        *(group.row(title) for title, group in speakers.items()),
        "",
        *([f"katiesteve.wav, {real.turns.rstrip('; ')}.", ""] if real else []),
        "Invented words a minute, two minutes of each sound: "
        + ", ".join(f"{title} {rate:.1f}" for title, rate in noise.items())
        + ".",
        "",
        "Speed, CPU seconds for a second of sound, on one core: "
        + ", ".join(f"{step} {share:.3f}" for step, share in speed.items())
        + ".",
        "",
        *([f"Two hours: {long}", ""] if long else []),
        f"`python benchmarks/recognition.py`, {datetime.date.today()}, Python {platform.python_version()}, onnxruntime "
        f"{version('onnxruntime')}, {cpu_name()}, one thread, other work on the machine at times.",
    ]
    return "\n".join(lines)


def cpu_name() -> str:
    """The processor's name."""
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def kept_long() -> str:
    """What the section says of two hours, when they are not measured again."""
    held = MEASUREMENTS.read_text(encoding="utf-8") if MEASUREMENTS.exists() else ""
    match = re.search(r"^Two hours: (.*)$", held, re.MULTILINE)
    return match.group(1) if match else ""


def write_section(text: str) -> None:
    """Put the section between its marks; the file is made when it is missing."""
    held = MEASUREMENTS.read_text(encoding="utf-8") if MEASUREMENTS.exists() else "# Measurements\n"
    block = f"{BEGIN}\n{text}\n{END}"
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    new = pattern.sub(lambda _: block, held) if pattern.search(held) else f"{held.rstrip()}\n\n{block}\n"
    part = MEASUREMENTS.with_suffix(".part")
    part.write_text(new, encoding="utf-8")
    part.replace(MEASUREMENTS)


if __name__ == "__main__":
    main()
