"""The records of a published page, and the JSON in which each page carries them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from qa.questions_file import Entry
from qa.schema import Filters, Range, Reference

# Raised when a key changes its meaning or goes.
SCHEMA = 1


class ItemStatus(StrEnum):
    """What became of a question; ``REVIEW`` is answered, but a person should look at it."""

    ANSWERED = "answered"
    REVIEW = "review"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A sentence beside a quote: its exact text, and where it starts in the same document."""

    start: int
    text: str


@dataclass(frozen=True, slots=True)
class PageQuote:
    """One quoted sentence of a page. ``document`` is the SHA-256 of the file that was indexed.

    ``start`` and ``end`` are characters of the decoded file, ``before`` and ``after`` the sentences
    around the quote in its passage.
    """

    number: int
    text: str
    marks: tuple[Range, ...]
    source: str
    document: str
    line: int
    line_end: int
    start: int
    end: int
    title: str
    heading: tuple[str, ...]
    as_of: str
    references: tuple[Reference, ...]
    before: tuple[Neighbour, ...] = ()
    after: tuple[Neighbour, ...] = ()

    @property
    def place(self) -> str:
        """Where the quote stands: "file:line" or "file:line-line"."""
        last = f"-{self.line_end}" if self.line_end != self.line else ""
        return f"{self.source}:{self.line}{last}"


@dataclass(frozen=True, slots=True)
class PageItem:
    """One question of a page with its answer.

    ``asked`` is the wording that was answered; ``same`` are ids of earlier questions that ask the same,
    ``near`` of such as ask nearly the same; ``reason`` says why there is no answer or why to review it;
    ``disagree`` are the numbers of quotes that give different figures or dates.
    """

    entry: Entry
    status: ItemStatus
    asked: str
    confidence: float
    quotes: tuple[PageQuote, ...] = ()
    reason: str = ""
    disagree: tuple[int, ...] = ()
    same: tuple[str, ...] = ()
    near: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The anchor of the question."""
        return self.entry.id

    @property
    def as_of(self) -> str:
        """The latest date up to which a quoted document speaks, "" where none says."""
        return max((q.as_of for q in self.quotes), default="")


@dataclass(frozen=True, slots=True)
class Page:
    """A page before it is rendered. ``index`` is the fingerprint of the index, ``engine`` what answered.

    Two pages that say the same have the same bytes, so the published formats leave out what changes
    with every other document: ``index``, the confidence, the digests of documents.
    """

    title: str
    intro: str
    items: tuple[PageItem, ...]
    index: str
    engine: str

    @property
    def answered(self) -> tuple[PageItem, ...]:
        """The questions with an answer, in order."""
        return tuple(i for i in self.items if i.quotes)

    @property
    def unanswered(self) -> tuple[PageItem, ...]:
        """The questions without an answer, in order."""
        return tuple(i for i in self.items if not i.quotes)

    @property
    def to_review(self) -> tuple[PageItem, ...]:
        """The questions whose answer a person should look at."""
        return tuple(i for i in self.items if i.status is ItemStatus.REVIEW)

    @property
    def sections(self) -> tuple[tuple[str, tuple[PageItem, ...]], ...]:
        """The answered questions by section; sections stand in the order of their first question."""
        found: dict[str, list[PageItem]] = {}
        for item in self.answered:
            found.setdefault(item.entry.section, []).append(item)
        return tuple((name, tuple(items)) for name, items in found.items())


# What may not stand in a page as it is, even inside data: markup, terminal escapes, what turns the
# reading direction around, line ends that only some programs know, and half characters.
_ESCAPED = re.compile(
    "[<>&\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]|--|\\{(?=[{%#<])"
)


def _escape(match: re.Match[str]) -> str:
    return "".join(f"\\u{ord(c):04x}" for c in match.group())


def data_json(data: Mapping[str, Any]) -> str:
    """Return data as JSON that is inert wherever it is put: in HTML, in comments, on a screen.

    Each question of a page has a line, so that two versions of a page can be compared by lines.
    """
    items = data["page"]["items"] if "page" in data else []
    head = {**data, "page": {**data["page"], "items": []}} if "page" in data else data
    text = _dumps(head)
    if items:
        # Quotation marks inside texts are escaped: this can only be the empty list.
        text = text.replace('"items":[]', '"items":[\n' + ",\n".join(_dumps(item) for item in items) + "\n]", 1)
    return "\n".join(_ESCAPED.sub(_escape, line) for line in text.split("\n"))


def _dumps(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(text: str) -> str:
    """Return the SHA-256 of a text as hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def page_data(page: Page) -> dict[str, Any]:
    """Return a page as plain data."""
    return {"schema": SCHEMA} | asdict(page)


def item_data(item: PageItem) -> dict[str, Any]:
    """Return one question of a page as plain data."""
    return asdict(item)


def _strings(value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) for v in value):
        raise ValueError("a list of texts is wanted")
    return tuple(value)


def _numbers(value: Any) -> tuple[int, ...]:
    if not isinstance(value, (list, tuple)) or not all(type(v) is int for v in value):
        raise ValueError("a list of numbers is wanted")
    return tuple(value)


def _typed(data: Mapping[str, Any], **types: type) -> dict[str, Any]:
    """Return the named values. Raises ValueError for one of another type, KeyError for one that is missing."""
    for name, wanted in types.items():
        if type(data[name]) is not wanted:
            raise ValueError(f"{name} is no {wanted.__name__}")
    return {name: data[name] for name in types}


def _entry(data: Mapping[str, Any]) -> Entry:
    f = data["filters"]
    filters = Filters(
        _strings(f["topics"]),
        _strings(f["kinds"]),
        _strings(f["sources"]),
        **_typed(f, since=str, until=str),
    )
    texts = _typed(data, id=str, question=str, section=str, answer=str, passage=str, line=int)
    return Entry(**texts, alternatives=_strings(data["alternatives"]), tags=_strings(data["tags"]), filters=filters)


def _quote(data: Mapping[str, Any]) -> PageQuote:
    plain = _typed(
        data,
        number=int,
        text=str,
        source=str,
        document=str,
        line=int,
        line_end=int,
        start=int,
        end=int,
        title=str,
        as_of=str,
    )
    texts = dict.fromkeys(("key", "title", "publisher", "issued", "url", "kind"), str)
    return PageQuote(
        **plain,
        marks=tuple(Range(**_typed(m, start=int, end=int)) for m in data["marks"]),
        heading=_strings(data["heading"]),
        references=tuple(Reference(**_typed(r, **texts)) for r in data["references"]),
        before=tuple(Neighbour(**_typed(n, start=int, text=str)) for n in data["before"]),
        after=tuple(Neighbour(**_typed(n, start=int, text=str)) for n in data["after"]),
    )


def item_from(data: Mapping[str, Any]) -> PageItem:
    """Return one question of a page from its data. Raises ValueError, KeyError or TypeError for other data."""
    return PageItem(
        entry=_entry(data["entry"]),
        status=ItemStatus(data["status"]),
        **_typed(data, asked=str, confidence=float, reason=str),
        quotes=tuple(_quote(q) for q in data["quotes"]),
        disagree=_numbers(data["disagree"]),
        same=_strings(data["same"]),
        near=_strings(data["near"]),
    )


def page_from(data: Mapping[str, Any]) -> Page:
    """Return a page from its data. Raises ValueError where it is not the data of a page."""
    try:
        if data["schema"] != SCHEMA:
            raise ValueError(f"its data has the schema {data['schema']}, this qa reads {SCHEMA}")
        plain = _typed(data, title=str, intro=str, index=str, engine=str)
        return Page(**plain, items=tuple(item_from(i) for i in data["items"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its data is not that of a page: {error!r}") from error
