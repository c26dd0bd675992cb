"""Bibliographies: CSL-JSON as Zotero, pandoc and publishers' services write it, whole or broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.errors import LoadError
from qa.references import Bibliographies, find_bibliography, parse_references, read_references
from qa.schema import Reference


def one(**entry: Any) -> Reference:
    return parse_references([{"id": "x", **entry}])["x"]


def test_entry_becomes_a_reference() -> None:
    found = one(
        title="Letter to the Governors",
        publisher="ICE",
        issued={"date-parts": [[2011, 8, 5]]},
        URL="https://www.example.gov/letter",
        genre="government",
    )

    assert found == Reference(
        key="x",
        title="Letter to the Governors",
        publisher="ICE",
        issued="2011-08-05",
        url="https://www.example.gov/letter",
        kind="government",
    )


@pytest.mark.parametrize(
    ("issued", "expected"),
    [
        ({"date-parts": [[2011, 8, 5]]}, "2011-08-05"),
        ({"date-parts": [["2011", "08", "5"]]}, "2011-08-05"),
        ({"date-parts": [[2011, 8]]}, "2011-08"),
        ({"date-parts": [[2011]]}, "2011"),
        ({"date-parts": [[2010, 12], [2011, 2]]}, "2010-12/2011-02"),
        ({"date-parts": [[2011], []]}, "2011"),
        ({"date-parts": [[2011, 8, 5, 12]]}, "2011-08-05"),
        ({"date-parts": [[2011, None]]}, "2011"),
        ({"date-parts": [[2011, 0, 0]]}, "2011"),
        ({"date-parts": [[2011, "Aug"]]}, "2011"),
        ({"date-parts": [[None]]}, ""),
        ({"date-parts": [[""]]}, ""),
        ({"date-parts": [["9" * 5000]]}, ""),
        ({"date-parts": [[float("inf")]]}, ""),
        ({"date-parts": []}, ""),
        ({"date-parts": None, "literal": "undated"}, "undated"),
        ({"date-parts": [[None]], "literal": "undated"}, "undated"),
        ({"raw": "spring 2011"}, "spring 2011"),
        ("2011", ""),
        (None, ""),
    ],
)
def test_dates_are_read_as_far_as_they_go(issued: object, expected: str) -> None:
    assert one(issued=issued).issued == expected


@pytest.mark.parametrize("nothing", [None, "", [], {}])
def test_field_that_says_nothing_is_empty(nothing: object) -> None:
    found = one(title=nothing, publisher=nothing, URL=nothing, genre=nothing, author=nothing)

    assert found == Reference(key="x", title="")


@pytest.mark.parametrize(
    ("entry", "publisher"),
    [
        ({"publisher": "P", "container-title": "C", "author": [{"family": "A"}]}, "P"),
        ({"publisher": None, "container-title": "C", "author": [{"family": "A"}]}, "C"),
        ({"author": [{"family": "Kohli"}, {"literal": "DHS OIG"}, {}, "Anon", None]}, "Kohli, DHS OIG"),
        ({"author": "Kohli"}, ""),
        ({"author": 7}, ""),
    ],
)
def test_publisher_else_container_else_authors(entry: dict[str, Any], publisher: str) -> None:
    assert one(**entry).publisher == publisher


def test_number_is_an_id_too() -> None:
    assert list(parse_references([{"id": 0}, {"id": 17}])) == ["0", "17"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"items": []}, "list of entries"),
        ("x", "list of entries"),
        ([{"title": "no id"}], "entry 1 has no id"),
        ([{"id": "a"}, {"id": ""}], "entry 2 has no id"),
        ([{"id": True}], "entry 1 has no id"),
        ([{"id": ["a"]}], "entry 1 has no id"),
        ([None], "entry 1 has no id"),
        ([{"id": "a"}, {"id": "a"}], "the id a occurs twice"),
        ([{"id": "1"}, {"id": 1}], "the id 1 occurs twice"),
    ],
)
def test_what_is_no_bibliography_is_refused_with_the_reason(tmp_path: Path, data: object, said: str) -> None:
    path = tmp_path / "references.json"
    path.write_text(json.dumps(data), encoding="utf-8")

    with pytest.raises(ValueError, match=said):
        parse_references(data)
    with pytest.raises(LoadError, match=said) as caught:
        read_references(path)
    assert path.name in caught.value.fix


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[" * 100_000, b"\xff\xfe[\x00]\x00", b"\x00\x01\x02", b'[{"id": "a", "title": "caf\xe9"}]'],
    ids=["empty", "cut", "deep", "utf-16", "binary", "latin-1"],
)
def test_file_that_is_no_json_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "references.json"
    path.write_bytes(data)

    with pytest.raises(LoadError, match="no CSL-JSON bibliography"):
        read_references(path)


def test_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "references.json"
    path.write_bytes(b'\xef\xbb\xbf[{"id": "a"}]')

    assert list(read_references(path)) == ["a"]


def test_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="cannot be read: Is a directory"):
        read_references(tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.fixed_dictionaries({"id": JSON}, optional=dict.fromkeys(("title", "issued", "author", "URL"), JSON)) | JSON)
def test_any_entry_is_a_reference_that_can_be_stored_or_no_bibliography(entry: object) -> None:
    try:
        found = parse_references([entry])
    except ValueError:
        return
    for key, reference in found.items():
        assert reference.key == key
        assert repr(reference).encode("utf-8")


def test_nearest_bibliography_counts_and_none_above_the_root(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "root/a"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "references.json").write_text("[]", encoding="utf-8")
    root = tmp_path / "root"
    (root / "b").mkdir()

    assert find_bibliography(root / "a" / "deep", root, "references.json") == root / "a/references.json"
    assert find_bibliography(root / "b", root, "references.json") is None
    assert find_bibliography(root / "b", tmp_path, "references.json") == tmp_path / "references.json"
    assert find_bibliography(root / "a", root, "") is None


def test_broken_bibliography_is_a_failure_and_the_others_are_read(tmp_path: Path) -> None:
    for name, text in (("good", '[{"id": "a"}]'), ("bad", "{"), ("none", "")):
        (tmp_path / name).mkdir()
        if text:
            (tmp_path / name / "references.json").write_text(text, encoding="utf-8")
    found = Bibliographies()

    paths = [found.path_for(tmp_path / n / "x.md", tmp_path, "references.json") for n in ("good", "bad", "none")]

    assert paths == [str(tmp_path / "good/references.json"), str(tmp_path / "bad/references.json"), ""]
    assert list(found.by_path[paths[0]]) == ["a"]
    assert found.by_path[paths[1]] == {}
    assert list(found.failures) == [paths[1]]


def test_digest_tells_contents_and_not_places(tmp_path: Path) -> None:
    def digest_of(name: str, title: str) -> str:
        (tmp_path / name).mkdir()
        entries = json.dumps([{"id": "a", "title": title}])
        (tmp_path / name / "references.json").write_text(entries, encoding="utf-8")
        found = Bibliographies()
        found.path_for(tmp_path / name / "x.md", tmp_path, "references.json")
        return found.digest()

    assert digest_of("one", "T") == digest_of("two", "T") != digest_of("three", "U")
