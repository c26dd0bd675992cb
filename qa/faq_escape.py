"""What a document says, made inert for the format in which it is published."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote as percent
from urllib.parse import urlsplit

from qa.faq_page import PageQuote
from qa.schema import Reference
from qa.screen import flat, safe

# What a URL may have as it is; all else is percent-encoded, brackets and quotation marks of every markup included.
_URL_SAFE = "%/:=&?~#+,;@-._!$"
_QUOTATION = re.compile(r"[\"“]([^\"“”]{12,300}?)[.,]?[\"”]")
_MD = re.compile(r"([\\`*_\[\]|~$^@])|(?<=[a-zA-Z]):(?=//)|(?<=www)\.")
_MD_START = re.compile(r"(\d{1,9})([.)])(?=\s|$)|([#+\-=!:%>])")
_RST = re.compile(r"[\\*`|_<>\[\]:@^~]")
_RST_START = re.compile(r"(?=[^\s\\\w]|\w{1,5}[.)]\s|\(\w{1,5}\)\s)")


class Safe(str):
    """Text that is markup of the format already."""

    __slots__ = ()


def clean(text: str) -> str:
    """Return text on one line with whatever could act on a reader shown as U+FFFD; its length is kept."""
    inert = safe(re.sub(r"\s", " ", text.encode("utf-8", "replace").decode("utf-8")))
    # No XML may hold these two.
    return re.sub("[\ufffe\uffff]", "\ufffd", inert)


def markdown(text: str) -> Safe:
    """Escape one line for Markdown: no processor finds markup, HTML, a link or a template tag in it."""
    inert = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A backslash would not keep Liquid, which runs before Markdown, from reading "{%".
    inert = inert.replace("{", "&#123;")
    inert = _MD.sub(lambda m: "\\" + m.group(), inert)
    return (
        Safe(_MD_START.sub(lambda m: f"{m[1]}\\{m[2]}" if m[1] else f"\\{m[3]}", inert, count=1))
        if (_MD_START.match(inert))
        else Safe(inert)
    )


def rst(text: str) -> Safe:
    """Escape one line for reStructuredText."""
    inert = _RST.sub(lambda m: "\\" + m.group(), clean(text))
    return Safe("\\" + inert if _RST_START.match(inert) else inert)


def web_url(url: str) -> str:
    """Return a web address with all else than its own signs percent-encoded, "" for what is none."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return ""
    if parts.scheme.lower() not in ("http", "https") or not parts.netloc:
        return ""
    return percent(flat(url), safe=_URL_SAFE)


def source_url(reference: Reference, quote: PageQuote) -> str:
    """Return the address of a public source, "" without one.

    Where the quote itself quotes words, the address leads to these words in the source (a text fragment).
    """
    url = web_url(reference.url)
    said = _QUOTATION.search(quote.text)
    if not url or said is None or "#" in url or len(said[1].split()) < 3:
        return url
    return f"{url}#:~:text={_fragment(said[1])}"


def document_url(quote: PageQuote) -> str:
    """Return the address of a document that is a web page itself, led to the quote; "" for a file."""
    url = web_url(quote.source)
    words = quote.text.split()
    if not url or "#" in url:
        return url
    ends = [" ".join(words)] if len(words) < 12 else [" ".join(words[:5]), " ".join(words[-5:])]
    return f"{url}#:~:text={','.join(_fragment(end) for end in ends)}"


def _fragment(words: str) -> str:
    # "-" and "," have a meaning in a text fragment.
    return percent(words, safe="").replace("-", "%2D")


def pieces(quote: PageQuote, *, is_tight: bool = False) -> Iterator[tuple[str, bool]]:
    """Yield the quote in pieces, each with whether it holds answering words.

    A tight piece begins and ends with a letter or digit, as Markdown wants it.
    """
    at = 0
    for mark in quote.marks:
        start, end = max(mark.start, at), min(mark.end, len(quote.text))
        while is_tight and start < end and not quote.text[start].isalnum():
            start += 1
        while is_tight and start < end and not quote.text[end - 1].isalnum():
            end -= 1
        if start < end:
            yield clean(quote.text[at:start]), False
            yield clean(quote.text[start:end]), True
            at = end
    yield clean(quote.text[at:]), False
