"""What the screen shows: answers, passages, reports. Only this module and the command line print."""

from __future__ import annotations

import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.style import Style
from rich.table import Table
from rich.text import Text

from qa.doctor import Finding
from qa.indexer import Report
from qa.manifest import FileRecord, FileStatus, Manifest
from qa.schema import Answer, Citation, Hit, Quote, Reference

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_MAX_WIDTH = 100
_PIPE_WIDTH = 1_000_000
# Whatever could move the cursor, recolour the terminal or turn the reading direction around.
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f]")
_LIVE_S = 5.0


def safe(text: str) -> str:
    """Return ``text`` with control characters and direction overrides shown as U+FFFD."""
    return _UNSAFE.sub("�", text)


def flat(text: str) -> str:
    """Return ``text`` safe and on one line."""
    return safe(" ".join(text.split()))


def console(*, stderr: bool = False) -> Console:
    """Return the console of one stream: styled and wrapped on a terminal, plain long lines in a pipe."""
    stream = sys.stderr if stderr else sys.stdout
    is_terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
    width = None if stream.isatty() else _PIPE_WIDTH
    return Console(file=stream, width=width, force_terminal=is_terminal, highlight=False, markup=False, emoji=False)


def _width(out: Console) -> int:
    return out.width if not out.is_terminal else min(out.width, _MAX_WIDTH)


def _put(out: Console, text: Text, *, indent: int = 0) -> None:
    out.print(Padding(text, (0, 0, 0, indent), expand=False), width=_width(out), soft_wrap=not out.is_terminal)


def _marked(quote: Quote) -> Text:
    """Return the quote on one line, its answering words underlined and bold."""
    text = Text()
    at = 0
    for mark in quote.marks:
        text.append(quote.text[at : mark.start])
        text.append(quote.text[mark.start : mark.end], style="bold underline")
        at = mark.end
    text.append(quote.text[at:])
    return _flattened(text)


def _flattened(text: Text) -> Text:
    """Return ``text`` with line ends as blanks and control characters made visible, styles kept."""
    plain = safe(re.sub(r"[\r\n\t]", " ", text.plain))
    return Text(plain, spans=text.spans)


def place(c: Citation) -> str:
    """Return "file:line" or "file:line-line" of a citation."""
    last = f"-{c.line_end}" if c.line_end != c.line else ""
    return f"{flat(c.source)}:{c.line}{last}"


def _link(path: str) -> Style:
    try:
        return Style(link=Path(path).as_uri())
    except ValueError:
        return Style()


def told(r: Reference) -> str:
    """Return a public source as one phrase: title, publisher, date, kind."""
    details = ", ".join(flat(part) for part in (r.publisher, r.issued) if part)
    kind = f" ({flat(r.kind)})" if r.kind else ""
    return f"{flat(r.title)}. {details}{kind}" if details else f"{flat(r.title)}{kind}"


def _citation(out: Console, c: Citation) -> None:
    head = Text.assemble((f"[{c.number}] ", "bold"), (place(c), Style(bold=True) + _link(c.path)))
    if c.moved:
        head.append("  (moved since it was indexed)", style="yellow")
    _put(out, head)
    heading = " > ".join(flat(part) for part in c.context)
    if heading:
        _put(out, Text(heading), indent=4)
    if c.as_of:
        _put(out, Text(f"as of {flat(c.as_of)}"), indent=4)
    if c.also:
        _put(out, Text(f"also in {', '.join(flat(s) for s in c.also)}"), indent=4)
    for r in c.references:
        _put(out, Text(told(r)), indent=4)
        if r.url:
            _put_url(out, r.url, indent=6)


def _put_url(out: Console, url: str, *, indent: int) -> None:
    """Print a URL on one line of its own: wrapped or cut it could be neither clicked nor copied."""
    clean = flat(url)
    out.print(Text.assemble(" " * indent, (clean, Style(dim=True, link=clean))), soft_wrap=True)


def _quotes(out: Console, quotes: Sequence[Quote]) -> None:
    for quote in quotes:
        text = _marked(quote)
        text.append(f" [{quote.citation.number}]", style="bold cyan")
        _put(out, text, indent=2)
        out.print()


def _disagreement(out: Console, answer: Answer) -> None:
    """Print what the documents disagree about: each figure with its quote, its date and its sources."""
    d = answer.disagreement
    if d is None:
        return
    out.print(Text("The documents disagree" if d.figures else "The sources disagree", style="bold"))
    by_number = {q.citation.number: q.citation for q in answer.quotes}
    for number, figure in zip(d.quotes, d.figures or ("names both sides",), strict=True):
        c = by_number[number]
        as_of = f"as of {flat(c.as_of)}" if c.as_of else ""
        backing = [", ".join(flat(p) for p in (r.publisher or r.title, r.issued) if p) for r in c.references]
        _put(
            out, Text(f"[{number}] {flat(figure)}: " + "; ".join(p for p in (place(c), as_of, *backing) if p)), indent=2
        )
    out.print()


def show_answer(out: Console, answer: Answer) -> None:
    """Print an answer with its citations, or that there is none and what comes closest."""
    if answer.quotes:
        out.print()
        _quotes(out, answer.quotes)
        _disagreement(out, answer)
        out.print(Text("Sources", style="bold"))
        shown = answer.quotes
    else:
        out.print(Text("These documents do not answer that.", style="bold"))
        shown = answer.closest
        if shown:
            out.print()
            out.print(Text("Closest passages, which do not answer this", style="bold"))
            out.print()
            _quotes(out, shown)
    for quote in shown:
        _citation(out, quote.citation)


def show_notes(err: Console, notes: Iterable[str]) -> None:
    """Print notes for the user, one a line."""
    for note in notes:
        err.print(Text(f"note: {flat(note)}"), soft_wrap=True)


def show_explanation(out: Console, answer: Answer) -> None:
    """Print every candidate with its scores, and the verdict with its evidence."""
    v = answer.verdict
    out.print()
    out.print(Text("Why", style="bold"))
    _put(out, Text(f"searched for: {flat(answer.query)}"), indent=2)
    verdict = "answered" if v.answered else "refused"
    _put(out, Text(f"{verdict}: {v.reason} (confidence {v.confidence:.2f}, needed {v.threshold:.2f})"), indent=2)
    _put(out, Text("evidence: " + ", ".join(f"{k} {x:.2f}" for k, x in sorted(v.evidence.items()))), indent=2)
    out.print()
    cited = {q.citation.chunk_id for q in (*answer.quotes, *answer.closest)}
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("rank", "fused", "dense", "sparse"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("passage", overflow="fold")
    table.add_column("used", no_wrap=True)
    for h in answer.hits:
        dense = f"{h.dense:.3f} (#{h.dense_rank})" if h.dense_rank else f"{h.dense:.3f} (-)"
        sparse = f"{h.sparse:.2f} (#{h.sparse_rank})" if h.sparse_rank else "-"
        where = f"{flat(h.passage.sources[0])}:{h.passage.line}"
        used = ("quoted" if answer.quotes else "closest") if h.passage.chunk_id in cited else ""
        table.add_row(str(h.rank), f"{h.fused:.4f}", dense, sparse, where, used)
    out.print(table, width=_width(out) if out.is_terminal else 120)


def show_hits(out: Console, hits: Sequence[Hit]) -> None:
    """Print the passages of a search."""
    if not hits:
        out.print(Text("No passage has these words."))
    for h in hits:
        p = h.passage
        head = Text.assemble(
            (f"[{h.rank}] ", "bold"), (f"{flat(p.sources[0])}:{p.line}", Style(bold=True) + _link(p.paths[0]))
        )
        _put(out, head)
        _put(out, Text(f"fused {h.fused:.4f}, dense {h.dense:.3f}, sparse {h.sparse:.2f}", style="dim"), indent=4)
        if p.context:
            _put(out, Text(" > ".join(flat(c) for c in p.context)), indent=4)
        _put(out, Text(flat(p.text)), indent=4)
        out.print()


def show_lines(out: Console, title: str, lines: Sequence[tuple[int, str, bool]]) -> None:
    """Print numbered lines of a file; the wanted ones are marked with ">" and set in bold."""
    out.print(Text(flat(title), style="bold"))
    digits = max((len(str(number)) for number, _, _ in lines), default=1)
    for number, line, wanted in lines:
        gutter = Text(f"{'>' if wanted else ' '} {number:>{digits}}  ", style="bold cyan" if wanted else "dim")
        body = Text(safe(line.rstrip("\r\n").replace("\t", "    ")), style="bold" if wanted else "")
        if not out.is_terminal:
            out.print(gutter + body, soft_wrap=True)
            continue
        table = Table.grid(padding=0)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        table.add_row(gutter, body)
        out.print(table, width=_width(out))


def _reasons(records: Sequence[FileRecord]) -> str:
    counts = Counter(r.reason for r in records)
    return ", ".join(f"{n} {reason}" for reason, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _files(count: int) -> str:
    return f"{count} file{'s' * (count != 1)}"


def _show_plan(out: Console, report: Report) -> None:
    """Print what a run would do, one line a document."""
    c = report.changes
    lists = {"add": c.added, "change": c.changed, "remove": c.removed, "duplicate": c.duplicated}
    for what, names in lists.items():
        for name in names:
            out.print(Text(f"would {what}: {flat(name)}"), soft_wrap=True)
    for old, new in c.renamed:
        out.print(Text(f"would rename: {flat(old)} -> {flat(new)}"), soft_wrap=True)


def show_report(out: Console, report: Report, *, every_file: bool, is_plan: bool = False) -> None:
    """Print what an indexing run did, or would do: the counts, then each file that needs a word."""
    if is_plan:
        _show_plan(out, report)
    head = Text("documents: ", style="bold")
    failed = report.with_status(FileStatus.FAILED)
    always = ("added", "changed", "removed", "unchanged")
    counts = [(name, n) for name, n in report.changes.counts().items() if n or name in always]
    head.append(", ".join(f"{n} {name}" for name, n in [*counts, ("failed", len(failed))]))
    out.print(head, soft_wrap=True)
    embedded = "would be embedded" if is_plan else "embedded now"
    chunks = f"chunks: {report.chunks} ({report.embedded} {embedded}), {report.seconds:.1f} s"
    out.print(Text(chunks), soft_wrap=True)
    state = "nothing was written" if is_plan else f"generation {report.generation}"
    out.print(Text(f"index: {report.index} ({state})"), soft_wrap=True)
    for record in failed:
        out.print(Text(f"failed: {flat(record.source)}: {record.reason}", style="red"), soft_wrap=True)
        out.print(Text(f"  fix: {record.fix}"), soft_wrap=True)
    for record in report.with_status(FileStatus.EMPTY):
        out.print(Text(f"empty: {flat(record.source)}: {record.reason}", style="yellow"), soft_wrap=True)
    for record in report.with_status(FileStatus.INDEXED):
        for note in record.notes:
            out.print(Text(f"note: {flat(record.source)}: {note}", style="yellow"), soft_wrap=True)
    skipped = report.with_status(FileStatus.SKIPPED)
    if skipped:
        out.print(Text(f"skipped: {_files(len(skipped))} ({_reasons(skipped)})"), soft_wrap=True)
    if every_file:
        show_files(out, report.records)


def _found(r: FileRecord) -> str:
    """Return how much of a file can be found, and what cannot."""
    share = 100 * r.indexed_chars / max(r.solid_chars, 1)
    left = ", ".join(f"{count} {why}" for why, count in r.left_out.items())
    return f"{r.chunks} chunks, {r.chars} characters, {share:.0f}% in passages" + (f" (not: {left})" if left else "")


def show_files(out: Console, records: Sequence[FileRecord]) -> None:
    """Print one line for each file: what became of it and how it was read."""
    for r in records:
        more = _found(r) if r.status is FileStatus.INDEXED else r.reason
        out.print(Text(f"{r.status:8} {flat(r.source)}: {'; '.join([more, *r.notes])}"), soft_wrap=True)


def show_sources(out: Console, rows: Sequence[dict[str, str]]) -> None:
    """Print the documents of an index as a table, or as tab-separated lines in a pipe."""
    names = list(rows[0]) if rows else []
    if not out.is_terminal:
        for row in rows:
            out.print(Text("\t".join(flat(row[n]) for n in names)), soft_wrap=True)
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in names:
        table.add_column(name, justify="right" if name == "chunks" else "left", no_wrap=name != "title")
    for row in rows:
        table.add_row(*(flat(row[n]) for n in names))
    out.print(table)


def show_references(out: Console, references: Sequence[Reference]) -> None:
    """Print the public sources behind the documents."""
    for r in references:
        _put(out, Text.assemble((f"{flat(r.key)}  ", "bold"), told(r)))
        if r.url:
            _put_url(out, r.url, indent=4)


def show_status(out: Console, rows: Sequence[tuple[str, str]], manifest: Manifest) -> None:
    """Print what an index is made of."""
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        out.print(Text.assemble((f"{name:<{width}}  ", "bold"), safe(value)), soft_wrap=True)
    if manifest.failed:
        out.print(Text(f"{_files(manifest.failed)} failed; qa status --files names them", style="red"), soft_wrap=True)


def show_finding(out: Console, finding: Finding) -> None:
    """Print one finding of the doctor, with its remedy when it failed."""
    word, style = ("ok", "green") if finding.passed else ("FAILED", "bold red")
    line = Text.assemble((f"{word:6}  ", style), (f"{finding.check:<9}  ", "bold"), flat(finding.detail))
    out.print(line, soft_wrap=True)
    if finding.fix:
        out.print(Text(f"        fix: {flat(finding.fix)}"), soft_wrap=True)


class ProgressWatcher:
    """Shows a progress bar on a terminal, and a line now and then in a log."""

    def __init__(self, err: Console, *, quiet: bool = False) -> None:
        self._err = err
        self._quiet = quiet
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._stage = ""
        self._total = self._done = 0
        self._said_at = 0.0

    def __enter__(self) -> ProgressWatcher:
        if self._err.is_terminal and not self._quiet:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=self._err, transient=True)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def start(self, stage: str, total: int) -> None:
        """Begin a stage of ``total`` steps, 0 when nobody knows how many."""
        self._stage, self._total, self._done = stage, total, 0
        self._said_at = time.monotonic()
        if self._bar:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(stage, total=total or None)
        elif not self._quiet:
            self._err.print(Text(f"{stage}: {total}" if total else stage))

    def advance(self, steps: int = 1) -> None:
        """Count ``steps`` of the stage as done."""
        self._done += steps
        if self._bar and self._task is not None:
            self._bar.advance(self._task, steps)
        elif not self._quiet and time.monotonic() - self._said_at > _LIVE_S:
            self._said_at = time.monotonic()
            self._err.print(Text(f"{self._stage}: {self._done} of {self._total}"))
