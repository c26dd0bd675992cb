"""Markdown to blocks with exact offsets: CommonMark and tables, read by markdown-it-py.

The parser tells the lines of a block and its content, with the marks of quotes and lists taken off,
but no columns. So the content is laid over those lines again, and the rules inside it are made to
note what they read; all else in the block is markup ("hidden").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from qa.schema import Block, BlockKind, Range
from qa.text import Lines, squeeze, tighten

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

_NOT_SHOWN = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1\s*>|\Z)|</?[a-z][^<>]*>|<[!?][^<>]*>", re.DOTALL | re.IGNORECASE
)
# What lies deeper the parser leaves out. Lists of real documents reach the 20 that are its default (a list
# in a list is two levels); much more than this meets Python's limit of recursion.
_MAX_NESTING = 150
_InlineRule = Callable[["StateInline", bool], bool]


def _noting(rule: _InlineRule) -> _InlineRule:
    """Return the rule made to note, on the last token that it pushes, what part of the content it read."""

    def run(state: StateInline, silent: bool) -> bool:
        start, count = state.pos, len(state.tokens)
        if not rule(state, silent):
            return False
        if len(state.tokens) > count:
            state.tokens[-1].meta["read"] = (start, state.pos)
        return True

    return run


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt, rules_inline

    # Without text_join an escape such as "\(" stays a token of its own, with a place of its own.
    parser = MarkdownIt("commonmark", {"maxNesting": _MAX_NESTING}).enable("table").disable("text_join")
    rules: dict[str, _InlineRule] = {
        "escape": rules_inline.escape,
        "backticks": rules_inline.backtick,
        "link": rules_inline.link,
        "image": rules_inline.image,
        "autolink": rules_inline.autolink,
        "html_inline": rules_inline.html_inline,
        "entity": rules_inline.entity,
    }
    for name, rule in rules.items():
        parser.inline.ruler.at(name, _noting(rule))
    return parser


def _visible(content: str, tokens: Sequence[Token], origin: int = 0) -> Iterator[tuple[int, int]]:
    """Yield the ranges of ``content`` that the rendered page shows, in order.

    What the ``tokens`` noted counts from ``origin``.
    """
    at = origin
    is_autolink = False
    for token in tokens:
        if token.type == "link_open":
            is_autolink = token.markup == "autolink"
        if token.type == "text" and token.content and not is_autolink:
            place = content.find(token.content, at)
            if place >= 0:
                at = place + len(token.content)
                yield place, at
        if "read" not in token.meta:
            continue
        start, end = (origin + offset for offset in token.meta["read"])
        if token.type == "text_special":
            yield start + (token.content != token.markup and token.info == "escape"), end
        elif token.type == "code_inline":
            yield start + len(token.markup), end - len(token.markup)
        elif token.type == "image":
            yield from _visible(content, token.children or [], start + len("!["))
        elif is_autolink:
            yield start + len("<"), end - len(">")
        at, is_autolink = end, False


def _complement(text: str, start: int, end: int, visible: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return what of ``text[start:end]`` is not in ``visible``, the blanks at the ends of each part left out."""
    edges = [start, *(edge for piece in visible for edge in piece), end]
    parts = (tighten(text, lo, hi) for lo, hi in zip(edges[::2], edges[1::2], strict=True))
    return [(lo, hi) for lo, hi in parts if lo < hi]


# A piece of content in the text: (offset in the content, offset in the text, length).
_Piece = tuple[int, int, int]


def _in_text(laid: list[_Piece], ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges of content, which are in order, as ranges of the text; one over several lines is cut."""
    found: list[tuple[int, int]] = []
    first = 0
    for lo, hi in ranges:
        while first < len(laid) and laid[first][0] + laid[first][2] <= lo:
            first += 1
        n = first
        while n < len(laid) and laid[n][0] < hi:
            at, place, size = laid[n]
            found.append((place + max(lo, at) - at, place + min(hi, at + size) - at))
            n += 1
    return found


class _Reader:
    """One pass over the tokens of one document."""

    def __init__(self, text: str, offset: int) -> None:
        # The parser shows NUL as U+FFFD, so the text is compared with its content in that form.
        self.text = text.replace("\0", "\ufffd")
        self.lines = Lines(text)
        self.first_line = self.lines.position(offset)[0]
        self.tokens = _parser().parse(text[offset:])
        self.blocks: list[Block] = []
        self.depth = 0
        self.in_head = False
        self.label = ""

    def read(self) -> tuple[Block, ...]:
        for at, token in enumerate(self.tokens):
            if token.type in ("list_item_open", "list_item_close"):
                self.depth += token.nesting
            elif token.type == "heading_open":
                self._inline(BlockKind.HEADING, token, self.tokens[at + 1], level=int(token.tag[1:]))
            elif token.type == "paragraph_open":
                kind = BlockKind.ITEM if self.depth else BlockKind.PARAGRAPH
                self._inline(kind, token, self.tokens[at + 1])
            elif token.type in ("thead_open", "thead_close"):
                self.in_head = token.nesting > 0
            elif token.type == "tr_open":
                self._row(at, token)
            elif token.type in ("fence", "code_block"):
                self._code(token)
            elif token.type == "html_block":
                self._html(token)
        return tuple(self.blocks)

    def _map(self, token: Token) -> tuple[int, int]:
        """Return the first line of a token and the one behind its last, counted from 1."""
        first, last = token.map or [0, 0]
        return self.first_line + first, self.first_line + last

    def _add(
        self,
        kind: BlockKind,
        lines: tuple[int, int],
        visible: list[tuple[int, int]],
        *,
        level: int = 0,
        label: str = "",
    ) -> None:
        if visible:
            start, end = tighten(self.text, *self.lines.range(lines[0], lines[1] - 1))
            hidden = tuple(Range(lo, hi) for lo, hi in _complement(self.text, start, end, visible))
            self.blocks.append(Block(kind, Range(start, end), hidden, level, label))

    def _laid(self, content: str, lines: tuple[int, int]) -> list[_Piece]:
        """Lay content over its lines: each line of it is the end of one of them, behind quote and list marks."""
        found: list[_Piece] = []
        at, line = 0, lines[0]
        for piece in content.split("\n"):
            bare = piece.strip()
            place = -1
            while bare and place < 0 and line < lines[1]:
                place = self.text.rfind(bare, *self.lines.range(line, line))
                line += 1
            if place >= 0:
                found.append((at + len(piece) - len(piece.lstrip()), place, len(bare)))
            line += not bare
            at += len(piece) + 1
        return found

    def _inline(self, kind: BlockKind, token: Token, inline: Token, *, level: int = 0) -> None:
        lines = self._map(token)
        shown = _visible(inline.content, inline.children or [])
        self._add(kind, lines, _in_text(self._laid(inline.content, lines), shown), level=level)

    def _row(self, at: int, token: Token) -> None:
        lines = self._map(token)
        cursor, end = self.lines.range(lines[0], lines[1] - 1)
        visible: list[tuple[int, int]] = []
        cells: list[str] = []
        while self.tokens[at].type != "tr_close":
            cell = self.tokens[at]
            if cell.type == "inline" and cell.content:
                shown = list(_visible(cell.content, cell.children or []))
                laid = self._laid_cell(cell.content, cursor, end)
                visible += _in_text(laid, shown)
                cells.append(squeeze("".join(cell.content[lo:hi] for lo, hi in shown)))
                cursor = laid[-1][1] + laid[-1][2] if laid else cursor
            at += 1
        if self.in_head:
            self.label = " | ".join(cells)
        # A table of nothing but its head would be lost as a label.
        if not self.in_head or self.tokens[at + 2].type == "table_close":
            self._add(BlockKind.ROW, lines, visible, label="" if self.in_head else self.label)

    def _laid_cell(self, content: str, start: int, end: int) -> list[_Piece]:
        """Lay the content of a cell over its row, where each bar in it stands behind a backslash."""
        found: list[_Piece] = []
        place = self.text.find(content.replace("|", "\\|"), start, end)
        at = 0
        for piece in content.split("|") if place >= 0 else []:
            size = len(piece) + (at + len(piece) < len(content))
            found += [(at, place, len(piece)), (at + len(piece), place + len(piece) + 1, size - len(piece))]
            at, place = at + size, place + size + 1
        return [piece for piece in found if piece[2]]

    def _code(self, token: Token) -> None:
        first, last = self._map(token)
        first += token.type == "fence"
        last = min(last, first + len(token.content.removesuffix("\n").split("\n")))
        content = token.content
        if content.strip():
            self._add(BlockKind.CODE, (first, last), _in_text(self._laid(content, (first, last)), [(0, len(content))]))

    def _html(self, token: Token) -> None:
        lines, content = self._map(token), token.content
        tags = [m.span() for m in _NOT_SHOWN.finditer(content)]
        shown = _complement(content, 0, len(content), tags)
        self._add(BlockKind.HTML, lines, _in_text(self._laid(content, lines), shown))


def blocks(text: str, offset: int = 0) -> tuple[Block, ...]:
    """Return the blocks of the Markdown ``text`` from ``offset`` on, in order.

    What is in no block is markup that shows nothing: link definitions, rules, comments, the heading
    row of a table (it is the ``label`` of the rows below it).
    """
    return _Reader(text, offset).read()
