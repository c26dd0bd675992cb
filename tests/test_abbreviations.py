"""Abbreviations are learnt from the sentences that define them, and from nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.abbreviations import collect, definitions, normal, singular
from qa.config import shipped_corpus
from qa.loader import parse


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        (
            "It gives Immigration and Customs Enforcement (ICE) access to information about them.",
            [("ICE", "Immigration and Customs Enforcement")],
        ),
        (
            "Secure Communities is a Department of Homeland Security (DHS) program, and the Federal Bureau of"
            " Investigation (FBI) shares the prints.",
            [("DHS", "Department of Homeland Security"), ("FBI", "Federal Bureau of Investigation")],
        ),
        ("It rescinded the Memoranda of Agreement (MOAs) that it had signed.", [("MOA", "Memoranda of Agreement")]),
        (
            "Secure Communities (also called S-Comm or SComm) checks fingerprints.",
            [("S-Comm", "Secure Communities"), ("SComm", "Secure Communities")],
        ),
        (
            "the Agreements of Cooperation in Communities to Enhance Safety and Security (ACCESS) umbrella",
            [("ACCESS", "Agreements of Cooperation in Communities to Enhance Safety and Security")],
        ),
        ("The Interfaith Immigration Coalition (IIC) is a publisher.", [("IIC", "Interfaith Immigration Coalition")]),
        (
            "the National Day Laborer Organizing Network (NDLON) sued",
            [("NDLON", "National Day Laborer Organizing Network")],
        ),
        (
            "Illegal Immigration Reform and Immigrant Responsibility Act of 1996 (IIRIRA)",
            [("IIRIRA", "Illegal Immigration Reform and Immigrant Responsibility Act of 1996")],
        ),
        (
            "the U.S. Visitor and Immigrant Status Indicator Technology Program (US-VISIT)",
            [("US-VISIT", "U.S. Visitor and Immigrant Status Indicator Technology Program")],
        ),
        ("a Freedom of Information Act (FOIA) request", [("FOIA", "Freedom of Information Act")]),
        ("the Office of Inspector General (OIG)", [("OIG", "Office of Inspector General")]),
        ("in Los Angeles (LA)", [("LA", "Los Angeles")]),
        ("ICE (Immigration and Customs Enforcement) said", [("ICE", "Immigration and Customs Enforcement")]),
        (
            "IDENT (Automated Biometric Identification System) is a database",
            [("IDENT", "Automated Biometric Identification System")],
        ),
        ("local law enforcement agencies (LEAs)", [("LEA", "law enforcement agencies")]),
        ('Department of Justice (hereinafter "DOJ")', [("DOJ", "Department of Justice")]),
        ("Department of Justice (the “DOJ”)", [("DOJ", "Department of Justice")]),
        ("the Government Accountability Office's (GAO) report", [("GAO", "Government Accountability Office")]),
        ("Immigration\nand Customs\r\nEnforcement\n(ICE)", [("ICE", "Immigration and Customs Enforcement")]),
    ],
)
def test_definition_is_found(text: str, pairs: list[tuple[str, str]]) -> None:
    assert definitions(text) == pairs


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No parenthesis at all, ICE.",
        "He left (He said so) early.",
        "The agreements ended (2011).",
        "Section 287(g) and 8 U.S.C. 1357(g)(1).",
        "Governor Jerry Brown vetoed the first TRUST Act (AB 1081).",
        "Enrollment of Hispanic citizens in food assistance (SNAP)",
        "Customs Cross-Designation (Title 19)",
        "ICE (ICE)",
        "(ICE)",
        "the ICE (see the appendix)",
        "they said so (TS)",
        "((ICE)) ) (",
        "deoxyribonucleic acid (DNA",
    ],
)
def test_other_parentheses_define_nothing(text: str) -> None:
    assert definitions(text) == []


@pytest.mark.parametrize(
    ("short", "result"), [("MOAs", "MOA"), ("MOA", "MOA"), ("ICE", "ICE"), ("As", "As"), ("US", "US"), ("CIs", "CI")]
)
def test_plural_is_reduced_and_nothing_else(short: str, result: str) -> None:
    assert singular(short) == result


@pytest.mark.parametrize("short", ["S-Comm", "SComm", "s-comm", "S.COMM"])
def test_spellings_of_one_abbreviation_are_one(short: str) -> None:
    assert normal(short) == "scomm"


def test_commonest_long_forms_are_kept_two_for_each_short_one() -> None:
    texts = ["Memorandum of Agreement (MOA)"] * 2 + ["Memoranda of Agreement (MOAs)"] * 3 + ["Method of Action (MOA)"]

    assert collect(texts) == [("MOA", "Memoranda of Agreement", 3), ("MOA", "Memorandum of Agreement", 2)]


def test_abbreviations_of_the_shipped_corpus_are_right() -> None:
    documents = [parse(path.read_bytes(), "markdown") for path in sorted(Path(shipped_corpus()).glob("*.md"))]
    found = {(short, long) for short, long, _ in collect(d.text for d in documents)}

    assert {
        ("ICE", "Immigration and Customs Enforcement"),
        ("DHS", "Department of Homeland Security"),
        ("FBI", "Federal Bureau of Investigation"),
        ("MOA", "Memorandum of Agreement"),
        ("S-Comm", "Secure Communities"),
        ("CAP", "Criminal Alien Program"),
        ("PEP", "Priority Enforcement Program"),
    } <= found


@given(st.text(st.sampled_from("AaBb(). -'“”sİßé中\n") | st.sampled_from("IC"), max_size=60))
@settings(max_examples=150, deadline=None)
def test_any_text_is_read_without_error_and_what_is_found_stands_in_it(text: str) -> None:
    for short, long in definitions(text):
        assert short in text
        assert long in " ".join(text.split())
