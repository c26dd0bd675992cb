"""Characters, lines and sentences of a decoded text, which itself is never changed."""

from __future__ import annotations

import bisect
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

from qa.schema import Range

# The line ends that CommonMark knows; str.splitlines also cuts at form feeds and U+2028, editors do not.
LINE_END = re.compile(r"\r\n|\n|\r")
CITATION_KEYS = re.compile(r"(?<!\\)\[(?:[^\[\]@]*\s)?-?@[\w][^\[\]]*\]")
_KEY = re.compile(r"(?<![\w@])-?@([\w](?:[\w:.#$%&+?<>~/-]*\w)?)")
_PARTING = re.compile(r"[\s|<]")
# Full stops and question marks of scripts that nupunkt, trained on English, reads on from.
_FOREIGN_END = re.compile(r"[。！？｡؟۔।॥]+[\"”’」』）】》)]*")


class Lines:
    """Translates offsets of one text into lines and columns, both counted from 1."""

    def __init__(self, text: str) -> None:
        self._size = len(text)
        self.starts = [0] + [m.end() for m in LINE_END.finditer(text)]

    def __len__(self) -> int:
        return len(self.starts)

    def position(self, offset: int) -> tuple[int, int]:
        """Return the (line, column) of a character."""
        line = bisect.bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def range(self, first: int, last: int) -> tuple[int, int]:
        """Return the half-open character range of the lines ``first`` to ``last``, both included."""
        end = self.starts[last] if last < len(self.starts) else self._size
        return self.starts[first - 1], end


def blank(text: str, start: int, end: int, ranges: Iterable[Range]) -> str:
    """Return ``text[start:end]`` with each character of ``ranges`` replaced by a blank: same length."""
    parts: list[str] = []
    at = start
    for hidden in ranges:
        lo, hi = max(hidden.start, at), min(hidden.end, end)
        if lo < hi:
            parts += [text[at:lo], " " * (hi - lo)]
            at = hi
    parts.append(text[at:end])
    return "".join(parts)


def tighten(text: str, start: int, end: int) -> tuple[int, int]:
    """Shrink a range to exclude the blanks at both ends; start == end when nothing is left."""
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    return start + left, max(start + left, start + len(piece.rstrip()))


def readable(text: str, start: int, end: int, hidden: Iterable[Range]) -> str:
    """Return ``text[start:end]`` in one line, without the characters of ``hidden``.

    Where these hold a blank, a bar between cells or a tag, they part words, and a blank is put for
    them; others stand inside words, as in "**ICE**'s".
    """
    parts: list[str] = []
    at = start
    for r in hidden:
        lo, hi = max(r.start, at), min(r.end, end)
        if lo < hi:
            parts += [text[at:lo], " " if _PARTING.search(text, lo, hi) else ""]
            at = hi
    parts.append(text[at:end])
    return squeeze("".join(parts))


def squeeze(text: str) -> str:
    """Return ``text`` with each run of blanks and line ends as one blank, none at the ends."""
    return " ".join(text.split())


def fold(text: str) -> str:
    """Return ``text`` in lower case without accents, for comparing; lengths may differ."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def keys_of(text: str) -> tuple[str, ...]:
    """Return the Pandoc citation keys inside one bracket group, in order, without repeats."""
    return tuple(dict.fromkeys(_KEY.findall(text)))


@lru_cache(maxsize=1)
def _segmenter() -> object:
    import nupunkt

    return nupunkt.sentence_spans


def sentence_ranges(text: str) -> list[tuple[int, int]]:
    """Return the tight half-open ranges of the sentences of one paragraph (nupunkt, Punkt for law)."""
    segment = _segmenter()
    found: list[tuple[int, int]] = list(segment(text))  # type: ignore[operator]
    if not _FOREIGN_END.search(text):
        return found
    cut: list[tuple[int, int]] = []
    for start, end in found:
        edges = [start, *(m.end() for m in _FOREIGN_END.finditer(text, start, end)), end]
        cut += [(lo, hi) for lo, hi in (tighten(text, *pair) for pair in pairwise(edges)) if lo < hi]
    return cut
