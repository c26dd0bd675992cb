"""How fast ``qa index`` embeds: ``python -m bench.index``.

In one process each, interleaved: the whole of ``build_index`` (read, chunk, embed, write, verify) against two bare
loops over the same texts, longest first, in batches of 16: one of sentence-transformers, one of the ONNX encoder that
qa uses. Loading the model and the export of the encoder are in none. A second index of the same text must embed
nothing.
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

_USED = """
import json, resource, sys, time
def used():
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in both)
def told(started, before, embedded):
    result = {"wall_s": time.perf_counter() - started, "cpu_s": used() - before, "embedded": embedded}
    print(json.dumps(result))
"""
_BARE = """
texts = sorted(json.load(open(sys.argv[2], encoding="utf-8")), key=len, reverse=True)
encode(["warm up"])
started, before = time.perf_counter(), used()
for at in range(0, len(texts), 16):
    encode(texts[at:at + 16])
told(started, before, len(texts))
"""
_TRANSFORMER = f"""{_USED}
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(sys.argv[1], device="cpu", local_files_only=True)
def encode(texts):
    return model.encode(texts, batch_size=16, show_progress_bar=False)
{_BARE}"""
_ONNX = f"""{_USED}
import numpy as np, onnxruntime
from tokenizers import Tokenizer
tokenizer = Tokenizer.from_file(sys.argv[1] + "/tokenizer.json")
tokenizer.enable_truncation(256)
tokenizer.enable_padding()
session = onnxruntime.InferenceSession(sys.argv[3], providers=["CPUExecutionProvider"])
names = {{"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}}
inputs = [(i.name, names[i.name]) for i in session.get_inputs()]
def encode(texts):
    rows = tokenizer.encode_batch(texts)
    return session.run(None, {{name: np.array([getattr(r, what) for r in rows]) for name, what in inputs}})
{_BARE}"""
_QA = f"""{_USED}
import shutil
from pathlib import Path
from qa.config import Settings
from qa.indexer import build_index
documents, encoder, index = map(Path, sys.argv[1:])
shutil.copytree(encoder, index / "encoder")
started, before = time.perf_counter(), used()
report = build_index(index, Settings(), paths=[documents], rebuild=True)
told(started, before, report.embedded)
shutil.rmtree(index / "encoder")
"""


_LOOPS = {"bare loop, sentence-transformers": _TRANSFORMER, "bare loop, ONNX": _ONNX}


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
        weights = next((shipped / "encoder").rglob("*.onnx"))
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in ("qa index", "qa index again", *_LOOPS)}
        texts, tokens = [""], 0
        for number in range(1 if a.quick else a.runs):
            index = folder / f"index-{number}"
            how = (str(documents), str(shipped / "encoder"), str(index))
            runs["qa index"].append(_run(_QA, *how))
            runs["qa index again"].append(_run(_QA, *how))
            if number == 0:
                texts, tokens = _count(index)
                (folder / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
            for name, code in _LOOPS.items():
                runs[name].append(_run(code, str(packaged_model()), str(folder / "texts.json"), str(weights)))
    rows: list[dict[str, object]] = []
    for name, own in runs.items():
        # Tokens a second of qa index as a share of what this loop reached in the same round.
        share = statistics.median(b["wall_s"] / q["wall_s"] for b, q in zip(own, runs["qa index"], strict=True))
        rows.append({"what": name, **_medians(own, tokens), **({"share_of_it": share} if name in _LOOPS else {})})
    show({f"{len(texts)} chunks, {tokens} tokens": rows}, as_json=a.json)


def _count(index: Path) -> tuple[list[str], int]:
    from qa.config import DEFAULT_MODEL
    from qa.embedder import Embedder
    from qa.models import find_model

    texts, _ = texts_of(index)
    return texts, sum(Embedder(find_model(DEFAULT_MODEL)).count(texts)) + 2 * len(texts)


if __name__ == "__main__":
    main()
