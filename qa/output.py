"""Answers as JSON: one object, a ``schema`` number, stable key order, the same facts as the screen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from qa.manifest import FileStatus, Manifest
from qa.schema import Answer, Citation, Hit, Quote, Reference

if TYPE_CHECKING:
    from qa.indexer import Report

# Raised when a key changes its meaning or goes; new keys do not raise it.
SCHEMA = 1


def dumps(data: dict[str, Any], *, indent: int | None = 2) -> str:
    """Return one JSON object with its schema number, keys sorted, characters as they are; one line without indent."""
    return json.dumps({"schema": SCHEMA} | data, ensure_ascii=False, sort_keys=True, indent=indent)


def reference(r: Reference) -> dict[str, Any]:
    """Return a public source."""
    return {"key": r.key, "title": r.title, "publisher": r.publisher, "issued": r.issued, "url": r.url, "kind": r.kind}


def _citation(c: Citation) -> dict[str, Any]:
    return {
        "number": c.number,
        "source": c.source,
        "also_in": list(c.also),
        "path": c.path,
        "line": c.line,
        "line_end": c.line_end,
        "column": c.column,
        "start": c.start,
        "end": c.end,
        "title": c.title,
        "heading": list(c.context),
        "topic": c.topic,
        "as_of": c.as_of,
        "references": [reference(r) for r in c.references],
        "chunk_id": c.chunk_id,
        "moved": c.moved,
        "verified": True,
    }


def _quote(q: Quote) -> dict[str, Any]:
    return {
        "text": q.text,
        "marks": [[m.start, m.end] for m in q.marks],
        "score": round(q.score, 4),
        "citation": _citation(q.citation),
    }


def hit(h: Hit) -> dict[str, Any]:
    """Return a passage that was found, with its scores."""
    p = h.passage
    return {
        "rank": h.rank,
        "chunk_id": p.chunk_id,
        "source": p.sources[0],
        "also_in": list(p.sources[1:]),
        "path": p.paths[0],
        "line": p.line,
        "start": p.range.start,
        "end": p.range.end,
        "title": p.title,
        "heading": list(p.context),
        "topic": p.topic,
        "as_of": p.as_of,
        "text": p.text,
        "scores": {"fused": h.fused, "dense": h.dense, "sparse": h.sparse},
        "ranks": {"dense": h.dense_rank, "sparse": h.sparse_rank},
    }


def index(m: Manifest) -> dict[str, Any]:
    """Return what an answer depends on: the index and the model."""
    return {
        "fingerprint": m.fingerprint,
        "model": m.model,
        "model_checksum": m.model_checksum,
        "chunker": m.chunker,
        "documents": m.documents,
        "chunks": m.chunks,
    }


def answer(a: Answer, manifest: Manifest) -> dict[str, Any]:
    """Return the outcome of one question."""
    v = a.verdict
    return {
        "question": a.question,
        "query": a.query,
        "answered": v.answered,
        "verdict": {
            "confidence": round(v.confidence, 4),
            "threshold": round(v.threshold, 4),
            "risk": v.risk,
            "fitted_on": v.fitted_on,
            "reason": v.reason,
            "evidence": {name: round(value, 4) for name, value in sorted(v.evidence.items())},
        },
        "answer": [_quote(q) for q in a.quotes],
        "closest": [_quote(q) for q in a.closest],
        "disagreement": asdict(a.disagreement) if a.disagreement else None,
        "passages": [hit(h) for h in a.hits],
        "notes": list(a.notes),
        "index": index(manifest),
    }


def search(query: str, hits: Sequence[Hit], notes: Sequence[str], manifest: Manifest) -> dict[str, Any]:
    """Return the passages that a search found."""
    return {"query": query, "passages": [hit(h) for h in hits], "notes": list(notes), "index": index(manifest)}


def report(r: Report) -> dict[str, Any]:
    """Return what an indexing run did."""
    return {
        "index": str(r.index),
        "generation": r.generation,
        "sources": list(r.roots),
        **r.changes.counts(),
        "changes": {k: v for k, v in asdict(r.changes).items() if k != "unchanged"},
        "failed": len(r.with_status(FileStatus.FAILED)),
        "chunks": r.chunks,
        "embedded": r.embedded,
        "seconds": round(r.seconds, 2),
        "files": [asdict(record) for record in r.records],
    }
