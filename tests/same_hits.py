"""What both of Chroma's searches, the local store's and a server's, are held to: the hits of exact search."""

from __future__ import annotations

from qa.retriever import Retriever
from qa.schema import Filters

QUESTIONS = ("What is a detainer?", "Who rescinded the MOAs?", "287(g)", 'opt out of "Secure Communities"', "zebra")
NARROWED = (
    Filters(),
    Filters(topics=("timeline",)),
    Filters(kinds=("court",)),
    Filters(topics=("litigation", "statistics"), kinds=("government",), sources=("*o*",)),
)


def assert_same_hits(one: Retriever, other: Retriever) -> None:
    """Ask both of the shipped corpus, with and without filters, for few and for many passages."""
    for filters in NARROWED:
        for question in QUESTIONS:
            for k in (3, 150):
                hits = one.search(question, k=k, filters=filters).hits
                assert hits == other.search(question, k=k, filters=filters).hits
                assert hits
