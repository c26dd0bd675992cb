"""Words as the sparse index sees them: folded, stemmed, with identifiers kept whole.

"287(g)", "S-Comm", "U.S.", "1,595", "No. 11-182" and "§" are terms of their own; the parts of a
hyphenated word are found as well. The same analysis serves documents and questions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from qa.text import fold

if TYPE_CHECKING:
    from Stemmer import Stemmer

STOP_WORDS = frozenset(
    """a about above after again all also am an and any are as at be because been before being below
    between both but by can cannot could did do does doing done down during each else ever every few
    for from further get gets give given go goes got had has have having he her here hers herself him
    himself his how i if in into is it its itself just know let like made make many may me mean means
    might mine more most much must my myself need no nor not now of off on once one only onto or other
    our ours ourselves out over own please same say says said shall she should so some such tell than
    that the their theirs them themselves then there these they this those through to too under until
    up upon us very was we were what whats when where which while who whom whose why will with within
    without wont would you your yours yourself""".split()
)

_CJK = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
# What stands inside words and is no letter: accents and vowel signs that are characters of their own (texts in
# decomposed form, Hebrew, Arabic, the scripts of India), soft hyphens, joiners.
_SOFT = "\xad\u200c\u200d"
_INSIDE = rf"\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff{_SOFT}"
_DASH = r"[-/&\u2010\u2011\u2013]"
_SPECIAL = re.compile(f"[{_CJK}{_INSIDE}]")
_NO_SOFT = str.maketrans("", "", _SOFT)


@dataclass(frozen=True, slots=True)
class Term:
    """One term and the characters of the text it came from; several terms may share them."""

    stem: str
    start: int
    end: int
    whole: bool


@lru_cache(maxsize=2)
def _tokens(*, special: bool) -> re.Pattern[str]:
    """Return the pattern of a token; one without ``special`` does for texts without such characters.

    Each set with them costs nearly 1 ms to compile, in every process: with all of them 11 ms, without 2.
    """
    cjk, inside = (_CJK, _INSIDE) if special else ("", "")
    letter = rf"[^\W_{cjk}]"
    # No word begins or ends with an underscore: that is Markdown's emphasis. Never taken back ("*+"): a letter that
    # is in both classes would be tried in two ways, and a long word in 2 ** n.
    run = rf"{letter}(?:_*{letter}{f'|[{inside}]' if special else ''})*+"
    end = rf"(?![\w{inside}])"
    return re.compile(
        rf"""
        (?: (?P<section>§+)
          | (?P<clause>\d+(?:\.\d+)*(?:(?:\([a-zA-Z0-9]{{1,4}}\))+|\s\([a-zA-Z]\)))   # 287(g), 8 CFR 287.7(d)(1)
          | (?P<dotted>(?:[a-zA-Z]\.){{2,}}(?:[a-zA-Z]{end})?|[a-zA-Z]\.[a-zA-Z]{end})   # U.S., D.C., F.B.I
          | (?P<number>\d{{1,3}}(?:,\d{{3}})+(?!\d)(?:\.\d+)?|\d+\.\d+)               # 1,595 and 14.3
          | (?P<joined>{run}(?:{_DASH}{run})+)                                        # S-Comm, 11-182, IDENT/IAFIS
          {f"| (?P<cjk>[{cjk}]+)" if special else ""}
          | (?P<word>{run}(?:['’]{run})?)
        )(?:['’][sS]{end})?
        """,
        # Not IGNORECASE: it looks for the cases of each character in these ranges, 30 ms at each start.
        re.VERBOSE,
    )


@lru_cache(maxsize=1)
def _stemmer() -> Stemmer:
    from Stemmer import Stemmer

    return Stemmer("english")


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Return the English (Snowball) stem of a folded word."""
    return str(_stemmer().stemWord(word))


def _plain(word: str) -> str:
    folded = fold(word).translate(_NO_SOFT)
    for ending in ("'s", "’s"):
        folded = folded.removesuffix(ending)
    return folded.replace("'", "").replace("’", "")


def _joined(token: str) -> Iterator[tuple[str, bool]]:
    parts = [_plain(part) for part in re.split(_DASH, token)]
    digits = all(part.isdigit() for part in parts)
    yield ("_" if digits else "").join(parts), True
    for part in parts:
        if len(part) > 1 and part not in STOP_WORDS:
            yield part, False


def _pieces(kind: str, token: str) -> Iterator[tuple[str, bool]]:
    """Yield (unstemmed form, whole) of one token; parts of a joined word are not whole."""
    if kind == "joined":
        yield from _joined(token)
    elif kind == "cjk":
        # No blanks between words: every pair of characters is a term.
        for at in range(max(len(token) - 1, 1)):
            yield token[at : at + 2], True
    else:
        form = _form(kind, token)
        if form and (kind != "word" or form not in STOP_WORDS):
            yield form, True


def _form(kind: str, token: str) -> str:
    if kind == "section":
        return "section"
    if kind == "clause":
        return re.sub(r"\W", "", token.lower().replace(".", "_"))
    if kind == "number":
        return token.replace(",", "").replace(".", "_")
    head, *tail = re.split("['’]", token, maxsplit=1)
    if kind == "dotted" or head == "US":
        # "F.B.I." is "FBI", but "U.S." must not be "us".
        letters = fold(head).replace(".", "")
        return "_".join(letters) if letters in STOP_WORDS else letters
    # "it'll", "didn't", "can't"
    is_short = tail and {fold(head), fold(head).removesuffix("n")} & STOP_WORDS
    return "" if is_short else _plain(token)


def words(text: str) -> Iterator[tuple[str, int, int, bool]]:
    """Yield (unstemmed form, start, end, whole) of each indexable word of ``text``, in order."""
    special = not text.isascii() and _SPECIAL.search(text) is not None
    for match in _tokens(special=special).finditer(text):
        kind = match.lastgroup or "word"
        for form, whole in _pieces(kind, match[kind]):
            yield form, match.start(), match.end(), whole


def terms(text: str) -> list[Term]:
    """Return the terms of ``text`` in order, stop words dropped."""
    return [Term(stem(form), start, end, whole) for form, start, end, whole in words(text)]


def stems(text: str) -> list[str]:
    """Return only the stems of the terms of ``text``, in order, repeats kept."""
    return [stem(form) for form, _, _, _ in words(text)]
