"""What is understood of a question: its kind, misspelt words, abbreviations, quoted phrases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.errors import QuestionError
from qa.passages import Passages
from qa.question import MAX_WORDS, analyse, check
from qa.text import fold
from tests.handmade import open_passages

TEXTS = (
    "Secure Communities (S-Comm) is a program of Immigration and Customs Enforcement (ICE).",
    "A memorandum of agreement, or Memorandum of Agreement (MOA), was signed by Illinois in 2009.",
    "The Department of Homeland Security (DHS) rescinded every memorandum on August 5, 2011.",
    "The Department of Homeland Security (DHS) runs the fingerprint database called IDENT.",
    "In one county the letters stand for the Department of Health Services (DHS).",
    "A detainer asks the sheriff to hold a person; detainers do not require a warrant.",
    "Information Technology (IT) staff connected the jails. A state could not opt out. Zoë counted 1,595 cases.",
)
# Words that a model's vocabulary has and these texts have not; each is near to a word that they have.
ENGLISH = frozenset({"secured", "sheriffs", "stat", "container", "boiling", "mercury", "hood", "personal"})


@pytest.fixture(scope="module")
def passages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Passages]:
    found = open_passages(tmp_path_factory.mktemp("question") / "passages.db", *TEXTS)
    yield found
    found.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the question is empty"),
        (" \t\r\n\u3000", "the question is empty"),
        ("\0\0", "the question is empty"),
        ("what is it about?", "only common words"),
        ("AND OR NOT", "only common words"),
        ("?!… 🙂", "no words"),
        ('* " ^ : ( )', "no words"),
        ("detainer " * (MAX_WORDS + 1), f"has {MAX_WORDS + 1} words; at most {MAX_WORDS}"),
        ("detainer " * 10_000, "has 10000 words"),
        ("x" * 5_000_000, "has 5000000 characters"),
        ("移" * 20_000, "has 20000 characters"),
    ],
)
def test_question_that_cannot_be_searched_for_is_refused_with_advice(text: str, said: str) -> None:
    with pytest.raises(QuestionError, match=said) as caught:
        check(text)

    assert caught.value.fix
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "text",
    [
        "detainer",
        "287(g)",
        "§",
        "1,595",
        "¿Qué es Comunidades Seguras?",
        "什么是安全社区?",
        "ما هو برنامج الحجز؟",
        "detainer " * MAX_WORDS,
    ],
)
def test_question_with_one_word_to_look_for_is_taken(text: str) -> None:
    assert check(text) == " ".join(text.split())


def test_bytes_that_were_no_text_leave_a_question_that_can_be_encoded() -> None:
    assert "detainer" in check("what is a \udcff detainer\0?").encode("utf-8").decode("utf-8")


@pytest.mark.parametrize(
    ("typed", "query"),
    [
        ("What is a detaner?", "What is a detainer?"),
        ("What is a detianer?", "What is a detainer?"),
        ("secuer comunities", "secure communities"),
        ("who is the SHERIF?", "who is the sheriff?"),
        ("Ilinois's memorandun", "illinois memorandum"),
        ("finger-print databse", "finger-print database"),
        ("zoé or zöe", "zoé or zöe"),
    ],
)
def test_small_typing_error_is_read_as_the_word_of_the_documents(passages: Passages, typed: str, query: str) -> None:
    assert analyse(typed, passages).query == query


def test_corrections_are_told_and_the_question_stays_as_it_was_typed(passages: Passages) -> None:
    found = analyse("Is a  Detaner a warant?", passages)

    assert found.text == "Is a Detaner a warant?"
    assert found.corrections == (("Detaner", "detainer"), ("warant", "warrant"))
    assert found.stems == ("detain", "warrant")


@pytest.mark.parametrize(
    "question",
    [
        "detained and detaining",  # only inflected: the stem is known
        "boiling mercury in a container",  # the model knows these words
        "Secured by SHERIFFS",
        "a state-ran county-by-countty program",  # a part of the joined word is known
        "sign by hand of cal",  # too short to tell an error from a word
        "xylophone quartet",  # nothing is near
        "Sc0mm 2O11 287(h) 1,596",  # not letters alone
    ],
)
def test_word_that_may_be_meant_is_not_corrected(passages: Passages, question: str) -> None:
    assert analyse(question, passages, ENGLISH).corrections == ()


WORDS = sorted({w for text in TEXTS for w in "".join(c if c.isalpha() else " " for c in text).split()} | ENGLISH)
CASED = st.sampled_from(WORDS).flatmap(lambda w: st.sampled_from([w, w.upper(), w.lower(), w.title()]))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(CASED, st.sampled_from([" ", ", ", "? ", "-", "/", "'s ", " (", ') "'])), min_size=1))
def test_no_word_of_the_documents_or_of_the_model_is_ever_corrected(
    passages: Passages, pieces: list[tuple[str, str]]
) -> None:
    text = "detainer " + "".join(word + mark for word, mark in pieces[:40])

    assert analyse(text, passages, ENGLISH).corrections == ()


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.text(st.characters(codec="utf-8", categories=["L", "Nd", "P", "Zs"]), max_size=12) | CASED, max_size=30)
)
def test_whatever_is_corrected_was_known_to_nobody_and_becomes_a_word_of_the_documents(
    passages: Passages, pieces: list[str]
) -> None:
    try:
        found = analyse(" ".join(pieces), passages, ENGLISH)
    except QuestionError:
        return
    vocabulary = dict(passages.vocabulary())
    for typed, read in found.corrections:
        assert read in vocabulary
        assert fold(typed) not in vocabulary
        assert fold(typed) not in ENGLISH
        assert typed in found.text


@settings(max_examples=150, deadline=None)
@given(st.text())
def test_any_text_is_a_question_with_terms_or_is_refused(passages: Passages, text: str) -> None:
    try:
        found = analyse(text, passages)
    except QuestionError:
        return
    assert found.stems
    assert all(found.phrases)
    assert found.query.encode("utf-8")


@pytest.mark.parametrize("short", ["S-Comm", "SComm", "s-comm", "scomm"])
def test_every_spelling_of_an_abbreviation_has_a_term_in_common(passages: Passages, short: str) -> None:
    assert "scomm" in analyse(f"what is {short}", passages).stems


@pytest.mark.parametrize("short", ["MOA", "MOAs", "moa", "M.O.A."])
def test_abbreviation_is_followed_by_what_it_stands_for(passages: Passages, short: str) -> None:
    found = analyse(f"who signed the {short}?", passages)

    assert "Memorandum of Agreement" in found.query
    assert {"memorandum", "agreement"} <= set(found.expanded)


def test_long_form_adds_its_abbreviation(passages: Passages) -> None:
    found = analyse("did Immigration and Customs Enforcement sign?", passages)

    assert "ice" in found.expanded
    assert found.query == "did Immigration and Customs Enforcement sign?"


def test_long_form_that_the_question_has_is_not_added_again(passages: Passages) -> None:
    assert analyse("Memorandum of Agreement (MOA)", passages).query == "Memorandum of Agreement (MOA)"


def test_most_usual_long_form_is_the_one_that_is_embedded(passages: Passages) -> None:
    found = analyse("what did DHS do", passages)

    assert "DHS (Department of Homeland Security)" in found.query
    assert "health" in found.expanded


def test_common_word_is_no_abbreviation(passages: Passages) -> None:
    assert "Information" not in analyse("did it connect the jails", passages).query
    assert "Information Technology" in analyse("did IT connect the jails", passages).query


@pytest.mark.parametrize(
    ("question", "phrases"),
    [
        ('"opt out" of detainers', (("opt", "out"),)),
        ("“opt out” and ”fingerprint database”", (("opt", "out"), ("fingerprint", "databas"))),
        ('detainer "of the" sheriff', ()),
        ('a detainer " is not closed', ()),
        ('detainer ""', ()),
        ("the sheriff's detainer's", ()),
    ],
)
def test_what_stands_in_quotation_marks_is_a_phrase(
    passages: Passages, question: str, phrases: tuple[tuple[str, ...], ...]
) -> None:
    stop_words_dropped = tuple(tuple(t for t in phrase if t != "out") for phrase in phrases)

    assert analyse(question, passages).phrases == stop_words_dropped


IDENTIFIERS = (
    "Section 287(g) and 8 CFR 287.7 matter to the sheriff.",
    "The petition No. 11-182 was filed in 2011; 1,595 pages came of No. 11-1820.",
    "Fingerprinting costs 15,000 dollars; fingerprints are kept under § 1357(g).",
)


@pytest.fixture(scope="module")
def identifiers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Passages]:
    found = open_passages(tmp_path_factory.mktemp("identifiers") / "passages.db", *IDENTIFIERS)
    yield found
    found.close()


@pytest.mark.parametrize(
    ("question", "expanded"),
    [
        ("what is 287", {"287g", "287_7"}),
        ("what is No. 11-18", {"11_182", "11_1820"}),
        ("what is No. 11-182", set()),
        ("what is 1357", {"1357g"}),
        ("15 pages", set()),  # 15,000 goes on with a digit: another number
        ("fingerp*", {"fingerprint"}),
        ("print finger*", {"fingerprint"}),
        ("11-18* pages", {"11_182", "11_1820"}),
        ("287(* pages", {"287g", "287_7"}),
        ("zebra* pages", set()),
        ("* pages", set()),
    ],
)
def test_beginning_of_an_identifier_finds_what_goes_on_so(
    identifiers: Passages, question: str, expanded: set[str]
) -> None:
    found = analyse(question, identifiers)

    assert set(found.expanded) == expanded
    assert not found.corrections


def test_word_with_a_star_is_not_corrected_but_others_are(identifiers: Passages) -> None:
    assert analyse("sherif* petitoin", identifiers).corrections == (("petitoin", "petition"),)
