"""Questions that the documents can answer, found by rule in the documents themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from qa.faq import PageMaker
from qa.faq_page import PageItem
from qa.generation import Generation
from qa.passages import Passages
from qa.progress import Watcher
from qa.questions_file import Entry, slug
from qa.schema import Passage
from qa.text import squeeze

# So many candidates are asked for each suggestion that is wanted, at most.
_TRIES = 4
_VERB = r"(?:is|are|was|were|do|does|did|can|could|has|have|had|may|might|must|will|would|should)"
# "How many agencies take part", "Who can sign"; not "What GAO found in 2009" nor "What a detainer is".
_ASKS = re.compile(
    rf"(?:how (?:many|much) |(?:(?:who|what|when|where|why|how|which)(?: (?!an?\b|the\b)\w+){{0,2}} )?{_VERB} )\w",
    re.IGNORECASE,
)
_MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_DAY = rf"{_MONTH} \d{{1,2}}, \d{{4}}"
_DATE = rf"(?:{_DAY}|{_MONTH} \d{{4}}|\d{{4}})"
_NUMBER = r"(?:about |some |more than |nearly )?\d[\d,]*"
_DEFINES = re.compile(r"(?:(?P<article>An?|The) )?(?P<name>[\w\"'&()/. -]{2,50}?) (?P<verb>is|are) (?:an?|the) [a-z]")
_HAD = re.compile(
    rf"As of (?P<date>{_DATE}), (?P<who>[A-Z][\w' ()-]{{1,40}}?) (?:had|has|listed) {_NUMBER}"
    r" (?P<what>[a-z][^.,;]{3,90})"
)
_WERE = re.compile(rf"As of (?P<date>{_DATE}), {_NUMBER} (?P<what>[a-z][^.,;]{{5,100}})")
_BETWEEN = re.compile(rf"(?:Between|From) (?P<first>{_DATE}) (?:and|to|through) (?P<last>{_DATE}),? ")
_ON = re.compile(rf"(?:On|on) (?P<date>{_DAY})\b")


def _headings(passages: Sequence[Passage]) -> Iterator[str]:
    for passage in passages:
        for heading in passage.context[1:] or passage.context:
            text = squeeze(heading)
            if text.endswith("?") or (_ASKS.match(text) and len(text.split()) > 2):
                yield text.rstrip("?") + "?"


def _sentences(passages: Sequence[Passage]) -> Iterator[str]:
    for passage in passages:
        for sentence in passage.sentences:
            offset = passage.range.start
            yield squeeze(passage.text[sentence.range.start - offset : sentence.range.end - offset])


def _definitions(passages: Sequence[Passage], forms: Sequence[tuple[str, str]]) -> Iterator[str]:
    for text in _sentences(passages):
        match = _DEFINES.match(text)
        if match and len(match["name"].split()) <= 5 and match["name"].lower() not in ("it", "this", "that", "there"):
            article = f"{match['article'].lower()} " if match["article"] else ""
            yield f"What {match['verb']} {article}{match['name']}?"
    for short, long in forms:
        yield f"What is {long} ({short})?"


def _figures(passages: Sequence[Passage]) -> Iterator[str]:
    for text in _sentences(passages):
        had = _HAD.match(text)
        if had:
            yield f"How many {had['what']} did {had['who']} have as of {had['date']}?"
            continue
        were = _WERE.match(text)
        if were:
            yield f"How many {were['what']} as of {were['date']}?"
            continue
        between = _BETWEEN.match(text)
        if between:
            yield f"What changed between {between['first']} and {between['last']}?"
            continue
        on = _ON.search(text)
        if on:
            yield f"What happened on {on['date']}?"


def candidates(passages: Passages) -> Iterator[str]:
    """Yield questions made by rule, each once: headings, definitions and dated figures in turn."""
    found = [p for _, doc, _ in passages.names() for p in passages.of_document(doc)]
    seen: set[str] = set()
    kinds = (_headings(found), _definitions(found, passages.abbreviations()), _figures(found))
    for group in zip_longest(*kinds):
        for question in group:
            if question and slug(question) not in seen:
                seen.add(slug(question))
                yield question


def suggestions(generation: Generation, count: int, watcher: Watcher) -> list[PageItem]:
    """Return at most ``count`` questions that the index answers, the surest first."""
    maker = PageMaker(generation)
    watcher.start("suggesting", count)
    kept: list[PageItem] = []
    for tried, question in enumerate(candidates(generation.passages)):
        if len(kept) == count or tried == count * _TRIES:
            break
        item = maker.item(Entry(slug(question), question))
        if item.quotes:
            kept.append(item)
            watcher.advance()
    return sorted(kept, key=lambda item: (-item.confidence, item.id))


def suggested_file(generation: Generation, count: int, watcher: Watcher) -> str:
    """Return suggestions as a questions file in YAML, each with the confidence and the place of its answer."""
    lines = [
        "# Questions that the documents answer, found by rule. Edit, order and delete them;",
        "# then run: qa faq THIS_FILE -o FAQ.md",
        "questions:",
    ]
    for item in suggestions(generation, count, watcher):
        place = re.sub(r"[^\x20-\x7e]", "?", item.quotes[0].place)
        lines += [
            f"  - id: {json.dumps(item.id)}",
            f"    question: {json.dumps(item.entry.question)}",
            f"    # confidence {item.confidence:.2f}, answered at {place}",
        ]
    return "\n".join(lines) + "\n"
