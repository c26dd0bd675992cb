"""Judges qa by the golden questions: ``python -m bench.golden --split dev``.

An answerable question is right when its quoted sentences contain the gold fact (each group of
``answers`` in one of its wordings); an unanswerable one when qa refuses. Every quote is looked up
again in its file, independently of the check that qa itself makes.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa.answerer import Answerer
from qa.config import Settings, shipped_corpus
from qa.generation import Generation
from qa.indexer import build_index
from qa.schema import Answer

QUESTIONS = Path(__file__).parent.parent / "tests" / "golden" / "questions.jsonl"


def normal(text: str) -> str:
    """Return ``text`` in lower case without punctuation, blanks squeezed."""
    folded = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    return " ".join(re.sub(r"[^\w\s]", "", folded).split())


def contains(groups: list[list[str]], text: str) -> bool:
    """Tell whether ``text`` has, of every group, one string at word borders."""
    padded = f" {normal(text)} "
    return all(any(f" {normal(s)} " in padded for s in group) for group in groups)


@dataclass(frozen=True, slots=True)
class Judged:
    """One question and what became of it; ``stage`` names what failed, "" when nothing did."""

    question: dict[str, Any]
    answer: Answer
    right: bool
    verified: bool
    stage: str


def _verified(answer: Answer) -> bool:
    for quote in (*answer.quotes, *answer.closest):
        c = quote.citation
        text = Path(c.path).read_bytes().decode("utf-8-sig")
        lines = text[: c.start].count("\n") + 1
        if text[c.start : c.end] != quote.text or lines != c.line:
            return False
    return True


def _stage(question: dict[str, Any], answer: Answer, *, right: bool) -> str:
    if right:
        return ""
    if not question["answerable"]:
        return "should have refused"
    if not any(contains(question["answers"], h.passage.text) for h in answer.hits):
        found = " ".join(h.passage.text for h in answer.hits)
        return "found in parts only" if contains(question["answers"], found) else "not found"
    return "refused" if not answer.verdict.answered else "found but not chosen"


def judge(answerer: Answerer, question: dict[str, Any]) -> Judged:
    """Ask one golden question."""
    answer = answerer.ask(question["question"])
    quoted = " ".join(q.text for q in answer.quotes)
    right = contains(question["answers"], quoted) if question["answerable"] else not answer.verdict.answered
    return Judged(question, answer, right, _verified(answer), _stage(question, answer, right=right))


def main() -> None:
    """Print the figures, and with --failures each question that went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=["dev", "test", "all"], default="dev")
    parser.add_argument("--index", type=Path, help="an index of the corpus; without it one is made")
    parser.add_argument("--failures", action="store_true")
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()
    questions = [q for q in map(json.loads, lines) if a.split in (q["split"], "all")]
    with tempfile.TemporaryDirectory() as scratch:
        index = a.index or Path(scratch) / "index"
        if a.index is None:
            build_index(index, Settings(), paths=[shipped_corpus()])
        with Generation(index) as generation:
            answerer = Answerer(generation)
            judged = [judge(answerer, q) for q in questions]
    groups: dict[str, list[Judged]] = defaultdict(list)
    for j in judged:
        groups["answerable" if j.question["answerable"] else "unanswerable"].append(j)
        groups[f"  {j.question['type'] if j.question['answerable'] else j.question['why_not']}"].append(j)
    figures = {name: (sum(j.right for j in js), len(js)) for name, js in groups.items()}
    verified = sum(j.verified for j in judged)
    if a.json:
        print(json.dumps({"split": a.split, "figures": figures, "verified": [verified, len(judged)]}))
        return
    print(f"golden questions, {a.split}: right of all")
    for name in [
        "answerable",
        *sorted(n for n in groups if n.startswith("  ") and groups[n][0].question["answerable"]),
    ]:
        print(f"{name:16} {figures[name][0]:3} of {figures[name][1]:3}  {figures[name][0] / figures[name][1]:.2f}")
    for name in ["unanswerable", "  off-topic", "  near-miss", "  false-premise"]:
        print(f"{name:16} {figures[name][0]:3} of {figures[name][1]:3}  {figures[name][0] / figures[name][1]:.2f}")
    print(f"{'verified':16} {verified:3} of {len(judged):3}  (every quote stands where its citation says)")
    if a.failures:
        for j in judged:
            if j.stage:
                print(f"\n{j.question['id']} {j.stage} ({j.answer.verdict.confidence:.2f}): {j.question['question']}")
                for q in j.answer.quotes:
                    print(f"    {q.citation.source}:{q.citation.line} {' '.join(q.text.split())}")
                print(f"    wanted: {j.question.get('answers') or j.question.get('note')}")


if __name__ == "__main__":
    main()
