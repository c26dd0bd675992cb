"""One question after another in one process: ``python -m bench.warm``.

Questions are those of the shipped corpus's golden development set. ``qa search`` finds passages, as the others
do; ``qa ask`` also reads them and checks its quotes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.baselines import prepare
from bench.golden import QUESTIONS
from bench.made import make_index, make_shipped, texts_of
from bench.measure import show
from qa.models import packaged_model

_QA = """
import json, sys, time
from pathlib import Path
from qa.answerer import Answerer
from qa.generation import Generation
what, index, given = sys.argv[1:]
times = []
with Generation(Path(index)) as generation:
    answerer = Answerer(generation)
    ask = answerer.ask if what == "ask" else answerer.retriever.search
    for question in json.load(open(given, encoding="utf-8")):
        started = time.perf_counter()
        ask(question)
        times.append(time.perf_counter() - started)
print(json.dumps(times))
"""


def _times(argv: list[str]) -> list[float]:
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    # The first question loads what is loaded late.
    times: list[float] = json.loads(done.stdout.splitlines()[-1])[1:]
    return times


def _rows(commands: dict[str, list[str]], rounds: int) -> list[dict[str, object]]:
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, argv in commands.items():
            times[name] += _times(argv)
    medians = {name: statistics.median(own) for name, own in times.items()}
    return [
        {
            "what": name,
            "median_ms": 1000 * medians[name],
            "p95_ms": 1000 * statistics.quantiles(own, n=20)[-1],
            "ratio": medians[name] / medians["naive"],
        }
        for name, own in times.items()
    ]


def main() -> None:
    """Measure and print tables, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--peers", default="", help="an interpreter that has txtai, langchain-chroma, ...-huggingface")
    parser.add_argument("--quick", action="store_true", help="one round of 20 questions, the shipped corpus alone")
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    golden = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    questions = [q["question"] for q in golden if q["split"] == "dev"][: 20 if a.quick else None]
    tables: dict[str, list[dict[str, object]]] = {}
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        given = folder / "questions.json"
        given.write_text(json.dumps(questions), encoding="utf-8")
        indexes = {"the shipped corpus": make_shipped(folder / "shipped")}
        if not a.quick:
            indexes[f"{a.chunks} chunks"] = make_index(folder / "made", a.chunks, indexes["the shipped corpus"])
        for number, (name, index) in enumerate(indexes.items()):
            others, skipped = prepare(folder / f"others-{number}", *texts_of(index), packaged_model(), peers=a.peers)
            notes += [f"{name}: {reason}" for reason in skipped]
            commands = {
                f"qa {what}": [sys.executable, "-c", _QA, what, str(index), str(given)] for what in ("search", "ask")
            }
            commands |= {b.name: b.warm(given) for b in others}
            tables[f"warm, {name}, {len(questions)} questions"] = _rows(commands, 1 if a.quick else a.rounds)
    show(tables, as_json=a.json, notes=notes)


if __name__ == "__main__":
    main()
