"""How fast ``qa index`` embeds: ``python -m bench.index``.

In one process each, interleaved: the whole of ``build_index`` (read, chunk, embed, write, verify) against a bare
loop of sentence-transformers over the same texts, longest first. Loading the model and the export of the encoder
are in neither. A second index of the same text must embed nothing.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.made import make_shipped, texts_of, write_documents
from bench.measure import show
from qa.models import packaged_model

_BARE = """
import json, resource, sys, time
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(sys.argv[1], device="cpu", local_files_only=True)
texts = json.load(open(sys.argv[2], encoding="utf-8"))
model.encode(["warm up"])
def used():
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime
started, before = time.perf_counter(), used()
model.encode(sorted(texts, key=len, reverse=True), batch_size=16, show_progress_bar=False)
result = {"wall_s": time.perf_counter() - started, "cpu_s": used() - before, "embedded": len(texts)}
print(json.dumps(result | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""
_QA = """
import json, resource, shutil, sys, time
from pathlib import Path
from qa.config import Settings
from qa.embedder import Embedder
from qa.indexer import build_index
from qa.models import find_model
from qa.store import chroma_version
import chromadb, onnxruntime
documents, encoder, index = map(Path, sys.argv[1:])
shutil.copytree(encoder, index / "encoder")
# Loaded before the clock runs, as in the bare loop.
warm = Embedder(find_model("all-MiniLM-L6-v2"))
warm.encode_passages(["warm up"])
Embedder._transformer = warm._transformer
def used():
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in both)
started, before = time.perf_counter(), used()
report = build_index(index, Settings(), paths=[documents], rebuild=True)
result = {"wall_s": time.perf_counter() - started, "cpu_s": used() - before, "embedded": report.embedded}
shutil.rmtree(index / "encoder")
print(json.dumps(result | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def _run(code: str, *argv: str) -> dict[str, float]:
    done = subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def _medians(runs: list[dict[str, float]], tokens: int) -> dict[str, float]:
    row = {name: statistics.median(r[name] for r in runs) for name in runs[0]}
    return row | {"tokens_per_s": tokens / row["wall_s"], "tokens_per_cpu_s": tokens / row["cpu_s"]}


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--chunks", type=int, default=600)
    parser.add_argument("--documents", type=Path, help="a folder of one's own instead of made-up documents")
    parser.add_argument("--quick", action="store_true", help="one run of 100 chunks")
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shipped = make_shipped(folder / "shipped")
        documents = a.documents or folder / "documents"
        if a.documents is None:
            write_documents(documents, 100 if a.quick else a.chunks)
        runs: dict[str, list[dict[str, float]]] = {"qa index": [], "bare loop": [], "qa index again": []}
        texts, tokens = [""], 0
        for number in range(1 if a.quick else a.runs):
            index = folder / f"index-{number}"
            how = (str(documents), str(shipped / "encoder"), str(index))
            runs["qa index"].append(_run(_QA, *how))
            runs["qa index again"].append(_run(_QA, *how))
            if number == 0:
                texts, tokens = _count(index)
                (folder / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
            runs["bare loop"].append(_run(_BARE, str(packaged_model()), str(folder / "texts.json")))
    rows: list[dict[str, object]] = []
    base = _medians(runs["bare loop"], tokens)
    for name, own in runs.items():
        m = _medians(own, tokens)
        pairs = list(zip(own, runs["bare loop"], strict=True))
        shares = {
            f"share_{unit[:-2]}": statistics.median(bare[unit] / one[unit] for one, bare in pairs)
            for unit in ("wall_s", "cpu_s")
        }
        rows.append({"what": name, **m, **(shares if name == "qa index" else {})})
    show({f"{len(texts)} chunks, {tokens} tokens, bare loop {base['tokens_per_s']:.0f} tokens/s": rows}, as_json=a.json)


def _count(index: Path) -> tuple[list[str], int]:
    from qa.config import DEFAULT_MODEL
    from qa.embedder import Embedder
    from qa.models import find_model

    texts, _ = texts_of(index)
    return texts, sum(Embedder(find_model(DEFAULT_MODEL)).count(texts)) + 2 * len(texts)


if __name__ == "__main__":
    main()
