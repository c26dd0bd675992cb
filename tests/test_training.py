"""The examples that the reader is trained on."""

from __future__ import annotations

from qa.question_kind import QuestionKind
from training.balance import ANSWERS, chosen


def named(name: str, count: int) -> list[str]:
    return [f"{name} {n}" for n in range(count)]


def test_a_kind_with_few_answers_gets_few_others_and_most_of_them_mislead() -> None:
    lines = chosen(QuestionKind.WHY, named("answer", 10), named("new", 50), named("old", 50), named("easy", 50))

    assert lines == [*named("answer", 10), *named("new", 16), *named("old", 3), *named("easy", 5)]


def test_no_kind_has_more_answers_than_its_share_and_what_is_missing_is_easy() -> None:
    most = ANSWERS[QuestionKind.DEFINE]
    lines = chosen(QuestionKind.DEFINE, named("answer", most + 5), named("new", 3), [], named("easy", 1000))

    assert lines[:most] == named("answer", most)
    assert lines[most:] == [*named("new", 3), *named("easy", int(2.4 * most) - 3)]
