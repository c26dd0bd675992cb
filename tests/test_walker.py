"""Every file below a root has exactly one row: a document, or the reason why it is none."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pathspec  # noqa: F401 (walk() imports it: before root becomes nobody, who may not read where it is installed)
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.errors import ConfigError, SourceError
from qa.walker import Found, make_roots, walk
from tests.unprivileged import unprivileged

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX file names and kinds")


def found(
    folder: Path, *, exclude: tuple[str, ...] = (), ignored: frozenset[str] = frozenset(), max_bytes: int = 10**6
) -> list[Found]:
    (root,) = make_roots([folder])
    return walk(root, index=root.path / "index", exclude=exclude, ignored=ignored, max_bytes=max_bytes)


def rows(folder: Path, **how: tuple[str, ...]) -> dict[str, str]:
    """Return the reason ("" for a document) by the name below ``folder``; no name may come twice."""
    label = len(folder.name) + 1
    listed = [(f.source[label:], f.skipped or f.failed) for f in found(folder, **how)]  # type: ignore[arg-type]
    assert len(listed) == len(dict(listed))
    return dict(listed)


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("words", encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.md", ""),
        ("a.MARKDOWN", ""),
        ("a.txt", ""),
        ("a.Text", ""),
        ("a.pdf", "no loader for .pdf files"),
        ("README", "no loader for files without an ending"),
        (".hidden.md", "hidden"),
        (".git/notes.md", "hidden"),
        ("index/manifest.md", "hidden"),
        ("sub/deeper/a.md", ""),
    ],
)
def test_name_decides_what_a_file_is(tmp_path: Path, name: str, reason: str) -> None:
    write(tmp_path, name)

    assert list(rows(tmp_path).values()) == [reason]


@posix_only
@pytest.mark.parametrize(
    "name",
    [
        "two words.txt",
        " .txt",
        "trailing .md",
        "line\nend.md",
        "tab\t.md",
        "back\\slash.md",
        "*.md",
        "[a].md",
        "#a.md",
        "!a.md",
        "-a.md",
        "日本語.md",
        "e\u0301.md",
        "🙂.txt",
        "'quote\".txt",
        "a.md.txt",
        "x" * 250 + ".md",
    ],
)
def test_odd_name_is_a_document_with_that_very_name(tmp_path: Path, name: str) -> None:
    write(tmp_path, name)
    (only,) = found(tmp_path)

    assert only.source == f"{tmp_path.name}/{name}"
    assert only.path.read_text(encoding="utf-8") == "words"
    assert (only.skipped, only.failed, only.size) == ("", "", 5)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_name_that_is_no_unicode_fails_in_characters_that_can_be_printed(tmp_path: Path) -> None:
    write(tmp_path, *map(os.fsdecode, (b"\xff.txt", b"\xfe.pdf", b"caf\xe9/in.md")))

    assert rows(tmp_path) == {
        "\\udcff.txt": "cannot be read: its name is not valid Unicode",
        "\\udcfe.pdf": "no loader for .pdf files",
        "caf\\udce9/in.md": "cannot be read: its name is not valid Unicode",
    }
    assert all(str(f.path).encode() for f in found(tmp_path))
    with pytest.raises(SourceError, match="its name is not valid Unicode"):
        make_roots([tmp_path / os.fsdecode(b"caf\xe9")])


@posix_only
def test_links_and_special_files_are_named_and_never_opened(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "sub/b.md", "other.pdf")
    for name, target in {
        "alias.md": "a.md",
        "broken.md": "nowhere",
        "loop.md": "loop2.md",
        "loop2.md": "loop.md",
        "parent": ".",
        "folder": "sub",
        ".loop": ".loop",
    }.items():
        (tmp_path / name).symlink_to(target)
    os.mkfifo(tmp_path / "pipe.txt")

    assert rows(tmp_path) == {
        "a.md": "",
        "sub/b.md": "",
        "other.pdf": "no loader for .pdf files",
        "alias.md": "",
        "broken.md": "cannot be read: No such file or directory",
        "loop.md": "cannot be read: Too many levels of symbolic links",
        "loop2.md": "cannot be read: Too many levels of symbolic links",
        "parent": "a link to a folder",
        "folder": "a link to a folder",
        ".loop": "hidden",
        "pipe.txt": "not a regular file",
    }


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        ((), {"a.md", "b.md", "drafts/a.md", "drafts/keep.md", "sub/drafts/c.md"}),
        (("a.md",), {"b.md", "drafts/keep.md", "sub/drafts/c.md"}),
        (("/a.md",), {"b.md", "drafts/a.md", "drafts/keep.md", "sub/drafts/c.md"}),
        (("drafts/",), {"a.md", "b.md"}),
        (("/drafts/",), {"a.md", "b.md", "sub/drafts/c.md"}),
        (("drafts/*", "!drafts/keep.md"), {"a.md", "b.md", "drafts/keep.md", "sub/drafts/c.md"}),
        (("**/a.md", "# a remark", ""), {"b.md", "drafts/keep.md", "sub/drafts/c.md"}),
        (("[ab].md",), {"drafts/keep.md", "sub/drafts/c.md"}),
        (("*",), set()),
    ],
)
def test_excluded_patterns_work_as_in_a_gitignore(tmp_path: Path, exclude: tuple[str, ...], left: set[str]) -> None:
    write(tmp_path, "a.md", "b.md", "drafts/a.md", "drafts/keep.md", "sub/drafts/c.md")
    listed = rows(tmp_path, exclude=exclude)

    assert {name for name, reason in listed.items() if not reason} == left
    assert set(listed.values()) <= {"", "excluded by qa.toml"}


@pytest.mark.parametrize("pattern", ["!", "ends\\", "[z-a]"])
def test_pattern_that_is_none_is_named_in_the_error(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(ConfigError) as caught:
        found(tmp_path, exclude=("*.old.md", pattern))
    assert repr(pattern) in str(caught.value)
    assert ".gitignore" in caught.value.fix


def test_settings_and_bibliography_are_no_documents(tmp_path: Path) -> None:
    write(tmp_path, "qa.toml", "sub/refs.txt", "refs.txt/a.md")
    listed = found(tmp_path, ignored=frozenset({"qa.toml", "refs.txt"}))

    assert [f.skipped for f in listed] == ["settings or bibliography", "", "settings or bibliography"]


def test_large_file_fails_and_says_how_large_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "large.txt").write_bytes(b"x" * 2_000_001)
    (tmp_path / "fits.txt").write_bytes(b"x" * 2_000_000)
    listed = found(tmp_path, max_bytes=2 * 10**6)

    assert [f.failed for f in listed] == ["", "larger than 2 MB"]


def test_unreadable_folder_is_one_row_and_the_rest_is_found() -> None:
    with unprivileged() as folder:
        write(folder, "open/a.md", "closed/b.md", "unlisted/c.md")
        (folder / "closed").chmod(0)
        (folder / "unlisted").chmod(0o400)
        listed = rows(folder)

    assert listed == {
        "open/a.md": "",
        "closed": "folder cannot be read: Permission denied",
        "unlisted/c.md": "cannot be read: Permission denied",
    }


def test_folders_nested_deeper_than_python_calls_are_walked(tmp_path: Path) -> None:
    path = tmp_path
    folders: list[Path] = []
    try:
        while len(folders) < sys.getrecursionlimit() + 100:
            path = path / "d"
            try:
                path.mkdir()
            except OSError:
                pytest.skip("this file system allows no path that long")
            folders.append(path)
        write(path, "a.md")

        assert list(rows(tmp_path).values()) == [""]
    finally:
        # From below, since shutil.rmtree is recursive.
        (path / "a.md").unlink(missing_ok=True)
        for folder in reversed(folders):
            folder.rmdir()


@pytest.mark.parametrize("name", ["notes", "data.csv", ".hidden.txt"])
def test_file_that_was_named_is_read_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    write(tmp_path, name)
    (only,) = found(tmp_path / name)

    assert (only.source, only.skipped, only.failed) == (name, "", "")


def test_root_that_vanished_is_one_failed_row(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    (root,) = make_roots([tmp_path / "a.md"])
    root.path.unlink()
    (only,) = walk(root, index=tmp_path, max_bytes=1)

    assert only.failed == "cannot be read: No such file or directory"


def test_path_that_is_not_there_names_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file") as caught:
        make_roots([tmp_path / "gone"])
    assert "qa index --forget" in caught.value.fix


@posix_only
def test_loop_of_links_is_no_root(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")

    with pytest.raises(SourceError, match="cannot read"):
        make_roots([tmp_path / "loop"])


def test_roots_inside_other_roots_and_repeats_are_dropped(tmp_path: Path) -> None:
    write(tmp_path, "a/b/c.md", "d/e.md")
    named = [tmp_path / "a" / "b", tmp_path / "a", tmp_path / "d", tmp_path / "a" / ".." / "d", tmp_path / "a/b/c.md"]

    assert [r.path for r in make_roots(named)] == [tmp_path.resolve() / "a", tmp_path.resolve() / "d"]


def test_roots_of_one_name_get_labels_of_their_own(tmp_path: Path) -> None:
    write(tmp_path, "a/docs/x.md", "b/docs/x.md", "docs-2/x.md", "docs/x.md")
    named = [tmp_path / name for name in ("a/docs", "b/docs", "docs-2", "docs")]

    assert [r.label for r in make_roots(named)] == ["docs", "docs-2", "docs-2-2", "docs-3"]


names = st.sampled_from(["a.md", "b.txt", "c.pdf", ".h", "README", "é.md", "x y.txt"])
trees = st.recursive(names.map(lambda n: {n: None}), lambda t: st.dictionaries(names, t | st.none(), max_size=4))


def _plant(folder: Path, tree: dict[str, object]) -> set[str]:
    """Make the folders and files of ``tree``; return the names of which there must be a row."""
    wanted: set[str] = set()
    for name, below in tree.items():
        path = folder / name
        if isinstance(below, dict):
            path.mkdir()
            inner = {f"{name}/{n}" for n in _plant(path, below)}
            wanted |= {name} if name.startswith(".") else inner
        else:
            path.write_bytes(b"x")
            wanted.add(name)
    return wanted


@given(tree=trees)
@settings(max_examples=50, deadline=None)
def test_every_file_has_exactly_one_row(tmp_path_factory: pytest.TempPathFactory, tree: dict[str, object]) -> None:
    folder = tmp_path_factory.mktemp("tree")
    wanted = _plant(folder, tree)

    assert set(rows(folder)) == wanted
    sources = [f.source for f in found(folder)]
    assert sources == sorted(sources)
