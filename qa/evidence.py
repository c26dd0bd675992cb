"""The sentences that may answer a question, and what speaks for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qa.passages import Passages
from qa.question import Question
from qa.schema import Hit, Sentence
from qa.sparse import rarity
from qa.terms import stems


@dataclass(frozen=True, slots=True)
class Candidate:
    """One sentence of a passage that was found.

    ``coverage`` is the share of the question's terms, weighted by how rare they are, that the
    sentence or its headings have (0 to 1); ``text`` is its exact text.
    """

    hit: Hit
    sentence: Sentence
    text: str
    stems: frozenset[str]
    coverage: float


def _equivalents(question: Question, passages: Passages) -> dict[str, set[frozenset[str]]]:
    """Return for each term the other ways to say it that the documents define: all of "secure", "communiti"."""
    own = set(question.stems)
    ways: dict[str, set[frozenset[str]]] = {}
    for short, long in passages.abbreviations():
        short_stems, long_stems = frozenset(stems(short)), frozenset(stems(long))
        if short_stems and short_stems <= own:
            for stem in short_stems:
                ways.setdefault(stem, set()).add(long_stems)
        if long_stems and long_stems <= own:
            for stem in long_stems:
                ways.setdefault(stem, set()).add(short_stems)
    return ways


class Coverage:
    """Measures how much of one question a text has."""

    def __init__(self, question: Question, passages: Passages) -> None:
        self.weights = rarity(question.stems, passages)
        self._total = sum(self.weights.values()) or 1.0
        self._ways = _equivalents(question, passages)

    def of(self, have: frozenset[str]) -> float:
        """Return the weighted share of the question's terms that the stems ``have`` contain (0 to 1)."""
        return sum(w for stem, w in self.weights.items() if self.has(stem, have)) / self._total

    def has(self, stem: str, have: frozenset[str]) -> bool:
        """Tell whether a text with the stems ``have`` says ``stem``, in this or an equivalent form."""
        return stem in have or any(way <= have for way in self._ways.get(stem, ()))


def candidates(hits: Sequence[Hit], coverage: Coverage, passages: Passages, kinds: Sequence[str]) -> list[Candidate]:
    """Return the sentences of the hits, in their order and that of the text.

    With ``kinds`` only those sentences that a public source of one of these kinds backs.
    """
    found: list[Candidate] = []
    for hit in hits:
        passage = hit.passage
        context = frozenset(stems(" ".join(passage.context)))
        for sentence in passage.sentences:
            backing = passages.references(passage.bibliography, sentence.keys) if kinds else []
            if kinds and not any(r.kind.lower() in kinds for r in backing):
                continue
            offset = passage.range.start
            text = passage.text[sentence.range.start - offset : sentence.range.end - offset]
            own = frozenset(stems(text))
            if own:
                found.append(Candidate(hit, sentence, text, own, coverage.of(own | context)))
    return found
