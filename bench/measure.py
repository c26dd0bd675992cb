"""Runs commands as processes of their own and compares them: medians, interleaved, with peak memory."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.environment import environment


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of a command cost, or the median of several. CPU counts user and system, children too."""

    wall_s: float
    cpu_s: float
    peak_mb: float

    def over(self, other: Cost) -> dict[str, float]:
        """Return this cost as shares of another."""
        return {"wall": self.wall_s / other.wall_s, "cpu": self.cpu_s / other.cpu_s}


class PeakWatcher(threading.Thread):
    """Reads the peak memory of a process until it ends: mapped files that it touched are included.

    What wait4 tells is no use here: at its start a process is charged with the memory of the one that started it.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.status = Path(f"/proc/{pid}/status")
        self.peak_mb = 0.0

    def run(self) -> None:
        """Look every 10 ms; the peak only grows, so the last look tells it."""
        while True:
            try:
                found = re.search(r"^VmHWM:\s*(\d+) kB", self.status.read_text(encoding="ascii"), re.MULTILINE)
            except OSError:
                return
            if not found:
                return
            self.peak_mb = int(found.group(1)) / 1024
            time.sleep(0.01)


def run(argv: Sequence[str], *, env: Mapping[str, str] | None = None, out: Path | None = None) -> Cost:
    """Run a command to its end and return its cost. Raises CalledProcessError with what it printed."""
    started = time.perf_counter()
    target = out.open("wb") if out else subprocess.DEVNULL
    process = subprocess.Popen(argv, stdout=target, stderr=subprocess.PIPE, env=dict(env or os.environ))
    peak = PeakWatcher(process.pid)
    peak.start()
    said = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.stderr:
        process.stderr.close()
    if out:
        target.close()  # type: ignore[union-attr]
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, argv, stderr=said.decode("utf-8", "replace"))
    peak.join()
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, peak.peak_mb)


def interleaved(
    commands: Mapping[str, Sequence[str]], *, runs: int, env: Mapping[str, str] | None = None
) -> dict[str, list[Cost]]:
    """Run every command once to warm up, then all of them in turn, ``runs`` times over."""
    for argv in commands.values():
        run(argv, env=env)
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, argv in commands.items():
            costs[name].append(run(argv, env=env))
    return costs


def median(costs: Sequence[Cost]) -> Cost:
    """Return the median of each figure."""
    return Cost(
        statistics.median(c.wall_s for c in costs),
        statistics.median(c.cpu_s for c in costs),
        statistics.median(c.peak_mb for c in costs),
    )


def paired(costs: Sequence[Cost], base: Sequence[Cost]) -> dict[str, float]:
    """Return the medians of the ratios of runs that stood side by side: a slow minute cancels out."""
    shares = [one.over(other) for one, other in zip(costs, base, strict=True)]
    return {name: statistics.median(s[name] for s in shares) for name in ("wall", "cpu")}


def rows_of(costs: Mapping[str, Sequence[Cost]], base: str) -> list[dict[str, object]]:
    """Return a row of medians for each command, with its ratios to the command ``base``."""
    rows: list[dict[str, object]] = []
    for name, own in costs.items():
        m = median(own)
        row: dict[str, object] = {"what": name, "wall_s": m.wall_s, "cpu_s": m.cpu_s, "peak_mb": m.peak_mb}
        if base in costs:
            row |= {f"{key}_ratio": share for key, share in paired(own, costs[base]).items()}
        rows.append(row)
    return rows


def _told(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    return str(value)


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Return rows as a Markdown table; columns are the keys of all rows in the order of their first use."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [columns, ["---"] * len(columns), *([_told(row.get(c, "")) for c in columns] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def show(tables: Mapping[str, Sequence[Mapping[str, object]]], *, as_json: bool, notes: Sequence[str] = ()) -> None:
    """Print tables with the environment in front, or all of it as one JSON object."""
    if as_json:
        print(json.dumps({"environment": environment(), "notes": list(notes), "tables": tables}, indent=1))
        return
    print(json.dumps(environment()))
    for note in notes:
        print(f"note: {note}")
    for title, rows in tables.items():
        print(f"\n{title}\n\n{table(rows)}")
