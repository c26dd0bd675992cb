"""Which sentences are quoted: definitions first where one is asked for, something for each part of a question."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from qa.answerer import Answerer
from qa.generation import Generation
from qa.schema import Answer


@pytest.fixture(scope="module")
def answerer(shipped_index: Path) -> Iterator[Answerer]:
    with Generation(shipped_index) as generation:
        yield Answerer(generation)


def quoted(answer: Answer) -> list[str]:
    return [" ".join(q.text.split()) for q in answer.quotes]


@pytest.mark.model
@pytest.mark.parametrize(
    ("question", "beginning"),
    [
        ("What is Secure Communities?", "Secure Communities (also called S-Comm or SComm) is a"),
        ("what is a detainer", "A detainer is a request"),
        ("What does CAP stand for?", "CAP stands for the Criminal Alien Program"),
    ],
)
def test_what_is_asked_to_be_defined_is_defined_first(answerer: Answerer, question: str, beginning: str) -> None:
    assert quoted(answerer.ask(question, risk=1.0))[0].startswith(beginning)


@pytest.mark.model
def test_each_part_of_a_question_gets_its_sentence(answerer: Answerer) -> None:
    told = " ".join(quoted(answerer.ask("when were the MOAs rescinded and by whom", risk=1.0)))

    assert "August 5, 2011" in told
    assert "John Morton" in told


@pytest.mark.model
@pytest.mark.parametrize("question", ["Can a state opt out?", "difference between S-Comm and 287(g)", "detainers"])
def test_no_two_quotes_say_the_same_and_none_stands_twice(answerer: Answerer, question: str) -> None:
    quotes = answerer.ask(question, risk=1.0).quotes

    assert 1 <= len(quotes) <= 3
    assert len({(q.citation.path, q.citation.start) for q in quotes}) == len(quotes)
    assert [q.citation.number for q in quotes] == list(range(1, len(quotes) + 1))


@pytest.mark.model
def test_the_marked_words_stand_in_the_quote(answerer: Answerer) -> None:
    for quote in answerer.ask("When did ICE rescind the Memoranda of Agreement?", risk=1.0).quotes:
        assert all(0 <= m.start < m.end <= len(quote.text) for m in quote.marks)
        assert all(not quote.text[m.start].isspace() for m in quote.marks)
