"""The quantities and dates that a sentence gives, so that two sentences can be held against each other."""

from __future__ import annotations

import re
from dataclasses import dataclass

from qa.terms import STOP_WORDS, stem

_MONTHS = "january february march april may june july august september october november december".split()
_MONTH = "|".join(_MONTHS)
_DATE = re.compile(
    rf"\b(?:(?P<m1>{_MONTH})\s+(?P<d1>\d{{1,2}}),?\s+(?P<y1>\d{{4}})|(?P<d2>\d{{1,2}})\s+(?P<m2>{_MONTH})\s+(?P<y2>\d{{4}})"
    rf"|(?P<m3>{_MONTH})\s+(?P<y3>\d{{4}})|(?P<y4>(?:1[89]|20)\d\d)(?![\d,.]*\d)(?!\s*(?:percent|%)))\b",
    re.IGNORECASE,
)
_UNITS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS = {word: n for n, word in enumerate(_UNITS.split())} | {word: 10 * n for n, word in enumerate(_TENS.split(), 2)}
_TEN = "|".join(_TENS.split())
_NUMBER = re.compile(
    rf"(?P<money>[$€£])?(?<![\w.,-])(?:(?P<digits>\d{{1,3}}(?:,\d{{3}})+|\d+)(?P<part>\.\d+)?"
    rf"|(?P<word>(?:{_TEN})-(?:{'|'.join(_UNITS.split()[1:10])})|{'|'.join(_WORDS)}))(?![\w-]|[.,]\d|\()"
    r"(?:\s+(?P<scale>million|billion|thousand|hundred)\b)?(?:\s?(?P<percent>%|percent\b|per cent\b))?",
    re.IGNORECASE,
)
_SCALE = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_ROUND = re.compile(
    r"\b(?:about|around|almost|nearly|some|roughly|approximately|more than|over|at least|at most|fewer than|less than"
    r"|up to|under|close to)\s+(?:the\s+)?[$€£]?$",
    re.IGNORECASE,
)
_NOUN = re.compile(r"\s+((?:[^\W\d_][\w'’/-]*\s+){0,2}[^\W\d_][\w'’/-]*)")


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity: ``value`` of ``unit`` (the stem of what is counted, "%" or a currency), as ``text`` writes it."""

    value: float
    unit: str
    text: str
    is_round: bool

    def agrees(self, other: Quantity) -> bool:
        """Tell whether two quantities of one unit can both be true of one thing: equal, or rounded and near."""
        if self.value == other.value:
            return True
        near = abs(self.value - other.value) <= 0.1 * max(abs(self.value), abs(other.value))
        return near and (self.is_round or other.is_round)


def dates(text: str) -> list[tuple[int, ...]]:
    """Return the dates of ``text`` in order, as (year,), (year, month) or (year, month, day)."""
    found: list[tuple[int, ...]] = []
    for m in _DATE.finditer(text):
        year = next(m[g] for g in ("y1", "y2", "y3", "y4") if m[g])
        month = next((m[g] for g in ("m1", "m2", "m3") if m[g]), "")
        day = m["d1"] or m["d2"]
        parts = [int(year)] + ([_MONTHS.index(month.lower()) + 1] if month else []) + ([int(day)] if day else [])
        found.append(tuple(parts))
    return found


def without_dates(text: str) -> str:
    """Return ``text`` with its dates blanked out, lengths kept."""
    return _DATE.sub(lambda m: " " * len(m.group()), text)


def _value(m: re.Match[str]) -> float:
    if m["word"]:
        value = float(sum(_WORDS[part] for part in m["word"].lower().split("-")))
    else:
        value = float(m["digits"].replace(",", "") + (m["part"] or ""))
    return value * _SCALE.get((m["scale"] or "").lower(), 1)


def numbers(text: str) -> set[float]:
    """Return every number of ``text`` that is no date, whatever it counts."""
    return {_value(m) for m in _NUMBER.finditer(without_dates(text))}


def quantities(text: str) -> list[Quantity]:
    """Return the counted quantities of ``text`` in order; a number that counts nothing is none, and dates are not."""
    plain = without_dates(text)
    found: list[Quantity] = []
    for m in _NUMBER.finditer(plain):
        after = _NOUN.match(plain, m.end())
        if m["percent"]:
            unit, end = "%", m.end()
        elif m["money"]:
            unit, end = m["money"], m.end()
        else:
            named = _counted(after.group(1)) if after else ""
            if not named:
                continue
            unit, end = stem(named.lower()), plain.index(named, m.end()) + len(named)
        is_round = _ROUND.search(plain, 0, m.start()) is not None
        found.append(Quantity(_value(m), unit, " ".join(text[m.start() : end].split()), is_round))
    return found


def _counted(words: str) -> str:
    """Return the word that says what is counted, "" when none follows: the first plural, else the first noun-like."""
    candidates = []
    for word in words.split():
        bare = word.strip("'’/-")
        if len(bare) < 2 or bare.lower() in STOP_WORDS:
            break
        candidates.append(bare)
    plural = next((w for w in candidates if w.lower().endswith("s") and len(w) > 3), "")
    return plural or (candidates[0] if candidates else "")
