"""Which sentences answer: every candidate is scored, the best are chosen, their answering words marked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from qa.evidence import Candidate
from qa.question import Question
from qa.question_kind import QuestionKind
from qa.reader import Reading
from qa.schema import Passage, Range
from qa.terms import stems
from qa.text import squeeze

MAX_QUOTES = 3
MAX_CLOSEST = 3
# A second or third sentence is quoted when its score comes this near to the best; lists and
# comparisons draw on more.
_NEAR = 3.0
_NEAR_WIDE = 5.0
_WIDE = {QuestionKind.LIST, QuestionKind.COMPARE}
# For a question that asks what something is, the sentence that begins "X is a ..." comes before one that is
# only about X; both are in units of the score, chosen on the golden development questions.
_DEFINES = 2.0
_NAMES = 1.0
_DEFINITION = re.compile(
    r"^(?:an?|the)?\s*(?P<subject>[^.;:]{2,100}?)(?:\s\([^)]*\))?\s"
    r"(?P<verb>is|are|was|were|means|mean|refers? to|stands? for|denotes?)\s(?P<kind>an?|the|one)?\b",
    re.IGNORECASE,
)
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


def readable(passage: Passage) -> tuple[str, dict[int, tuple[int, int, list[int]]]]:
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


def _definition(question: Question, text: str) -> float:
    """Return what is added to the score of a sentence that defines what the question asks for."""
    match = _DEFINITION.match(squeeze(text)) if question.kind is QuestionKind.DEFINE else None
    if match is None:
        return 0.0
    subject, wanted = set(stems(match["subject"])), set(question.stems)
    # "CAP stands for ...", asked by its full name, and the other way round.
    if not subject or not (subject <= wanted | set(question.expanded) and subject & wanted):
        return 0.0
    return _DEFINES if match["kind"] and match["verb"].lower() in ("is", "are") else _NAMES


def score(
    question: Question,
    candidates: Sequence[Candidate],
    reader: PassageReader,
    weights: Mapping[str, float],
    *,
    asked: str = "",
) -> list[Scored]:
    """Return the candidates with their scores, best first; ties by rank of the passage, then by place.

    ``asked`` is what the reader is asked instead of the whole query: one part of a question of several.
    """
    passages = {c.hit.passage.chunk_id: c.hit.passage for c in candidates}
    texts = {chunk_id: readable(passage) for chunk_id, passage in passages.items()}
    readings = dict(zip(texts, reader.read(asked or question.query, [text for text, _ in texts.values()]), strict=True))
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
            + _definition(question, candidate.text)
        )
        scored.append(Scored(candidate, span, answer, round(total, 4), mark))
    return sorted(scored, key=lambda s: (-s.score, s.candidate.hit.rank, s.candidate.sentence.range.start))


def _alike(a: Candidate, b: Candidate) -> bool:
    return len(a.stems & b.stems) > _SAME * min(len(a.stems), len(b.stems))


def choose(scored: Sequence[Scored], question: Question, parts: Sequence[Sequence[Scored]] = ()) -> list[Scored]:
    """Return the sentences to quote: the best, and up to two that come near it and say something else.

    ``parts`` are the candidates as scored for each part of a question of several; the best for each is quoted,
    in the order of their scores for the whole.
    """
    near = _NEAR_WIDE if question.kind in _WIDE or parts else _NEAR
    place = {_key(s): i for i, s in enumerate(scored)}
    needed = sorted({place[_key(part[0])] for part in parts if part})
    chosen: list[Scored] = []
    for at in [*needed, *range(len(scored))]:
        s = scored[at]
        if at not in needed and chosen and s.score < scored[0].score - near:
            break
        if not any(_alike(s.candidate, c.candidate) for c in chosen):
            chosen.append(s)
        if len(chosen) == MAX_QUOTES:
            break
    return sorted(chosen, key=lambda s: place[_key(s)])


def _key(s: Scored) -> tuple[str, int]:
    return s.candidate.hit.passage.chunk_id, s.candidate.sentence.range.start


def closest(scored: Sequence[Scored]) -> list[Scored]:
    """Return the best sentence of each of the best passages, for a question without an answer."""
    best: dict[str, Scored] = {}
    for s in scored:
        best.setdefault(s.candidate.hit.passage.chunk_id, s)
    return list(best.values())[:MAX_CLOSEST]
