"""The questions of a page: what a questions file may say, and every way in which it may be wrong."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from qa.errors import SourceError, UsageError
from qa.question_formats import ENDINGS, PARSERS, Located, broken, guess
from qa.schema import Filters
from qa.text import fold, squeeze

# At some five questions a second this is more than half an hour; a page longer than that nobody reads.
MAX_QUESTIONS = 10_000
MAX_BYTES = 32_000_000
_MIN_CHARS = 2
_MAX_ID = 80
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DATE = re.compile(r"\d{4}(?:-\d{2}(?:-\d{2})?)?")
_LISTS = {"alternatives", "tags", "topics", "kinds", "sources"}
_KEYS = {"id", "question", "section", "answer", "passage", "since", "until"} | _LISTS
# One value may be written without a list, under the name for one.
_SINGULAR = {"alternative": "alternatives", "tag": "tags", "topic": "topics", "kind": "kinds", "source": "sources"}
_PAGE_KEYS = {"title", "intro", "questions", "sections"}
_SECTION_KEYS = {"title", "questions"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One question of a page.

    ``alternatives`` are other wordings, asked when the first finds no answer. ``answer`` is a pinned
    quote, to be found word for word in the documents; ``passage`` a pinned place, FILE:LINE[-LINE].
    """

    id: str
    question: str
    section: str = ""
    alternatives: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    answer: str = ""
    passage: str = ""
    filters: Filters = field(default_factory=Filters)
    line: int = 0


@dataclass(frozen=True, slots=True)
class QuestionList:
    """All questions of one page, in their order; sections follow the first question of each."""

    title: str
    intro: str
    entries: tuple[Entry, ...]


class _Reader:
    """Turns the tree of one file into entries; every refusal names the file and the line."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.entries: list[Entry] = []
        self._lines: dict[str, int] = {}
        self._given: set[str] = set()

    def _unknown(self, table: Mapping[str, Located], known: set[str], line: int) -> None:
        for key, item in table.items():
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(sorted(known))}"
                raise broken(self.name, item.line or line, f"unknown key {key!r}; {hint}")

    def text(self, item: Located, key: str) -> str:
        """Return a value that must be text, on one line."""
        if not isinstance(item.value, str):
            raise broken(self.name, item.line, f"{key} must be text, not {_kind(item.value)}")
        # Half characters, which JSON can spell, are held by no file and found by no search.
        return squeeze(item.value.replace("\0", " ").encode("utf-8", "replace").decode("utf-8"))

    def _texts(self, item: Located, key: str) -> tuple[str, ...]:
        if isinstance(item.value, str):
            item = Located([item], item.line)
        if not isinstance(item.value, list):
            raise broken(self.name, item.line, f"{key} must be a list of texts, not {_kind(item.value)}")
        found = [self.text(part, f"an item of {key}") for part in item.value]
        return tuple(dict.fromkeys(part for part in found if part))

    def _date(self, values: Mapping[str, Located], key: str) -> str:
        if key not in values:
            return ""
        date = self.text(values[key], key)
        if not _DATE.fullmatch(date):
            raise broken(self.name, values[key].line, f"{key} must be a date such as 2011-08-05, not {date!r}")
        return date

    def _wording(self, text: str, line: int, what: str) -> str:
        if len(text) < _MIN_CHARS:
            has = "is empty" if not text else f"has one character ({text})"
            raise broken(self.name, line, f"{what} {has}; ask about something")
        return text

    def add(self, item: Located, section: str) -> None:
        """Add one question: a text, or a table of keys."""
        if len(self.entries) == MAX_QUESTIONS:
            raise broken(self.name, item.line, f"more than {MAX_QUESTIONS} questions; split the file")
        if isinstance(item.value, str):
            item = Located({"question": item}, item.line)
        if not isinstance(item.value, dict):
            raise broken(self.name, item.line, f"a question must be text or a table, not {_kind(item.value)}")
        values: dict[str, Located] = {}
        for key, value in item.value.items():
            name: str = _SINGULAR.get(key) or key
            if name in values:
                raise broken(self.name, value.line, f"{key} and {name} say the same; keep one")
            values[name] = value
        self._unknown(values, _KEYS, item.line)
        if "question" not in values:
            raise broken(self.name, item.line, "the key question is missing")
        question = self._wording(self.text(values["question"], "question"), values["question"].line, "the question")
        given = self.text(values["id"], "id") if "id" in values else ""
        one = {k: self.text(values[k], k) for k in ("section", "answer", "passage") if k in values}
        many = {k: self._texts(values[k], k) for k in _LISTS if k in values}
        for wording in many.get("alternatives", ()):
            self._wording(wording, values["alternatives"].line, "an alternative")
        if one.get("answer") and one.get("passage"):
            raise broken(self.name, item.line, "answer and passage both pin the answer; keep one")
        filters = Filters(
            many.get("topics", ()),
            many.get("kinds", ()),
            many.get("sources", ()),
            since=self._date(values, "since"),
            until=self._date(values, "until"),
        )
        self.entries.append(
            Entry(
                id=self._id(given, values["id"].line if given else item.line),
                question=question,
                section=one.get("section", section),
                alternatives=many.get("alternatives", ()),
                tags=many.get("tags", ()),
                answer=one.get("answer", ""),
                passage=one.get("passage", ""),
                filters=filters,
                line=item.line,
            )
        )

    def _id(self, given: str, line: int) -> str:
        if given:
            if not _ID.fullmatch(given) or len(given) > _MAX_ID or given.lower().startswith("qa-"):
                rule = f"letters, digits, '.', '_' and '-', at most {_MAX_ID}, not beginning with 'qa-'"
                raise broken(self.name, line, f"the id {given!r} cannot be an anchor; use {rule}")
            if given.lower() in self._given:
                raise broken(self.name, line, f"the id {given!r} stands on line {self._lines[given.lower()]} already")
            self._given.add(given.lower())
            self._lines[given.lower()] = line
            return given
        return ""  # made by ``finish``, when all given ids are known

    def finish(self) -> tuple[Entry, ...]:
        """Return the entries, with an id made from its question for each that has none."""
        taken = set(self._given)
        done: list[Entry] = []
        for entry in self.entries:
            if entry.id:
                done.append(entry)
                continue
            stem = slug(entry.question)
            number, id_ = 1, stem
            while id_.lower() in taken:
                number += 1
                id_ = f"{stem}-{number}"
            taken.add(id_.lower())
            done.append(replace(entry, id=id_))
        return tuple(done)

    def page(self, tree: Located) -> QuestionList:
        """Read a whole file: a list of questions, or a table with a title, sections and questions."""
        title = intro = ""
        if isinstance(tree.value, list):
            tree = Located({"questions": tree}, tree.line)
        if not isinstance(tree.value, dict):
            raise broken(self.name, tree.line, f"a list of questions is wanted, not {_kind(tree.value)}")
        if "question" in tree.value:
            tree = Located({"questions": Located([tree], tree.line)}, tree.line)
        self._unknown(tree.value, _PAGE_KEYS, tree.line)
        if "title" in tree.value:
            title = self.text(tree.value["title"], "title")
        if "intro" in tree.value:
            intro = self.text(tree.value["intro"], "intro")
        self._questions(tree.value.get("questions"), "")
        for section in self._list(tree.value.get("sections"), "sections"):
            if not isinstance(section.value, dict):
                raise broken(self.name, section.line, f"a section must be a table, not {_kind(section.value)}")
            self._unknown(section.value, _SECTION_KEYS, section.line)
            name = self.text(section.value["title"], "title") if "title" in section.value else ""
            self._questions(section.value.get("questions"), name)
        if not self.entries:
            raise broken(self.name, 1, "no question stands in it")
        return QuestionList(title, intro, self.finish())

    def _list(self, item: Located | None, key: str) -> list[Located]:
        if item is None:
            return []
        if not isinstance(item.value, list):
            raise broken(self.name, item.line, f"{key} must be a list, not {_kind(item.value)}")
        return item.value

    def _questions(self, item: Located | None, section: str) -> None:
        for question in self._list(item, "questions"):
            self.add(question, section)


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    names = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a table", str: "text"}
    return names[type(value)]


def slug(question: str) -> str:
    """Return the anchor of a question without an id: its words in lower case, or a digest of other scripts."""
    words = re.findall(r"[a-z0-9]+", fold(question))
    digest = hashlib.sha256(question.encode("utf-8")).hexdigest()[:8]
    if sum(len(w) for w in words) * 2 < len(squeeze(question).replace(" ", "")):
        return f"q-{digest}"
    name = "-".join(words)
    if name.startswith("qa-"):
        name = f"q-{name}"
    return name if len(name) <= 60 else f"{name[:51].rstrip('-')}-{digest}"


def parse_questions(name: str, data: bytes, format_: str = "") -> QuestionList:
    """Return the questions in ``data``; ``name`` is told in errors. Raises ConfigError with file and line.

    ``format_`` is one of the formats that qa.question_formats knows; without it the content tells.
    """
    if len(data) > MAX_BYTES:
        raise UsageError(f"{name} has {len(data)} bytes; at most {MAX_BYTES} are read", fix="split the file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise broken(name, line, "no UTF-8; save the file as UTF-8") from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise broken(name, 1, "the file is empty")
    return _Reader(name).page(PARSERS[format_ or guess(text)](name, text))


def read_questions(path: Path, format_: str = "") -> QuestionList:
    """Read a questions file; its ending says the format unless ``format_`` does."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}", fix="name a file with questions") from error
    known = ENDINGS.get(path.suffix.lower())
    if not format_ and known is None:
        raise UsageError(
            f"{path} has no ending that tells its format (known: {', '.join(sorted(ENDINGS))})",
            fix="rename it, or say --questions-format FORMAT",
        )
    return parse_questions(str(path), data, format_ or known or "")
