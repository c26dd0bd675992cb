"""What others do with the same passages and the same model: the programs that qa is compared with.

Each is the short script that its own documentation leads to. ``naive`` is sentence-transformers with a
``PersistentClient`` of chromadb, ``bm25s`` understands no question, txtai and LangChain run where the
interpreter that is named has them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

# FOLDER, MODEL and QUESTION (cold) or QUESTIONS (warm) come on the command line; a script defines answer(question).
_HEAD = "import json, os, sys, time\nfolder, model, mode, given = sys.argv[1:]\n"
_TAIL = """
if mode == "cold":
    print(answer(given))
else:
    times = []
    for question in json.load(open(given, encoding="utf-8")):
        started = time.perf_counter()
        answer(question)
        times.append(time.perf_counter() - started)
    print(json.dumps(times))
"""
_NAIVE = """
import chromadb
from chromadb.config import Settings
from sentence_transformers import SentenceTransformer
encoder = SentenceTransformer(model, device="cpu")
client = chromadb.PersistentClient(folder + "/chroma", settings=Settings(anonymized_telemetry=False))
collection = client.get_collection("passages", embedding_function=None)
def answer(question):
    vector = encoder.encode([question], normalize_embeddings=True, show_progress_bar=False)
    return "\\n".join(collection.query(query_embeddings=vector, n_results=5)["documents"][0])
"""
_BM25S = """
import bm25s, Stemmer
stemmer = Stemmer.Stemmer("english")
index = bm25s.BM25.load(folder + "/bm25s", load_corpus=True, mmap=True)
def answer(question):
    tokens = bm25s.tokenize(question, stopwords="en", stemmer=stemmer, show_progress=False)
    found, _ = index.retrieve(tokens, k=5, show_progress=False)
    return "\\n".join(str(f["text"]) for f in found[0])
"""
_TXTAI = """
from txtai import Embeddings
index = Embeddings()
index.load(folder + "/txtai")
def answer(question):
    return "\\n".join(found["text"] for found in index.search(question, 5))
"""
_LANGCHAIN = """
from langchain_chroma import Chroma
from langchain_huggingface import HuggingFaceEmbeddings
encoder = HuggingFaceEmbeddings(model_name=model, encode_kwargs={"normalize_embeddings": True})
store = Chroma(collection_name="passages", persist_directory=folder + "/chroma", embedding_function=encoder)
def answer(question):
    return "\\n".join(d.page_content for d in store.similarity_search(question, k=5))
"""
_SCRIPTS = {"naive": _NAIVE, "bm25s": _BM25S, "txtai": _TXTAI, "langchain": _LANGCHAIN}
_NEEDS = {"naive": "chromadb", "bm25s": "bm25s", "txtai": "txtai", "langchain": "langchain_chroma"}

_BUILD_BM25S = """
import json, sys, bm25s, Stemmer
texts = json.load(open(sys.argv[1], encoding="utf-8"))
index = bm25s.BM25(corpus=[{"text": text} for text in texts])
stemmer = Stemmer.Stemmer("english")
index.index(bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False), show_progress=False)
index.save(sys.argv[2] + "/bm25s", corpus=index.corpus)
"""
_BUILD_TXTAI = """
import json, sys
from txtai import Embeddings
texts = json.load(open(sys.argv[1], encoding="utf-8"))
index = Embeddings(path=sys.argv[3], content=True)
index.index((n, text, None) for n, text in enumerate(texts))
index.save(sys.argv[2] + "/txtai")
"""
# txtai embeds what it indexes; more than this would take minutes.
_MAX_TXTAI = 2000


@dataclass(frozen=True, slots=True)
class Baseline:
    """One of the others, ready to be asked: the command of a question, without the question."""

    name: str
    command: list[str]

    def cold(self, question: str) -> list[str]:
        """Return the command that answers one question."""
        return [*self.command, "cold", question]

    def warm(self, questions: Path) -> list[str]:
        """Return the command that answers a JSON list of questions and prints the seconds of each."""
        return [*self.command, "warm", str(questions)]


def _has(python: str, module: str) -> bool:
    probe = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", probe], check=False).returncode == 0


def build_store(folder: Path, texts: Sequence[str], vectors: npt.NDArray[np.float32]) -> None:
    """Write the Chroma store that ``naive`` and ``langchain`` read."""
    import chromadb
    from chromadb.config import Settings

    client = chromadb.PersistentClient(str(folder / "chroma"), settings=Settings(anonymized_telemetry=False))
    collection = client.create_collection(
        "passages", embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
    )
    for at in range(0, len(texts), 2000):
        part = slice(at, at + 2000)
        ids = [str(n) for n in range(len(texts))[part]]
        collection.add(ids=ids, embeddings=vectors[part], documents=list(texts[part]))
    client.close()


def prepare(
    folder: Path, texts: Sequence[str], vectors: npt.NDArray[np.float32], model: Path, *, peers: str = ""
) -> tuple[list[Baseline], list[str]]:
    """Index ``texts`` with each of the others in ``folder``; return them, and why some are missing.

    ``peers`` is the interpreter that has txtai and LangChain; this one by default.
    """
    folder.mkdir(parents=True, exist_ok=True)
    given = folder / "texts.json"
    given.write_text(json.dumps(list(texts)), encoding="utf-8")
    build_store(folder, texts, vectors)
    found: list[Baseline] = []
    skipped: list[str] = []
    for name, script in _SCRIPTS.items():
        python = sys.executable if name in ("naive", "bm25s") or not peers else peers
        if not _has(python, _NEEDS[name]):
            skipped.append(f"{name} is left out: {_NEEDS[name]} is not installed in {Path(python).name}")
            continue
        if name == "txtai" and len(texts) > _MAX_TXTAI:
            skipped.append(f"txtai is left out: it would have to embed {len(texts)} passages")
            continue
        builder = {"bm25s": _BUILD_BM25S, "txtai": _BUILD_TXTAI}.get(name)
        if builder:
            subprocess.run([python, "-c", builder, str(given), str(folder), str(model)], check=True)
        found.append(Baseline(name, [python, "-c", _HEAD + script + _TAIL, str(folder), str(model)]))
    return found, skipped
