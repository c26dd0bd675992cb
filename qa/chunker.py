"""Documents to chunks: whole sentences of one section, never more than the model's window.

Each non-blank character of a block is in exactly one chunk. A sentence that is longer than the
window is the one thing that is cut, at blanks, and each piece is then a unit of its own.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from qa.schema import Block, BlockKind, Chunk, Document, Range, Sentence
from qa.text import CITATION_KEYS, LINE_END, blank, keys_of, readable, sentence_ranges, squeeze, tighten

# A part of the index format: a change here makes existing indexes rebuild themselves.
CHUNKER_VERSION = 3
TARGET_TOKENS = 120
MAX_TOKENS = 200
# No chunk is longer than this many characters a token, so that text the tokenizer does not know
# ("x" five million times is one unknown token) still makes chunks of bounded size; blanks and markup
# (long link targets) may be more.
_MAX_CHARS_PER_TOKEN = 12
_MAX_RAW_CHARS_PER_TOKEN = 48
_MAX_WORD_CHARS = 400
# The end of a sentence before its keys, and the beginning of the next behind them.
_STOP_BEFORE = re.compile(r"[.!?][\"”’')*_]*\s*$")
_STARTS = re.compile(r"\s+[\"“‘'(*_]*[A-Z0-9]")
# A section ends after so many paragraphs, so that a file of 50 MB without a heading needs no gigabytes.
_MAX_PARAGRAPHS = 500
# The markup of one sentence: whole tags and link targets, no comment, no mark of a quote, nothing behind a blank.
_MARKUP_BEFORE = re.compile(r"(?:<(?!!--)[^<>]*>|[^\s<>])*\Z")
_MARKUP_BEHIND = re.compile(r"(?:\]\([^()\r\n]*(?:\([^()\r\n]*\)[^()\r\n]*)*\)|<(?!!--)[^<>]*>|[^\s<>])*")
_MAX_MARKUP_CHARS = 200
_WORD = re.compile(rf"\S{{1,{_MAX_WORD_CHARS}}}")


class TokenCounter(Protocol):
    """What the chunker asks of a model: its window and its own count of tokens."""

    @property
    def window(self) -> int:
        """The most tokens of text that the model reads; special tokens not counted."""

    def count(self, texts: list[str]) -> list[int]:
        """Return the number of tokens of each text, special tokens not counted."""


class _Prose:
    """A block as prose: ``masked`` is its text with blanks for markup and citation keys, of the same length.

    With ``plain`` keys are text like any other: in code, and where a block has nothing else.
    """

    def __init__(self, text: str, block: Block, *, plain: bool = False) -> None:
        self.text = text
        self.kind = block.kind
        self.start, self.end = block.range.start, block.range.end
        groups = [] if plain else list(CITATION_KEYS.finditer(text, self.start, self.end))
        self.keys = [(m.start(), keys_of(m.group())) for m in groups]
        # Keys behind a full stop end a sentence, also where the words alone would read on ("free. A detainer").
        self.ends = [
            m.end() - self.start
            for m in groups
            if _STOP_BEFORE.search(text[max(self.start, m.start() - 8) : m.start()])
        ]
        ranges = [Range(m.start(), m.end()) for m in groups]
        self._markup = [r for r in block.hidden if not _meets(ranges, r)]
        self._hidden = _merged([*block.hidden, *ranges])
        self.masked = blank(text, self.start, self.end, self._hidden)

    def readable(self, start: int, end: int) -> str:
        """Return a part of the block in one line, without what is no prose; keys behind the block are none."""
        end = min(end, self.end)
        first = max(bisect_right(self._hidden, start, key=lambda r: r.start) - 1, 0)
        stop = bisect_right(self._hidden, end, key=lambda r: r.start)
        return readable(self.text, start, end, self._hidden[first:stop])

    def grow(self, lo: int, hi: int) -> tuple[int, int]:
        """Extend a sentence over the markup that touches it, so that "**ICE** said" keeps its first stars."""
        before = _meets(self._markup, Range(lo - 1, lo)) if lo > self.start else None
        behind = _meets(self._markup, Range(hi, hi + 1))
        if before:
            start = max(before.start, lo - _MAX_MARKUP_CHARS)
            head = _MARKUP_BEFORE.search(self.text[start:lo])
            lo = start + head.start() if head else lo
        if behind:
            tail = _MARKUP_BEHIND.match(self.text, hi, behind.end)
            hi = tail.end() if tail else hi
        return lo, hi


def _meets(ranges: list[Range], wanted: Range) -> Range | None:
    """Return one of the ranges, which are in order, that shares a character with ``wanted``."""
    place = bisect_right(ranges, wanted.end - 1, key=lambda r: r.start) - 1
    return ranges[place] if place >= 0 and ranges[place].end > wanted.start else None


def _merged(ranges: list[Range]) -> list[Range]:
    """Return the same characters as ranges in order that do not overlap."""
    merged: list[Range] = []
    for r in sorted(ranges, key=lambda r: r.start):
        if merged and r.start < merged[-1].end:
            merged[-1] = Range(merged[-1].start, max(r.end, merged[-1].end))
        else:
            merged.append(r)
    return merged


@dataclass(slots=True)
class _Unit:
    """A sentence and its cell: the cells of a block's units divide the block without gap or overlap."""

    sentence: Sentence
    start: int
    end: int
    text: str
    prose: _Prose
    size: int = 0


@dataclass(slots=True)
class _Section:
    context: tuple[str, ...]
    paragraphs: list[list[_Unit]]


def _pieces(prose: _Prose) -> list[tuple[int, int]]:
    """Return the tight ranges of a block's sentences, rows or lines of code, counted from its start."""
    masked = prose.masked
    if prose.kind is BlockKind.ROW:
        return [tighten(masked, 0, len(masked))]
    if prose.kind is BlockKind.CODE:
        edges = [0, *(m.end() for m in LINE_END.finditer(masked)), len(masked)]
        lines = (tighten(masked, lo, hi) for lo, hi in pairwise(edges))
        return [(lo, hi) for lo, hi in lines if lo < hi]
    return _cut_at(prose.ends, masked, sentence_ranges(masked))


def _cut_at(ends: list[int], masked: str, ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the ranges cut at those of ``ends`` that lie in them and have a new sentence behind them."""
    cut: list[tuple[int, int]] = []
    for lo, hi in ranges:
        inside = [e for e in ends if lo < e < hi and _STARTS.match(masked, e)]
        pieces = (tighten(masked, *pair) for pair in pairwise([lo, *inside, hi]))
        cut += [(a, b) for a, b in pieces if a < b]
    return cut


def _units(prose: _Prose) -> list[_Unit]:
    ranges: list[tuple[int, int]] = []
    for lo, hi in _pieces(prose):
        start, end = prose.grow(lo + prose.start, hi + prose.start)
        ranges.append((max(start, ranges[-1][1]) if ranges else start, end))
    starts = [lo for lo, _ in ranges]
    keys: list[list[str]] = [[] for _ in ranges]
    for at, found in prose.keys:
        keys[max(bisect_right(starts, at) - 1, 0)] += found
    edges = [prose.start, *starts[1:], prose.end]
    return [
        _Unit(Sentence(Range(lo, hi), tuple(dict.fromkeys(own))), *cell, prose.readable(*cell), prose)
        for (lo, hi), own, cell in zip(ranges, keys, pairwise(edges), strict=True)
    ]


def _add_block(section: _Section, text: str, block: Block) -> None:
    prose = _Prose(text, block, plain=block.kind is BlockKind.CODE)
    if prose.masked.strip():
        section.paragraphs.append(_units(prose))
    elif section.paragraphs:
        # A paragraph of nothing but keys backs the sentence before it.
        last = section.paragraphs[-1][-1]
        keys = dict.fromkeys([*last.sentence.keys, *(key for _, found in prose.keys for key in found)])
        last.sentence, last.end = Sentence(last.sentence.range, tuple(keys)), prose.end
    else:
        section.paragraphs.append(_units(_Prose(text, block, plain=True)))


def _sections(document: Document) -> Iterator[_Section]:
    path: dict[int, str] = {}
    section: _Section | None = None
    label = ""
    for block in document.blocks:
        if block.kind is BlockKind.HEADING:
            heading = readable(document.text, block.range.start, block.range.end, block.hidden)
            path = {level: name for level, name in path.items() if level < block.level}
            path[block.level] = heading
        is_full = section is not None and len(section.paragraphs) >= _MAX_PARAGRAPHS
        if block.kind is BlockKind.HEADING or block.label != label or is_full:
            if section:
                yield section
            section, label = None, block.label
        if block.kind is BlockKind.HEADING:
            continue
        if section is None:
            names = [document.title, *(path[level] for level in sorted(path)), label]
            section = _Section(tuple(dict.fromkeys(name for name in names if name)), [])
        _add_block(section, document.text, block)
    if section:
        yield section


def _cost(units: list[_Unit], counter: TokenCounter) -> None:
    for unit, size in zip(units, _sizes([u.text for u in units], counter), strict=True):
        unit.size = max(size, len(unit.sentence.range) // _MAX_RAW_CHARS_PER_TOKEN)


def _sizes(texts: list[str], counter: TokenCounter) -> list[int]:
    counts = counter.count(texts) if texts else []
    return [max(count, len(text) // _MAX_CHARS_PER_TOKEN, 1) for text, count in zip(texts, counts, strict=True)]


def _words(unit: _Unit, limit: int, counter: TokenCounter) -> list[tuple[int, int]]:
    """Return the ranges of the words of a unit, halved as long as they do not fit (text without blanks)."""
    masked, origin = unit.prose.masked, unit.prose.start
    spans = [m.span() for m in _WORD.finditer(masked, unit.start - origin, unit.end - origin)]
    while True:
        sizes = _sizes([masked[lo:hi] for lo, hi in spans], counter)
        halved: list[tuple[int, int]] = []
        for (lo, hi), size in zip(spans, sizes, strict=True):
            middle = (lo + hi) // 2
            halved += [(lo, middle), (middle, hi)] if size > limit and lo < middle else [(lo, hi)]
        if len(halved) == len(spans):
            return [(lo + origin, hi + origin) for lo, hi in spans]
        spans = halved


def _cut(unit: _Unit, limit: int, counter: TokenCounter) -> list[_Unit]:
    """Cut a unit that does not fit into pieces that do, at blanks where there are any."""
    prose, sentence = unit.prose, unit.sentence
    spans = _words(unit, limit, counter)
    edges = [unit.start, *(lo for lo, _ in spans[1:]), sentence.range.end]
    # Each word reaches to the next one, so that what stands between them counts too.
    words = [
        _Unit(Sentence(Range(*cell)), *cell, prose.masked[lo - prose.start : hi - prose.start], prose)
        for (lo, hi), cell in zip(spans, pairwise(edges), strict=True)
    ]
    _cost(words, counter)
    pieces: list[_Unit] = []
    taken = 0
    for group in _group([words], limit, limit):
        taken += len(group)
        is_last = taken == len(words)
        lo = group[0].start if pieces else sentence.range.start
        hi = sentence.range.end if is_last else spans[taken - 1][1]
        end = unit.end if is_last else group[-1].end
        text, size = prose.readable(group[0].start, end), sum(w.size for w in group)
        pieces.append(_Unit(Sentence(Range(lo, hi), sentence.keys), group[0].start, end, text, prose, size))
    return pieces


def _fit_context(context: tuple[str, ...], counter: TokenCounter) -> tuple[tuple[str, ...], int]:
    """Return the context, cut from the left to a third of the window, and its number of tokens."""
    room = counter.window // 3
    kept = context
    while kept:
        size = counter.count([" > ".join(kept)])[0]
        if size <= room:
            return kept, size
        kept = kept[1:] if len(kept) > 1 else (kept[0][: max(len(kept[0]) * room // size - 1, 0)].strip(),)
        if kept == ("",):
            break
    return (), 0


def _group(paragraphs: list[list[_Unit]], limit: int, target: int) -> list[list[_Unit]]:
    """Pack units into groups of at most ``limit``: at paragraph ends once ``target`` is reached."""
    groups: list[list[_Unit]] = []
    size = limit + 1
    for paragraph in paragraphs:
        whole = sum(u.size for u in paragraph)
        if size >= target or (size + whole > limit and whole <= limit and size >= target // 2):
            size = limit + 1
        for unit in paragraph:
            if size + unit.size > limit:
                groups.append([])
                size = 0
            groups[-1].append(unit)
            size += unit.size
    return groups


def _balance(groups: list[list[_Unit]], limit: int, target: int) -> None:
    """Mend a short last group of a section: join it to the one before, or share their sentences."""
    if len(groups) < 2:
        return
    before, last = groups[-2], groups[-1]
    sizes = [sum(u.size for u in g) for g in (before, last)]
    if sum(sizes) <= limit:
        groups[-2:] = [before + last]
    elif sizes[1] < target // 2:
        while len(before) > 1 and sizes[1] + before[-1].size <= sizes[0] - before[-1].size:
            unit = before.pop()
            last.insert(0, unit)
            sizes = [sizes[0] - unit.size, sizes[1] + unit.size]


def _chunk(document: Document, context: tuple[str, ...], units: list[_Unit]) -> Chunk:
    start, end = tighten(document.text, units[0].start, units[-1].end)
    return Chunk(
        chunk_id=f"{document.doc_id}:{start:09d}",
        doc_id=document.doc_id,
        range=Range(start, end),
        context=context,
        body=squeeze(" ".join(u.text for u in units)),
        sentences=tuple(u.sentence for u in units),
    )


def _fitting(
    document: Document, context: tuple[str, ...], units: list[_Unit], counter: TokenCounter
) -> Iterator[Chunk]:
    """Yield the chunk of ``units``, divided as long as the model's own count says that it is too long.

    Counts of sentences add up for word-based tokenizers; for others they may fall short.
    """
    whole = _chunk(document, context, units)
    if counter.count([whole.embedded])[0] > counter.window:
        if len(units) == 1:
            units = _cut(units[0], max(units[0].size // 2, 1), counter)
        if len(units) > 1:
            middle = len(units) // 2
            yield from _fitting(document, context, units[:middle], counter)
            yield from _fitting(document, context, units[middle:], counter)
            return
    yield whole


def chunk(
    document: Document, counter: TokenCounter, *, target: int = TARGET_TOKENS, limit: int = MAX_TOKENS
) -> list[Chunk]:
    """Return the chunks of ``document`` in order.

    ``limit`` is the most tokens of a chunk's body, ``target`` the size at which a chunk ends with its
    paragraph. Context and body together never exceed the window of the model.
    """
    return list(chunks_of(document, counter, target=target, limit=limit))


def chunks_of(
    document: Document, counter: TokenCounter, *, target: int = TARGET_TOKENS, limit: int = MAX_TOKENS
) -> Iterator[Chunk]:
    """Yield the same chunks one after another, as they are made."""
    for section in _sections(document):
        context, used = _fit_context(section.context, counter)
        room = max(min(limit, counter.window - used - 2), 1)
        _cost([u for paragraph in section.paragraphs for u in paragraph], counter)
        paragraphs = [
            [part for u in p for part in (_cut(u, room, counter) if u.size > room else [u])] for p in section.paragraphs
        ]
        groups = _group(paragraphs, room, min(target, room))
        _balance(groups, room, min(target, room))
        for group in groups:
            yield from _fitting(document, context, group, counter)
