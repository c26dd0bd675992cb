"""Which files are documents: every file below the sources gets a verdict, none is passed in silence."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qa.errors import ConfigError, SourceError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

SUFFIXES = {".md": "markdown", ".markdown": "markdown", ".txt": "text", ".text": "text"}


@dataclass(frozen=True, slots=True)
class Root:
    """A folder or file that the user named, and the first part of its documents' names."""

    path: Path
    label: str


@dataclass(frozen=True, slots=True)
class Found:
    """A file below a root. ``skipped`` and ``failed`` say why it is no document, or are empty.

    ``source`` is its name in citations, with forward slashes on every system.
    """

    source: str
    path: Path
    root: Path
    size: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    inode: int = 0
    skipped: str = ""
    failed: str = ""


def _printable(name: str) -> str:
    """Return a file name in characters that can be written; bytes that are no Unicode become escapes."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def make_roots(paths: Sequence[Path]) -> list[Root]:
    """Return the roots for ``paths`` in order, each with a label of its own; nested paths are dropped.

    Raises SourceError for a path that is not there or whose name cannot be written down.
    """
    resolved: list[Path] = []
    for path in paths:
        try:
            full = path.expanduser().resolve(strict=True)
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or "a loop of links"
            raise SourceError(
                f"cannot read {path}: {reason}",
                fix=f"name a folder or file that exists, or drop it: qa index --forget {path}",
            ) from error
        if _printable(str(full)) != str(full):
            raise SourceError(
                f"cannot index {_printable(str(path))}: its name is not valid Unicode", fix="rename the folder or file"
            )
        resolved.append(full)
    tops = [p for p in dict.fromkeys(resolved) if not any(p != q and p.is_relative_to(q) for q in resolved)]
    roots: list[Root] = []
    taken: set[str] = set()
    for path in tops:
        base = label = path.name or "root"
        number = 2
        while label in taken:
            label, number = f"{base}-{number}", number + 1
        taken.add(label)
        roots.append(Root(path, label))
    return roots


def _verdict(info: os.stat_result, name: str, max_bytes: int) -> tuple[str, str]:
    """Return (skipped, failed) for a file by its name and what stat says of it."""
    if not stat.S_ISREG(info.st_mode):
        return "not a regular file", ""
    suffix = os.path.splitext(name)[1].lower()
    if suffix not in SUFFIXES:
        return f"no loader for {suffix} files" if suffix else "no loader for files without an ending", ""
    if info.st_size > max_bytes:
        return "", f"larger than {max_bytes // 10**6} MB"
    return "", ""


class _Walk:
    def __init__(self, root: Root, exclude: GitIgnoreSpec, *, index: Path, ignored: frozenset[str], max_bytes: int):
        self.root = root
        self.exclude = exclude
        self.index = index
        self.ignored = ignored
        self.max_bytes = max_bytes

    def found(self, path: Path, relative: str, **more: object) -> Found:
        source = f"{self.root.label}/{relative}" if relative else self.root.label
        if _printable(source) != source:
            more = more if more.get("skipped") else {"failed": "cannot be read: its name is not valid Unicode"}
            source, path = _printable(source), Path(_printable(str(path)))
        return Found(source, path, self.root.path, **more)  # type: ignore[arg-type]

    def file(self, path: Path, relative: str) -> Found:
        try:
            info = path.stat()
        except OSError as error:
            return self.found(path, relative, failed=f"cannot be read: {error.strerror}")
        # A file that the user named is read whatever its ending says.
        name = path.name if relative or path.suffix.lower() in SUFFIXES else f"{path.name}.txt"
        skipped, failed = _verdict(info, name, self.max_bytes)
        return self.found(
            path,
            relative,
            size=info.st_size,
            mtime_ns=info.st_mtime_ns,
            ctime_ns=info.st_ctime_ns,
            inode=info.st_ino,
            skipped=skipped,
            failed=failed,
        )

    def below(self) -> Iterator[Found]:
        # A list, not recursion: folders can be nested deeper than Python calls.
        folders = [(self.root.path, "")]
        while folders:
            folder, prefix = folders.pop()
            try:
                with os.scandir(folder) as listing:
                    entries = list(listing)
            except OSError as error:
                yield self.found(folder, prefix.rstrip("/"), failed=f"folder cannot be read: {error.strerror}")
                continue
            for entry in entries:
                path, relative = folder / entry.name, prefix + entry.name
                try:
                    is_folder = entry.is_dir(follow_symlinks=False)
                    skipped = self.passed_over(entry, path, relative, is_folder=is_folder)
                except OSError as error:
                    yield self.found(path, relative, failed=f"cannot be read: {error.strerror}")
                    continue
                if skipped:
                    yield self.found(path, relative, skipped=skipped)
                elif is_folder:
                    folders.append((path, relative + "/"))
                else:
                    yield self.file(path, relative)

    def passed_over(self, entry: os.DirEntry[str], path: Path, relative: str, *, is_folder: bool) -> str:
        """Return why an entry is passed over, "" when it is not."""
        if entry.name.startswith(".") or path == self.index:
            return "hidden"
        if self.exclude.match_file(relative + ("/" if is_folder else "")):
            return "excluded by qa.toml"
        if entry.is_symlink() and entry.is_dir():
            return "a link to a folder"
        return "settings or bibliography" if not is_folder and entry.name in self.ignored else ""


def _excluder(patterns: Sequence[str]) -> GitIgnoreSpec:
    """Return what matches the ``patterns``. Raises ConfigError with the pattern that is none."""
    from pathspec import GitIgnoreSpec

    for pattern in patterns:
        try:
            GitIgnoreSpec.from_lines([pattern])
        except (ValueError, re.error) as error:
            raise ConfigError(
                f"exclude has {pattern!r}, which is no pattern: {error}",
                fix='write it as in a .gitignore, for example: exclude = ["drafts/", "*.old.md"]',
            ) from error
    return GitIgnoreSpec.from_lines(patterns)


def walk(
    root: Root,
    *,
    index: Path,
    exclude: Sequence[str] = (),
    ignored: frozenset[str] = frozenset(),
    max_bytes: int,
) -> list[Found]:
    """Return every file and every unreadable or passed-over folder below ``root``, sorted by name.

    ``exclude`` are patterns as in a .gitignore, relative to the root; ``index`` is passed over.
    Raises ConfigError for a pattern that is none.
    """
    walker = _Walk(root, _excluder(exclude), index=index, ignored=ignored, max_bytes=max_bytes)
    found = walker.below() if root.path.is_dir() else [walker.file(root.path, "")]
    return sorted(found, key=lambda f: f.source)
