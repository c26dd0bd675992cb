"""What the next generation holds: the chunks of new documents, and those that stay."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from qa.chunker import TokenCounter, chunks_of
from qa.manifest import FileRecord, FileStatus, check_hashes
from qa.passages import Passages, StoredChunk, StoredDocument
from qa.planner import Plan
from qa.previous import Previous
from qa.progress import Watcher
from qa.schema import BlockKind, Document
from qa.text import Lines
from qa.writer import Entry

_PIECE = 1 << 20


def _stored(document: Document, counter: TokenCounter, watcher: Watcher) -> StoredDocument:
    lines = Lines(document.text)
    chunks: list[StoredChunk] = []
    told = 0
    for c in chunks_of(document, counter):
        text = document.text[c.range.start : c.range.end]
        chunks.append(StoredChunk(c, text, lines.position(c.range.start)[0]))
        watcher.advance(c.range.end - told)
        told = c.range.end
    watcher.advance(len(document.text) - told)
    return StoredDocument(
        doc_id=document.doc_id,
        title=document.title,
        topic=document.topic,
        as_of=document.as_of,
        encoding=document.encoding,
        sha256=document.sha256,
        chunks=tuple(chunks),
    )


def _solid(text: str) -> int:
    """Return the number of characters that are not blank."""
    # In pieces: the words of 50 MB at once take half a gigabyte.
    return sum(len("".join(text[at : at + _PIECE].split())) for at in range(0, len(text), _PIECE))


def _loss(document: Document, stored: StoredDocument) -> dict[str, Any]:
    """Return what of a document stands in passages and what does not, and why; in characters that are not blank."""
    text = document.text
    indexed = sum(_solid(c.text) for c in stored.chunks)
    headings = [b.range for b in document.blocks if b.kind is BlockKind.HEADING]
    left = {
        "front matter": _solid(text[: document.front_matter]),
        "headings": sum(_solid(text[r.start : r.end]) for r in headings),
    }
    left["markup"] = max(_solid(text) - indexed - sum(left.values()), 0)
    return {
        "solid_chars": _solid(text),
        "indexed_chars": indexed,
        "left_out": {why: count for why, count in left.items() if count},
        "chunks": len(stored.chunks),
    }


def _chunk_documents(plan: Plan, counter: TokenCounter, watcher: Watcher) -> dict[str, StoredDocument]:
    """Chunk the fresh documents and complete their records in the plan."""
    # Characters, not documents: one file may be most of all.
    watcher.start("chunking characters", sum(len(d.text) for d in plan.fresh.values()))
    stored: dict[str, StoredDocument] = {}
    losses: dict[str, dict[str, Any]] = {}
    while plan.fresh:
        doc_id, document = plan.fresh.popitem()
        stored[doc_id] = _stored(document, counter, watcher)
        losses[doc_id] = _loss(document, stored[doc_id])
    for at, record in enumerate(plan.records):
        if record.doc_id in stored:
            done = replace(record, **losses[record.doc_id])
            if not stored[record.doc_id].chunks:
                done = replace(done, status=FileStatus.EMPTY, reason="no text but headings or markup")
            plan.records[at] = done
    return stored


class Contents:
    """The documents of the next generation; those that stay are read from the one before when they are asked for."""

    def __init__(
        self,
        names: Mapping[str, Sequence[FileRecord]],
        new: Mapping[str, StoredDocument],
        previous: Passages | None,
        bibliography: Mapping[str, str],
    ) -> None:
        self._names = names
        self._new = new
        self._previous = previous
        self._bibliography = bibliography
        self.fresh = frozenset(new.keys() & names.keys())

    @property
    def documents(self) -> int:
        """The number of documents, new ones and those that stay."""
        return len(self._names)

    def entries(self) -> list[Entry]:
        """Return all documents in order of their ids."""
        kept = self._names.keys() - self._new.keys()
        old = self._previous.stored_documents(kept) if self._previous and kept else {}
        return self._entries(self._names.keys(), {**old, **self._new})

    def fresh_entries(self) -> list[Entry]:
        """Return the new documents in order of their ids."""
        return self._entries(self.fresh, self._new)

    def names(self) -> list[tuple[str, str]]:
        """Return (source, doc_id) of every file."""
        return [(r.source, doc_id) for doc_id in sorted(self._names) for r in self._names[doc_id]]

    def _entries(self, doc_ids: Collection[str], documents: Mapping[str, StoredDocument]) -> list[Entry]:
        return [
            Entry(
                documents[d],
                tuple((r.source, r.path) for r in self._names[d]),
                self._bibliography[self._names[d][0].source],
            )
            for d in sorted(doc_ids)
        ]


def chunks_in(entries: Sequence[Entry]) -> list[StoredChunk]:
    """Return the chunks of documents in order of their ids."""
    return sorted((c for e in entries for c in e.document.chunks), key=lambda c: c.chunk.chunk_id)


def gather(
    plan: Plan, previous: Previous, counter: TokenCounter, bibliography: Mapping[str, str], watcher: Watcher
) -> Contents:
    """Chunk what is new, and complete the records of the plan.

    ``bibliography`` names the bibliography file of each document by its source. Raises IndexDamagedError
    when the generation before is not what was written.
    """
    new = _chunk_documents(plan, counter, watcher)
    names: dict[str, list[FileRecord]] = {}
    for record in plan.records:
        if record.status is FileStatus.INDEXED:
            names.setdefault(record.doc_id, []).append(record)
    if previous.generation:
        check_hashes(previous.generation.folder, previous.generation.manifest, store=False)
    return Contents(names, new, previous.generation.passages if previous.generation else None, bibliography)
