"""Exact dense search: every vector of the index is compared, read through a memory map."""

from __future__ import annotations

import os
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


def append_vectors(path: Path, vectors: Vectors) -> None:
    """Put unit vectors (n, d) behind those of a file that ``write_vectors`` wrote; none of these is read.

    Source: the .npy format as numpy writes it, whose header leaves room for the first axis to grow. Raises
    IndexDamagedError for another file; what is in it then is of no use.
    """
    with path.open("r+b") as file:
        try:
            np.lib.format.read_magic(file)
            (count, width), _, dtype = np.lib.format.read_array_header_1_0(file)
        except (ValueError, EOFError) as error:
            raise IndexDamagedError(f"{path} cannot be read: {error}", fix="run: qa index") from error
        start = file.tell()
        file.seek(0)
        header = {"descr": "<f4", "fortran_order": False, "shape": (count + len(vectors), width)}
        np.lib.format.write_array_header_1_0(file, header)
        if file.tell() != start or dtype != np.dtype("<f4") or vectors.shape[1:] != (width,):
            raise IndexDamagedError(f"{path} holds vectors of another kind", fix="run: qa index")
        file.seek(0, os.SEEK_END)
        file.write(np.ascontiguousarray(vectors, dtype="<f4").tobytes())


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
