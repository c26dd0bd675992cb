"""The chance that an answer is right, and the threshold that a stated risk sets."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.abstention import (
    CALIBRATION_NAME,
    SHIPPED_READER,
    Calibration,
    calibration_of,
    dump_calibration,
    shipped_calibration,
    verdict,
)
from qa.calibrating import EVIDENCE, Observation, fit, save
from qa.config import shipped_corpus
from qa.errors import ModelError, StorageError, UsageError
from qa.generation import Generation
from qa.passages import Passages
from qa.reader import NO_READER
from tests.conftest import MakeIndex, RunCli
from tests.handmade import open_passages

GOLDEN = Path(__file__).parent / "golden" / "questions.jsonl"


def calibration(scores: list[tuple[float, int]]) -> Calibration:
    return Calibration({}, {"score": 1.0}, 0.0, tuple(scores), "a test", "model", "reader")


SCORES = st.lists(st.tuples(st.sampled_from([i / 20 for i in range(21)]), st.integers(0, 1)), min_size=30, max_size=90)


@given(SCORES, st.floats(0.05, 0.9))
def test_the_threshold_is_the_lowest_that_keeps_the_bound(scores: list[tuple[float, int]], risk: float) -> None:
    def bound(threshold: float) -> float:
        return (sum(chance >= threshold and not right for chance, right in scores) + 1) / (len(scores) + 1)

    threshold = calibration(scores).threshold(risk)

    assert bound(threshold) <= risk
    assert all(bound(chance) > risk or (chance < 0.5 and risk < 0.5) for chance, _ in scores if chance < threshold)


@given(SCORES, st.floats(0.05, 0.49))
def test_no_answer_is_given_that_is_more_likely_wrong_than_right(scores: list[tuple[float, int]], risk: float) -> None:
    assert calibration(scores).threshold(risk) >= 0.5


@given(SCORES)
def test_a_smaller_risk_never_answers_more(scores: list[tuple[float, int]]) -> None:
    c = calibration(scores)

    assert c.threshold(0.05) >= c.threshold(0.1) >= c.threshold(0.3) >= c.threshold(1.0) == 0.0


def test_a_risk_that_so_few_questions_cannot_support_is_refused() -> None:
    with pytest.raises(UsageError, match=r"30 calibration questions cannot support a risk of 0\.01"):
        calibration([(0.5, 1)] * 30).threshold(0.01)


@pytest.mark.parametrize("risk", [0.0, -0.1, 1.1, float("nan")])
def test_a_risk_that_is_no_share_is_refused(risk: float) -> None:
    with pytest.raises(UsageError, match="above 0 and at most 1"):
        calibration([(0.5, 1)] * 30).threshold(risk)


def test_without_evidence_nothing_is_answered_at_any_risk() -> None:
    assert not verdict({}, calibration([(0.5, 1)] * 30), risk=1.0).answered


def test_the_fit_finds_what_tells_right_from_wrong() -> None:
    rng = random.Random(0)
    seen = [
        Observation({"useful": rng.gauss(2.0 if right else -2.0, 1.0), "noise": rng.gauss(0, 1)}, right=right)
        for right in (True, False)
        for _ in range(60)
    ]

    fitted = fit(seen, calibration([]), names=("useful", "noise"), fitted_on="a test", model="m")

    assert fitted.weights["useful"] > 4 * abs(fitted.weights["noise"])
    assert fitted.chance({"useful": 3.0, "noise": 0.0}) > 0.9 > 0.1 > fitted.chance({"useful": -3.0, "noise": 0.0})
    assert [right for _, right in fitted.scores] == [1] * 60 + [0] * 60


def test_too_few_questions_of_one_kind_are_named() -> None:
    seen = [Observation({"x": 1.0}, right=True)] * 50 + [Observation({"x": 0.0}, right=False)] * 3

    with pytest.raises(UsageError, match="of 53 questions 50 were answered right, 3 were not"):
        fit(seen, calibration([]), names=("x",), fitted_on="a test", model="m")


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[Passages]:
    """Passages that are not of the shipped corpus."""
    passages = open_passages(tmp_path / "foreign.db", "The ferry leaves at noon.", "Tickets are sold on board.")
    yield passages
    passages.close()


@pytest.fixture
def generation(make_index: MakeIndex, tmp_path: Path) -> Iterator[Generation]:
    """An index of a document of one's own."""
    (tmp_path / "a.txt").write_text("The ferry leaves at noon.", encoding="utf-8")
    with Generation(make_index(tmp_path / "a.txt").index) as opened:
        yield opened


@pytest.mark.model
@pytest.mark.parametrize("reader", [SHIPPED_READER, NO_READER])
def test_the_shipped_calibrations_support_the_default_risk(shipped_index: Path, foreign: Passages, reader: str) -> None:
    with Generation(shipped_index) as generation:
        of_corpus = shipped_calibration(generation.passages, reader)
    general = shipped_calibration(foreign, reader)

    assert (len(of_corpus.scores), len(general.scores)) == (521, 700)
    assert "shipped corpus" in of_corpus.fitted_on
    assert "public questions" in general.fitted_on
    for shipped in (of_corpus, general):
        assert 0 < shipped.threshold() < 1
        assert shipped.threshold(0.05) >= shipped.threshold(0.1) >= shipped.threshold(0.2)


@pytest.mark.model
def test_every_document_of_the_corpus_is_known_to_its_calibration(shipped_index: Path) -> None:
    with Generation(shipped_index) as generation:
        of_corpus = shipped_calibration(generation.passages)
        doc_ids = {doc_id for _, doc_id, _ in generation.passages.names()}

    # Where this fails the corpus has changed: run bench.fit again.
    assert len(doc_ids) == 24
    assert doc_ids <= set(of_corpus.documents)


def test_index_is_of_a_corpus_while_half_of_its_documents_are(tmp_path: Path) -> None:
    texts = [f"Document number {n}." for n in range(8)]
    with closing(open_passages(tmp_path / "passages.db", *texts)) as passages:
        doc_ids = [doc_id for _, doc_id, _ in passages.names()]

        assert passages.share_of(doc_ids) == 1
        assert passages.share_of([*doc_ids[:4], *(f"{n:016}" for n in range(4))]) == 0.5
        assert passages.share_of(doc_ids[:4]) == 0.5
        # Of more than twice as many documents not all are looked at.
        assert passages.share_of(doc_ids[:3]) == 0
        assert passages.share_of([]) == 0
    with closing(open_passages(tmp_path / "empty.db")) as empty:
        assert empty.share_of(doc_ids) == 0


@pytest.mark.model
def test_a_calibration_for_another_model_is_not_used_and_said(generation: Generation) -> None:
    path = generation.index / CALIBRATION_NAME
    path.write_text(dump_calibration(calibration([(0.5, 1)])), encoding="utf-8")

    used, note = calibration_of(generation)

    assert used == shipped_calibration(generation.passages)
    assert "qa calibrate" in note


@pytest.mark.parametrize("parent", ["missing", "file"])
def test_a_calibration_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path, parent: str) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(StorageError, match="cannot write"):
        save(calibration([(0.5, 1)]), tmp_path / parent / "mine.json")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.model
def test_status_says_on_what_the_confidence_was_fitted(
    generation: Generation, run_cli: RunCli, shipped_index: Path
) -> None:
    def said(index: Path) -> str:
        outcome = run_cli("status", "--index", str(index), "--json")
        return str(json.loads(outcome.out)["confidence"])

    path = generation.index / CALIBRATION_NAME
    advice = "; on yours with: qa calibrate QUESTIONS"
    assert said(shipped_index) == "fitted on 521 golden questions of the shipped corpus"
    assert said(generation.index) == f"fitted on 700 public questions about Wikipedia articles{advice}"
    mine, _ = calibration_of(generation)
    save(replace(mine, fitted_on="40 questions of mine.yaml", model=generation.manifest.model_checksum), path)
    assert said(generation.index) == "fitted on 40 questions of mine.yaml"
    path.write_text("{", encoding="utf-8")
    assert "cannot be read" in said(generation.index)
    assert "rm " in said(generation.index)


@pytest.mark.model
@pytest.mark.parametrize("reader", ["none", "someones-model"])
def test_another_reader_is_not_judged_by_the_shipped_ones_calibration(generation: Generation, reader: str) -> None:
    used, note = calibration_of(generation, reader)

    assert set(used.weights) == set(EVIDENCE[NO_READER])
    assert ("qa calibrate" in note) is (reader != "none")


@pytest.mark.model
def test_a_broken_calibration_names_the_file(generation: Generation) -> None:
    (generation.index / CALIBRATION_NAME).write_text("{", encoding="utf-8")

    with pytest.raises(ModelError, match=CALIBRATION_NAME):
        calibration_of(generation)


@pytest.mark.model
def test_calibrate_fits_on_the_users_questions_and_ask_uses_it(
    run_cli: RunCli, make_index: MakeIndex, tmp_path: Path
) -> None:
    lines = GOLDEN.read_text(encoding="utf-8").splitlines()
    dev = [line for line in lines if json.loads(line)["split"] == "dev"]
    few = [line for line in dev if json.loads(line)["answerable"]][:20]
    few += [line for line in dev if not json.loads(line)["answerable"]][:12]
    questions = tmp_path / "mine.jsonl"
    questions.write_text("\n".join(few) + "\n", encoding="utf-8")
    make_index(shipped_corpus())
    index = str(tmp_path / "index")

    result = run_cli("calibrate", str(questions), "--index", index, "--json")
    asked = json.loads(run_cli("ask", "Can a state opt out?", "--index", index, "--json").out)
    strict = run_cli("ask", "Can a state opt out?", "--index", index, "--risk", "0.001")

    assert result.code == 0, result.err
    assert json.loads(result.out)["questions"] == 32
    assert asked["verdict"]["fitted_on"] == "32 questions of mine.jsonl"
    assert strict.code == 2
    assert "32 calibration questions cannot support a risk of 0.001" in strict.err
