"""What the screen shows: answers, passages, reports. Only this module and the command line print."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from qa import linear
from qa.schema import Answer, Citation, Hit, Quote, Reference
from qa.screen import Screen, flat, safe
from qa.shown import answering, disagreeing, place, squeezed, told
from qa.terms import terms

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from qa.doctor import Finding

_LIVE_S = 5.0
# Citation keys, which belong to the text but are not read with it.
_KEYS = re.compile(r"\[@[^\]\n]+\]")
# A title column narrower than this is a column of syllables.
_MIN_TITLE = 24


def _with_keys_dimmed(text: Text) -> Text:
    """Return ``text`` with its citation keys set back, where the terminal can."""
    text.highlight_regex(_KEYS, "dim")
    return text


def _marked(quote: Quote) -> Text:
    """Return the quote on one line, its answering words underlined and bold."""
    text = Text()
    at = 0
    for mark in quote.marks:
        text.append(squeezed(quote.text[at : mark.start], text.plain))
        text.append(squeezed(quote.text[mark.start : mark.end], text.plain), style="bold underline")
        at = mark.end
    text.append(squeezed(quote.text[at:], text.plain))
    return _with_keys_dimmed(text)


def _link(out: Screen, path: str) -> Style:
    try:
        return out.link(Path(path).as_uri())
    except ValueError:
        return Style()


def _number(number: int) -> Text:
    return Text(f"[{number}] ", style="bold")


def _citation(out: Screen, c: Citation, indent: int) -> None:
    head = Text(place(c), style=Style(bold=True) + _link(out, c.path))
    if c.moved:
        head.append("  (moved since it was indexed)", style="not bold")
    out.put(head, indent=indent, label=_number(c.number))
    heading = " > ".join(flat(part) for part in c.context)
    if heading:
        out.put(Text(heading), indent=indent)
    if c.as_of:
        out.put(Text(f"as of {flat(c.as_of)}"), indent=indent)
    if c.also:
        out.put(Text(f"also in {', '.join(flat(s) for s in c.also)}"), indent=indent)
    for r in c.references:
        out.put(Text(told(r)), indent=indent)
        if r.url:
            out.put_url(r.url, indent=indent + 2)


def _quotes(out: Screen, quotes: Sequence[Quote], indent: int, *, with_marks: bool) -> None:
    for quote in quotes:
        text = _marked(quote if with_marks else replace(quote, marks=()))
        out.put(text, indent=indent, label=_number(quote.citation.number))
        if with_marks and not out.is_styled and (words := answering(quote)):
            out.put(Text(words), indent=indent, label=" " * indent + "answering words: ")
        out.write_line()


def _disagreement(out: Screen, answer: Answer, indent: int) -> None:
    """Print what the documents disagree about: each figure with its quote, its date and its sources."""
    heading, rows = disagreeing(answer)
    if rows:
        out.write_line(Text(heading, style="bold"))
        for number, row in rows:
            out.put(Text(row), indent=indent, label=_number(number))
        out.write_line()


def _brief_citation(out: Screen, c: Citation, indent: int) -> None:
    head = Text(place(c), style=Style(bold=True) + _link(out, c.path))
    behind = [", ".join(flat(part) for part in (r.publisher or r.title, r.issued) if part) for r in c.references]
    more = "; ".join([*([f"as of {flat(c.as_of)}"] if c.as_of else []), *behind])
    out.put(head + Text(f"  {more}" if more else "", style="not bold"), indent=indent, label=_number(c.number))


def _indent(quotes: Sequence[Quote]) -> int:
    return len(f"[{max((q.citation.number for q in quotes), default=0)}] ")


def show_answer(out: Screen, answer: Answer, *, is_brief: bool = False) -> None:
    """Print an answer with its citations, or that there is none and what comes closest.

    A brief one has a line for each citation: ``show_citations`` prints them whole.
    """
    if out.is_plain:
        linear.tell_answer(out.put_text, answer)
        return
    shown = answer.quotes or answer.closest
    indent = _indent(shown)
    if answer.quotes:
        _quotes(out, shown, indent, with_marks=True)
        _disagreement(out, answer, indent)
        if not is_brief:
            out.write_line(Text("Sources", style="bold"))
    else:
        out.write_line(Text("These documents do not answer that.", style="bold"))
        if shown:
            out.write_line()
            out.write_line(Text("Closest passages, which do not answer this", style="bold"))
            out.write_line()
            _quotes(out, shown, indent, with_marks=False)
    for quote in shown:
        (_brief_citation if is_brief else _citation)(out, quote.citation, indent)


def show_citations(out: Screen, answer: Answer) -> None:
    """Print where the quotes of an answer stand and who backs them."""
    shown = answer.quotes or answer.closest
    if out.is_plain:
        linear.tell_citations(out.put_text, [q.citation for q in shown])
        return
    for quote in shown:
        _citation(out, quote.citation, _indent(shown))


def show_notes(err: Screen, notes: Iterable[str]) -> None:
    """Print notes for the user, one a line."""
    for note in notes:
        err.put(Text(flat(note)), label="note: ")


def show_explanation(out: Screen, answer: Answer) -> None:
    """Print every candidate with its scores, and the verdict with its evidence."""
    v = answer.verdict
    out.write_line()
    out.write_line(Text("Why", style="bold"))
    out.put(Text(f"searched for: {flat(answer.query)}"), indent=2)
    verdict = "answered" if v.answered else "refused"
    out.put(Text(f"{verdict}: {v.reason} (confidence {v.confidence:.2f}, needed {v.threshold:.2f})"), indent=2)
    out.put(Text("evidence: " + ", ".join(f"{k} {x:.2f}" for k, x in sorted(v.evidence.items()))), indent=2)
    out.write_line()
    cited = {q.citation.chunk_id for q in (*answer.quotes, *answer.closest)}
    used = "quoted" if answer.quotes else "closest"
    if out.is_plain:
        linear.tell_candidates(out.put_text, answer.hits, cited, used)
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("rank", "fused", "dense", "#", "sparse", "#"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("passage", overflow="fold")
    for h in answer.hits:
        dense = (f"{h.dense:.3f}", str(h.dense_rank or "-"))
        sparse = (f"{h.sparse:.2f}", str(h.sparse_rank)) if h.sparse_rank else ("-", "-")
        where = Text(f"{flat(h.passage.sources[0])}:{h.passage.line}")
        if h.passage.chunk_id in cited:
            where.append(f"  {used}", style="bold")
        table.add_row(str(h.rank), f"{h.fused:.4f}", *dense, *sparse, where)
    out.print(table, width=out.text_width if out.wraps else 120)


def _with_terms_marked(text: str, stems: Collection[str]) -> Text:
    """Return ``text`` with the words that were looked for in bold."""
    marked = Text(text)
    for term in terms(text):
        if term.stem in stems:
            marked.stylize("bold", term.start, term.end)
    return _with_keys_dimmed(marked)


def show_hits(out: Screen, hits: Sequence[Hit], stems: Collection[str] = ()) -> None:
    """Print the passages of a search, the words with one of ``stems`` in bold."""
    if not hits:
        out.write_line(Text("No passage has these words."))
    if out.is_plain:
        linear.tell_hits(out.put_text, hits)
        return
    indent = len(f"[{max((h.rank for h in hits), default=0)}] ")
    for h in hits:
        p = h.passage
        head = Text(f"{flat(p.sources[0])}:{p.line}", style=Style(bold=True) + _link(out, p.paths[0]))
        out.put(head, indent=indent, label=_number(h.rank))
        if p.context:
            out.put(Text(" > ".join(flat(c) for c in p.context)), indent=indent)
        out.put(_with_terms_marked(flat(p.text), stems), indent=indent)
        scores = f"fused {h.fused:.4f}, dense {h.dense:.3f}, sparse {h.sparse:.2f}"
        out.put(Text(scores, style="dim"), indent=indent)
        out.write_line()


def show_lines(out: Screen, title: str, lines: Sequence[tuple[int, str, bool]]) -> None:
    """Print numbered lines of a file; the wanted ones are marked with ">" and set in bold."""
    if out.is_plain:
        linear.tell_lines(out.put_text, title, lines)
        return
    out.write_line(Text(flat(title), style="bold"))
    digits = max((len(str(number)) for number, _, _ in lines), default=1)
    for number, line, wanted in lines:
        gutter = Text(f"{'>' if wanted else ' '} {number:>{digits}}  ", style="bold" if wanted else "dim")
        body = Text(safe(line.rstrip("\r\n").replace("\t", "    ")), style="bold" if wanted else "")
        out.put(_with_keys_dimmed(body), label=gutter)


def show_sources(out: Screen, rows: Sequence[dict[str, str]]) -> None:
    """Print the documents of an index as a table, a list where that is too wide, tab-separated lines in a pipe."""
    names = list(rows[0]) if rows else []
    if out.is_plain:
        linear.tell_rows(out.put_text, rows)
        return
    if not out.wraps:
        for row in rows:
            out.write_row(row[n] for n in names)
        return
    widest = {n: max([cell_len(n), *(cell_len(flat(row[n])) for row in rows)]) for n in names}
    fixed = sum(widest[n] + 2 for n in names if n != "title")
    if out.width - fixed < min(_MIN_TITLE, widest.get("title", 0)):
        _show_source_list(out, rows)
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in names:
        table.add_column(name, justify="right" if name == "chunks" else "left", no_wrap=name != "title")
    for row in rows:
        table.add_row(*(flat(row[n]) for n in names))
    out.print(table)


def _show_source_list(out: Screen, rows: Sequence[dict[str, str]]) -> None:
    for row in rows:
        out.put(Text(flat(row["source"]), style="bold"))
        details = [row["topic"], f"as of {row['as_of']}" if row["as_of"] else "", f"{row['chunks']} chunks"]
        for part in (row["title"], ", ".join(d for d in details if d)):
            if part:
                out.put(Text(flat(part)), indent=4)


def show_references(out: Screen, references: Sequence[Reference]) -> None:
    """Print the public sources behind the documents."""
    if out.is_plain:
        linear.tell_references(out.put_text, references)
        return
    for r in references:
        key = flat(r.key)
        if out.wraps:
            out.put(Text(key, style="bold"))
            out.put(Text(told(r)), indent=4)
        else:
            out.write_line(Text.assemble((f"{key}  ", "bold"), told(r)))
        if r.url:
            out.put_url(r.url, indent=4)


def show_pairs(out: Screen, rows: Sequence[tuple[str, str]]) -> None:
    """Print names and their values in two columns."""
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        if out.is_plain:
            out.put_text(f"{name}: {flat(value)}")
        else:
            out.put(Text(flat(value)), label=Text(f"{name:<{width}}  ", style="bold"))


def show_finding(out: Screen, finding: Finding) -> None:
    """Print one finding of the doctor, with its remedy when it failed."""
    if out.is_plain:
        linear.tell_finding(out.put_text, finding)
        return
    word, style = ("ok", "green") if finding.passed else ("FAILED", "bold red")
    label = Text.assemble((f"{word:6}  ", style), (f"{finding.check:<9}  ", "bold"))
    out.put(Text(flat(finding.detail)), label=label)
    if finding.fix:
        out.put(Text(flat(finding.fix)), label=f"{'':8}fix: ")


class ProgressWatcher:
    """Shows a progress bar on a terminal, and a line now and then in a log."""

    def __init__(self, err: Screen, *, quiet: bool = False) -> None:
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
