"""Judges qa on public question sets: ``python -m bench.public FOLDER --scratch DIR [--limit N]``.

FOLDER holds the sets (see bench/sets.py); each is indexed once below DIR. What is printed, with 95%
intervals over the questions:

- passage-hit@1 without and with the reader: the first passage of retrieval, and the one whose sentence the
  reader puts first, holds a gold passage; @8 is what the reader had to choose from;
- token-f1 of the marked words against the gold answers, end to end: of the best sentence, shown or not, and
  as answered, where a refusal scores 0;
- AUROC of the confidence for answerable against unanswerable, and SQuAD 2's F1 over all questions (a refused
  unanswerable one scores 1), with what always refusing would get.

``--output FILE`` also writes a line a question: id, passages, answer, abstained, confidence, seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.environment import environment
from bench.sets import SETS, SetQuestion, index_of, load_questions, set_folders
from qa.answerer import Answerer
from qa.evaluation import Evaluator, is_right, marked_words
from qa.generation import Generation
from qa.judging import holds_passage, token_f1
from qa.metrics import Figure, Outcome, figures, mean_figure
from qa.reader_choice import choose_reader
from qa.retriever import Retriever
from qa.schema import DEFAULT_RISK, Answer

_CHOICE = 8
_OF_RUN = ("abstention-auroc", "coverage", "wrong", "risk", "aurc", "ece", "seconds")


@dataclass(frozen=True, slots=True)
class Row:
    """One question and what became of it. ``own`` are its figures by name; one that does not apply is absent."""

    outcome: Outcome
    own: dict[str, float]
    line: dict[str, Any]


def ask(evaluator: Evaluator, retriever: Retriever, q: SetQuestion) -> Row:
    """Ask one question and judge the answer."""
    started = time.perf_counter()
    answer = evaluator.ask(q.question)
    seconds = time.perf_counter() - started
    quotes, best = answer.quotes, answer.quotes or answer.closest
    own: dict[str, float] = {}
    if q.gold_passages:
        own |= _hits(retriever, q, answer)
    shown_f1 = token_f1(marked_words(quotes[0]), q.answers) if quotes else 0.0
    if q.answers:
        own["token-f1, best sentence"] = token_f1(marked_words(best[0]), q.answers) if best else 0.0
        own["token-f1, as answered"] = shown_f1
    if q.answers or not q.answerable:
        own["SQuAD 2 F1"] = shown_f1 if q.answerable else float(not quotes)
        own["SQuAD 2 F1, always refusing"] = float(not q.answerable)
    gold = q.as_gold()
    outcome = Outcome(
        answerable=q.answerable,
        answered=bool(quotes),
        confidence=answer.verdict.confidence,
        right=is_right(gold, " ".join(x.text for x in quotes)) if q.answerable else not quotes,
        would_be_right=is_right(gold, " ".join(x.text for x in best)),
        seconds=seconds,
        figures={},
    )
    line = {
        "id": q.id,
        "passages": [{"source": h.passage.sources[0], "text": h.passage.text, "score": h.fused} for h in answer.hits],
        "answer": marked_words(quotes[0]) if quotes else "",
        "abstained": not quotes,
        "confidence": answer.verdict.confidence,
        "seconds": round(seconds, 4),
    }
    return Row(outcome, own, line)


def _hits(retriever: Retriever, q: SetQuestion, answer: Answer) -> dict[str, float]:
    found = retriever.search(q.question, k=_CHOICE).hits if answer.hits else ()
    hit = [holds_passage(h.passage.text, q.gold_passages) for h in found]
    chosen = (answer.quotes or answer.closest)[:1]
    by_id = {h.passage.chunk_id: h.passage.text for h in found}
    read = [by_id[c.citation.chunk_id] for c in chosen if c.citation.chunk_id in by_id]
    return {
        "passage-hit@1 without the reader": float(any(hit[:1])),
        "passage-hit@1 with the reader": float(any(holds_passage(text, q.gold_passages) for text in read)),
        f"passage-hit@{_CHOICE} without the reader": float(any(hit)),
    }


def summary(rows: Sequence[Row]) -> dict[str, Figure]:
    """Return the figures of one set."""
    names = list(dict.fromkeys(name for row in rows for name in row.own))
    found = {name: mean_figure([row.own[name] for row in rows if name in row.own]) for name in names}
    has_unanswerable = any(not row.outcome.answerable for row in rows)
    if not has_unanswerable:
        found = {name: f for name, f in found.items() if not name.startswith("SQuAD")}
    run = figures([row.outcome for row in rows])
    return found | {name: run[name] for name in _OF_RUN if name in run}


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def main() -> None:
    """Ask all questions of the sets and print the figures, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scratch", type=Path, required=True, help="where the indexes are made and kept")
    parser.add_argument("--sets", nargs="+", default=list(SETS), metavar="NAME")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="so many questions of each set")
    parser.add_argument("--reader", default="", metavar="NAME|none")
    parser.add_argument("--risk", type=float, default=DEFAULT_RISK)
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="write SET.jsonl there, a line a question")
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    choice = choose_reader(a.reader, may_download=False, say=_say)
    results: dict[str, dict[str, Figure]] = {}
    for folder in set_folders(a.folder, a.sets):
        index = index_of(folder, a.scratch)
        questions = load_questions(folder, limit=a.limit)
        with Generation(index) as generation:
            answerer = Answerer(generation, choice)
            evaluator = Evaluator(answerer, risk=a.risk)
            rows = []
            for n, question in enumerate(questions, 1):
                rows.append(ask(evaluator, answerer.retriever, question))
                if n % 100 == 0:
                    _say(f"{folder.name}: {n} of {len(questions)}")
        if a.output:
            a.output.mkdir(parents=True, exist_ok=True)
            lines = "".join(json.dumps(row.line, ensure_ascii=False) + "\n" for row in rows)
            (a.output / f"{folder.name}.jsonl").write_text(lines, encoding="utf-8")
        results[folder.name] = summary(rows)
    if a.json:
        found = {name: {key: asdict(f) for key, f in fs.items()} for name, fs in results.items()}
        print(
            json.dumps(
                {"environment": environment(), "reader": choice.name, "risk": a.risk, "limit": a.limit, "sets": found}
            )
        )
        return
    print(json.dumps(environment()))
    print(f"reader {choice.name}, risk {a.risk:g}" + (f", {a.limit} questions a set" if a.limit else ""))
    for name, found_figures in results.items():
        print(f"\n{name}")
        for key, f in found_figures.items():
            print(f"{key:34} {f.value:7.3f}  [{f.low:.3f}, {f.high:.3f}]  n={f.count}")


if __name__ == "__main__":
    main()
