"""Training examples for the reader: rows of open question-answering data, and negatives made from them.

Most of the data has an answer to every question. What a reader must learn beside finding the span is
to see that a passage does not answer, so four kinds of negatives are made: another paragraph of the
same article, the same paragraph without the sentence that answers, a question twisted by rule (other
name, number, year or place, a negation, an opposite), and a passage about something else.
"""

from __future__ import annotations

import json
import lzma
import math
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nupunkt

# Share of each file that one pass takes; the large, noisy ones are sampled anew in each pass.
SHARES = {
    "squad1_train_44articles": 1.0,
    "squad2_dev_17articles": 1.0,
    "nq_gold_rest": 2.0,
    "qed_nq_dev": 2.0,
    "squadshifts_reddit": 0.45,
    "squadshifts_amazon_reviews": 0.35,
    "qamr_dev_test": 0.2,
}
# The only questions that people wrote to have no answer.
UNANSWERABLE_FILE = "squad2_dev_17articles"
SENTENCE_FILES = ("reqa_bioasq_sentences", "scifact_sentences_train")
HELD_OUT_ARTICLES = 6


@dataclass(frozen=True, slots=True)
class Example:
    """A question and a passage; ``start`` and ``end`` are characters of ``passage``, -1 without a span.

    ``answerable`` is the label of the answer head; an answerable example without a span trains only it.
    ``source`` is the span file that the question is of, "" for another.
    """

    question: str
    passage: str
    start: int
    end: int
    answerable: bool
    made: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One question of a span file with its first answer (-1 where it has none)."""

    question: str
    context: str
    start: int
    end: int
    answers: tuple[str, ...]
    title: str
    source: str


def read(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of one ``.jsonl.xz`` file."""
    with lzma.open(folder / f"{name}.jsonl.xz", "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def rows(folder: Path) -> list[Row]:
    """Return the rows of all span files, in order."""
    found = []
    for name in SHARES:
        for data in read(folder, name):
            answers = [a for a in data["answers"] if data["context"][a["start"] :].startswith(a["text"])]
            if bool(answers) == data["is_impossible"] or not data["question"].strip():
                continue
            # The shortest marked span: annotators agree best on the core of an answer.
            none: dict[str, Any] = {"start": -1, "text": ""}
            best: dict[str, Any] = min(answers, key=lambda a: len(a["text"]), default=none)
            found.append(
                Row(
                    question=data["question"].strip(),
                    context=data["context"],
                    start=best["start"],
                    end=best["start"] + len(best["text"]) if answers else -1,
                    answers=tuple({a["text"] for a in answers}),
                    title=data.get("title") or "",
                    source=name,
                )
            )
    return found


def held_out(all_rows: Sequence[Row]) -> set[str]:
    """Return the titles kept for development: three articles each of the two SQuAD files."""
    titles: set[str] = set()
    for source in ("squad1_train_44articles", "squad2_dev_17articles"):
        names = sorted({r.title for r in all_rows if r.source == source})
        titles |= set(random.Random(7).sample(names, HELD_OUT_ARTICLES // 2))
    return titles


_NAME = re.compile(r"(?<!^)(?<![.?!] )\b[A-Z][\w'’-]+(?: (?:of |the |de )?[A-Z][\w'’-]+)*")
_YEAR = re.compile(r"\b1[5-9]\d\d\b|\b20[0-2]\d\b")
_NUMBER = re.compile(r"\b\d[\d,.]*\b")
_OPPOSITES = [
    ("first", "last"), ("before", "after"), ("largest", "smallest"), ("highest", "lowest"), ("most", "least"),
    ("increase", "decrease"), ("increased", "decreased"), ("more", "fewer"), ("north", "south"), ("east", "west"),
    ("northern", "southern"), ("eastern", "western"), ("win", "lose"), ("won", "lost"), ("beginning", "end"),
    ("began", "ended"), ("start", "end"), ("started", "ended"), ("open", "close"), ("opened", "closed"),
    ("oldest", "newest"), ("support", "oppose"), ("supported", "opposed"), ("allowed", "forbidden"), ("born", "buried"),
    ("maximum", "minimum"), ("major", "minor"), ("above", "below"), ("early", "late"), ("married", "divorced"),
    ("buy", "sell"), ("bought", "sold"), ("cause", "prevent"), ("accepted", "rejected"), ("public", "private"),
    ("signed", "refused to sign"), ("join", "leave"), ("joined", "left"), ("male", "female"), ("men", "women"),
    ("strong", "weak"), ("rise", "fall"), ("rose", "fell"), ("best", "worst"), ("include", "exclude"),
    ("arrive", "depart"),
]  # fmt: skip
_OPPOSITE = {a: b for pair in _OPPOSITES for a, b in (pair, pair[::-1])}
_DETAILS = (
    "per month", "per day", "in total", "at night", "for children", "for women", "according to critics",
    "by hand", "by law", "in prison", "in court", "in Europe", "in China", "in Ohio", "in Texas", "in Florida",
    "in France", "in Brazil", "last year", "on Sundays", "without pay", "by train", "during the war", "every week",
)  # fmt: skip
_STOP = set(
    """a an and are as at be been by can could did do does for from had has have how in into is it its may might of on
    or shall should that the their there these they this those to was were what when where which who whom whose why
    will with would""".split()
)


class Maker:
    """Makes the examples of one pass after another; the same seed and pass give the same examples."""

    def __init__(self, all_rows: Sequence[Row], sentences: Sequence[dict[str, Any]], *, seed: int) -> None:
        self.rows = list(all_rows)
        self.sentences = list(sentences)
        self.seed = seed
        self.by_title: dict[str, list[str]] = {}
        names: Counter[str] = Counter()
        frequency: Counter[str] = Counter()
        for row in self.rows:
            contexts = self.by_title.setdefault(f"{row.source}:{row.title}", [])
            if row.context not in contexts:
                contexts.append(row.context)
        for contexts in self.by_title.values():
            for context in contexts:
                names.update(set(_NAME.findall(context)))
                frequency.update(set(_words(context)))
        self.names = sorted(n for n, count in names.items() if 1 < count < 60 and len(n) < 30)
        total = sum(len(c) for c in self.by_title.values())
        self.idf = {w: math.log(total / n) for w, n in frequency.items()}
        self.contexts = sorted({c for contexts in self.by_title.values() for c in contexts})

    def make(self, number: int) -> list[Example]:
        """Return the examples of pass ``number`` in random order."""
        rng = random.Random(f"{self.seed}/{number}")
        examples = [self.styled(e, rng) for row in self.rows for e in self._of_row(row, rng)]
        examples += [self.styled(e, rng) for e in self._of_sentences(rng)]
        rng.shuffle(examples)
        return examples

    def _of_row(self, row: Row, rng: random.Random) -> Iterator[Example]:
        share = SHARES[row.source]
        for _ in range(int(share) + (rng.random() < share % 1)):
            yield replace(self._one(row, rng), source=row.source)

    def _one(self, row: Row, rng: random.Random) -> Example:
        if row.start < 0:
            return self._negative(row.question, self._window(row.context, -1, -1, rng)[0], row, "real", rng)
        dice = rng.random()
        is_short = row.source == "qamr_dev_test"
        if dice < 0.13:
            other = self._other_paragraph(row, rng)
            if other:
                return self._negative(row.question, self._window(other, -1, -1, rng)[0], row, "paragraph", rng)
        elif dice < 0.28 and not is_short:
            without = self._without_answer(row)
            if without:
                return self._negative(row.question, self._window(without, -1, -1, rng)[0], row, "removed", rng)
        elif dice < 0.45:
            twisted = self._twisted(row, rng)
            if twisted:
                return self._negative(
                    twisted, self._window(row.context, row.start, row.end, rng)[0], row, "twisted", rng
                )
        elif dice < 0.48:
            return self._negative(
                row.question, self._window(rng.choice(self.contexts), -1, -1, rng)[0], row, "other", rng
            )
        passage, start, end = self._window(row.context, row.start, row.end, rng)
        prefix = self._prefix(row, rng)
        return Example(
            row.question, prefix + passage, start + len(prefix), end + len(prefix), answerable=True, made="answer"
        )

    def _negative(self, question: str, passage: str, row: Row, made: str, rng: random.Random) -> Example:
        return Example(question, self._prefix(row, rng) + passage, -1, -1, answerable=False, made=made)

    @staticmethod
    def _prefix(row: Row, rng: random.Random) -> str:
        title = row.title.replace("_", " ")
        is_name = row.source.startswith("squad1") or row.source.startswith("squad2")
        return f"{title}\n" if is_name and rng.random() < 0.4 else ""

    def _other_paragraph(self, row: Row, rng: random.Random) -> str:
        pool = [
            c for c in self.by_title[f"{row.source}:{row.title}"] if not _holds(c, row.answers) and c != row.context
        ]
        if len(pool) < 2:
            pool = [c for c in rng.sample(self.contexts, 40) if not _holds(c, row.answers)]
        wanted = set(_words(row.question))
        rng.shuffle(pool)
        score = {c: sum(self.idf.get(w, 0.0) for w in wanted & set(_words(c))) for c in pool[:40]}
        best = sorted(score, key=lambda c: -score[c])[:3]
        return rng.choice(best) if best else ""

    @staticmethod
    def _without_answer(row: Row) -> str:
        spans = nupunkt.sentence_spans(row.context)
        if len(spans) < 3:
            return ""
        kept = [row.context[a:b] for a, b in spans if b <= row.start or a >= row.end]
        rest = " ".join(kept)
        return "" if len(kept) < 2 or _holds(rest, row.answers) else rest

    def _twisted(self, row: Row, rng: random.Random) -> str:
        kinds = ["name", "year", "detail", "opposite", "number", "negation", "year in"]
        rng.shuffle(kinds)
        for kind in kinds:
            twisted = self._twist(kind, row, rng)
            if twisted and twisted != row.question:
                return twisted
        return ""

    def _twist(self, kind: str, row: Row, rng: random.Random) -> str:
        q = row.question
        if kind == "name":
            found = [m for m in _NAME.finditer(q) if m.group() not in row.answers]
            if not found:
                return ""
            match = rng.choice(found)
            near = sorted(
                {
                    n
                    for n in _NAME.findall(row.context)
                    if n not in q and n not in row.answers and n not in match.group()
                }
            )
            name = rng.choice(near) if near and rng.random() < 0.5 else rng.choice(self.names)
            return "" if name in q else q[: match.start()] + name + q[match.end() :]
        if kind in ("year", "number"):
            found = list((_YEAR if kind == "year" else _NUMBER).finditer(q))
            if not found:
                return ""
            match = rng.choice(found)
            others = [
                n
                for n in (_YEAR if kind == "year" else _NUMBER).findall(row.context)
                if n not in q and n not in row.answers
            ]
            digits = re.sub(r"\D", "", match.group()) or "0"
            other = str(max(int(digits) + rng.choice([-20, -10, -5, -3, -2, -1, 1, 2, 3, 4, 7, 12]), 1))
            new = rng.choice(others) if others and rng.random() < 0.5 else other
            return "" if new == match.group() else q[: match.start()] + new + q[match.end() :]
        if kind == "opposite":
            found = [m for m in re.finditer(r"[A-Za-z]+", q) if m.group().lower() in _OPPOSITE]
            if not found:
                return ""
            match = rng.choice(found)
            return q[: match.start()] + _OPPOSITE[match.group().lower()] + q[match.end() :]
        if kind == "negation":
            changed = re.sub(
                r"\b(did|does|do|was|were|is|are|can|could|has|have|had|would|will)\b", r"\1 not", q, count=1
            )
            return changed if " not " in changed and "not" not in q and rng.random() < 0.35 else ""
        if kind == "year in":
            if _YEAR.search(q) or q.lower().startswith(("when", "what year")):
                return ""
            year = str(rng.randint(1900, 2024))
            return "" if year in row.context else f"{q.rstrip('?. ')} in {year}?"
        detail = rng.choice(_DETAILS) if rng.random() < 0.5 else f"in {rng.choice(self.names)}"
        return "" if detail in row.context or detail in q else f"{q.rstrip('?. ')} {detail}?"

    @staticmethod
    def _window(context: str, start: int, end: int, rng: random.Random) -> tuple[str, int, int]:
        """Return whole sentences of ``context`` around the answer, of a random size, and the span in them."""
        spans = nupunkt.sentence_spans(context)
        if len(spans) < 2:
            return context, start, end
        room = rng.choice([160, 250, 400, 550, 700, 800])
        holding = [i for i, (a, b) in enumerate(spans) if a < end and b > start] if start >= 0 else []
        lo, hi = (holding[0], holding[-1]) if holding else (rng.randrange(len(spans)),) * 2
        while True:
            left = lo > 0 and spans[hi][1] - spans[lo - 1][0] <= room
            right = hi + 1 < len(spans) and spans[hi + 1][1] - spans[lo][0] <= room
            if not (left or right):
                break
            if left and (not right or rng.random() < 0.5):
                lo -= 1
            else:
                hi += 1
        a, b = spans[lo][0], spans[hi][1]
        return context[a:b], start - a if start >= 0 else -1, end - a if start >= 0 else -1

    def _of_sentences(self, rng: random.Random) -> Iterator[Example]:
        """Yield claims and questions with a single sentence, which train only the answer head."""
        positive = [s for s in self.sentences if s["label"]]
        negative = [s for s in self.sentences if not s["label"]]
        for s in rng.sample(positive, min(len(positive), 2200)) + rng.sample(negative, min(len(negative), 1300)):
            answerable = bool(s["label"])
            sentence = s["sentence"]
            if answerable and rng.random() < 0.25:
                sentence, answerable = rng.choice(positive)["sentence"], False
            yield Example(s["question"], sentence[:1200], -1, -1, answerable=answerable, made="sentence")

    @staticmethod
    def styled(example: Example, rng: random.Random) -> Example:
        """Return the example with its question typed as people do: lower case, terse, with a slip."""
        q, dice = example.question, rng.random()
        if dice < 0.12:
            q = q.lower().rstrip("?. ")
        elif dice < 0.18:
            q = q.lower()
        elif dice < 0.24:
            kept = [
                w
                for w in q.rstrip("?. ").split()
                if w.lower() not in _STOP or w.lower() in ("when", "who", "where", "why", "how")
            ]
            q = " ".join(kept).lower() if len(kept) > 2 else q
        if rng.random() < 0.06:
            q = _slip(q, rng)
        return replace(example, question=q)


def _words(text: str) -> list[str]:
    return [w for w in re.findall(r"\w+", text.lower()) if w not in _STOP]


def _holds(text: str, answers: Sequence[str]) -> bool:
    folded = text.lower()
    return any(a.lower() in folded for a in answers)


def _slip(question: str, rng: random.Random) -> str:
    """Return the question with one letter of one long word lost, doubled or swapped with its neighbour."""
    long = list(re.finditer(r"[A-Za-z]{5,}", question))
    if not long:
        return question
    match = rng.choice(long)
    at = rng.randrange(match.start() + 1, match.end() - 1)
    kind = rng.randrange(3)
    middle = ["", question[at] * 2, question[at + 1] + question[at]][kind]
    return question[:at] + middle + question[at + (2 if kind == 2 else 1) :]
