"""Whether to answer: a calibrated chance that the best sentences answer, from several kinds of evidence."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from qa.errors import ModelError
from qa.schema import Verdict

_SHIPPED = Path(__file__).with_name("calibration.json")


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic model over the evidence: chance = 1 / (1 + exp(-(bias + sum of weight * evidence))).

    ``threshold`` is the chance from which on an answer is given. ``ranking`` are the weights by which
    sentences are scored. ``fitted_on`` says where the figures come from and ``model`` for which embedding
    model and reader they hold.
    """

    ranking: Mapping[str, float]
    weights: Mapping[str, float]
    bias: float
    threshold: float
    fitted_on: str
    model: str

    def chance(self, evidence: Mapping[str, float]) -> float:
        """Return the chance (0 to 1) that there is an answer."""
        z = self.bias + sum(weight * evidence[name] for name, weight in self.weights.items())
        return 1.0 / (1.0 + math.exp(-max(min(z, 60.0), -60.0)))


def load_calibration(path: Path = _SHIPPED) -> Calibration:
    """Return the calibration that ships with qa. Raises ModelError when the installation has lost it."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Calibration(**data)
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{path} cannot be read: {error}", fix="pip install --force-reinstall qa") from error


def verdict(evidence: Mapping[str, float], calibration: Calibration) -> Verdict:
    """Decide by the calibrated chance whether the question is answered; without evidence it is not."""
    if not evidence:
        return Verdict(answered=False, confidence=0.0, threshold=calibration.threshold, reason="no passage was found")
    chance = round(calibration.chance(evidence), 6)
    answered = chance >= calibration.threshold
    reason = "the best sentence is likely to answer" if answered else "no sentence is likely enough to answer"
    return Verdict(answered, chance, calibration.threshold, reason, dict(evidence))
