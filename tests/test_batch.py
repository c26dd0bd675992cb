"""Many questions at once: JSON lines in and out, in order, each bad line with an error in its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunCli

pytestmark = pytest.mark.model

BAD = [
    "{",
    "[]",
    '"What is a detainer?"',
    "{}",
    '{"question": 3}',
    '{"question": ""}',
    '{"question": "of the"}',
    '{"question": "detainer", "k": 0}',
    '{"question": "detainer", "k": true}',
    '{"question": "detainer", "topic": 3}',
    '{"question": "detainer", "topic": "no such topic"}',
    '{"question": "detainer", "topics": "moa"}',
    '{"question": "detainer", "id": NaN}',
    "[" * 100_000,
]


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def asked(**data: Any) -> str:
    return json.dumps(data, ensure_ascii=False)


def test_answers_come_in_order_with_their_ids_and_are_those_of_single_questions(
    run_cli: RunCli, shipped_index: Path, tmp_path: Path
) -> None:
    questions = ["What is a detainer?", "What is the boiling point of mercury?", "Who rescinded the MOAs?"]
    file = tmp_path / "questions.jsonl"
    lines = [asked(id=f"q{n}", question=q) for n, q in enumerate(questions)]
    file.write_text("\ufeff" + "\n\n".join(lines), encoding="utf-8")

    done = run_cli("ask", "--batch", str(file), "--index", str(shipped_index))

    assert (done.code, done.err) == (0, "")
    found = lines_of(done.out)
    assert [(f["id"], f["line"], f["question"]) for f in found] == [
        (f"q{n}", 2 * n + 1, q) for n, q in enumerate(questions)
    ]
    assert [f["answered"] for f in found] == [True, False, True]
    for line, question in zip(found, questions, strict=True):
        alone = json.loads(run_cli("ask", question, "--json", "--index", str(shipped_index)).out)
        assert line.keys() - alone.keys() == {"id", "line"}
        for name in ("question", "query", "answered", "index", "notes", "schema"):
            assert line[name] == alone[name]
        assert [q["text"] for q in line["answer"]] == [q["text"] for q in alone["answer"]]
        assert [p["chunk_id"] for p in line["passages"]] == [p["chunk_id"] for p in alone["passages"]]
        for mine, its in zip(line["passages"], alone["passages"], strict=True):
            assert mine["scores"] == pytest.approx(its["scores"], abs=1e-5)


def test_bad_line_has_an_error_in_its_place_and_the_rest_is_answered(run_cli: RunCli, shipped_index: Path) -> None:
    good = asked(id=7, question="detainer")
    given = [part for bad in BAD for part in (bad, good)]

    done = run_cli("ask", "--batch", "-", "--index", str(shipped_index), stdin="\n".join(given))

    found = lines_of(done.out)
    assert done.code == 1
    assert [f["line"] for f in found] == list(range(1, len(given) + 1))
    for bad, right in zip(found[::2], found[1::2], strict=True):
        assert bad.keys() == {"schema", "line", "id", "error", "fix"}
        assert bad["error"]
        assert bad["fix"]
        assert right["id"] == 7
        assert right["passages"] == found[1]["passages"]


def test_bytes_that_are_no_utf_8_are_one_bad_line(run_cli: RunCli, shipped_index: Path, tmp_path: Path) -> None:
    file = tmp_path / "questions.jsonl"
    file.write_bytes(b'{"question": "caf\xe9"}\n{"question": "detainer"}\n')

    done = run_cli("ask", "--batch", str(file), "--index", str(shipped_index))

    assert done.code == 1
    assert ["error" in f for f in lines_of(done.out)] == [True, False]


def test_filters_of_a_line_hold_for_it_alone_and_those_of_the_command_for_the_rest(
    run_cli: RunCli, shipped_index: Path
) -> None:
    given = [
        asked(question="detainer", topic="timeline", k=3),
        asked(question="detainer"),
        asked(question="detainer", topic=["litigation"], source=["*.md"]),
        asked(question="detainer", topic=[]),
    ]

    done = run_cli(
        "ask", "--batch", "-", "--topic", "moa", "-k", "2", "--index", str(shipped_index), stdin="\n".join(given)
    )

    found = lines_of(done.out)
    topics = [{p["topic"] for p in f["passages"]} for f in found]
    assert topics[:3] == [{"timeline"}, {"moa"}, {"litigation"}]
    assert [len(f["passages"]) for f in found] == [3, 2, 2, 2]
    assert [f["id"] for f in found] == [None] * 4


@pytest.mark.parametrize("blocks", [31, 32, 33])
def test_no_line_is_lost_between_blocks(run_cli: RunCli, shipped_index: Path, blocks: int) -> None:
    given = [asked(id=n, question="detainer") if n % 16 == 0 else "bad" for n in range(blocks)]

    done = run_cli("ask", "--batch", "-", "--index", str(shipped_index), stdin="\n".join(given))

    assert [f["line"] for f in lines_of(done.out)] == list(range(1, blocks + 1))


def test_file_without_lines_has_no_answers(run_cli: RunCli, shipped_index: Path) -> None:
    done = run_cli("ask", "--batch", "-", "--index", str(shipped_index), stdin="\n \n")

    assert (done.code, done.out) == (0, "")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["ask"], "there is no question"),
        (["ask", "x", "--batch", "-"], "--batch goes with no question"),
        (["ask", "--batch", "-", "--explain"], "--batch goes with no question"),
        (["ask", "--batch", "nowhere.jsonl"], "nowhere.jsonl cannot be read"),
    ],
)
def test_wrong_use_is_named(run_cli: RunCli, argv: list[str], said: str, tmp_path: Path) -> None:
    done = run_cli(*argv, cwd=tmp_path)

    assert done.code == 2
    assert said in done.err
