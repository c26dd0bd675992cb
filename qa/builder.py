"""Makes a generation: filled in private, verified in a fresh process, then swapped in."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from qa.errors import StorageError
from qa.generation import CACHE_NAME, commit, next_generation, number_of
from qa.manifest import MANIFEST_NAME, FileRecord, Manifest, Served, write_files, write_manifest
from qa.parts import measure_folder
from qa.passages import StoredChunk
from qa.verify import Verifier

_SPARE_BYTES = 50 * 10**6
# What the cache takes for a vector, as measured: 2.2 KB for 1.5.
_CACHED = 1.45
# With less than this free an error that names no cause is put down to the disk.
_FULL_BYTES = 200_000


def check_space(index: Path, chunks: Sequence[StoredChunk], dimension: int, before: Manifest | None = None) -> None:
    """Refuse to begin when the disk cannot hold ``chunks`` on top of a copy of ``before``. Raises StorageError.

    Measured: a generation takes 5 times its text and 2.6 times its vectors; the cache takes them once more, and gets
    those of the copy back where it has lost them.
    """
    texts = sum(len(c.text.encode("utf-8", "surrogatepass")) for c in chunks)
    vector = 4 * dimension
    needed = 6 * texts + 4 * len(chunks) * vector + _SPARE_BYTES
    if before:
        cache = index / CACHE_NAME
        lost = _CACHED * before.chunks * vector - (cache.stat().st_size if cache.is_file() else 0)
        needed += before.size + max(0, int(lost))
    if shutil.disk_usage(index).free < needed:
        raise disk_full(index, needed)


def disk_full(index: Path, needed: int = 0) -> StorageError:
    """Return the error for a disk that cannot hold the work; ``needed`` in bytes, when that is known."""
    free = shutil.disk_usage(index).free
    more = f", about {needed // 10**6} MB are needed" if needed else ""
    return StorageError(
        f"the disk of {index} is full: {free // 10**6} MB are free{more}; the index is as it was",
        fix="free some space and run the command again, or choose another folder: --index DIR",
    )


def is_disk_full(error: BaseException, index: Path) -> bool:
    """Tell whether an error comes from a full disk: Chroma and SQLite have words of their own for it."""
    if isinstance(error, StorageError) or not isinstance(error, Exception):
        return False
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return True
    return "disk is full" in str(error) or (index.is_dir() and shutil.disk_usage(index).free < _FULL_BYTES)


def make_generation(
    index: Path,
    fill: Callable[[Path], Manifest],
    records: Sequence[FileRecord],
    *,
    serve: Callable[[Path, Manifest], Served] | None = None,
) -> int:
    """Let ``fill`` write the parts of a new generation, verify it, make it current; return its number.

    ``serve`` gives its rows to a server, unless ``fill`` says that one has them already. Whatever fails or
    interrupts leaves the generation in use as it was. Raises IndexDamagedError when the parts do not agree.
    """
    folder = next_generation(index)
    try:
        with Verifier() as verifier:
            manifest = fill(folder)
            # Before the parts are measured: Chroma writes to a store that it only opens.
            verifier.verify(folder, manifest.chunks)
        if serve and manifest.served is None:
            manifest = replace(manifest, served=serve(folder, manifest))
        write_files(folder, records)
        parts = measure_folder(folder, without=MANIFEST_NAME)
        write_manifest(folder, replace(manifest, generation=number_of(folder), parts=parts))
        commit(index, folder)
    except BaseException as error:
        # Asked before the draft makes room again: Chroma, cleaning up after a full disk, fails once more, and
        # with words that say nothing of it.
        is_full = is_disk_full(error, index)
        shutil.rmtree(folder, ignore_errors=True)
        if is_full:
            raise disk_full(index) from error
        raise
    return number_of(folder)
