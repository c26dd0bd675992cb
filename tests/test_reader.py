"""The shipped reader: where the answer stands, and that nothing answers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from qa.errors import ModelError
from qa.reader import CARD_FILE, MODEL_FILE, SHIPPED, WEIGHTS_FILE, Reader, Reading

PASSAGE = (
    "The town library of Ashford opened on May 4, 1921. It was designed by Clara Whitfield, who had won a "
    "competition against 31 other architects. The building cost 48,000 dollars."
)
OTHER = "The ferry runs every twenty minutes in summer and once an hour in winter."


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


def marked(reading: Reading, text: str) -> str:
    _, found = reading.best(0, len(text))
    assert found is not None
    return text[found.start : found.end]


@pytest.mark.model
@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Who designed the library?", "Clara Whitfield"),
        ("When did the library open?", "May 4, 1921"),
        ("How much did the building cost?", "48,000 dollars"),
    ],
)
def test_the_answering_words_are_marked(reader: Reader, question: str, answer: str) -> None:
    assert answer in marked(reader.read(question, [PASSAGE])[0], PASSAGE)


@pytest.mark.model
def test_a_passage_about_something_else_scores_below_no_answer(reader: Reader) -> None:
    right, wrong = reader.read("Who designed the library?", [PASSAGE, OTHER])

    assert right.answer > 0 > wrong.answer
    assert right.best(0, len(PASSAGE))[0] > 0 > wrong.best(0, len(OTHER))[0]


@pytest.mark.model
def test_readings_keep_the_order_of_the_passages(reader: Reader) -> None:
    texts = [OTHER, PASSAGE, OTHER * 3, PASSAGE[:60], OTHER, PASSAGE]

    together = reader.read("Who designed the library?", texts)
    alone = [reader.read("Who designed the library?", [text])[0] for text in texts]

    assert [r.answer for r in together] == [r.answer for r in alone]


@pytest.mark.model
def test_one_thread_and_two_give_the_same_bits() -> None:
    texts = [PASSAGE, OTHER, OTHER * 3, PASSAGE[:60]]
    one, two = (Reader(workers=n).read("Who designed the library?", texts) for n in (1, 2))

    for a, b in zip(one, two, strict=True):
        assert (a.answer, a.null) == (b.answer, b.null)
        assert (a.start == b.start).all()
        assert (a.end == b.end).all()


@pytest.mark.model
@pytest.mark.parametrize("text", ["", " ", "\u202e\u0635", "word " * 2000])
def test_odd_passages_are_read_without_an_error(reader: Reader, text: str) -> None:
    reading = reader.read("Who designed the library?", [text, PASSAGE])[0]

    assert len(reading.start) == len(reading.end) == len(reading.offsets)


@pytest.mark.model
def test_no_passages_give_no_readings(reader: Reader) -> None:
    assert reader.read("Who?", []) == []


def test_the_card_has_the_checksum_of_the_weights() -> None:
    card = json.loads((SHIPPED / CARD_FILE).read_text(encoding="utf-8"))

    files = {name: (SHIPPED / name).read_bytes() for name in (MODEL_FILE, WEIGHTS_FILE)}
    assert {name: hashlib.sha256(data).hexdigest() for name, data in files.items()} == card["sha256"]
    assert sum(len(data) for data in files.values()) <= 45 * 10**6


@pytest.mark.model
def test_damaged_weights_are_named(tmp_path: Path) -> None:
    (tmp_path / CARD_FILE).write_bytes((SHIPPED / CARD_FILE).read_bytes())
    (tmp_path / MODEL_FILE).write_bytes(b"\xff" * 1000)

    with pytest.raises(ModelError, match=MODEL_FILE) as caught:
        Reader(tmp_path).read("Who?", ["Nobody."])
    assert caught.value.fix == "pip install --force-reinstall qa"


@pytest.mark.model
@pytest.mark.parametrize("kept", [None, 0, 1_000_000])
def test_lost_and_cut_off_weights_are_named(tmp_path: Path, kept: int | None) -> None:
    for name in (CARD_FILE, MODEL_FILE):
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    if kept is not None:
        (tmp_path / WEIGHTS_FILE).write_bytes((SHIPPED / WEIGHTS_FILE).read_bytes()[:kept])

    with pytest.raises(ModelError, match=MODEL_FILE) as caught:
        Reader(tmp_path).read("Who?", ["Nobody."])
    assert caught.value.fix == "pip install --force-reinstall qa"


def test_a_lost_card_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=str(tmp_path)):
        Reader(tmp_path).read("Who?", ["Nobody."])
