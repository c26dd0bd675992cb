"""Kills writers at random moments: ``python -m bench.crash --kills 300`` (some 10 CPU seconds each).

Each run lets a process index, change, add, remove or prune, and kills it with SIGKILL somewhere. Then

- the index must answer the same questions as before or as after the work, bit for bit, never between;
- the doctor must find nothing but leftovers, and mend these;
- the next run must embed nothing that is in the cache already, and end where a fresh index ends.

Writers are forked from a server process that has imported what it can, so that the kills fall into the work;
what a writer was doing is counted. ``--minutes`` ends a long run early, another ``--seed`` goes on elsewhere.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from bench.environment import environment
from qa import output
from qa.answerer import Answerer
from qa.config import Settings, shipped_corpus
from qa.doctor import Remedy, examine, repair
from qa.errors import IndexMissingError, QaError
from qa.generation import Generation
from qa.indexer import Report, build_index, rehearse_index
from qa.progress import SilentWatcher
from qa.upkeep import prune_cache

QUESTIONS = (
    "Who keeps the lighthouse of Aldbury?",
    "How many keepers does lighthouse 7 need?",
    "When was lighthouse 3 painted?",
    "Where do the seals sleep?",
    "What is the boiling point of mercury?",
)


@dataclass
class Outcome:
    """What the kills showed; ``failures`` is empty when every promise held."""

    kills: int = 0
    finished: int = 0
    as_before: int = 0
    as_after: int = 0
    leftovers: int = 0
    by_operation: Counter[str] = field(default_factory=Counter)
    by_stage: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


class Workplace:
    """Documents, an index of them, and the operations that a writer is killed in."""

    def __init__(self, folder: Path, encoder: Path, *, seed: int) -> None:
        self.random = random.Random(seed)
        self.documents = folder / "documents"
        self.documents.mkdir()
        self.index = folder / "index"
        self.index.mkdir()
        (self.index / "encoder").symlink_to(encoder, target_is_directory=True)
        self.stage = folder / "stage"
        self.longest_s = 1.0
        self.count = 0
        for _ in range(8):
            self.add()
        (self.documents / "seals.txt").write_text("The seals of Aldbury sleep on the sandbank.\n", encoding="utf-8")

    def add(self) -> None:
        """Write one more document of five paragraphs."""
        self.count += 1
        n = self.count
        text = "\n\n".join(
            f"Lighthouse {n} needs {n + p} keepers in year {p}. It was painted in {1900 + n + p} by hand {p}. "
            f"The keeper of lighthouse {n} in Aldbury is called Number {n * 10 + p}."
            for p in range(5)
        )
        (self.documents / f"lighthouse-{n}.txt").write_text(text + "\n", encoding="utf-8")

    def change(self) -> None:
        """Edit one document."""
        path = self.random.choice(sorted(self.documents.glob("lighthouse-*.txt")))
        text = path.read_text(encoding="utf-8")
        path.write_text(f"{text}\nIt was visited on day {self.random.randrange(10**6)}.\n", encoding="utf-8")

    def remove(self) -> None:
        """Delete one document, while there are some."""
        paths = sorted(self.documents.glob("lighthouse-*.txt"))
        if len(paths) > 4:
            self.random.choice(paths).unlink()

    def renew(self) -> Report:
        """Bring the index up to date, and learn how long that takes here and now."""
        started = time.monotonic()
        report = renew(self.index, self.documents)
        if report.changes:
            self.longest_s = 0.5 * self.longest_s + 0.45 * (time.monotonic() - started)
        return report

    def answers(self) -> str:
        """Return what the index answers, as JSON; "" when there is no index yet."""
        try:
            with Generation(self.index) as generation:
                answerer = Answerer(generation)
                return "\n".join(output.dumps(output.answer(answerer.ask(q), generation.manifest)) for q in QUESTIONS)
        except IndexMissingError:
            return ""


class _Teller(SilentWatcher):
    """Writes down what a run is doing, for whoever kills it."""

    def __init__(self, index: Path) -> None:
        self.path = index.with_name("stage")
        self.start("opening", 0)

    def start(self, stage: str, total: int) -> None:  # noqa: ARG002 - a Watcher's signature
        self.path.write_text(stage, encoding="utf-8")


def renew(index: Path, documents: Path) -> Report:
    """Bring an index up to date."""
    return build_index(index, Settings(), paths=[documents], watcher=_Teller(index))


def rebuild(index: Path, documents: Path) -> Report:
    """Write an index anew."""
    return build_index(index, Settings(), paths=[documents], rebuild=True, watcher=_Teller(index))


def prune(index: Path, _documents: Path) -> object:
    """Prune the cache of an index."""
    _Teller(index).start("pruning", 0)
    return prune_cache(index, max_age_days=None, max_mb=None)


Work = Callable[[Path, Path], object]


def _child(work: Work, index: Path, documents: Path) -> None:
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    work(index, documents)


def start(work: Work, place: Workplace) -> BaseProcess:
    """Start ``work`` in a process of its own, which has no threads of this one."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.crash", "chromadb", "onnxruntime", "tokenizers"])
    process = context.Process(target=_child, args=(work, place.index, place.documents))
    process.start()
    return process


def killed(work: Work, place: Workplace, after_s: float) -> bool:
    """Kill ``work`` some seconds after it began; tell whether it was still at it."""
    place.stage.write_text("starting", encoding="utf-8")
    process = start(work, place)
    process.join(after_s)
    if process.exitcode is not None:
        return False
    with contextlib.suppress(ProcessLookupError):
        # The verifying process of a killed writer must not go on alone.
        os.killpg(process.pid or 0, signal.SIGKILL)
    process.kill()
    process.join()
    return True


def _say_nothing(_: str) -> None:
    pass


def _check_doctor(place: Workplace, outcome: Outcome, name: str) -> None:
    findings = [f for f in examine(place.index) if not f.passed]
    if any(f.remedy not in (Remedy.CLEAN, Remedy.REBUILD) for f in findings):
        outcome.failures.append(f"{name}: {findings}")
    if findings:
        outcome.leftovers += 1
        repair(place.index, Settings(), findings, say=_say_nothing)
        left = [f for f in examine(place.index) if not f.passed]
        if left:
            outcome.failures.append(f"{name}: not mended: {left}")


def one_kill(place: Workplace, outcome: Outcome) -> None:
    """Do one operation under a kill, then hold the index to its promises."""
    name = place.random.choice(["change", "change", "add", "remove", "rebuild", "prune"])
    work: Work = {"rebuild": rebuild, "prune": prune}.get(name, renew)
    if work is renew:
        for _ in range(place.random.randint(1, 3)):
            getattr(place, name)()
    # The documents have changed already: what no longer stands in them is not quoted, before as after.
    before = place.answers()
    longest_s = place.longest_s * (0.03 if name == "prune" else 1.0)
    was_killed = killed(work, place, place.random.uniform(0.0, longest_s))
    outcome.by_stage[place.stage.read_text(encoding="utf-8")] += was_killed
    outcome.kills += was_killed
    outcome.finished += not was_killed
    outcome.by_operation[name] += was_killed
    try:
        between = place.answers()
        missing = rehearse_index(place.index, Settings(), paths=[place.documents]).embedded
        if before and name in ("rebuild", "prune"):
            _check_doctor(place, outcome, name)
        report = place.renew()
    except QaError as error:
        outcome.failures.append(f"{name}: {type(error).__name__}: {error}")
        return
    after = place.answers()
    if between == after:
        outcome.as_after += 1
    elif between == before:
        outcome.as_before += 1
    else:
        outcome.failures.append(f"{name}: an answer of neither before nor after")
    if report.embedded > missing:
        outcome.failures.append(f"{name}: {report.embedded} embedded, {missing} were missing")


def run(kills: int, *, seed: int, encoder: Path, minutes: float = 1e9) -> Outcome:
    """Kill until ``kills`` processes died at work, or the time is over; return what was seen."""
    end = time.monotonic() + minutes * 60
    outcome = Outcome()
    with tempfile.TemporaryDirectory() as scratch:
        place = Workplace(Path(scratch), encoder, seed=seed)
        killed(renew, place, place.random.uniform(0.1, 3.0))
        place.renew()
        while outcome.kills < kills and len(outcome.failures) < 10 and time.monotonic() < end:
            one_kill(place, outcome)
        _check_doctor(place, outcome, "end")
        fresh = Path(scratch) / "fresh"
        fresh.mkdir()
        (fresh / "encoder").symlink_to(encoder, target_is_directory=True)
        build_index(fresh, Settings(), paths=[place.documents])
        worn, place.index = place.answers(), fresh
        if worn != place.answers():
            outcome.failures.append("end: a fresh index answers otherwise")
    return outcome


def make_encoder(folder: Path) -> Path:
    """Return the encoder folder of an index of the shipped corpus, made in ``folder``."""
    build_index(folder, Settings(), paths=[shipped_corpus()])
    return folder / "encoder"


def main() -> None:
    """Run and print the outcome."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--encoder", type=Path, help="an index whose encoder is used; without it one is made")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        encoder = a.encoder / "encoder" if a.encoder else make_encoder(Path(scratch) / "index")
        outcome = run(a.kills, seed=a.seed, encoder=encoder, minutes=a.minutes)
    print(json.dumps({"environment": environment()}))
    print(f"killed {outcome.kills} writers at work ({dict(sorted(outcome.by_operation.items()))})")
    print(f"while {dict(outcome.by_stage.most_common())}")
    print(f"finished before the kill: {outcome.finished}")
    print(f"index as before {outcome.as_before}, as after {outcome.as_after}, leftovers mended {outcome.leftovers}")
    print(f"promises broken: {len(outcome.failures)}")
    for failure in outcome.failures:
        print(f"  {failure}")
    raise SystemExit(1 if outcome.failures else 0)


if __name__ == "__main__":
    main()
