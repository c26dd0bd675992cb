"""Whether a page still says what its sources say: each quote at its place, the page as it was made."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from enum import StrEnum

from qa.citations import Citer
from qa.faq_page import Page, PageItem, PageQuote
from qa.faq_seal import SealedPage
from qa.passages import Passages
from qa.schema import Citation, Passage, Range, Sentence

# More lines than this are not compared one by one; the first that differs is named.
_MAX_COMPARED = 4000
_READABLE = ("md", "html", "rst", "docx")
_ANCHOR = re.compile(r'<(?:a|article) id="([\w.-]+)"|^\.\. _`([\w.-]+)`:$')


class Trouble(StrEnum):
    """What may be wrong with the source of a quote."""

    REMOVED = "source removed"
    EDITED = "source edited"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Problem:
    """A quote that does not stand where its page says; ``told`` completes "quote 1: ..."."""

    kind: Trouble
    told: str


class Verifier:
    """Compares quotes with the documents of one index as they are on disk now; each is read once."""

    def __init__(self, passages: Passages) -> None:
        self._passages = passages
        self._citer = Citer(passages)
        self._names = {source: (doc, path) for source, doc, path in passages.names()}
        self._documents: dict[str, list[Passage]] = {}

    def _passages_of(self, source: str) -> list[Passage]:
        if source not in self._documents:
            doc, path = self._names[source]
            # Of several files with the same content, the one that the page names is meant.
            found = self._passages.of_document(doc)
            self._documents[source] = [replace(p, sources=(source,), paths=(path,)) for p in found]
        return self._documents[source]

    def problem(self, quote: PageQuote) -> Problem | None:
        """Return what is wrong with a quote or with the sentences shown around it, None when all stand."""
        if quote.source not in self._names:
            return Problem(Trouble.REMOVED, f"{quote.source} is not in the index any more")
        found = self._cited(quote.source, quote.text, quote.start)
        if found is None:
            return self._lost(quote)
        if (found.line, found.line_end, found.end) != (quote.line, quote.line_end, quote.end):
            return Problem(Trouble.MOVED, f"it stands at {quote.source}:{found.line} now, not at {quote.place}")
        for near in (*quote.before, *quote.after):
            if self._cited(quote.source, near.text, near.start) is None:
                return Problem(Trouble.EDITED, f"a sentence beside it does not stand in {quote.source} any more")
        return None

    def _cited(self, source: str, text: str, start: int) -> Citation | None:
        """Return the citation of just this text at just this place, None where it does not stand there."""
        end = start + len(text)
        for passage in self._passages_of(source):
            if text and passage.range.start <= start and end <= passage.range.end:
                cited = self._citer.cite(passage, Sentence(Range(start, end)), 1)
                if cited and cited[0] == text and cited[1].start == start:
                    return cited[1]
        return None

    def _lost(self, quote: PageQuote) -> Problem:
        before = len(self._citer.notes)
        for passage in self._passages_of(quote.source):
            at = passage.text.find(quote.text) if quote.text else -1
            if at >= 0:
                place = Range(passage.range.start + at, passage.range.start + at + len(quote.text))
                cited = self._citer.cite(passage, Sentence(place), 1)
                if cited:
                    line = cited[1].line
                    told = f"it stands at {quote.source}:{line} now, not at {quote.place}"
                    return Problem(Trouble.MOVED, told if line != quote.line else f"{told} (in the same line)")
        notes = [n for n in self._citer.notes if n.startswith(f"{quote.source} ")] or self._citer.notes[before:]
        why = f" ({notes[0]})" if notes else ""
        return Problem(Trouble.EDITED, f"it does not stand in {quote.source} any more{why}")


def quote_findings(page: Page, verifier: Verifier) -> Iterator[str]:
    """Yield a line for each quote that does not stand at its place."""
    for item in page.items:
        for quote in item.quotes:
            problem = verifier.problem(quote)
            if problem:
                yield f"{item.id}, quote {quote.number}: {problem.told}"


def _bare(text: str) -> str:
    """Return the letters and digits of a text without its markup."""
    text = html.unescape(re.sub(r"<[^>]*>", " ", text))
    return "".join(c for c in text if c.isalnum())


def edit_findings(sealed: SealedPage, expected: str | None) -> Iterator[str]:
    """Yield a line for each place where a page is not as it was made; nothing when its seal holds.

    ``expected`` is the page as its own data gives it, None where it cannot be made again.
    """
    if sealed.is_whole:
        return
    # The text of a PDF is compressed and set in glyphs: there only the seal tells.
    named = _quote_edits(sealed) if sealed.format in _READABLE else ()
    found = [*named, *(_line_edits(sealed, expected) if expected is not None else ())]
    yield from dict.fromkeys(found)
    if not found:
        where = "its text or its data" if expected is None else "its data"
        yield f"the page was altered after it was made: {where}"


def _quote_edits(sealed: SealedPage) -> Iterator[str]:
    body = _bare(sealed.body)
    at = 0
    for item in (item for _, items in sealed.page.sections for item in items):
        for quote in item.quotes:
            text = _bare(quote.text)
            place = body.find(text, at)
            if place >= 0:
                at = place + len(text)
            elif text in body:
                yield f"{item.id}, quote {quote.number}: it was moved in the page"
            else:
                yield f"{item.id}, quote {quote.number}: it was altered in the page"


def _line_edits(sealed: SealedPage, expected: str) -> Iterator[str]:
    old, new = expected.split("\n"), sealed.body.split("\n")
    if sorted(old) == sorted(new) and old != new:
        yield "the order of the page was changed"
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    if start == max(len(old), len(new)):
        return
    if max(len(old), len(new)) - start > _MAX_COMPARED:
        yield f"{_named(old, start, sealed.page)}the page was altered from line {start + 1} on"
        return
    for tag, lo, _, at, _ in SequenceMatcher(None, old[start:], new[start:], autojunk=False).get_opcodes():
        if tag != "equal":
            yield f"{_named(old, start + lo, sealed.page)}the page was altered at line {start + at + 1}"


def _named(lines: list[str], at: int, page: Page) -> str:
    """Return "id: " of the question to which a line belongs, "" above the first."""
    ids = {item.id for item in page.items}
    questions = {item.entry.question: item.id for item in page.items}
    for line in reversed(lines[: at + 1]):
        match = _ANCHOR.search(line)
        found = (match[1] or match[2]) if match else questions.get(line.strip(), "")
        if found in ids:
            return f"{found}: "
    return ""


@dataclass(frozen=True, slots=True)
class Change:
    """A question whose answer differs between two pages, and why."""

    id: str
    what: str
    why: str

    @property
    def told(self) -> str:
        """The change as one line."""
        return f"{self.id}: {self.what}" + (f" ({self.why})" if self.why else "")


def changes(old: Page, new: Page, verifier: Verifier) -> list[Change]:
    """Return what differs between two pages, question by question, in the order of the new one."""
    before = {item.id: item for item in old.items}
    found: list[Change] = []
    for item in new.items:
        if item.id not in before:
            found.append(Change(item.id, "added", ""))
            continue
        change = _change(before[item.id], item, verifier, is_other_engine=old.engine != new.engine)
        if change:
            found.append(change)
    there = {item.id for item in new.items}
    found += [Change(item.id, "removed from the questions", "") for item in old.items if item.id not in there]
    kept_old = [item.id for item in old.items if item.id in there]
    kept_new = [item.id for item in new.items if item.id in before]
    if kept_old != kept_new:
        found.append(Change("questions", "in another order", ""))
    return found


def _change(old: PageItem, new: PageItem, verifier: Verifier, *, is_other_engine: bool) -> Change | None:
    told_old, told_new = ([(q.text, q.source) for q in item.quotes] for item in (old, new))
    if told_old == told_new:
        return _small_change(old, new)
    what = "answer changed" if old.quotes and new.quotes else "answered now" if new.quotes else "no answer any more"
    if replace(old.entry, section="", tags=()) != replace(new.entry, section="", tags=()):
        return Change(new.id, what, "question changed")
    problems = [p for p in map(verifier.problem, old.quotes) if p]
    for kind in (Trouble.REMOVED, Trouble.EDITED):
        for problem in problems:
            if problem.kind is kind:
                return Change(new.id, what, f"{kind.value}: {problem.told}")
    if is_other_engine:
        return Change(new.id, what, "the model or its calibration is another")
    if not new.quotes:
        return Change(new.id, what, new.reason)
    return Change(new.id, what, "better passage" if old.quotes else "a passage answers now")


def _small_change(old: PageItem, new: PageItem) -> Change | None:
    """Return what differs between two items with the same quotes, None when they say the same."""
    places = ([(q.line, q.line_end, q.start) for q in item.quotes] for item in (old, new))
    data = ([(q.title, q.heading, q.as_of, q.references) for q in item.quotes] for item in (old, new))
    around = ([(q.before, q.after, q.marks) for q in item.quotes] for item in (old, new))
    rest = (
        (item.entry, item.status, item.asked, item.reason, item.disagree, item.same, item.near) for item in (old, new)
    )
    for (before, after), what in (
        (places, "same words at another line"),
        (data, "date, heading or public source of a quote changed"),
        (around, "sentences around a quote or the marked words changed"),
        (rest, "question or its status changed"),
    ):
        if before != after:
            return Change(new.id, what, "")
    return None
