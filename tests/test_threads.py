"""Running one function over many things on all cores."""

from __future__ import annotations

import threading
import time

import pytest

from qa.threads import run_each, usable_cores


@pytest.mark.parametrize("workers", [1, 2, 7])
@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_results_come_in_the_order_of_the_items(workers: int, count: int) -> None:
    def slow_first(n: int) -> int:
        time.sleep(0.002 if n == 0 else 0)
        return n * n

    assert run_each(slow_first, range(count), workers=workers) == [n * n for n in range(count)]


def test_the_workers_work_at_the_same_time() -> None:
    together = threading.Barrier(3, timeout=10)

    assert len(run_each(lambda _: together.wait(), range(3), workers=3)) == 3


@pytest.mark.parametrize("workers", [1, 4])
def test_a_failure_is_raised_and_ends_the_rest(workers: int) -> None:
    begun: list[int] = []

    def fail(n: int) -> int:
        begun.append(n)
        if n == 3:
            raise ValueError(str(n))
        time.sleep(0.001)
        return n

    with pytest.raises(ValueError, match="3"):
        run_each(fail, range(1000), workers=workers)
    assert len(begun) < 1000


def test_no_thread_outlives_the_work() -> None:
    before = threading.active_count()
    run_each(str, range(20), workers=4)

    assert threading.active_count() == before


def test_there_is_a_core_to_use() -> None:
    assert usable_cores() >= 1
