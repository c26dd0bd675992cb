"""Measures what renewing an index costs: ``python -m bench.renew``.

10,000 files are indexed with random unit vectors put into the cache beforehand, so that nothing is
embedded and only the work around embedding is measured. In the same run, in fresh processes: a full
rebuild, an unchanged folder, one small file more, one file changed, one file renamed; and one small file
more whose vector nobody has, which the model is loaded for.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from bench.environment import environment
from qa.cache import VectorCache, text_hash
from qa.chunker import chunk
from qa.config import DEFAULT_MODEL
from qa.embedder import Embedder
from qa.loader import parse
from qa.models import find_model

_WORDS = "harbour keeper lighthouse winter letter county record paint sheriff ledger noon agreement village".split()
_HEAVY = ("torch", "chromadb", "onnxruntime", "sentence_transformers", "transformers")
_PROGRAM = f"""
import json, resource, sys, time
started = time.perf_counter()
from qa.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
heavy = [name for name in {_HEAVY!r} if name in sys.modules]
cpu = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
# Not ru_maxrss: a process begins with that of the one that started it.
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024
result = {{"cpu_s": cpu, "wall_s": time.perf_counter() - started, "heavy": heavy, "peak_mb": peak}}
sys.stderr.write("\\nMEASURED " + json.dumps(result))
"""


def text_of(number: int) -> str:
    """Return the text of one document: some fifty words, another text for each number."""
    rng = random.Random(number)
    words = [rng.choice(_WORDS) for _ in range(50)]
    return f"Document {number} says: {' '.join(words)}.\n"


def seed_cache(index: Path, texts: list[str]) -> None:
    """Put a random unit vector for each chunk of ``texts`` into the cache of ``index``."""
    embedder = Embedder(find_model(DEFAULT_MODEL))
    cache = VectorCache(index / "cache.db", embedder.model.checksum)
    rng = np.random.default_rng(1)
    for at in range(0, len(texts), 2000):
        chunks = [c for t in texts[at : at + 2000] for c in chunk(parse(t.encode(), "text"), embedder)]
        vectors = rng.normal(size=(len(chunks), 384)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        cache.put([text_hash(c.embedded) for c in chunks], vectors)
    cache.close()


def measured(*argv: str) -> dict[str, float | list[str]]:
    """Run qa in a fresh process; return its CPU and wall seconds (children included) and what it imported."""
    done = subprocess.run([sys.executable, "-c", _PROGRAM, *argv], capture_output=True, text=True, check=True)
    result: dict[str, float | list[str]] = json.loads(done.stderr.rsplit("MEASURED ", 1)[1])
    return result


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    rows: dict[str, dict[str, float | list[str]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        documents, index = Path(scratch) / "documents", Path(scratch) / "index"
        documents.mkdir()
        index.mkdir()
        texts = [text_of(n) for n in range(a.files + 3)]
        unseen = texts.pop()
        for number, text in enumerate(texts[: a.files]):
            (documents / f"{number:06d}.txt").write_text(text, encoding="utf-8")
        seed_cache(index, texts)
        where = ("--index", str(index), "-q")
        # The first run also exports the encoder; the rebuild after it is the baseline.
        measured("index", str(documents), *where)
        rows["full rebuild"] = measured("index", "--rebuild", *where)
        rows["nothing changed"] = measured("index", *where)
        (documents / "new.txt").write_text(texts[-2], encoding="utf-8")
        rows["one file added"] = measured("index", *where)
        (documents / "000007.txt").write_text(texts[-1], encoding="utf-8")
        rows["one file changed"] = measured("index", *where)
        (documents / "000009.txt").rename(documents / "moved.txt")
        rows["one file renamed"] = measured("index", *where)
        (documents / "unseen.txt").write_text(unseen, encoding="utf-8")
        rows["one added, embedded"] = measured("index", *where)
        size = sum(p.stat().st_size for p in index.rglob("*") if p.is_file() and "encoder" not in p.parts)
    if a.json:
        print(json.dumps({"environment": environment(), "files": a.files, "rows": rows, "size": size}))
        return
    print(json.dumps(environment()))
    print(f"{a.files} files of one chunk each, index {size / 1e6:.0f} MB (cache included)")
    base = rows["full rebuild"]["cpu_s"]
    print(f"{'':20} {'CPU s':>7} {'of a rebuild':>13} {'wall s':>7} {'peak MB':>8}  heavy imports")
    for name, row in rows.items():
        share = f"{100 * float(row['cpu_s']) / float(base):.0f} %"  # type: ignore[arg-type]
        heavy = ", ".join(row["heavy"]) or "none"  # type: ignore[arg-type]
        print(f"{name:20} {row['cpu_s']:7.2f} {share:>13} {row['wall_s']:7.2f} {row['peak_mb']:8.0f}  {heavy}")


if __name__ == "__main__":
    main()
