"""Which sentences answer: every candidate is scored, the best are chosen, their answering words marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from qa.evidence import Candidate
from qa.question import Question
from qa.question_kind import QuestionKind
from qa.reader import Reading
from qa.schema import Passage, Range

MAX_QUOTES = 3
MAX_CLOSEST = 3
# A second or third sentence is quoted when its score comes this near to the best; lists and
# comparisons draw on more.
_NEAR = 3.0
_NEAR_WIDE = 5.0
_WIDE = {QuestionKind.LIST, QuestionKind.COMPARE}
# Sentences of which one has more than this share of the other's terms say the same thing.
_SAME = 0.7


class PassageReader(Protocol):
    """Reads passages for a question."""

    def read(self, question: str, passages: Sequence[str]) -> list[Reading]:
        """Return a reading of each passage, in their order."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate with what the reader makes of it.

    ``span`` is the score of its best span over that of no answer, ``answer`` that its passage answers
    (both logits); ``score`` weighs them with coverage and cosine. ``mark`` are the answering words, as
    characters of the candidate's text.
    """

    candidate: Candidate
    span: float
    answer: float
    score: float
    mark: Range | None


def _squeezed(text: str) -> tuple[str, list[int]]:
    """Return ``text`` with runs of blanks as one, and for each of its characters the place in ``text``."""
    characters: list[str] = []
    places: list[int] = []
    for at, character in enumerate(text):
        if not character.isspace():
            characters.append(character)
            places.append(at)
        elif characters and characters[-1] != " ":
            characters.append(" ")
            places.append(at)
    return "".join(characters), places


def _readable(passage: Passage) -> tuple[str, dict[int, tuple[int, int, list[int]]]]:
    """Return the text that is read for a passage, and where each sentence stands in it.

    The text is the headings, then the sentences. A sentence is known by its start in the document, and
    has its start and end in the text and the places of its characters.
    """
    parts = [" > ".join(passage.context)] if passage.context else []
    size = len(parts[0]) + 1 if parts else 0
    where: dict[int, tuple[int, int, list[int]]] = {}
    sentences: list[str] = []
    for sentence in passage.sentences:
        offset = passage.range.start
        text, places = _squeezed(passage.text[sentence.range.start - offset : sentence.range.end - offset])
        where[sentence.range.start] = (size, size + len(text), places)
        sentences.append(text)
        size += len(text) + 1
    return "\n".join([*parts, " ".join(sentences)]), where


def score(
    question: Question, candidates: Sequence[Candidate], reader: PassageReader, weights: Mapping[str, float]
) -> list[Scored]:
    """Return the candidates with their scores, best first; ties by rank of the passage, then by place."""
    passages = {c.hit.passage.chunk_id: c.hit.passage for c in candidates}
    texts = {chunk_id: _readable(passage) for chunk_id, passage in passages.items()}
    readings = dict(zip(texts, reader.read(question.query, [text for text, _ in texts.values()]), strict=True))
    scored: list[Scored] = []
    for candidate in candidates:
        reading = readings[candidate.hit.passage.chunk_id]
        lo, hi, places = texts[candidate.hit.passage.chunk_id][1][candidate.sentence.range.start]
        span, found = reading.best(lo, hi)
        mark = Range(places[found.start - lo], places[found.end - lo - 1] + 1) if found else None
        # Rounded, so that the order does not hang on how many threads added up.
        span, answer = round(span, 3), round(reading.answer, 3)
        total = (
            weights["span"] * span
            + weights["answer"] * answer
            + weights["coverage"] * candidate.coverage
            + weights["dense"] * candidate.hit.dense
        )
        scored.append(Scored(candidate, span, answer, round(total, 4), mark))
    return sorted(scored, key=lambda s: (-s.score, s.candidate.hit.rank, s.candidate.sentence.range.start))


def _alike(a: Candidate, b: Candidate) -> bool:
    return len(a.stems & b.stems) > _SAME * min(len(a.stems), len(b.stems))


def choose(scored: Sequence[Scored], question: Question) -> list[Scored]:
    """Return the sentences to quote: the best, and up to two that come near it and say something else."""
    near = _NEAR_WIDE if question.kind in _WIDE else _NEAR
    chosen: list[Scored] = []
    for s in scored:
        if chosen and s.score < chosen[0].score - near:
            break
        if not any(_alike(s.candidate, c.candidate) for c in chosen):
            chosen.append(s)
        if len(chosen) == MAX_QUOTES:
            break
    return chosen


def closest(scored: Sequence[Scored]) -> list[Scored]:
    """Return the best sentence of each of the best passages, for a question without an answer."""
    best: dict[str, Scored] = {}
    for s in scored:
        best.setdefault(s.candidate.hit.passage.chunk_id, s)
    return list(best.values())[:MAX_CLOSEST]
