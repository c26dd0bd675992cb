"""Checks that the parts of a generation agree, in a process of its own: ``python -m qa.verify FOLDER COUNT``.

Chroma can end in a segmentation fault on a damaged file; it then takes this process with it and no
other. Exit code 0 means that all parts agree; otherwise the reason is on standard output.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from qa import dense
from qa.encoder import Vectors
from qa.errors import IndexDamagedError, QaError
from qa.generation import PASSAGES_NAME, VECTORS_NAME
from qa.manifest import CHROMA_NAME
from qa.passages import Passages
from qa.store import ChromaReader

_SAMPLE = 64
_STEP = 1000
_TIMEOUT_S = 600
_REBUILD = "run: qa index"


def _expect(claim: bool, failure: str) -> None:
    if not claim:
        raise IndexDamagedError(failure, fix=_REBUILD)


def verify(folder: Path, count: int, *, sample: int = _SAMPLE) -> None:
    """Compare the parts of a generation of ``count`` chunks. Raises IndexDamagedError at the first difference.

    Counts and ids of all; of ``sample`` chunks also that the store has their vectors and finds them by these.
    """
    vectors = dense.open_vectors(folder / VECTORS_NAME)
    passages = Passages(folder / PASSAGES_NAME)
    store = ChromaReader(folder / CHROMA_NAME)
    _expect(passages.count == count, f"passages.db has {passages.count} passages, not {count}")
    _expect(len(vectors) == count, f"vectors.npy has {len(vectors)} rows, not {count}")
    _expect(store.count() == count, f"the Chroma store has {store.count()} rows, not {count}")
    ids = passages.chunk_ids(range(count))
    _expect(sorted(ids.values()) == store.ids(), "passages.db and the Chroma store hold different chunks")
    rows = np.unique(np.linspace(0, count - 1, min(sample, count)).astype(int)).tolist() if count else []
    for at in range(0, len(rows), _STEP):
        _compare(rows[at : at + _STEP], ids, vectors, store)
    store.close()
    passages.close()


def _compare(rows: list[int], ids: dict[int, str], vectors: Vectors, store: ChromaReader) -> None:
    chosen = np.asarray(vectors[rows])
    _expect(bool(np.isfinite(chosen).all()), "vectors.npy has vectors that are no numbers")
    wanted = [ids[row] for row in rows]
    _expect(np.allclose(store.vectors(wanted), chosen, atol=1e-6), "Chroma and vectors.npy hold different vectors")
    for chunk_id, hits in zip(wanted, store.search(chosen, 1), strict=True):
        # Passages with the very same text have the same vector, so the nearest may be a twin.
        _expect(bool(hits) and hits[0][1] > 0.9999, f"the Chroma store does not find {chunk_id} by its own vector")


def verify_apart(folder: Path, count: int, *, sample: int = _SAMPLE) -> None:
    """Verify a generation in a fresh process. Raises IndexDamagedError when it fails or crashes."""
    command = [sys.executable, "-m", "qa.verify", str(folder), str(count), str(sample)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise IndexDamagedError(f"verifying {folder} took over {_TIMEOUT_S} s", fix=_REBUILD) from error
    if done.returncode:
        last = done.stdout.strip() or (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise IndexDamagedError(f"{folder} failed its verification: {last}", fix=_REBUILD)


def main() -> None:
    """Verify the generation named on the command line."""
    try:
        verify(Path(sys.argv[1]), int(sys.argv[2]), sample=int(sys.argv[3]))
    except QaError as error:
        sys.stdout.write(f"{error}\n")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
