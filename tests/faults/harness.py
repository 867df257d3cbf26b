"""Plays bad days: a client and a service that are killed, cheated and resumed until the run is over.

    python -m tests.faults.harness 17            play seed 17, and say what is wrong at its end
    python -m tests.faults.harness 0-199 --lanes 4

Clients and services are forked from this process, which has imported everything and started no thread: a new
one costs milliseconds. The client's waits are a tenth of what they are.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from speechkit import connect, open_corpus
from speechkit.errors import RunError, SpeechkitError
from speechkit.settings import Settings
from tests.faults.processes import KEY, Killer, Service, fork, limit
from tests.faults.schedule import Life, Schedule, draw, record

RUN = "bad-day"
OVER, TOLD, OPEN = 0, 3, 4  # how a client ends, when it is not killed
HOW = {OVER: "came to the end", TOLD: "said why it could not", OPEN: "left at its deadline", -9: "was killed"}
LIFE_S = 240.0  # a client that lives longer hangs, or its machine is far too busy
DEADLINE_S = 0.8  # that a client waits for its jobs, one of which may be stuck


def play(schedule: Schedule, folder: Path) -> list[str]:
    """Play a schedule in an empty folder, and say what is wrong at its end; nothing is what should be."""
    record(schedule, folder / "calls")
    (folder / "home").mkdir()
    service = Service(folder / "home")
    wrong: list[str] = []
    try:
        for life in [*schedule.lives, Life()]:
            service.be_there(life.service_disk_bytes)
            how = _live(life, service, lambda life=life: client(schedule, folder, service.port, life), folder)
            print("a client", HOW.get(how, how))
            if how not in (OVER, TOLD, OPEN, -signal.SIGKILL) or (life == Life() and how != OVER):
                wrong.append(f"a client ended with {how} in {life}")
            if how == OVER:
                break
        sent = Counter(name for _, names in service.jobs() for name in names)
        wrong += [f"{name} was sent {n} times" for name, n in sent.items() if n > 1]
        keys = Counter(key for key, _ in service.jobs())
        wrong += [f"job {key} was submitted {n} times" for key, n in keys.items() if n > 1]
        service.be_there(None)
        code = _live(Life(), service, lambda: check(schedule, folder, service), folder)
        wrong += [f"the check ended with {code}"] if code else []
    finally:
        service.kill()
    return wrong


def _live(life: Life, service: Service, work: Callable[[], int], folder: Path) -> int:
    """Let a client live, or two, while the service dies and comes again; answers how it ended."""
    if service.alive:
        service.http.delete("/misbehave")
        for order in life.orders:
            service.http.post("/misbehave", json=order).raise_for_status()
    alive = {fork(work, folder / "client.log") for _ in range(1 + life.twin)}
    ends: list[int] = []
    born_s = time.monotonic()
    dies_at_s = life.service_dies_at_s
    while alive:
        time.sleep(0.01)
        age_s = time.monotonic() - born_s
        if dies_at_s and age_s > dies_at_s:
            service.kill()
            dies_at_s = None
        if not service.alive:
            service.start()
        for pid in tuple(alive):
            if age_s > LIFE_S:
                os.kill(pid, signal.SIGABRT)
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                alive.remove(pid)
                ends.append(os.waitstatus_to_exitcode(status))
    strange = [how for how in ends if how not in HOW]
    return strange[0] if strange else OVER if OVER in ends else ends[0]


def client(schedule: Schedule, folder: Path, port: int, life: Life) -> int:
    """Take the run up, or begin it, and go as far as it goes; answers how that ended."""
    limit(life.disk_bytes)
    speech = _connect(folder, port)
    if life.dies_at:
        Killer(*life.dies_at)
    try:
        try:
            run = speech.batch.resume(RUN)
        except RunError:
            run = speech.batch.submit(
                folder / "calls", corpus=folder / "corpus", name=RUN, job_size=schedule.job_size
            )
        run.collect(deadline_s=DEADLINE_S if life.orders else None)
        runs = speech.batch.runs().set_index("name")
        return OPEN if runs.loc[RUN, "open"] else OVER
    except SpeechkitError as error:
        print(f"{type(error).__name__}: {error}")
        return TOLD


def check(schedule: Schedule, folder: Path, service: Service) -> int:
    """Look at what is there at the end, and print what is wrong; answers whether anything is."""
    speech = _connect(folder, service.port)
    wrong = _accounted(schedule, folder, speech)
    run = speech.batch.resume(RUN)
    if not set(run.failures["file"].map(lambda f: Path(f).name)) <= set(schedule.recordings) - set(
        schedule.good
    ):
        run.retry_failed()
        run.collect()
        wrong += _accounted(schedule, folder, speech, healed=True)
    before = len(service.jobs())
    record(Schedule(0, 1, {"late.wav": 5000}, []), folder / "later")
    (folder / "later" / "late.wav").rename(folder / "calls" / "late.wav")
    speech.batch.submit(folder / "calls", corpus=folder / "corpus", name="later").collect()
    new = [name for _, names in service.jobs()[before:] for name in names]
    if [name.partition("-")[0] for name in new] != ["late"]:
        wrong.append(f"a second run over the grown folder sent {new}")
    print(*wrong, sep="\n", flush=True)
    return 1 if wrong else 0


def _accounted(schedule: Schedule, folder: Path, speech: Any, *, healed: bool = False) -> list[str]:
    """Every recording stands in the corpus once, with its own text, or in the failures once, with its reason."""
    corpus, wrong = open_corpus(folder / "corpus", create=True), []
    heard = [Path(source).name for source in corpus.calls["source"]]
    failures = speech.batch.resume(RUN).failures
    failed = [Path(file).name for file in failures["file"]]
    times = Counter(heard + failed)
    wrong += [f"{name} stands {times[name]} times" for name in schedule.recordings if times[name] != 1]
    wrong += [f"{name} was never given" for name in times if name not in schedule.recordings]
    wrong += [f"{row.file} failed without a reason" for row in failures.itertuples() if not row.error]
    if healed:
        wrong += [f"{name} failed after a retry" for name in set(failed) & set(schedule.good)]
    texts = corpus.phrases.groupby("call_id")["display"].agg(" ".join)
    for call_id, source in zip(corpus.calls["call_id"], corpus.calls["source"], strict=True):
        said, meant = texts.get(call_id), f"{schedule.recordings.get(Path(source).name)} bytes."
        wrong += [f"{source} says {said!r}, not {meant!r}"] if said != meant else []
    left = [path for root in ("corpus", "home") for path in (folder / root).rglob("*.part")]
    return wrong + [f"{path} is half-written" for path in left]


def _connect(folder: Path, port: int) -> Any:
    settings = Settings(speech_endpoint=f"http://127.0.0.1:{port}", speech_key=KEY, home=folder / "home")
    speech = connect(settings, quiet=True)
    speech.client.sleep = lambda seconds: time.sleep(seconds / 10)
    return speech


def main() -> int:
    """Play the seeds that are named, some at once; answers how many of them ended badly."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("seeds", help="such as 17 or 0-199")
    parser.add_argument("--lanes", type=int, default=1, help="schedules played at once")
    parser.add_argument("--keep", action="store_true", help="keep the folder of each seed")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    waiting, playing, bad = list(range(int(first), int(last or first) + 1)), {}, 0
    ends: Counter[str] = Counter()
    while waiting or playing:
        while waiting and len(playing) < options.lanes:
            seed = waiting.pop(0)
            folder = Path(tempfile.mkdtemp(prefix=f"speechkit-faults-{seed}-"))
            playing[fork(lambda seed=seed, folder=folder: _lane(seed, folder), folder / "play.log")] = (
                seed,
                folder,
            )
        pid, status = os.wait()
        seed, folder = playing.pop(pid)
        said = (folder / "play.log").read_text()
        ends.update(line for line in said.splitlines() if line.startswith("a client"))
        if status:
            bad += 1
            print(f"seed {seed}: {draw(seed)}", said, f"in {folder}", sep="\n", flush=True)
        elif not options.keep:
            shutil.rmtree(folder)
    print(*(f"{line}: {times}" for line, times in ends.most_common()), sep="\n")
    return bad


def _lane(seed: int, folder: Path) -> int:
    wrong = play(draw(seed), folder)
    print(*wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main() > 0)
