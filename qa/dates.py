"""Dates that stand in a sentence, as a timeline needs them."""

from __future__ import annotations

import re

_MONTHS = "january february march april may june july august september october november december".split()
_NAME = "|".join(f"{m[:3]}(?:{m[3:]})?\\.?" if m != "may" else "may" for m in _MONTHS)
_YEAR = r"(?P<{0}>(?:1[6-9]|20)\d\d)"
_DATE = re.compile(
    rf"\b(?:{_YEAR.format('iso')}-(?P<iso_month>0[1-9]|1[0-2])(?:-(?P<iso_day>0[1-9]|[12]\d|3[01]))?(?![\d-])"
    rf"|(?P<month>{_NAME})\s+(?P<day>[12]?\d|3[01])(?:st|nd|rd|th)?,\s+{_YEAR.format('year')}"
    rf"|(?P<day_first>[12]?\d|3[01])\s+(?P<month_mid>{_NAME})\s+{_YEAR.format('year_mid')}"
    rf"|(?P<month_only>{_NAME})\s+{_YEAR.format('year_month')}"
    # A year alone dates a statement only when a word says so: "the 2011 fact sheet" does not.
    rf"|(?:in|since|by|during|until|from|through|after|before|early|late|mid|year)[ -]{_YEAR.format('bare')}"
    rf"(?![\d,.-]*\d|s\b|'|’))",
    re.IGNORECASE,
)


def _number(name: str) -> int:
    return 1 + next(i for i, month in enumerate(_MONTHS) if month.startswith(name.lower()[:3]))


def first_date(text: str) -> str:
    """Return the first date in a text as ISO 8601, as exact as it is said: "2011-08-05", "2011-08", "2011"; else ""."""
    m = _DATE.search(text)
    if m is None:
        return ""
    if m["iso"]:
        return "-".join(part for part in (m["iso"], m["iso_month"], m["iso_day"]) if part)
    if m["month"]:
        return f"{m['year']}-{_number(m['month']):02d}-{int(m['day']):02d}"
    if m["month_mid"]:
        return f"{m['year_mid']}-{_number(m['month_mid']):02d}-{int(m['day_first']):02d}"
    if m["month_only"]:
        return f"{m['year_month']}-{_number(m['month_only']):02d}"
    return m["bare"]


def told(date: str) -> str:
    """Return an ISO date as people write it: "August 5, 2011"; what is none stays as it is."""
    m = re.fullmatch(r"(\d{4})-(\d\d)(?:-(\d\d))?", date)
    if m is None or not 1 <= int(m[2]) <= 12:
        return date
    month = _MONTHS[int(m[2]) - 1].capitalize()
    return f"{month} {int(m[3])}, {m[1]}" if m[3] else f"{month} {m[1]}"
