"""Pinned answers: sentences that a questions file names itself, by their words or by their place."""

from __future__ import annotations

import re
from collections.abc import Iterator

from qa.citations import Citer
from qa.passages import Passages, matches
from qa.retriever import Retriever
from qa.schema import Filters, Passage, Quote, Range, Sentence
from qa.text import LINE_END

_PLACE = re.compile(r"(?P<name>.+?):(?P<first>\d+)(?:-(?P<last>\d+))?")
# A pinned answer is looked for in this many of the passages nearest to it.
_DEPTH = 200
MAX_PINNED = 12


class PinError(Exception):
    """A pin names nothing that stands in the documents; the message completes "no answer: ..."."""


def pinned_quotes(
    passages: Passages, retriever: Retriever, citer: Citer, *, answer: str, passage: str, filters: Filters
) -> list[tuple[Quote, Passage]]:
    """Return the quotes that a pin names, each with its passage. Raises PinError when there are none."""
    if answer:
        found = _by_words(retriever, answer, filters)
        what = "the pinned answer stands in no document, word for word"
    else:
        found = _by_place(passages, passage)
        what = f"no sentence begins at the pinned passage {passage}"
    quotes: list[tuple[Quote, Passage]] = []
    for where, sentence in found:
        cited = citer.cite(where, sentence, len(quotes) + 1)
        if cited:
            quotes.append((Quote(cited[0], cited[1], 0.0), where))
        if len(quotes) > MAX_PINNED:
            raise PinError(f"the pinned passage {passage} has more than {MAX_PINNED} sentences")
    if not quotes:
        raise PinError(what)
    return quotes


def _by_words(retriever: Retriever, answer: str, filters: Filters) -> Iterator[tuple[Passage, Sentence]]:
    words = r"\s+".join(re.escape(word) for word in answer.split())
    pattern = re.compile(rf"(?<!\w){words}(?!\w)")
    for hit in retriever.search(answer, k=_DEPTH, filters=filters).hits:
        match = pattern.search(hit.passage.text)
        if match:
            start = hit.passage.range.start
            place = Range(start + match.start(), start + match.end())
            inside = [s for s in hit.passage.sentences if s.range.start < place.end and place.start < s.range.end]
            keys = tuple(dict.fromkeys(key for s in inside for key in s.keys))
            yield hit.passage, Sentence(place, keys)
            return


def _by_place(passages: Passages, place: str) -> Iterator[tuple[Passage, Sentence]]:
    match = _PLACE.fullmatch(place)
    if match is None:
        raise PinError(f"the pinned passage {place!r} is not FILE:LINE or FILE:LINE-LINE")
    documents = {doc for source, doc, _ in passages.names() if matches(source, match["name"])}
    if len(documents) != 1:
        raise PinError(f"{len(documents) or 'no'} documents are called {match['name']}")
    first, last = int(match["first"]), int(match["last"] or match["first"])
    for passage in passages.of_document(documents.pop()):
        for sentence in passage.sentences:
            ahead = passage.text[: sentence.range.start - passage.range.start]
            if first <= passage.line + len(LINE_END.findall(ahead)) <= last:
                yield passage, sentence
