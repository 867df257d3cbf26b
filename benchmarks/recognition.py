"""Measure the local recognizer: `python benchmarks/recognition.py [--dry] [--long]`.

Words, word starts, phrase lists, speakers, invented words and speed, against the truth of the demo calls and, where
they are, the real recordings in the folder `shared` beside the repository. Nothing here tunes anything. One thread,
CPU time. `--long` also recognizes two hours in one recording, which takes minutes.
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
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np
from not_speech import Samples, sounds
from recognized import Stretch, Tables, right_words
from sections import read_all, write_section

from speechkit import audio
from speechkit.analysis.accuracy import Accuracy, score
from speechkit.analysis.diarization import DiarizationErrors, score_diarization
from speechkit.analysis.normalize import ENGLISH, normalize
from speechkit.analysis.reference import read_reference
from speechkit.local.diarizer import Diarizer
from speechkit.local.engine import Engine, Phrase
from speechkit.local.models import fetch_models
from speechkit.local.segments import RATE, find_segments

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("SPEECHKIT_SHARED") or ROOT.parent / "shared") / "speech"
TRUTH = ROOT / "data" / "truth"
PRODUCTS = ("Zephyrix", "Quovira", "Lumadora", "Brioflex")
MANY = 36  # speakers: more than there are, so that their number must be found
COLLAR_S = 0.25


@dataclass
class Measured:
    """What was recognized, what is true, and what was counted on the way."""

    heard: Tables = field(default_factory=Tables)
    listed: Tables = field(default_factory=Tables)  # with the phrase list
    real_heard: Tables = field(default_factory=Tables)
    real_said: Tables = field(default_factory=Tables)
    speakers: Tables = field(default_factory=Tables)
    speakers_said: Tables = field(default_factory=Tables)
    starts: dict[str, list[float]] = field(default_factory=dict)
    invented: dict[str, float] = field(default_factory=dict)
    turns: list[str] = field(default_factory=list)
    without_names_s: float = 0.0  # of recordings that were only searched for names nobody says
    false_names: int = 0
    spent_s: float = 0.0
    heard_s: float = 0.0

    def who(
        self,
        engine: Engine,
        title: str,
        call: str,
        sound: Samples,
        phrases: list[Phrase],
        said: list[Stretch],
    ) -> list[list[Phrase]]:
        """Tell the speakers apart, with their number known and to be found, and note both beside the truth."""
        diarizer = Diarizer(engine.voices)
        for segment in find_segments([sound]):
            diarizer.add(segment.samples, segment.start_s, segment.speech)
        words = [word for phrase in phrases for word in phrase.words]
        known = max(2, len({name for *_, name in said}))
        found = []
        for most, how in ((known, f"maxSpeakers {known}"), (MANY, "number to be found")):
            speakers = diarizer.speakers(words, most)
            cut = [
                Phrase(w.start_s, w.end_s, 1.0, w.text, [w], n) for w, n in zip(words, speakers, strict=True)
            ]
            known_of = {"group": f"{title}, {how}", "duration_s": len(sound) / RATE}
            self.speakers.add(f"{call} {title} {how}", cut, **known_of)
            self.speakers_said.say(f"{call} {title} {how}", said, **known_of)
            found.append(cut)
        return found


# --- the demo calls --------------------------------------------------------------------------------------------------


def measure_demo(engine: Engine, measured: Measured) -> None:
    """Recognize every demo call as the service does: each channel, or the mono sound with speakers."""
    facts = json.loads((TRUTH / "calls.json").read_text(encoding="utf-8"))
    ctm = [line.split() for line in (TRUTH / "calls.ctm").read_text(encoding="utf-8").splitlines()]
    rttm = [line.split() for line in (TRUTH / "calls.rttm").read_text(encoding="utf-8").splitlines()]
    for call, fact in facts.items():
        clock = time.process_time()
        samples = audio.decode(next((ROOT / "data" / "calls").glob(f"{call}.*")), RATE)
        measured.spent_s += time.process_time() - clock
        rate = "8 kHz" if "mulaw" in fact["format"] else "16 kHz"
        known = {"rate": rate, "duration_s": samples.shape[1] / RATE}
        said = [(float(r[3]), float(r[3]) + float(r[4]), r[7]) for r in rttm if r[1] == call]
        for channel, sound in enumerate(samples):
            clock = time.process_time()
            phrases = engine.recognize(sound, diarize=2 if len(samples) == 1 else None)
            measured.spent_s += time.process_time() - clock
            measured.heard_s += len(sound) / RATE
            if not fact["turns"]:
                count = sum(len(p.words) for p in phrases)
                measured.invented[f"demo call {call}, a recorded voicemail tone"] = (
                    count / len(sound) * RATE * 60
                )
                continue
            measured.heard.add(call, phrases, channel, **known)
            measured.listed.add(call, engine.recognize(sound, phrases=PRODUCTS), channel, **known)
            truth = sorted((float(r[2]), r[4]) for r in ctm if r[:2] == [call, str(channel)])
            measured.starts.setdefault(rate, []).extend(start_errors(truth, phrases))
            if len(samples) == 1:
                measured.who(engine, f"mono calls of {len(fact['speakers'])}", call, sound, phrases, said)
            else:
                alone = [s for s in said if fact["speakers"][s[2]] == channel]
                measured.who(engine, "one speaker", f"{call}-{channel}", sound, phrases, alone)
        if len(samples) == 2 and fact["turns"]:
            mixed = audio.mix(samples)
            measured.who(engine, "stereo calls mixed", call, mixed, engine.recognize(mixed), said)


def start_errors(truth: Sequence[tuple[float, str]], phrases: Sequence[Phrase]) -> list[float]:
    """How many seconds too late each word starts that was recognized correctly; `truth` is (start, word)."""
    said = [(start, part) for start, word in truth for part in normalize(word)[:1]]
    heard = [(w.start_s, part) for p in phrases for w in p.words for part in normalize(w.lexical)[:1]]
    pairs = right_words([word for _, word in said], [word for _, word in heard])
    return [heard[k][0] - said[i][0] for i, k in pairs]


# --- real recordings -------------------------------------------------------------------------------------------------


def measure_real(engine: Engine, measured: Measured) -> None:
    """Recognize the real recordings beside the repository."""
    studio, talk = (audio.decode(SHARED / f"{n}.wav", RATE)[0] for n in ("studio_en-US_01", "katiesteve"))
    sides = [audio.decode(SHARED / f"repairs_40_{side}.wav", RATE)[0] for side in ("agent", "caller")]
    lines = (SHARED / "katiesteve.ref.txt").read_text(encoding="utf-8").splitlines()
    texts = {
        "studio_en-US_01.wav": (SHARED / "studio_en-US_01.ref.txt").read_text(encoding="utf-8"),
        "katiesteve.wav": " ".join(line.partition(":")[2] for line in lines),
    }
    for (title, text), sound in zip(texts.items(), (studio, talk), strict=True):
        phrases = engine.recognize(sound)
        measured.real_heard.add(title, phrases)
        measured.real_said.say(title, text=text)
        if sound is studio:
            measured.who(engine, "one speaker", title, sound, phrases, activity(sound, "reader"))
        else:
            found = measured.who(engine, "katiesteve.wav", title, sound, phrases, activity(sound, "anyone"))
            measured.turns = [turns_right(lines, cut) for cut in found]
    length = min(map(len, sides))
    mixed = audio.mix(np.stack([side[:length] for side in sides]))
    said = activity(sides[0], "agent") + activity(sides[1], "caller")
    measured.who(engine, "repairs_40 mixed", "repairs_40", mixed, engine.recognize(mixed), said)
    for sound in (studio, talk, *sides):
        measured.without_names_s += len(sound) / RATE
        words = [w.lexical for p in engine.recognize(sound, phrases=PRODUCTS) for w in p.words]
        measured.false_names += sum(word == name.lower() for word, name in product(words, PRODUCTS))


def activity(samples: Samples, speaker: str) -> list[Stretch]:
    """Where somebody speaks on a channel that is theirs alone."""
    spans = [span for segment in find_segments([samples]) for span in segment.speech]
    return [(start, end, speaker) for start, end in spans]


def turns_right(lines: Sequence[str], phrases: Sequence[Phrase]) -> str:
    """How many turns of a dialogue of two went to the right speaker, by the words that were heard in them."""
    said = [(word, i) for i, line in enumerate(lines) for word in normalize(line.partition(":")[2])]
    heard = [(part, p.speaker) for p in phrases for w in p.words for part in normalize(w.lexical)]
    votes: dict[int, list[int]] = {i: [] for i in range(len(lines))}
    for i, k in right_words([word for word, _ in said], [word for word, _ in heard]):
        votes[said[i][1]].append(heard[k][1] or 0)
    winners = [max(set(v), key=v.count) if v else 0 for v in votes.values()]
    first = lines[0].partition(":")[0]
    right = max(
        sum(
            (winner == one) == (line.partition(":")[0] == first)
            for winner, line in zip(winners, lines, strict=True)
        )
        for one in set(winners)
    )
    return f"{right} of {len(lines)} turns right, {len(set(winners))} speakers"


# --- sounds, and two hours -------------------------------------------------------------------------------------------


def measure_sounds(engine: Engine, measured: Measured) -> None:
    """Count the words a minute that are heard where nobody speaks."""
    for title, sound in sounds():
        words = sum(len(p.words) for p in engine.recognize(sound))
        measured.invented[title] = words / len(sound) * RATE * 60


def measure_long(engine: Engine, hours: float = 2.0) -> str:
    """Recognize a real call over and over, as one recording in blocks; say how memory and time went."""
    sides = [audio.decode(SHARED / f"repairs_40_{side}.wav", RATE)[0] for side in ("agent", "caller")]
    length = min(map(len, sides))
    call = audio.mix(np.stack([side[:length] for side in sides]))
    total = round(hours * 3600 * RATE)
    memory: list[tuple[float, float]] = []

    def blocks() -> Iterator[Samples]:
        for start in range(0, total, 30 * RATE):
            memory.append((start / RATE, memory_mb()))
            yield np.take(call, range(start, start + 30 * RATE), mode="wrap")

    clock = time.process_time()
    words = sum(len(p.words) for p in engine.recognize(blocks(), diarize=2))
    spent = time.process_time() - clock
    early = next(mb for at, mb in memory if at >= 600)
    return (
        f"repairs_40, mixed, looped to {hours:g} hours ({words:,} words, with speakers): {early:.0f} MB of memory "
        f"after 10 minutes, {memory[-1][1]:.0f} MB at the end of the sound, {memory_mb():.0f} MB once the speakers "
        f"were told apart; {spent / total * RATE:.3f} of real time."
    )


def memory_mb() -> float:
    """The memory that this process holds now."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.findall(r"VmRSS:\s*(\d+)", status)[0]) / 1024


# --- the report ------------------------------------------------------------------------------------------------------


def main() -> None:
    """Measure everything and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry", action="store_true", help="print only, write nothing")
    parser.add_argument("--long", action="store_true", help="two hours in one recording, too")
    chosen = parser.parse_args()
    home = Path(os.environ.get("SPEECHKIT_HOME") or "~/.speechkit").expanduser()
    fetch_models(home)
    engine = Engine.load(home / "models")
    long = measure_long(engine) if chosen.long else kept("Two hours")
    measured = Measured()
    measure_demo(engine, measured)
    if SHARED.is_dir():
        measure_real(engine, measured)
    measure_sounds(engine, measured)
    text = section(engine, measured, long)
    print(text)
    if not chosen.dry:
        write_section("recognition", text)


def section(engine: Engine, measured: Measured, long: str) -> str:
    """The section for docs/measurements.md."""
    truth = read_reference(TRUTH / "calls.stm", TRUTH / "calls.ctm")
    plain, listed = (score(truth, t.transcript) for t in (measured.heard, measured.listed))
    demo_s = sum(float(str(row["duration_s"])) for row in measured.heard.calls)
    texts = list(words_rows(plain, "rate"))
    if measured.real_said.calls:
        texts += words_rows(score(measured.real_said.transcript, measured.real_heard.transcript), "call_id")
    hours = (demo_s + measured.without_names_s) / 3600
    (found, false), (found_listed, false_listed) = names(plain), names(listed)
    said = int(plain.recall({"product": PRODUCTS})["said"].sum())
    speed = measured.spent_s / measured.heard_s
    return "\n".join(
        [
            "## The local recognizer",
            "",
            f"{engine.name}, version {engine.version}. Thresholds were tuned on other voices and texts than these. "
            "Word error rate by `speechkit.score`: " + " ".join(ENGLISH.describe()),
            "",
            "| recordings | words | WER | product names wrong | WER without them |",
            "|---|---|---|---|---|",
            *texts,
            "",
            "Starts of correctly recognized words, those that no dictionary holds included, against the synthesizers' "
            "own times:",
            "",
            "| demo calls | words | within 50 ms | within 100 ms | median |",
            "|---|---|---|---|---|",
            *(starts_row(rate, errors) for rate, errors in sorted(measured.starts.items())),
            "",
            f"Phrase list ({', '.join(PRODUCTS)}): {found} of {said} spoken names are found without it, {found_listed} "
            f"with it, recall {found / said:.2f} and {found_listed / said:.2f}; written where they were not said: "
            f"{false} without, {false_listed + measured.false_names} with it, in {hours:.2f} hours. The list was tuned "
            f"with other names. WER of all demo calls {plain.total.rate:.4f} without, {listed.total.rate:.4f} with it.",
            "",
            f"Diarization error rate, collar {COLLAR_S} s on each side, overlap counted. The truth of real recordings "
            "is voice activity of each channel.",
            "",
            "| recordings | DER | missed | invented | confused | number of speakers right |",
            "|---|---|---|---|---|---|",
            *speakers_rows(measured),
            "",
            *(
                [f"katiesteve.wav: {measured.turns[0]}; number to be found: {measured.turns[1]}.", ""]
                if measured.turns
                else []
            ),
            "Invented words a minute, two minutes of each sound: "
            + ", ".join(f"{title} {rate:.1f}" for title, rate in measured.invented.items())
            + ".",
            "",
            f"Speed of the whole chain (decoding, speech, recognition, word times; speakers in mono calls) over "
            f"{measured.heard_s / 60:.0f} minutes of demo channels: {speed:.3f} of real time on one core.",
            "",
            *([f"Two hours: {long}", ""] if long else []),
            f"`python benchmarks/recognition.py --long`, {datetime.date.today()}, Python {platform.python_version()}, "
            f"onnxruntime {version('onnxruntime')}, {cpu_name()}, one thread, CPU time, other work on the machine.",
        ]
    )


def words_rows(accuracy: Accuracy, column: str) -> Iterator[str]:
    """Rows of a table: words, WER, and what product names cost."""
    words = accuracy.words.astype({"call_id": "str", "reference": "str"})
    groups = words["call_id"].map(accuracy.calls.set_index("call_id", drop=False)[column])
    is_name = words["reference"].isin([name.lower() for name in PRODUCTS])
    for group, rate in accuracy.by(column).items():
        names = words[(groups == group) & is_name]
        wrong = int((~names["kind"].isin(["right", "joined"])).sum())
        rest = (rate.errors - wrong) / (rate.total - len(names))
        yield f"| {group} | {rate.total:,} | {rate.rate:.3f} | {wrong} of {len(names)} | {rest:.3f} |"


def names(accuracy: Accuracy) -> tuple[int, int]:
    """How many product names were found, and how many written without having been said."""
    table = accuracy.recall({"product": PRODUCTS})
    return int(table["found"].sum()), int(table["false"].sum())


def starts_row(title: str, errors: Sequence[float]) -> str:
    """Shares of small errors, and the median."""
    late = np.array(errors)
    near = " | ".join(f"{np.mean(np.abs(late) <= limit):.3f}" for limit in (0.05, 0.1))
    return f"| {title} | {len(late):,} | {near} | {np.median(late) * 1000:+.0f} ms |"


def speakers_rows(measured: Measured) -> Iterator[str]:
    """Diarization errors, summed over the recordings of a group."""
    truth, heard = measured.speakers_said.transcript, measured.speakers.transcript
    calls = score_diarization(truth, heard, collar_s=COLLAR_S).calls
    groups = heard.calls.set_index("call_id")["group"]
    for group in dict.fromkeys(groups):
        if group.startswith("katiesteve"):
            continue  # its turns are judged by their words
        one: DiarizationErrors = sum(
            (calls[call] for call in groups[groups == group].index), DiarizationErrors()
        )
        parts = " | ".join(f"{s / one.speech_s:.3f}" for s in (one.missed_s, one.invented_s, one.confused_s))
        yield f"| {group} | {one.rate:.3f} | {parts} | {one.calls - one.miscounted} of {one.calls} |"


def cpu_name() -> str:
    """The processor's name."""
    path = Path("/proc/cpuinfo")
    found = re.findall(r"model name\s*: (.*)", path.read_text()) if path.exists() else []
    return str(found[0]) if found else platform.machine()


def kept(title: str) -> str:
    """What the section says of something that is not measured again."""
    match = re.search(rf"^{title}: (.*)$", read_all(), re.MULTILINE)
    return match.group(1) if match else ""


if __name__ == "__main__":
    main()
