"""Vectors that were computed once: by (hash of the embedded text, checksum of the model)."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tempfile
import time
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import numpy as np

from qa.encoder import Vectors
from qa.errors import IndexDamagedError, StorageError
from qa.text import squeeze

# A table with rowids: in one without, SQLite moves all of a row but its key to a page of its own, 4.7 KB for each
# vector instead of 2.2, and both ways take 2.5 times as long.
_SCHEMA = """
create table if not exists vectors (
    text blob not null, model text not null, vector blob not null, used integer not null, primary key (text, model)
)
"""
# SQLITE_ERROR is what a table of the same name with other columns gives.
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
_CRC_BYTES = 4
# What a row takes beside its vector: key, model, day, both trees.
_ROW_BYTES = 600


def text_hash(text: str) -> bytes:
    """Return the key of an embedded text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _sealed(vector: Vectors) -> bytes:
    """Return the bytes of a vector and their checksum: SQLite notices no damage inside a value."""
    data = vector.astype("<f4").tobytes()
    return data + zlib.crc32(data).to_bytes(_CRC_BYTES, "little")


def _opened(blob: object) -> Vectors | None:
    """Return the vector (d,) of a sealed blob, None when it is not what was written."""
    if not isinstance(blob, bytes) or len(blob) <= _CRC_BYTES:
        return None
    data, crc = blob[:-_CRC_BYTES], int.from_bytes(blob[-_CRC_BYTES:], "little")
    return np.frombuffer(data, dtype="<f4") if zlib.crc32(data) == crc else None


class VectorCache:
    """The cache of one index. A damaged file is thrown away and begun anew: it only costs time.

    Raises StorageError where the file cannot be opened for another reason: it is kept then.
    """

    def __init__(self, path: Path, model: str) -> None:
        self.path = path
        self.model = model
        self._today = int(time.time() // 86400)
        self.was_damaged = False
        try:
            self._connection = self._open()
        except sqlite3.DatabaseError as error:
            self._begin_anew(error)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path)
        try:
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = normal")
            connection.execute(_SCHEMA)
            connection.execute("select text, model, vector, used from vectors limit 1").fetchone()
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return connection

    def _begin_anew(self, error: sqlite3.DatabaseError) -> None:
        """Replace a damaged file; raise StorageError where it is locked, not writable or its disk full."""
        if error.sqlite_errorcode & 0xFF not in _DAMAGE:
            raise StorageError(
                f"cannot use {self.path}: {error}",
                fix="end what holds it, make it writable or free some space on its disk, and run the command again",
            ) from error
        self.was_damaged = True
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self._connection = self._open()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """Return the vectors (each of shape (d,)) that are known for ``keys``."""
        found: dict[bytes, Vectors] = {}
        for at in range(0, len(keys), 500):
            part = keys[at : at + 500]
            marks = ",".join("?" * len(part))
            here = f"from vectors where model = ? and text in ({marks})"
            touch = f"update vectors set used = ? where used < ? and model = ? and text in ({marks})"  # noqa: S608
            try:
                rows = self._connection.execute(f"select text, vector {here}", [self.model, *part]).fetchall()
                with self._connection:
                    self._connection.execute(touch, [self._today, self._today, self.model, *part])
            except sqlite3.DatabaseError as error:
                self._connection.close()
                self._begin_anew(error)
                return {}
            vectors = ((text, _opened(blob)) for text, blob in rows)
            found |= {text: vector for text, vector in vectors if vector is not None}
        return found

    def put(self, keys: Sequence[bytes], vectors: Vectors) -> None:
        """Keep ``vectors`` (n, d) under ``keys``, at once and for good."""
        rows = [(k, self.model, _sealed(v), self._today) for k, v in zip(keys, vectors, strict=True)]
        try:
            self._insert(rows)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
                raise
            self._connection.close()
            self._begin_anew(error)
            self._insert(rows)

    def _insert(self, rows: Sequence[tuple[bytes, str, bytes, int]]) -> None:
        with self._connection:
            self._connection.executemany("insert or replace into vectors values (?, ?, ?, ?)", rows)

    def prune(self, keep: Collection[bytes], *, max_age_days: int | None = None, max_bytes: int | None = None) -> int:
        """Remove vectors that nothing uses, so that no file holds them any more; return how many.

        Those of the texts in ``keep`` stay. Without a limit all others go; with ``max_age_days`` those
        unused for longer; with ``max_bytes`` the longest unused, until the rest needs no more than that.
        """
        rows = self._connection.execute("select text, model, used, length(vector) from vectors").fetchall()
        loose = sorted(
            (used, text, model, size) for text, model, used, size in rows if not self._is_kept(text, model, keep)
        )
        gone = loose if max_age_days is None and max_bytes is None else []
        if max_age_days is not None:
            gone = [row for row in loose if row[0] < self._today - max_age_days]
        if max_bytes is not None:
            total = sum(size + _ROW_BYTES for _, _, _, size in rows) - sum(row[3] + _ROW_BYTES for row in gone)
            for row in loose[len(gone) :]:
                if total <= max_bytes:
                    break
                gone.append(row)
                total -= row[3] + _ROW_BYTES
        self._connection.execute("pragma secure_delete = on")
        with self._connection:
            self._connection.executemany(
                "delete from vectors where text = ? and model = ?", [(g[1], g[2]) for g in gone]
            )
        # What was deleted must not stay in the log or on free pages.
        self._connection.execute("vacuum")
        self._connection.execute("pragma wal_checkpoint(truncate)")
        return len(gone)

    def _is_kept(self, text: bytes, model: str, keep: Collection[bytes]) -> bool:
        return model == self.model and text in keep


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a cache file to read it; nothing is written beside it, so it may stand on read-only media."""
    log = path.with_name(f"{path.name}-wal")
    with ExitStack() as opened:
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        if log.is_file() and log.stat().st_size:
            # Left by a writer that was killed. To read it SQLite would write here.
            scratch = opened.enter_context(tempfile.TemporaryDirectory())
            copies = [Path(shutil.copy(p, scratch)) for p in (path, log)]
            for copy in copies:
                copy.chmod(0o600)
            uri = f"{copies[0].as_uri()}?mode=rw"
        yield opened.enter_context(closing(sqlite3.connect(uri, uri=True)))


def examine_cache(path: Path) -> tuple[int, str]:
    """Return how many vectors a cache file has, and what is wrong with it ("" when all are what was written).

    Nothing is mended here, and nothing may write to the file meanwhile.
    """
    try:
        with _reading(path) as connection:
            (state,) = connection.execute("pragma integrity_check(1)").fetchone()
            blobs = [_opened(blob) is None for (blob,) in connection.execute("select vector from vectors")]
    except (sqlite3.DatabaseError, OSError) as error:
        return 0, f"{path}: {error}"
    if state != "ok":
        return len(blobs), f"{path}: {squeeze(str(state))}"
    return len(blobs), f"{path}: {sum(blobs)} damaged vectors" if any(blobs) else ""


def mend_cache(path: Path) -> None:
    """Remove the damaged vectors of a cache file, or the file itself when SQLite cannot read all of it."""
    _, failure = examine_cache(path)
    if not failure:
        return
    if failure.endswith("damaged vectors"):
        connection = sqlite3.connect(path)
        with connection:
            rows = connection.execute("select text, model, vector from vectors").fetchall()
            bad = [(text, model) for text, model, blob in rows if _opened(blob) is None]
            connection.executemany("delete from vectors where text = ? and model = ?", bad)
        connection.close()
        return
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def known_keys(path: Path, model: str) -> set[bytes]:
    """Return the keys whose vectors a cache file has; it need not exist, and nothing is written beside it."""
    try:
        with _reading(path) as connection:
            return _intact(connection, model)
    except (sqlite3.DatabaseError, OSError):
        return set()


def count_vectors(path: Path, model: str, keys: Collection[bytes]) -> tuple[int, int]:
    """Return how many vectors a cache file has, and how many of ``model`` for ``keys``; nothing is written beside it.

    Raises IndexDamagedError when it cannot be read.
    """
    try:
        with _reading(path) as connection:
            count = connection.execute("select count(*) from vectors").fetchone()[0]
            return int(count), len(_intact(connection, model).intersection(keys))
    except (sqlite3.DatabaseError, OSError) as error:
        fix = f"run: qa doctor --fix --index {path.parent}"
        raise IndexDamagedError(f"{path} cannot be read: {error}", fix=fix) from error


def _intact(connection: sqlite3.Connection, model: str) -> set[bytes]:
    """Return the keys whose vectors are what was written."""
    rows = connection.execute("select text, vector from vectors where model = ?", [model])
    return {text for text, blob in rows if _opened(blob) is not None}
