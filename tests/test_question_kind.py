"""What kind of answer a question wants, and the parts of which it is made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.question_kind import QuestionKind, kind_of
from qa.question_parts import MAX_PARTS, parts_of

QUESTIONS = {
    QuestionKind.DEFINE: [
        "What is Secure Communities?",
        "What is ICE ACCESS?",
        "what does MOA stand for",
        "whats a detainer",
        "CJIS full name",
        "define removal",
        "Our memo keeps saying SIB. What is that?",
    ],
    QuestionKind.HOW_MANY: [
        "How many fingerprint submissions had there been by September 30, 2011?",
        "what percentage of them had no conviction?",
        "how much did it cost",
        "What portion of those deported had no record?",
        "what did the government pay in legal fees",
        "error rate of the matching",
        "cap budget",
        "When ICE offered to pay some costs, what was the daily rate per inmate?",
        "Our office covers Florida, how many people were deported from there?",
    ],
    QuestionKind.WHEN: [
        "when were the MOAs rescinded and by whom",
        "In what year did Illinois withdraw?",
        "start date of the program",
        "secure communities start date",
        "ordinance passed when",
        "Which days are given for the refusal?",
        "do you know when it ended",
        "real id deadline",
    ],
    QuestionKind.WHO: [
        "Who signed the letter?",
        "by whom was it signed",
        "Which senior official said so?",
        "which justice wrote the opinion",
        "judge in the clackamas case",
        "governor who signed the bill",
        "my professor asked who was in charge",
    ],
    QuestionKind.WHERE: [
        "Where did it start?",
        "which county was first",
        "In which states did they work?",
        "birthplace",
    ],
    QuestionKind.WHY: [
        "Why did New York suspend it?",
        "how come they left",
        "on what grounds did the court decide",
        "what excuse did the patrol give",
        "what made states believe in a choice",
    ],
    QuestionKind.YES_NO: [
        "Can a state opt out?",
        "Massachusetts said no. Was any agency there still using it?",
        "so a county cannot leave, but may it refuse?",
        "Isn't it voluntary?",
    ],
    QuestionKind.HOW: ["How does a fingerprint travel?", "Once a match comes in, how does ICE decide?"],
    QuestionKind.LIST: [
        "List the states that withdrew",
        "what databases does ICE check",
        "which six counties opted in",
        "names of the fourteen members",
        "the three main ice access programs",
        "What were the program's goals?",
    ],
    QuestionKind.COMPARE: [
        "difference between S-Comm and 287(g)",
        "S-Comm versus 287(g)",
        "which is older, 287(g) or S-Comm",
        "Which one is right?",
        "Is it the same as PEP?",
    ],
    QuestionKind.WHAT: [
        "the letter of John Morton",
        "What became of the officials who lied when they were asked?",
        "What difference did the letter make?",
    ],
}


@pytest.mark.parametrize(("question", "kind"), [(q, kind) for kind, questions in QUESTIONS.items() for q in questions])
def test_kind_of_a_question(question: str, kind: QuestionKind) -> None:
    assert kind_of(question) is kind


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        (
            "when were the MOAs rescinded and by whom",
            ("when were the MOAs rescinded?", "by whom were the MOAs rescinded?"),
        ),
        (
            "Where was Makowski locked up, and for about how long?",
            ("Where was Makowski locked up?", "for about how long was Makowski locked up?"),
        ),
        ("when and why did Illinois leave?", ("when did Illinois leave?", "why did Illinois leave?")),
        ("who signed it and who opposed it", ("who signed it?", "who opposed it?")),
        ("What is a detainer? Who can issue one?", ("What is a detainer?", "Who can issue one?")),
        (
            "what law put 287(g) on the books, and in what year?",
            ("what law put 287(g) on the books?", "what law put 287(g) on the books, in what year?"),
        ),
        ("who left; when did they leave", ("who left?", "when did they leave?")),
        ("What is a detainer?", ("What is a detainer?",)),
        (
            "How many agencies had agreements in 2017 and in 2018?",
            ("How many agencies had agreements in 2017 and in 2018?",),
        ),
        ("difference between when and how it ended", ("difference between when and how it ended",)),
        ('who said "ask when and how it ended"', ('who said "ask when and how it ended"',)),
        ("I was fined. Who decides?", ("I was fined. Who decides?",)),
        ("the county and who runs it", ("the county and who runs it",)),
        ("who? what? when?", ("who? what? when?",)),
        ("fingerprints   and\njails", ("fingerprints and jails",)),
        ("", ("",)),
    ],
)
def test_parts_of_a_question(question: str, parts: tuple[str, ...]) -> None:
    assert parts_of(question) == parts


@given(st.text(max_size=200))
def test_any_text_has_a_kind_and_one_to_three_parts(text: str) -> None:
    assert kind_of(text) in QuestionKind
    assert 1 <= len(parts_of(text)) <= MAX_PARTS


def test_long_questions_are_read_in_time_that_does_not_explode() -> None:
    text = "which " + "county and " * 800 + "who " + "what is the " * 300 + "?"

    assert kind_of(text) in QuestionKind
    assert parts_of(text)
