"""Documents that disagree: sentences of one subject that give different figures, and those that say so themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from qa.evidence import Candidate
from qa.quantities import Quantity, dates, numbers, quantities, without_dates
from qa.question_kind import QuestionKind
from qa.schema import Disagreement
from qa.selection import Scored
from qa.terms import stems

# How much of the rarer-worded sentence's terms two sentences must share to be about one thing.
_SAME_SUBJECT = 0.75
_MIN_SHARED = 3
# How many of the best sentences are held against the best one.
_NEAR = 12
# A sentence that speaks of a disagreement counts when it has nearly as much of the question as the best one.
_NEAR_COVERAGE = 0.15
_MIN_COVERAGE = 0.5
_DECLARED = re.compile(
    r"\b(?:sources?|accounts?|reports?|counts?|figures?|totals?|numbers?|estimates?|documents?|records?)\b[^.:;]{0,60}?"
    r"\b(?:disagree|differ|conflict|contradict|vary)(?:s|ed)?\b|\bconflicting (?:accounts|counts|dates|figures|numbers"
    r"|reports|sources|totals)\b",
    re.IGNORECASE,
)
# Who says so is not what is said: two sources may differ in their names and speak of one thing.
_ATTRIBUTION = re.compile(
    r"\b(?:according to|in the words of|as reported by|reported by|counted by|says|said|reports|reported|wrote"
    r"|gives|gave|estimated|counted)\b|\b(?:the )?[A-Z][\w.&'’-]*(?: (?:of |the |and )?[A-Z][\w.&'’-]*)*,? "
    r"(?=(?:says|said|reports|reported|wrote|gives|gave|estimated|counted)\b)|(?<=according to )[^,.;]+"
)
_NAME = re.compile(r"(?<![.!?:]\s)(?<!^)\b[A-Z][\w&'’-]*")


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two sentences that disagree, and what each gives; one alone when it says itself that sources disagree."""

    sentences: tuple[Candidate, ...]
    figures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Statement:
    """What a sentence says, taken apart: its terms without figures, its names, its figures and dates."""

    terms: frozenset[str]
    names: frozenset[str]
    quantities: tuple[Quantity, ...]
    dates: tuple[tuple[int, ...], ...]


def _statement(text: str) -> _Statement:
    plain = _ATTRIBUTION.sub(" ", text)
    undated = without_dates(plain)
    terms = frozenset(s for s in stems(undated) if not s[0].isdigit())
    names = frozenset(stem for m in _NAME.finditer(undated) for stem in stems(m.group()))
    return _Statement(terms, names, tuple(quantities(text)), tuple(dates(text)))


def is_declared(text: str) -> bool:
    """Tell whether a sentence itself says that sources disagree."""
    return _DECLARED.search(text) is not None


def _is_one_subject(a: _Statement, b: _Statement) -> bool:
    """Tell whether two statements are about one thing: nearly the same words, no name that the other lacks."""
    shared = a.terms & b.terms
    smaller = min(len(a.terms), len(b.terms))
    return len(shared) >= max(_MIN_SHARED, _SAME_SUBJECT * smaller) and not a.names ^ b.names


def _fits(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Tell whether two dates may be one: equal as far as both are given."""
    return all(x == y for x, y in zip(a, b, strict=False))


def _one_time(a: _Statement, b: _Statement) -> bool:
    return all(any(_fits(x, y) for y in b.dates) for x in a.dates) or all(
        any(_fits(x, y) for y in a.dates) for x in b.dates
    )


def _different_figures(a: _Statement, b: _Statement) -> tuple[str, str] | None:
    """Return the two figures in which statements of one time differ, None where they do not."""
    if not _one_time(a, b):
        return None
    for x in a.quantities:
        same_unit = [y for y in b.quantities if y.unit == x.unit]
        if len(same_unit) != 1 or sum(y.unit == x.unit for y in a.quantities) != 1:
            continue
        if not x.agrees(same_unit[0]):
            return x.text, same_unit[0].text
    return None


def _told(date: tuple[int, ...]) -> str:
    return "-".join(f"{part:02d}" for part in date)


def _different_dates(a: _Statement, b: _Statement) -> tuple[str, str] | None:
    """Return the two dates in which statements with one date each differ, None where they do not."""
    if len(a.dates) != 1 or len(b.dates) != 1 or _fits(a.dates[0], b.dates[0]):
        return None
    alike = {(f.value, f.unit) for f in a.quantities} == {(f.value, f.unit) for f in b.quantities}
    return (_told(a.dates[0]), _told(b.dates[0])) if alike else None


def _are_independent(a: Candidate, b: Candidate) -> bool:
    """Tell whether two sentences come from different documents, or rest on different sources."""
    if a.hit.passage.doc_id != b.hit.passage.doc_id:
        return True
    return bool(a.sentence.keys) and bool(b.sentence.keys) and not set(a.sentence.keys) & set(b.sentence.keys)


def find_conflict(candidates: Sequence[Candidate], kind: QuestionKind) -> Conflict | None:
    """Return the first disagreement with the first of ``candidates``, which stand best first; None without one.

    A sentence that says itself that sources disagree comes before two sentences that merely do.
    """
    if not candidates:
        return None
    best = candidates[0]
    statement = _statement(best.text)
    for at, c in enumerate(candidates):
        if is_declared(c.text) and (at == 0 or _speaks_of(c, best, statement)):
            return Conflict((c,))
    for c in candidates[1:]:
        other = _statement(c.text)
        if not _are_independent(best, c) or not _is_one_subject(statement, other):
            continue
        pair = _different_figures(statement, other)
        if pair is None and kind is QuestionKind.WHEN:
            pair = _different_dates(statement, other)
        if pair:
            return Conflict((best, c), pair)
    return None


def with_conflict(
    chosen: Sequence[Scored], scored: Sequence[Scored], kind: QuestionKind
) -> tuple[list[Scored], Conflict | None]:
    """Return the sentences to quote, one that disagrees with the best right behind it, and the disagreement."""
    if not chosen:
        return [], None
    near = [chosen[0], *(s for s in scored[:_NEAR] if s is not chosen[0])]
    conflict = find_conflict([s.candidate for s in near], kind)
    if conflict is None:
        return list(chosen), None
    wanted = [s for s in near if s.candidate in conflict.sentences and s is not chosen[0]]
    rest = [s for s in chosen[1:] if s not in wanted]
    return [chosen[0], *wanted, *rest][: max(len(chosen), 1 + len(wanted))], conflict


def told(conflict: Conflict, quotes: Sequence[str]) -> Disagreement | None:
    """Return a disagreement by the numbers of the quotes, None where one of its sentences is not quoted."""
    numbers = [1 + quotes.index(c.text) for c in conflict.sentences if c.text in quotes]
    return Disagreement(tuple(numbers), conflict.figures) if len(numbers) == len(conflict.sentences) else None


def _speaks_of(declared: Candidate, best: Candidate, statement: _Statement) -> bool:
    """Tell whether a sentence about a disagreement concerns what the best sentence gives."""
    if declared.coverage < max(_MIN_COVERAGE, best.coverage - _NEAR_COVERAGE):
        return False
    values = numbers(declared.text)
    same_figure = any(f.value in values for f in statement.quantities)
    same_date = any(len(d) > 1 and d in statement.dates for d in dates(declared.text))
    return same_figure or same_date
