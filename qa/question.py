"""Understands a question: its kind, its terms, misspelt words, abbreviations either way."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass

from qa.abbreviations import normal
from qa.errors import QuestionError
from qa.passages import Passages
from qa.question_kind import QuestionKind, kind_of
from qa.terms import STOP_WORDS, stem, stems, words
from qa.text import fold, squeeze

MAX_WORDS = 200
# Text without blanks is one word, and some patterns below take time that grows with its square.
_MAX_CHARS = 10_000


# A word, or an identifier such as 287( or 11-18, with a star behind it.
_STARRED = re.compile(r"(?<!\S)\W*([^\W_][\w.,()/&\u2010-\u2013-]*)\*")
_MAX_CONTINUED = 20
_PHRASE = re.compile(r"[\"“”]([^\"“”]{2,200})[\"“”]")


@dataclass(frozen=True, slots=True)
class Question:
    """A question made ready for searching.

    ``query`` is the text that is embedded: spelling corrected, abbreviations followed by what they
    stand for. ``stems`` are the question's own terms (corrected), ``expanded`` those that
    abbreviations and beginnings add. ``phrases`` stood in quotation marks. ``corrections`` are (typed, read) pairs.
    """

    text: str
    kind: QuestionKind
    query: str
    stems: tuple[str, ...]
    expanded: tuple[str, ...]
    phrases: tuple[tuple[str, ...], ...]
    corrections: tuple[tuple[str, str], ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of how the question was read: a line for each correction."""
        return tuple(f'"{typed}" was read as "{read}"' for typed, read in self.corrections)


def check(text: str) -> str:
    """Return the question with blanks squeezed. Raises QuestionError when it cannot be searched for."""
    # Bytes that are no UTF-8 arrive as lone surrogates, which no tokenizer takes.
    question = squeeze(text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8"))
    example = 'ask about something, for example: qa ask "What is a detainer?"'
    if not question:
        raise QuestionError("the question is empty", fix=example)
    count = len(question.split())
    if count > MAX_WORDS:
        raise QuestionError(
            f"the question has {count} words; at most {MAX_WORDS} are read",
            fix="shorten it, or ask its parts one by one",
        )
    if len(question) > _MAX_CHARS:
        raise QuestionError(
            f"the question has {len(question)} characters; at most {_MAX_CHARS} are read",
            fix="shorten it, or ask its parts one by one",
        )
    if not stems(question):
        what = "only common words" if re.search(r"\w", question) else "no words"
        raise QuestionError(f"the question has {what}, nothing to search for", fix=example)
    return question


def _max_edits(word: str) -> int:
    return 0 if len(word) < 4 else 1 if len(word) < 8 else 2


def _correct(question: str, passages: Passages, english: Container[str]) -> list[tuple[str, int, int, str]]:
    """Return (typed, start, end, read) for words that nobody knows, but of which a passage has a close neighbour."""
    typed = list(words(question))
    known = passages.knows([w for w, _, _, _ in typed])
    # A joined word is as good as its parts: "state-run" is known where "state" is.
    settled = {(lo, hi) for w, lo, hi, _ in typed if w in known or w in english or w in STOP_WORDS}
    # A beginning is no misspelt word.
    settled |= {(lo, hi) for _, lo, hi, _ in typed if question[hi : hi + 1] == "*"}
    words_only = [(w, lo, hi) for w, lo, hi, whole in typed if whole and w.isalpha() and _max_edits(w)]
    unknown = [(w, lo, hi) for w, lo, hi in words_only if (lo, hi) not in settled]
    if not unknown:
        return []
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    vocabulary = passages.vocabulary()
    counts = dict(vocabulary)
    # Where the same stem is known the word is only inflected, not misspelt.
    stems_known = passages.document_frequency([stem(w) for w, _, _ in unknown])
    found: list[tuple[str, int, int, str]] = []
    for word, lo, hi in unknown:
        if stem(word) in stems_known:
            continue
        limit = _max_edits(word)
        pool = [w for w in counts if abs(len(w) - len(word)) <= limit and w.isalpha() and w[0] == word[0]]
        near = process.extract(word, pool, scorer=OSA.distance, score_cutoff=limit, limit=20)
        best = min(near, key=lambda n: (n[1], -counts[n[0]], n[0]), default=None)
        if best:
            found.append((question[lo:hi], lo, hi, best[0]))
    return found


def _starred(question: str) -> dict[tuple[int, int], str]:
    """Return what the words with a star behind them begin with, by their place in the question."""
    found: dict[tuple[int, int], str] = {}
    for match in _STARRED.finditer(question):
        forms = [form for form, _, _, whole in words(match[1]) if whole]
        if forms:
            found[match.span(1)] = forms[-1]
    return found


def _continued(question: str, passages: Passages) -> list[str]:
    """Return the stems of words that go on where a beginning in the question ends.

    Beginnings are words with a star behind them, and identifiers (with a digit) that no passage has as they
    are: "11-18" finds "11-182" and "287" finds "287(g)", but "15" not "1,595", which is another number.
    """
    starred = _starred(question)
    inside = {at for lo, hi in starred for at in range(lo, hi)}
    typed = {form for form, lo, _, whole in words(question) if whole and lo not in inside}
    identifiers = [form for form in typed if any(c.isdigit() for c in form)]
    found = [w for form in starred.values() for w in passages.words_starting(form, _MAX_CONTINUED)]
    for form in sorted(set(identifiers) - passages.knows(identifiers)):
        longer = passages.words_starting(form, _MAX_CONTINUED)
        found += [w for w in longer if not (form.isdigit() and w[len(form)].isdigit())]
    return [stem(w) for w in dict.fromkeys(found)]


def _expand(question: str, passages: Passages) -> tuple[str, list[str]]:
    """Return the question with abbreviations spelt out behind them, and the stems this adds."""
    by_short: dict[str, list[str]] = {}
    pairs = passages.abbreviations()
    for short, long in pairs:
        by_short.setdefault(normal(short), []).append(long)
    query, added = question, []
    own = stems(question)
    joined = f" {' '.join(own)} "
    for match in reversed(list(re.finditer(r"[\w][\w.&/-]*(?:\(\w\))?", question))):
        word = match.group().rstrip(".")
        longs = by_short.get(normal(word)) or by_short.get(normal(word.removesuffix("s"))) or []
        is_common = word.islower() and word in STOP_WORDS
        new = [
            long for long in longs if f" {' '.join(stems(long))} " not in joined and fold(long) not in fold(question)
        ]
        if new and not is_common:
            added += [s for long in new for s in stems(long)]
            query = f"{query[: match.start()]}{word} ({new[0]}){query[match.end() :]}"
    for short, long in pairs:
        if f" {' '.join(stems(long))} " in joined:
            added += stems(short)
    return query, [s for s in dict.fromkeys(added) if s not in own]


def analyse(text: str, passages: Passages, english: Container[str] = ()) -> Question:
    """Make ``text`` ready for searching the ``passages``.

    ``english`` are words that are never taken for misspellings. Raises QuestionError.
    """
    question = check(text)
    corrected = question
    corrections = _correct(question, passages, english)
    for _, lo, hi, read in reversed(corrections):
        corrected = corrected[:lo] + read + corrected[hi:]
    query, added = _expand(corrected, passages)
    own = tuple(dict.fromkeys(stems(corrected)))
    added += [s for s in _continued(corrected, passages) if s not in own and s not in added]
    return Question(
        text=question,
        kind=kind_of(question),
        query=query,
        stems=own,
        expanded=tuple(added),
        phrases=tuple(phrase for m in _PHRASE.finditer(corrected) if (phrase := tuple(stems(m.group(1))))),
        corrections=tuple((typed, read) for typed, _, _, read in corrections),
    )
