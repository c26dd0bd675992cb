"""Makes and renews an index: walk, load, chunk, embed, write a new generation, verify, swap."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from qa import __version__
from qa.builder import check_space, disk_full, is_disk_full, make_generation
from qa.cache import known_keys, text_hash
from qa.config import CONFIG_NAME, DEFAULT_MODEL, Settings, settings_of
from qa.contents import Contents, chunks_in, gather
from qa.dense import open_vectors
from qa.embedder import Embedder
from qa.encoder import EncoderCard, Vectors, encoder_folder, read_card
from qa.errors import IndexDamagedError, IndexMismatchError
from qa.generation import CACHE_NAME, PASSAGES_NAME, VECTORS_NAME, Generation, current, drop_unused
from qa.locks import writer_lock
from qa.manifest import FileRecord, FileStatus, Manifest, Served, check_hashes, check_parts, fingerprint, read_manifest
from qa.models import find_model
from qa.parts import problem
from qa.passages import Passages
from qa.planner import Changes, Plan, add_to_plan, changes
from qa.previous import CHUNKER, Previous, choose_sources, known, open_previous, remember
from qa.progress import SilentWatcher, Watcher
from qa.publisher import is_as_asked, serve, withdraw
from qa.references import Bibliographies
from qa.store import chroma_version
from qa.vectors import vectors_for
from qa.walker import make_roots, walk
from qa.writer import Addition, copy_generation, fill_generation


@dataclass(frozen=True, slots=True)
class Report:
    """What an indexing run did. ``embedded`` counts chunks that were computed, not taken from the cache."""

    index: Path
    generation: int
    changes: Changes
    chunks: int
    embedded: int
    seconds: float
    records: tuple[FileRecord, ...]
    roots: tuple[str, ...]

    def with_status(self, status: FileStatus) -> list[FileRecord]:
        """Return the files of one status."""
        return [r for r in self.records if r.status is status]


def _spare(index: Path, checksum: str, wanted: Collection[bytes]) -> dict[bytes, Vectors]:
    """Return ``wanted`` vectors of the generation in use by the hash of their text, none of another model or damaged.

    Its other parts may be damaged: that is when these vectors are needed most.
    """
    try:
        folder = current(index)
        manifest = read_manifest(folder) if folder else None
        if folder is None or manifest is None or manifest.model_checksum != checksum:
            return {}
        if any(problem(folder / n, manifest.parts[n], deep=True) for n in (PASSAGES_NAME, VECTORS_NAME)):
            return {}
        passages = Passages(folder / PASSAGES_NAME)
        try:
            # The rows stay in the mapped file until one of them is used.
            vectors = open_vectors(folder / VECTORS_NAME)
            keys = ((text_hash(text), row) for row, text in passages.embedded_texts())
            return {key: vectors[row] for key, row in keys if key in wanted}
        finally:
            passages.close()
    except (IndexDamagedError, IndexMismatchError, KeyError):
        return {}


class _Run:
    """One run over one set of sources."""

    def __init__(self, index: Path, settings: Settings, watcher: Watcher, say: Callable[[str], None]) -> None:
        self.index = index
        self.settings = settings
        self.watcher = watcher
        self.say = say
        self.started = time.monotonic()
        self.bibliographies = Bibliographies()
        self.roots: tuple[str, ...] = ()
        self.settings_of: dict[str, Settings] = {}
        self.embedded = 0

    def run(self, sources: Sequence[Path], *, rebuild: bool, may_download: bool, dry: bool) -> Report:
        name = self.settings.model or str(known(self.index).get("model") or DEFAULT_MODEL)
        model = find_model(name, may_download=may_download)
        embedder = Embedder(model, read_card(encoder_folder(self.index, model.checksum)))
        previous = open_previous(self.index, model=model.name, rebuild=rebuild, say=self.say)
        try:
            plan = self._plan(sources, previous)
            found = changes(plan, previous.files)
            bibliography = self._find_bibliographies(plan)
            m = previous.manifest
            if m and not found and self._is_current(m, model.checksum):
                if not dry:
                    self._renew_rows(plan, previous)
                return self._report(plan, found, m.generation, m.chunks, 0)
            contents = gather(plan, previous, embedder, bibliography, self.watcher)
            # Documents that turned out to have no text are none.
            found = changes(plan, previous.files)
            if dry:
                return self._rehearse(plan, found, contents, embedder)
            return self._write(plan, found, previous, contents, embedder)
        finally:
            previous.close()

    def _is_current(self, m: Manifest, checksum: str) -> bool:
        now = (self.bibliographies.digest(), checksum, chroma_version(), self.roots)
        has_encoder = read_card(encoder_folder(self.index, checksum)) is not None
        return has_encoder and now == (m.references, m.model_checksum, m.chromadb, m.roots)

    def _plan(self, sources: Sequence[Path], previous: Previous) -> Plan:
        roots = make_roots(sources)
        self.roots = tuple(str(r.path) for r in roots)
        self.settings_of = {str(r.path): settings_of(r.path, self.settings) for r in roots}
        self.watcher.start("reading", 0)
        plan = Plan()
        for root in roots:
            own = self.settings_of[str(root.path)]
            found = walk(
                root,
                index=self.index.resolve(),
                exclude=own.exclude,
                ignored=frozenset({CONFIG_NAME, own.references}),
                max_bytes=own.max_file_mb * 10**6,
            )
            add_to_plan(plan, found, previous.files, encoding=own.encoding)
        return plan

    def _find_bibliographies(self, plan: Plan) -> dict[str, str]:
        """Return the bibliography of each document name; one that cannot be read becomes a failed row."""
        found = {
            r.source: self.bibliographies.path_for(Path(r.path), Path(r.root), self.settings_of[r.root].references)
            for r in plan.records
            if r.doc_id
        }
        for at, record in enumerate(plan.records):
            error = self.bibliographies.failures.get(record.path)
            if error:
                plan.records[at] = replace(record, status=FileStatus.FAILED, reason=error.reason, fix=error.fix)
        return found

    def _renew_rows(self, plan: Plan, previous: Previous) -> None:
        """The documents are the same; perhaps the rows about files are not (a time stamp, a failure), or the server.

        A generation is never written after it is current, so the rows go into a copy of it.
        """
        generation = previous.generation
        if generation is None:
            return
        m, url = generation.manifest, self.settings.store
        is_served = is_as_asked(self.index, m, url, say=self.say)
        if is_served and plan.records == list(previous.files.values()):
            return
        if not is_served:
            self.say(f"{url} gets the vectors and texts" if url else "the index is no longer on a server")
            # The server is given what the store says, and another client may have written to it.
            check_hashes(generation.folder, m)

        def fill(folder: Path) -> Manifest:
            copy_generation(generation.folder, folder)
            return replace(m, failed=len(plan.failed), served=m.served if is_served else None)

        self._make(fill, plan)

    def _make(self, fill: Callable[[Path], Manifest], plan: Plan) -> int:
        def on_server(folder: Path, manifest: Manifest) -> Served:
            return serve(self.index, folder, manifest, self.settings.store, watcher=self.watcher)

        return make_generation(self.index, fill, plan.records, serve=on_server if self.settings.store else None)

    def _rehearse(self, plan: Plan, found: Changes, contents: Contents, embedder: Embedder) -> Report:
        """Report what a run would do, without writing anything."""
        chunks = chunks_in(contents.entries())
        checksum = embedder.model.checksum
        missing = {text_hash(c.chunk.embedded) for c in chunks} - known_keys(self.index / CACHE_NAME, checksum)
        if missing:
            missing -= _spare(self.index, checksum, missing).keys()
        return self._report(plan, found, 0, len(chunks), len(missing))

    def _write(self, plan: Plan, found: Changes, previous: Previous, contents: Contents, embedder: Embedder) -> Report:
        before = previous.generation
        if before and self._may_add(found, previous, contents, embedder):
            try:
                # Whoever opened the store with another client has written to it.
                check_hashes(before.folder, before.manifest)
                return self._put(plan, found, contents, embedder, before)
            except IndexDamagedError as error:
                self.say(f"{error}; the generation is written anew")
        return self._put(plan, found, contents, embedder, None)

    def _put(
        self, plan: Plan, found: Changes, contents: Contents, embedder: Embedder, before: Generation | None
    ) -> Report:
        """Write all documents, or the new ones into a copy of the generation ``before``.

        Its chunks are gone through, and never in memory together.
        """
        entries = contents.fresh_entries() if before else contents.entries()
        chunks = chunks_in(entries)
        check_space(self.index, chunks, 384, before.manifest if before else None)
        checksum = embedder.model.checksum

        def kept() -> Iterator[tuple[str, Vectors]]:
            if before:
                rows = before.vectors
                yield from ((text, rows[row]) for row, text in before.passages.embedded_texts())

        def spare(wanted: Collection[bytes]) -> dict[bytes, Vectors]:
            if before:
                return {key: vector for text, vector in kept() if (key := text_hash(text)) in wanted}
            return _spare(self.index, checksum, wanted)

        vectors, embedded, card = vectors_for(
            [c.chunk.embedded for c in chunks],
            embedder,
            index=self.index,
            cache_path=self.index / CACHE_NAME,
            # Nothing is resumed where the first attempt of this very run embedded them.
            fresh=() if self.embedded else {text_hash(c.chunk.embedded) for c in chunks_in(contents.fresh_entries())},
            spare=spare,
            kept=kept,
            watcher=self.watcher,
            say=self.say,
        )
        self.embedded += embedded
        count = len(chunks) + (before.manifest.chunks if before else 0)
        manifest = self._manifest(plan, contents, embedder, card, count)
        remember(self.index, manifest)

        def fill(folder: Path) -> Manifest:
            if before:
                # Much time may have gone into embedding since.
                check_parts(before.folder, before.manifest, store=True)
                copy_generation(before.folder, folder)
            addition = Addition(entries, chunks, vectors)
            fill_generation(folder, addition, bibliographies=self.bibliographies.by_path, watcher=self.watcher)
            self.watcher.start("verifying", 0)
            return manifest

        number = self._make(fill, plan)
        return self._report(plan, found, number, count, self.embedded)

    def _may_add(self, found: Changes, previous: Previous, contents: Contents, embedder: Embedder) -> bool:
        """Tell whether the next generation is the one before and some documents more.

        Only then is the one before copied: what leaves it must not stay in a corner of a copy.
        """
        m = previous.manifest
        return (
            m is not None
            and not (found.changed or found.removed or found.renamed or found.duplicated)
            and len(contents.fresh) * 4 < contents.documents
            and m.references == self.bibliographies.digest()
            and m.model_checksum == embedder.model.checksum
            and m.chromadb == chroma_version()
            and m.roots == self.roots
        )

    def _manifest(self, plan: Plan, contents: Contents, embedder: Embedder, card: EncoderCard, chunks: int) -> Manifest:
        digest = self.bibliographies.digest()
        names = contents.names()
        return Manifest(
            generation=0,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            fingerprint=fingerprint(names, model=embedder.model.checksum, chunker=CHUNKER, references=digest),
            model=embedder.model.name,
            model_checksum=embedder.model.checksum,
            dimension=card.dimension,
            window=card.window,
            engine="sentence-transformers" if card.reason else "onnx",
            chunker=CHUNKER[0],
            chunk_target=CHUNKER[1],
            chunk_limit=CHUNKER[2],
            chromadb=chroma_version(),
            qa=__version__,
            documents=contents.documents,
            files=len(names),
            failed=len(plan.failed),
            chunks=chunks,
            roots=self.roots,
            references=digest,
            parts={},
        )

    def _report(self, plan: Plan, found: Changes, generation: int, chunks: int, embedded: int) -> Report:
        return Report(
            index=self.index,
            generation=generation,
            changes=found,
            chunks=chunks,
            embedded=embedded,
            seconds=time.monotonic() - self.started,
            records=tuple(plan.records),
            roots=self.roots,
        )


def _say_nothing(_: str) -> None:
    pass


def build_index(
    index: Path,
    settings: Settings,
    *,
    paths: Sequence[Path] = (),
    forget: Sequence[Path] = (),
    rebuild: bool = False,
    may_download: bool = True,
    wait_s: float = 0.0,
    watcher: Watcher | None = None,
    say: Callable[[str], None] = _say_nothing,
) -> Report:
    """Bring the index in the folder ``index`` up to date and report what was done.

    ``paths`` are added to its sources and ``forget`` taken from them; ``rebuild`` reads and writes
    everything anew (vectors still come from the cache). ``say`` is told what a user should know.
    Raises QaError; whatever happens, the generation in use before stays in use or is replaced whole.
    """
    with writer_lock(index, wait_s=wait_s, say=say):
        try:
            return _build(
                index, settings, paths, forget, rebuild=rebuild, may_download=may_download, watcher=watcher, say=say
            )
        except Exception as error:
            if is_disk_full(error, index):
                raise disk_full(index) from error
            raise


def _build(
    index: Path,
    settings: Settings,
    paths: Sequence[Path],
    forget: Sequence[Path],
    *,
    rebuild: bool,
    may_download: bool,
    watcher: Watcher | None,
    say: Callable[[str], None],
) -> Report:
    try:
        drop_unused(index)
    except IndexDamagedError as error:
        say(f"{error}; everything is indexed again")
    sources = choose_sources(index, settings, paths, forget)
    try:
        run = _Run(index, settings, watcher or SilentWatcher(), say)
        report = run.run(sources, rebuild=rebuild, may_download=may_download, dry=False)
    except IndexDamagedError as error:
        if rebuild or is_disk_full(error, index):
            raise
        say(f"{error}; everything is indexed again")
        run = _Run(index, settings, watcher or SilentWatcher(), say)
        report = run.run(sources, rebuild=True, may_download=may_download, dry=False)
    # Only now, when this run itself has let go of the generation before.
    drop_unused(index)
    withdraw(index, say=say)
    return report


def rehearse_index(
    index: Path,
    settings: Settings,
    *,
    paths: Sequence[Path] = (),
    forget: Sequence[Path] = (),
    rebuild: bool = False,
    watcher: Watcher | None = None,
    say: Callable[[str], None] = _say_nothing,
) -> Report:
    """Report what ``build_index`` would do with these arguments, reading everything and writing nothing."""
    sources = choose_sources(index, settings, paths, forget)
    run = _Run(index, settings, watcher or SilentWatcher(), say)
    return run.run(sources, rebuild=rebuild, may_download=False, dry=True)
