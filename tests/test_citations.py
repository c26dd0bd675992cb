"""A citation is a promise: whatever happens to the file, no quote is shown that does not stand there."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa.answerer import Answerer
from qa.generation import Generation
from qa.schema import Quote
from tests.conftest import MakeIndex

pytestmark = pytest.mark.model

QUESTION = "Who keeps the tide tables of Aldbury?"
SENTENCE = "The harbour master of Aldbury keeps the tide tables in a green ledger."
TEXT = f"The town of Aldbury has a harbour.\n\n{SENTENCE} The ledger is locked at night.\n"


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "aldbury.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def quotes(index: Path) -> tuple[list[Quote], tuple[str, ...]]:
    with Generation(index) as generation:
        answer = Answerer(generation).ask(QUESTION)
    return [*answer.quotes, *answer.closest], answer.notes


def stands(quote: Quote) -> bool:
    text = Path(quote.citation.path).read_bytes().decode("utf-8")
    before = text[: quote.citation.start]
    column = quote.citation.start - (before.rfind("\n") + 1) + 1
    place = (before.count("\n") + 1, column)
    return (
        text[quote.citation.start : quote.citation.end] == quote.text
        and (quote.citation.line, quote.citation.column) == place
    )


def test_quote_is_cited_by_file_line_and_column(make_index: MakeIndex, document: Path) -> None:
    found, notes = quotes(make_index(document).index)

    best = next(q for q in found if q.text == SENTENCE)
    assert (best.citation.line, best.citation.column, best.citation.moved) == (3, 1, False)
    assert notes == ()


def test_changed_file_is_named_and_the_sentence_cited_where_it_stands_now(
    make_index: MakeIndex, document: Path
) -> None:
    index = make_index(document).index
    document.write_text(f"A new first line.\n\n{TEXT}", encoding="utf-8")
    found, notes = quotes(index)

    best = next(q for q in found if q.text == SENTENCE)
    assert (best.citation.line, best.citation.moved) == (5, True)
    assert any("aldbury.txt has changed since it was indexed" in note for note in notes)


def test_sentence_that_is_gone_is_not_quoted(make_index: MakeIndex, document: Path) -> None:
    index = make_index(document).index
    document.write_text(TEXT.replace("green ledger", "red ledger"), encoding="utf-8")
    found, _ = quotes(index)

    assert SENTENCE not in [q.text for q in found]
    assert all(stands(q) for q in found)


def test_deleted_file_is_named_and_not_quoted(make_index: MakeIndex, document: Path) -> None:
    index = make_index(document).index
    document.unlink()
    found, notes = quotes(index)

    assert found == []
    assert any("aldbury.txt vanished" in note for note in notes)


def test_copy_of_a_deleted_file_is_cited_instead(make_index: MakeIndex, document: Path) -> None:
    copy = document.with_name("copy.txt")
    copy.write_text(TEXT, encoding="utf-8")
    index = make_index(document, copy).index
    document.unlink()
    found, _ = quotes(index)

    assert {q.citation.source for q in found} == {"copy.txt"}


def test_file_in_another_encoding_than_before_is_read_anew(make_index: MakeIndex, document: Path) -> None:
    index = make_index(document).index
    document.write_bytes(TEXT.encode("utf-16"))
    found, _ = quotes(index)

    assert SENTENCE in [q.text for q in found]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_quote_equals_the_file_in_every_encoding(make_index: MakeIndex, document: Path, encoding: str) -> None:
    text = TEXT.replace("harbour", "hafen café 🛥")
    document.write_bytes(text.encode(encoding))
    found, _ = quotes(make_index(document).index)

    for quote in found:
        decoded = document.read_bytes().decode(encoding)
        assert decoded[quote.citation.start : quote.citation.end] == quote.text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, len(TEXT)), cut=st.integers(0, 12), put=st.text(max_size=8))
def test_no_edit_makes_a_wrong_quote(make_index: MakeIndex, document: Path, at: int, cut: int, put: str) -> None:
    document.write_text(TEXT, encoding="utf-8")
    index = document.with_name("index")
    if not (index / "CURRENT").exists():
        make_index(document)
    edited = TEXT[:at] + put + TEXT[at + cut :]
    document.write_bytes(edited.encode("utf-8", "ignore"))
    found, _ = quotes(index)

    for quote in found:
        text = document.read_bytes().decode("utf-8")
        assert text[quote.citation.start : quote.citation.end] == quote.text
