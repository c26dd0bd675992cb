"""Fits the chance that an answer is right on labelled questions: the evidence of each, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qa.abstention import SHIPPED_READER, Calibration, dump_calibration
from qa.answerer import Answerer
from qa.errors import QuestionError, UsageError
from qa.evaluation import is_right
from qa.gold import GoldenQuestion
from qa.parts import replace_whole
from qa.reader import NO_READER

# What is weighed: of the five the first two come from the reader. In cross-validation on 700 public questions all five
# tell more than the reader alone (AUROC for a right answer 0.82, not 0.79); what the reader says of its second best
# passage, a negation, an order ("first"), missing figures and names, the lead over the next sentence and the rank told
# nothing more, the length of the question 0.01, which is how those questions were written. How many of the question's
# terms, and of its neighbouring terms, the passage lacks brought 0.01 too, with the wrong sign: their authors copied
# the passage where it does not answer. What the answering words share with the question brought 0.003 on 425 questions
# about the corpus, the best of some forty that were tried.
EVIDENCE = {
    SHIPPED_READER: ("span", "answer", "coverage", "cosine", "agreement"),
    NO_READER: ("coverage", "cosine", "agreement"),
}
# Below this the folds hold too few of either label to say anything.
MIN_OF_EACH = 10
# The inverse of the ridge penalty: a few hundred questions are little, so the weights are kept small. Of 0.1 to 100
# the one with the least cross-validated log loss on the development questions.
_STRENGTH = 1.0
_FOLDS = 10
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Observation:
    """The evidence for the best answer to one question, and whether that answer was right.

    A question that the documents do not answer has no right answer.
    """

    evidence: Mapping[str, float]
    right: bool


def observe(
    answerer: Answerer, questions: Sequence[GoldenQuestion], watch: Callable[[], None] = lambda: None
) -> list[Observation]:
    """Ask each question at any risk and see whether the sentences that would be quoted are right, in their order."""
    seen = []
    for gold in questions:
        try:
            answer = answerer.ask(gold.question, risk=1.0)
            right = is_right(gold, " ".join(q.text for q in answer.quotes))
            seen.append(Observation(answer.verdict.evidence, right))
        except QuestionError:
            seen.append(Observation({}, right=False))
        watch()
    return seen


def save(calibration: Calibration, path: Path) -> None:
    """Write a calibration in one step. Raises StorageError."""
    replace_whole(path, dump_calibration(calibration).encode("utf-8"), fix=f"make {path.parent} writable")


def fit(
    observations: Sequence[Observation],
    start: Calibration,
    *,
    fitted_on: str,
    model: str,
    reader: str = SHIPPED_READER,
    names: Sequence[str] = (),
    documents: Sequence[str] = (),
) -> Calibration:
    """Return ``start`` with weights for the evidence ``names``, fitted by logistic regression.

    Without ``names`` it is the evidence that was found to tell most for this reader.

    Questions without any evidence (nothing was found) count as not answered. The chances in ``scores`` are
    those of models that have not seen the question: the mean of five times tenfold cross-validation.
    Raises UsageError with fewer than ten right or ten wrong answers.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    names = names or EVIDENCE.get(reader, EVIDENCE[SHIPPED_READER])
    seen = [o for o in observations if o.evidence]
    labels = np.array([int(o.right) for o in seen])
    if min(labels.sum(), len(labels) - labels.sum()) < MIN_OF_EACH:
        raise UsageError(
            f"of {len(observations)} questions {labels.sum()} were answered right, {len(labels) - labels.sum()} "
            f"were not; a calibration needs at least {MIN_OF_EACH} of each",
            fix="add questions that the documents answer, and questions that they do not answer",
        )
    rows = np.array([[o.evidence[name] for name in names] for o in seen], dtype=np.float64)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=_STRENGTH, max_iter=1000))
    rounds = [
        cross_val_predict(
            pipeline, rows, labels, cv=StratifiedKFold(_FOLDS, shuffle=True, random_state=r), method="predict_proba"
        )[:, 1]
        for r in range(_ROUNDS)
    ]
    chances = iter(np.mean(rounds, axis=0))
    scores = tuple((round(float(next(chances)), 6) if o.evidence else 0.0, int(o.right)) for o in observations)
    pipeline.fit(rows, labels)
    scaler, regression = pipeline[0], pipeline[1]
    slopes = regression.coef_[0] / scaler.scale_
    bias = float(regression.intercept_[0] - (slopes * scaler.mean_).sum())
    weights = {name: round(float(slope), 6) for name, slope in zip(names, slopes, strict=True)}
    return Calibration(start.ranking, weights, round(bias, 6), scores, fitted_on, model, reader, tuple(documents))
