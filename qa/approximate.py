"""Approximate dense search in the Chroma store, for indexes that are too large to compare every vector.

Chroma finds the candidates, their scores are those of exact search: the two engines give the same hits
as long as Chroma misses none. It writes to whatever store it opens, so it is given a copy.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from qa import dense
from qa.encoder import Vectors
from qa.errors import StorageError
from qa.generation import IN_USE_NAME, READING_PREFIX, Generation
from qa.locks import hold_shared
from qa.manifest import CHROMA_NAME
from qa.store import ChromaReader

# A filter reaches Chroma as the list of ids that it leaves; comparing so many vectors is cheaper than naming them.
_MAX_IDS = 10_000
# So many more candidates than are wanted: ties with the last one are among them, and near misses of the graph.
_MARGIN = 50


def _room(index: Path) -> Path:
    """Make an empty folder beside the generations, else (read-only media) among the temporary files."""
    try:
        return Path(tempfile.mkdtemp(prefix=READING_PREFIX, dir=index))
    except OSError:
        return Path(tempfile.mkdtemp(prefix=READING_PREFIX))


class StoreSearch:
    """Searches a private copy of a generation's store; closing the generation removes the copy."""

    def __init__(self, generation: Generation) -> None:
        self._generation = generation
        try:
            self._folder = _room(generation.index)
            (self._folder / IN_USE_NAME).touch()
            self._lock = hold_shared(self._folder / IN_USE_NAME)
            generation.at_close(self._remove)
            shutil.copytree(generation.folder / CHROMA_NAME, self._folder / CHROMA_NAME)
        except OSError as error:
            raise StorageError(
                f"Chroma needs a copy of {generation.folder / CHROMA_NAME}: {error}",
                fix='free some space, or set engine = "exact" in qa.toml',
            ) from error
        self._store = ChromaReader(self._folder / CHROMA_NAME)
        generation.at_close(self._store.close)

    def _remove(self) -> None:
        os.close(self._lock)
        shutil.rmtree(self._folder, ignore_errors=True)

    def search(self, query: Vectors, k: int, allowed: dense.Rows | None = None) -> list[tuple[int, float]]:
        """Return what ``dense.search`` returns, over the candidates that Chroma finds."""
        passages, vectors = self._generation.passages, self._generation.vectors
        count = len(vectors) if allowed is None else len(allowed)
        wanted = min(k + _MARGIN, count)
        if wanted < 1:
            return []
        if allowed is not None and count > _MAX_IDS:
            return dense.search(vectors, query, k, allowed)
        ids = None if allowed is None else list(passages.chunk_ids(allowed.tolist()).values())
        (found,) = self._store.search(query[None, :], wanted, allowed=ids)
        rows = passages.rows_of(chunk_id for chunk_id, _ in found)
        return dense.search(vectors, query, k, np.asarray(sorted(rows), dtype=np.int64))
