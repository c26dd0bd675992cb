"""Judges an index by golden questions: what was found, chosen, refused, and whether it was right."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from qa.answerer import Answerer
from qa.decoder import read_bytes
from qa.errors import LoadError, ModelError, QuestionError
from qa.gold import GoldenQuestion
from qa.judging import contains, exact_match, held, holds_passage, token_f1
from qa.loader import loader_of, parse
from qa.metrics import Outcome
from qa.passages import Passages
from qa.relevance import Relevant, relevant
from qa.schema import DEFAULT_RISK, Answer, Quote, Verdict

_CUTS = (1, 5, 10)


class Stage(StrEnum):
    """Where a question that went wrong went wrong."""

    NONE = ""
    NOT_FOUND = "not found"
    NOT_CHOSEN = "found but not chosen"
    REFUSED = "chosen but refused"
    NOT_REFUSED = "should have refused"


@dataclass(frozen=True, slots=True)
class Judged:
    """One question and what became of it. ``gold_exists`` says that some passage of the index answers it."""

    gold: GoldenQuestion
    answer: Answer
    outcome: Outcome
    stage: Stage
    gold_exists: bool


def is_right(gold: GoldenQuestion, text: str) -> bool:
    """Tell whether quoted sentences say what a golden question wants: its answers, or one of its passages."""
    if not gold.answerable:
        return False
    return contains(gold.answers, text) if gold.answers else holds_passage(text, gold.passages)


def supports(gold: GoldenQuestion, text: str) -> bool:
    """Tell whether one quoted sentence says at least a part of what a golden question wants."""
    return held(gold.answers, text) > 0 if gold.answers else holds_passage(text, gold.passages)


class _Files:
    """The documents as they are on disk, read independently of the check that an answer has passed."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def has(self, quote: Quote) -> bool:
        """Tell whether a quote stands, character for character, where its citation says."""
        c = quote.citation
        if c.path not in self._texts:
            try:
                path = Path(c.path)
                self._texts[c.path] = parse(read_bytes(path), loader_of(path)).text
            except LoadError:
                self._texts[c.path] = ""
        text = self._texts[c.path]
        return text[c.start : c.end] == quote.text and text.count("\n", 0, c.start) + 1 == c.line


def marked_words(quote: Quote) -> str:
    """Return the words that are marked in a quote, all of it where none are."""
    return " ".join(quote.text[m.start : m.end] for m in quote.marks) or quote.text


def _spans(gold: GoldenQuestion, quotes: Sequence[Quote]) -> dict[str, float]:
    """Return exact match and F1 of the marked words: the mean over the groups of answers.

    As many quotes are looked at as there are groups, so that with one group it is the first quote's mark.
    """
    said = [marked_words(q) for q in quotes[: len(gold.answers)]] or [""]
    exact = [max(exact_match(s, group) for s in said) for group in gold.answers]
    f1 = [max(token_f1(s, group) for s in said) for group in gold.answers]
    return {"exact-match": float(all(exact)), "token-f1": sum(f1) / len(f1)}


def stage_of(gold: GoldenQuestion, answer: Answer, *, right: bool) -> Stage:
    """Return the stage that failed, NONE when the question went right."""
    if right:
        return Stage.NONE
    if not gold.answerable:
        return Stage.NOT_REFUSED
    if not answer.verdict.answered and is_right(gold, _text(answer.closest)):
        return Stage.REFUSED
    is_found = is_right(gold, " ".join(h.passage.text for h in answer.hits))
    return Stage.NOT_CHOSEN if is_found else Stage.NOT_FOUND


def _text(quotes: Sequence[Quote]) -> str:
    return " ".join(q.text for q in quotes)


class Evaluator:
    """Asks golden questions of one index and judges the answers."""

    def __init__(self, answerer: Answerer, *, k: int = 10, risk: float = DEFAULT_RISK) -> None:
        if importlib.util.find_spec("ir_measures") is None:
            raise ModelError("ir-measures, which counts ranks, is not installed", fix='pip install "ir-measures<0.5"')
        self._answerer = answerer
        self._k = k
        self._threshold = answerer.calibration.threshold(risk)
        self._risk = risk
        self._files = _Files()

    @property
    def passages(self) -> Passages:
        """The passages of the index."""
        return self._answerer.passages

    def judge(self, questions: Sequence[GoldenQuestion], watch: Callable[[], None] = lambda: None) -> Iterator[Judged]:
        """Yield each question judged, in their order; ``watch`` is called after each."""
        gold = relevant(questions, self.passages)
        for question in questions:
            yield self._judge(question, gold.get(question.id, _NOTHING))
            watch()

    def ask(self, text: str) -> Answer:
        """Return the answer at the risk of this run; a refused one has in ``closest`` what it would have quoted."""
        try:
            answer = self._answerer.ask(text, k=self._k, risk=1.0)
        except QuestionError as error:
            verdict = Verdict(answered=False, confidence=0.0, threshold=self._threshold, reason=str(error))
            return Answer(text, verdict, (), (), (), text, (str(error),))
        v = answer.verdict
        if not answer.quotes:
            return answer
        answered = v.confidence >= round(self._threshold, 6)
        verdict = replace(v, answered=answered, threshold=self._threshold, risk=self._risk)
        if answered:
            return replace(answer, verdict=verdict)
        return replace(answer, verdict=verdict, quotes=(), closest=answer.quotes, disagreement=None)

    def _judge(self, gold: GoldenQuestion, where: Relevant) -> Judged:
        started = time.perf_counter()
        answer = self.ask(gold.question)
        seconds = time.perf_counter() - started
        answered = answer.verdict.answered
        right = is_right(gold, _text(answer.quotes)) if gold.answerable else not answered
        shown = answer.quotes or answer.closest
        figures: dict[str, float] = {}
        if shown:
            figures["verified"] = sum(self._files.has(q) for q in shown) / len(shown)
        if answer.quotes:
            figures["citation-precision"] = sum(supports(gold, q.text) for q in answer.quotes) / len(answer.quotes)
        if gold.answerable:
            figures["containment"] = float(right)
            figures |= _spans(gold, answer.quotes) if gold.answers else {}
        if where.chunks:
            figures |= ranks(answer, where)
        outcome = Outcome(
            answerable=gold.answerable,
            answered=answered,
            confidence=answer.verdict.confidence,
            right=right,
            would_be_right=is_right(gold, _text(shown)),
            seconds=seconds,
            figures=figures,
        )
        return Judged(gold, answer, outcome, stage_of(gold, answer, right=right), bool(where.chunks))


_NOTHING = Relevant(frozenset(), frozenset())


_DOCUMENTS = {**{f"recall@{k}": f"R@{k}" for k in _CUTS}, "mrr": "RR", "ndcg@10": "nDCG@10"}
_PASSAGES = {f"passage-hit@{k}": f"Success@{k}" for k in _CUTS}


def _measure(measures: Mapping[str, str], gold: frozenset[str], ranking: Sequence[str]) -> dict[str, float]:
    """Return figures of one ranking, best first; ``measures`` has their names here and those of ir-measures."""
    if not ranking:
        return dict.fromkeys(measures, 0.0)
    import ir_measures

    parsed = {name: ir_measures.parse_measure(code) for name, code in measures.items()}
    run = {"q": {item: float(len(ranking) - place) for place, item in enumerate(ranking)}}
    values = ir_measures.calc_aggregate(parsed.values(), {"q": dict.fromkeys(sorted(gold), 1)}, run)
    return {name: float(values[measure]) for name, measure in parsed.items()}


def ranks(answer: Answer, where: Relevant) -> dict[str, float]:
    """Return the figures of finding of one question: of its documents, and of its passages.

    Documents rank by their first passage.
    """
    passages = [h.passage for h in answer.hits]
    documents = list(dict.fromkeys(p.sources[0] for p in passages))
    chunks = [p.chunk_id for p in passages]
    return _measure(_DOCUMENTS, where.documents, documents) | _measure(_PASSAGES, where.chunks, chunks)
