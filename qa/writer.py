"""Fills the folder of a new generation: passages.db, vectors.npy and the Chroma store, which agree."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from qa.dense import append_vectors, write_vectors
from qa.encoder import Vectors
from qa.generation import PASSAGES_NAME, VECTORS_NAME
from qa.manifest import CHROMA_NAME
from qa.passages import PassagesWriter, StoredChunk, StoredDocument
from qa.progress import Watcher
from qa.schema import Reference
from qa.store import ChromaWriter, Metadata

_STEP = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """A document of the generation: its ``names`` as (source, path), and its bibliography ("" for none)."""

    document: StoredDocument
    names: tuple[tuple[str, str], ...]
    bibliography: str


def _metadata(stored: StoredChunk, entry: Entry, kinds: Sequence[str]) -> Metadata:
    metadata: Metadata = {
        "source": entry.names[0][0],
        "doc_id": entry.document.doc_id,
        "title": entry.document.title,
        "topic": entry.document.topic,
        "as_of": entry.document.as_of,
        "heading": " > ".join(stored.chunk.context),
        "line": stored.line,
        "start": stored.chunk.range.start,
        "end": stored.chunk.range.end,
    }
    return metadata | {f"kind_{kind}": True for kind in kinds}


@dataclass(frozen=True, slots=True)
class Addition:
    """Chunks that come on top of a copy of the generation before, with their ``vectors`` (n, d)."""

    entries: Sequence[Entry]
    chunks: Sequence[StoredChunk]
    vectors: Vectors


def copy_generation(before: Path, folder: Path) -> None:
    """Copy the parts of a finished generation, those that name its files left out."""
    for name in (PASSAGES_NAME, VECTORS_NAME):
        shutil.copyfile(before / name, folder / name)
    shutil.copytree(before / CHROMA_NAME, folder / CHROMA_NAME)


def fill_generation(
    folder: Path, addition: Addition, *, bibliographies: Mapping[str, Mapping[str, Reference]], watcher: Watcher
) -> None:
    """Write the parts of a new generation, or add to those that were copied into its folder.

    Row i of each part is chunk i: the chunks of the copy first, then those of the addition in their order.
    """
    watcher.start("writing", len(addition.chunks))
    is_new = not (folder / PASSAGES_NAME).exists()
    by_id = {entry.document.doc_id: entry for entry in addition.entries}
    passages = PassagesWriter(folder / PASSAGES_NAME)
    if is_new:
        for path, references in sorted(bibliographies.items()):
            passages.add_references(path, references)
    for entry in addition.entries:
        passages.add_document(entry.document, entry.names, entry.bibliography)
    metadata: list[Metadata] = []
    for stored in addition.chunks:
        entry = by_id[stored.chunk.doc_id]
        references = bibliographies.get(entry.bibliography, {})
        cited = [references[key] for s in stored.chunk.sentences for key in s.keys if key in references]
        kinds = sorted({r.kind.lower() for r in cited if r.kind})
        passages.add_chunk(stored, kinds)
        metadata.append(_metadata(stored, entry, kinds))
    passages.close()
    put_vectors = write_vectors if is_new else append_vectors
    put_vectors(folder / VECTORS_NAME, addition.vectors)
    with closing(ChromaWriter(folder / CHROMA_NAME)) as store:
        for at in range(0, len(addition.chunks), _STEP):
            part = slice(at, at + _STEP)
            ids = [c.chunk.chunk_id for c in addition.chunks[part]]
            store.add(ids, addition.vectors[part], [c.text for c in addition.chunks[part]], metadata[part])
            watcher.advance(len(ids))
