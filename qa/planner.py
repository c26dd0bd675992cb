"""What an indexing run has to do: which files are new, changed, the same or gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from qa.decoder import read_bytes
from qa.errors import LoadError
from qa.loader import loader_of, parse
from qa.manifest import FileRecord, FileStatus
from qa.schema import Document
from qa.walker import Found


@dataclass(frozen=True, slots=True)
class Changes:
    """How the documents differ from before, by name, each list sorted.

    ``renamed`` are (old, new) names of the very same content, ``duplicated`` new names of content that
    another name has as well; neither counts as added or removed. ``unchanged`` is a number.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    duplicated: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unchanged: int = 0

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.renamed or self.duplicated or self.removed)

    def counts(self) -> dict[str, int]:
        """Return how many documents there are of each sort."""
        return {
            "added": len(self.added),
            "changed": len(self.changed),
            "removed": len(self.removed),
            "unchanged": self.unchanged,
            "renamed": len(self.renamed),
            "duplicated": len(self.duplicated),
        }


@dataclass(slots=True)
class Plan:
    """The files of the next generation.

    ``records`` has a row for every file seen, in order of names. ``fresh`` are the documents, by id,
    that the previous generation lacks; their records are completed when they have been chunked.
    """

    records: list[FileRecord] = field(default_factory=list)
    fresh: dict[str, Document] = field(default_factory=dict)

    @property
    def failed(self) -> list[FileRecord]:
        """The files that could not be indexed."""
        return [r for r in self.records if r.status is FileStatus.FAILED]


def _same_stat(found: Found, record: FileRecord) -> bool:
    # The second time is set by the system alone: it tells an edit whose author put the first one back.
    seen = (str(found.path), found.size, found.mtime_ns, found.ctime_ns, found.inode)
    return seen == (record.path, record.size, record.mtime_ns, record.ctime_ns, record.inode)


def _bare(found: Found, status: FileStatus, *, reason: str = "", fix: str = "") -> FileRecord:
    return FileRecord(
        source=found.source,
        path=str(found.path),
        root=str(found.root),
        status=status,
        size=found.size,
        mtime_ns=found.mtime_ns,
        ctime_ns=found.ctime_ns,
        inode=found.inode,
        reason=reason,
        fix=fix,
    )


class _Planner:
    def __init__(self, before: Mapping[str, FileRecord], fresh: dict[str, Document], *, encoding: str) -> None:
        self.before = before
        self.encoding = encoding
        self.by_content = {r.doc_id: r for r in before.values() if r.doc_id}
        self.fresh = fresh

    def record(self, found: Found) -> FileRecord:
        """Return the record of one file; a new document is kept in ``fresh``."""
        if found.failed:
            fix = "make it readable" if "read" in found.failed else "split it, or raise max_file_mb in qa.toml"
            return _bare(found, FileStatus.FAILED, reason=found.failed, fix=fix)
        if found.skipped:
            return _bare(found, FileStatus.SKIPPED, reason=found.skipped)
        old = self.before.get(found.source)
        if old and old.status in (FileStatus.INDEXED, FileStatus.EMPTY) and _same_stat(found, old):
            return old
        try:
            return self._read(found)
        except LoadError as error:
            return _bare(found, FileStatus.FAILED, reason=error.reason, fix=error.fix)

    def _read(self, found: Found) -> FileRecord:
        data = read_bytes(found.path)
        document = parse(data, loader_of(found.path), fallback_encoding=self.encoding)
        known = self.by_content.get(document.doc_id)
        if known:
            bare = _bare(found, known.status)
            keep = {
                "sha256", "doc_id", "chars", "solid_chars", "indexed_chars", "left_out", "chunks", "reason", "notes",
            }  # fmt: skip
            return replace(bare, **{name: getattr(known, name) for name in keep})
        if not document.text.strip():
            return replace(_bare(found, FileStatus.EMPTY, reason="empty"), chars=len(document.text))
        self.fresh[document.doc_id] = document
        return replace(
            _bare(found, FileStatus.INDEXED),
            doc_id=document.doc_id,
            sha256=document.sha256,
            chars=len(document.text),
            notes=document.notes,
        )


def _unseen(failed: Iterable[FileRecord], before: Mapping[str, FileRecord]) -> list[FileRecord]:
    """Return the documents of folders that cannot be listed now: nobody said that they are gone."""
    folders = tuple(f"{r.path}/" for r in failed if r.reason.startswith("folder"))
    return (
        [r for r in before.values() if r.status is FileStatus.INDEXED and r.path.startswith(folders)] if folders else []
    )


def add_to_plan(plan: Plan, found: Iterable[Found], before: Mapping[str, FileRecord], *, encoding: str = "") -> None:
    """Read what is new or changed below one root and add its rows to the plan.

    ``before`` are the records of the previous generation by source, empty when everything is to be
    read. A file whose path, size, times and inode are the same is not opened.
    """
    planner = _Planner(before, plan.fresh, encoding=encoding)
    records = [planner.record(f) for f in found]
    plan.records += records
    plan.records += _unseen([r for r in records if r.status is FileStatus.FAILED], before)


def changes(plan: Plan, before: Mapping[str, FileRecord]) -> Changes:
    """Compare the documents of a plan with those of before."""
    now = {r.source: r.doc_id for r in plan.records if r.status is FileStatus.INDEXED}
    old = {r.source: r.doc_id for r in before.values() if r.status is FileStatus.INDEXED}
    went: dict[str, list[str]] = {}
    for source in sorted(old.keys() - now.keys()):
        went.setdefault(old[source], []).append(source)
    known = set(old.values())
    added: list[str] = []
    renamed: list[tuple[str, str]] = []
    duplicated: list[str] = []
    for source in sorted(now.keys() - old.keys()):
        doc_id = now[source]
        if went.get(doc_id):
            renamed.append((went[doc_id].pop(0), source))
        elif doc_id in known:
            duplicated.append(source)
        else:
            added.append(source)
        known.add(doc_id)
    both = now.keys() & old.keys()
    changed = sorted(source for source in both if now[source] != old[source])
    return Changes(
        added=tuple(added),
        changed=tuple(changed),
        renamed=tuple(renamed),
        duplicated=tuple(duplicated),
        removed=tuple(sorted(source for sources in went.values() for source in sources)),
        unchanged=len(both) - len(changed),
    )
