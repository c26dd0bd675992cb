"""Compares two runs over the same golden questions: won, lost, and whether that can be chance."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa.errors import UsageError
from qa.evaluation import Judged


@dataclass(frozen=True, slots=True)
class Comparison:
    """This run against an earlier one. ``won`` are right now and were not; ``lost`` the other way round.

    ``p_value`` is that of an exact McNemar test: how likely a split of won and lost at least this uneven is when
    neither run is better. ``before`` are the earlier figures; ``unpaired`` questions are in one run alone.
    """

    won: tuple[str, ...]
    lost: tuple[str, ...]
    paired: int
    unpaired: int
    p_value: float
    before: Mapping[str, float]


def mcnemar(won: int, lost: int) -> float:
    """Return the two-sided p-value of an exact McNemar test (0 to 1)."""
    n = won + lost
    tail = sum(math.comb(n, k) for k in range(min(won, lost) + 1))
    return float(min(1.0, 2 * tail / 2**n))


def read_run(path: Path) -> dict[str, Any]:
    """Return a run that ``qa eval --json`` printed. Raises UsageError when it is something else."""
    fix = "name a file that qa eval --json has written"
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}", fix=fix) from error
    is_run = isinstance(data, dict) and isinstance(data.get("results"), list) and "figures" in data
    if not is_run or data.get("schema") != 1:
        raise UsageError(f"{path} is no run of qa eval", fix=fix)
    return data


def compare(judged: Sequence[Judged], run: Mapping[str, Any]) -> Comparison:
    """Compare with an earlier run. Questions are the same when their id and their wording are."""
    then = {(row["id"], row["question"]): bool(row["right"]) for row in run["results"]}
    now = {(j.gold.id, j.gold.question): j.outcome.right for j in judged}
    both = [key for key in now if key in then]
    won = tuple(name for name, text in both if now[name, text] and not then[name, text])
    lost = tuple(name for name, text in both if then[name, text] and not now[name, text])
    return Comparison(
        won=won,
        lost=lost,
        paired=len(both),
        unpaired=len(now) + len(then) - 2 * len(both),
        p_value=mcnemar(len(won), len(lost)),
        before={name: float(figure["value"]) for name, figure in run["figures"].items()},
    )
