"""Sparse search: BM25 over stemmed terms, in SQLite FTS5 with its k1 = 1.2 and b = 0.75.

Source of the score: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and
Beyond", Foundations and Trends in Information Retrieval, 2009.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from qa.passages import Passages

# A term in the title or heading counts this much of one in the text.
CONTEXT_WEIGHT = 0.5


def _quoted(stem: str) -> str:
    # A NUL ends the expression for SQLite, and half a character is no UTF-8; neither is in any term.
    safe = stem.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
    return '"' + safe.replace('"', '""') + '"'


def expression(stems: Sequence[str], phrases: Sequence[Sequence[str]] = ()) -> str:
    """Return the FTS5 expression: any of ``stems``, and every one of ``phrases`` word for word."""
    required = [_quoted(" ".join(phrase)) for phrase in phrases if phrase]
    anything = " OR ".join(_quoted(s) for s in dict.fromkeys(stems))
    return " AND ".join([*required, f"({anything})"] if anything else required)


def search(
    passages: Passages,
    stems: Sequence[str],
    k: int,
    *,
    phrases: Sequence[Sequence[str]] = (),
    allowed: Sequence[int] | None = None,
) -> list[tuple[int, float]]:
    """Return the ``k`` best rows with their BM25 score (positive, higher is better); ties by row."""
    wanted = expression(stems, phrases)
    return passages.match(wanted, k, allowed, CONTEXT_WEIGHT) if wanted else []


def rarity(stems: Sequence[str], passages: Passages) -> dict[str, float]:
    """Return the weight of each of a question's terms: BM25's idf over the passages, above 0."""
    count = passages.count
    known = passages.document_frequency(stems)
    return {stem: math.log(1 + (count - known.get(stem, 0) + 0.5) / (known.get(stem, 0) + 0.5)) for stem in stems}
