"""Answers a question with quoted sentences, or says that the documents do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from qa.abstention import calibration_of, verdict
from qa.citations import Citer
from qa.conflicts import told, with_conflict
from qa.encoder import Vectors
from qa.errors import QuestionError
from qa.evidence import Candidate, Coverage, candidates
from qa.generation import Generation
from qa.language import language_note
from qa.question import Question
from qa.question_parts import parts_of
from qa.reader_choice import ReaderChoice, shipped_reader
from qa.retriever import Retrieval, Retriever
from qa.schema import DEFAULT_RISK, Answer, Filters, Quote
from qa.selection import Scored, choose, closest, score

# How many of the best passages the reader reads.
READ_PASSAGES = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """One of several questions: the passages to consider, what the search is narrowed to, the risk that is taken."""

    text: str
    k: int = 10
    filters: Filters = field(default_factory=Filters)
    risk: float = DEFAULT_RISK


class Answerer:
    """Answers questions from one generation; models are loaded at the first question."""

    def __init__(self, generation: Generation, choice: ReaderChoice | None = None) -> None:
        self.passages = generation.passages
        self.model = generation.manifest.model
        self.retriever = Retriever(generation)
        choice = choice or shipped_reader()
        self.reader = choice.reader
        self.calibration, self.note = calibration_of(generation, choice.name)

    def ask(
        self,
        text: str,
        *,
        k: int = 10,
        filters: Filters | None = None,
        risk: float = DEFAULT_RISK,
        is_last: bool = False,
    ) -> Answer:
        """Answer ``text`` from the best ``k`` passages, with a wrong answer to at most ``risk`` of all questions.

        After the last question the encoder is let go before the reader is loaded: a third less memory at the peak.
        Raises QuestionError when it cannot be searched for, UsageError for a risk that cannot be promised.
        """
        retrieval = self.retriever.search(text, k=max(k, READ_PASSAGES), filters=filters)
        if is_last:
            self.retriever.release()
        return self._answer(retrieval, k, filters, risk)

    def ask_many(self, asked: Sequence[Asked]) -> list[Answer | QuestionError]:
        """Answer several questions, encoded together; one that cannot be searched for has its error instead."""
        prepared = self.retriever.prepare([a.text for a in asked])
        return [self._answer_prepared(a, ready) for a, ready in zip(asked, prepared, strict=True)]

    def _answer_prepared(self, asked: Asked, ready: tuple[Question, Vectors] | QuestionError) -> Answer | QuestionError:
        if isinstance(ready, QuestionError):
            return ready
        try:
            retrieval = self.retriever.find(*ready, k=max(asked.k, READ_PASSAGES), filters=asked.filters)
        except QuestionError as error:
            return error
        return self._answer(retrieval, asked.k, asked.filters, asked.risk)

    def _answer(self, retrieval: Retrieval, k: int, filters: Filters | None, risk: float) -> Answer:
        question = retrieval.question
        kinds = [kind.lower() for kind in filters.kinds] if filters else []
        coverage = Coverage(question, self.passages)
        found = candidates(retrieval.hits[:READ_PASSAGES], coverage, self.passages, kinds)
        scored = score(question, found, self.reader, self.calibration.ranking)
        decision = verdict(_evidence(scored), self.calibration, risk=risk)
        citer = Citer(self.passages)
        notes = [self.note, *question.notes]
        chosen = choose(scored, question, self._by_part(question, found)) if decision.answered else []
        chosen, conflict = with_conflict(chosen, scored, question.kind)
        quotes = _quotes(chosen, citer)
        if decision.answered and not quotes:
            reason = "the sentences that answered do not stand in the files any more"
            decision = replace(decision, answered=False, reason=reason)
        nearest = [] if quotes else _quotes(closest(scored), citer)
        if not quotes:
            notes.append(language_note(question.text, self.passages, self.model))
        return Answer(
            question=question.text,
            verdict=decision,
            quotes=tuple(quotes),
            closest=tuple(nearest),
            hits=retrieval.hits[:k],
            query=question.query,
            notes=tuple(note for note in [*notes, *citer.notes] if note),
            disagreement=told(conflict, [q.text for q in quotes]) if conflict else None,
        )

    def _by_part(self, question: Question, found: Sequence[Candidate]) -> list[list[Scored]]:
        """Return the candidates as scored for each part of a question of several parts; nothing for one."""
        parts = parts_of(question.query)
        if len(parts) < 2:
            return []
        return [score(question, found, self.reader, self.calibration.ranking, asked=part) for part in parts]


def _quotes(chosen: Sequence[Scored], citer: Citer) -> list[Quote]:
    """Return the quotes of those sentences that stand in their files, numbered from 1."""
    quotes: list[Quote] = []
    for s in chosen:
        cited = citer.cite(s.candidate.hit.passage, s.candidate.sentence, len(quotes) + 1)
        if cited:
            text, citation = cited
            quotes.append(Quote(text, citation, s.score, (s.mark,) if s.mark else ()))
    return quotes


def _evidence(scored: Sequence[Scored]) -> dict[str, float]:
    """Return what speaks for an answer, by the names that the calibration weighs."""
    if not scored:
        return {}
    best = scored[0]
    cosine = max(s.candidate.hit.dense for s in scored)
    return {
        "score": best.score,
        "span": best.span,
        "answer": max(s.answer for s in scored),
        "coverage": best.candidate.coverage,
        "cosine": cosine,
        # At most 0: how far the passage that was chosen is from the one that the dense search puts first.
        "agreement": best.candidate.hit.dense - cosine,
    }
