"""Makes indexes of any size by ``qa index`` itself, with random unit vectors in the place of the model's."""

from __future__ import annotations

import hashlib
import random
import re
import shutil
from pathlib import Path

import numpy as np

from qa.config import Settings, shipped_corpus
from qa.encoder import QueryEncoder, Vectors, unit
from qa.generation import Generation
from qa.indexer import build_index

PARAGRAPHS = 10
_SENTENCES, _WORDS = 6, 18


def make_shipped(folder: Path) -> Path:
    """Index the corpus that ships with qa into ``folder``; return it."""
    build_index(folder, Settings(), paths=[shipped_corpus()])
    return folder


def vocabulary() -> list[str]:
    """Return the words of the shipped corpus, sorted."""
    text = " ".join(p.read_text(encoding="utf-8") for p in sorted(shipped_corpus().glob("*.md")))
    return sorted(set(re.findall(r"[a-z]{3,12}", text)))


def write_documents(folder: Path, chunks: int, *, first: int = 0) -> None:
    """Write made-up documents of some ten chunks each: words of the corpus, and names that are nobody's."""
    folder.mkdir(parents=True, exist_ok=True)
    words_of_corpus = vocabulary()
    for number in range(first, first + -(-chunks // PARAGRAPHS)):
        rng = random.Random(number)
        names = ["".join(rng.choices("bdfgklmnprstvz", k=1) + rng.choices("aeiou", k=1)) * 2 for _ in range(3)]
        paragraphs = []
        for part in range(min(PARAGRAPHS, chunks - (number - first) * PARAGRAPHS)):
            sentences = []
            for _ in range(_SENTENCES):
                words = [
                    *rng.choices(words_of_corpus, k=_WORDS),
                    rng.choice(names).capitalize(),
                    str(rng.randrange(10**5)),
                ]
                sentences.append(" ".join(words).capitalize() + ".")
            paragraphs.append(f"## Part {part + 1}\n\n{' '.join(sentences)}")
        text = f"# Document {number}\n\n" + "\n\n".join(paragraphs) + "\n"
        (folder / f"{number:06d}.md").write_text(text, encoding="utf-8")


def random_vectors(texts: list[str]) -> Vectors:
    """Return unit vectors (n, 384) that depend on nothing but the texts."""
    seeds = [int.from_bytes(hashlib.sha256(t.encode()).digest()[:8], "little") for t in texts]
    return unit(np.stack([np.random.default_rng(seed).standard_normal(384, dtype=np.float32) for seed in seeds]))


def make_index(folder: Path, chunks: int, shipped: Path) -> Path:
    """Make an index of about ``chunks`` made-up chunks in ``folder`` by the product's own code; return it.

    The encoder is that of the ``shipped`` index, so that questions are encoded as ever. One made before is used again.
    """
    index = folder / "index"
    if (index / "CURRENT").exists():
        return index
    write_documents(folder / "documents", chunks)
    shutil.copytree(shipped / "encoder", index / "encoder", dirs_exist_ok=True)
    real = QueryEncoder.encode_passages

    def stand_in(self: QueryEncoder, texts: list[str]) -> Vectors:  # noqa: ARG001 - the method's own signature
        return random_vectors(texts) if texts else np.zeros((0, 384), dtype=np.float32)

    QueryEncoder.encode_passages = stand_in  # type: ignore[method-assign]
    try:
        build_index(index, Settings(), paths=[folder / "documents"])
    finally:
        QueryEncoder.encode_passages = real  # type: ignore[method-assign]
    return index


def texts_of(index: Path) -> tuple[list[str], Vectors]:
    """Return what is embedded of every chunk of an index, and the vectors (n, d)."""
    with Generation(index) as generation:
        texts = [text for _, text in generation.passages.embedded_texts()]
        return texts, np.array(generation.vectors)
