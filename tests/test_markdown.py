"""Markdown becomes blocks whose visible characters are what a rendered page shows, at exact offsets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.markdown import blocks
from qa.schema import Block, BlockKind
from qa.text import blank, readable


def shown(text: str) -> list[tuple[str, str]]:
    """Return (kind, what a reader sees) of each block."""
    return [(b.kind.value, readable(text, b.range.start, b.range.end, b.hidden)) for b in blocks(text)]


def whole(text: str, block: Block) -> str:
    return text[block.range.start : block.range.end]


@pytest.mark.parametrize(
    ("markup", "seen"),
    [
        ("plain words", "plain words"),
        ("*a* **b** ***c*** _d_ __e__", "a b c d e"),
        ("un**believ**able", "unbelievable"),
        ("snake_case and 2 * 3 * 4", "snake_case and 2 * 3 * 4"),
        ("`code` and ``a ` b``", "code and a ` b"),
        ("`**not bold**`", "**not bold**"),
        ("[text](http://x.y/z)", "text"),
        ("[text](http://x.y/z).html)", "text.html)"),
        ('[text](http://x.y/z "A title (with text)") text', "text text"),
        ("[text](<a b> 'text') text", "text text"),
        ("[a](u(v)w) w", "a w"),
        ("[**see**](see.html). html", "see. html"),
        ("[`see`](see)see", "seesee"),
        ("[a][ref] ref", "a ref"),
        ("[ref][] and [ref]", "ref and ref"),
        ("[a][none]", "[a][none]"),
        ("![alt](alt.png) alt", "alt alt"),
        ("![](alt.png) alt", "alt"),
        ("![a *b* c](p.png 'b') b", "a b c b"),
        ("[![alt](p.png)](link) link", "alt link"),
        ("<http://x.y/a%20b> a", "http://x.y/a%20b a"),
        ("<me@x.org>", "me@x.org"),
        ("<b>bold</b> <!-- bold --> <br/>end", "bold end"),
        ("one<br>two", "one two"),
        ("1 < 2 > 1", "1 < 2 > 1"),
        (r"287\(g\) and \$150 and \*no\* \a", r"287(g) and $150 and *no* \a"),
        ("AT&amp;T &#8212; &bogus;", "AT&amp;T &#8212; &bogus;"),
        ("hard  \nbreak\\\nhere", "hard break here"),
        ("a\tb", "a\tb".replace("\t", " ")),
        ("a\u00a0b é e\u0301 中文 مرحبا 🙂", "a b é e\u0301 中文 مرحبا 🙂"),
        ("a\0b", "a\0b"),
        ("Said so. [@ipc-2011; @b, p. 3]", "Said so. [@ipc-2011; @b, p. 3]"),
        ("Noted.[^1]", "Noted.[^1]"),
    ],
)
@pytest.mark.parametrize("container", ["{}", "- {}", "> {}", "1. > - {}", "> {}\n> more"])
def test_markup_of_a_line_is_hidden_and_its_words_are_not(markup: str, seen: str, container: str) -> None:
    text = container.format(markup.replace("\n", "\n> ") if container.startswith(">") else markup)
    (only,) = blocks(f"{text}\n\n[ref]: /url 'ref'\n")

    assert readable(text, only.range.start, only.range.end, only.hidden).removesuffix(" more") == seen


@pytest.mark.parametrize(
    ("text", "level", "seen"),
    [
        ("# One", 1, "One"),
        ("###### Six ######", 6, "Six"),
        ("## C# and #2", 2, "C# and #2"),
        ("# *Very* [linked](u) `code`", 1, "Very linked code"),
        ("One\n===", 1, "One"),
        ("Two\nlines\n---", 2, "Two lines"),
        ("> # Quoted", 1, "Quoted"),
        ("- # In a list", 1, "In a list"),
        ("   # Indented", 1, "Indented"),
        ("# One\r\n", 1, "One"),
    ],
)
def test_heading_has_its_level_and_shows_no_mark(text: str, level: int, seen: str) -> None:
    (only,) = blocks(text)

    assert (only.kind, only.level) == (BlockKind.HEADING, level)
    assert readable(text, only.range.start, only.range.end, only.hidden) == seen


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#no heading", [("paragraph", "#no heading")]),
        ("####### seven", [("paragraph", "####### seven")]),
        (r"\# no heading", [("paragraph", "# no heading")]),
        ("# \n\n#\n\nText", [("paragraph", "Text")]),
        ("One\n\nTwo\nlines", [("paragraph", "One"), ("paragraph", "Two lines")]),
        ("- a\n- b\n  more\n\n  again\n", [("item", "a"), ("item", "b more"), ("item", "again")]),
        ("1. a\n   - b\n     1) c\n2. d", [("item", "a"), ("item", "b"), ("item", "c"), ("item", "d")]),
        ("- - a\n  - b", [("item", "a"), ("item", "b")]),
        ("- [ ] to do\n- [x] done", [("item", "[ ] to do"), ("item", "[x] done")]),
        ("> a\nlazy\n>\n> > b\n> > c", [("paragraph", "a lazy"), ("paragraph", "b c")]),
        ("> - a\n>   b\n\nc", [("item", "a b"), ("paragraph", "c")]),
        ("a\n***\nb\n\n- - -\n", [("paragraph", "a"), ("paragraph", "b")]),
        ("```py\nx = 1\n\n# no heading\n```\nAfter", [("code", "x = 1 # no heading"), ("paragraph", "After")]),
        ("~~~\nopen\nto the end", [("code", "open to the end")]),
        ("```\n```\n\n```\n\n```", []),
        ("    indented\n\n    code\n\ntext", [("code", "indented code"), ("paragraph", "text")]),
        ("> ```\n> quoted\n>  code\n> ```", [("code", "quoted code")]),
        ("- ```\n  in a list\n  ```\n- b", [("code", "in a list"), ("item", "b")]),
        ("- ```\n  cut off\nb", [("code", "cut off"), ("paragraph", "b")]),
        ("<div class='a b'>\n<p>3 < 4 &amp; <b>so</b></p>\n</div>\n", [("html", "3 < 4 &amp; so")]),
        ("<!-- a\n\ncomment --> \n\ntext", [("paragraph", "text")]),
        ("<!-- a --> seen\n", [("html", "seen")]),
        ("<script>\nvar a = 'x';\n</script>\n\n<style>\np { }\n</style>\n\ntext", [("paragraph", "text")]),
        ("> <div>\n> seen <!-- not\n> seen --> again\n> </div>", [("html", "seen again")]),
        ("<details>\n<summary>More</summary>\n\nInside.\n\n</details>", [("html", "More"), ("paragraph", "Inside.")]),
        ("[a]: http://x 'title'\n[b]: <y>\n\ntext [a]", [("paragraph", "text a")]),
        ("![](only-a-picture.png)", []),
        ("* * *", []),
        ("", []),
        (" \n\t\n", []),
        ("\u00a0\n\ntext", [("paragraph", "text")]),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_blocks_are_those_of_commonmark(text: str, expected: list[tuple[str, str]], line_end: str) -> None:
    assert shown(text.replace("\n", line_end)) == expected


TABLE = """\
Before

| Program | *Started* | Cost \\| year |
|:--------|----------:|:---:|
| [S-Comm](u) | March 2008 | `$200\\|m` |
| 287(g) | **1996** |
| CAP | 2006 | x | too many |

After
"""


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("prefix", ["", "> ", "  "])
def test_rows_of_a_table_are_passages_labelled_by_its_head(line_end: str, prefix: str) -> None:
    text = "".join(f"{prefix}{line}{line_end}" for line in TABLE.splitlines())
    found = blocks(text)

    assert [b.kind.value for b in found] == ["paragraph", "row", "row", "row", "paragraph"]
    assert {b.label for b in found[1:4]} == {"Program | Started | Cost | year"}
    assert [readable(text, b.range.start, b.range.end, b.hidden) for b in found] == [
        "Before",
        "S-Comm March 2008 $200|m",
        "287(g) 1996",
        "CAP 2006 x",
        "After",
    ]
    assert "too many" in whole(text, found[3])
    assert found[4].label == ""


def test_head_of_a_table_without_rows_is_not_lost() -> None:
    assert shown("| Only | a head |\n|---|---|\n") == [("row", "Only a head")]


def test_second_table_has_its_own_label() -> None:
    text = "| a |\n|---|\n| 1 |\n\n| b |\n|---|\n| 2 |\n"

    assert [b.label for b in blocks(text)] == ["a", "b"]


def test_lists_nested_deeper_than_the_parsers_default_lose_nothing() -> None:
    text = "".join(f"{'  ' * depth}- level {depth}\n" for depth in range(40))

    assert shown(text) == [("item", f"level {depth}") for depth in range(40)]


def test_quote_nested_beyond_all_limits_is_no_error() -> None:
    assert shown(">" * 5000 + " deep\n\nafter")[-1:] == [("paragraph", "after")]


def test_blocks_start_behind_the_offset() -> None:
    text = "---\ntitle: x\n---\n# Heading\n\nText"
    found = blocks(text, text.index("# Heading"))

    assert [whole(text, b) for b in found] == ["# Heading", "Text"]


def test_table_of_many_rows_is_read_in_one_pass() -> None:
    text = "| a | b |\n|---|---|\n" + "| 1 | two |\n" * 20_000

    assert len(blocks(text)) == 20_000


# (markup, what is seen of it): each piece is whole, so that any of them may stand beside any other.
PIECES = [
    ("word", "word"),
    ("Sentence.", "Sentence."),
    ("**bold**", "bold"),
    ("*word* _word_", "word word"),
    ("[word](http://x.y/word)", "word"),
    ('[two words](<word> "word")', "two words"),
    ("![word](word.png)", "word"),
    ("`co*d*e`", "co*d*e"),
    ("<b>word</b>", "word"),
    ("<!-- word -->", ""),
    ("\\[word\\]", "[word]"),
    ("<http://word.org>", "http://word.org"),
    ("[@word; @b]", "[@word; @b]"),
    ("287(g)", "287(g)"),
    ("中文。", "中文。"),
    ("مرحبا", "مرحبا"),
    ("e\u0301 🙂", "e\u0301 🙂"),
    ("a\u00a0b", "a\u00a0b"),
]
TABLES = ["| h | i |\n|---|---|\n| {} | word |", "| {} |\n|---|\n| x |"]
CONTAINERS = ["{}", "# {}", "- {}", "1. {}", "> {}", "> - {}", *TABLES]
lines = st.lists(st.sampled_from(PIECES), max_size=6)
documents = st.lists(st.tuples(lines, st.sampled_from(CONTAINERS)), max_size=6)


@given(documents, st.sampled_from(["\n", "\r\n", "\r"]))
@settings(max_examples=150, deadline=None)
def test_reader_of_the_blocks_sees_what_reader_of_the_page_sees(
    parts: list[tuple[list[tuple[str, str]], str]], line_end: str
) -> None:
    text = "\n\n".join(container.format(" ".join(["at", *(raw for raw, _ in line)])) for line, container in parts)
    text = text.replace("\n", line_end)
    found = blocks(text)

    seen = []
    for line, container in parts:
        words = "".join("".join(["at", *(s for _, s in line)]).split())
        seen.append("x" if "x |" in container else words + "word" * ("word |" in container))
    assert ["".join(blank(text, b.range.start, b.range.end, b.hidden).split()) for b in found] == seen


PLAIN = ["a", "b.", " ", "  ", "\t", "\u00a0", "\u2028", "\x0c", "\0", "é", "e\u0301", "中", "🙂"]
INLINE = ["**", "*", "_", "`", "``", "[", "]", "(", ")", "](u)", "![", "<b>", "<!--", "-->", "<http://x.y>", "[r]"]
ESCAPES = ["\\", "\\*", "&amp;", "|", "[@k]"]
LINES = ["\n", "\n\n", "\r\n", "\r", "\n    ", "\n> ", "\n- ", "\n1. ", "\n# ", "\n---\n", "\n===\n", "\n```\n"]
BLOCKS = ["\n[r]: /u\n", "\n<div>\n", "\n| a | b |\n|---|---|\n| c \\| d | e |\n"]


@given(st.lists(st.sampled_from([*PLAIN, *INLINE, *ESCAPES, *LINES, *BLOCKS]), max_size=30))
@settings(max_examples=150, deadline=None)
def test_blocks_of_any_text_are_tight_and_in_order_and_do_not_overlap(pieces: list[str]) -> None:
    text = "".join(pieces)
    at = 0

    for b in blocks(text):
        assert b.range.start >= at
        at = b.range.end
        assert whole(text, b) == whole(text, b).strip()
        assert blank(text, b.range.start, b.range.end, b.hidden).strip()
        edges = [edge for r in b.hidden for edge in (r.start, r.end)]
        assert edges == sorted(edges)
        assert not edges or b.range.start <= edges[0] < edges[-1] <= b.range.end
