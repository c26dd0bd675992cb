"""Checks that the parts of a generation agree, in a process of its own: ``python -m qa.verify``.

Chroma can end in a segmentation fault on a damaged file; it then takes this process with it and no
other. Exit code 0 means that all parts agree, and how many of the sample Chroma's search finds is on standard output;
otherwise the reason is.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from qa import dense
from qa.encoder import Vectors
from qa.errors import IndexDamagedError, QaError
from qa.generation import PASSAGES_NAME, VECTORS_NAME
from qa.manifest import CHROMA_NAME
from qa.passages import Passages
from qa.store import ChromaReader, load_chroma

# So many chunks are searched for by their own vectors where nobody asks for all.
SAMPLE = 64
_STEP = 1000
# Chroma's graph is approximate: of 64,527 passages that are all much alike it did not find 4% by their own vectors.
# Rows that were lost are no matter of degree: Chroma cannot give their vectors, and each is asked for.
_MUST_FIND = 0.8
# Where it finds fewer, it is asked for so many neighbours, and so walks more of its graph: of 1,204,466 random vectors
# it found 42 of 64 when it was asked for one, and 60 when it was asked for these.
_DEEP = 1000
_TIMEOUT_S = 600
_TIMEOUT_A_CHUNK_S = 0.05
_REBUILD = "run: qa index"


def _expect(claim: bool, failure: str) -> None:
    if not claim:
        raise IndexDamagedError(failure, fix=_REBUILD)


class Store(Protocol):
    """A Chroma collection, wherever it is."""

    def count(self) -> int:
        """Return the number of rows."""

    def vectors(self, ids: Sequence[str]) -> Vectors:
        """Return the vectors (n, d) of ``ids``, in their order."""

    def search(self, vectors: Vectors, k: int) -> list[list[tuple[str, float]]]:
        """Return for each vector the ``k`` nearest ids with their cosine, best first."""


def verify(folder: Path, count: int, *, sample: int = SAMPLE) -> tuple[int, int]:
    """Compare the parts of a generation of ``count`` chunks. Raises IndexDamagedError at the first difference.

    Counts, ids and vectors of all. ``sample`` chunks are also searched for in the store by their own vectors;
    returns how many of them were found first, and how many they are.
    """
    vectors = dense.open_vectors(folder / VECTORS_NAME)
    with closing(Passages(folder / PASSAGES_NAME)) as passages, closing(ChromaReader(folder / CHROMA_NAME)) as store:
        _expect(passages.count == count, f"passages.db has {passages.count} passages, not {count}")
        _expect(len(vectors) == count, f"vectors.npy has {len(vectors)} rows, not {count}")
        ids = passages.chunk_ids(range(count))
        _expect(sorted(ids.values()) == store.ids(), "passages.db and the Chroma store hold different chunks")
        return compare(vectors, ids, store, sample=sample)


def compare(
    vectors: Vectors, ids: Mapping[int, str], store: Store, *, sample: int, name: str = "Chroma"
) -> tuple[int, int]:
    """Compare the ``vectors`` (n, d) with the store, which has each under its id by row.

    Raises IndexDamagedError at the first difference; returns what ``verify`` does. ``name`` is the store's in messages.
    """
    count = len(vectors)
    _expect(store.count() == count, f"{name} has {store.count()} rows, not {count}")
    for at in range(0, count, _STEP):
        rows = range(at, min(at + _STEP, count))
        ours = np.asarray(vectors[rows.start : rows.stop])
        _expect(bool(np.isfinite(ours).all()), "vectors.npy has vectors that are no numbers")
        theirs = store.vectors([ids[row] for row in rows])
        same = theirs.shape == ours.shape and np.allclose(theirs, ours, atol=1e-6)
        _expect(same, f"{name} and vectors.npy hold different vectors")
    searched = np.unique(np.linspace(0, count - 1, min(sample, count)).astype(int)) if count else np.arange(0)
    missed = _missed(vectors, searched, store, 1)
    found = len(searched) - len(missed)
    if found < _MUST_FIND * len(searched):
        # To ask for every row would prove nothing of the search.
        deep = len(searched) - len(_missed(vectors, missed, store, min(_DEEP, max(1, count // 10))))
        _expect(
            deep >= _MUST_FIND * len(searched),
            f"{name} finds only {deep} of {len(searched)} chunks by their own vectors",
        )
    return found, len(searched)


def _missed(vectors: Vectors, rows: npt.NDArray[np.int64], store: Store, k: int) -> npt.NDArray[np.int64]:
    """Return those ``rows`` of which the first of ``k`` hits is not their own vector, nor one of the same text."""
    step = max(1, _STEP // k)
    parts = (np.asarray(vectors[rows[at : at + step]]) for at in range(0, len(rows), step))
    hits = (hits for part in parts for hits in store.search(part, k))
    missed = [row for row, found in zip(rows, hits, strict=True) if not found or found[0][1] <= 0.9999]
    return np.array(missed, dtype=np.int64)


class Verifier:
    """A process of its own that verifies a generation, as ``verify`` does; it ends with the ``with``.

    It starts and imports Chroma while the generation is still being written, and opens its files when it is told to.
    """

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [sys.executable, "-m", "qa.verify"], stdin=pipe, stdout=pipe, stderr=pipe, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        with self._process as process:
            process.kill()

    def verify(self, folder: Path, count: int, *, sample: int = SAMPLE) -> tuple[int, int]:
        """Verify the generation in ``folder``, once. Raises IndexDamagedError when it fails, crashes or hangs."""
        limit_s = _TIMEOUT_S + _TIMEOUT_A_CHUNK_S * count
        try:
            out, err = self._process.communicate(json.dumps([str(folder), count, sample]), timeout=limit_s)
        except subprocess.TimeoutExpired as error:
            raise IndexDamagedError(f"verifying {folder} took over {limit_s:.0f} s", fix=_REBUILD) from error
        if self._process.returncode:
            last = out.strip() or (err.strip().splitlines() or [f"exit code {self._process.returncode}"])[-1]
            raise IndexDamagedError(f"{folder} failed its verification: {last}", fix=_REBUILD)
        found, searched = out.splitlines()[-1].split()
        return int(found), int(searched)


def main() -> None:
    """Verify the generation that standard input names: folder, chunks and sample, as a JSON list."""
    load_chroma()
    asked = sys.stdin.read()
    # Nothing is asked where the writer failed or was killed.
    if not asked:
        return
    folder, count, sample = json.loads(asked)
    try:
        found, searched = verify(Path(folder), count, sample=sample)
        sys.stdout.write(f"{found} {searched}\n")
    except QaError as error:
        sys.stdout.write(f"{error}\n")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
