"""Answers many questions: in several processes, each with its models loaded once, and resumable."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from qa import __version__
from qa.errors import IndexMismatchError, StorageError
from qa.faq import PageMaker, engine_of
from qa.faq_check import Verifier
from qa.faq_page import PageItem, digest, item_data, item_from
from qa.generation import Generation
from qa.progress import Watcher
from qa.questions_file import Entry

# Below this many questions another process loads its models for nothing.
_WORTH_A_PROCESS = 40
# Each worker keeps its maker for as long as it lives.
_own: dict[str, Any] = {}

Answered = tuple[PageItem, list[str]]


def _open(index: str, engine: str, fingerprint: str) -> None:
    generation = Generation(Path(index), engine=engine)
    _own["is_same"] = generation.manifest.fingerprint == fingerprint
    _own["maker"] = PageMaker(generation)


def _ask(entry: Entry) -> Answered:
    if not _own["is_same"]:
        raise IndexMismatchError("the index was replaced while the page was made", fix="run the command again")
    maker: PageMaker = _own["maker"]
    maker.notes.clear()
    return maker.item(entry), list(maker.notes)


def _key(entry: Entry) -> str:
    return digest(json.dumps(asdict(replace(entry, line=0)), sort_keys=True))


class Journal:
    """The answers of a run that is not done yet, one a line, beside its page; removed when the page is there."""

    def __init__(self, path: Path, generation: Generation, *, resume: bool) -> None:
        self.path = path
        manifest = generation.manifest
        head = {"index": manifest.fingerprint, "engine": engine_of(generation), "qa": __version__}
        self.items = self._read(head) if resume else {}
        try:
            self._file = path.open("w", encoding="utf-8")
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror}", fix="write the page elsewhere: -o") from error
        self._write(head)
        for key, item in self.items.items():
            self._write({"key": key, "item": item_data(item)})

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def _read(self, head: dict[str, str]) -> dict[str, PageItem]:
        """Return the answers by key; none where the index or the models are others, as many as are whole."""
        found: dict[str, PageItem] = {}
        try:
            lines = self.path.read_text(encoding="utf-8").split("\n")
            if json.loads(lines[0]) != head:
                return {}
            for line in filter(None, lines[1:]):
                row = json.loads(line)
                found[row["key"]] = item_from(row["item"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            # The line in which the run was killed ends the file.
            return found
        return found

    def add(self, entry: Entry, item: PageItem) -> None:
        """Keep one answer."""
        self._write({"key": _key(entry), "item": item_data(item)})

    def get(self, entry: Entry) -> PageItem | None:
        """Return the answer that an earlier run kept."""
        item = self.items.get(_key(entry))
        return replace(item, entry=entry) if item else None

    def remove(self) -> None:
        """Remove the file: the page is written."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def answer_all(
    generation: Generation, entries: Sequence[Entry], watcher: Watcher, *, jobs: int, journal: Journal | None
) -> tuple[list[PageItem], list[str]]:
    """Return the answered entries in their order, and notes about files, each once.

    ``jobs`` are the processes that answer, 0 for as many as the processors and the questions are worth.
    What the ``journal`` has is not asked again, as long as its quotes stand.
    """
    verifier = Verifier(generation.passages)
    kept = {at: item for at, e in enumerate(entries) if journal and (item := journal.get(e))}
    kept = {at: item for at, item in kept.items() if not any(verifier.problem(q) for q in item.quotes)}
    todo = [at for at in range(len(entries)) if at not in kept]
    watcher.start("answering", len(entries))
    watcher.advance(len(kept))
    done = dict(kept)
    notes: dict[str, None] = {}
    wanted = [entries[at] for at in todo]
    jobs = min(jobs or max(min(os.cpu_count() or 1, len(wanted) // _WORTH_A_PROCESS), 1), max(len(wanted), 1))
    for at, (item, more) in zip(todo, _answers(generation, wanted, jobs), strict=True):
        done[at] = item
        notes.update(dict.fromkeys(more))
        if journal:
            journal.add(entries[at], item)
        watcher.advance()
    return [done[at] for at in range(len(entries))], list(notes)


def _answers(generation: Generation, entries: Iterable[Entry], jobs: int) -> Iterator[Answered]:
    if jobs == 1:
        maker = PageMaker(generation)
        for entry in entries:
            maker.notes.clear()
            yield maker.item(entry), list(maker.notes)
        return
    pool = ProcessPoolExecutor(
        jobs,
        # A forked process would inherit the threads' locks of ONNX Runtime in whatever state they are.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_open,
        initargs=(str(generation.index), generation.engine, generation.manifest.fingerprint),
    )
    try:
        yield from pool.map(_ask, entries, chunksize=4)
    finally:
        pool.shutdown(cancel_futures=True)
