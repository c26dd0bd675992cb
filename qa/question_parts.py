"""The parts of a question that asks for two things: "when were they ended and by whom" asks when, and by whom."""

from __future__ import annotations

import re

from qa.question_kind import QuestionKind, kind_of
from qa.text import squeeze

_ASKING = r"(?:who|whom|whose|what|when|where|why|which|how)"
_PREPOSITION = r"(?:by|for|from|in|on|at|to|with|under|about|of|since|until)"
# A question word with what belongs to it: "how many agencies" asks for agencies, "in what year" for a year.
_HEAD = re.compile(
    rf"(?:(?:{_PREPOSITION}|exactly|roughly) ){{0,2}}(?:how (?:many|much|long|often|far|old|large)|{_ASKING})\b",
    re.IGNORECASE,
)
_JOINT = re.compile(
    rf",? (?:and|but|or)(?: also| then)? (?=(?:(?:{_PREPOSITION}|exactly|roughly) ){{0,2}}{_ASKING}\b)"
    rf"|\? +(?:and |or |but )?(?=\w)|; *(?:and )?(?=(?:{_PREPOSITION} )?{_ASKING}\b)",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"\b(?:is|are|was|were|did|do|does|has|have|had|can|could|will|would|should|may|might|must)\b", re.IGNORECASE
)
_BARE = re.compile(
    rf"(?:(?:{_PREPOSITION}|exactly|roughly) ){{0,2}}(?:how (?:many|much|long|often|far)|{_ASKING}"
    r"(?: (?:year|month|day|date|time|place|state|city|reason))?)(?: (?:by|for|from|to|with|times|exactly))?",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"“][^\"“”]*[\"”]")
MAX_PARTS = 3


def _pieces(text: str) -> list[str]:
    """Return the clauses of a question, cut where a new question word begins outside quotation marks."""
    quoted = [m.span() for m in _QUOTED.finditer(text)]
    pieces, at = [], 0
    for m in _JOINT.finditer(text):
        if any(lo < m.start() < hi for lo, hi in quoted):
            continue
        pieces.append(text[at : m.start()])
        at = m.end()
    pieces.append(text[at:])
    return [piece.strip(" ?,.;") for piece in pieces if piece.strip(" ?,.;")]


def _rest(clause: str) -> str:
    """Return what a clause asks about: all from its verb on, "" where it has no question word and verb."""
    head = _HEAD.search(clause)
    verb = _VERB.search(clause, head.end()) if head else None
    return clause[verb.start() :] if verb else ""


def _completed(pieces: list[str]) -> list[str]:
    """Return the clauses, bare question words followed by what another clause asks about."""
    done = []
    for at, piece in enumerate(pieces):
        if not _BARE.fullmatch(piece):
            done.append(piece)
            continue
        # "when and why did it end": what follows completes; "when did it end and why": what went before.
        others = [p for p in [*reversed(pieces[:at]), *pieces[at + 1 :]] if not _BARE.fullmatch(p)]
        rest = next((r for other in others if (r := _rest(other))), "")
        done.append(f"{piece} {rest}" if rest else f"{others[0]}, {piece}" if others else piece)
    return done


def parts_of(text: str) -> tuple[str, ...]:
    """Return the questions that a question is made of, each complete in itself; ``text`` alone when it is one.

    A comparison is one question. A statement before a question ("I was fined. Who decides?") is kept with it.
    """
    question = squeeze(text)
    if kind_of(question) is QuestionKind.COMPARE:
        return (question,)
    parts = _completed(_pieces(question))
    asking = [part for part in parts if _HEAD.search(part) or _VERB.match(part)]
    if not 2 <= len(parts) <= MAX_PARTS or len(asking) < 2 or asking != parts:
        return (question,)
    if any(len(part.split()) < 2 for part in parts):
        return (question,)
    return tuple(f"{part}?" for part in parts)
