"""Dense search, through the ONNX encoder and the index, finds what sentence-transformers and exact cosine find."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qa import dense
from qa.config import DEFAULT_MODEL
from qa.generation import Generation
from qa.gold import read_questions
from qa.models import find_model
from qa.retriever import Retriever

GOLDEN = Path(__file__).parent / "golden"
DEPTH = 10


@pytest.mark.model
def test_every_development_question_finds_the_same_passages_in_the_same_order(shipped_index: Path) -> None:
    from sentence_transformers import SentenceTransformer

    asked = [
        q.question
        for name in ("questions.jsonl", "development.jsonl", "calibration.jsonl")
        for q in read_questions(GOLDEN / name)
        if q.split == "dev"
    ]
    reference = SentenceTransformer(str(find_model(DEFAULT_MODEL).path), device="cpu")
    with Generation(shipped_index) as generation:
        retriever = Retriever(generation)
        queries = [retriever.analyse(text).query for text in asked]
        texts = [text for _, text in generation.passages.embedded_texts()]
        expected = reference.encode(queries, normalize_embeddings=True).astype(np.float64) @ reference.encode(
            texts, normalize_embeddings=True
        ).T.astype(np.float64)
        for query, cosines in zip(queries, expected, strict=True):
            vector = retriever.encoder.encode_queries([query])[0]
            found = dense.search(generation.vectors, vector, DEPTH)[:DEPTH]
            # Passages of equal text tie; the stable sort puts them in the order of their rows, as dense search does.
            best = np.argsort(-np.round(cosines, 6), kind="stable")[:DEPTH]
            assert [row for row, _ in found] == best.tolist(), query
            np.testing.assert_allclose([score for _, score in found], cosines[best], atol=1e-5)
    assert len(asked) > 300
