"""The figures of an evaluation, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.comparison import mcnemar
from qa.metrics import METRICS, Outcome, auroc, calibration_error, curve, figures, reliability, risks


def outcome(
    confidence: float,
    *,
    answerable: bool = True,
    answered: bool = True,
    right: bool = True,
    would: bool | None = None,
    seconds: float = 1.0,
    **own: float,
) -> Outcome:
    would_be_right = (right and answerable) if would is None else would
    return Outcome(answerable, answered, confidence, right, would_be_right, seconds, own)


FOUR = [
    outcome(0.9, seconds=1.0, containment=1.0),
    outcome(0.8, right=False, seconds=2.0, containment=0.0),
    outcome(0.4, answered=False, right=False, would=True, seconds=3.0, containment=0.0),
    outcome(0.1, answerable=False, answered=False, seconds=4.0),
]


@pytest.mark.parametrize(
    ("name", "value", "count"),
    [
        ("containment", 1 / 3, 3),
        ("coverage", 0.5, 4),
        ("wrong", 0.25, 4),
        ("risk", 0.5, 2),
        ("abstention-precision", 0.5, 2),
        ("abstention-recall", 1.0, 1),
        ("abstention-auroc", 1.0, 4),
        ("aurc", (0 + 1 / 2 + 1 / 3 + 2 / 4) / 4, 4),
        ("ece", (0.1 + 0.8 + 0.6 + 0.1) / 4, 4),
        ("seconds", 2.5, 4),
    ],
)
def test_figures_are_those_worked_out_by_hand(name: str, value: float, count: int) -> None:
    figure = figures(FOUR)[name]

    assert figure.value == pytest.approx(value)
    assert figure.count == count
    assert figure.low <= figure.value <= figure.high


def test_a_figure_that_applies_to_no_question_is_absent() -> None:
    found = figures([outcome(0.9), outcome(0.8)])

    assert {"abstention-recall", "abstention-precision", "abstention-auroc", "containment", "ndcg@10"} & set(
        found
    ) == set()
    assert set(found) <= set(METRICS)


def test_intervals_are_the_same_each_time() -> None:
    assert figures(FOUR) == figures(FOUR)


def test_more_questions_make_the_interval_narrower() -> None:
    def width(n: int) -> float:
        figure = figures([outcome(0.5, right=i % 2 == 0, containment=float(i % 2 == 0)) for i in range(n)])["risk"]
        return figure.high - figure.low

    # Half right: 1.96 * sqrt(0.25 / n) on either side.
    assert width(100) == pytest.approx(0.196, abs=0.03)
    assert width(400) == pytest.approx(0.098, abs=0.02)


def test_one_question_is_enough() -> None:
    assert figures([outcome(0.5)])["coverage"].value == 1.0


def test_auroc_counts_ties_as_one_half() -> None:
    assert auroc(np.array([1.0, 1.0]), np.array([1.0])) == 0.5
    assert auroc(np.array([0.2, 0.9]), np.array([0.5])) == 0.5
    assert auroc(np.array([]), np.array([0.5])) is None


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30), st.randoms())
def test_risks_do_not_hang_on_the_order_of_the_questions(rows: list[tuple[float, bool]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    def of(given: list[tuple[float, bool]]) -> list[float]:
        return [round(float(r), 9) for r in risks(np.array([c for c, _ in given]), np.array([r for _, r in given]))]

    assert of(shuffled) == of(rows)
    assert of(rows)[-1] == pytest.approx(sum(not r for _, r in rows) / len(rows))


def test_confidence_that_is_right_as_often_as_it_says_has_no_calibration_error() -> None:
    confidence = np.array([0.75] * 4 + [0.25] * 4)
    right = np.array([True, True, True, False, True, False, False, False])

    assert calibration_error(confidence, right) == pytest.approx(0.0)
    assert calibration_error(confidence, ~right) == pytest.approx(0.5)


def test_curve_and_reliability_are_over_all_questions() -> None:
    assert curve(FOUR)[-1] == (1.0, 0.5)
    assert [n for n, _, _ in reliability(FOUR)] == [0, 1, 0, 0, 1, 0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("won", "lost", "p"), [(0, 0, 1.0), (1, 0, 1.0), (5, 5, 1.0), (6, 0, 2 / 64), (8, 1, 2 * 10 / 512)]
)
def test_mcnemar_is_exact(won: int, lost: int, p: float) -> None:
    assert mcnemar(won, lost) == pytest.approx(p)
    assert mcnemar(lost, won) == mcnemar(won, lost)
