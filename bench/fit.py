"""Fits the calibrations that ship with qa: ``python -m bench.fit --index DIR --data DATA --scratch DIR``.

Two for the shipped reader and two for none. ``corpus``: on the golden questions of split ``dev``, without those that
share a fact with a question of split ``test``; ``--index`` is an index of the shipped corpus (``qa index corpus``).
``general``: on the public questions of ``bench.held_out``, made from the training files in DATA. How sentences are
ranked is not fitted here: these weights were chosen by tenfold cross-validation of a conditional logit model on the
golden questions and rounded.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.held_out import make_held_out
from bench.sets import index_of, load_questions
from qa.abstention import SHIPPED_READER, Calibration
from qa.answerer import Answerer
from qa.calibrating import fit, observe, save
from qa.generation import Generation
from qa.gold import GoldenQuestion, read_questions
from qa.reader import NO_READER
from qa.reader_choice import choose_reader

GOLDEN = Path(__file__).parent.parent / "tests" / "golden"
OUT = Path(__file__).parent.parent / "qa" / "calibrations"
RANKING = {
    SHIPPED_READER: {"span": 0.3, "answer": 0.2, "coverage": 7.0, "dense": 7.0},
    NO_READER: {"span": 0.0, "answer": 0.0, "coverage": 7.0, "dense": 7.0},
}


def questions() -> list[GoldenQuestion]:
    """Return the development questions that share no fact with a test question."""
    files = [GOLDEN / f"{name}.jsonl" for name in ("questions", "development", "calibration", "natural")]
    lines = [json.loads(line) for path in files for line in path.read_text(encoding="utf-8").splitlines()]
    tested = {
        fact for line in lines if line["split"] == "test" for fact in (*line.get("facts", ()), *line.get("near", ()))
    }
    apart = {
        line["id"]
        for line in lines
        if line["split"] == "dev" and not tested & {*line.get("facts", ()), *line.get("near", ())}
    }
    return [q for path in files for q in read_questions(path) if q.id in apart]


@dataclass(frozen=True, slots=True)
class Fit:
    """What one calibration is fitted on. Without ``names`` all evidence is weighed."""

    name: str
    index: Path
    asked: Sequence[GoldenQuestion]
    told: str
    documents: tuple[str, ...] = ()
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def of_corpus(index: Path) -> Fit:
    """Return the fit for indexes of the shipped corpus."""
    with Generation(index) as generation:
        documents = sorted({doc_id for _, doc_id, _ in generation.passages.names()})
    asked = questions()
    # Coverage and cosine beside the reader told nothing more here: this reader has read questions about this corpus.
    names = {SHIPPED_READER: ("span", "answer")}
    return Fit("corpus", index, asked, f"{len(asked)} golden questions of the shipped corpus", tuple(documents), names)


def of_public_questions(data: Path, scratch: Path) -> Fit:
    """Return the fit for all other indexes."""
    folder = make_held_out(data, scratch / "held-out")
    asked = [q.as_gold() for q in load_questions(folder)]
    return Fit("general", index_of(folder, scratch), asked, f"{len(asked)} public questions about Wikipedia articles")


def fit_one(what: Fit, reader: str) -> None:
    """Write a calibration and print what it does on its own questions."""
    start = Calibration(RANKING[reader], {"coverage": 1.0}, 0.0, (), "", "", reader)
    with Generation(what.index) as generation:
        answerer = Answerer(generation, choose_reader(reader, may_download=False, say=print))
        answerer.calibration = start
        seen = observe(answerer, what.asked)
        model = generation.manifest.model_checksum
    names = what.names.get(reader, ())
    fitted = fit(seen, start, fitted_on=what.told, model=model, reader=reader, names=names, documents=what.documents)
    save(fitted, OUT / f"{what.name}-{reader}.json")
    right, threshold = sum(o.right for o in seen), fitted.threshold()
    answered = [r for chance, r in fitted.scores if chance >= threshold]
    print(f"{what.name}, reader {reader}: {len(seen)} questions, {right} right; at a risk of 0.1 the threshold is")
    print(f"  {threshold:.3f}, {len(answered)} answered, {sum(answered)} of them right; weights {fitted.weights}")


def main() -> None:
    """Write each calibration for the shipped reader and for none."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True, help="where the public set is made and indexed")
    a = parser.parse_args()
    for what in (of_corpus(a.index), of_public_questions(a.data, a.scratch)):
        for reader in RANKING:
            fit_one(what, reader)


if __name__ == "__main__":
    main()
