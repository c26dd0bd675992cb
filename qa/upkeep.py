"""The cache of an index: how large it is, and how to make it smaller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qa.cache import VectorCache, count_vectors, text_hash
from qa.errors import IndexMissingError
from qa.generation import CACHE_NAME, Generation
from qa.locks import no_writer, writer_lock


def _in_use(index: Path) -> tuple[set[bytes], str]:
    """Return the text hashes of the generation in use and the checksum of its model."""
    with Generation(index) as generation:
        keys = {text_hash(text) for _, text in generation.passages.embedded_texts()}
        return keys, generation.manifest.model_checksum


def _state(path: Path, keys: set[bytes], checksum: str) -> dict[str, Any]:
    count, in_use = count_vectors(path, checksum, keys)
    return {"path": str(path), "vectors": count, "in_use": in_use, "size": path.stat().st_size}


def state_of_cache(index: Path) -> dict[str, Any]:
    """Return path, number of vectors, how many are in use, and size in bytes; nothing is written.

    Raises IndexMissingError, and IndexDamagedError when the cache cannot be read.
    """
    path = index / CACHE_NAME
    if not path.is_file():
        raise IndexMissingError(f"there is no cache in {index}", fix=f"run: qa index FOLDER --index {index}")
    keys, checksum = _in_use(index)
    with no_writer(index):
        return _state(path, keys, checksum)


def prune_cache(index: Path, *, max_age_days: int | None, max_mb: float | None) -> dict[str, Any]:
    """Remove vectors that the generation in use does not need; return the state after, with ``removed``."""
    if not (index / CACHE_NAME).is_file():
        raise IndexMissingError(f"there is no cache in {index}", fix=f"run: qa index FOLDER --index {index}")
    with writer_lock(index):
        keys, checksum = _in_use(index)
        cache = VectorCache(index / CACHE_NAME, checksum)
        try:
            max_bytes = None if max_mb is None else int(max_mb * 10**6)
            removed = cache.prune(keys, max_age_days=max_age_days, max_bytes=max_bytes)
        finally:
            cache.close()
        return _state(cache.path, keys, checksum) | {"removed": removed}
