"""Words become terms the same way in documents and in questions; names of the law stay whole."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa import terms as terms_module
from qa.terms import STOP_WORDS, stem, stems, terms, words


def forms(text: str) -> list[str]:
    return [form for form, _, _, _ in words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("287(g)", ["287g"]),
        ("287 (g)", ["287g"]),
        ("287(G)", ["287g"]),
        ("287(g)-trained", ["287g", "trained"]),
        ("8 CFR 287.7(d)(1)", ["8", "cfr", "287_7d1"]),
        ("§ 1357(g)", ["section", "1357g"]),
        ("§§1357(g)", ["section", "1357g"]),
        ("in 2011 (ICE)", ["2011", "ice"]),
        ("S-Comm", ["scomm", "comm"]),
        ("S\u2011Comm", ["scomm", "comm"]),
        ("SComm", ["scomm"]),
        ("IDENT/IAFIS", ["identiafis", "ident", "iafis"]),
        ("2008–2014", ["2008_2014", "2008", "2014"]),
        ("No. 11-182", ["11_182", "11", "182"]),
        ("U.S.", ["u_s"]),
        ("U.S", ["u_s"]),
        ("US", ["u_s"]),
        ("us", []),
        ("F.B.I.", ["fbi"]),
        ("D.C.-based", ["dc", "based"]),
        ("1,595", ["1595"]),
        ("1595", ["1595"]),
        ("$1,595.50", ["1595_50"]),
        ("1,595-page", ["1595", "page"]),
        ("14.3%", ["14_3"]),
        ("1,5950", ["1", "5950"]),
        ("Café Ünal", ["cafe", "unal"]),
        ("immi\u00adgration", ["immigration"]),
        ("states' rights", ["states", "rights"]),
        ("O’Malley's", ["omalley"]),
        ("_emphasis_ snake_case", ["emphasis", "snake_case"]),
        ("移民局", ["移民", "民局"]),
        ("移", ["移"]),
        ("ICE宣布", ["ice", "宣布"]),
        ("2011年8月", ["2011", "年", "8", "月"]),
        ("이민국 발표", ["이민", "민국", "발표"]),
        ("Агентство", ["агентство"]),
        ("نَعَم", ["نعم"]),
        ("समझौते रद्द।", ["समझौते", "रदद"]),
        ("🙂 — … ()", []),
        ("", []),
    ],
)
def test_text_has_these_terms(text: str, expected: list[str]) -> None:
    assert forms(text) == expected


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("287g", "287(g)"),
        ("287 (g)", "287(g)'s"),
        ("section 1357(g)", "§ 1357(g)"),
        ("scomm", "S-Comm"),
        ("s-comm", "S-Comm’s"),
        ("u.s.", "US"),
        ("the US's", "the U.S.’s"),
        ("FBI", "F.B.I."),
        ("1595", "1,595"),
        ("cafe", "CAFÉ"),
        ("fingerprints", "fingerprinted"),
        ("agency's", "agencies"),
        ("ＩＣＥ", "ICE"),
        ("straße", "STRASSE"),
    ],
)
def test_question_finds_what_is_written_otherwise(asked: str, written: str) -> None:
    assert set(stems(asked)) <= set(stems(written))
    assert stems(asked)


@pytest.mark.parametrize(
    "text", ["What is the", "who were they", "can't", "it’ll", "Didn't", "won't", "we've", "isn't it"]
)
def test_stop_words_are_no_terms(text: str) -> None:
    assert stems(text) == []


def test_stop_words_are_written_as_they_are_compared() -> None:
    assert {word for word in STOP_WORDS if not word.isalpha() or word != word.lower()} == set()


def test_terms_say_where_they_stand_and_whether_they_are_whole() -> None:
    text = "Under S-Comm, 287(g)."

    assert [(t.stem, text[t.start : t.end], t.whole) for t in terms(text)] == [
        ("scomm", "S-Comm", True),
        ("comm", "S-Comm", False),
        ("287g", "287(g)", True),
    ]


ugly = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.lists(
    st.sampled_from(
        ["US", "U.S.", "287", "(g)", "S-", "Comm", "'s", "’", "1,595", ".", " ", "é", "e\u0301", "移", "_", "-"]
    ),
    max_size=12,
).map("".join)


@given(ugly)
@settings(max_examples=150, deadline=None)
def test_terms_of_any_text_lie_in_it_in_order_and_are_one_word_each(text: str) -> None:
    at = 0
    for term in terms(text):
        assert at <= term.start < term.end <= len(text)
        at = term.start
        assert term.stem
        assert term.stem.split() == [term.stem]


@given(ugly)
@settings(max_examples=150, deadline=None)
def test_composed_and_decomposed_text_have_the_same_latin_terms(text: str) -> None:
    latin = "".join(c for c in text if c < "\u0250" or "\u0300" <= c <= "\u036f")

    assert stems(unicodedata.normalize("NFC", latin)) == stems(unicodedata.normalize("NFD", latin))


plain = st.text(alphabet="aZé_-’'.,§()$ /12Ωж\n", max_size=40)


@given(plain)
@settings(max_examples=500)
def test_text_without_special_characters_has_the_same_tokens_by_the_shorter_pattern(text: str) -> None:
    def tokens(*, special: bool) -> list[tuple[str | None, tuple[int, int]]]:
        return [(m.lastgroup, m.span()) for m in terms_module._tokens(special=special).finditer(text)]

    assert tokens(special=False) == tokens(special=True)


@given(st.lists(st.sampled_from("ICE agreements signed Texas 287(g) S-Comm U.S. 1,595 2011 移民".split()), max_size=8))
@settings(max_examples=50, deadline=None)
def test_each_word_has_its_terms_wherever_it_stands(parts: list[str]) -> None:
    assert stems(" ".join(parts)) == [s for part in parts for s in stems(part)]


@pytest.mark.parametrize("piece", ["x", "7", "स", "é", "e\u0301", "移", "_", "x_", "U.", "a-", "1,595,", "(", "'"])
def test_text_without_blanks_is_read_in_one_pass(piece: str) -> None:
    assert len(terms(piece * 50_000)) <= 50_000 + 1


def test_stems_are_english() -> None:
    assert [stem(w) for w in ("agreements", "deported", "communities")] == ["agreement", "deport", "communiti"]
