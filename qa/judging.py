"""Compares what was said with what should have been said: containment, exact match, token F1, passages."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

# A gold passage counts as found in a shorter text from this many words on.
_ENOUGH_WORDS = 5
_ARTICLES = frozenset({"a", "an", "the"})


def normal(text: str) -> str:
    """Return ``text`` in lower case without punctuation, blanks squeezed."""
    folded = unicodedata.normalize("NFKC", text).lower()
    return " ".join(re.sub(r"[^\w\s]", "", folded).split())


def is_inside(part: str, text: str) -> bool:
    """Tell whether the normalised ``part`` stands in the normalised ``text``, at word borders."""
    return bool(part) and f" {part} " in f" {text} "


def held(groups: Sequence[Sequence[str]], text: str) -> int:
    """Return how many groups have one of their strings in ``text``."""
    searched = normal(text)
    return sum(any(is_inside(normal(s), searched) for s in group) for group in groups)


def contains(groups: Sequence[Sequence[str]], text: str) -> bool:
    """Tell whether ``text`` has, of every group, one string at word borders."""
    return held(groups, text) == len(groups)


def squad_normal(text: str) -> str:
    """Return ``text`` as SQuAD's own script compares it: as ``normal`` does, articles dropped, symbols too."""
    folded = unicodedata.normalize("NFKC", text).lower()
    kept = "".join(c for c in folded if unicodedata.category(c)[0] not in "PS")
    return " ".join(word for word in kept.split() if word not in _ARTICLES)


def exact_match(said: str, gold: Sequence[str]) -> bool:
    """Tell whether ``said`` is one of the ``gold`` strings, compared as SQuAD does."""
    return squad_normal(said) in {squad_normal(g) for g in gold}


def token_f1(said: str, gold: Sequence[str]) -> float:
    """Return the best F1 (0 to 1) between the words of ``said`` and those of a ``gold`` string, as SQuAD has it."""
    return max((_f1(squad_normal(said).split(), squad_normal(g).split()) for g in gold), default=0.0)


def _f1(said: list[str], gold: list[str]) -> float:
    if not said or not gold:
        return float(said == gold)
    same = (Counter(said) & Counter(gold)).total()
    return 2 * same / (len(said) + len(gold))


def holds_passage(text: str, gold: Sequence[str]) -> bool:
    """Tell whether ``text`` has a ``gold`` passage in it, or five words or more of ``text`` are all in one."""
    return has_passage(squad_normal(text), [squad_normal(g) for g in gold])


def has_passage(text: str, gold: Sequence[str]) -> bool:
    """Tell what ``holds_passage`` does of strings that are normalised already."""
    is_long = len(text.split()) >= _ENOUGH_WORDS
    return any(is_inside(g, text) or (is_long and is_inside(text, g)) for g in gold)
