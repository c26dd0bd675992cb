"""One file becomes one document: its bytes of one moment, its text, its front matter, its name."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import cast

import pytest

from qa.decoder import read_bytes
from qa.errors import LoadError
from qa.loader import loader_of, parse
from qa.schema import BlockKind, Document
from tests.unprivileged import unprivileged

FRONT = "---\ntitle: The program\ntopic: history\nas_of: 2011-08-05\n---\n"


def markdown(text: str) -> Document:
    return parse(text.encode(), "markdown")


def shown(document: Document) -> list[str]:
    return [document.text[b.range.start : b.range.end] for b in document.blocks]


def test_bytes_come_back_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a b\u0301.txt"
    path.write_bytes(b"\xff\0\r\n")

    assert read_bytes(path) == b"\xff\0\r\n"


def test_vanished_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="vanished before it was read") as caught:
        read_bytes(tmp_path / "gone.txt")
    assert caught.value.fix == "run the command again"


def test_folder_in_place_of_a_file_is_an_error_of_that_file(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="cannot be read: "):
        read_bytes(tmp_path)


def test_unreadable_file_names_the_permissions_to_check() -> None:
    with unprivileged() as folder:
        path = folder / "closed.txt"
        path.write_text("secret", encoding="utf-8")
        path.chmod(0)

        with pytest.raises(LoadError, match="cannot be read: Permission denied") as caught:
            read_bytes(path)
    assert str(path) in caught.value.fix


class _RewrittenPath:
    """A file to which another program writes between our reading it and our having read it."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        self.data = data

    def open(self, mode: str) -> io.FileIO:
        path, data = self.path, self.data

        class File(io.FileIO):
            def read(self, size: int | None = -1, /) -> bytes:
                found = super().read(size)
                path.write_bytes(data)
                os.utime(path, ns=(1, 1))
                return found

        return File(path)


@pytest.mark.parametrize("data", [b"longer than before", b"", b"other"])
def test_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "busy.txt"
    path.write_bytes(b"first")

    with pytest.raises(LoadError, match="changed while it was read"):
        read_bytes(cast(Path, _RewrittenPath(path, data)))


@pytest.mark.parametrize(
    ("name", "loader"),
    [("a.md", "markdown"), ("A.MD", "markdown"), ("a.markdown", "markdown"), ("a.txt", "text"), ("notes", "text")],
)
def test_ending_decides_how_a_file_is_read(name: str, loader: str) -> None:
    assert loader_of(Path(name)) == loader


def test_document_is_known_by_its_bytes_and_its_loader() -> None:
    data = b"# Same\n\nbytes"
    digest = hashlib.sha256(data).hexdigest()

    assert parse(data, "markdown").doc_id == f"{digest[:16]}-markdown"
    assert parse(data, "text").doc_id == f"{digest[:16]}-text"
    assert parse(data, "text").sha256 == digest


@pytest.mark.parametrize("loader", ["markdown", "text"])
@pytest.mark.parametrize("data", [b"", b" \n\t\r\n ", b"\xef\xbb\xbf", "\u00a0\u3000".encode()])
def test_blank_file_is_a_document_without_blocks(data: bytes, loader: str) -> None:
    assert parse(data, loader).blocks == ()


@pytest.mark.parametrize("loader", ["markdown", "text"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_text_is_what_the_bytes_decode_to_line_ends_and_all(loader: str, encoding: str, line_end: str) -> None:
    text = "Title\n\nA first paragraph, “quoted”.\nIts second line.\n\nA last one.".replace("\n", line_end)
    data = text.encode(encoding)
    document = parse(data, loader)

    assert document.text == data.decode(document.encoding) == text
    assert shown(document)[-2:] == [f"A first paragraph, “quoted”.{line_end}Its second line.", "A last one."]


def test_notes_tell_how_a_file_was_read() -> None:
    document = parse(
        "Der Bescheid wurde für ungültig erklärt; die Behörde schwieg über Gründe.".encode("cp1252"), "text"
    )

    assert (document.encoding, document.notes) == ("cp1252", ("not UTF-8; read as cp1252, which was detected",))


def test_nul_characters_lose_no_text_of_a_markdown_file() -> None:
    document = markdown("One\0two stays.\n\n- and *this\0one*\n")

    assert shown(document) == ["One\0two stays.", "- and *this\0one*"]
    assert document.notes == ("has 2 NUL characters",)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_front_matter_is_read_and_is_no_text(line_end: str, mark: str) -> None:
    document = markdown(mark + (FRONT + "Body.\n").replace("\n", line_end))

    assert (document.title, document.topic, document.as_of) == ("The program", "history", "2011-08-05")
    assert document.text[document.front_matter :] == f"Body.{line_end}"
    assert shown(document) == ["Body."]
    assert document.notes == ()


@pytest.mark.parametrize(
    ("yaml", "title"),
    [
        ("title: No", "No"),
        ("title: 287", "287"),
        ("title: 1_000", "1_000"),
        ("title: 12:30:45", "12:30:45"),
        ("title: 'quoted: yes'", "quoted: yes"),
        ("title: |\n  two\n  lines", "two lines"),
        ("title: Ünïcödé 🙂", "Ünïcödé 🙂"),
        ("title: !!int ''", ""),
        ("title: !!bool maybe", "maybe"),
        ("title: !!timestamp never", "never"),
        ("title: 0x" + "f" * 5000, "0x" + "f" * 5000),
        ("title:", ""),
        ("title: ~", ""),
        ("title: [a, list]", ""),
        ("title: {a: b}", ""),
        ("other: x", ""),
    ],
)
def test_front_matter_value_is_what_the_author_wrote(yaml: str, title: str) -> None:
    document = markdown(f"---\n{yaml}\n---\nBody.\n")

    assert document.title == title
    assert document.front_matter == len(f"---\n{yaml}\n---\n")


@pytest.mark.parametrize(
    ("yaml", "note"),
    [
        ("title: The program: a history", "front matter is not valid YAML (line 2); read as text"),
        ("topic: x\ntitle: 'open", "front matter is not valid YAML (line 3); read as text"),
        ("? [a]\n: b", "front matter is not valid YAML (line 2); read as text"),
        ("title: " + "[" * 5000, "front matter is not valid YAML; read as text"),
        ("title: \x01", "front matter is not valid YAML; read as text"),
    ],
)
def test_front_matter_that_is_no_yaml_is_text_with_a_note(yaml: str, note: str) -> None:
    document = markdown(f"---\n{yaml}\n---\n\nBody.\n")

    assert document.front_matter == 0
    assert document.notes == (note,)
    assert shown(document)[-1] == "Body."


@pytest.mark.parametrize(
    "text", ["---\n- a\n- b\n---\nBody.", "---\nA rule above.\n\n---\n\nBody.", "---\ntitle: open"]
)
def test_what_is_no_mapping_is_text_without_a_note(text: str) -> None:
    document = markdown(text)

    assert (document.front_matter, document.notes) == (0, ())
    assert document.blocks


def test_front_matter_of_plain_text_is_text() -> None:
    document = parse(FRONT.encode(), "text")

    assert (document.title, document.front_matter) == ("", 0)


@pytest.mark.parametrize(
    ("text", "loader", "title"),
    [
        ("# The *first* [title](u) #\n\n# Second\n\nBody.", "markdown", "The first title"),
        ("## Not of level one\n\nBody.", "markdown", ""),
        (FRONT + "# Heading\n", "markdown", "The program"),
        ("---\ntopic: x\n---\n# Heading\n", "markdown", "Heading"),
        ("A title line\n\nA paragraph that is long enough to end with a full stop.", "text", "A title line"),
    ],
)
def test_title_is_that_of_the_front_matter_else_the_first_heading(text: str, loader: str, title: str) -> None:
    assert parse(text.encode(), loader).title == title


@pytest.mark.parametrize("loader", ["markdown", "text"])
@pytest.mark.parametrize("piece", ["The agency said so in 2011. ", "x", "移民局"])
def test_one_line_of_five_megabytes_is_one_block(loader: str, piece: str) -> None:
    text = piece * (5_000_000 // len(piece.encode()))
    document = parse(text.encode(), loader)

    assert [b.kind for b in document.blocks] == [BlockKind.PARAGRAPH]
    assert shown(document) == [text.strip()]
