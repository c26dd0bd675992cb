"""Examines an index thoroughly; each finding has its remedy, and most can be applied at once."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from qa.cache import examine_cache, mend_cache
from qa.config import Settings
from qa.encoder import encoder_folder, read_card
from qa.errors import IndexBusyError, IndexDamagedError, QaError, ServerError, StorageError
from qa.generation import CACHE_NAME, SCRATCH_PREFIX, current, drop_unused, unused
from qa.indexer import build_index
from qa.locks import is_writable, left_behind, no_writer, writer_lock
from qa.manifest import CHROMA_NAME, FileStatus, Manifest, read_files, read_manifest
from qa.models import find_model
from qa.parts import problem, sha256_of
from qa.previous import CHUNKER, known
from qa.publisher import compare_served, unused_collections, withdraw
from qa.reader import CARD_FILE, SHIPPED, WEIGHTS_FILE
from qa.store import chroma_version
from qa.verify import Verifier


class Remedy(StrEnum):
    """What mends a finding: nothing to do, the index made again, a leftover removed, or the user's hand."""

    NONE = "none"
    REBUILD = "rebuild"
    RENEW = "renew"
    CLEAN = "clean"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: whether it passed, what was seen, and the command that mends it ("" when it passed)."""

    check: str
    passed: bool
    detail: str
    fix: str = ""
    remedy: Remedy = Remedy.NONE


def _ok(check: str, detail: str) -> Finding:
    return Finding(check, passed=True, detail=detail)


def _bad(check: str, detail: str, remedy: Remedy, index: Path, fix: str = "") -> Finding:
    command = fix or f"run: qa doctor --fix --index {index}"
    return Finding(check, passed=False, detail=detail, fix=command, remedy=remedy)


def _generation(index: Path) -> tuple[Path | None, Manifest | None, Finding]:
    try:
        folder = current(index)
        if folder is None:
            where = f"run: qa index{'' if known(index).get('roots') else ' FOLDER'} --index {index}"
            return None, None, _bad("index", f"there is no index in {index}", Remedy.USER, index, where)
        manifest = read_manifest(folder)
    except QaError as error:
        return None, None, _bad("index", str(error), Remedy.REBUILD, index)
    made = f"{folder.name} of {manifest.created_at}, {manifest.documents} documents, {manifest.chunks} chunks"
    return folder, manifest, _ok("index", made)


def _parts(index: Path, folder: Path, manifest: Manifest) -> Finding:
    failures = [f for name, part in manifest.parts.items() if (f := problem(folder / name, part, deep=True))]
    if failures:
        store = str(folder / CHROMA_NAME)
        note = " (or a Chroma client has opened the store)" if all(store in f for f in failures) else ""
        return _bad("files", "; ".join(failures) + note, Remedy.REBUILD, index)
    size = manifest.size
    return _ok("files", f"{len(manifest.parts)} files, {size / 1e6:.1f} MB, as they were written")


def _agreement(index: Path, folder: Path, manifest: Manifest) -> Finding:
    try:
        room = index if is_writable(index) else Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX))
    except OSError as error:
        advice = "set TMPDIR to a folder with room for a copy of it"
        return _bad("agreement", f"cannot be examined: {error.strerror or error}", Remedy.USER, index, advice)
    scratch = room / f"{SCRATCH_PREFIX}{folder.name}"
    try:
        # Chroma writes to what it opens, so it is given a copy.
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.copytree(folder, scratch)
        with Verifier() as verifier:
            found, searched = verifier.verify(scratch, manifest.chunks, sample=manifest.chunks)
    except IndexDamagedError as error:
        return _bad("agreement", str(error).replace(str(scratch), str(folder)), Remedy.REBUILD, index)
    except OSError as error:
        detail = f"cannot be examined: {error.strerror or error}"
        return _bad("agreement", detail, Remedy.USER, index, f"make room for a copy of it in {room}")
    finally:
        shutil.rmtree(scratch if room == index else room, ignore_errors=True)
    which = "each" if found == searched else f"{found} of them (its search is approximate)"
    detail = f"all parts hold the same {manifest.chunks} chunks and vectors; Chroma finds {which} by its own vector"
    return _ok("agreement", detail)


def _server(index: Path, folder: Path, manifest: Manifest) -> Iterator[Finding]:
    """Yield the finding about the server that has the rows too, where one has them."""
    if manifest.served is None:
        return
    try:
        found, searched = compare_served(folder, manifest, manifest.served)
    except IndexDamagedError as error:
        yield _bad("server", str(error), Remedy.REBUILD, index)
    except ServerError as error:
        yield _bad("server", str(error), Remedy.USER, index, error.fix)
    else:
        which = "each" if found == searched else f"{found} of them"
        detail = f"{manifest.served.url} holds the same {manifest.chunks} vectors, and finds {which} by its own vector"
        yield _ok("server", detail)


def _encoder(index: Path, manifest: Manifest) -> Finding:
    folder = encoder_folder(index, manifest.model_checksum)
    card = read_card(folder)
    failures = (
        [f for name, part in card.parts.items() if (f := problem(folder / name, part, deep=True))] if card else []
    )
    if card is None or failures:
        detail = "; ".join(failures) or f"{folder} is missing or not what was written"
        return _bad("encoder", detail, Remedy.REBUILD, index)
    if card.reason:
        return _ok("encoder", f"questions are encoded by sentence-transformers: {card.reason}")
    return _ok("encoder", f"ONNX, within {card.max_diff:.0e} of sentence-transformers")


def _model(index: Path, manifest: Manifest) -> Finding:
    try:
        model = find_model(manifest.model)
        same = model.checksum == manifest.model_checksum
    except QaError as error:
        return _bad("model", str(error), Remedy.USER, index, error.fix)
    if not same:
        detail = f"{manifest.model} is not the model that the index was made with"
        return _bad("model", detail, Remedy.RENEW, index)
    return _ok("model", f"{manifest.model}, checksum {manifest.model_checksum[:12]}")


def _reader(index: Path) -> Finding:
    reinstall = "pip install --force-reinstall qa"
    try:
        card = json.loads((SHIPPED / CARD_FILE).read_text(encoding="utf-8"))
        published = dict(card["sha256"])
        wrong = [name for name, digest in published.items() if sha256_of(SHIPPED / name) != digest]
        checksum = published[WEIGHTS_FILE]
    except (OSError, ValueError, TypeError, KeyError) as error:
        return _bad("reader", f"the reader in {SHIPPED} cannot be read: {error}", Remedy.USER, index, reinstall)
    if wrong:
        return _bad("reader", f"{SHIPPED / wrong[0]} is not what was shipped", Remedy.USER, index, reinstall)
    return _ok("reader", f"checksum {checksum[:12]}")


def _versions(index: Path, manifest: Manifest) -> Finding:
    if manifest.chromadb != chroma_version():
        detail = f"the store was written by chromadb {manifest.chromadb}, installed is {chroma_version()}"
        return _bad("versions", detail, Remedy.RENEW, index)
    if (manifest.chunker, manifest.chunk_target, manifest.chunk_limit) != CHUNKER:
        detail = f"the documents were cut by chunker {manifest.chunker}, this qa has chunker {CHUNKER[0]}"
        return _bad("versions", detail, Remedy.RENEW, index)
    return _ok("versions", f"qa {manifest.qa}, chromadb {manifest.chromadb}, format {manifest.format}")


def _cache(index: Path) -> Finding:
    path = index / CACHE_NAME
    if not path.is_file():
        return _bad("cache", f"{path} is missing", Remedy.REBUILD, index)
    count, failure = examine_cache(path)
    if failure:
        return _bad("cache", failure, Remedy.REBUILD, index)
    return _ok("cache", f"{count} vectors, {path.stat().st_size / 1e6:.1f} MB")


def _leftovers(index: Path) -> Finding:
    found = [p.name for p in unused(index)]
    found += [f"{place.collection} on {place.url}" for place in unused_collections(index)]
    if found:
        return _bad("leftovers", f"left by a run that was killed: {', '.join(found)}", Remedy.CLEAN, index)
    return _ok("leftovers", "none")


def _space(index: Path, manifest: Manifest) -> Finding:
    free = shutil.disk_usage(index).free
    needed = 2 * manifest.size + 50 * 10**6
    detail = f"{free // 10**6} MB free, {needed // 10**6} MB needed to renew the index"
    if free < needed:
        return _bad("space", detail, Remedy.USER, index, "free some space on this disk")
    return _ok("space", detail)


def _sources(index: Path, folder: Path, manifest: Manifest) -> Finding:
    gone = [root for root in manifest.roots if not Path(root).exists()]
    if gone:
        fix = f"bring it back, or run: qa index --forget {gone[0]} --index {index}"
        return _bad("sources", f"not there: {', '.join(gone)}", Remedy.USER, index, fix)
    failed = [r.source for r in read_files(folder) if r.status is FileStatus.FAILED]
    note = f"; {len(failed)} files failed (qa status --files names them)" if failed else ""
    return _ok("sources", f"{', '.join(manifest.roots)}{note}")


def examine(index: Path) -> Iterator[Finding]:
    """Yield the findings about the index in the folder ``index``, one a check, as they are made.

    Nothing is examined while the index is being written, or where it cannot be locked: that is the finding. An
    index on read-only media is not locked.
    """
    left = left_behind(index)
    try:
        with no_writer(index):
            free = "free" if is_writable(index) else "not needed: the index is read-only"
            yield _ok("lock", f"{free}; {left} ended without giving it back, which does no harm" if left else free)
            yield from _examine(index)
    except (IndexBusyError, StorageError) as error:
        yield _bad("lock", str(error), Remedy.USER, index, error.fix)


def _examine(index: Path) -> Iterator[Finding]:
    folder, manifest, finding = _generation(index)
    yield finding
    yield _reader(index)
    if folder is None or manifest is None:
        return
    files = _parts(index, folder, manifest)
    yield files
    if files.passed:
        yield _agreement(index, folder, manifest)
        yield from _server(index, folder, manifest)
        yield _sources(index, folder, manifest)
    yield _encoder(index, manifest)
    yield _model(index, manifest)
    yield _versions(index, manifest)
    yield _cache(index)
    yield _leftovers(index)
    yield _space(index, manifest)


def repair(index: Path, settings: Settings, findings: list[Finding], *, say: Callable[[str], None]) -> None:
    """Apply the remedies of the findings that qa can mend by itself. Raises QaError when one fails."""
    remedies = {f.remedy for f in findings}
    if Remedy.CLEAN in remedies:
        with writer_lock(index):
            drop_unused(index)
            withdraw(index, say=say)
    if any(f.check == "cache" for f in findings):
        with writer_lock(index):
            mend_cache(index / CACHE_NAME)
    if remedies & {Remedy.REBUILD, Remedy.RENEW}:
        build_index(index, settings, rebuild=Remedy.REBUILD in remedies, say=say)
