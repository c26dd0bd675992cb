"""A Chroma server, through the HTTP interface that one machine's and distributed Chroma share.

Not through chromadb's own client: that waits without a limit, goes through whatever proxy the environment names,
asks the server who it is before anything else, and takes 0.7 s to import.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any

import numpy as np

from qa.encoder import Vectors
from qa.errors import IndexDamagedError, ServerError
from qa.store import EF_SEARCH, Metadata

_COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"
_CONNECT_S = 10.0
# For one request, whatever it does. Adding a batch of 4 MB takes 1 s here.
_ANSWER_S = 60.0
_STEP = 65536
_MAX_ANSWER_BYTES = 256 * 10**6
# A server refuses bodies of over 40 MB as it comes.
_MAX_BATCH_BYTES = 4 * 10**6
_MAX_BATCH = 500
_MAX_TOLD = 200


class Server:
    """A Chroma server. Each method raises ServerError where it cannot be reached or answers something else.

    ``instead`` completes the remedy: what to do without the server.
    """

    def __init__(self, url: str, *, instead: str) -> None:
        self.url = url
        self._instead = instead

    def create(self, name: str, *, max_batch: int) -> ServerCollection:
        """Make and return a new collection for unit vectors; ``max_batch`` rows are added at once."""
        configuration = {"hnsw": {"space": "cosine", "ef_search": EF_SEARCH}}
        data = self.post(_COLLECTIONS, {"name": name, "configuration": configuration, "get_or_create": False})
        return self._collection(data, max_batch=max_batch)

    def find(self, name: str) -> ServerCollection | None:
        """Return the collection of that name, None when there is none."""
        status, data = self._ask("GET", f"{_COLLECTIONS}/{name}")
        return None if self._is_missing(status, data) else self._collection(self._good(status, data))

    def delete(self, name: str) -> None:
        """Remove the collection of that name, if there is one."""
        status, data = self._ask("DELETE", f"{_COLLECTIONS}/{name}")
        if not self._is_missing(status, data):
            self._good(status, data)

    def get(self, path: str) -> Any:
        """Return what the server has at ``path``."""
        return self._good(*self._ask("GET", path))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Return what the server answers to ``body``."""
        return self._good(*self._ask("POST", path, body))

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Translate whatever an answer of the wrong shape raises."""
        try:
            yield
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise self._nonsense(f"{type(error).__name__}: {error}") from error

    def max_batch(self) -> int:
        """Return how many rows the server takes at once."""
        data = self.get("/api/v2/pre-flight-checks")
        with self.reading():
            return max(min(int(data["max_batch_size"]), _MAX_BATCH), 1)

    def _collection(self, data: Any, *, max_batch: int = _MAX_BATCH) -> ServerCollection:
        with self.reading():
            return ServerCollection(self, str(data["id"]), str(data["name"]), max_batch=max_batch)

    def _nonsense(self, what: str) -> ServerError:
        return ServerError(
            f"{self.url} does not answer as a Chroma server does ({_told(what)})",
            fix=f"correct the URL (store in qa.toml, QA_STORE) or restart the server, or {self._instead}",
        )

    @staticmethod
    def _is_missing(status: int, data: Any) -> bool:
        # Not any 404: only Chroma's own says that a collection is gone.
        return status == 404 and isinstance(data, dict) and data.get("error") == "NotFoundError"

    def _good(self, status: int, data: Any) -> Any:
        if 200 <= status < 300:
            return data
        if not isinstance(data, dict) or "error" not in data:
            raise self._nonsense(f"HTTP {status}")
        told = _told(f"{data.get('error')}: {data.get('message')}")
        if self._is_missing(status, data):
            raise ServerError(f"{self.url} has lost what it had of the index ({told})", fix="run: qa index")
        raise ServerError(
            f"the Chroma server {self.url} refuses: HTTP {status}, {told}",
            fix=f"look at the server's log, or {self._instead}",
        )

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Return the status and the JSON that the server answers with."""
        try:
            status, answer = self._exchange(method, path, None if body is None else json.dumps(body).encode())
        except HTTPException as error:
            raise self._nonsense(f"{type(error).__name__}: {error}") from error
        except (OSError, UnicodeError) as error:
            # The second one is how Python refuses a host name that cannot be one.
            raise ServerError(
                f"the Chroma server {self.url} cannot be reached: {getattr(error, 'strerror', '') or error}",
                fix=f"start the server and run the command again, or {self._instead}",
            ) from error
        try:
            return status, json.loads(answer) if answer else None
        except (ValueError, RecursionError) as error:
            raise self._nonsense(f"HTTP {status}, no JSON") from error

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        """Make one request over a connection of its own: none can be stale, or shared by forked processes."""
        scheme, _, host = self.url.partition("://")
        kind = HTTPSConnection if scheme == "https" else HTTPConnection
        connection = kind(host, timeout=_CONNECT_S)
        until = time.monotonic() + _ANSWER_S
        try:
            connection.connect()
            # Of one wait; all of them together have theirs below.
            connection.sock.settimeout(_ANSWER_S)
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, _read(response, connection.sock, until)
        finally:
            connection.close()


def _told(words: str) -> str:
    """Return what a server said in one line that is not too long."""
    return " ".join(words.split())[:_MAX_TOLD]


def _read(response: HTTPResponse, sock: socket.socket | None, until: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        left_s = until - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("it takes too long to answer")
        # A connection that is to be closed belongs to the response alone.
        if sock is not None and sock.fileno() >= 0:
            sock.settimeout(left_s)
        part = response.read1(_STEP)
        if not part:
            return b"".join(parts)
        parts.append(part)
        size += len(part)
        if size > _MAX_ANSWER_BYTES:
            raise HTTPException("the answer does not end")


class ServerCollection:
    """A collection on a Chroma server."""

    def __init__(self, server: Server, identity: str, name: str, *, max_batch: int = _MAX_BATCH) -> None:
        self._server = server
        self._max_batch = max_batch
        self._path = f"{_COLLECTIONS}/{identity}"
        self.name = name

    def add(self, ids: Sequence[str], vectors: Vectors, texts: Sequence[str], metadata: Sequence[Metadata]) -> None:
        """Add rows: unit ``vectors`` of shape (n, d), and of each row its id, text and metadata."""
        for part in _batches(vectors, texts, self._max_batch):
            body = {
                "ids": list(ids[part]),
                "embeddings": vectors[part].tolist(),
                "documents": list(texts[part]),
                "metadatas": list(metadata[part]),
            }
            self._server.post(f"{self._path}/add", body)

    def count(self) -> int:
        """Return the number of rows."""
        data = self._server.get(f"{self._path}/count")
        with self._server.reading():
            return int(data)

    def vectors(self, ids: Sequence[str]) -> Vectors:
        """Return the vectors (n, d) of ``ids``, in their order. Raises IndexDamagedError when some are not there."""
        by_id: dict[str, Any] = {}
        for at in range(0, len(ids), _MAX_BATCH):
            wanted = list(ids[at : at + _MAX_BATCH])
            got = self._server.post(f"{self._path}/get", {"ids": wanted, "include": ["embeddings"]})
            with self._server.reading():
                by_id |= zip(got["ids"], got["embeddings"], strict=True)
        if by_id.keys() != set(ids):
            raise IndexDamagedError(f"the collection {self.name} lacks rows that it should have", fix="run: qa index")
        with self._server.reading():
            return np.asarray([by_id[i] for i in ids], dtype=np.float32)

    def search(
        self, vectors: Vectors, k: int, *, allowed: Sequence[str] | None = None
    ) -> list[list[tuple[str, float]]]:
        """Return for each row of ``vectors`` the ``k`` nearest ids with their cosine, best first.

        ``allowed`` narrows the search to these ids, which must be in the collection.
        """
        parts = _batches(vectors, [""] * len(vectors), _MAX_BATCH)
        return [hits for part in parts for hits in self._search(vectors[part], k, allowed)]

    def _search(self, vectors: Vectors, k: int, allowed: Sequence[str] | None) -> list[list[tuple[str, float]]]:
        body: dict[str, Any] = {"query_embeddings": vectors.tolist(), "n_results": k, "include": ["distances"]}
        if allowed is not None:
            body["ids"] = list(allowed)
        got = self._server.post(f"{self._path}/query", body)
        with self._server.reading():
            found = [
                [(str(i), 1.0 - float(d)) for i, d in zip(ids, distances, strict=True)]
                for ids, distances in zip(got["ids"], got["distances"], strict=True)
            ]
            if len(found) != len(vectors):
                raise ValueError(f"{len(found)} results for {len(vectors)} vectors")
            return found


def _batches(vectors: Vectors, texts: Sequence[str], limit: int) -> Iterator[slice]:
    """Yield the parts in which rows go to a server: at most ``limit`` of them, and not too many bytes."""
    # A float32 takes up to 22 characters in JSON, a character of text up to 12.
    size_of_vector = 22 * vectors.shape[1]
    start, size = 0, 0
    for at, text in enumerate(texts):
        row = size_of_vector + 12 * len(text)
        if at > start and (at - start >= limit or size + row > _MAX_BATCH_BYTES):
            yield slice(start, at)
            start, size = at, 0
        size += row
    if start < len(texts):
        yield slice(start, len(texts))
