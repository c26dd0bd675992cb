"""Fits the calibrations that ship with qa: ``python -m bench.fit --index DIR``.

DIR is an index of the shipped corpus (``qa index corpus --index DIR``). The questions are the golden ones of
split ``dev``, without those that share a fact with a question of split ``test``. How sentences are ranked is not
fitted here: these weights were chosen by tenfold cross-validation of a conditional logit model on the same
questions and rounded.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from qa.abstention import SHIPPED_READER, Calibration
from qa.answerer import Answerer
from qa.calibrating import fit, observe, save
from qa.generation import Generation
from qa.gold import GoldenQuestion, read_questions
from qa.other_readers import NO_READER
from qa.reader_choice import choose_reader

GOLDEN = Path(__file__).parent.parent / "tests" / "golden"
OUT = Path(__file__).parent.parent / "qa" / "calibrations"
RANKING = {
    SHIPPED_READER: {"span": 0.3, "answer": 0.2, "coverage": 7.0, "dense": 7.0},
    NO_READER: {"span": 0.0, "answer": 0.0, "coverage": 7.0, "dense": 7.0},
}


def questions() -> list[GoldenQuestion]:
    """Return the development questions that share no fact with a test question."""
    files = [GOLDEN / "questions.jsonl", GOLDEN / "development.jsonl"]
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


def main() -> None:
    """Write a calibration for the shipped reader and one for none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path, required=True)
    index = parser.parse_args().index
    asked = questions()
    OUT.mkdir(exist_ok=True)
    for reader, ranking in RANKING.items():
        start = Calibration(ranking, {"coverage": 1.0}, 0.0, ((0.5, 1),) * 20, "", "", reader)
        save(start, OUT / f"{reader}.json")
        with Generation(index) as generation:
            answerer = Answerer(generation, choose_reader(reader, may_download=False, say=print))
            seen = observe(answerer, asked)
            told = f"{len(asked)} golden questions of the shipped corpus"
            fitted = fit(seen, start, fitted_on=told, model=generation.manifest.model_checksum, reader=reader)
        save(fitted, OUT / f"{reader}.json")
        right, threshold = sum(o.right for o in seen), fitted.threshold()
        answered = [r for chance, r in fitted.scores if chance >= threshold]
        print(f"{reader}: {len(seen)} questions, {right} right; at a risk of 0.1 the threshold is {threshold:.3f},")
        print(f"  {len(answered)} answered, {sum(answered)} of them right; weights {fitted.weights}")


if __name__ == "__main__":
    main()
