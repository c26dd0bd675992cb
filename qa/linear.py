"""Answers and lists for a screen reader: one thing a line, each with its label, nothing in columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from qa.schema import Answer, Citation, Hit, Quote, Reference
from qa.screen import flat, safe
from qa.shown import answering, disagreeing, place, squeezed, told

if TYPE_CHECKING:
    from qa.doctor import Finding

Tell = Callable[[str], None]


def _tell_reference(tell: Tell, r: Reference) -> None:
    tell(f"Public source: {told(r)}")
    if r.url:
        tell(f"Address: {flat(r.url)}")


def _tell_citation(tell: Tell, c: Citation) -> None:
    tell(f"Stands in: {place(c)}" + (" (moved since it was indexed)" if c.moved else ""))
    if c.context:
        tell(f"Heading: {', '.join(flat(part) for part in c.context)}")
    if c.as_of:
        tell(f"As of: {flat(c.as_of)}")
    if c.also:
        tell(f"Also in: {', '.join(flat(s) for s in c.also)}")
    for r in c.references:
        _tell_reference(tell, r)


def _tell_quotes(tell: Tell, quotes: Sequence[Quote], label: str, *, with_words: bool) -> None:
    for quote in quotes:
        tell(f"{label} {quote.citation.number}: {squeezed(quote.text)}")
        if with_words and (words := answering(quote)):
            tell(f"Answering words: {words}")
        _tell_citation(tell, quote.citation)


def tell_answer(tell: Tell, answer: Answer) -> None:
    """Tell an answer, each quote followed by where it stands, or that there is none and what comes closest."""
    count = len(answer.quotes)
    if count:
        tell(f"Answer: {count} quote{'s' * (count != 1)}")
        _tell_quotes(tell, answer.quotes, "Quote", with_words=True)
        heading, rows = disagreeing(answer)
        for number, row in rows:
            tell(f"{heading}: quote {number}, {row}")
        return
    tell("Answer: none. These documents do not answer that.")
    _tell_quotes(tell, answer.closest, "Closest passage, which does not answer this,", with_words=False)


def tell_citations(tell: Tell, citations: Sequence[Citation]) -> None:
    """Tell where the quotes of an answer stand."""
    for c in citations:
        tell(f"Citation {c.number}")
        _tell_citation(tell, c)


def tell_candidates(tell: Tell, hits: Sequence[Hit], cited: Collection[str], used: str) -> None:
    """Tell the candidates of an answer with their scores."""
    for h in hits:
        word = f", {used}" if h.passage.chunk_id in cited else ""
        tell(f"Candidate {h.rank}: {flat(h.passage.sources[0])}:{h.passage.line}{word}, {_scores(h)}")


def _scores(h: Hit) -> str:
    return f"fused {h.fused:.4f}, dense {h.dense:.3f}, sparse {h.sparse:.2f}"


def tell_hits(tell: Tell, hits: Sequence[Hit]) -> None:
    """Tell the passages of a search."""
    for h in hits:
        tell(f"Passage {h.rank}: {flat(h.passage.text)}")
        tell(f"Stands in: {flat(h.passage.sources[0])}:{h.passage.line}")
        if h.passage.context:
            tell(f"Heading: {', '.join(flat(part) for part in h.passage.context)}")
        tell(f"Scores: {_scores(h)}")


def tell_lines(tell: Tell, title: str, lines: Sequence[tuple[int, str, bool]]) -> None:
    """Tell lines of a file; the cited ones say so."""
    tell(f"Document: {flat(title)}")
    for number, line, wanted in lines:
        tell(f"Line {number}{', cited' if wanted else ''}: {safe(line.rstrip()) or '(blank)'}")


def tell_rows(tell: Tell, rows: Sequence[Mapping[str, str]]) -> None:
    """Tell the documents of an index, one a line."""
    names = {"source": "Document", "title": "Title", "topic": "Topic", "as_of": "As of", "chunks": "Chunks"}
    for row in rows:
        tell(". ".join(f"{label}: {flat(row[name])}" for name, label in names.items() if row[name]))


def tell_references(tell: Tell, references: Sequence[Reference]) -> None:
    """Tell the public sources behind the documents."""
    for r in references:
        tell(f"Key: {flat(r.key)}")
        _tell_reference(tell, r)


def tell_finding(tell: Tell, finding: Finding) -> None:
    """Tell one finding of the doctor."""
    tell(f"{finding.check}: {'passed' if finding.passed else 'FAILED'}: {flat(finding.detail)}")
    if finding.fix:
        tell(f"Remedy for {finding.check}: {flat(finding.fix)}")
