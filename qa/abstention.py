"""Whether to answer: a calibrated chance that the answer is right, and the threshold that a stated risk sets."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from qa.errors import ModelError, UsageError
from qa.generation import Generation
from qa.passages import Passages
from qa.reader import NO_READER
from qa.schema import DEFAULT_RISK, Verdict

CALIBRATION_NAME = "calibration.json"
SHIPPED_READER = "shipped"

_SHIPPED = Path(__file__).with_name("calibrations")
# No chance is above 1: with this threshold nothing is answered, with the other one everything.
_NEVER = 1.000001
_ALWAYS = 0.0
# Below it an answer is more likely wrong than right.
_EVEN = 0.5
# The share of documents from which on an index is one of the shipped corpus, also where some were edited or added.
_MOST = 0.5


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic model over the evidence: chance = 1 / (1 + exp(-(bias + sum of weight * evidence))).

    ``ranking`` are the weights by which sentences are scored. ``scores`` are, for each question of the
    calibration set, its chance as a model fitted without it gives it, and whether its answer was right (1 or 0;
    a question without an answer has no right one). ``fitted_on`` says where the questions come from, ``model`` and
    ``reader`` for which embedding model and reader the figures hold, and ``documents`` for which documents, by
    their ids; without any they are for documents of all kinds.
    """

    ranking: Mapping[str, float]
    weights: Mapping[str, float]
    bias: float
    scores: tuple[tuple[float, int], ...]
    fitted_on: str
    model: str
    reader: str
    documents: tuple[str, ...] = ()

    def chance(self, evidence: Mapping[str, float]) -> float:
        """Return the chance (0 to 1) that an answer from this evidence is right."""
        z = self.bias + sum(weight * evidence[name] for name, weight in self.weights.items())
        return 1.0 / (1.0 + math.exp(-max(min(z, 60.0), -60.0)))

    def threshold(self, risk: float = DEFAULT_RISK) -> float:
        """Return the chance from which on to answer so that at most ``risk`` of all questions get a wrong answer.

        That holds in expectation, for questions that are like those of the calibration set. A bound on the whole
        leaves room, with a good reader, for single answers that are more likely wrong than right: unless half of all
        may be wrong none of those is given.

        Source: Angelopoulos, Bates, Fisch, Lei and Schuster, "Conformal Risk Control", ICLR 2024, equation 4, with
        the loss "answered, and wrong", which never grows with the threshold. Raises UsageError for a risk outside
        (0, 1] or too small for so few questions.
        """
        if not 0 < risk <= 1:
            raise UsageError(f"the risk must be above 0 and at most 1, not {risk:g}", fix="for example: --risk 0.1")
        if risk == 1:
            return _ALWAYS
        n = len(self.scores)
        if 1 / (n + 1) > risk:
            raise UsageError(
                f"{n} calibration questions cannot support a risk of {risk:g}; the smallest is {1 / (n + 1):.3f}",
                fix="give a larger --risk, or more questions to qa calibrate",
            )
        threshold, wrong = _NEVER, 0
        for chance, alike in groupby(sorted(self.scores, reverse=True), key=itemgetter(0)):
            wrong += sum(not right for _, right in alike)
            if (wrong + 1) / (n + 1) > risk:
                break
            threshold = chance
        return max(threshold, _EVEN) if risk < _EVEN else threshold


def dump_calibration(calibration: Calibration) -> str:
    """Return the calibration as JSON."""
    return json.dumps(asdict(calibration), sort_keys=True) + "\n"


def load_calibration(path: Path) -> Calibration:
    """Return a calibration. Raises ModelError when the file is lost or broken."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        scores = tuple((float(chance), int(right)) for chance, right in data.pop("scores"))
        documents = tuple(map(str, data.pop("documents", ())))
        return Calibration(**data, scores=scores, documents=documents)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        is_ours = path.parent == _SHIPPED
        fix = "pip install --force-reinstall qa" if is_ours else f"rm {path}, then run: qa calibrate QUESTIONS"
        raise ModelError(f"{path} cannot be read: {error}", fix=fix) from error


def shipped_calibration(passages: Passages, reader: str = SHIPPED_READER) -> Calibration:
    """Return what ships with qa for these passages and a reader: one that nobody has calibrated has that of none.

    There are two of each. What was fitted on questions about the shipped corpus is for an index of which at least
    half of the documents are of that corpus; what was fitted on public questions is for all others.
    """
    name = reader if reader in (SHIPPED_READER, NO_READER) else NO_READER
    corpus = load_calibration(_SHIPPED / f"corpus-{name}.json")
    if passages.share_of(corpus.documents) >= _MOST:
        return corpus
    return load_calibration(_SHIPPED / f"general-{name}.json")


def calibration_of(generation: Generation, reader: str = SHIPPED_READER) -> tuple[Calibration, str]:
    """Return the calibration for an index, and a note or "".

    That is what ``qa calibrate`` fitted on this index, unless the model, the reader or the ranking is another one
    since; else what ships with qa. Raises ModelError for a broken file.
    """
    shipped = shipped_calibration(generation.passages, reader)
    is_foreign = reader not in (SHIPPED_READER, NO_READER)
    if is_foreign:
        # Another reader's own scores rank the sentences, as the shipped one's do.
        shipped = replace(shipped, ranking=shipped_calibration(generation.passages).ranking)
    path, note = generation.index / CALIBRATION_NAME, ""
    if path.exists():
        own = load_calibration(path)
        if (own.model, own.reader, own.ranking) == (generation.manifest.model_checksum, reader, shipped.ranking):
            return own, ""
        note = f"{path} was fitted for another model or reader and is not used; run: qa calibrate QUESTIONS"
    elif is_foreign:
        note = f"with the reader {reader} the confidence comes from retrieval alone; run: qa calibrate QUESTIONS"
    return shipped, note


def verdict(evidence: Mapping[str, float], calibration: Calibration, *, risk: float = DEFAULT_RISK) -> Verdict:
    """Decide by the calibrated chance whether the question is answered; without evidence it is not."""
    threshold = round(calibration.threshold(risk), 6)
    chance = round(calibration.chance(evidence), 6) if evidence else 0.0
    answered = bool(evidence) and chance >= threshold
    if answered:
        reason = "the best sentence is likely to answer"
    else:
        reason = "no sentence is likely enough to answer" if evidence else "no passage was found"
    return Verdict(answered, chance, threshold, reason, dict(evidence), risk, calibration.fitted_on)
