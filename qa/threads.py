"""Runs one function over many things on all cores: for work that lets go of the interpreter, as ONNX Runtime does."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_each(function: Callable[[Item], Result], items: Sequence[Item], *, workers: int) -> list[Result]:
    """Return ``function`` of each item, in their order, computed by up to ``workers`` threads.

    Raises what the first item to fail raised; items that nobody began by then are left. The executors of the
    standard library do this too, for 6 ms of importing that every question would pay.
    """
    results: dict[int, Result] = {}
    failures: list[tuple[int, BaseException]] = []
    todo = iter(range(len(items)))
    next_one = threading.Lock()

    def work() -> None:
        while not failures:
            with next_one:
                at = next(todo, None)
            if at is None:
                return
            try:
                results[at] = function(items[at])
            except BaseException as error:  # noqa: BLE001 - it is raised again, in the thread that asked
                failures.append((at, error))

    # The caller works too: with one worker, or one item, no thread is started.
    helpers = [threading.Thread(target=work, daemon=True) for _ in range(min(workers, len(items)) - 1)]
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()
    if failures:
        raise min(failures, key=lambda f: f[0])[1]
    return [results[at] for at in range(len(items))]
