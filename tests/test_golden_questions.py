"""The golden questions keep their form, and the corpus holds every gold answer.

Whether qa answers them is measured by ``python -m bench.golden``, not here.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from functools import cache
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import pytest

from qa.judging import normal
from tests.test_corpus import BIBLIOGRAPHY, DOSSIER, Statement, corpus_statements

FOLDER = Path(__file__).with_name("golden")
FILES = ("questions.jsonl", "development.jsonl", "calibration.jsonl", "natural.jsonl")
ANSWERABLE = ["id", "split", "question", "answerable", "type", "answers", "keys", "facts"]
UNANSWERABLE = ["id", "split", "question", "answerable", "type", "why_not", "near", "note"]
TYPES = set("compare define how how-many how-much list what when where who why yes-no".split())
REASONS = {"off-topic", "near-miss", "false-premise"}
# One answer quotes three sentences at most.
MOST_SENTENCES = 3

Question = dict[str, Any]


@cache
def questions(name: str) -> tuple[Question, ...]:
    return tuple(map(json.loads, (FOLDER / name).read_text(encoding="utf-8").splitlines()))


def everywhere() -> list[Question]:
    return list(chain.from_iterable(map(questions, FILES)))


@cache
def padded(text: str) -> str:
    """Return a text as ``qa.judging`` compares it, kept because each sentence meets hundreds of questions."""
    return f" {normal(text)} "


def sentences_needed(groups: list[list[str]], statements: list[Statement]) -> int | None:
    """Return the fewest sentences that hold every group together, None when more than ``MOST_SENTENCES`` do."""
    sought = [[padded(wording) for wording in group] for group in groups]
    held = {
        frozenset(n for n, wordings in enumerate(sought) if any(w in padded(s.text) for w in wordings))
        for s in statements
    } - {frozenset()}
    for size in range(1, MOST_SENTENCES + 1):
        if any(len(frozenset().union(*some)) == len(groups) for some in combinations(held, size)):
            return size
    return None


def document_of(statement: Statement) -> str:
    return statement.place.partition(":")[0]


@pytest.mark.parametrize("name", FILES)
def test_each_question_has_its_fields_filled(name: str) -> None:
    for q in questions(name):
        assert list(q) == (ANSWERABLE if q["answerable"] else UNANSWERABLE), q["id"]
        assert q["split"] in {"dev", "test"}, q["id"]
        assert q["type"] in TYPES, q["id"]
        assert q["question"] == q["question"].strip() != "", q["id"]
        if q["answerable"]:
            assert q["answers"], q["id"]
            assert all(g and all(map(normal, g)) for g in q["answers"]), q["id"]
            assert q["keys"], q["id"]
            assert q["facts"], q["id"]
        else:
            assert q["why_not"] in REASONS, q["id"]
            assert q["note"], q["id"]
            assert q["why_not"] != "off-topic" or not q["near"], q["id"]


def test_no_id_and_no_question_occurs_twice() -> None:
    for field in ("id", "question"):
        counts = Counter(normal(q[field]) for q in everywhere())
        assert [value for value, times in counts.items() if times > 1] == []


@pytest.mark.parametrize("name", FILES[1:])
def test_more_questions_are_all_for_fitting(name: str) -> None:
    assert {q["split"] for q in questions(name)} == {"dev"}


def test_calibration_questions_name_no_fact_that_a_test_question_names() -> None:
    def facts(some: Iterable[Question]) -> set[str]:
        return {fact for q in some for fact in (*q.get("facts", ()), *q.get("near", ()))}

    tested = facts(q for q in questions("questions.jsonl") if q["split"] == "test")
    assert tested
    assert tested & facts(questions("calibration.jsonl")) == set()


def test_facts_and_keys_exist() -> None:
    facts = {json.loads(line)["id"] for line in DOSSIER.read_text(encoding="utf-8").splitlines()}
    keys = {reference["id"] for reference in json.loads(BIBLIOGRAPHY.read_text(encoding="utf-8"))}
    for q in everywhere():
        assert {*q.get("facts", ()), *q.get("near", ())} <= facts, q["id"]
        assert {*q.get("keys", ())} <= keys, q["id"]


def test_gold_answers_stand_in_three_sentences_of_the_corpus() -> None:
    statements = list(corpus_statements())
    answerable = [
        q for n in ("questions.jsonl", "calibration.jsonl", "natural.jsonl") for q in questions(n) if q["answerable"]
    ]
    assert [q["id"] for q in answerable if sentences_needed(q["answers"], statements) is None] == []


def test_gold_answers_for_development_stand_in_two_sentences_of_one_document() -> None:
    documents: dict[str, list[Statement]] = {}
    for statement in corpus_statements():
        documents.setdefault(document_of(statement), []).append(statement)
    for q in questions("development.jsonl"):
        if q["answerable"]:
            needed = [n for d in documents.values() if (n := sentences_needed(q["answers"], d))]
            assert needed, q["id"]
            assert min(needed) <= 2, q["id"]


def test_a_gold_answer_that_the_corpus_lacks_is_noticed() -> None:
    statements = list(corpus_statements())
    assert sentences_needed([["1,595"], ["44 states"]], statements) == 1
    assert sentences_needed([["AB 1081"], ["AB 4"]], statements) == 2
    assert sentences_needed([["1,595"], ["45 states"]], statements) is None
