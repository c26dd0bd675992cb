"""Which passages and documents of an index answer a golden question: all of them are looked through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qa.gold import GoldenQuestion
from qa.judging import has_passage, is_inside, normal, squad_normal
from qa.passages import Passages
from qa.schema import Passage

_BATCH = 2000


@dataclass(frozen=True, slots=True)
class Relevant:
    """The gold of one question in this index: chunk ids and names of documents. Empty when it stands nowhere."""

    chunks: frozenset[str]
    documents: frozenset[str]


def is_named(source: str, names: Sequence[str]) -> bool:
    """Tell whether a document is one of ``names``: its whole name, or the last parts of it."""
    return any(source == name or source.endswith(f"/{name}") for name in names)


class _Search:
    """Collects the passages that answer one question best."""

    def __init__(self, gold: GoldenQuestion) -> None:
        self.gold = gold
        self._groups = [[normal(s) for s in group] for group in gold.answers]
        self._passages = [squad_normal(p) for p in gold.passages]
        self._keys = {key.lower() for key in gold.keys}
        self._most = 1
        self._found: list[tuple[Passage, bool]] = []

    def see(self, passage: Passage, text: str, squad_text: str) -> None:
        """Look at one passage; ``text`` and ``squad_text`` are its text, normalised in the two ways."""
        gold = self.gold
        if gold.documents and not any(is_named(s, gold.documents) for s in passage.sources):
            return
        if gold.passages:
            held = int(has_passage(squad_text, self._passages))
        else:
            held = sum(any(is_inside(s, text) for s in group) for group in self._groups)
        if held > self._most:
            self._most, self._found = held, []
        if held and held == self._most:
            keys = {key.lower() for sentence in passage.sentences for key in sentence.keys}
            self._found.append((passage, bool(keys & self._keys)))

    def result(self) -> Relevant:
        """Return what was found; where some are backed by the gold keys, these alone."""
        backed = [p for p, is_backed in self._found if is_backed]
        found = backed or [p for p, _ in self._found]
        return Relevant(frozenset(p.chunk_id for p in found), frozenset(p.sources[0] for p in found))


def relevant(questions: Sequence[GoldenQuestion], passages: Passages) -> dict[str, Relevant]:
    """Return by question id the passages of the index that hold most of what the answer must say.

    With gold ``passages`` those that hold one; else those with most groups of ``answers``, all of them
    where any passage has all. ``documents`` and ``keys`` narrow it. A question without an answer has none.
    """
    searches = [_Search(q) for q in questions if q.answerable]
    has_passages = any(q.passages for q in questions)
    for at in range(0, passages.count, _BATCH):
        for passage in passages.get(range(at, min(at + _BATCH, passages.count))).values():
            text = normal(passage.text)
            squad_text = squad_normal(passage.text) if has_passages else ""
            for search in searches:
                search.see(passage, text, squad_text)
    return {s.gold.id: s.result() for s in searches}
