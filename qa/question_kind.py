"""What kind of answer a question wants, by its wording."""

from __future__ import annotations

import re
from enum import StrEnum


class QuestionKind(StrEnum):
    """What kind of answer a question wants."""

    DEFINE = "define"
    WHO = "who"
    WHEN = "when"
    WHERE = "where"
    HOW_MANY = "how-many"
    YES_NO = "yes-no"
    WHY = "why"
    HOW = "how"
    LIST = "list"
    COMPARE = "compare"
    WHAT = "what"


_BE = r"(?:is|are|was|were|did|do|does|has|have|had|can|could|will|would|should|may|might|must)"
# Where a clause begins: "who" or "when" elsewhere belongs to a statement ("officials who lied").
_START = r"(?:^\W*|[,;:.?!(]\s*|\b(?:and|or|by|but|know|knows|asked|tell me|say|says|exactly|so|also|then|about) )"
_NUMBER_WORD = r"(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\d{1,2})"
_PERSON = (
    r"(?:aide|author|chief|church|company|director|firm|governor|group|judge|justice|lawyer|mayor|newspaper|official"
    r"|officer|organi[sz]ation|person|president|professor|scholar|secretary|senator|sheriff|spokes\w+|union)"
)
# A plural that a verb does not follow by chance: not "what does", not "which process is".
_PLURAL = r"(?!(?:does|has|is|was|this|his|its|process|status|address|basis)\b)\w+(?:[^\Wsu]s|people|counties)\b"
_NO_VERB = rf"(?!(?:{_BE}|became|happened)\b)[\w.'’()-]+ "

_COMPARE = re.compile(
    r"\b(?:differ(?:s|ed|ent|ently|ences?)?\b(?! (?:did|does|do|number))|compar\w+|versus|vs\b|distinguish\w*"
    r"|(?:same|similar) (?:as|to)\b|(?:alike|in common)\b)|\bwhich (?:one |of (?:the two|them) )?(?:is|was|came) "
    r"(?:\w+er|more|less|right|correct|true|first)\b"
)
# The first of these to occur in the question decides; at one place the order does.
_ASKED: tuple[tuple[QuestionKind, str], ...] = (
    (
        QuestionKind.HOW_MANY,
        r"\bhow (?:many|much|long|often|old|large|big|high|rare|common|frequent\w*|far (?!back))\b"
        r"|\b(?:number|share|portion|percent\w*|count|amount|total|cost|price|rate|size|length|tally|budget) of\b"
        r"|\bwhat (?:number|share|portion|percent\w*|amount|fraction|proportion|figure|price|rate|sum)\b"
        r"|\bwhat (?:did|does|do|would) .{1,60} (?:cost|pay|spend)\b|\bpercent\w*\b.*\?"
        r"|\b(?:daily|error|hourly|interest|monthly) rate\b|\b(?:sample|class) size\b|\bprice tag\b|\bvote tally\b"
        r"|\b(?:total|age|budget|salary|dollars|size|count)\W*$|^\W*(?:number|percent\w*|total|minimum|maximum|average)\b",
    ),
    (
        QuestionKind.WHEN,
        rf"\bwhen {_BE}\b|^\W*when\b(?!.*[,?] ?(?:what|who|which|how|where|why|{_BE})\b)"
        r"|\b(?:and|or|know|say|tell me) when\b"
        r"|\b(?:what|which) (?:\w+ )?(?:dates?|days?|month|years?|time)\b|\b(?:date of|since when|what date|deadline)\b"
        r"|\b(?:start|end|launch|filing|release|birth|expiry|effective) dates?\b|^\W*(?:the )?(?:last|first) day\b"
        r"|^\W*(?:the )?dates?\b|\bhow far back\b|\bwhen\W*$",
    ),
    (
        QuestionKind.WHO,
        rf"{_START}(?:(?:from|to|with|for|of|by) )?who(?:se|m)?\b"
        rf"|\b(?:what|which) (?:{_NO_VERB}){{0,2}}{_PERSON}\b"
        rf"|^\W*(?:the )?(?!people\b)(?:\w+ )?\w*[^\Ws] who\b"
        rf"|\bname of (?:the |an? )?(?:{_NO_VERB}){{0,6}}(?:who|{_PERSON})\b"
        rf"|^\W*(?:the )?(?:executive |first |current |former )?(?:author|ceo|chair\w*|director|founder|head|judge"
        rf"|leader|owner|president|secretary|sheriff|signer|winner) (?:of|in|for|on|at)\b",
    ),
    (
        QuestionKind.WHERE,
        rf"{_START}where (?:{_BE}|exactly)\b|^\W*where\b|\b(?:what|which) (?:place|city|town|county|state|country"
        rf"|district)\b|\b(?:in|at|from|to) (?:what|which) (?:places|cities|counties|states|countries)\b|\bbirthplace\b"
        r"|\bfirst place\b",
    ),
    (
        QuestionKind.WHY,
        r"\bwhy\b|\bhow come\b|\bwhat (?:was|were|is|are) the reasons?\b|\breasons? (?:for|why|did|does|was|is)\b"
        r"|\bfor what reason\b|\b(?:on )?what grounds\b|\bwhat (?:excuse|explains|made|caused|led to|prompted)\b"
        r"|\b(?:objection|rationale|justification|reasoning)\b|\bwhat was the reason\b",
    ),
    (QuestionKind.HOW, rf"{_START}how\b(?! (?:many|much|long|often|old|large|big|high|rare|common|frequent|far)\b)"),
)
# Without any of these, by the form of the question, in this order.
_FORMS: tuple[tuple[QuestionKind, str], ...] = (
    (
        QuestionKind.DEFINE,
        r"\bstands? for\b|\bwhat (?:does|do|did) .*\bmean\b|\bmean(?:t|ing)\b"
        r"|\b(?:full (?:form|name)|spelled out|acronym|abbreviation|definition)\b|^\W*(?:define|explain)\b"
        r"|^\W*what(?:['’]?s| is) an? |\bwhat (?:is|are) (?:that|those|it)\W*$"
        r"|^\W*(?:what(?: is|'s|’s|s)) (?:the )?[\w().&/-]+(?: [\w().&/-]+)?\W*$",
    ),
    (
        QuestionKind.LIST,
        rf"\blist\b|^\W*name (?:some|the|all|a few|{_NUMBER_WORD})\b|\bnames of\b|\b(?:which|what) {_NUMBER_WORD} "
        rf"|^\W*(?:the )?{_NUMBER_WORD} (?:\w+ ){{0,4}}{_PLURAL}"
        rf"|\b(?:which|what) (?:{_NO_VERB}){{0,3}}(?!(?:kind|sort|type)s\b){_PLURAL} "
        rf"|\bwhat (?:are|were) (?:the |some |all )?(?:{_NO_VERB}){{0,3}}{_PLURAL}|\ball the \w+s\b",
    ),
    (
        QuestionKind.DEFINE,
        r"^\W*(?:what(?:'s|’s| is| are| was| were))\s+(?:an?\s+|the\s+)?[\w().&/-]+(?:\s+[\w().&/-]+){0,3}\W*$",
    ),
    (
        QuestionKind.YES_NO,
        rf"(?:^\W*|[.?!,;]\s+|\b(?:but|and|so) ){_BE}(?:n['’]?t)? (?!(?:you|anyone|somebody) (?:know|tell|say|give)\b)"
        r"(?:\w|[\"“(])",
    ),
)
_ASKED_RE = [(kind, re.compile(pattern)) for kind, pattern in _ASKED]
_FORMS_RE = [(kind, re.compile(pattern)) for kind, pattern in _FORMS]


def kind_of(text: str) -> QuestionKind:
    """Return the kind of answer that a question wants, by its wording."""
    folded = text.lower()
    if _COMPARE.search(folded):
        return QuestionKind.COMPARE
    found = [(m.start(), order) for order, (_, p) in enumerate(_ASKED_RE) if (m := p.search(folded))]
    if found:
        return _ASKED_RE[min(found)[1]][0]
    return next((kind for kind, pattern in _FORMS_RE if pattern.search(folded)), QuestionKind.WHAT)
