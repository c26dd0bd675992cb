"""Files of golden questions: what is accepted, and where an error is said to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from qa.gold import GoldenQuestion, GoldError, read_questions

GOLDEN = Path(__file__).parent / "golden" / "questions.jsonl"


def read(tmp_path: Path, text: str, name: str = "q.jsonl") -> list[GoldenQuestion]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_questions(path)


def test_the_golden_questions_of_the_project_are_accepted_as_they_are() -> None:
    questions = read_questions(GOLDEN)

    assert len(questions) == 220
    assert sum(not q.answerable for q in questions) == 75
    assert {q.kind for q in questions if not q.answerable} == {"off-topic", "near-miss", "false-premise"}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ('"39"', (("39",),)),
        ('["39", "thirty-nine"]', (("39", "thirty-nine"),)),
        ('[["39"], ["42"]]', (("39",), ("42",))),
    ],
)
def test_answers_are_one_string_or_wordings_or_groups_of_wordings(
    tmp_path: Path, answers: str, expected: tuple[tuple[str, ...], ...]
) -> None:
    (question,) = read(tmp_path, f'{{"question": "How many?", "answers": {answers}}}')

    assert question.answers == expected
    assert question.id == "q001"


def test_yaml_says_the_same_as_json_lines(tmp_path: Path) -> None:
    lines = '{"id": "a", "question": "Who?", "answers": ["Ann"]}\n\n{"question": "Why?", "answerable": false}\n'
    yaml = "- id: a\n  question: Who?\n  answers: [Ann]\n- question: Why?\n  answerable: false\n"

    assert read(tmp_path, yaml, "q.yaml") == read(tmp_path, lines)


@pytest.mark.parametrize(
    ("name", "text", "line", "told"),
    [
        ("q.jsonl", '{"question": "Who?", "answers": ["A"]}\n{"question": "W', 2, "not JSON"),
        ("q.jsonl", '\n{"question": "Who?", "anwsers": ["A"]}', 2, "did you mean answers?"),
        ("q.jsonl", '{"question": "Who?", "colour": "A"}', 1, "unknown field 'colour'"),
        ("q.jsonl", '{"question": "Who?"}', 1, "nothing says what a right answer is"),
        ("q.jsonl", '{"question": "  ", "answers": ["A"]}', 1, "no question"),
        ("q.jsonl", '{"question": "Who?", "answerable": false, "answers": ["A"]}', 1, "not answerable"),
        ("q.jsonl", '{"question": "Who?", "answerable": "no"}', 1, "must be true or false"),
        ("q.jsonl", '{"question": "Who?", "answers": []}', 1, "nothing says"),
        ("q.jsonl", '{"question": "Who?", "answers": [["A"], "B"]}', 1, "answers must be"),
        ("q.jsonl", '{"question": "Who?", "answers": [["A"], []]}', 1, "answers must be"),
        ("q.jsonl", '{"question": "Who?", "question": "Why?", "answers": ["A"]}', 1, "given twice"),
        ("q.jsonl", '["Who?"]', 1, "not an object"),
        ("q.jsonl", '{"id": "a", "question": "W?", "answers": "A"}\n' * 2, 2, "the id 'a' is that of line 1 too"),
        (
            "q.yaml",
            "- question: How many?\n  answers: A\n- question: How many?\n  answers: [39]\n",
            3,
            "answers must be",
        ),
        ("q.yaml", "- question: Who?\n  answers: A\n- question: [\n", 4, "not YAML"),
        ("q.yaml", "question: Who?\n", 1, "not a list of questions"),
        ("q.yaml", "- question: Who?\n  question: Why?\n  answers: A\n", 1, "given twice"),
        ("q.yaml", "- question: When?\n  answers: A\n- question: When?\n  note: 2011-08-05\n", 3, "must be a string"),
    ],
)
def test_an_error_names_the_file_and_the_line(tmp_path: Path, name: str, text: str, line: int, told: str) -> None:
    with pytest.raises(GoldError) as raised:
        read(tmp_path, text, name)

    assert str(raised.value).startswith(f"{tmp_path / name}:{line}: ")
    assert told in str(raised.value)


@pytest.mark.parametrize(("name", "text"), [("q.jsonl", "\n"), ("q.yaml", "# nothing\n"), ("q.yaml", "[]")])
def test_a_file_without_a_question_says_how_one_looks(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(GoldError, match="has no question") as raised:
        read(tmp_path, text, name)

    assert '"answers"' in raised.value.fix


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(GoldError, match="No such file"):
        read_questions(tmp_path / "none.jsonl")
    with pytest.raises(GoldError, match="not UTF-8"):
        read_questions(tmp_path / "bytes.jsonl")
