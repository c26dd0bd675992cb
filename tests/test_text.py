"""Lines, blanks, citation keys and sentences of a text that is never changed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.schema import Range
from qa.text import CITATION_KEYS, Lines, blank, fold, keys_of, readable, sentence_ranges, squeeze, tighten

ragged = st.text(st.sampled_from("aB .!?\n\r\t\u00a0\u2028\x0b\x1c\u200b\u3000\ufeff“”()é中。؟🙂\u0301"), max_size=60)


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("", [0]),
        ("a", [0]),
        ("a\nb", [0, 2]),
        ("a\r\nb", [0, 3]),
        ("a\rb\r", [0, 2, 4]),
        ("a\n\r\nb", [0, 2, 4]),
        ("a\x0bb\x0cc\u2028d\x85e", [0]),
    ],
)
def test_lines_end_where_editors_end_them(text: str, starts: list[int]) -> None:
    assert Lines(text).starts == starts


@given(st.text(st.sampled_from("ab\n\r"), max_size=40))
@settings(max_examples=150, deadline=None)
def test_every_character_is_found_again_by_line_and_column(text: str) -> None:
    lines = Lines(text)

    for offset in range(len(text)):
        line, column = lines.position(offset)
        start, end = lines.range(line, line)
        assert start <= offset < end
        assert offset == start + column - 1
    assert "".join(text[slice(*lines.range(n, n))] for n in range(1, len(lines) + 1)) == text


@given(ragged, st.lists(st.tuples(st.integers(0, 50), st.integers(1, 10)), max_size=4))
@settings(max_examples=150, deadline=None)
def test_blanked_text_keeps_its_length_and_all_other_characters(text: str, pairs: list[tuple[int, int]]) -> None:
    ranges = [Range(lo, lo + size) for lo, size in sorted(pairs)]
    masked = blank(text, 0, len(text), ranges)

    hidden = {at for r in ranges for at in range(r.start, r.end)}
    assert masked == "".join(" " if at in hidden else c for at, c in enumerate(text))


@given(ragged, st.integers(0, 30), st.integers(0, 30))
@settings(max_examples=150, deadline=None)
def test_tight_range_is_what_strip_leaves(text: str, start: int, size: int) -> None:
    start = min(start, len(text))
    lo, hi = tighten(text, start, min(start + size, len(text)))

    assert start <= lo <= hi <= len(text)
    assert text[lo:hi] == text[start : start + size].strip()


@pytest.mark.parametrize(
    ("text", "hidden", "expected"),
    [
        ("**ICE**'s", [Range(0, 2), Range(5, 7)], "ICE's"),
        ("|a|b|", [Range(0, 1), Range(2, 3), Range(4, 5)], "a b"),
        ("one<br>two", [Range(3, 7)], "one two"),
        ("[a](u\nv) b", [Range(0, 1), Range(2, 8)], "a b"),
        (" a \n b ", [], "a b"),
    ],
)
def test_readable_text_parts_words_only_where_the_markup_does(text: str, hidden: list[Range], expected: str) -> None:
    assert readable(text, 0, len(text), hidden) == expected


def test_squeezing_leaves_one_blank_between_words() -> None:
    assert squeeze(" a\u00a0\n\t b\r\n") == "a b"


@pytest.mark.parametrize("text", ["Café", "CAFE\u0301", "cafe", "ＣＡＦＥ"])
def test_folding_forgets_case_accents_and_width(text: str) -> None:
    assert fold(text) == "cafe"


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("[@ipc-2011]", ("ipc-2011",)),
        ("[@a; @b]", ("a", "b")),
        ("[see @a, pp. 3-4; also @b_c:d]", ("a", "b_c:d")),
        ("[-@a]", ("a",)),
        ("[@a; @a]", ("a",)),
        ("[@doe.2010.]", ("doe.2010",)),
    ],
)
def test_group_of_citation_keys_is_found(text: str, keys: tuple[str, ...]) -> None:
    groups = [m.group() for m in CITATION_KEYS.finditer(f"Before {text} after.")]

    assert groups == [text]
    assert keys_of(text) == keys


@pytest.mark.parametrize(
    "text",
    [
        "[mail me@example.org]",
        "[me@example.org]",
        "me@example.org",
        "@handle",
        "[]",
        "[@]",
        "[a @ b]",
        r"\[@a]",
        "[^1]",
    ],
)
def test_other_brackets_are_no_citation_keys(text: str) -> None:
    assert CITATION_KEYS.search(f"Before {text} after.") is None


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        (" \n", []),
        ("No full stop", ["No full stop"]),
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        (
            "See No. 11-182 in the U.S. Supreme Court. It cites 8 U.S.C. § 1357(g).",
            ["See No. 11-182 in the U.S. Supreme Court.", "It cites 8 U.S.C. § 1357(g)."],
        ),
        ("Mr. Morton ran ICE. He left.", ["Mr. Morton ran ICE.", "He left."]),
        ("It cost $1.5 million\nin all. Then\r\nit ended.", ["It cost $1.5 million\nin all.", "Then\r\nit ended."]),
        ("移民局宣布。各州不能退出！是吗？", ["移民局宣布。", "各州不能退出！", "是吗？"]),
        ("「取り消した。」州は拒否。", ["「取り消した。」", "州は拒否。"]),
        ("كيف حالك؟ نعم.", ["كيف حالك؟", "نعم."]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, sentences: list[str]) -> None:
    assert [text[lo:hi] for lo, hi in sentence_ranges(text)] == sentences


@given(ragged)
@settings(max_examples=150, deadline=None)
def test_sentences_hold_every_character_once_and_no_blank_ends(text: str) -> None:
    ranges = sentence_ranges(text)

    assert [at for pair in ranges for at in pair] == sorted(at for pair in ranges for at in pair)
    assert all(text[lo:hi] and text[lo:hi] == text[lo:hi].strip() for lo, hi in ranges)
    assert "".join("".join(text[lo:hi].split()) for lo, hi in ranges) == "".join(text.split())
