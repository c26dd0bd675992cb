"""Abbreviations that the documents define: "Immigration and Customs Enforcement (ICE)".

Source: Schwartz and Hearst, "A simple algorithm for identifying abbreviation definitions in
biomedical text", PSB 2003; plurals ("MOAs") are reduced to the singular first. Where the initials of
the words spell the short form, these words are taken: the paper's match from the right stops at
"Immigration Coalition" in "Interfaith Immigration Coalition (IIC)".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

_PARENTHESIS = re.compile(r"\(([^()]{2,100})\)")
_SHORT = re.compile(r"[A-Za-z0-9][\w.&/-]{1,11}")
# What legal texts put before and around a short form: (the "Agency"), (hereinafter "ICE"), (also known as SComm).
_INTRODUCTION = re.compile(r"\A(?:also\s+(?:called|known\s+as)|hereinafter|hereafter|the|or)\s+", re.IGNORECASE)
_QUOTES = "\"'“”‘’"
_SMALL_WORDS = frozenset("a an and at by for from in of on or the to with".split())
_MAX_LONG_FORMS = 2
_MAX_BEFORE = 400


def singular(short: str) -> str:
    """Return "MOA" for "MOAs"; other words stay as they are."""
    return short[:-1] if len(short) > 2 and short[-1] == "s" and short[-2].isupper() else short


def normal(short: str) -> str:
    """Return the form under which abbreviations are compared: "S-Comm" and "SComm" are one."""
    return re.sub(r"[\W_]", "", singular(short)).casefold()


def _is_short_form(text: str) -> bool:
    return bool(_SHORT.fullmatch(text)) and any(c.isupper() for c in text) and not text.isdigit()


def _long_form(short: str, before: str) -> str:
    """Return the words at the end of ``before`` that spell ``short``, or "" (the paper's findBestLongForm)."""
    letters = re.sub(r"[\W_]", "", short).lower()
    lowered = before.lower()
    at = len(before)
    for i in range(len(letters) - 1, -1, -1):
        at -= 1
        while at >= 0 and (
            lowered[at] != letters[i] or (i == 0 and at > 0 and (before[at - 1].isalnum() or before[at - 1] == "-"))
        ):
            at -= 1
        if at < 0:
            return ""
    start = max(before.rfind(" ", 0, at + 1), before.rfind("-", 0, at)) + 1
    return before[start:].strip()


def _by_initials(short: str, words: list[str]) -> str:
    """Return the last of ``words`` whose initials are the letters of ``short``, "" when there are none.

    Small words and numbers may stand between them, and small words may count, but not as the first one.
    """
    letters = re.sub(r"[\W_]", "", short).casefold()
    left = len(letters)
    for at in range(len(words) - 1, -1, -1):
        word = words[at].strip(_QUOTES).casefold()
        is_small = word in _SMALL_WORDS or word.isdigit()
        if word[:1] == letters[left - 1] and not (is_small and left == 1):
            left -= 1
        elif not is_small:
            return ""
        if left == 0:
            return " ".join(words[at:]).strip(_QUOTES)
    return ""


def _spelt(short: str, words: list[str]) -> str:
    """Return what ``words`` end with that ``short`` abbreviates, "" when it is nothing plausible."""
    words = words[-min(len(short) + 5, len(short) * 2) :]
    long = _by_initials(short, words)
    # Small letters are common words, so chance is more likely: all the initials must fit, and three or more.
    if long and (long[0].isupper() or len(short) > 2) and short not in long.split():
        return long
    long = _long_form(short, " ".join(words))
    return long if len(long) > len(short) and short not in long.split() and long[0].isupper() else ""


def _within(short: str, inner: str) -> str:
    """Return what a parenthesis behind ``short`` spells out, "" when it is something else."""
    words = inner.split()
    fits = len(words) <= min(len(short) + 5, len(short) * 2) and inner[0].isupper() and short not in words
    # Its first word is where the long form begins, even in "IDENT (Automated Biometric Identification System)".
    return " ".join(words) if fits and len(inner) > len(short) and _long_form(short, " ".join(words)) else ""


def definitions(text: str) -> list[tuple[str, str]]:
    """Return the (short, long) forms that ``text`` defines, in order, repeats kept."""
    found: list[tuple[str, str]] = []
    for match in _PARENTHESIS.finditer(text):
        before = text[max(match.start() - _MAX_BEFORE, 0) : match.start()].split()
        inner = _INTRODUCTION.sub("", match.group(1).strip())
        shorts = [part.strip(_QUOTES) for part in re.split(r",?\s+or\s+", inner)]
        if shorts and all(_is_short_form(short) for short in shorts):
            pairs = [(singular(short), _spelt(singular(short), before)) for short in shorts]
        else:
            short = singular(before[-1].strip(_QUOTES)) if before else ""
            pairs = [(short, _within(short, inner))] if inner and _is_short_form(short) else []
        found += [(short, re.sub(r"['’]s$", "", long)) for short, long in pairs if long]
    return found


def commonest(counts: Mapping[tuple[str, str], int]) -> list[tuple[str, str, int]]:
    """Return (short, long, count) of the forms that count most, at most two long forms for one short form."""
    by_short: dict[str, list[str]] = {}
    kept: list[tuple[str, str, int]] = []
    for (short, long), count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        forms = by_short.setdefault(normal(short), [])
        if len(forms) < _MAX_LONG_FORMS and long.casefold() not in forms:
            forms.append(long.casefold())
            kept.append((short, long, count))
    return kept


def collect(texts: Iterable[str]) -> list[tuple[str, str, int]]:
    """Return the (short, long, count) that all ``texts`` together define, the commonest first."""
    return commonest(Counter(pair for text in texts for pair in definitions(text)))
