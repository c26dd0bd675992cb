"""The folder protocol of an index: private generations, one pointer, replaced in one step.

``CURRENT`` names the generation in use, and replacing it is the commit. A generation is never
written after that. Readers hold a shared lock on the manifest of the generation that they opened.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from qa.errors import IndexDamagedError, IndexMissingError
from qa.locks import hold_shared, is_held
from qa.manifest import MANIFEST_NAME, Manifest, check_parts, read_manifest
from qa.parts import sync
from qa.passages import Passages

if TYPE_CHECKING:
    from qa.encoder import Vectors

CURRENT_NAME = "CURRENT"
CACHE_NAME = "cache.db"
VECTORS_NAME = "vectors.npy"
PASSAGES_NAME = "passages.db"
# Private copies of a store, which readers that search with Chroma make; held by a lock on the file inside.
READING_PREFIX = "reading-"
IN_USE_NAME = "IN_USE"
# The most chunks of which every vector is compared: a question then reads 1.5 GB (384 components) and takes 0.6 s, as
# measured; Chroma has to load as much before it answers, and a copy of its store is made first.
EXACT_LIMIT = 1_000_000
_NAME = re.compile(r"gen-(\d{6,})")
# A doctor's copy of a generation, drafts of an encoder and of the pointer: the next writer finds them unfinished.
SCRATCH_PREFIX = "doctor-"
_LEFTOVERS = (f"{SCRATCH_PREFIX}*", "encoder/new-*", f"{CURRENT_NAME}.new")
# A writer may replace and drop a generation between reading CURRENT and locking it.
_ATTEMPTS = 20


def current(index: Path) -> Path | None:
    """Return the folder of the generation in use, None when there is no index.

    Raises IndexDamagedError when CURRENT says something else than a generation, or is gone.
    """
    try:
        name = (index / CURRENT_NAME).read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        if not _finished(index):
            return None
        # Else another index would answer in its place.
        raise IndexDamagedError(f"{index / CURRENT_NAME} is missing", fix="run: qa index") from None
    except OSError as error:
        raise IndexDamagedError(
            f"cannot read {index / CURRENT_NAME}: {error.strerror}", fix=f"make {index} readable"
        ) from error
    if not _NAME.fullmatch(name):
        raise IndexDamagedError(f"{index / CURRENT_NAME} names no generation", fix="run: qa index")
    return index / name


def _finished(index: Path) -> bool:
    return any(index.glob(f"gen-*/{MANIFEST_NAME}"))


def is_index(index: Path) -> bool:
    """Tell whether there is an index in the folder, sound or damaged."""
    try:
        return current(index) is not None
    except IndexDamagedError:
        return True


def next_generation(index: Path) -> Path:
    """Make and return the empty folder of the next generation."""
    numbers = [int(m.group(1)) for p in index.iterdir() if (m := _NAME.fullmatch(p.name))]
    folder = index / f"gen-{max(numbers, default=0) + 1:06d}"
    folder.mkdir()
    return folder


def number_of(folder: Path) -> int:
    """Return the number of a generation's folder."""
    match = _NAME.fullmatch(folder.name)
    return int(match.group(1)) if match else 0


def commit(index: Path, folder: Path) -> None:
    """Write a finished generation through to the disk and make it the one in use."""
    for path in sorted(folder.rglob("*"), reverse=True):
        sync(path)
    sync(folder)
    draft = index / f"{CURRENT_NAME}.new"
    draft.write_text(folder.name + "\n", encoding="utf-8")
    sync(draft)
    os.replace(draft, index / CURRENT_NAME)
    sync(index)


def unused(index: Path) -> list[Path]:
    """Return what is not in use and what no reader holds, the leftovers of a run that was killed among it."""
    in_use = current(index)
    everything = sorted(index.iterdir())
    folders = (p for p in everything if _NAME.fullmatch(p.name) and p != in_use)
    copies = (p for p in everything if p.name.startswith(READING_PREFIX))
    return [
        *(p for p in folders if not is_held(p / MANIFEST_NAME)),
        *(p for p in copies if not is_held(p / IN_USE_NAME)),
        *(p for pattern in _LEFTOVERS for p in sorted(index.glob(pattern))),
    ]


def drop_unused(index: Path) -> None:
    """Remove what nobody uses. Only the holder of the writer's lock may call this."""
    for path in unused(index):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _hold(index: Path) -> tuple[Path, int]:
    """Return the generation in use and the descriptor that holds it, however often it is replaced meanwhile."""
    for attempt in range(_ATTEMPTS):
        folder = current(index)
        if folder is None:
            raise IndexMissingError(f"no index in {index}", fix=f"run: qa index FOLDER --index {index}")
        try:
            lock = hold_shared(folder / MANIFEST_NAME)
            # A writer that saw no reader just before may be dropping it already; what is current it keeps.
            if current(index) == folder:
                return folder, lock
            os.close(lock)
        except OSError as error:
            if attempt == _ATTEMPTS - 1:
                raise IndexDamagedError(
                    f"{folder / MANIFEST_NAME} cannot be opened: {error.strerror}", fix="run: qa index"
                ) from error
    raise IndexDamagedError(f"{index} is replaced faster than it can be opened", fix="run the command again")


class Generation:
    """The generation of an index that was in use when it was opened; close it to let go of it.

    ``engine`` is the dense search that the settings ask for: "auto", "exact" or "chroma".
    """

    def __init__(self, index: Path, *, engine: str = "auto") -> None:
        self.index = index
        self.engine = engine
        self._closers: list[Callable[[], None]] = []
        self.folder, self._lock = _hold(index)
        try:
            self.manifest: Manifest = read_manifest(self.folder)
            check_parts(self.folder, self.manifest)
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def dense_engine(self) -> str:
        """What searches the vectors: "exact", "chroma" on request and where there are too many, or "server"."""
        if self.manifest.served and self.engine != "exact":
            return "server"
        if self.engine == "auto":
            return "exact" if self.manifest.chunks <= EXACT_LIMIT else "chroma"
        return self.engine

    @cached_property
    def vectors(self) -> Vectors:
        """The unit vectors (chunks, dimension), memory-mapped."""
        # numpy costs a tenth of a second, which completion and qa sources need not pay.
        from qa import dense

        vectors = dense.open_vectors(self.folder / VECTORS_NAME)
        if vectors.shape != (self.manifest.chunks, self.manifest.dimension):
            raise IndexDamagedError(f"{self.folder / VECTORS_NAME} has the shape {vectors.shape}", fix="run: qa index")
        return vectors

    @cached_property
    def passages(self) -> Passages:
        """The passages and the sparse index."""
        return Passages(self.folder / PASSAGES_NAME)

    def at_close(self, closer: Callable[[], None]) -> None:
        """Have ``closer`` called when the generation is closed; the last one first."""
        self._closers.append(closer)

    def close(self) -> None:
        """Close the files and let go of the generation."""
        while self._closers:
            self._closers.pop()()
        if "passages" in self.__dict__:
            self.passages.close()
        os.close(self._lock)

    def __enter__(self) -> Generation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
