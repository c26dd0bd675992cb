"""One question from cold, a process of its own: ``python -m bench.cold``.

On the corpus that ships with qa and on 10,000 made-up chunks (``--chunks``), each beside the others in the
same call, runs interleaved. Ratios are medians of the ratios to the naive script of the same round.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from bench.baselines import prepare
from bench.made import make_index, make_shipped, texts_of
from bench.measure import interleaved, rows_of, show
from qa.models import packaged_model

QUESTION = "Can a state opt out of Secure Communities?"


def _measure(
    index: Path, scratch: Path, *, runs: int, peers: str, without: set[str]
) -> tuple[list[dict[str, object]], list[str]]:
    texts, vectors = texts_of(index)
    others, skipped = prepare(scratch, texts, vectors, packaged_model(), peers=peers)
    qa, where = [sys.executable, "-m", "qa"], ["--index", str(index)]
    commands = {
        "qa ask": [*qa, "ask", QUESTION, *where],
        "qa ask --json": [*qa, "ask", QUESTION, "--json", *where],
        "qa search": [*qa, "search", QUESTION, *where],
        "qa --help": [*qa, "--help"],
        **{b.name: b.cold(QUESTION) for b in others if b.name not in without},
    }
    return rows_of(interleaved(commands, runs=runs, env=os.environ | {"HF_HUB_OFFLINE": "1"}), "naive"), skipped


def main() -> None:
    """Measure and print tables, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--peers", default="", help="an interpreter that has txtai, langchain-chroma, ...-huggingface")
    parser.add_argument("--without", nargs="*", default=[], help="baselines to leave out")
    parser.add_argument("--quick", action="store_true", help="two runs, the shipped corpus alone")
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    runs = 2 if a.quick else a.runs
    tables: dict[str, list[dict[str, object]]] = {}
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        indexes = {"the shipped corpus": make_shipped(folder / "shipped")}
        if not a.quick:
            indexes[f"{a.chunks} chunks"] = make_index(folder / "made", a.chunks, indexes["the shipped corpus"])
        for number, (name, index) in enumerate(indexes.items()):
            how = {"runs": runs, "peers": a.peers, "without": set(a.without)}
            tables[f"cold, {name}"], skipped = _measure(index, folder / f"others-{number}", **how)
            notes += [f"{name}: {reason}" for reason in skipped]
    show(tables, as_json=a.json, notes=notes)


if __name__ == "__main__":
    main()
