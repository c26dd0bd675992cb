"""The quantities and dates of sentences."""

from __future__ import annotations

import pytest

from qa.quantities import Quantity, dates, numbers, quantities


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ICE ended 39 MOAs.", [(39, "39 MOAs", False)]),
        ("ICE ended 42 state agreements in all.", [(42, "42 state agreements", False)]),
        ("It cost about $750 million by then.", [(750e6, "$750 million", True)]),
        ("57 percent of 14 people", [(57, "57 percent", False), (14, "14 people", False)]),
        ("more than 1,595 jurisdictions", [(1595, "1,595 jurisdictions", True)]),
        ("thirty-nine letters", [(39, "thirty-nine letters", False)]),
        ("a share of 14.3%", [(14.3, "14.3%", False)]),
        ("on August 5, 2011 and in 2012", []),
        ("No. 11-182, 287(g) and 8 U.S.C. 1357(g)", []),
        ("S-Comm, the News 24", []),
        ("", []),
    ],
)
def test_quantities_are_numbers_with_what_they_count(text: str, expected: list[tuple[float, str, bool]]) -> None:
    assert [(q.value, q.text, q.is_round) for q in quantities(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("August 5, 2011", [(2011, 8, 5)]),
        ("5 August 2011", [(2011, 8, 5)]),
        ("from march 2008 to 2011", [(2008, 3), (2011,)]),
        ("2,011 people and 2011 percent", []),
    ],
)
def test_dates_are_read_as_far_as_they_go(text: str, expected: list[tuple[int, ...]]) -> None:
    assert dates(text) == expected


def test_numbers_count_without_a_unit_too() -> None:
    assert numbers("WNYC said 31, the Daily News 24, in 2011.") == {31.0, 24.0}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Quantity(39, "x", "", False), Quantity(39, "x", "", True), True),
        (Quantity(39, "x", "", False), Quantity(42, "x", "", False), False),
        (Quantity(40, "x", "", True), Quantity(42, "x", "", False), True),
        (Quantity(40, "x", "", True), Quantity(80, "x", "", False), False),
    ],
)
def test_rounded_quantities_agree_when_they_are_near(one: Quantity, other: Quantity, expected: bool) -> None:
    assert one.agrees(other) is expected
    assert other.agrees(one) is expected
