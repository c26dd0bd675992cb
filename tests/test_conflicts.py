"""Disagreements between documents: found only where the same thing is said of the same time, and shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qa.conflicts import find_conflict, is_declared
from qa.evidence import Coverage, candidates
from qa.question import analyse
from qa.question_kind import QuestionKind
from qa.schema import Hit
from tests.conftest import MakeIndex, RunCli
from tests.handmade import Doc, open_passages

MANY, WHEN = QuestionKind.HOW_MANY, QuestionKind.WHEN


def conflict_of(
    tmp_path: Path, *texts: str | Doc, kind: QuestionKind = MANY, question: str = "how many agreements were ended"
) -> tuple[tuple[int, ...], tuple[str, ...]] | None:
    """Return the disagreement among documents of one sentence each, by their places, best first."""
    passages = open_passages(tmp_path / "p.db", *texts)
    found = passages.get(range(passages.count))
    hits = [Hit(found[row], row + 1, 0.0, 0.0, 0, 0.0, 0) for row in found]
    coverage = Coverage(analyse(question, passages), passages)
    given = candidates(hits, coverage, passages, [])
    conflict = find_conflict(given, kind)
    return (tuple(given.index(c) for c in conflict.sentences), conflict.figures) if conflict else None


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("The agency ended 39 agreements in 2011.", "In 2011 the agency ended 42 agreements.", True),
        ("The agency ended 39 agreements in 2011.", "The agency ended 42 agreements in August 2011.", True),
        ("The agency ended 39 agreements.", "The agency ended 42 agreements, according to Ann Lee.", True),
        ("The Post says the agency ended 39 agreements.", "The agency ended 42 agreements.", True),
        # Another year, place, unit or deed; rounding; a sum of its own.
        ("The agency ended 39 agreements in 2011.", "The agency ended 42 agreements in 2012.", False),
        ("The agency ended 39 agreements in Ohio.", "The agency ended 42 agreements in Utah.", False),
        ("The agency ended 39 agreements in all.", "In all the agency of Utah ended 42 agreements.", False),
        ("The agency ended 39 agreements.", "The agency ended 42 contracts.", False),
        ("The agency ended 39 agreements.", "The agency signed 42 further agreements with jails.", False),
        ("The agency ended about 40 agreements.", "The agency ended 42 agreements.", False),
        ("The agency ended 39 agreements.", "The agency ended thirty-nine agreements.", False),
        ("The agency ended 39 agreements and kept 3 agreements.", "The agency ended 42 agreements.", False),
        ("The agency ended agreements.", "The agency ended 42 agreements.", False),
    ],
)
def test_two_sentences_disagree_when_only_the_figure_differs(
    tmp_path: Path, one: str, other: str, expected: bool
) -> None:
    found = conflict_of(tmp_path, one, other)

    assert (found is not None) is expected
    if found:
        assert found == ((0, 1), ("39 agreements", "42 agreements"))


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ("Harbour County was activated on May 4, 2010.", ("2009-10", "2010-05-04")),
        ("Harbour County was activated on October 7, 2009.", None),
        ("The Harbour County board met on May 4, 2010.", None),
    ],
)
def test_dates_disagree_only_when_the_question_asks_for_one(
    tmp_path: Path, other: str, expected: tuple[str, str] | None
) -> None:
    best = "Harbour County was activated in October 2009."
    found = conflict_of(tmp_path, best, other, kind=WHEN, question="when was the county activated")

    assert (found[1] if found else None) == expected
    (tmp_path / "p.db").unlink()
    assert conflict_of(tmp_path, best, other, question="how many counties were activated") is None


def test_sentences_of_one_source_do_not_disagree(tmp_path: Path) -> None:
    one = "The agency ended 39 agreements."

    assert conflict_of(tmp_path, one) is None
    (tmp_path / "p.db").unlink()
    assert conflict_of(tmp_path, one, Doc("The agency ended 42 agreements.", source="b.md")) is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sources disagree on how many MOAs ICE ended: 39 or 42.", True),
        ("Counts of jurisdictions in late September 2010 differ by one.", True),
        ("Totals conflict for deportations from California.", True),
        ("There are conflicting accounts of the meeting.", True),
        ("S-Comm and 287(g) differ in who issues the detainer.", False),
        ("Five members resigned because they disagreed with its report.", False),
        ("The memo rescinded guidance that conflicted with it.", False),
    ],
)
def test_a_sentence_may_say_itself_that_sources_disagree(text: str, expected: bool) -> None:
    assert is_declared(text) is expected


def test_a_declared_disagreement_joins_the_answer_when_it_is_about_its_figure(tmp_path: Path) -> None:
    best = "The agency ended 39 agreements in August 2011."
    about = "Sources disagree on how many agreements the agency ended: 39 or 42."
    elsewhere = "Sources disagree on how many agreements ended in the north: 7 or 8."

    assert conflict_of(tmp_path, best, "The agency is large.", about) == ((2,), ())
    (tmp_path / "p.db").unlink()
    assert conflict_of(tmp_path, best, elsewhere) is None


@pytest.mark.model
def test_the_answer_shows_both_figures_with_dates_and_sources(
    run_cli: RunCli, make_index: MakeIndex, tmp_path: Path
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name, count, as_of in (("audit", 42, "2012-04-02"), ("press", 39, "2011-08-06")):
        text = f"---\nas_of: {as_of}\n---\n\nThe agency ended {count} harbour agreements in August 2011.\n"
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    make_index(folder)
    argv = ("ask", "How many harbour agreements did the agency end?", "--index", str(tmp_path / "index"))
    shown, data = run_cli(*argv).out, json.loads(run_cli(*argv, "--json").out)

    assert "The documents disagree" in shown
    for figure, place in (("42 harbour agreements", "audit.md:5; as of 2012"), ("39 harbour agreements", "press.md:5")):
        assert any(figure in line and place in line for line in shown.replace("docs/", "").splitlines())
    assert data["disagreement"]["quotes"] == [1, 2]
    assert {q["text"].split()[3] for q in data["answer"]} == {"39", "42"}


@pytest.mark.model
def test_the_corpus_tells_of_39_or_42_agreements(run_cli: RunCli, shipped_index: Path) -> None:
    done = run_cli(
        "ask", "How many MOAs did ICE end on August 5, 2011?", "--index", str(shipped_index), "--reader", "none"
    )

    assert "39" in done.out
    assert "42" in done.out
    assert "The sources disagree\n" in done.out
    assert "[1] names both sides: corpus/memoranda-of-agreement.md:55; as of " in done.out
