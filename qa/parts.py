"""The files that something written once consists of, and whether they are still what was written."""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from qa.errors import StorageError


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def replace_whole(path: Path, data: bytes, *, fix: str) -> None:
    """Replace a file in one step, through to the disk: a reader finds the old one or the new. Raises StorageError."""
    draft = path.with_name(f".{path.name}.new")
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise StorageError(f"cannot write {path}: {error.strerror}", fix=fix) from error


def sync(path: Path) -> None:
    """Write a file, or the names in a folder, through to the disk."""
    if os.name == "nt" and path.is_dir():  # pragma: no cover - folders cannot be synced there
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Part:
    """One file as it was written: its size in bytes, its time of change, its SHA-256."""

    size: int
    mtime_ns: int
    sha256: str


def measure(path: Path) -> Part:
    """Return the part that a finished file is."""
    info = path.stat()
    return Part(info.st_size, info.st_mtime_ns, sha256_of(path))


def measure_folder(folder: Path, *, without: str) -> dict[str, Part]:
    """Return every file below ``folder`` by its relative name, the one called ``without`` left out."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != without)
    return {p.relative_to(folder).as_posix(): measure(p) for p in files}


def size_problem(path: Path, part: Part) -> str:
    """Say what is wrong with the size of a part, "" when nothing is; the file is not opened."""
    try:
        size = path.stat().st_size
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    return "" if size == part.size else f"{path} has {size} bytes, not {part.size}"


def problem(path: Path, part: Part, *, deep: bool = False) -> str:
    """Say what is wrong with a part, "" when nothing is.

    The contents are read when the time of change differs (the file was written to, or copied), and
    always when ``deep``.
    """
    failure = size_problem(path, part)
    if failure:
        return failure
    try:
        is_touched = path.stat().st_mtime_ns != part.mtime_ns
        is_other = (deep or is_touched) and sha256_of(path) != part.sha256
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    return f"{path} is not what was written" if is_other else ""
