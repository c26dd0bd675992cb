"""The corpus that comes with qa: how it is indexed, and whether its index is still of this version."""

from __future__ import annotations

from pathlib import Path

from qa.errors import IndexDamagedError, IndexMismatchError
from qa.generation import current
from qa.manifest import FileStatus, read_files, read_manifest


def is_fresh(index: Path, corpus: Path) -> bool:
    """Tell whether the index of the shipped corpus was made from just these files, by a stat of each."""
    try:
        folder = current(index)
        if folder is None or read_manifest(folder).roots != (str(corpus.resolve()),):
            return False
        records = [r for r in read_files(folder) if r.status in (FileStatus.INDEXED, FileStatus.EMPTY)]
    except (IndexDamagedError, IndexMismatchError):
        return False
    known = {r.path for r in records}
    try:
        same = all(
            (info.st_size, info.st_mtime_ns) == (r.size, r.mtime_ns) for r in records if (info := Path(r.path).stat())
        )
    except OSError:
        return False
    documents = {str(p.resolve()) for p in corpus.glob("*.md") if p.name != "README.md"}
    return same and documents == known
