"""The Chroma store of record: text, metadata and vectors that any Chroma client can open.

A store is written once, closed, and then only read. A question reads it only with ``engine = "chroma"``
or above the size up to which exact search is the better one (``qa.approximate``).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qa.encoder import Vectors
from qa.errors import IndexDamagedError

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

COLLECTION = "passages"
# 100 (the default) finds 0.975 of the true ten nearest, and for single questions none; 400 finds 0.997.
EF_SEARCH = 400

Metadata = dict[str, str | int | float | bool]


def chroma_version() -> str:
    """Return the version of the installed chromadb without importing it."""
    from importlib.metadata import version

    return version("chromadb")


def load_chroma() -> None:
    """Import chromadb, which takes about a second, before it is needed."""
    import chromadb  # noqa: F401


def _client(path: Path) -> ClientAPI:
    logging.getLogger("chromadb").setLevel(logging.CRITICAL)
    import chromadb
    from chromadb.api.shared_system_client import SharedSystemClient
    from chromadb.config import Settings

    try:
        return chromadb.PersistentClient(str(path), settings=Settings(anonymized_telemetry=False))
    except BaseException:
        # Chroma keeps one system for each path, also one that did not start: it would be handed to whoever makes
        # the next generation, in a folder of the same name (chroma-core/chroma#6499; it has no public way out).
        SharedSystemClient._identifier_to_system.pop(str(path), None)
        raise


class _Store:
    """An open store, to be closed also when the work in it fails.

    One that is left open lives on: the next store in a folder of that name would be written to deleted files.
    """

    def __init__(self, path: Path) -> None:
        self._client = _client(path)
        try:
            self._collection = self._open()
        except BaseException:
            self._client.close()
            raise

    def _open(self) -> Collection:
        return self._client.get_collection(COLLECTION, embedding_function=None)

    def close(self) -> None:
        """Flush and release the files, which nobody may read or move before."""
        self._client.close()


class ChromaWriter(_Store):
    """Writes a new store or adds to a copy of one."""

    def _open(self) -> Collection:
        return self._client.get_or_create_collection(
            COLLECTION,
            embedding_function=None,
            configuration={"hnsw": {"space": "cosine", "ef_search": EF_SEARCH}},
        )

    def add(self, ids: Sequence[str], vectors: Vectors, texts: Sequence[str], metadata: Sequence[Metadata]) -> None:
        """Add rows: unit ``vectors`` of shape (n, d), and of each row its id, text and metadata."""
        batch = min(self._client.get_max_batch_size(), 2000)
        for at in range(0, len(ids), batch):
            part = slice(at, at + batch)
            self._collection.add(
                ids=list(ids[part]),
                embeddings=vectors[part],
                documents=list(texts[part]),
                metadatas=[dict(m) for m in metadata[part]],
            )


class ChromaReader(_Store):
    """Reads a finished store."""

    def count(self) -> int:
        """Return the number of rows."""
        return int(self._collection.count())

    def ids(self) -> list[str]:
        """Return all ids, sorted."""
        return sorted(self._collection.get(include=[])["ids"])

    def vectors(self, ids: Sequence[str]) -> Vectors:
        """Return the vectors (n, d) of ``ids``, in their order."""
        (vectors,) = self._columns(ids, "embeddings")
        return np.asarray(vectors, dtype=np.float32)

    def rows(self, ids: Sequence[str]) -> tuple[list[str], list[Metadata]]:
        """Return the texts and the metadata of ``ids``, in their order."""
        texts, metadata = self._columns(ids, "documents", "metadatas")
        return texts, [dict(m) for m in metadata]

    def _columns(self, ids: Sequence[str], *names: str) -> list[list[Any]]:
        """Return what the rows of ``ids`` have under each of ``names``, in the order of ``ids``."""
        got: Any = self._collection.get(ids=list(ids), include=list(names))
        place = {chunk_id: at for at, chunk_id in enumerate(got["ids"])}
        if len(place) != len(set(ids)):
            raise IndexDamagedError("the Chroma store lacks rows that it should have", fix="run: qa index")
        return [[got[name][place[i]] for i in ids] for name in names]

    def search(
        self, vectors: Vectors, k: int, *, allowed: Sequence[str] | None = None
    ) -> list[list[tuple[str, float]]]:
        """Return for each row of ``vectors`` the ``k`` nearest ids with their cosine, best first.

        ``allowed`` narrows the search to these ids, which must be in the store.
        """
        ids = None if allowed is None else list(allowed)
        got: Any = self._collection.query(query_embeddings=vectors, n_results=k, ids=ids, include=["distances"])
        return [
            [(i, 1.0 - float(d)) for i, d in zip(ids, distances, strict=True)]
            for ids, distances in zip(got["ids"], got["distances"], strict=True)
        ]
