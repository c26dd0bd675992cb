"""Looks into an index: its documents, one passage in its surroundings, its state."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qa.abstention import CALIBRATION_NAME, calibration_of
from qa.decoder import decode, read_bytes
from qa.encoder import encoder_folder, read_card
from qa.errors import LoadError, ModelError, UsageError
from qa.generation import Generation
from qa.manifest import FileRecord, FileStatus, read_files
from qa.passages import Passages, matches
from qa.text import Lines

_SEARCH = {
    "exact": "exact, every vector is compared",
    "chroma": "Chroma, approximate",
    "server": "a Chroma server, approximate",
}
_PLACE = re.compile(r"(?P<name>.+?)(?::(?P<first>\d+)(?:-(?P<last>\d+))?)?")


@dataclass(frozen=True, slots=True)
class View:
    """Lines of a file as it is now: (number, text, wanted)."""

    source: str
    path: str
    lines: tuple[tuple[int, str, bool], ...]
    total: int
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        """The name of the document."""
        return self.source

    def as_json(self) -> dict[str, Any]:
        """Return the view as it stands in JSON."""
        lines = [{"line": n, "text": text.rstrip("\r\n"), "wanted": wanted} for n, text, wanted in self.lines]
        return {"source": self.source, "path": self.path, "lines": lines, "notes": list(self.notes)}


def _find(passages: Passages, name: str) -> tuple[str, str, str]:
    """Return (source, doc_id, path) of the one document that ``name`` means. Raises UsageError."""
    names = passages.names()
    given = str(Path(name).expanduser().absolute())
    found = [n for n in names if name in (n[0], n[2]) or given == n[2]]
    found = found or [n for n in names if matches(n[0], name)]
    if not found:
        raise UsageError(f"no document is called {name}", fix="run: qa sources (it lists the documents)")
    if len(found) > 1:
        some = ", ".join(n[0] for n in found[:3])
        raise UsageError(f"{name} may be any of {len(found)} documents: {some}", fix="give more of its path")
    return found[0]


def view(passages: Passages, place: str, *, context: int) -> View:
    """Return the lines that ``place`` (FILE[:LINE[-LINE]]) names, with ``context`` lines around them.

    Without a line the whole file is shown. Raises UsageError when there is no such document or line.
    """
    match = _PLACE.fullmatch(place)
    if match is None:
        raise UsageError(f"{place!r} is not FILE[:LINE[-LINE]]", fix="for example: qa show corpus/glossary.md:9")
    source, doc_id, path = _find(passages, match["name"])
    try:
        data = read_bytes(Path(path))
        text = decode(data, fallback=next((p.legacy_encoding for p in passages.of_document(doc_id)[:1]), ""))[0]
    except LoadError as error:
        raise UsageError(f"{source} {error.reason}", fix=error.fix) from error
    notes = []
    if not doc_id.startswith(hashlib.sha256(data).hexdigest()[:16]):
        notes.append(f"{source} has changed since it was indexed (run: qa index)")
    lines = Lines(text)
    total = len(lines) - (1 if lines.starts[-1] == len(text) and len(lines) > 1 else 0)
    first = int(match["first"]) if match["first"] else 1
    last = int(match["last"]) if match["last"] else (first if match["first"] else total)
    if not 1 <= first <= last <= total:
        raise UsageError(f"{source} has lines 1 to {total}", fix=f"run: qa show {source}:1-{total}")
    shown = range(max(first - context, 1), min(last + context, total) + 1)
    rows = tuple((n, text[slice(*lines.range(n, n))], bool(match["first"]) and first <= n <= last) for n in shown)
    return View(source, path, rows, total, tuple(notes))


def documents(passages: Passages, topics: Sequence[str] = ()) -> list[dict[str, str]]:
    """Return a row for each document name: name, title, topic, date and number of chunks."""
    wanted = {t.lower() for t in topics}
    rows = []
    for source, topic, title, as_of, chunks in passages.overview():
        if not wanted or topic.lower() in wanted:
            rows.append({"source": source, "chunks": str(chunks), "topic": topic, "as_of": as_of, "title": title})
    return rows


@dataclass(frozen=True, slots=True)
class Status:
    """The state of an index. ``stale`` are indexed files that changed or went since; sizes in bytes.

    ``reason`` says why questions are not encoded by ONNX, "" where they are; ``confidence`` on which questions the
    confidence of answers by the shipped reader was fitted.
    """

    generation: Generation
    files: tuple[FileRecord, ...]
    stale: tuple[str, ...]
    size: int
    cache_size: int
    reason: str
    confidence: str

    def _facts(self) -> dict[str, Any]:
        m = self.generation.manifest
        return {
            "index": str(self.generation.index),
            "generation": m.generation,
            "created_at": m.created_at,
            "fingerprint": m.fingerprint,
            "sources": list(m.roots),
            "documents": m.documents,
            "files": m.files,
            "failed": m.failed,
            "chunks": m.chunks,
            "model": m.model,
            "model_checksum": m.model_checksum,
            "query_engine": m.engine,
            "query_engine_reason": self.reason,
            "search_engine": self.generation.dense_engine,
            "served": asdict(m.served) if m.served else None,
            "confidence": self.confidence,
            "chunker": m.chunker,
            "chromadb": m.chromadb,
            "qa": m.qa,
            "size": self.size,
            "cache_size": self.cache_size,
            "stale": list(self.stale),
        }

    def as_json(self) -> dict[str, Any]:
        """Return the state as it stands in JSON."""
        return self._facts() | {"file_list": [asdict(r) for r in self.files]}

    def rows(self) -> list[tuple[str, str]]:
        """Return the state as (name, value) lines for the screen."""
        f = self._facts()
        why = f" ({f['query_engine_reason']})" if f["query_engine_reason"] else ""
        made = datetime.fromisoformat(f["created_at"])
        days = (datetime.now(UTC) - made).days
        age = "today" if days < 1 else f"{days} day{'s' * (days != 1)} ago"
        served = f["served"]
        store = [("store", f"{served['url']}, collection {served['collection']}")] if served else []
        return [
            ("index", f"{f['index']} (generation {f['generation']}, {f['fingerprint']})"),
            ("sources", ", ".join(f["sources"])),
            ("documents", f"{f['documents']} in {f['files']} files, {f['chunks']} chunks"),
            ("model", f"{f['model']} ({f['model_checksum'][:12]}), questions by {f['query_engine']}{why}"),
            ("search", _SEARCH[f["search_engine"]]),
            *store,
            ("confidence", self.confidence),
            ("made", f"{made:%Y-%m-%d %H:%M} UTC ({age}) with qa {f['qa']}, chromadb {f['chromadb']}"),
            ("size", f"{self.size / 1e6:.1f} MB, cache {self.cache_size / 1e6:.1f} MB"),
            ("changed since", ", ".join(self.stale) if self.stale else "no file"),
        ]


def _is_stale(record: FileRecord) -> bool:
    try:
        info = Path(record.path).stat()
    except OSError:
        return True
    return (info.st_size, info.st_mtime_ns) != (record.size, record.mtime_ns)


def _confidence(generation: Generation) -> str:
    try:
        calibration, note = calibration_of(generation)
    except ModelError as error:
        return f"{error} ({error.fix})"
    is_general = not calibration.documents and not (generation.index / CALIBRATION_NAME).exists()
    advice = "; on yours with: qa calibrate QUESTIONS" if is_general else ""
    return note or f"fitted on {calibration.fitted_on}{advice}"


def status_of(generation: Generation, *, every_file: bool) -> Status:
    """Return the state of an index; ``every_file`` brings the row of every file seen with it."""
    records = read_files(generation.folder)
    stale = tuple(r.source for r in records if r.status is FileStatus.INDEXED and _is_stale(r))
    cache = generation.index / "cache.db"
    card = read_card(encoder_folder(generation.index, generation.manifest.model_checksum))
    return Status(
        generation,
        tuple(records) if every_file else (),
        stale,
        generation.manifest.size,
        cache.stat().st_size if cache.is_file() else 0,
        card.reason if card else "the encoder is missing (run: qa index)",
        _confidence(generation),
    )
