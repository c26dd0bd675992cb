"""Follow-up questions made whole by rule: "and in New York?" after "How many people were removed in Ohio?"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class PhraseKind(StrEnum):
    """What a phrase names; only phrases of one kind stand for each other."""

    DATE = "date"
    PLACE = "place"
    NAME = "name"
    NOUN = "noun"


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase of a question: the characters [start, end), and what they name."""

    start: int
    end: int
    text: str
    kind: PhraseKind


@dataclass(frozen=True, slots=True)
class Turn:
    """One question of a conversation, already made whole, and the words that answered it ("" without)."""

    question: str
    answer: str = ""


_MONTH = "(?:january|february|march|april|may|june|july|august|september|october|november|december)"
_YEAR = r"(?:(?:fiscal year |fy ?)?(?:19|20)\d\d)"
_DATE = re.compile(
    rf"\b(?:{_MONTH} \d{{1,2}}(?:,? {_YEAR})?|\d{{1,2}} {_MONTH}(?: {_YEAR})?|{_MONTH},? {_YEAR}|{_YEAR})\b", re.I
)
_STATES = (
    "Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|District of Columbia|Florida|Georgia"
    "|Hawaii|Idaho|Illinois|Indiana|Iowa|Kansas|Kentucky|Los Angeles|Louisiana|Maine|Maryland|Massachusetts|Michigan"
    "|Minnesota|Mississippi|Missouri|Montana|Nebraska|Nevada|New Hampshire|New Jersey|New Mexico|New York"
    "|North Carolina|North Dakota|Ohio|Oklahoma|Oregon|Pennsylvania|Puerto Rico|Rhode Island|San Francisco"
    "|South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|Wisconsin|Wyoming"
)
_STATE = re.compile(rf"\b(?:{_STATES})(?: (?:city|county))?\b", re.I)
# "Santa Clara County" needs its capitals: without them "in which county" would be a place.
_PLACE = re.compile(r"\b(?:[A-Z][\w'-]+ )+(?:County|City|Parish)\b|\bD\.C\.")
_NAME_WORD = r"(?:[A-Z][\w&'’.-]*\w(?:\([a-z0-9]+\))?|[A-Z]|\d[\w.-]*\([a-z0-9]+\)|[A-Za-z]+-?\d[\w-]*)"
_NAME = re.compile(rf"(?<![\w]){_NAME_WORD}(?:(?: (?:of|for|of the|and the))? {_NAME_WORD})*")
_NOUN = re.compile(r"\b(?:an?|the|any|each|every) (?:[a-z-]+ ){0,2}?[a-z-]+(?= |\W*$)")
_DEFINED = re.compile(r"^(?:what|who)(?:'s|’s| is| are| was| were)\s+(.+?)\W*$|^(?:define|explain)\s+(.+?)\W*$", re.I)
_AUXILIARIES = (
    "is|are|was|were|do|does|did|can|could|may|might|must|has|have|had|will|would|should|isn't|aren't|wasn't|weren't"
    "|don't|doesn't|didn't|can't|couldn't|won't|wouldn't"
)
_OPENERS = frozenset(
    "what who whom whose which when where why how and but or so in on at by for of to from under after before since"
    f" during list name tell explain define the a an i {_AUXILIARIES.replace('|', ' ')}".split()
)
_PREPOSITIONS = (
    "in|for|by|under|before|after|since|from|at|on|during|until|between|with|without|against|to|within|outside|among"
)
_LEAD = re.compile(r"^(?:(?:and|but|or|so|then|ok|okay|also)\b[\s,]*)+", re.I)
_ABOUT = re.compile(r"^(?:what|how) about\s+|^(?:what|how) of\s+", re.I)
_PREPOSITIONAL = re.compile(rf"^({_PREPOSITIONS})\s+(.+)$", re.I)
_BARE = re.compile(
    r"^(?:when|where|why|who|how|how come|how (?:many|much|long|often)|by whom|since when|until when|where to|says who"
    r"|what for|which ones?|how so)(?: exactly| then)?$",
    re.I,
)
_ADVERB = re.compile(rf"^(?:when|where|why|how)\s+(?=(?:{_AUXILIARIES})\b)", re.I)
_YES_NO = re.compile(rf"^(?:{_AUXILIARIES})\b", re.I)
_EXPLETIVE = re.compile(r"\b(?:is|was) it (?:true|possible|legal|lawful|right|correct|the case|clear|known)\b", re.I)
_THING = re.compile(
    r"\b(?:it|they|them)\b(?!['’])|\b(?:this|that|these|those)\b(?=\W*$)"
    r"|\b(?:this|that|these|those)\b(?= (?:start|begin|end|work|mean|happen|cost|matter|change|apply)\w*\b)"
    r"|\b(?:this|that) (?:program|programme|initiative|agreement|policy|law|act|form)\b",
    re.I,
)
_OF_THING = re.compile(r"\b(?:its|their)\b", re.I)
_PERSON = re.compile(r"\b(?:he|she|him|her)\b", re.I)
_OF_PERSON = re.compile(r"\b(?:his|hers|her(?= [a-z]))\b", re.I)
_FULL_NAME = re.compile(r"^(?:[A-Z][\w'’.-]+ ){1,3}[A-Z][\w'’.-]+$")
_LONGEST_DEFINED = 9
_BREAK = re.compile(r"[,;]|\b(?:and|when|before|after|because|while|if|since|until)\b", re.I)


def _patterns(names: Sequence[str]) -> list[tuple[re.Pattern[str], PhraseKind]]:
    """Return what finds phrases, the surest first; short abbreviations count only in capitals."""
    found = [(_DATE, PhraseKind.DATE)]
    ordered = sorted((n for n in names if len(n) > 1), key=lambda n: (-len(n), n))
    for wanted, flags in ((False, re.I), (True, 0)):
        some = [re.escape(n) for n in ordered if (n.isupper() and len(n) <= 3) is wanted]
        if some:
            found.append((re.compile(rf"(?<!\w)(?:{'|'.join(some)})(?:e?s)?(?!\w)", flags), PhraseKind.NAME))
    return [
        *found,
        (_PLACE, PhraseKind.PLACE),
        (_STATE, PhraseKind.PLACE),
        (_NAME, PhraseKind.NAME),
        (_NOUN, PhraseKind.NOUN),
    ]


def phrases(text: str, names: Sequence[str] = ()) -> list[Phrase]:
    """Return the dates, places, names and noun phrases of a question, in order, none inside another.

    ``names`` are known ones, which are found in any case.
    """
    found: list[Phrase] = []
    for pattern, kind in _patterns(names):
        at = 0
        while match := pattern.search(text, at):
            start, end = match.span()
            first = text[start:end].split(" ", 1)[0]
            if kind is PhraseKind.NAME and first.lower() in _OPENERS:
                # "When California left": the capital of a question's first word says nothing.
                at = start + len(first)
                continue
            at = end
            if not any(start < p.end and p.start < end for p in found):
                found.append(Phrase(start, end, text[start:end], kind))
    return sorted(found, key=lambda p: p.start)


def _bare(text: str) -> str:
    return text.strip().rstrip("?!. ")


def _lowered(text: str) -> str:
    """Return ``text`` with a small first letter, unless its first word is a name."""
    first = text.split(" ", 1)[0]
    return text[:1].lower() + text[1:] if first.lower() in _OPENERS else text


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _focus(turn: Turn, names: Sequence[str]) -> str:
    """Return what a question is about: what it defines, else its first name, place or noun phrase; or ""."""
    defined = _DEFINED.match(turn.question)
    if defined and len(defined[0].split()) <= _LONGEST_DEFINED:
        return (defined[1] or defined[2]).strip()
    found = phrases(turn.question, names)
    for kind in (PhraseKind.NAME, PhraseKind.PLACE, PhraseKind.NOUN):
        for phrase in found:
            if phrase.kind is kind:
                # "the MOAs", but "Secure Communities" of "the Secure Communities program".
                article = re.search(r"\bthe $", turn.question[: phrase.start], re.I)
                return (
                    f"the {phrase.text}"
                    if article and phrase.text.endswith("s") and "A" <= phrase.text[-2] <= "Z"
                    else phrase.text
                )
    return ""


def _kind(text: str, names: Sequence[str]) -> PhraseKind:
    found = phrases(text, names)
    return found[0].kind if found else PhraseKind.NOUN


def _swapped(question: str, new: str, kind: PhraseKind, preposition: str, names: Sequence[str]) -> str:
    """Return the question with its phrase of this kind replaced, "" when it has none."""
    same = [p for p in phrases(question, names) if p.kind is kind]
    if not same:
        return ""
    if preposition:
        # A place after a preposition is where; one without is who, and stays.
        after = [p for p in same if re.search(rf"\b(?:{_PREPOSITIONS})\s+$", question[: p.start], re.I)]
        if not after:
            return ""
        start = re.search(rf"\b(?:{_PREPOSITIONS})\s+$", question[: after[-1].start], re.I)
        begin = start.start() if start else after[-1].start
        return f"{question[:begin]}{preposition} {new}{question[after[-1].end :]}"
    return question[: same[0].start] + new + question[same[0].end :]


def _about(new: str, turn: Turn, names: Sequence[str]) -> str:
    """Return the earlier question asked about something else."""
    kind = _kind(new, names)
    if swapped := _swapped(turn.question, new, kind, "", names):
        return swapped
    defined = _DEFINED.match(turn.question)
    if defined and kind is not PhraseKind.DATE:
        old = defined[1] or defined[2]
        return turn.question.replace(old, new, 1)
    if kind in (PhraseKind.NAME, PhraseKind.NOUN):
        for other in (PhraseKind.NAME, PhraseKind.NOUN, PhraseKind.PLACE):
            if swapped := _swapped(turn.question, new, other, "", names):
                return swapped
    return f"{_bare(turn.question)} {'for' if kind in (PhraseKind.NAME, PhraseKind.NOUN) else 'in'} {new}?"


def _asked_more(word: str, turn: Turn) -> str:
    """Return the earlier question with another question word: "when?", "by whom?"."""
    before = _bare(turn.question)
    if _YES_NO.match(before):
        return f"{_capital(word)} {_lowered(before)}?"
    if re.fullmatch(r"when|where|why|how", word, re.I) and _ADVERB.match(before):
        return f"{_capital(word)} {_ADVERB.sub('', before)}?"
    return f"{before}, and {word.lower()}?"


def _with_pronouns(text: str, turn: Turn, names: Sequence[str]) -> str:
    """Return ``text`` with its pronouns replaced by what the earlier question was about."""
    focus = _focus(turn, names)
    if focus and not _EXPLETIVE.search(text):
        own = [p for p in phrases(text, names) if p.kind is PhraseKind.NAME]

        def thing(match: re.Match[str]) -> str:
            # "What is ICE, and when did it begin?" says itself what it means.
            inside = any(_BREAK.search(text, p.end, match.start()) for p in own if p.end <= match.start())
            return match[0] if inside else focus

        text = _OF_THING.sub(lambda m: f"{focus}'s" if thing(m) == focus else m[0], _THING.sub(thing, text))
    if _FULL_NAME.match(turn.answer):
        text = _PERSON.sub(turn.answer, _OF_PERSON.sub(f"{turn.answer}'s", text))
    return text


def resolve(text: str, earlier: Turn | None, names: Sequence[str] = ()) -> str:
    """Return a follow-up question made whole from the ``earlier`` one; any other question as it is.

    ``names`` are the names that the documents know (abbreviations and what they stand for).
    """
    asked = " ".join(text.split())
    if earlier is None or not asked:
        return asked
    had_lead = bool(_LEAD.match(asked))
    rest = _bare(_LEAD.sub("", asked))
    about = _ABOUT.match(rest)
    if about:
        rest = rest[about.end() :]
    if not rest:
        return asked
    if _BARE.match(rest):
        return _asked_more(rest, earlier)
    where = _PREPOSITIONAL.match(rest)
    if where and len(rest.split()) <= 8 and not re.search(rf"\b(?:{_AUXILIARIES})\b", rest, re.I):
        preposition, new = where[1].lower(), where[2]
        swapped = _swapped(earlier.question, new, _kind(new, names), preposition, names)
        return swapped or f"{_bare(earlier.question)} {preposition} {new}?"
    is_fragment = rest.split(" ", 1)[0].lower() not in _OPENERS - {"a", "an", "the"}
    if about or (had_lead and is_fragment and len(rest.split()) <= 6):
        return _about(rest, earlier, names)
    return _with_pronouns(asked, earlier, names)
