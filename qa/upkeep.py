"""The cache of an index: how large it is, and how to make it smaller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qa.cache import VectorCache, text_hash
from qa.errors import IndexMissingError
from qa.generation import CACHE_NAME, Generation
from qa.locks import writer_lock


def _in_use(index: Path) -> tuple[set[bytes], str]:
    """Return the text hashes of the generation in use and the checksum of its model."""
    with Generation(index) as generation:
        keys = {text_hash(text) for _, text in generation.passages.embedded_texts()}
        return keys, generation.manifest.model_checksum


def _state(cache: VectorCache, keys: set[bytes]) -> dict[str, Any]:
    in_use = len(cache.get(list(keys)))
    return {"path": str(cache.path), "vectors": len(cache), "in_use": in_use, "size": cache.path.stat().st_size}


def state_of_cache(index: Path) -> dict[str, Any]:
    """Return path, number of vectors, how many are in use, and size in bytes. Raises IndexMissingError."""
    if not (index / CACHE_NAME).is_file():
        raise IndexMissingError(f"there is no cache in {index}", fix=f"run: qa index FOLDER --index {index}")
    keys, checksum = _in_use(index)
    with writer_lock(index):
        cache = VectorCache(index / CACHE_NAME, checksum)
        try:
            return _state(cache, keys)
        finally:
            cache.close()


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
            return _state(cache, keys) | {"removed": removed}
        finally:
            cache.close()
