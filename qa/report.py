"""What the screen shows of files: what an indexing run did, what became of each, the state of an index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.text import Text

from qa.indexer import Report
from qa.manifest import FileRecord, FileStatus, Manifest
from qa.render import show_pairs
from qa.screen import Screen, flat


def _reasons(records: Sequence[FileRecord]) -> str:
    counts = Counter(r.reason for r in records)
    return ", ".join(f"{n} {reason}" for reason, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _files(count: int) -> str:
    return f"{count} file{'s' * (count != 1)}"


def _show_plan(out: Screen, report: Report) -> None:
    """Print what a run would do, one line a document."""
    c = report.changes
    lists = {"add": c.added, "change": c.changed, "remove": c.removed, "duplicate": c.duplicated}
    for what, names in lists.items():
        for name in names:
            out.put(Text(f"would {what}: {flat(name)}"))
    for old, new in c.renamed:
        out.put(Text(f"would rename: {flat(old)} -> {flat(new)}"))


def show_report(out: Screen, report: Report, *, every_file: bool, is_plan: bool = False) -> None:
    """Print what an indexing run did, or would do: the counts, then each file that needs a word."""
    if is_plan:
        _show_plan(out, report)
    head = Text("documents: ", style="bold")
    failed = report.with_status(FileStatus.FAILED)
    always = ("added", "changed", "removed", "unchanged")
    counts = [(name, n) for name, n in report.changes.counts().items() if n or name in always]
    head.append(", ".join(f"{n} {name}" for name, n in [*counts, ("failed", len(failed))]))
    out.put(head)
    embedded = "would be embedded" if is_plan else "embedded now"
    chunks = f"chunks: {report.chunks} ({report.embedded} {embedded}), {report.seconds:.1f} s"
    out.put(Text(chunks))
    state = "nothing was written" if is_plan else f"generation {report.generation}"
    out.put(Text(f"index: {report.index} ({state})"))
    for record in failed:
        out.put(Text(flat(f"{record.source}: {record.reason}")), label=Text("failed: ", style="bold red"))
        out.put(Text(flat(record.fix)), label="  fix: ")
    for record in report.with_status(FileStatus.EMPTY):
        out.put(Text(flat(f"{record.source}: {record.reason}")), label="empty: ")
    for record in report.with_status(FileStatus.INDEXED):
        for note in record.notes:
            out.put(Text(flat(f"{record.source}: {note}")), label="note: ")
    skipped = report.with_status(FileStatus.SKIPPED)
    if skipped:
        out.put(Text(f"skipped: {_files(len(skipped))} ({_reasons(skipped)})"))
    if every_file:
        show_files(out, report.records)


def _found(r: FileRecord) -> str:
    """Return how much of a file can be found, and what cannot."""
    share = 100 * r.indexed_chars / max(r.solid_chars, 1)
    left = ", ".join(f"{count} {why}" for why, count in r.left_out.items())
    return f"{r.chunks} chunks, {r.chars} characters, {share:.0f}% in passages" + (f" (not: {left})" if left else "")


def show_files(out: Screen, records: Sequence[FileRecord]) -> None:
    """Print one line for each file: what became of it and how it was read."""
    for r in records:
        more = _found(r) if r.status is FileStatus.INDEXED else r.reason
        out.put(Text(flat(f"{r.source}: {'; '.join([more, *r.notes])}")), label=f"{r.status:8} ")


def show_status(out: Screen, rows: Sequence[tuple[str, str]], manifest: Manifest) -> None:
    """Print what an index is made of."""
    show_pairs(out, rows)
    if manifest.failed:
        out.put(Text(f"{_files(manifest.failed)} failed; qa status --files names them", style="red"))
