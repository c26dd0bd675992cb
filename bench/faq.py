"""Measures ``qa faq``: questions a second in one run, and the ratio to asking them one at a time.

    python -m bench.faq [--questions 1000] [--alone 10] [--jobs 2] [--index DIR]

The questions are those of the golden sets, repeated in other words until there are enough of them. The index
is that of the shipped corpus, built first unless one is named; the models are loaded once in a run, and once
a question when asked alone. Processor seconds are told too: they hold on a machine that does other work as well.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from qa.config import Settings, shipped_corpus
from qa.indexer import build_index

GOLDEN = Path(__file__).parent.parent / "tests" / "golden" / "questions.jsonl"


def questions(count: int) -> list[str]:
    """Return ``count`` different questions."""
    lines = GOLDEN.read_text(encoding="utf-8").splitlines()
    asked = list(dict.fromkeys(str(json.loads(line)["question"]) for line in lines))
    forms = ("{}", "Please tell me: {}", "I want to know: {}", "In short, {}", "Exactly, {}", "My question: {}")
    return [form.format(question) for form in forms for question in asked][:count]


def seconds(*argv: str) -> tuple[float, float]:
    """Return the wall-clock and the processor seconds of a command of qa in a fresh process, its children included."""
    before, began = os.times(), time.perf_counter()
    subprocess.run([sys.executable, "-m", "qa", *argv], check=True, capture_output=True)
    after, took = os.times(), time.perf_counter() - began
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return took, used


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--alone", type=int, default=10, help="how many are asked one at a time")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--index", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        index, source = chosen.index or Path(folder) / "index", Path(folder) / "questions.txt"
        if not chosen.index:
            build_index(index, Settings(), paths=[shipped_corpus()])
        asked = questions(chosen.questions)
        source.write_text("\n".join(asked) + "\n", encoding="utf-8")
        alone = [seconds("ask", q, "--index", str(index), "-q") for q in asked[: chosen.alone]]
        page = ("-o", str(Path(folder) / "FAQ.md"), "--index", str(index), "-q")
        took, used = seconds("faq", str(source), *page, "--jobs", str(chosen.jobs))
    one, one_used = (sum(values) / len(alone) for values in zip(*alone, strict=True))
    rate = len(asked) / took
    print(f"one at a time: {one:.2f} s a question, {one_used:.2f} s of processor (mean of {len(alone)})")
    print(f"qa faq: {len(asked)} questions in {took:.1f} s, {rate:.2f} a second with {chosen.jobs} processes")
    each = used / len(asked)
    print(f"        {each:.3f} s of processor a question: {2 / each:.1f} a second on two free cores")
    print(f"ratio: {rate * one:.1f} by the clock, {one_used * len(asked) / used:.1f} by processor seconds")


if __name__ == "__main__":
    main()
