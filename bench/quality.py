"""How well passages are found: ``python -m bench.quality FOLDER``.

FOLDER holds the sets (see bench/sets.py). Of the answerable ones: the share of which a gold passage is among the first
1 and 5 passages (it lies in a passage, or a passage of five words or more lies in it; compared without case,
punctuation and articles), for dense search, BM25 and their fusion as ``qa search`` has it.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measure import show
from bench.sets import SETS, SetQuestion, index_of, load_questions, set_folders
from qa import dense, sparse
from qa.errors import QuestionError
from qa.generation import Generation
from qa.judging import holds_passage
from qa.retriever import DEPTH, Retriever

KS = (1, 5)
_SYSTEMS = ("dense", "bm25", "fused")


@dataclass(frozen=True, slots=True)
class Found:
    """What the searches found for one question: rows in the order of each, and which rows are hits."""

    rankings: dict[str, list[int]]
    hits: frozenset[int]


def questions_of(folder: Path, limit: int) -> list[SetQuestion]:
    """Return the answerable questions of a set that have gold passages; with a limit so many, evenly spaced."""
    found = [q for q in load_questions(folder) if q.answerable and q.gold_passages]
    return [found[i * len(found) // limit] for i in range(limit)] if 0 < limit < len(found) else found


def search_all(index: Path, questions: Sequence[SetQuestion]) -> Iterator[Found]:
    """Yield what dense and sparse search find for each question, as ``qa search`` runs them."""
    with Generation(index) as generation:
        passages, retriever = generation.passages, Retriever(generation)
        texts = {row: p.text for row, p in passages.get(range(passages.count)).items()}
        prepared = retriever.prepare([q.question for q in questions])
        for question, ready in zip(questions, prepared, strict=True):
            if isinstance(ready, QuestionError):
                yield Found({system: [] for system in _SYSTEMS}, frozenset())
                continue
            asked, vector = ready
            near = dense.search(generation.vectors, vector, DEPTH)[:DEPTH]
            match = sparse.search(passages, [*asked.stems, *asked.expanded], DEPTH)
            fused = [hit.passage.row for hit in retriever.find(asked, vector, k=DEPTH).hits]
            rankings = {"dense": [row for row, _ in near], "bm25": [row for row, _ in match], "fused": fused}
            rows = {row for ranking in rankings.values() for row in ranking[: max(KS)]}
            yield Found(rankings, frozenset(row for row in rows if holds_passage(texts[row], question.gold_passages)))


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", nargs="*", default=list(SETS), help="only these")
    parser.add_argument("--scratch", type=Path, help="where indexes are kept from one call to the next")
    parser.add_argument("--limit", type=int, default=0, help="so many questions of each set (0: all)")
    parser.add_argument("--quick", action="store_true", help="100 questions of each set")
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for folder in set_folders(a.folder, a.sets):
            name = folder.name
            questions = questions_of(folder, 100 if a.quick else a.limit)
            found = list(search_all(index_of(folder, a.scratch or Path(scratch)), questions))
            for system in _SYSTEMS:
                row: dict[str, object] = {"set": name, "questions": len(found), "what": system}
                for k in KS:
                    hit = sum(bool(f.hits & set(f.rankings[system][:k])) for f in found)
                    row[f"passage-hit@{k}"] = hit / max(len(found), 1)
                rows.append(row)
    show({"passages found": rows}, as_json=a.json)


if __name__ == "__main__":
    main()
