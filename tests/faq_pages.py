"""A small set of documents and its page, shared by the tests of pages."""

from __future__ import annotations

from qa.faq_page import ItemStatus, Neighbour, Page, PageItem, PageQuote
from qa.questions_file import Entry
from qa.schema import Range, Reference

DETAINERS = """\
---
title: Detainers
topic: detainers
as_of: 2014-11-20
---

## What a detainer is

A detainer is a request that asks a jail to hold a person for 48 hours. [@form]
The county of Alba received 1,595 detainers in 2011, and it honored 403 of them. [@form]
The sheriff of Alba said on August 5, 2011: "There is no opting out of this program."

## Who signs a detainer

A deputy of the Alba office signs each detainer before it is sent to the jail.
"""
PARKS = """\
# Parks

The city park of Alba opens at 7 in the morning and closes at 9 in the evening.
Dogs are allowed in the city park of Alba on a leash only.
"""
REFERENCES = """\
[{"id": "form", "type": "report", "title": "Form I-247", "publisher": "Alba County", "genre": "government",
  "issued": {"date-parts": [[2011, 8]]}, "URL": "https://example.org/form"}]
"""
# What must reach no page and no screen alive.
EVILS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "--> <b>out of the comment</b>",
    "{{ 7 * 7 }} {% raw %} {# x #}",
    "[click](javascript:alert(1)) ![i](http://evil.example/x.png)",
    "http://evil.example www.evil.example me@evil.example",
    "`code` :raw:`x` |sub| [1]_ ``lit`` `a <javascript:x>`__",
    "\x1b[31mred\x1b]0;title\x07\x9b2J",
    "\u202eesrever\u2066 \u200f",
    "***bold*** __under__ ~~gone~~ $x^2$",
    "'\" onmouseover=alert(1) x='",
    "=cmd|' /C calc'!A0",
    "\ufffe\uffff \u2028 end",
)


def hostile_page() -> Page:
    """Return a page in which every text is hostile."""
    items = []
    for number, evil in enumerate(EVILS, 1):
        reference = Reference("k", evil, evil, evil, f"javascript:{evil}", evil)
        web = Reference("k", evil, evil, "2011", f"https://example.org/{evil}", evil)
        near = (Neighbour(0, evil),)
        text = f'{evil} he said "{evil} and some more words" on August 5, 2011'
        marks = (Range(1, len(evil)),)
        quote = PageQuote(
            1, text, marks, evil, "", 1, 1, 5, 5 + len(text), evil, (evil,), evil, (reference, web), near, near
        )
        # Markup at the start of a line is another thing than inside it.
        entry = Entry(f"e{number}", evil, section=evil, alternatives=(evil,), tags=(evil,))
        same, reason = (("e1",), evil) if number > 1 else ((), "")
        items.append(PageItem(entry, ItemStatus.REVIEW, evil, 0.5, (quote,), reason, same=same, near=same))
        items.append(PageItem(Entry(f"n{number}", evil), ItemStatus.UNANSWERED, evil, 0.0, reason=evil))
    return Page("".join(EVILS), EVILS[0], tuple(items), "", "")
