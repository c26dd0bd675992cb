"""Answers a list of questions from one generation, models loaded once, and makes the page of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from qa.abstention import calibration_of
from qa.answerer import Answerer
from qa.citations import Citer
from qa.errors import QuestionError
from qa.faq_page import ItemStatus, Neighbour, Page, PageItem, PageQuote
from qa.generation import Generation
from qa.pins import PinError, pinned_quotes
from qa.question import check
from qa.questions_file import Entry, QuestionList
from qa.reader import CARD_FILE, SHIPPED
from qa.reader_choice import shipped_reader
from qa.schema import Answer, Passage, Quote
from qa.terms import stems
from qa.text import fold

DEFAULT_TITLE = "Frequently asked questions"
# Below this chance that it is right an answer is marked for review: two in three, against which the
# one in two that suffices to answer a person at the screen is too little for a page that stays.
REVIEW_BELOW = 0.67
# Questions whose vectors are nearer than this ask nearly the same (cosine).
_NEAR = 0.9
_BLOCK = 512
_Key = TypeVar("_Key")


def engine_of(generation: Generation) -> str:
    """Return the digest of all that decides an answer besides the documents: models and calibration."""
    checksum = generation.manifest.model_checksum
    choice = shipped_reader()
    calibration, _ = calibration_of(generation, choice.name)
    parts = [checksum.encode(), (SHIPPED / CARD_FILE).read_bytes(), repr(calibration).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


class PageMaker:
    """Answers entries one by one; what a file says wrong is in ``notes``, each line once."""

    def __init__(self, generation: Generation) -> None:
        self._answerer = Answerer(generation)
        self._passages = generation.passages
        self.notes: dict[str, None] = {}

    def item(self, entry: Entry) -> PageItem:
        """Return the question with its answer, or with the reason why it has none."""
        if entry.answer or entry.passage:
            return self._pinned(entry)
        refused: list[PageItem] = []
        for wording in (entry.question, *entry.alternatives):
            try:
                answer = self._answerer.ask(check(wording), filters=entry.filters)
            except QuestionError as error:
                refused.append(PageItem(entry, ItemStatus.UNANSWERED, wording, 0.0, reason=str(error)))
                continue
            self._keep(answer.notes)
            item = self._answered(entry, wording, answer)
            if item.quotes:
                return item
            refused.append(item)
        return max(refused, key=lambda item: item.confidence)

    def _keep(self, notes: Sequence[str]) -> None:
        self.notes.update(dict.fromkeys(note for note in notes if "(run: qa index)" in note))

    def _answered(self, entry: Entry, wording: str, answer: Answer) -> PageItem:
        passages = {h.passage.chunk_id: h.passage for h in answer.hits}
        citer = Citer(self._passages)
        quotes = [self._quote(q, passages[q.citation.chunk_id], citer) for q in answer.quotes]
        confidence = round(answer.verdict.confidence, 2)
        if not quotes:
            return PageItem(entry, ItemStatus.UNANSWERED, wording, confidence, reason=answer.verdict.reason)
        is_sure = confidence >= REVIEW_BELOW
        reason = "" if is_sure else "the documents may not answer just this question"
        status = ItemStatus.ANSWERED if is_sure else ItemStatus.REVIEW
        disagree = answer.disagreement.quotes if answer.disagreement else ()
        return PageItem(entry, status, wording, confidence, tuple(quotes), reason, disagree)

    def _pinned(self, entry: Entry) -> PageItem:
        citer = Citer(self._passages)
        try:
            found = pinned_quotes(
                self._passages,
                self._answerer.retriever,
                citer,
                answer=entry.answer,
                passage=entry.passage,
                filters=entry.filters,
            )
        except (PinError, QuestionError) as error:
            return PageItem(entry, ItemStatus.UNANSWERED, entry.question, 0.0, reason=str(error))
        finally:
            self._keep(citer.notes)
        quotes = tuple(self._quote(quote, passage, citer) for quote, passage in found)
        return PageItem(entry, ItemStatus.ANSWERED, entry.question, 1.0, quotes)

    def _quote(self, quote: Quote, passage: Passage, citer: Citer) -> PageQuote:
        c = quote.citation
        before, after = _surroundings(quote, passage, citer)
        return PageQuote(
            number=c.number,
            text=quote.text,
            marks=quote.marks,
            source=c.source,
            document=passage.sha256,
            line=c.line,
            line_end=c.line_end,
            start=c.start,
            end=c.end,
            title=c.title,
            heading=c.context,
            as_of=c.as_of,
            references=c.references,
            before=before,
            after=after,
        )


def _surroundings(quote: Quote, passage: Passage, citer: Citer) -> tuple[tuple[Neighbour, ...], tuple[Neighbour, ...]]:
    """Return the sentences before and after a quote; each is compared with the file as the quote was."""
    before: list[Neighbour] = []
    after: list[Neighbour] = []
    for sentence in passage.sentences:
        cited = citer.cite(passage, sentence, 1)
        if not cited or cited[1].source != quote.citation.source:
            continue
        text, c = cited
        if c.end <= quote.citation.start:
            before.append(Neighbour(c.start, text))
        elif c.start >= quote.citation.end:
            after.append(Neighbour(c.start, text))
    return tuple(before), tuple(after)


def _plain(question: str) -> str:
    return " ".join(re.findall(r"\w+", fold(question)))


def _groups(keys: Sequence[_Key]) -> dict[_Key, list[int]]:
    """Return the places of each key, in order."""
    found: dict[_Key, list[int]] = {}
    for at, key in enumerate(keys):
        found.setdefault(key, []).append(at)
    return found


def with_duplicates(items: Sequence[PageItem], generation: Generation) -> tuple[PageItem, ...]:
    """Return the items, each naming the earlier ones that ask the same or nearly the same."""
    from qa.retriever import Retriever

    texts = [item.entry.question for item in items]
    vectors = Retriever(generation).encoder.encode_queries(texts)
    plain = [_plain(text) for text in texts]
    terms = [frozenset(stems(text)) for text in texts]
    same, related = _groups(plain), _groups(terms)
    done: list[PageItem] = []
    for first in range(0, len(items), _BLOCK):
        block = vectors[first : first + _BLOCK] @ vectors[: first + _BLOCK].T
        for at, row in enumerate(block, first):
            twins = [j for j in same[plain[at]] if j < at]
            alike = {int(j) for j in np.flatnonzero(row[:at] >= _NEAR)}
            alike |= {j for j in related[terms[at]] if j < at and terms[at]}
            near = sorted(alike - set(twins))
            same_ids, near_ids = (tuple(items[j].id for j in found) for found in (twins, near))
            done.append(replace(items[at], same=same_ids, near=near_ids))
    return tuple(done)


def make_page(questions: QuestionList, items: Sequence[PageItem], generation: Generation) -> Page:
    """Return the page of answered items."""
    return Page(
        title=questions.title or DEFAULT_TITLE,
        intro=questions.intro,
        # Where a question stands in its file is nothing that a page should change for.
        items=tuple(replace(i, entry=replace(i.entry, line=0)) for i in with_duplicates(items, generation)),
        index=generation.manifest.fingerprint,
        engine=engine_of(generation),
    )
