"""Exact dense search: every vector of the index is compared, read through a memory map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from qa.encoder import Vectors
from qa.errors import IndexDamagedError

Rows = npt.NDArray[np.int64]
# Far more than a float32 sum over some thousand components is off by, far less than what tells passages apart.
_FLOAT32_ERROR = 1e-5


def write_vectors(path: Path, vectors: Vectors) -> None:
    """Write unit vectors (n, d) as ``.npy``, float32, little-endian, row-major."""
    np.save(path, np.ascontiguousarray(vectors, dtype="<f4"), allow_pickle=False)


def open_vectors(path: Path) -> Vectors:
    """Map the vectors (n, d) of a finished generation. Raises IndexDamagedError when they are none."""
    try:
        vectors: Vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise IndexDamagedError(f"{path} cannot be read: {error}", fix="run: qa index") from error
    return vectors


def cosines(vectors: Vectors, query: Vectors) -> npt.NDArray[np.float64]:
    """Return the cosines of unit vectors (n, d) and ``query`` (d,), rounded to six places.

    They are added up in float64: in float32 the sum of a row depends on where the row stands, by
    enough to round two equal vectors apart.
    """
    rounded: npt.NDArray[np.float64] = np.round(vectors.astype(np.float64) @ query.astype(np.float64), 6)
    return rounded + 0.0  # no -0.0


def search(vectors: Vectors, query: Vectors, k: int, allowed: Rows | None = None) -> list[tuple[int, float]]:
    """Return the ``k`` rows nearest to ``query`` (d,) with their cosine, best first; ties by row.

    Rows that tie with the last come too, so that a caller can break ties otherwise. ``allowed``, in
    rising order, narrows the search to these rows.
    """
    pool = vectors if allowed is None else vectors[allowed]
    k = min(k, len(pool))
    if k < 1:
        return []
    rough = pool @ query
    floor = np.partition(rough, len(rough) - k)[len(rough) - k] - _FLOAT32_ERROR
    candidates = np.flatnonzero(rough >= floor)
    scores = cosines(pool[candidates], query)
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= scores[order[k - 1]]]
    rows = candidates[order] if allowed is None else allowed[candidates[order]]
    return [(int(row), float(scores[at])) for row, at in zip(rows, order, strict=True)]
