"""A question set of articles on which the reader was not trained: those that ``training.train`` holds out.

It is what the general calibration is fitted on. The six articles lie among others, as a person's own documents do;
half of the questions have no answer anywhere in them, and were written (for SQuAD 2.0) to look as if they had.
"""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

import nupunkt

from training.examples import held_out, rows

_OTHER_ARTICLES = 29
_QUESTIONS_OF_EACH = 350
_SOURCES = ("squad1_train_44articles", "squad2_dev_17articles")


def make_held_out(data: Path, folder: Path) -> Path:
    """Write the set to ``folder`` in the form of ``bench.sets`` from the training files in ``data``; return it."""
    everything = rows(data)
    titles = held_out(everything)
    found = [r for r in everything if r.source in _SOURCES]
    paragraphs: dict[str, dict[str, None]] = {}
    for row in found:
        paragraphs.setdefault(row.title, {})[row.context] = None
    rng = random.Random(5)
    documents = folder / "corpus"
    documents.mkdir(parents=True, exist_ok=True)
    for title in [*sorted(titles), *rng.sample(sorted(set(paragraphs) - titles), _OTHER_ARTICLES)]:
        text = "\n\n".join([title.replace("_", " "), *paragraphs[title]])
        (documents / _name(title)).write_text(text + "\n", encoding="utf-8")
    asked = [r for r in found if r.title in titles]
    lines: list[str] = []
    for answerable in (True, False):
        some = [r for r in asked if (r.start >= 0) is answerable]
        for row in rng.sample(some, min(_QUESTIONS_OF_EACH, len(some))):
            spans = nupunkt.sentence_spans(row.context) if answerable else []
            line = {
                "id": f"{'a' if answerable else 'n'}{len(lines)}",
                "question": row.question,
                "answerable": answerable,
                "gold_docs": [_name(row.title)] if answerable else [],
                "gold_passages": [row.context[a:b] for a, b in spans if a < row.end and b > row.start][:1],
                "answers": sorted(row.answers),
            }
            lines.append(json.dumps(line, ensure_ascii=False) + "\n")
    (folder / "questions.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


def _name(title: str) -> str:
    # Titles have letters and signs that not every file system takes.
    return f"{hashlib.sha256(title.encode()).hexdigest()[:12]}.txt"
