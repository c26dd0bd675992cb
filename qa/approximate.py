"""Approximate dense search by Chroma, for indexes that are too large to compare every vector.

Chroma finds the candidates, their scores are those of exact search: the two engines give the same hits
as long as Chroma misses none. It writes to whatever store it opens, so it is given a copy; or a server has the rows.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np

from qa import dense
from qa.encoder import Vectors
from qa.errors import ServerError, StorageError
from qa.generation import IN_USE_NAME, READING_PREFIX, Generation
from qa.locks import hold_shared
from qa.manifest import CHROMA_NAME
from qa.server import Server
from qa.store import ChromaReader

# A filter reaches Chroma as the list of ids that it leaves; comparing so many vectors is cheaper than naming them.
_MAX_IDS = 10_000
# So many more candidates than are wanted: ties with the last one are among them, and near misses of the graph.
_MARGIN = 50
# Chroma's float32 distances are off by less than 1e-6 from ours.
_SAME_COSINE = 1e-4


def _room(index: Path) -> Path:
    """Make an empty folder beside the generations, else (read-only media) among the temporary files."""
    try:
        return Path(tempfile.mkdtemp(prefix=READING_PREFIX, dir=index))
    except OSError:
        return Path(tempfile.mkdtemp(prefix=READING_PREFIX))


class CandidateSearch(ABC):
    """Scores the candidates that a Chroma collection finds."""

    def __init__(self, generation: Generation) -> None:
        self._generation = generation

    @abstractmethod
    def _nearest(self, query: Vectors, k: int, allowed: list[str] | None) -> list[int]:
        """Return the rows of the ``k`` nearest chunks, of all or of those ``allowed``, in no particular order."""

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
        rows = self._nearest(query, wanted, ids)
        return dense.search(vectors, query, k, np.asarray(sorted(rows), dtype=np.int64))


class StoreSearch(CandidateSearch):
    """Searches a private copy of a generation's store; closing the generation removes the copy."""

    def __init__(self, generation: Generation) -> None:
        super().__init__(generation)
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

    def _nearest(self, query: Vectors, k: int, allowed: list[str] | None) -> list[int]:
        (found,) = self._store.search(query[None, :], k, allowed=allowed)
        return self._generation.passages.rows_of(chunk_id for chunk_id, _ in found)


class ServerSearch(CandidateSearch):
    """Searches the collection of a generation on its server. Raises ServerError where it is not what was put there."""

    def __init__(self, generation: Generation) -> None:
        super().__init__(generation)
        served = generation.manifest.served
        if served is None:
            raise ValueError(f"no server has {generation.folder}")
        self._where = f"the collection {served.collection} on {served.url}"
        collection = Server(served.url, instead="set QA_ENGINE=exact to search without it").find(served.collection)
        if collection is None:
            raise ServerError(f"{self._where} is not there", fix="run: qa index")
        count = collection.count()
        if count != generation.manifest.chunks:
            raise ServerError(f"{self._where} has {count} rows, not {generation.manifest.chunks}", fix="run: qa index")
        self._collection = collection

    def _nearest(self, query: Vectors, k: int, allowed: list[str] | None) -> list[int]:
        (found,) = self._collection.search(query[None, :], k, allowed=allowed)
        cosines = dict(found)
        rows = self._generation.passages.rows_of(cosines)
        if len(rows) != k or (allowed is not None and not cosines.keys() <= set(allowed)):
            raise self._is_other("finds other chunks")
        ids = self._generation.passages.chunk_ids(rows)
        own = dense.cosines(self._generation.vectors[rows], query)
        # Written so that a NaN fails.
        if not np.all(np.abs(own - [cosines[ids[row]] for row in rows]) < _SAME_COSINE):
            raise self._is_other("has other vectors")
        return rows

    def _is_other(self, what: str) -> ServerError:
        command = f"qa doctor --fix --index {self._generation.index}"
        return ServerError(f"{self._where} {what} than the index", fix=f"run: {command}")
