"""passages.db: texts, offsets, metadata and the sparse index of one generation, in SQLite.

It is written once and then opened read-only and immutable, which works on read-only media too.
"""

from __future__ import annotations

import fnmatch
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qa import abbreviations
from qa.errors import IndexDamagedError
from qa.schema import Chunk, Filters, Passage, Range, Reference, Sentence, embedded_text
from qa.terms import stem as stem_of
from qa.terms import words

# How many chunks are read at a time where all are.
_STEP = 1000
_SCHEMA = """
create table documents (
    doc_id text primary key, title text, topic text, as_of text, encoding text, sha256 text, bibliography text
) without rowid;
create table names (source text primary key, doc_id text not null, path text not null) without rowid;
create table chunks (
    row integer primary key, chunk_id text not null unique, doc_id text not null, start integer not null,
    "end" integer not null, line integer not null, text text not null, body text not null,
    context text not null, sentences text not null
);
create index chunks_by_document on chunks (doc_id);
create table chunk_kinds (kind text not null, row integer not null, primary key (kind, row)) without rowid;
create table bibliography (
    bibliography text not null, key text not null, title text, publisher text, issued text, url text, kind text,
    primary key (bibliography, key)
) without rowid;
create table definitions (
    short text not null, long text not null, count integer not null, primary key (short, long)
) without rowid;
create table vocabulary (word text primary key, count integer not null) without rowid;
create table stems (stem text primary key, chunks integer not null) without rowid;
create virtual table chunk_terms using fts5(
    body, context, content='', tokenize="unicode61 remove_diacritics 0 tokenchars '_'"
);
"""


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk with what only the document's text could tell: its exact ``text`` and first ``line``."""

    chunk: Chunk
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as the index keeps it: without its text, with its chunks in order."""

    doc_id: str
    title: str
    topic: str
    as_of: str
    encoding: str
    sha256: str
    chunks: tuple[StoredChunk, ...]


class PassagesWriter:
    """Fills a new passages.db, or adds to a copy of an older one.

    Rows are numbered in the order in which chunks are added, after those that are there.
    """

    def __init__(self, path: Path) -> None:
        self._is_new = not path.exists()
        self._connection = sqlite3.connect(path)
        # The file is private until its generation is committed, and is synced before that.
        self._connection.executescript("pragma journal_mode = off; pragma synchronous = off;")
        if self._is_new:
            self._connection.executescript(_SCHEMA)
        self._vocabulary: Counter[str] = Counter()
        self._stems: Counter[str] = Counter()
        self._definitions: Counter[tuple[str, str]] = Counter()
        (self._row,) = self._connection.execute("select count(*) from chunks").fetchone()

    def add_references(self, bibliography: str, references: Mapping[str, Reference]) -> None:
        """Add one bibliography file, under the name by which documents refer to it."""
        self._connection.executemany(
            "insert into bibliography values (?, ?, ?, ?, ?, ?, ?)",
            [(bibliography, r.key, r.title, r.publisher, r.issued, r.url, r.kind) for r in references.values()],
        )

    def add_document(self, d: StoredDocument, names: Iterable[tuple[str, str]], bibliography: str) -> None:
        """Add the metadata of one document, its ``names`` as (source, path) and its bibliography."""
        self._connection.execute(
            "insert into documents values (?, ?, ?, ?, ?, ?, ?)",
            (d.doc_id, d.title, d.topic, d.as_of, d.encoding, d.sha256, bibliography),
        )
        rows = [(source, d.doc_id, path) for source, path in names]
        self._connection.executemany("insert into names values (?, ?, ?)", rows)

    def add_chunk(self, stored: StoredChunk, kinds: Iterable[str]) -> None:
        """Add one chunk and the ``kinds`` of public source behind it."""
        chunk = stored.chunk
        sentences = [[s.range.start, s.range.end, list(s.keys)] for s in chunk.sentences]
        self._connection.execute(
            "insert into chunks values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._row,
                chunk.chunk_id,
                chunk.doc_id,
                chunk.range.start,
                chunk.range.end,
                stored.line,
                stored.text,
                chunk.body,
                json.dumps(chunk.context, ensure_ascii=False),
                json.dumps(sentences),
            ),
        )
        rows = [(kind, self._row) for kind in sorted(set(kinds))]
        self._connection.executemany("insert into chunk_kinds values (?, ?)", rows)
        body = [form for form, _, _, _ in words(chunk.body)]
        context = [form for form, _, _, _ in words(" ".join(chunk.context))]
        self._vocabulary.update({*body, *context})
        body_stems, context_stems = [stem_of(w) for w in body], [stem_of(w) for w in context]
        self._stems.update({*body_stems, *context_stems})
        self._connection.execute(
            "insert into chunk_terms (rowid, body, context) values (?, ?, ?)",
            (self._row, " ".join(body_stems), " ".join(context_stems)),
        )
        self._definitions.update(abbreviations.definitions(chunk.body))
        self._row += 1

    def close(self) -> None:
        """Write what is collected over all chunks and close the file."""
        put = self._connection.executemany
        definitions = sorted((short, long, n) for (short, long), n in self._definitions.items())
        put(
            "insert into definitions values (?, ?, ?) on conflict do update set count = count + excluded.count",
            definitions,
        )
        put(
            "insert into vocabulary values (?, ?) on conflict do update set count = count + excluded.count",
            sorted(self._vocabulary.items()),
        )
        put(
            "insert into stems values (?, ?) on conflict do update set chunks = chunks + excluded.chunks",
            sorted(self._stems.items()),
        )
        if self._is_new:
            # Merging the whole term index is worth it once, not for each small addition.
            self._connection.execute("insert into chunk_terms (chunk_terms) values ('optimize')")
        self._connection.commit()
        self._connection.close()


_PASSAGE = """
select c.row, c.chunk_id, c.doc_id, c.start, c."end", c.line, c.text, c.body, c.context, c.sentences,
       d.title, d.topic, d.as_of, d.encoding, d.sha256, d.bibliography
from chunks c join documents d using (doc_id)
"""


class Passages:
    """The passages of a finished generation."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
            self.count = int(self.connection.execute("select count(*) from chunks").fetchone()[0])
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> IndexDamagedError:
        return IndexDamagedError(f"{self.path} cannot be read: {error}", fix="run: qa index")

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def _all(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        try:
            return self.connection.execute(sql, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from error

    def names(self) -> list[tuple[str, str, str]]:
        """Return (source, doc_id, path) of every document name, sorted by name."""
        return [(str(s), str(d), str(p)) for s, d, p in self._all("select * from names order by source")]

    def share_of(self, doc_ids: Sequence[str]) -> float:
        """Return the share (0 to 1) of documents that are among ``doc_ids``.

        No more documents are looked at than tell whether it is a half; with more the share is 0.
        """
        most = 2 * len(doc_ids)
        found = {doc_id for (doc_id,) in self._all("select doc_id from documents limit ?", [most + 1])}
        return len(found & set(doc_ids)) / len(found) if 0 < len(found) <= most else 0.0

    def _names_of(self, doc_ids: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
        wanted = json.dumps(sorted(set(doc_ids)))
        sql = "select doc_id, source, path from names where doc_id in (select value from json_each(?)) order by source"
        names: dict[str, list[tuple[str, str]]] = {}
        for doc_id, source, path in self._all(sql, [wanted]):
            names.setdefault(str(doc_id), []).append((str(source), str(path)))
        return names

    def _passages(self, where: str, values: Sequence[object]) -> list[Passage]:
        rows = self._all(f"{_PASSAGE} where {where} order by c.row", values)
        names = self._names_of(str(r[2]) for r in rows)
        return [_passage(r, names[str(r[2])]) for r in rows]

    def get(self, rows: Sequence[int]) -> dict[int, Passage]:
        """Return the passages of these rows by row."""
        found = self._passages("c.row in (select value from json_each(?))", [json.dumps(list(rows))])
        return {p.row: p for p in found}

    def of_document(self, doc_id: str) -> list[Passage]:
        """Return the passages of one document in order."""
        return self._passages("c.doc_id = ?", [doc_id])

    def stored_documents(self, doc_ids: Iterable[str]) -> dict[str, StoredDocument]:
        """Return documents as they were added, by id."""
        by_document: dict[str, list[Passage]] = {}
        wanted = json.dumps(sorted(set(doc_ids)))
        for passage in self._passages("c.doc_id in (select value from json_each(?))", [wanted]):
            by_document.setdefault(passage.doc_id, []).append(passage)
        return {doc_id: _stored(passages) for doc_id, passages in by_document.items()}

    def rows_matching(self, filters: Filters) -> list[int] | None:
        """Return the rows that pass ``filters``, sorted; None when nothing is filtered."""
        if not filters:
            return None
        sql = "select row from chunks join documents using (doc_id) where 1"
        values: list[object] = []
        if filters.topics:
            # Not SQLite's lower(), which knows only the letters of English.
            wanted = {t.casefold() for t in filters.topics}
            sql += " and topic in (select value from json_each(?))"
            values.append(json.dumps([t for t in self.topics() if t.casefold() in wanted]))
        if filters.kinds:
            sql += " and row in (select row from chunk_kinds where kind in (select value from json_each(?)))"
            values.append(json.dumps([k.lower() for k in filters.kinds]))
        if filters.sources:
            docs = {d for source, d, _ in self.names() if any(matches(source, p) for p in filters.sources)}
            sql += " and doc_id in (select value from json_each(?))"
            values.append(json.dumps(sorted(docs)))
        if filters.since:
            sql += " and as_of >= ?"
            values.append(filters.since)
        if filters.until:
            # Cut to the same length: all of 2011 lies within "until 2011".
            sql += " and as_of != '' and substr(as_of, 1, length(?)) <= ?"
            values += [filters.until, filters.until]
        return [int(str(row)) for (row,) in self._all(sql + " order by row", values)]

    def overview(self) -> list[tuple[str, str, str, str, int]]:
        """Return (source, topic, title, as_of, chunks) of every document name, sorted by name."""
        sql = (
            "select source, topic, title, as_of, (select count(*) from chunks c where c.doc_id = d.doc_id)"
            " from names join documents d using (doc_id) order by source"
        )
        return [(str(s), str(t), str(title), str(a), int(str(n))) for s, t, title, a, n in self._all(sql)]

    def topics(self) -> list[str]:
        """Return the topics that occur, sorted."""
        return [str(t) for (t,) in self._all("select distinct topic from documents where topic != '' order by 1")]

    def kinds(self) -> list[str]:
        """Return the kinds of public source that occur, sorted."""
        return [str(k) for (k,) in self._all("select distinct kind from chunk_kinds order by 1")]

    def references(self, bibliography: str = "", keys: Sequence[str] | None = None) -> list[Reference]:
        """Return the entries of one bibliography (all of them without a name), narrowed to ``keys``, in their order."""
        sql = "select distinct key, title, publisher, issued, url, kind from bibliography"
        sql += " where bibliography = ?" if bibliography else ""
        rows = self._all(sql + " order by key", [bibliography] if bibliography else [])
        found = [Reference(*(str(value) for value in row)) for row in rows]
        if keys is None:
            return found
        by_key = {r.key: r for r in found}
        return [by_key[k] for k in keys if k in by_key]

    def abbreviations(self) -> list[tuple[str, str]]:
        """Return the (short, long) forms that the documents define, the commonest long form first."""
        rows = self._all("select short, long, count from definitions")
        forms = abbreviations.commonest({(str(s), str(long)): int(str(n)) for s, long, n in rows})
        return [(short, long) for short, long, _ in forms]

    def embedded_texts(self) -> Iterator[tuple[int, str]]:
        """Yield (row, embedded text) of every chunk, in order of rows; few of them are in memory at a time."""
        sql = "select row, context, body from chunks where row > ? order by row limit ?"
        last = -1
        while found := self._all(sql, [last, _STEP]):
            for row, context, body in found:
                last = int(str(row))
                yield last, embedded_text(tuple(json.loads(str(context))), str(body))

    def chunk_ids(self, rows: Iterable[int]) -> dict[int, str]:
        """Return the ids of the chunks in these rows, by row."""
        sql = "select row, chunk_id from chunks where row in (select value from json_each(?))"
        return {int(str(row)): str(chunk_id) for row, chunk_id in self._all(sql, [json.dumps(sorted(set(rows)))])}

    def rows_of(self, chunk_ids: Iterable[str]) -> list[int]:
        """Return the rows of the chunks with these ids, in no particular order."""
        sql = "select row from chunks where chunk_id in (select value from json_each(?))"
        return [int(str(row)) for (row,) in self._all(sql, [json.dumps(list(chunk_ids))])]

    def words_starting(self, beginning: str, limit: int) -> list[str]:
        """Return the ``limit`` words in most passages that begin so, ties in the order of the alphabet."""
        sql = "select word from vocabulary where word >= ? and word < ? order by count desc, word limit ?"
        return [str(word) for (word,) in self._all(sql, [beginning, beginning + "\U0010ffff", limit])]

    def knows(self, wordlist: Sequence[str]) -> set[str]:
        """Return those of the words that some passage has."""
        sql = "select word from vocabulary where word in (select value from json_each(?))"
        return {str(w) for (w,) in self._all(sql, [json.dumps(list(wordlist))])}

    def vocabulary(self) -> list[tuple[str, int]]:
        """Return every word with the number of passages that have it, sorted by word."""
        return [(str(w), int(str(n))) for w, n in self._all("select word, count from vocabulary order by word")]

    def document_frequency(self, stemlist: Sequence[str]) -> dict[str, int]:
        """Return for each stem in how many passages it occurs; stems that do not occur are left out."""
        sql = "select stem, chunks from stems where stem in (select value from json_each(?))"
        return {str(s): int(str(n)) for s, n in self._all(sql, [json.dumps(sorted(set(stemlist)))])}

    def match(
        self, expression: str, k: int, allowed: Sequence[int] | None, context_weight: float
    ) -> list[tuple[int, float]]:
        """Return (row, BM25 score) for an FTS5 expression, best first, ties by row; scores are positive."""
        narrow = " and rowid in (select value from json_each(?))" if allowed is not None else ""
        # Nine places: a term that more than half of all passages have weighs but a millionth.
        sql = "select rowid, round(-bm25(chunk_terms, 1.0, ?), 9) as score from chunk_terms where chunk_terms match ?"
        values: list[object] = [context_weight, expression]
        values += [json.dumps(list(allowed))] if allowed is not None else []
        rows = self._all(f"{sql}{narrow} order by score desc, rowid limit ?", [*values, k])
        return [(int(str(row)), float(str(score))) for row, score in rows]


def matches(source: str, pattern: str) -> bool:
    """Tell whether a document's name matches a shell pattern, as a whole or by its last parts.

    A name that has the signs of a pattern ("report [final].md") is matched by itself too.
    """
    if source == pattern or source.endswith(f"/{pattern}"):
        return True
    return fnmatch.fnmatchcase(source, pattern) or fnmatch.fnmatchcase(source, f"*/{pattern}")


def _stored(passages: list[Passage]) -> StoredDocument:
    chunks = [
        StoredChunk(Chunk(p.chunk_id, p.doc_id, p.range, p.context, p.body, p.sentences), p.text, p.line)
        for p in passages
    ]
    p = passages[0]
    return StoredDocument(p.doc_id, p.title, p.topic, p.as_of, p.encoding, p.sha256, tuple(chunks))


def _passage(row: tuple[object, ...], names: list[tuple[str, str]]) -> Passage:
    sentences = [Sentence(Range(lo, hi), tuple(keys)) for lo, hi, keys in json.loads(str(row[9]))]
    return Passage(
        row=int(str(row[0])),
        chunk_id=str(row[1]),
        doc_id=str(row[2]),
        range=Range(int(str(row[3])), int(str(row[4]))),
        line=int(str(row[5])),
        text=str(row[6]),
        body=str(row[7]),
        context=tuple(json.loads(str(row[8]))),
        sentences=tuple(sentences),
        sources=tuple(source for source, _ in names),
        paths=tuple(path for _, path in names),
        title=str(row[10]),
        topic=str(row[11]),
        as_of=str(row[12]),
        encoding=str(row[13]),
        sha256=str(row[14]),
        bibliography=str(row[15]),
    )
