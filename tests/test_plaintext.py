"""Plain text becomes paragraphs, items and headings; a line is a heading only when something stands below it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.plaintext import blocks
from qa.text import readable

LONG = "This paragraph is long enough and ends as sentences do."


def shown(text: str) -> list[tuple[str, str]]:
    """Return ("h1" to "h6", "paragraph" or "item", the readable text) of each block."""
    return [
        (f"h{b.level}" if b.level else b.kind.value, readable(text, b.range.start, b.range.end, b.hidden))
        for b in blocks(text)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t\n\n", []),
        (LONG, [("paragraph", LONG)]),
        (f"One.\n\n{LONG}\n{LONG}", [("paragraph", "One."), ("paragraph", f"{LONG} {LONG}")]),
        (f"A title line\n\n{LONG}", [("h1", "A title line"), ("paragraph", LONG)]),
        (f"{LONG}\n\nA section\n\n{LONG}", [("paragraph", LONG), ("h2", "A section"), ("paragraph", LONG)]),
        (
            f"The Book\n\nChapter one\n\nA section\n\n{LONG}",
            [("h1", "The Book"), ("h3", "Chapter one"), ("h4", "A section"), ("paragraph", LONG)],
        ),
        (
            f"{LONG}\n\nWhat is Secure Communities?\n\n{LONG}",
            [("paragraph", LONG), ("h2", "What is Secure Communities?"), ("paragraph", LONG)],
        ),
        (f"Underlined\n==========\n{LONG}", [("h1", "Underlined"), ("paragraph", LONG)]),
        (f"Ends with a stop.\n-----\n\n{LONG}", [("h1", "Ends with a stop."), ("paragraph", LONG)]),
        (f"移民局\n\n移民局宣布。\n\n{LONG}", [("h1", "移民局"), ("paragraph", "移民局宣布。"), ("paragraph", LONG)]),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_headings_and_paragraphs_are_told_apart(text: str, expected: list[tuple[str, str]], line_end: str) -> None:
    assert shown(text.replace("\n", line_end)) == expected


@pytest.mark.parametrize(
    "line",
    [
        "Ends as a sentence.",
        "Ends with a comma,",
        "“A quotation”",
        "(an aside)",
        "- an item",
        "12. an item",
        "http://example.org/page",
        "1234 5678",
        "* * *",
        "a line of so many words that nobody would set it as a heading above some text",
        "x" * 101,
        "短い文です。",
        "他们来了！",
    ],
)
def test_line_that_does_not_look_like_a_heading_is_a_passage(line: str) -> None:
    assert [kind for kind, _ in shown(f"{LONG}\n\n{line}\n\n{LONG}")][1] in ("paragraph", "item")


def test_short_last_line_stays_a_passage() -> None:
    assert shown(f"{LONG}\n\nSigned by the director") == [("paragraph", LONG), ("paragraph", "Signed by the director")]


def test_text_of_one_short_line_is_a_passage() -> None:
    assert shown("Jails were told") == [("paragraph", "Jails were told")]


def test_run_of_short_lines_is_a_list_and_not_headings() -> None:
    names = ["Harris County", "Dallas County", "Travis County", "El Paso County"]
    text = "\n\n".join([LONG, *names, LONG])

    assert shown(text)[1:5] == [("paragraph", name) for name in names]


def test_first_heading_of_a_run_stands_above_the_next() -> None:
    text = f"{LONG}\n\nPart\n\nSection\n\n{LONG}"

    assert shown(text)[1:3] == [("h2", "Part"), ("h3", "Section")]


@pytest.mark.parametrize("bullet", ["-", "*", "•", "–", "1.", "(2)", "10)", "a)", "(b)"])
def test_items_are_blocks_of_their_own_below_the_line_that_leads_to_them(bullet: str) -> None:
    text = f"The programs are these:\n{bullet} first of them\n  and more\n{bullet} second of them.\n\n{LONG}"

    assert shown(text) == [
        ("h1", "The programs are these:"),
        ("item", f"{bullet} first of them and more"),
        ("item", f"{bullet} second of them."),
        ("paragraph", LONG),
    ]


def test_wrapped_lines_are_one_paragraph() -> None:
    assert shown("Signed in 2008 and\nrescinded on August\n5, 2011.") == [
        ("paragraph", "Signed in 2008 and rescinded on August 5, 2011.")
    ]


def test_blocks_start_behind_the_offset() -> None:
    assert [b.range.start for b in blocks("one. two.", 5)] == [5]


LINES = ["", "", "A short line", "A question?", "- item", "1) item", "-----", "=====", "Ends here.", LONG, "  indented"]


@given(
    st.lists(
        st.sampled_from(LINES) | st.text(st.sampled_from("aB.?-*=1) \t\u00a0\u2028é中🙂"), max_size=12), max_size=14
    ),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
@settings(max_examples=150, deadline=None)
def test_every_character_is_in_one_block_and_blocks_are_in_order(parts: list[str], line_end: str) -> None:
    text = line_end.join(parts)
    found = blocks(text)
    at = 0
    for b in found:
        assert text[at : b.range.start].strip() == ""
        assert text[b.range.start : b.range.end] == text[b.range.start : b.range.end].strip()
        at = b.range.end

    assert text[at:].strip() == ""
    assert not found or found[-1].level == 0
