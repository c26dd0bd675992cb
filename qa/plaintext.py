"""Plain text to blocks: paragraphs between blank lines, list items, and lines that act as headings."""

from __future__ import annotations

import re
from dataclasses import dataclass

from qa.schema import Block, BlockKind, Range
from qa.text import LINE_END, tighten

_BULLET = re.compile(r"\s*(?:[-*•·‣–]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s+\S")
_UNDERLINE = re.compile(r"\s*([=\-~*_#])\1{2,}\s*")
_HAS_LETTER = re.compile(r"[^\W\d_]")
# Ends of sentences and clauses, in other scripts too; a question mark is none: questions are headings.
_NO_HEADING_END = ".,;!…\"'”’)。．｡，、；！」』）】।॥۔،؛"
_MAX_HEADING_CHARS = 100
_MAX_HEADING_WORDS = 14
# Three short lines in a row may be chapter, section and title; more are a list of short items.
_MAX_HEADING_RUN = 3


@dataclass(slots=True)
class _Paragraph:
    start: int
    end: int
    lines: int
    is_item: bool = False
    underlined: bool = False


def _paragraphs(text: str, offset: int) -> list[_Paragraph]:
    found: list[_Paragraph] = []
    current: _Paragraph | None = None
    at = offset
    while at < len(text):
        match = LINE_END.search(text, at)
        stop = match.end() if match else len(text)
        start, end = tighten(text, at, stop)
        is_item = bool(_BULLET.match(text, at, stop))
        if start == end:
            current = None
        elif current and current.lines == 1 and _UNDERLINE.fullmatch(text, start, end):
            current.underlined, current.end, current = True, end, None
        elif current and not is_item:
            current.end, current.lines = end, current.lines + 1
        else:
            current = _Paragraph(start, end, 1, is_item=is_item)
            found.append(current)
        at = stop
    return found


def _looks_like_heading(text: str, paragraph: _Paragraph) -> bool:
    if paragraph.underlined:
        return True
    line = text[paragraph.start : paragraph.end]
    return (
        paragraph.lines == 1
        and not paragraph.is_item
        and len(line) <= _MAX_HEADING_CHARS
        and len(line.split()) <= _MAX_HEADING_WORDS
        and line[-1] not in _NO_HEADING_END
        and bool(_HAS_LETTER.search(line))
        and "://" not in line
    )


def blocks(text: str, offset: int = 0) -> tuple[Block, ...]:
    """Return the blocks of plain ``text`` from ``offset`` on, in order.

    A short line without a full stop is a heading when a longer paragraph follows it, directly or
    behind one or two more such lines. Short lines that nothing follows stay passages.
    """
    paragraphs = _paragraphs(text, offset)
    short = [_looks_like_heading(text, p) for p in paragraphs]
    result: list[Block] = []
    at = 0
    while at < len(paragraphs):
        stop = at
        while stop < len(paragraphs) and short[stop]:
            stop += 1
        is_heading_run = at < stop < len(paragraphs) and stop - at <= _MAX_HEADING_RUN
        for i in range(at, min(max(stop, at + 1), len(paragraphs))):
            p = paragraphs[i]
            if is_heading_run:
                level = 1 if i == 0 else min(2 + i - at, 6)
                hidden: tuple[Range, ...] = ()
                if p.underlined:
                    line_end = LINE_END.search(text, p.start)
                    hidden = (Range(line_end.start(), p.end),) if line_end else ()
                result.append(Block(BlockKind.HEADING, Range(p.start, p.end), hidden, level))
            else:
                kind = BlockKind.ITEM if p.is_item else BlockKind.PARAGRAPH
                result.append(Block(kind, Range(p.start, p.end)))
        at = max(stop, at + 1)
    return tuple(result)
