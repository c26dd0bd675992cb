"""passages.db: what is written comes back as it was, filters, names, and files that are damaged."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.errors import IndexDamagedError
from qa.passages import Passages, PassagesWriter, StoredChunk, StoredDocument, matches
from qa.references import parse_references
from qa.schema import Chunk, Filters, Range, Reference, Sentence
from tests.handmade import Doc, open_passages, stored, write_passages

# Anything that a decoded file can hold: no half characters.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(TEXT, st.lists(TEXT, max_size=3), st.lists(TEXT, max_size=3)), min_size=1, max_size=5))
def test_documents_come_back_as_they_were_added(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, list[str], list[str]]]
) -> None:
    chunks: list[StoredChunk] = []
    at = 0
    for number, (body, context, keys) in enumerate(texts):
        span = Range(at, at + len(body))
        chunk = Chunk(f"d:{number}", "d", span, tuple(context), body, (Sentence(span, tuple(keys)),))
        chunks.append(StoredChunk(chunk, body, number + 1))
        at = span.end
    document = StoredDocument("d", texts[0][0], "topic\0", "2011", "utf-8", "0" * 64, tuple(chunks))
    path = tmp_path_factory.mktemp("passages") / "passages.db"
    writer = PassagesWriter(path)
    writer.add_document(document, [("b.md", "/b.md"), ("a.md", "/a.md")], "")
    for stored_chunk in chunks:
        writer.add_chunk(stored_chunk, [])
    writer.close()

    found = Passages(path)

    assert found.stored_documents(["d", "no such document"]) == {"d": document}
    assert [p.body for p in found.of_document("d")] == [body for body, _, _ in texts]
    assert {p.sources for p in found.of_document("d")} == {("a.md", "b.md")}
    found.close()


def test_rows_are_numbered_in_the_order_of_writing(tmp_path: Path) -> None:
    found = open_passages(tmp_path / "p.db", "first", "second", "third")

    assert found.count == 3
    assert {row: p.body for row, p in found.get([2, 0]).items()} == {0: "first", 2: "third"}
    assert found.get([]) == {}
    assert found.get([99]) == {}
    found.close()


def test_finished_file_is_opened_where_nothing_can_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "100% #1? [a]"
    folder.mkdir()
    found = open_passages(folder / "p.db", "A detainer.")

    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        found.connection.execute("delete from chunks")
    assert [p.name for p in folder.iterdir()] == ["p.db"]
    found.close()


@pytest.mark.parametrize("name", ["missing", "empty", "garbage", "folder", "other database"])
def test_file_that_holds_no_passages_is_a_damaged_index(tmp_path: Path, name: str) -> None:
    path = tmp_path / "p.db"
    if name == "folder":
        path.mkdir()
    elif name == "other database":
        with sqlite3.connect(path) as other:
            other.execute("create table t (x)")
        other.close()
    elif name != "missing":
        path.write_bytes(b"" if name == "empty" else b"\x07garbage" * 4000)

    with pytest.raises(IndexDamagedError, match="cannot be read") as caught:
        Passages(path)

    assert str(path) in str(caught.value)
    assert caught.value.fix == "run: qa index"


def test_damage_that_shows_late_is_told_as_damage(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    write_passages(path, [f"Passage {n} about detainers, {'and more ' * 50}" for n in range(200)])
    data = bytearray(path.read_bytes())
    data[8192:] = bytes(len(data) - 8192)
    path.write_bytes(data)

    with pytest.raises(IndexDamagedError):
        _read_everything(path)


def _read_everything(path: Path) -> None:
    found = Passages(path)
    try:
        found.get(range(200))
        found.match('"detain"', 10, None, 0.5)
        found.vocabulary()
    finally:
        found.close()


DOCS = (
    Doc("One.", source="laws/a.md", topic="Règles", kinds=("court", "news")),
    Doc("Two.", source="laws/old/b.md", topic="règles", kinds=("news",)),
    Doc("Three.", source="notes/report [final].md", topic="İstanbul", kinds=("court summary",)),
    Doc("Four.", source="notes/c.txt"),
)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), None),
        (Filters(topics=("RÈGLES",)), [0, 1]),
        (Filters(topics=("règles", "İstanbul")), [0, 1, 2]),
        (Filters(topics=("rules",)), []),
        (Filters(topics=("",)), []),
        (Filters(kinds=("News",)), [0, 1]),
        (Filters(kinds=("court",)), [0]),
        (Filters(kinds=("court", "court summary")), [0, 2]),
        (Filters(sources=("*.md",)), [0, 1, 2]),
        (Filters(sources=("a.md", "c.txt")), [0, 3]),
        (Filters(sources=("laws/*",)), [0, 1]),
        (Filters(sources=("old/b.md",)), [1]),
        (Filters(sources=("report [final].md",)), [2]),
        (Filters(sources=("b",)), []),
        (Filters(sources=("",)), []),
        (Filters(sources=("*'; drop table names; --",)), []),
        (Filters(topics=("règles",), kinds=("news",), sources=("b.md",)), [1]),
        (Filters(topics=("règles",), sources=("*.txt",)), []),
    ],
)
def test_filters_leave_the_rows_that_pass_all_of_them(
    tmp_path: Path, filters: Filters, expected: list[int] | None
) -> None:
    found = open_passages(tmp_path / "p.db", *DOCS)

    assert found.rows_matching(filters) == expected
    found.close()


@given(st.text(min_size=1))
def test_name_always_matches_itself_and_its_last_part(name: str) -> None:
    assert matches(name, name)
    assert matches(f"folder/{name}", name)


def test_names_and_topics_and_kinds_are_listed_in_order(tmp_path: Path) -> None:
    found = open_passages(tmp_path / "p.db", *reversed(DOCS))

    assert [source for source, _, _ in found.names()] == sorted(d.source for d in DOCS)
    assert [(source, count) for source, _, _, _, count in found.overview()] == [
        (source, 1) for source in sorted(d.source for d in DOCS)
    ]
    assert found.topics() == sorted({d.topic for d in DOCS if d.topic})
    assert found.kinds() == ["court", "court summary", "news"]
    found.close()


def test_same_content_under_two_names_is_one_document(tmp_path: Path) -> None:
    document = stored(Doc("Twice."))
    writer = PassagesWriter(tmp_path / "p.db")
    writer.add_document(document, [("z.md", "/z.md"), ("a.md", "/a.md")], "")
    writer.add_chunk(document.chunks[0], [])
    writer.close()
    found = Passages(tmp_path / "p.db")

    assert found.get([0])[0].sources == ("a.md", "z.md")
    assert found.rows_matching(Filters(sources=("z.md",))) == [0]
    assert len(found.names()) == 2
    found.close()


def test_references_come_from_the_bibliography_of_the_document_in_the_order_of_the_keys(tmp_path: Path) -> None:
    writer = PassagesWriter(tmp_path / "p.db")
    writer.add_references("/one.json", {k: Reference(k, f"Title {k}", kind="news") for k in ("a", "b", "c")})
    writer.add_references("/two.json", {"a": Reference("a", "Another")})
    writer.close()
    found = Passages(tmp_path / "p.db")

    assert [r.title for r in found.references("/one.json", ["c", "nobody", "a"])] == ["Title c", "Title a"]
    assert [r.title for r in found.references("/two.json")] == ["Another"]
    assert found.references("/none.json") == []
    assert len(found.references()) == 4
    found.close()


def test_reference_with_half_a_character_is_stored_all_the_same(tmp_path: Path) -> None:
    references = parse_references([{"id": "a\ud800", "title": "Caf\udce9", "URL": "\udfff"}])
    writer = PassagesWriter(tmp_path / "p.db")
    writer.add_references("/one.json", references)
    writer.close()
    found = Passages(tmp_path / "p.db")

    assert found.references() == list(references.values())
    found.close()


def test_words_and_stems_are_counted_by_passage(tmp_path: Path) -> None:
    found = open_passages(
        tmp_path / "p.db", Doc("Detainers, detainers and a detainer.", title="Holds"), "The detainer.", "holding"
    )

    assert dict(found.vocabulary()) == {"detainers": 1, "detainer": 2, "holds": 1, "holding": 1}
    assert found.document_frequency(["detain", "hold", "zebra"]) == {"detain": 2, "hold": 2}
    assert found.knows(["detainer", "zebra", "DETAINER"]) == {"detainer"}
    found.close()


def test_abbreviations_come_most_often_defined_first(tmp_path: Path) -> None:
    found = open_passages(
        tmp_path / "p.db",
        "The Department of Health Services (DHS) is small.",
        "The Department of Homeland Security (DHS) is large.",
        "The Department of Homeland Security (DHS) again.",
    )

    assert found.abbreviations() == [
        ("DHS", "Department of Homeland Security"),
        ("DHS", "Department of Health Services"),
    ]
    found.close()


def test_index_without_passages_is_empty_and_whole(tmp_path: Path) -> None:
    found = open_passages(tmp_path / "p.db")

    assert found.count == 0
    assert found.match('"detain"', 10, None, 0.5) == []
    assert not found.vocabulary()
    assert not found.names()
    assert not found.topics()
    found.close()
