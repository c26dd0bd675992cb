"""Small passages.db files made by hand, where a case is clearer than the corpus."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from qa.passages import Passages, PassagesWriter, StoredChunk, StoredDocument
from qa.schema import Chunk, Range, Sentence


@dataclass(frozen=True)
class Doc:
    """A document of one chunk."""

    body: str
    source: str = ""
    title: str = ""
    topic: str = ""
    kinds: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    bibliography: str = ""


def stored(doc: Doc) -> StoredDocument:
    """Return the document as an index keeps it."""
    sha256 = hashlib.sha256(repr(doc).encode("utf-8", "surrogatepass")).hexdigest()
    doc_id = sha256[:12]
    span = Range(0, len(doc.body))
    context = (doc.title,) if doc.title else ()
    chunk = Chunk(f"{doc_id}:{0:09d}", doc_id, span, context, doc.body, (Sentence(span, doc.keys),))
    return StoredDocument(
        doc_id, doc.title, doc.topic, "2011-08-05", "utf-8", sha256, (StoredChunk(chunk, doc.body, 1),)
    )


def write_passages(path: Path, docs: Iterable[Doc | str]) -> list[StoredDocument]:
    """Write a passages.db with one chunk a document, rows in the order of ``docs``."""
    writer = PassagesWriter(path)
    written: list[StoredDocument] = []
    for number, given in enumerate(docs):
        doc = Doc(given) if isinstance(given, str) else given
        document = stored(doc)
        source = doc.source or f"docs/{number}.md"
        writer.add_document(document, [(source, f"/data/{source}")], doc.bibliography)
        writer.add_chunk(document.chunks[0], doc.kinds)
        written.append(document)
    writer.close()
    return written


def open_passages(path: Path, *docs: Doc | str) -> Passages:
    """Write a passages.db and open it."""
    write_passages(path, docs)
    return Passages(path)
