"""Figures over judged questions, each with a 95% interval: 1,000 seeded resamplings of the questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
_RESAMPLINGS = 1000
_SEED = 20110805
BINS = 10


@dataclass(frozen=True, slots=True)
class Metric:
    """What a figure says; ``is_loss`` means that less is better."""

    says: str
    is_loss: bool = False


METRICS: dict[str, Metric] = {
    "recall@1": Metric("gold documents among the first 1"),
    "recall@5": Metric("gold documents among the first 5"),
    "recall@10": Metric("gold documents among the first 10"),
    "mrr": Metric("1 / rank of the first gold document"),
    "ndcg@10": Metric("gold documents, discounted by rank"),
    "passage-hit@1": Metric("the first passage answers"),
    "passage-hit@5": Metric("one of the first 5 passages answers"),
    "passage-hit@10": Metric("one of the first 10 passages answers"),
    "containment": Metric("the quotes have all that was wanted"),
    "exact-match": Metric("the marked words are the gold words"),
    "token-f1": Metric("words shared by marked and gold words"),
    "citation-precision": Metric("quotes shown that support the gold"),
    "verified": Metric("quotes that stand where they are cited"),
    "abstention-precision": Metric("refused and rightly so, of refused"),
    "abstention-recall": Metric("refused, of the unanswerable"),
    "abstention-auroc": Metric("confidence tells answerable from not"),
    "coverage": Metric("questions answered"),
    "wrong": Metric("wrong answers, of all: what --risk bounds", is_loss=True),
    "risk": Metric("wrong answers, of answers", is_loss=True),
    "aurc": Metric("mean risk over all coverages", is_loss=True),
    "ece": Metric("confidence against being right, 10 bins", is_loss=True),
    "seconds": Metric("seconds a question, median", is_loss=True),
    "seconds-p95": Metric("seconds a question, 95th percentile", is_loss=True),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the figures need of one question. ``would_be_right`` judges its best sentences, shown or not.

    ``figures`` are the question's own, by metric; one that does not apply is absent.
    """

    answerable: bool
    answered: bool
    confidence: float
    right: bool
    would_be_right: bool
    seconds: float
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure over ``count`` questions, with the bounds of its 95% interval."""

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class _Columns:
    """Outcomes as columns, so that a resampling is one selection."""

    answerable: npt.NDArray[np.bool_]
    answered: npt.NDArray[np.bool_]
    confidence: Numbers
    right: npt.NDArray[np.bool_]
    would: npt.NDArray[np.bool_]
    seconds: Numbers

    def take(self, rows: npt.NDArray[np.int64]) -> _Columns:
        return _Columns(
            self.answerable[rows],
            self.answered[rows],
            self.confidence[rows],
            self.right[rows],
            self.would[rows],
            self.seconds[rows],
        )


def _columns(outcomes: Sequence[Outcome]) -> _Columns:
    return _Columns(
        np.array([o.answerable for o in outcomes], dtype=bool),
        np.array([o.answered for o in outcomes], dtype=bool),
        np.array([o.confidence for o in outcomes], dtype=np.float64),
        np.array([o.right for o in outcomes], dtype=bool),
        np.array([o.would_be_right for o in outcomes], dtype=bool),
        np.array([o.seconds for o in outcomes], dtype=np.float64),
    )


def _share(of: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_]) -> float | None:
    return float(of[among].mean()) if among.any() else None


def auroc(positive: Numbers, negative: Numbers) -> float | None:
    """Return the chance that a positive has a higher value than a negative, ties one half; None without either."""
    if not len(positive) or not len(negative):
        return None
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right")
    return float(below.mean() / 2 / len(negative))


def risks(confidence: Numbers, right: npt.NDArray[np.bool_]) -> Numbers:
    """Return for n = 1, 2, ... the share of wrong ones among the n most confident; ties share their errors.

    Source: Geifman and El-Yaniv, Selective Classification for Deep Neural Networks, NIPS 2017.
    """
    values, where, counts = np.unique(-confidence, return_inverse=True, return_counts=True)
    wrong = np.zeros(len(values))
    np.add.at(wrong, where, ~right)
    mean = wrong / counts
    return np.cumsum(mean[np.sort(where)]) / np.arange(1, len(confidence) + 1)


def bins(confidence: Numbers, right: npt.NDArray[np.bool_]) -> list[tuple[int, float, float]]:
    """Return (count, mean confidence, share that is right) of each tenth of confidence; zeros where empty."""
    places = np.clip((confidence * BINS).astype(int), 0, BINS - 1)
    found = []
    for b in range(BINS):
        inside = places == b
        count = int(inside.sum())
        found.append((count, float(confidence[inside].mean()), float(right[inside].mean())) if count else (0, 0.0, 0.0))
    return found


def calibration_error(confidence: Numbers, right: npt.NDArray[np.bool_]) -> float:
    """Return the mean distance (0 to 1) between confidence and the share that is right, over equal bins.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """
    return sum(n * abs(sure - share) for n, sure, share in bins(confidence, right)) / len(confidence)


_OVERALL: dict[str, Callable[[_Columns], float | None]] = {
    "abstention-precision": lambda c: _share(~c.answerable, ~c.answered) if (~c.answerable).any() else None,
    "abstention-recall": lambda c: _share(~c.answered, ~c.answerable),
    "abstention-auroc": lambda c: auroc(c.confidence[c.answerable], c.confidence[~c.answerable]),
    "coverage": lambda c: float(c.answered.mean()),
    "wrong": lambda c: float((c.answered & ~c.right).mean()),
    "risk": lambda c: _share(~c.right, c.answered),
    "aurc": lambda c: float(risks(c.confidence, c.would).mean()),
    "ece": lambda c: calibration_error(c.confidence, c.would),
    "seconds": lambda c: float(np.median(c.seconds)),
    "seconds-p95": lambda c: float(np.percentile(c.seconds, 95)),
}


def _interval(values: Sequence[float]) -> tuple[float, float]:
    low, high = np.percentile(np.array(values), [2.5, 97.5])
    return float(low), float(high)


def _count(name: str, c: _Columns) -> int:
    among = {
        "abstention-precision": ~c.answered,
        "abstention-recall": ~c.answerable,
        "risk": c.answered,
    }
    return int(among[name].sum()) if name in among else len(c.answered)


def figures(outcomes: Sequence[Outcome]) -> dict[str, Figure]:
    """Return the figures by metric, in the order of METRICS; one that applies to no question is absent."""
    rng = np.random.default_rng(_SEED)
    draws = rng.integers(0, len(outcomes), (_RESAMPLINGS, len(outcomes)))
    columns = _columns(outcomes)
    samples = [columns.take(draw) for draw in draws]
    found: dict[str, Figure] = {}
    for name in METRICS:
        if name in _OVERALL:
            value = _OVERALL[name](columns)
            resampled = [v for s in samples if (v := _OVERALL[name](s)) is not None]
            if value is not None:
                found[name] = Figure(value, *_interval(resampled), _count(name, columns))
            continue
        own = np.array([o.figures.get(name, 0.0) for o in outcomes])
        has = np.array([name in o.figures for o in outcomes])
        if has.any():
            counts = has[draws].sum(axis=1)
            means = own[draws].sum(axis=1)[counts > 0] / counts[counts > 0]
            found[name] = Figure(float(own[has].mean()), *_interval(means.tolist()), int(has.sum()))
    return found


def mean_figure(values: Sequence[float]) -> Figure:
    """Return the mean of one number a question, with its interval."""
    own = np.array(values, dtype=np.float64)
    draws = np.random.default_rng(_SEED).integers(0, len(own), (_RESAMPLINGS, len(own)))
    return Figure(float(own.mean()), *_interval(own[draws].mean(axis=1).tolist()), len(own))


def curve(outcomes: Sequence[Outcome]) -> list[tuple[float, float]]:
    """Return (coverage, risk) for each number of answers, the most confident first."""
    c = _columns(outcomes)
    return [(n / len(outcomes), float(r)) for n, r in enumerate(risks(c.confidence, c.would), 1)]


def reliability(outcomes: Sequence[Outcome]) -> list[tuple[int, float, float]]:
    """Return (count, mean confidence, share that is right) of each tenth of confidence."""
    c = _columns(outcomes)
    return bins(c.confidence, c.would)
