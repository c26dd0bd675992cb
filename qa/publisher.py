"""Gives the rows of a generation to a Chroma server, and takes back what no generation needs there.

Each generation that is served has a collection of its own, which is complete and compared before the generation
becomes current, and is removed after the generation.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np

from qa import dense
from qa.errors import IndexDamagedError, IndexMismatchError, ServerError
from qa.generation import PASSAGES_NAME, VECTORS_NAME
from qa.ledger import LEDGER_NAME, open_ledger
from qa.manifest import CHROMA_NAME, MANIFEST_NAME, Manifest, Served, read_manifest
from qa.passages import Passages
from qa.progress import Watcher
from qa.server import Server, ServerCollection
from qa.store import ChromaReader
from qa.verify import SAMPLE, compare

_STEP = 1000
_INSTEAD = "take store out of qa.toml (QA_STORE) and run: qa index"


def serve(index: Path, folder: Path, manifest: Manifest, url: str, *, watcher: Watcher) -> Served:
    """Put the rows of the generation in ``folder`` into a new collection, compare them, and return where they are.

    Its Chroma store is opened, which writes to it. Raises ServerError.
    """
    server = Server(url, instead=_INSTEAD)
    # Asked first: what is no server must not come into the ledger.
    max_batch = server.max_batch()
    ledger = open_ledger(index)
    served = Served(url, f"qa-{ledger.identity}-{folder.name}-{manifest.fingerprint}")
    ledger.with_collections([*ledger.collections, served])
    # Of a run that was killed before its generation was current: this one has its number again.
    server.delete(served.collection)
    collection = server.create(served.collection, max_batch=max_batch)
    watcher.start("uploading", manifest.chunks)
    _upload(folder, manifest.chunks, collection, watcher)
    watcher.start("verifying", 0)
    try:
        _compare(folder, manifest.chunks, collection, url, sample=SAMPLE)
    except IndexDamagedError as error:
        raise ServerError(
            f"{url} did not keep what it was given: {error}", fix=f"look at the server's log, or {_INSTEAD}"
        ) from error
    return served


def _upload(folder: Path, count: int, collection: ServerCollection, watcher: Watcher) -> None:
    vectors = dense.open_vectors(folder / VECTORS_NAME)
    with closing(Passages(folder / PASSAGES_NAME)) as passages, closing(ChromaReader(folder / CHROMA_NAME)) as store:
        for at in range(0, count, _STEP):
            rows = range(at, min(at + _STEP, count))
            by_row = passages.chunk_ids(rows)
            ids = [by_row[row] for row in rows]
            texts, metadata = store.rows(ids)
            collection.add(ids, np.asarray(vectors[rows.start : rows.stop]), texts, metadata)
            watcher.advance(len(rows))


def _compare(folder: Path, count: int, collection: ServerCollection, url: str, *, sample: int) -> tuple[int, int]:
    with closing(Passages(folder / PASSAGES_NAME)) as passages:
        vectors, ids = dense.open_vectors(folder / VECTORS_NAME), passages.chunk_ids(range(count))
        return compare(vectors, ids, collection, sample=sample, name=f"{collection.name} on {url}")


def compare_served(folder: Path, manifest: Manifest, served: Served) -> tuple[int, int]:
    """Compare what the server has with the generation in ``folder``; return how many chunks it finds, of how many.

    Raises ServerError when it cannot be asked, IndexDamagedError when it has not all, or something else.
    """
    collection = Server(served.url, instead="set QA_ENGINE=exact to search without it").find(served.collection)
    if collection is None:
        raise IndexDamagedError(f"{served.url} has no collection {served.collection}", fix="run: qa index")
    return _compare(folder, manifest.chunks, collection, served.url, sample=manifest.chunks)


def is_as_asked(index: Path, manifest: Manifest, url: str, *, say: Callable[[str], None]) -> bool:
    """Tell whether a generation is served where the settings say: at ``url``, or nowhere for "".

    A server that cannot be asked is believed to have what it was given; ``say`` is told.
    """
    served = manifest.served
    if served is None or not url:
        return served is None and not url
    # An index that was copied has yet to make a collection of its own.
    if served.url != url or served not in open_ledger(index).collections:
        return False
    try:
        collection = Server(url, instead=_INSTEAD).find(served.collection)
        return collection is not None and collection.count() == manifest.chunks
    except ServerError as error:
        say(f"{error}; the index is up to date, whether the server has it was not looked at")
        return True


def unused_collections(index: Path) -> list[Served]:
    """Return what the index has on servers and no generation needs; one that a reader holds is a generation still."""
    needed: set[Served | None] = set()
    for path in index.glob(f"gen-*/{MANIFEST_NAME}"):
        try:
            needed.add(read_manifest(path.parent).served)
        except (IndexDamagedError, IndexMismatchError):
            # It does not say what it needs; once it is replaced all will be known.
            return []
    return [served for served in open_ledger(index).collections if served not in needed]


def withdraw(index: Path, *, say: Callable[[str], None]) -> None:
    """Remove from servers what no generation needs; ``say`` is told what could not be, and is tried again next time.

    Only the holder of the writer's lock may call this, after the generations themselves are dropped.
    """
    unreachable: set[str] = set()
    for served in unused_collections(index):
        if served.url in unreachable:
            continue
        try:
            Server(served.url, instead="run qa index again later").delete(served.collection)
        except ServerError as error:
            unreachable.add(served.url)
            say(
                f"{error}; texts of an older state of the index may still be there, the next qa index tries again"
                f" (should the server be gone for good: remove {index / LEDGER_NAME})"
            )
            continue
        ledger = open_ledger(index)
        ledger.with_collections(c for c in ledger.collections if c != served)
