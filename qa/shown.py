"""How the parts of an answer are worded wherever they are shown: safe, on one line."""

from __future__ import annotations

import re

from qa.schema import Answer, Citation, Quote, Reference
from qa.screen import flat, safe


def squeezed(text: str, before: str = "") -> str:
    """Return ``text`` safe, its runs of blanks as one, none at the start when ``before`` ends with one."""
    one_line = safe(re.sub(r"\s+", " ", text))
    return one_line.lstrip(" ") if before.endswith(" ") else one_line


def place(c: Citation) -> str:
    """Return "file:line" or "file:line-line" of a citation."""
    last = f"-{c.line_end}" if c.line_end != c.line else ""
    return f"{flat(c.source)}:{c.line}{last}"


def told(r: Reference) -> str:
    """Return a public source as one phrase: title, publisher, date, kind."""
    details = ", ".join(flat(part) for part in (r.publisher, r.issued) if part)
    kind = f" ({flat(r.kind)})" if r.kind else ""
    return f"{flat(r.title)}. {details}{kind}" if details else f"{flat(r.title)}{kind}"


def answering(quote: Quote) -> str:
    """Return the answering words of a quote, "" when they are none of it or all of it."""
    if sum(len(mark) for mark in quote.marks) >= len(quote.text.rstrip(" .")):
        return ""
    return " ... ".join(flat(quote.text[mark.start : mark.end]) for mark in quote.marks)


def disagreeing(answer: Answer) -> tuple[str, list[tuple[int, str]]]:
    """Return what to say of sources that disagree: a heading, then for each quote its figure, date and sources."""
    d = answer.disagreement
    if d is None:
        return "", []
    by_number = {q.citation.number: q.citation for q in answer.quotes}
    rows = []
    for number, figure in zip(d.quotes, d.figures or ("names both sides",), strict=True):
        c = by_number[number]
        as_of = f"as of {flat(c.as_of)}" if c.as_of else ""
        backing = [", ".join(flat(p) for p in (r.publisher or r.title, r.issued) if p) for r in c.references]
        rows.append((number, f"{flat(figure)}: " + "; ".join(p for p in (place(c), as_of, *backing) if p)))
    return "The documents disagree" if d.figures else "The sources disagree", rows
