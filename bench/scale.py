"""How qa grows: ``python -m bench.scale``.

Indexes of 1,000, 10,000 and 100,000 made-up chunks (``--chunks``), written by ``qa index`` itself with random unit
vectors in the place of embeddings. Of each: a question from cold and warm with either engine, peak memory, the
time to open, disk, and what adding one file costs. ``--chroma`` adds the Chroma engine. ``--scratch`` keeps the
indexes for another run: 1,000,000 chunks take over an hour to make.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

from bench.made import make_index, make_shipped, write_documents
from bench.measure import Cost, interleaved, median, paired, run, show

QUESTION = "Which county signed the agreement with the sheriff?"
_WARM = """
import json, statistics, sys, time
from pathlib import Path
from qa.generation import Generation
from qa.retriever import Retriever
index, engine = sys.argv[1:]
started = time.perf_counter()
generation = Generation(Path(index), engine=engine)
generation.vectors, generation.passages
opened = time.perf_counter() - started
retriever = Retriever(generation)
times = []
for number in range(21):
    started = time.perf_counter()
    retriever.search(f"which county agreement did sheriff number {number} sign")
    times.append(time.perf_counter() - started)
generation.close()
print(json.dumps({"open_ms": 1000 * opened, "warm_search_ms": 1000 * statistics.median(times[1:])}))
"""


def _size_mb(folder: Path) -> float:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 1e6


def _warm(index: Path, engine: str) -> dict[str, float]:
    done = subprocess.run([sys.executable, "-c", _WARM, str(index), engine], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _row(name: str, cold: list[Cost], base: list[Cost]) -> dict[str, object]:
    m = median(cold)
    ratio = paired(cold, base)
    return {
        "what": name,
        "cold_wall_s": m.wall_s,
        "cold_cpu_s": m.cpu_s,
        "peak_mb": m.peak_mb,
        "wall_ratio": ratio["wall"],
        "cpu_ratio": ratio["cpu"],
    }


def _add_one(folder: Path, index: Path) -> Cost:
    documents = folder / "documents"
    write_documents(documents, 1, first=1 + max(int(p.stem) for p in documents.glob("*.md")))
    return run([sys.executable, "-m", "qa", "index", "--index", str(index), "-q"])


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--chroma", action="store_true", help="the Chroma engine too")
    parser.add_argument("--quick", action="store_true", help="two runs, 1,000 and 10,000 chunks")
    parser.add_argument("--only-questions", action="store_true", help="do not add a file")
    parser.add_argument("--scratch", help="make the indexes in this folder and keep them; those there are used again")
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    sizes, runs = ([1_000, 10_000], 2) if a.quick else (a.chunks, a.runs)
    engines = ["exact", "chroma"] if a.chroma else ["exact"]
    rows: list[dict[str, object]] = []
    with nullcontext(a.scratch) if a.scratch else tempfile.TemporaryDirectory() as scratch:
        shipped = make_shipped(Path(scratch) / "shipped")
        places = {size: make_index(Path(scratch) / str(size), size, shipped) for size in sizes}
        ask = [sys.executable, "-m", "qa", "ask", QUESTION, "--index"]
        commands = {f"{size} {engine}": [*ask, str(index)] for size, index in places.items() for engine in engines}
        costs: dict[str, list[Cost]] = {}
        for engine in engines:
            own = {name: argv for name, argv in commands.items() if name.endswith(engine)}
            costs |= interleaved(own, runs=runs, env=os.environ | {"QA_ENGINE": engine})
        base = costs[f"{sorted(sizes)[min(1, len(sizes) - 1)]} exact"]
        for size, index in places.items():
            disk = _size_mb(index / (index / "CURRENT").read_text(encoding="utf-8").strip())
            for engine in engines:
                name = f"{size} {engine}"
                row = _row(name, costs[name], base) | _warm(index, engine) | {"disk_mb": disk}
                if engine == "exact" and not a.only_questions:
                    added = _add_one(Path(scratch) / str(size), index)
                    row |= {f"add_one_file_{k}": v for k, v in asdict(added).items()}
                rows.append(row)
    show({f"ratios are to {sorted(sizes)[min(1, len(sizes) - 1)]} chunks": rows}, as_json=a.json)


if __name__ == "__main__":
    main()
