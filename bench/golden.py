"""Judges qa by the golden questions of its own corpus: ``python -m bench.golden --split dev``.

An answerable question is right when its quoted sentences contain the gold fact (each group of
``answers`` in one of its wordings); an unanswerable one when qa refuses. ``qa eval`` does the judging and
has more figures; this prints them by type of question, over an index made for the purpose.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from qa.answerer import Answerer
from qa.config import Settings, shipped_corpus
from qa.evaluation import Evaluator, Judged
from qa.evaluation_report import evaluation_of, show
from qa.generation import Generation
from qa.gold import read_questions
from qa.indexer import build_index
from qa.screen import Screen

QUESTIONS = Path(__file__).parent.parent / "tests" / "golden" / "questions.jsonl"
_WHY_NOT = ("off-topic", "near-miss", "false-premise")


def judge_all(split: str, index: Path | None) -> list[Judged]:
    """Return the questions of a split judged; without an index one is made and thrown away."""
    questions = [q for q in read_questions(QUESTIONS) if split in (q.split, "all")]
    with tempfile.TemporaryDirectory() as scratch:
        folder = index or Path(scratch) / "index"
        if index is None:
            build_index(folder, Settings(), paths=[shipped_corpus()])
        with Generation(folder) as generation:
            return list(Evaluator(Answerer(generation)).judge(questions))


def groups_of(judged: Sequence[Judged]) -> dict[str, tuple[int, int]]:
    """Return (right, all) of the answerable and unanswerable questions, and of each kind of them."""
    groups: dict[str, list[bool]] = defaultdict(list)
    for j in judged:
        groups["answerable" if j.gold.answerable else "unanswerable"].append(j.outcome.right)
        groups[f"  {j.gold.kind}"].append(j.outcome.right)
    return {name: (sum(right), len(right)) for name, right in groups.items()}


def main() -> None:
    """Print the figures, and with --failures those of qa eval and each question that went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=["dev", "test", "all"], default="dev")
    parser.add_argument("--index", type=Path, help="an index of the corpus; without it one is made")
    parser.add_argument("--failures", action="store_true")
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    judged = judge_all(a.split, a.index)
    groups = groups_of(judged)
    verified = sum(j.outcome.figures.get("verified", 1.0) == 1.0 for j in judged)
    if a.json:
        print(json.dumps({"split": a.split, "figures": groups, "verified": [verified, len(judged)]}))
        return
    print(f"golden questions, {a.split}: right of all")
    kinds = [f"  {why}" for why in _WHY_NOT]
    types = sorted(name for name in groups if name.startswith("  ") and name not in kinds)
    for name in ["answerable", *types, "unanswerable", *kinds]:
        right, count = groups.get(name, (0, 0))
        if count:
            print(f"{name:16} {right:3} of {count:3}  {right / count:.2f}")
    print(f"{'verified':16} {verified:3} of {len(judged):3}  (every quote stands where its citation says)")
    if a.failures:
        print()
        show(Screen(), evaluation_of(judged, reader="shipped"))


if __name__ == "__main__":
    main()
