"""Readers instead of the shipped one: tiny models with random weights, made here, and none at all."""

from __future__ import annotations

import json
import string
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qa.config import load_settings
from qa.errors import ModelError
from qa.models import ModelFolder
from qa.other_readers import NoReader, PairReader, SpanReader, open_reader
from tests.conftest import RunCli

PASSAGES = ["Rules\nA detainer asks a jail to hold a person.", "Short.", "Counties may refuse. " * 40]
QUESTION = "What is a detainer?"


def save(folder: Path, kind: str, **more: Any) -> Path:
    """Save a tiny BERT of one kind: "QuestionAnswering", "SequenceClassification", "MaskedLM"."""
    import torch
    import transformers

    letters = [*string.ascii_lowercase, *string.digits, *".,?'-()"]
    entries = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters)]
    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=len(entries),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=256,
        initializer_range=0.5,
        **more,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        getattr(transformers, f"BertFor{kind}")(config).eval().save_pretrained(folder)
        vocabulary = {word: number for number, word in enumerate(entries)}
        transformers.BertTokenizerFast(vocab=vocabulary, model_max_length=256).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def span_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("span"), "QuestionAnswering")


@pytest.fixture(scope="module")
def pair_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("pair"), "SequenceClassification", num_labels=1)


def refuse(line: str) -> None:
    raise AssertionError(f"said: {line}")


def test_a_span_reader_marks_words_of_the_passage(span_model: Path) -> None:
    reader = open_reader(str(span_model), may_download=False, say=refuse)
    readings = reader.read(QUESTION, PASSAGES)

    assert isinstance(reader, SpanReader)
    for passage, reading in zip(PASSAGES, readings, strict=True):
        assert len(reading.start) == len(reading.end) == len(reading.offsets) > 0
        score, span = reading.best(0, len(passage))
        assert span is not None
        assert passage[span.start : span.end].strip() != ""
        assert reading.answer == pytest.approx(score)
    assert readings[0].offsets[0].tolist() == [0, 1]


def test_a_reading_does_not_hang_on_its_batch(span_model: Path) -> None:
    reader = SpanReader(span_model)
    together, alone = reader.read(QUESTION, PASSAGES), [reader.read(QUESTION, [p])[0] for p in PASSAGES]

    for a, b in zip(together, alone, strict=True):
        np.testing.assert_allclose(a.start, b.start, atol=1e-4)
        assert a.null == pytest.approx(b.null, abs=1e-4)


def test_a_cross_encoder_scores_each_passage_by_its_logit(pair_model: Path) -> None:
    from sentence_transformers import CrossEncoder
    from torch.nn import Identity

    reader = open_reader(str(pair_model), may_download=False, say=refuse)
    readings = reader.read(QUESTION, PASSAGES)
    model = CrossEncoder(str(pair_model), device="cpu", local_files_only=True)
    logits = model.predict([(QUESTION, p) for p in PASSAGES], activation_fn=Identity(), show_progress_bar=False)

    assert isinstance(reader, PairReader)
    assert [r.answer for r in readings] == pytest.approx([float(x) for x in logits], abs=1e-4)
    assert len({round(r.answer, 3) for r in readings}) == len(PASSAGES)
    assert readings[0].best(0, 100)[1] is None
    assert reader.read(QUESTION, []) == []


def test_without_a_reader_nothing_tells_passages_apart() -> None:
    reader = open_reader("none", may_download=False, say=refuse)

    assert isinstance(reader, NoReader)
    assert [(r.best(0, 9), r.answer) for r in reader.read(QUESTION, PASSAGES)] == [((-20.0, None), 0.0)] * 3


@pytest.mark.parametrize("which", ["span_model", "pair_model"])
def test_ask_and_eval_take_another_reader_and_say_what_its_confidence_is_worth(
    run_cli: RunCli, shipped_index: Path, tmp_path: Path, which: str, request: pytest.FixtureRequest
) -> None:
    folder = str(request.getfixturevalue(which))
    argv = ("ask", QUESTION, "--index", str(shipped_index), "--reader", folder, "--json")
    first, second = run_cli(*argv), run_cli(*argv)
    data = json.loads(first.out)

    assert (first.code, first.out) == (0, second.out)
    assert data["notes"] == [
        f"with the reader {folder} the confidence comes from retrieval alone; run: qa calibrate QUESTIONS"
    ]
    for quote in data["answer"] or data["closest"]:
        c = quote["citation"]
        assert Path(c["path"]).read_text(encoding="utf-8")[c["start"] : c["end"]] == quote["text"]
        assert bool(quote["marks"]) is (which == "span_model")


@pytest.mark.model
def test_without_a_reader_a_plain_question_is_answered_and_another_is_refused(
    run_cli: RunCli, shipped_index: Path
) -> None:
    argv = ("--index", str(shipped_index), "--reader", "none")
    answered, refused = run_cli("ask", QUESTION, *argv), run_cli("ask", "Who invented the telephone?", *argv)

    assert "detainer" in answered.out.lower()
    assert refused.out.startswith("These documents do not answer that.")


def test_a_reader_that_is_not_on_this_machine_is_not_fetched_by_a_setting(
    run_cli: RunCli, shipped_index: Path, tmp_path: Path
) -> None:
    (tmp_path / "qa.toml").write_text('reader = "owner/nowhere"\n', encoding="utf-8")
    done = run_cli("ask", QUESTION, "--index", str(shipped_index), cwd=tmp_path)

    assert done.code == 1
    assert "the reader owner/nowhere is neither a folder nor on this machine" in done.err
    assert "qa ask --reader owner/nowhere" in done.err


def test_fetching_is_said_before_it_begins(span_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []

    def found(name: str, *, may_download: bool) -> ModelFolder:
        assert may_download
        assert len(heard) == 1
        return ModelFolder(name, span_model)

    monkeypatch.setattr("qa.other_readers.find_model", found)
    reader = open_reader("owner/reader", may_download=True, say=heard.append)

    assert isinstance(reader, SpanReader)
    assert "the reader owner/reader" in heard[0]


def test_what_is_no_reader_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/config.json").write_text('{"architectures": ["BertForQuestionAnswering"]}', encoding="utf-8")
    save(tmp_path / "other", "MaskedLM")
    save(tmp_path / "three", "SequenceClassification", num_labels=3)

    def use(name: str) -> None:
        open_reader(str(tmp_path / name), may_download=False, say=refuse).read(QUESTION, PASSAGES)

    for name, told in {
        "empty": "there is no model",
        "broken": "cannot be loaded",
        "other": "BertForMaskedLM",
        "three": "gives 3 scores a pair",
    }.items():
        with pytest.raises(ModelError, match=told) as raised:
            use(name)
        assert "--reader" in raised.value.fix or "trained to rank" in raised.value.fix


def test_a_reader_of_the_settings_is_a_folder_beside_them_or_a_name(tmp_path: Path) -> None:
    (tmp_path / "reader").mkdir()
    (tmp_path / "qa.toml").write_text('reader = "reader"\n', encoding="utf-8")

    assert load_settings(tmp_path, {}).reader == str((tmp_path / "reader").resolve())
    assert load_settings(tmp_path, {"QA_READER": "none"}).reader == "none"
