"""What counts as said: containment, exact match, token F1, passages."""

from __future__ import annotations

import pytest

from qa.judging import contains, exact_match, held, holds_passage, token_f1


@pytest.mark.parametrize(
    ("groups", "text", "expected"),
    [
        ([["39"]], "ICE ended 39 of them.", True),
        ([["39"]], "ICE ended 390 of them.", False),
        ([["5 August 2011", "August 5, 2011"]], "It was on August 5, 2011.", True),
        ([["39"], ["42"]], "ICE ended 39 of them.", False),
        ([["39"], ["42"]], "39 by one count, 42 by another.", True),
        ([["Morton’s memo"]], "It was Morton's memo.", True),
        ([["Opt-Out"]], "no opt-out", True),
        ([["..."]], "...", False),
    ],
)
def test_an_answer_is_contained_when_each_group_has_one_string_at_word_borders(
    groups: list[list[str]], text: str, expected: bool
) -> None:
    assert contains(groups, text) is expected


def test_the_groups_that_are_held_are_counted() -> None:
    assert held([["one"], ["two"], ["three"]], "three and one") == 2


@pytest.mark.parametrize(
    ("said", "gold", "f1", "exact"),
    [
        ("the mat", ["mat"], 1.0, True),
        ("on the mat", ["the mat", "mat"], 2 / 3, False),
        ("dog", ["cat"], 0.0, False),
        ("", ["cat"], 0.0, False),
        ("the the", ["a"], 1.0, True),
        ("$5,000", ["5000"], 1.0, True),
    ],
)
def test_spans_are_compared_as_squad_does(said: str, gold: list[str], f1: float, exact: bool) -> None:
    assert token_f1(said, gold) == pytest.approx(f1)
    assert exact_match(said, gold) is exact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Then the cat sat on\nthe mat. And so on.", True),
        ("cat sat on the mat today", True),
        ("cat sat on the hat today", False),
        ("sat on the mat", False),
        ("The cat sat on the mat", True),
    ],
)
def test_a_gold_passage_is_held_whole_or_by_five_of_its_words(text: str, expected: bool) -> None:
    assert holds_passage(text, ["The cat sat on the mat."]) is expected


def test_five_words_inside_a_longer_gold_passage_are_enough() -> None:
    assert holds_passage("dogs often bark loudly at night", ["Many say dogs often bark loudly at night in May."])
