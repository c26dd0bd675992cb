"""Questions files: each format says the same, and each mistake is told with its file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from qa.errors import ConfigError, SourceError, UsageError
from qa.questions_file import MAX_QUESTIONS, Entry, parse_questions, read_questions, slug
from qa.schema import Filters

YAML = """\
title: About detainers
intro: What people ask.
sections:
  - title: Basics
    questions:
      - id: what-is
        question: What is a detainer?
        alternatives: [What is an immigration hold?, Define detainer]
        tags: [law]
        topics: [detainers]
        kinds: [government]
        sources: ["*.md"]
        since: 2011-08-05
      - Who issues a detainer?
"""
TOML = """\
title = "About detainers"
intro = "What people ask."

[[sections]]
title = "Basics"

[[sections.questions]]
id = "what-is"
question = "What is a detainer?"
alternatives = ["What is an immigration hold?", "Define detainer"]
tags = ["law"]
topics = ["detainers"]
kinds = ["government"]
sources = ["*.md"]
since = 2011-08-05

[[sections.questions]]
question = "Who issues a detainer?"
"""
JSON = """\
{"title": "About detainers", "intro": "What people ask.", "sections": [
  {"title": "Basics", "questions": [
    {"id": "what-is", "question": "What is a detainer?",
     "alternatives": ["What is an immigration hold?", "Define detainer"], "tags": ["law"],
     "topics": ["detainers"], "kinds": ["government"], "sources": ["*.md"], "since": "2011-08-05"},
    "Who issues a detainer?"]}]}
"""
JSON_LINES = """\
{"id": "what-is", "question": "What is a detainer?", "section": "Basics", "topic": "detainers", "kind": "government", \
"source": "*.md", "tag": "law", "since": "2011-08-05", \
"alternatives": ["What is an immigration hold?", "Define detainer"]}

{"question": "Who issues a detainer?", "section": "Basics"}
"""
CSV = """\
id;question;section;alternatives;tags;topics;kinds;sources;since
what-is;What is a detainer?;Basics;What is an immigration hold?|Define detainer;law;detainers;government;*.md;2011-08-05
;"Who issues
 a detainer?";Basics;;;;;;
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [("q.yaml", YAML), ("q.toml", TOML), ("q.json", JSON), ("q.jsonl", JSON_LINES), ("q.csv", CSV)],
)
def test_every_format_says_the_same(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")

    first, second = read_questions(path).entries

    assert first == Entry(
        id="what-is",
        question="What is a detainer?",
        section="Basics",
        alternatives=("What is an immigration hold?", "Define detainer"),
        tags=("law",),
        filters=Filters(("detainers",), ("government",), ("*.md",), since="2011-08-05"),
        line=first.line,
    )
    assert (second.id, second.question, second.section) == (
        "who-issues-a-detainer",
        "Who issues a detainer?",
        "Basics",
    )


def test_plain_text_has_comments_sections_and_a_question_a_line() -> None:
    found = parse_questions("q.txt", b"\xef\xbb\xbf# mine\nFirst thing?\r\n\n[Part two]\nSecond thing?\n", "txt")

    assert [(e.question, e.section, e.line) for e in found.entries] == [
        ("First thing?", "", 2),
        ("Second thing?", "Part two", 5),
    ]


@pytest.mark.parametrize(("text", "count"), [(YAML, 2), (JSON, 2), (JSON_LINES, 2), ("One thing?\nTwo things?", 2)])
def test_questions_without_a_file_name_tell_their_format(text: str, count: int) -> None:
    assert len(parse_questions("standard input", text.encode()).entries) == count


@pytest.mark.parametrize(
    ("format_", "text", "line", "message"),
    [
        ("yaml", "questions:\n  - question: Who?\n    idd: x", 3, "unknown key 'idd'; did you mean id?"),
        ("yaml", "questions:\n  - question: Who?\n    colour: x", 3, "unknown key 'colour'; known keys"),
        ("yaml", "qestions:\n  - Who?", 1, "unknown key 'qestions'; "),
        ("yaml", "questions:\n  - Who did it?\n  - 12", 3, "a question must be text or a table, not a number"),
        ("yaml", "questions:\n  - question: [a, b]", 2, "question must be text, not a list"),
        ("yaml", "questions:\n  - question: yes", 2, "question must be text, not true or false"),
        ("yaml", "questions:\n  - question: Who?\n    tags: {a: b}", 3, "tags must be a list of texts, not a table"),
        ("yaml", "questions:\n  - id: x", 2, "the key question is missing"),
        ("yaml", "questions: Who?", 1, "questions must be a list, not text"),
        ("yaml", "questions:\n  - question: Who?\n    id: a\n    id: b", 4, "the key 'id' stands twice"),
        ("yaml", "questions:\n- {question: Who?, id: a}\n- {question: Why?, id: A}", 3, "stands on line 2 already"),
        ("yaml", "questions:\n- {question: Who?, id: 'a b'}", 2, "cannot be an anchor"),
        ("yaml", "questions:\n- {question: Who?, id: qa-x}", 2, "cannot be an anchor"),
        ("yaml", "questions:\n- {question: Who?, since: soon}", 2, "since must be a date such as 2011-08-05"),
        ("yaml", "questions:\n- {question: Who?, answer: a b, passage: 'x:1'}", 2, "both pin the answer"),
        ("yaml", "questions:\n- {question: Who?, tag: a, tags: [b]}", 2, "say the same"),
        ("yaml", "questions:\n - [\n", 3, "no YAML"),
        ("yaml", "&a [*a]", 1, "a value contains itself"),
        ("yaml", "questions: []", 1, "no question stands in it"),
        ("yaml", "just words", 1, "a list of questions is wanted, not text"),
        ("toml", 'title = "x"\n[[questions]]\nquestion = "Who?"\nwho = 1', 4, "unknown key 'who'"),
        ("toml", '[[questions]]\nquestion = "Who?"\n\n[[questions]]\nquestion = "?"', 5, "has one character"),
        ("toml", "[[questions]]\nquestion = ", 2, "no TOML"),
        ("json", '[{"question": "Who?"},\n {"question": 3}]', 2, "question must be text, not a number"),
        ("json", '[{"question": "Who?",\n "question": "Why?"}]', 1, "stands twice"),
        ("json", '[\n"Who?",\n]', 3, "no JSON"),
        ("json", "null", 1, "not nothing"),
        ("jsonl", '{"question": "Who?"}\n\n{"question": "x"}', 3, "has one character (x)"),
        ("jsonl", '{"question": "Who?"}\n{', 2, "no JSON"),
        ("csv", "question,idd\nWho?,x", 2, "unknown key 'idd'"),
        ("csv", "id\nx", 1, "no column is called question"),
        ("csv", "question,question\nx,y", 1, "a column stands twice"),
        ("csv", 'id,question\na,"Who is\nit?"\nb,\n', 4, "the question is empty"),
        ("csv", "id,question\na,b,c", 2, "3 cells under 2 columns"),
        ("txt", "# x\n\n?", 3, "has one character"),
        ("txt", "# only comments", 1, "no question stands in it"),
        ("txt", " \n\n", 1, "the file is empty"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(format_: str, text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_questions("faq.x", text.encode(), format_)

    assert str(caught.value).startswith(f"faq.x:{line}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("format_", "line", "make"),
    [
        ("txt", MAX_QUESTIONS + 1, lambda n: "\n".join(f"Question number {i}?" for i in range(n))),
        ("csv", MAX_QUESTIONS + 2, lambda n: "question\n" + "\n".join(f"Question number {i}?" for i in range(n))),
        ("jsonl", MAX_QUESTIONS + 1, lambda n: "\n".join(f'"Question number {i}?"' for i in range(n))),
    ],
)
def test_a_hundred_thousand_questions_are_refused_with_the_limit(format_: str, line: int, make: object) -> None:
    text = make(100_000)  # type: ignore[operator]

    with pytest.raises(ConfigError, match=f"^faq.x:{line}: more than {MAX_QUESTIONS} questions"):
        parse_questions("faq.x", text.encode(), format_)


def test_bytes_that_are_no_text_are_told_with_their_line() -> None:
    with pytest.raises(ConfigError, match=r"^faq\.txt:2: no UTF-8"):
        parse_questions("faq.txt", b"Who did it?\nCaf\xe9?\n", "txt")


def test_a_file_that_is_not_there_and_an_unknown_ending_are_told(tmp_path: Path) -> None:
    (tmp_path / "q.odt").write_text("Who?")

    with pytest.raises(SourceError, match="cannot be read"):
        read_questions(tmp_path / "none.yaml")
    with pytest.raises(UsageError, match="no ending that tells its format"):
        read_questions(tmp_path / "q.odt")


@pytest.mark.parametrize(
    ("question", "anchor"),
    [
        ("Can a state opt out?", "can-a-state-opt-out"),
        ("Qu'est-ce qu'un détenu ?", "qu-est-ce-qu-un-detenu"),
        ("QA-top?", "q-qa-top"),
        ("什么是拘留令？", "q-"),
    ],
)
def test_an_anchor_is_made_from_the_question(question: str, anchor: str) -> None:
    assert slug(question).startswith(anchor)
    assert slug(question).isascii()


def test_anchors_differ_also_where_questions_do_not() -> None:
    given = parse_questions("x", b"- Who did it?\n- Who did it\n- {question: Why?, id: who-did-it}", "yaml")
    long = [slug("word " * 30 + ending) for ending in ("one", "two")]

    assert [e.id for e in given.entries] == ["who-did-it-2", "who-did-it-3", "who-did-it"]
    assert long[0] != long[1]
    assert max(map(len, long)) <= 60
