"""The corpus holds every fact of the dossier, in its form, with its sources, in its own words.

``dossier.jsonl`` lists what each fact of the dossier cannot be told without, one object a line:
``keys`` are its sources; each of ``figures`` and ``names`` must stand in some statement that carries
one of the keys; all of ``words`` must stand in one such statement. Facts are numbered TT.NN, topic
file and bullet. Everything is compared by ``words_of``; a ``*`` at an entry's end lets its last word
go on ("deport*").

``real_document_windows.txt`` stands for the document of the project's trials, whose text is not ours
to copy: the digests of its eight-word windows (see ``windows_of``). To make it again:

    python tests/test_corpus.py DOCUMENT
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from qa.config import shipped_corpus
from qa.references import parse_references
from qa.text import fold, keys_of, sentence_ranges

CORPUS = shipped_corpus()
DOCUMENTS = sorted(p for p in CORPUS.glob("*.md") if p.name != "README.md")
BIBLIOGRAPHY = CORPUS / "references.json"
DOSSIER = Path(__file__).with_name("dossier.jsonl")
REAL_WINDOWS = Path(__file__).with_name("real_document_windows.txt")

# Bullets in each topic file of the dossier; its one note counts as a fact of topic 08.
FACTS_PER_TOPIC = dict(
    zip(
        (f"{topic:02d}" for topic in range(1, 17)),
        (26, 29, 43, 23, 27, 18, 25, 29, 47, 30, 28, 34, 19, 18, 24, 41),
        strict=True,
    )
)
KINDS = {
    "government", "court", "court summary", "advocacy", "news", "research", "research summary", "reference"
}  # fmt: skip
# The item types of CSL 1.0.2.
CSL_TYPES = set(
    """article article-journal article-magazine article-newspaper bill book broadcast chapter classic collection
    dataset document entry entry-dictionary entry-encyclopedia event figure graphic hearing interview legal_case
    legislation manuscript map motion_picture musical_score pamphlet paper-conference patent performance periodical
    personal_communication post post-weblog regulation report review review-book software song speech standard thesis
    treaty webpage""".split()
)

STATEMENT = re.compile(r'(?P<text>\S.*[.?!]"?) \[(?P<keys>@[a-z0-9-]+(?:; @[a-z0-9-]+)*)\]')
LEANS_ON_ITS_NEIGHBOUR = re.compile(
    r"(?:It|Its|This|That|These|Those|They|Their|He|His|She|Her|We|There|Such|Both|Another|Also|However|Moreover|But"
    r"|And|Then|The (?:program|report|letter|memo|study|agency|state|county|coalition|order|latter|former)\b(?! of))\b"
)
LIST_OR_TABLE = re.compile(r"\s*(?:[-*+] |\d+[.)] |\||>)")
DATE = re.compile(r"\d{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?")

WINDOW = 8
FEWEST_OWN_WORDS = 6
NAME = "#"
# What two texts on this subject cannot but share: these become one placeholder before windows are cut.
NAMES = (
    "Agreements of Cooperation in Communities to Enhance Safety and Security",
    "U.S. Visitor and Immigrant Status Indicator Technology Program",
    "Automated Biometric Identification System",
    "Department of Homeland Security",
    "Federal Bureau of Investigation",
    "Immigration and Customs Enforcement",
    "National Immigration Law Center",
    "Immigration Policy Center",
    "American Immigration Council",
    "Interfaith Immigration Coalition",
    "State Identification Bureaus",
    "Memoranda of Agreement",
    "Criminal Alien Program",
    "Secure Communities",
    "ICE ACCESS",
    "287(g) program",
    "287(g)",
    "US-VISIT",
    "S-Comm",
    "SComm",
    "IDENT",
    "MOAs",
    "MOA",
    "FBI",
    "DHS",
    "ICE",
    "http://www.interfaithimmigration.org/index.php/2011/11/21/iic-scomm-toolkit",
    "www.immigrationpolicy.org",
)

WORD = re.compile(r"\$?\d+(?:[.,]\d+)*(?![^\W_])|[^\W_]+")
KEYS = re.compile(r"\[@[^\]]*\]")


@dataclass(frozen=True, slots=True)
class Statement:
    """One line of a document: a sentence and the keys of its sources."""

    place: str
    text: str
    keys: frozenset[str]
    folded: str


@dataclass(frozen=True, slots=True)
class Fact:
    """What a fact of the dossier cannot be told without."""

    id: str
    keys: tuple[str, ...]
    figures: tuple[str, ...]
    names: tuple[str, ...]
    words: tuple[str, ...] = ()


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, without accents and punctuation; "$14.3" and "1,595" stay whole."""
    return WORD.findall(fold(text))


def folded(text: str) -> str:
    return f" {' '.join(words_of(text))} "


def holds(statement: Statement, entry: str) -> bool:
    """Tell whether a figure, name or word stands in a statement, at word borders."""
    sought = folded(entry.removesuffix("*"))
    return (sought[:-1] if entry.endswith("*") else sought) in statement.folded


def statement_at(place: str, line: str) -> Statement:
    text = KEYS.sub("", line).strip()
    return Statement(place, text, frozenset(keys_of(line)), folded(text))


def split_front_matter(path: Path) -> tuple[dict[str, str], list[tuple[int, str]]]:
    """Return the front matter of a document and the numbered lines below it."""
    lines = path.read_text(encoding="utf-8").split("\n")
    if lines[0] != "---" or "---" not in lines[1:]:
        return {}, list(enumerate(lines, 1))
    end = lines.index("---", 1)
    fields = dict(line.split(": ", 1) for line in lines[1:end] if ": " in line)
    return fields, list(enumerate(lines[end + 1 :], end + 2))


def body_lines(path: Path) -> list[tuple[int, str]]:
    return [(n, line) for n, line in split_front_matter(path)[1] if line.strip() and not line.startswith("#")]


@lru_cache(maxsize=1)
def corpus_statements() -> tuple[Statement, ...]:
    return tuple(statement_at(f"{path.name}:{n}", line) for path in DOCUMENTS for n, line in body_lines(path))


@lru_cache(maxsize=1)
def dossier_facts() -> tuple[Fact, ...]:
    entries = [json.loads(line) for line in DOSSIER.read_text(encoding="utf-8").splitlines()]
    return tuple(Fact(e.pop("id"), **{name: tuple(values) for name, values in e.items()}) for e in entries)


def entries_missing_from(statements: Iterable[Statement], facts: Iterable[Fact]) -> list[str]:
    """Return "fact: entry" for each entry that stands in no statement with one of the fact's keys."""
    statements = list(statements)
    missing = []
    for fact in facts:
        sourced = [s for s in statements if s.keys & set(fact.keys)]
        entries = fact.figures + fact.names
        missing += [f"{fact.id}: {entry}" for entry in entries if not any(holds(s, entry) for s in sourced)]
        if fact.words and not any(all(holds(s, word) for word in fact.words) for s in sourced):
            missing.append(f"{fact.id}: {' + '.join(fact.words)}")
    return missing


def keys_missing_from(statements: Iterable[Statement], facts: Iterable[Fact]) -> list[str]:
    """Return "fact: key" for each key of a fact that stands on no statement about that fact."""
    statements = list(statements)
    missing = []
    for fact in facts:
        sourced = [s for s in statements if s.keys & set(fact.keys)]
        about = [s for s in sourced if any(holds(s, entry) for entry in fact.figures + fact.names)]
        if fact.words:
            about += [s for s in sourced if all(holds(s, word) for word in fact.words)]
        missing += [f"{fact.id}: {key}" for key in fact.keys if not any(key in s.keys for s in about)]
    return missing


def windows_of(text: str) -> dict[str, str]:
    """Return a text's windows of eight words, names folded, by their digests.

    Citation keys go; each run of names becomes one placeholder; a window with fewer than six words of
    its own says nothing about whose it is and is left out. A digest is the first 8 bytes, in hex, of
    the SHA-256 of the window's words with one blank between.
    """
    plain = folded(KEYS.sub(" ", text))
    for name in sorted((folded(name) for name in NAMES), key=len, reverse=True):
        plain = plain.replace(name, f" {NAME} ")
    words = re.sub(rf"{NAME}(?: +{NAME})+", NAME, " ".join(plain.split())).split()
    cut = (words[at : at + WINDOW] for at in range(len(words) - WINDOW + 1))
    own = (" ".join(window) for window in cut if WINDOW - window.count(NAME) >= FEWEST_OWN_WORDS)
    return {hashlib.sha256(window.encode()).hexdigest()[:16]: window for window in own}


def copied_windows(text: str, digests: set[str]) -> list[str]:
    """Return the windows of a text that are among the digests of another."""
    return [window for digest, window in windows_of(text).items() if digest in digests]


def read_windows() -> set[str]:
    lines = REAL_WINDOWS.read_text(encoding="ascii").splitlines()
    return {line for line in lines if not line.startswith("#")}


def write_windows(documents: Iterable[Path]) -> int:
    """Write the digests of the documents' windows, and nothing of their text; return how many."""
    digests = sorted(set().union(*(windows_of(path.read_text(encoding="utf-8")) for path in documents)))
    head = "# Digests of eight-word windows; made by: python tests/test_corpus.py DOCUMENT\n"
    REAL_WINDOWS.write_text(head + "".join(f"{digest}\n" for digest in digests), encoding="ascii")
    return len(digests)


def name_of(path: Path) -> str:
    return path.stem


def test_corpus_has_16_to_24_documents() -> None:
    assert 16 <= len(DOCUMENTS) <= 24


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_front_matter_is_complete(path: Path) -> None:
    fields, _ = split_front_matter(path)

    assert list(fields) == ["title", "topic", "as_of"]
    assert fields["title"].strip()
    assert re.fullmatch(r"[a-z0-9-]+", fields["topic"])
    assert DATE.fullmatch(fields["as_of"])


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_each_line_is_a_heading_or_a_statement_that_stands_alone(path: Path) -> None:
    faults = []
    for number, line in split_front_matter(path)[1]:
        if not line or re.match(r"#{2,4} \S", line):
            continue
        statement = STATEMENT.fullmatch(line)
        if line.startswith("#"):
            faults.append(f"{number}: not a heading of level 2 to 4")
        elif LIST_OR_TABLE.match(line):
            faults.append(f"{number}: a list, table or block quote")
        elif not statement or "[@" in statement["text"]:
            faults.append(f"{number}: not one sentence and then its keys")
        elif LEANS_ON_ITS_NEIGHBOUR.match(line):
            faults.append(f"{number}: cannot be quoted alone")

    assert faults == []


@pytest.mark.parametrize(
    ("line", "leans"),
    [
        ("It ended in 2014.", True),
        ("The program ended in 2014.", True),
        ("The report of the task force has five parts.", False),
        ("Italy is not concerned.", False),
        ("Secure Communities ended in 2014.", False),
    ],
)
def test_a_line_that_needs_its_neighbour_is_recognised(line: str, *, leans: bool) -> None:
    assert bool(LEANS_ON_ITS_NEIGHBOUR.match(line)) is leans


def test_qa_reads_each_line_as_one_sentence() -> None:
    several = [s.place for s in corpus_statements() if len(sentence_ranges(s.text)) != 1]

    assert several == []


def test_each_key_has_a_reference_and_each_reference_a_use() -> None:
    used = set().union(*(s.keys for s in corpus_statements()))
    known = set(parse_references(json.loads(BIBLIOGRAPHY.read_text(encoding="utf-8"))))

    assert used == known


def test_references_are_csl_json_of_the_known_kinds() -> None:
    entries: list[dict[str, Any]] = json.loads(BIBLIOGRAPHY.read_text(encoding="utf-8"))
    faults = []
    for entry in entries:
        parts = entry["issued"].get("date-parts", [])
        right = {
            "id": re.fullmatch(r"[a-z0-9-]+", entry["id"]),
            "type": entry["type"] in CSL_TYPES,
            "title": entry["title"].strip(),
            "URL": re.match(r"https?://\S+$", entry["URL"]),
            "genre": entry["genre"] in KINDS,
            "issued": entry["issued"].get("literal") or parts,
            "date-parts": all(DATE.fullmatch("-".join(f"{n:02d}" for n in part)) for part in parts),
        }
        faults += [f"{entry['id']}: {field}" for field, is_right in right.items() if not is_right]

    assert faults == []


def test_references_as_qa_reads_them_keep_title_address_date_and_kind() -> None:
    references = parse_references(json.loads(BIBLIOGRAPHY.read_text(encoding="utf-8")))

    assert [r.key for r in references.values() if not (r.title and r.url and r.issued and r.kind)] == []
    assert {r.kind for r in references.values()} == KINDS


def test_dossier_list_has_every_fact_with_something_to_look_for() -> None:
    facts = dossier_facts()

    assert Counter(fact.id[:2] for fact in facts) == FACTS_PER_TOPIC
    assert len({fact.id for fact in facts}) == len(facts)
    assert [fact.id for fact in facts if not (fact.keys and fact.figures + fact.names + fact.words)] == []


def test_each_figure_and_name_of_the_dossier_stands_beside_a_right_key() -> None:
    assert entries_missing_from(corpus_statements(), dossier_facts()) == []


def test_each_key_of_a_fact_stands_on_a_statement_about_it() -> None:
    assert keys_missing_from(corpus_statements(), dossier_facts()) == []


def test_a_wrong_figure_and_a_wrong_key_are_found() -> None:
    wrong_figure = [replace(s, folded=s.folded.replace(" 692,788 ", " 692,787 ")) for s in corpus_statements()]
    wrong_key = [replace(s, keys=s.keys - {"nlets"}) for s in corpus_statements()]

    assert "03.03: 692,788 database matches" in entries_missing_from(wrong_figure, dossier_facts())
    assert "15.15: nlets" in keys_missing_from(wrong_key, dossier_facts())


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("Sixty-seven", True),
        ("1,59", False),
        ("595", False),
        ("$14.3 million", True),
        ("14.3", False),
        ("287(G)", True),
        ("O’Malley", True),
        ("José", True),
        ("deport*", True),
        ("deport", False),
    ],
)
def test_entries_are_found_at_word_borders_whatever_case_and_punctuation(entry: str, *, found: bool) -> None:
    statement = statement_at(
        "here", 'O\'Malley, Jose and sixty-seven (287(g)) deported 1,595, for "$14.3 million". [@a]'
    )

    assert holds(statement, entry) is found


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.md")), ids=name_of)
def test_no_eight_words_in_a_row_are_those_of_the_real_document(path: Path) -> None:
    assert copied_windows(path.read_text(encoding="utf-8"), read_windows()) == []


def test_real_document_is_stored_as_digests_only() -> None:
    digests = read_windows()

    assert len(digests) > 500
    assert [line for line in digests if not re.fullmatch(r"[0-9a-f]{16}", line)] == []


@pytest.mark.parametrize("disguise", [str, str.upper, lambda s: s.replace(" ", "\n"), lambda s: s.replace(",", ";")])
def test_a_copied_sentence_is_found(disguise: Callable[[str], str]) -> None:
    original = max(corpus_statements(), key=lambda s: len(s.text))
    digests = set(windows_of(original.text))
    copy = f"Something comes first. {disguise(original.text)} [@some-key] And something follows."

    assert copied_windows(copy, digests) == list(windows_of(original.text).values())
    assert copied_windows((CORPUS / original.place.split(":")[0]).read_text(encoding="utf-8"), digests) != []


def test_a_sentence_in_other_words_is_not_found() -> None:
    digests = set(windows_of("ICE asks the arresting agency to tell it before it releases the noncitizen."))

    assert len(digests) > 0
    assert copied_windows("Before it releases the noncitizen, the agency is asked to tell ICE.", digests) == []


def test_windows_of_names_alone_are_not_compared() -> None:
    assert windows_of(f"The {', the '.join(NAMES)} and all that.") == {}


if __name__ == "__main__":
    print(write_windows(Path(name) for name in sys.argv[1:]), "windows")
