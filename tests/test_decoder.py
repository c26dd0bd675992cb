"""Bytes become text in one known encoding, or the file is refused with a reason; nothing is replaced."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.decoder import decode
from qa.errors import LoadError

ENGLISH = "The agency said that the agreements were “rescinded” — fully — on August 5, 2011. It cost €20 million.\n"
GERMAN = "Die Behörde kündigte die Verträge am 5. August 2011 für alle Länder. Über die Gründe schwieg sie.\n"
FRENCH = "L’accord a été dénoncé à la fin de l’été ; les détenus étaient déjà libérés. Où ça ? Là-bas.\n"
POLISH = "Agencja ogłosiła, że umowy zostały rozwiązane piątego sierpnia. Stany nie mogą odmówić udziału.\n"
RUSSIAN = "Агентство объявило, что соглашения расторгнуты 5 августа 2011 года. Штаты не могут отказаться от участия.\n"
GREEK = "Η υπηρεσία ανακοίνωσε ότι οι συμφωνίες καταργήθηκαν στις 5 Αυγούστου 2011. Οι πολιτείες διαφώνησαν.\n"
HEBREW = "הסוכנות הודיעה כי ההסכמים בוטלו ביום חמישה באוגוסט. המדינות אינן יכולות לסרב.\n"
ARABIC = "أعلنت الوكالة إلغاء الاتفاقيات في الخامس من أغسطس. لا يمكن للولايات الرفض.\n"
HINDI = "एजेंसी ने घोषणा की कि समझौते पाँच अगस्त को रद्द कर दिए गए। राज्य मना नहीं कर सकते।\n"
JAPANESE = "移民税関捜査局は二〇一一年八月五日に協定を取り消したと発表しました。州は参加を拒否できません。\n"
CHINESE = "移民和海关执法局于二零一一年八月五日宣布取消协议。各州不能选择退出该项目。\n"
KOREAN = "이민세관단속국은 2011년 8월 5일 협정을 취소한다고 발표했다. 주 정부는 거부할 수 없다.\n"
ALL = (ENGLISH, GERMAN, FRENCH, POLISH, RUSSIAN, GREEK, HEBREW, ARABIC, HINDI, JAPANESE, CHINESE, KOREAN)
MARKED = ("utf-8-sig", "utf-16", "utf-32")

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\r\t"), max_size=200)


@pytest.mark.parametrize("text", ALL)
@pytest.mark.parametrize("encoding", ["utf-8", *MARKED])
def test_unicode_is_read_as_what_its_mark_says(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == (text, encoding, ())


@pytest.mark.parametrize("mark", [b"\xfe\xff", b"\0\0\xfe\xff"])
def test_big_endian_marks_are_known(mark: bytes) -> None:
    codec = "utf-16-be" if len(mark) == 2 else "utf-32-be"

    assert decode(mark + ENGLISH.encode(codec))[0] == ENGLISH


@pytest.mark.parametrize("text", ALL)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_read_and_noted(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == (text, encoding, (f"read as {encoding}, which has no byte order mark",))


def test_utf_16_that_begins_with_nul_is_not_taken_for_utf_32() -> None:
    data = b"\xff\xfe" + "\0abc".encode("utf-16-le")

    assert decode(data) == ("\0abc", "utf-16", ("has 1 NUL character",))


@pytest.mark.parametrize(
    ("text", "encoding", "family"),
    [
        (ENGLISH, "cp1252", {"cp1252"}),
        (ENGLISH, "mac_roman", {"mac_roman"}),
        (GERMAN, "cp1252", {"cp1252"}),
        (GERMAN, "latin-1", {"cp1252"}),
        (GERMAN, "cp850", {"cp850"}),
        (FRENCH, "cp1252", {"cp1252"}),
        (POLISH, "cp1250", {"cp1250"}),
        (RUSSIAN, "cp1251", {"cp1251"}),
        (RUSSIAN, "koi8-r", {"koi8_r"}),
        (GREEK, "iso-8859-7", {"cp1253", "iso8859_7"}),
        (HEBREW, "cp1255", {"cp1255"}),
        (ARABIC, "cp1256", {"cp1256"}),
        (JAPANESE, "shift_jis", {"cp932", "shift_jis"}),
        (JAPANESE, "euc_jp", {"euc_jp", "euc_jis_2004"}),
        (JAPANESE, "iso2022_jp", {"iso2022_jp"}),
        (CHINESE, "gb18030", {"gb18030"}),
        (CHINESE, "big5", {"big5"}),
        (KOREAN, "euc_kr", {"cp949", "euc_kr"}),
    ],
)
@pytest.mark.parametrize("times", [1, 30])
def test_legacy_encoding_is_found_and_noted(text: str, encoding: str, family: set[str], times: int) -> None:
    data = (text * times).encode(encoding, errors="ignore")
    found, name, notes = decode(data)

    assert found == data.decode(encoding)
    assert name in family
    assert notes == (f"not UTF-8; read as {name}, which was detected",)


def test_one_smart_quote_is_enough_for_windows_text() -> None:
    text = "The sheriff’s office wouldn't say."

    assert decode(text.encode("cp1252"))[0] == text


def test_encoding_that_was_set_is_used_without_a_note() -> None:
    assert decode(POLISH.encode("iso-8859-2"), fallback="iso-8859-2") == (POLISH, "iso-8859-2", ())


def test_encoding_that_was_set_does_not_change_utf_8() -> None:
    assert decode(GERMAN.encode(), fallback="cp1252") == (GERMAN, "utf-8", ())


@pytest.mark.parametrize("fallback", ["no-such-codec", "hex", "rot13", "ascii", "idna", "undefined"])
def test_encoding_that_cannot_be_right_is_an_error_of_that_file(fallback: str) -> None:
    with pytest.raises(LoadError, match=f"not valid {fallback}"):
        decode(GERMAN.encode("cp1252"), fallback=fallback)


@given(texts, st.sampled_from(MARKED))
@settings(max_examples=150, deadline=None)
def test_marked_text_comes_back_whole(text: str, encoding: str) -> None:
    found, name, _ = decode(text.encode(encoding))

    assert (found, name) == (text, encoding)


@given(texts | st.text(max_size=50), st.sampled_from(["utf-8", "utf-16-le", "utf-16-be", "cp1252", "cp1251", "cp932"]))
@settings(max_examples=150, deadline=None)
def test_text_is_always_what_python_reads_with_the_named_encoding(text: str, encoding: str) -> None:
    data = text.encode(encoding, errors="ignore")
    try:
        found, name, _ = decode(data)
    except LoadError:
        return

    assert data.decode(name) == found


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_read_exactly_or_refused(data: bytes) -> None:
    try:
        found, name, notes = decode(data)
    except LoadError:
        return

    assert data.decode(name) == found
    assert ("\ufffd" in found) == any("replacement character" in note for note in notes)


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff\xfe\0\0"])
def test_no_text_is_no_error(data: bytes) -> None:
    assert decode(data)[0] == ""


@pytest.mark.parametrize(
    ("magic", "name"),
    [
        (b"%PDF-1.7\n", "a PDF"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        (b"\xff\xd8\xff\xe0", "a JPEG picture"),
        (b"GIF89a", "a GIF picture"),
        (b"\x1f\x8b\x08", "a gzip archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Office document"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"\x7fELF\x02", "a program"),
        (b"{\\rtf1\\ansi", "an RTF document"),
    ],
)
def test_known_binary_format_is_named(magic: bytes, name: str) -> None:
    with pytest.raises(LoadError, match=name):
        decode(magic + b"plain words behind it " * 50)


@pytest.mark.parametrize("size", [200, 5000, 200_000])
def test_random_bytes_are_refused(size: int) -> None:
    with pytest.raises(LoadError):
        decode(random.Random(size).randbytes(size))


@pytest.mark.parametrize(
    "data",
    [b"\0" * 100, bytes(range(256)) * 20, b"\0\1\2\3" * 100, b"word" + b"\0" * 200, b"\x01\x02\x03\x04" * 50],
)
def test_data_that_is_no_text_is_binary(data: bytes) -> None:
    with pytest.raises(LoadError, match="is binary, not text") as caught:
        decode(data)
    assert caught.value.fix == "convert it to text, or exclude it in qa.toml"


def test_wide_text_with_a_mark_may_be_binary_too() -> None:
    with pytest.raises(LoadError, match="is binary, not text"):
        decode(b"\xff\xfe" + b"\1\0" * 100)


@pytest.mark.parametrize(
    ("mark", "data"), [(b"\xef\xbb\xbf", b"caf\xe9"), (b"\xff\xfe", b"abc"), (b"\xff\xfe", b"\0\xd8a\0")]
)
def test_mark_that_lies_is_an_error(mark: bytes, data: bytes) -> None:
    with pytest.raises(LoadError, match="is not valid utf-"):
        decode(mark + data)


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        ("one\0two", ("has 1 NUL character",)),
        ("one\0two\0", ("has 2 NUL characters",)),
        ("caf\ufffd", ("has 1 replacement character",)),
    ],
)
def test_damage_that_was_in_the_file_is_kept_and_noted(text: str, notes: tuple[str, ...]) -> None:
    assert decode(text.encode()) == (text, "utf-8", notes)


@pytest.mark.parametrize(
    "text", ["GIF8 is how such files begin.", "\x1b[1mbold\x1b[0m", "line one\x0bline two\x0b" * 20, "page\fpage"]
)
def test_rare_but_plain_text_is_text(text: str) -> None:
    assert decode(text.encode()) == (text, "utf-8", ())
