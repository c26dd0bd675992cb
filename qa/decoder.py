"""Files to bytes, bytes to text: UTF-8, UTF-16 and UTF-32, else a legacy encoding that is detected and reported."""

from __future__ import annotations

import codecs
import os
import re
import unicodedata
from pathlib import Path

from qa.errors import LoadError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MAGIC = (
    (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive (or an Office document)"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF87a", "a GIF picture"),
    (b"GIF89a", "a GIF picture"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"{\\rtf", "an RTF document"),
)
# Text files do have tabs, line ends (vertical ones too), form feeds, escapes, and NUL (said in a note).
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MAX_CONTROL_SHARE = 0.005
_MAX_NUL_SHARE = 0.01
_SAMPLE_BYTES = 1 << 16
# Japanese in seven bits, which is valid UTF-8 as well: these escapes begin its characters.
_JIS = re.compile(rb"\x1b\$[@B]")
# Where several legacy encodings are about as plausible, by how common their files are.
_COMMON = ("cp1252", "cp1250", "mac_roman", "cp850")
# How far behind the best one a common encoding may be (charset-normalizer's scores, 0 to 1): in cp1252 English
# has a chaos of 0.02 and French of 0.06 where rare DOS and Baltic pages have 0; Polish in cp1250 has a
# coherence of 0.57 where these have 0.67.
_MAX_MORE_CHAOS = 0.1
_MAX_LESS_COHERENCE = 0.15
_BINARY_FIX = "convert it to text, or exclude it in qa.toml"


def read_bytes(path: Path) -> bytes:
    """Return the bytes of one file, all of one moment. Raises LoadError when it cannot be read."""
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            data = file.read()
            after = os.fstat(file.fileno())
    except FileNotFoundError as error:
        raise LoadError("vanished before it was read", fix="run the command again") from error
    except OSError as error:
        raise LoadError(f"cannot be read: {error.strerror}", fix=f"check the permissions of {path}") from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(data) != after.st_size:
        raise LoadError("changed while it was read", fix="run the command again")
    return data


def _strict(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except (UnicodeError, LookupError) as error:
        raise LoadError(f"is not valid {encoding}: {error}", fix="save it again as UTF-8") from error


def _is_binary(text: str) -> bool:
    size = max(len(text), 1)
    controls = len(_CONTROL.findall(text))
    return controls > max(size * _MAX_CONTROL_SHARE, 2) or text.count("\0") > max(size * _MAX_NUL_SHARE, 8)


def _by_mark(data: bytes) -> tuple[str, str]:
    """Return (text, encoding) of data that starts with a byte order mark, two empty strings for other data."""
    encodings = [encoding for mark, encoding in _BOMS if data.startswith(mark)]
    # The mark of UTF-32 is also that of UTF-16 with a NUL behind it.
    for encoding in encodings[:-1]:
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return (_strict(data, encodings[-1]), encodings[-1]) if encodings else ("", "")


def _wide_by_zeros(data: bytes) -> tuple[str, str]:
    """Return (text, encoding) of UTF-16 whose NUL bytes stand where those of Latin text do, else empty strings."""
    sample = data[:_SAMPLE_BYTES]
    half = max(len(sample) // 2, 1)
    even, odd = sample[0::2].count(0) / half, sample[1::2].count(0) / half
    encoding = "utf-16-le" if odd > 0.5 and even < 0.05 else "utf-16-be" if even > 0.5 and odd < 0.05 else ""
    try:
        text = data.decode(encoding) if encoding else ""
    except UnicodeDecodeError:
        return "", ""
    return (text, encoding) if text and not _is_binary(text) else ("", "")


def _wide_by_sense(data: bytes) -> str:
    """Return utf-16-le or utf-16-be when that makes known characters, blanks among them, else "".

    For text in other scripts, whose only NUL bytes are those of its blanks. Only for data that is no
    UTF-8: much of that could be read as Chinese.
    """
    blanks: dict[str, int] = {}
    for encoding in ("utf-16-le", "utf-16-be") if len(data) % 2 == 0 else ():
        try:
            sample = codecs.getincrementaldecoder(encoding)().decode(data[:_SAMPLE_BYTES])
        except UnicodeDecodeError:
            continue
        strange = sum(unicodedata.category(c) in ("Cn", "Co", "Cc") and c not in "\t\n\f\r" for c in sample)
        if strange <= len(sample) * _MAX_CONTROL_SHARE:
            blanks[encoding] = sample.count(" ") + sample.count("\n")
    best = max(blanks, key=lambda encoding: blanks[encoding], default="")
    return best if best and blanks[best] else ""


def _has_odd_words(text: str) -> bool:
    """Tell whether signs or capitals stand inside its words: "og³osi³a" is Polish in the wrong encoding."""
    foreign = sum(c > "\x7f" for c in text)
    odd = sum(
        b > "\x7f" and a.isalpha() and c.isalpha() and (b.isupper() if b.isalpha() else b not in "’‘·–—…\xad")
        for a, b, c in zip(text, text[1:], text[2:], strict=False)
        if not a.isupper()
    )
    return odd * 20 > foreign


def _legacy(data: bytes) -> str:
    """Return the legacy encoding that charset-normalizer finds most plausible, or a common one close behind it."""
    import charset_normalizer

    matches = charset_normalizer.from_bytes(data)
    best = matches.best()
    if best is None:
        raise LoadError(
            "has no encoding that can be recognised", fix='save it as UTF-8, or set encoding = "..." in qa.toml'
        )
    near = [
        {match.encoding, *match.could_be_from_charset}
        for match in matches
        if match.chaos <= best.chaos + _MAX_MORE_CHAOS and match.coherence >= best.coherence - _MAX_LESS_COHERENCE
    ]
    for names in ({best.encoding, *best.could_be_from_charset}, set().union(*near)):
        for encoding in _COMMON:
            if encoding in names and not _has_odd_words(data[:_SAMPLE_BYTES].decode(encoding, errors="ignore")):
                return encoding
    return best.encoding


def _without_mark(data: bytes, fallback: str) -> tuple[str, str, tuple[str, ...]]:
    for magic, name in _MAGIC:
        if data.startswith(magic):
            raise LoadError(f"is {name}, not text", fix=_BINARY_FIX)
    text, encoding = _wide_by_zeros(data)
    if encoding:
        return text, encoding, (f"read as {encoding}, which has no byte order mark",)
    try:
        text, encoding = data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if _is_binary(text):
        encoding = _wide_by_sense(data)
        if not encoding:
            raise LoadError("is binary, not text", fix=_BINARY_FIX)
        return _strict(data, encoding), encoding, (f"read as {encoding}, which has no byte order mark",)
    if encoding and not _JIS.search(data):
        return text, encoding, ()
    encoding = "iso2022_jp" if encoding else fallback or _legacy(data)
    text = _strict(data, encoding)
    if _is_binary(text):
        raise LoadError("is binary, not text", fix=_BINARY_FIX)
    return text, encoding, () if encoding == fallback else (f"not UTF-8; read as {encoding}, which was detected",)


def decode(data: bytes, *, fallback: str = "") -> tuple[str, str, tuple[str, ...]]:
    """Return (text, encoding, notes) such that ``data.decode(encoding)`` is ``text``, nothing replaced.

    ``fallback`` is the encoding of files that are not Unicode; without one it is detected and noted.
    Raises LoadError for binary data and for text in no encoding.
    """
    notes: tuple[str, ...] = ()
    text, encoding = _by_mark(data)
    if not encoding:
        text, encoding, notes = _without_mark(data, fallback)
    elif _is_binary(text):
        raise LoadError("is binary, not text", fix=_BINARY_FIX)
    return text, encoding, (*notes, *_damage(text))


def _damage(text: str) -> tuple[str, ...]:
    counts = (("NUL", text.count("\0")), ("replacement", text.count("\ufffd")))
    return tuple(f"has {n} {name} character{'s' * (n > 1)}" for name, n in counts if n)
