"""Follow-up questions are made whole by rule; a question that stands alone stays as it is."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.followup import PhraseKind, Turn, phrases, resolve

NAMES = ("Secure Communities", "S-Comm", "ICE", "MOA", "287(g)", "Immigration and Customs Enforcement", "Form I-247")


@pytest.mark.parametrize(
    ("earlier", "asked", "expected"),
    [
        # Another place or time.
        ("How many people were removed in Ohio?", "and in New York?", "How many people were removed in New York?"),
        ("How many people were removed?", "and in New York?", "How many people were removed in New York?"),
        ("How many people were removed in 2010?", "in 2011?", "How many people were removed in 2011?"),
        (
            "How many people were removed in 2010?",
            "and in New York?",
            "How many people were removed in 2010 in New York?",
        ),
        (
            "How many people were removed in Ohio in 2010?",
            "and in Texas?",
            "How many people were removed in Texas in 2010?",
        ),
        ("How many matches were there by August 5, 2011?", "by 2012?", "How many matches were there by 2012?"),
        ("How many matches were there in 2011?", "before 2012", "How many matches were there before 2012?"),
        ("What did Ohio say in 2011?", "what about 2012?", "What did Ohio say in 2012?"),
        ("When did Illinois leave the program?", "what about New York?", "When did New York leave the program?"),
        ("when did illinois leave?", "what about new york?", "when did new york leave?"),
        ("How many people were removed?", "what about California?", "How many people were removed in California?"),
        ("Who joined in Ohio?", "and in Santa Clara County?", "Who joined in Santa Clara County?"),
        # Another subject.
        ("What is Secure Communities?", "what about 287(g)?", "What is 287(g)?"),
        ("what is secure communities?", "and 287(g)?", "what is 287(g)?"),
        ("What is a detainer?", "and a removal?", "What is a removal?"),
        ("What is a detainer?", "how about the Criminal Alien Program?", "What is the Criminal Alien Program?"),
        ("Can a state opt out?", "what about counties?", "Can counties opt out?"),
        ("Who signed the MOA with Illinois?", "and New York?", "Who signed the MOA with New York?"),
        ("When did S-Comm begin?", "What about ICE ACCESS?", "When did ICE ACCESS begin?"),
        # Another question word.
        ("Were the MOAs rescinded?", "when?", "When were the MOAs rescinded?"),
        ("Were the MOAs rescinded?", "and by whom?", "By whom were the MOAs rescinded?"),
        ("Can a state opt out?", "Why?", "Why can a state opt out?"),
        ("When were the MOAs rescinded?", "and why?", "Why were the MOAs rescinded?"),
        ("Who rescinded the MOAs?", "when", "Who rescinded the MOAs, and when?"),
        ("What happened to the MOAs?", "when exactly?", "What happened to the MOAs, and when exactly?"),
        ("Did ICE remove citizens?", "how many?", "How many did ICE remove citizens?"),
        # Pronouns.
        ("What is Secure Communities?", "when did it begin?", "when did Secure Communities begin?"),
        ("what is secure communities?", "Who ended it?", "Who ended secure communities?"),
        ("What is the August 2011 letter of ICE?", "Who signed it?", "Who signed the August 2011 letter of ICE?"),
        ("What is a detainer?", "who signs it?", "who signs a detainer?"),
        ("when were the MOAs rescinded and by whom", "Who signed them?", "Who signed the MOAs?"),
        ("What are the MOAs?", "Who signed them?", "Who signed the MOAs?"),
        ("What is Secure Communities?", "What is its budget?", "What is Secure Communities's budget?"),
        ("What is Secure Communities?", "how does that work?", "how does Secure Communities work?"),
        ("What is Secure Communities?", "who runs this program?", "who runs Secure Communities?"),
        ("What is Secure Communities?", "When did Illinois leave it?", "When did Illinois leave Secure Communities?"),
    ],
)
def test_follow_up_is_made_whole(earlier: str, asked: str, expected: str) -> None:
    assert resolve(asked, Turn(earlier), NAMES) == expected


@pytest.mark.parametrize(
    "asked",
    [
        "What is a detainer?",
        "Who signed the letter of August 5, 2011?",
        "What is ICE, and when did it begin?",
        "Is it true that a state can opt out?",
        "In which year did the program end?",
        "And what is the boiling point of mercury?",
        "What happened in New York?",
        "how many counties had joined by 2011?",
        "who was he?",
        "?",
        "and",
    ],
)
def test_question_that_stands_alone_stays(asked: str) -> None:
    assert resolve(asked, Turn("Can a state opt out of Secure Communities?"), NAMES) == asked


def test_person_is_the_one_that_the_answer_named() -> None:
    turn = Turn("Who signed the letter of August 5, 2011?", "John Morton")

    assert resolve("When did he resign?", turn, NAMES) == "When did John Morton resign?"
    assert resolve("What was his office?", turn, NAMES) == "What was John Morton's office?"
    assert resolve("When did he resign?", Turn("Was it in 2011?", "in June 2011"), NAMES) == "When did he resign?"


def test_first_question_stays() -> None:
    assert resolve("  and in\n New York? ", None) == "and in New York?"


def test_follow_ups_can_be_chained() -> None:
    turn = Turn("How many people were removed in Ohio in 2010?")
    for asked in ("and in Texas?", "in 2011?"):
        turn = Turn(resolve(asked, turn, NAMES))

    assert turn.question == "How many people were removed in Texas in 2011?"


def test_phrases_have_their_kind_and_place() -> None:
    text = "When did Illinois and Cook County leave the S-Comm program of ICE before May 4, 2011?"
    found = phrases(text, NAMES)

    assert [(p.text, p.kind) for p in found] == [
        ("Illinois", PhraseKind.PLACE),
        ("Cook County", PhraseKind.PLACE),
        ("S-Comm", PhraseKind.NAME),
        ("ICE", PhraseKind.NAME),
        ("May 4, 2011", PhraseKind.DATE),
    ]
    assert all(text[p.start : p.end] == p.text for p in found)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_resolved_to_one_line(asked: str, earlier: str) -> None:
    resolved = resolve(asked, Turn(earlier or "x"), NAMES)

    assert resolved == resolve(asked, Turn(earlier or "x"), NAMES)
    assert bool(resolved) == bool(asked.split())


@given(st.text(alphabet="andit whatbou?NYk .2(g)'", max_size=80), st.text(alphabet="Whatis ICE?the20.1", max_size=80))
def test_phrases_never_overlap(asked: str, earlier: str) -> None:
    for text in (asked, earlier):
        found = phrases(text, NAMES)
        assert all(a.end <= b.start for a, b in itertools.pairwise(found))
        assert all(text[p.start : p.end] == p.text for p in found)
