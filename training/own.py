"""Examples from our own questions: ``python -m training.own --index DIR --data DATA OUT.jsonl``.

``training/questions/corpus.jsonl`` asks about the shipped corpus (DIR is an index of it): half of its questions look
as if the documents answered them, and they do not. What retrieval puts first for such a question is what a
reader must learn to refuse. ``training/questions/paragraphs.jsonl`` asks the same kinds of questions about paragraphs
of the open data in DATA, which it names by their SHA-256; ``written.jsonl`` about passages that we wrote, of the
kinds that people keep: leases, handbooks, minutes, manuals. Questions close to a golden one are left out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qa.generation import Generation
from qa.retriever import Retriever
from qa.schema import Passage
from qa.selection import readable
from qa.text import squeeze
from training.examples import rows

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "tests" / "golden"
# No question may be this close (cosine) to a golden one.
TOO_CLOSE = 0.85
_READ = 8
# An answer often stands in several documents; from this rank on a passage without its words is taken not to answer.
_SAFE_RANK = 5


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a JSON lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def example(question: str, passage: str, span: str, made: str) -> dict[str, Any]:
    """Return an example; ``span`` is "" when the passage does not answer."""
    start = passage.find(span) if span else -1
    return {"question": question, "passage": passage, "start": start, "end": start + len(span), "made": made}


def of_corpus(asked: Mapping[str, Any], retriever: Retriever, passages: list[Passage]) -> Iterator[dict[str, Any]]:
    """Yield the examples of one question about the corpus: as it is searched for and as it was typed."""
    found = retriever.search(asked["question"], k=_READ)
    span, near = squeeze(asked["span"]), squeeze(asked["near"])
    texts = [readable(hit.passage)[0] for hit in found.hits]
    home = [t for p in passages if p.sources[0].endswith(asked["document"]) and (t := readable(p)[0])]
    if not span:
        close = [t for t in home if near in t]
        for text in dict.fromkeys([*close[:1], *texts[:6]]):
            yield example(found.question.query, text, "", asked["kind"])
        return
    # The same words may stand in another passage of the document and answer nothing there.
    for text in sorted((t for t in home if span in t), key=lambda t: near not in t)[:1]:
        yield example(found.question.query, text, span, "answer")
        if found.question.query != asked["question"]:
            yield example(asked["question"], text, span, "answer")
    figures = {word for word in span.split() if any(c.isdigit() or c.isupper() for c in word)}
    for text in texts[_SAFE_RANK - 1 :]:
        if span not in text and not any(word in text for word in figures):
            yield example(found.question.query, text, "", "retrieved")


def main() -> None:
    """Write the examples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--from",
        dest="begin",
        nargs=2,
        type=int,
        default=(0, 0),
        metavar=("CORPUS", "PARAGRAPHS"),
        help="leave out so many questions at the beginning of corpus.jsonl and of paragraphs.jsonl",
    )
    a = parser.parse_args()
    golden = [q["question"] for path in sorted(GOLDEN.glob("*.jsonl")) for q in lines(path)]
    with Generation(a.index) as generation, a.out.open("w", encoding="utf-8") as out:
        retriever = Retriever(generation)
        passages = generation.passages.get(range(generation.passages.count))
        known = retriever.encoder.encode_queries(golden)
        all_passages = [passages[row] for row in sorted(passages)]
        left_out = written = 0
        for asked in lines(HERE / "questions" / "corpus.jsonl")[a.begin[0] :]:
            if float(np.max(known @ retriever.encoder.encode_queries([asked["question"]])[0])) > TOO_CLOSE:
                left_out += 1
                continue
            for made in of_corpus(asked, retriever, all_passages):
                out.write(json.dumps(made) + "\n")
                written += 1
        contexts = {hashlib.sha256(r.context.encode()).hexdigest(): r.context for r in rows(a.data)}
        about = [(contexts[q["context"]], q) for q in lines(HERE / "questions" / "paragraphs.jsonl")[a.begin[1] :]]
        about += [(p["text"], q) for p in lines(HERE / "questions" / "written.jsonl") for q in p["questions"]]
        for text, asked in about:
            out.write(json.dumps(example(asked["question"], text, asked["span"], asked["kind"])) + "\n")
            written += 1
    print(f"{written} examples; {left_out} questions were left out, they are close to a golden one")


if __name__ == "__main__":
    main()
