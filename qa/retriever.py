"""Finds passages: dense and sparse, fused by reciprocal rank, filters inside both searches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from qa import dense, sparse
from qa.encoder import QueryEncoder, Vectors, encoder_folder
from qa.errors import ModelError, QuestionError
from qa.generation import Generation
from qa.question import Question, analyse
from qa.schema import Filters, Hit

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Cormack, Clarke and Buettcher, SIGIR 2009.
RRF_K = 60
# How deep each search goes before fusion, at least.
DEPTH = 100


class Encoder(Protocol):
    """Embeds texts with the model of the index."""

    @property
    def tokenizer(self) -> Tokenizer | None:
        """The model's tokenizer, None where it has none that can be asked."""

    def encode_queries(self, texts: list[str]) -> Vectors:
        """Return the unit vectors (n, d) of questions."""

    def encode_passages(self, texts: list[str]) -> Vectors:
        """Return the unit vectors (n, d) of passages."""


def fuse(rankings: Sequence[Sequence[int]], *, k: int = RRF_K) -> dict[int, float]:
    """Merge rankings of rows by reciprocal rank; higher is better, at most len(rankings) / (k + 1).

    Source: Cormack, Clarke and Buettcher, SIGIR 2009, with their k = 60.
    """
    fused: dict[int, float] = {}
    for ranking in rankings:
        for rank, row in enumerate(ranking, 1):
            fused[row] = fused.get(row, 0.0) + 1.0 / (k + rank)
    return fused


class ModelWords:
    """The words that a model's own vocabulary has whole, in any case: they are rare here, not misspelt.

    Each is looked up when it is asked for: a list of them all costs 25 ms a start and more.
    """

    def __init__(self, tokenizer: Tokenizer | None) -> None:
        self._tokenizer = tokenizer

    def __contains__(self, word: object) -> bool:
        if self._tokenizer is None or not isinstance(word, str):
            return False
        # SentencePiece and byte-level BPE mark the beginning of a word.
        forms = [mark + form for mark in ("", "▁", "Ġ") for form in (word, word.capitalize(), word.upper())]
        return any(self._tokenizer.token_to_id(form) is not None for form in forms)


@dataclass(frozen=True, slots=True)
class Retrieval:
    """The outcome of one search: hits best first, and the vector (d,) of the question."""

    question: Question
    hits: tuple[Hit, ...]
    vector: Vectors


class Retriever:
    """Searches one generation; models are loaded at the first question."""

    def __init__(self, generation: Generation) -> None:
        self.generation = generation

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder of questions: ONNX, or sentence-transformers where the model has no export."""
        manifest = self.generation.manifest
        if manifest.engine == "onnx":
            return QueryEncoder(encoder_folder(self.generation.index, manifest.model_checksum))
        from qa.embedder import Embedder
        from qa.models import find_model

        model = find_model(manifest.model)
        if model.checksum != manifest.model_checksum:
            raise ModelError(
                f"the model {manifest.model} is not the one that the index was made with", fix="run: qa index"
            )
        return Embedder(model)

    def analyse(self, text: str) -> Question:
        """Make a question ready. Raises QuestionError when it cannot be searched for."""
        return analyse(text, self.generation.passages, ModelWords(self.encoder.tokenizer))

    def search(self, text: str, *, k: int = 10, filters: Filters | None = None) -> Retrieval:
        """Return the ``k`` best passages for a question or query, best first; ties break by chunk id.

        Raises QuestionError when the text cannot be searched for or the filters leave no passage.
        """
        question = self.analyse(text)
        passages = self.generation.passages
        allowed = passages.rows_matching(filters or Filters())
        if allowed == []:
            raise QuestionError(f"no passage matches {_told(filters)}", fix="run: qa sources (it lists what there is)")
        vector = self.encoder.encode_queries([question.query])[0]
        stems, depth = [*question.stems, *question.expanded], max(DEPTH, k)
        if question.phrases:
            # What stands in quotation marks is required of both searches.
            quoted = sparse.search(passages, (), passages.count, phrases=question.phrases, allowed=allowed)
            allowed = sorted(row for row, _ in quoted)
        match = sparse.search(passages, stems, depth, allowed=allowed)
        rows = None if allowed is None else np.asarray(allowed, dtype=np.int64)
        near = dense.search(self.generation.vectors, vector, depth, rows)
        return Retrieval(question, tuple(self._hits(near, match, vector, depth=depth, k=k)), vector)

    def _hits(
        self,
        near: Sequence[tuple[int, float]],
        match: Sequence[tuple[int, float]],
        vector: Vectors,
        *,
        depth: int,
        k: int,
    ) -> list[Hit]:
        ids = self.generation.passages.chunk_ids(row for row, _ in [*near, *match])
        near, match = (sorted(found, key=lambda hit: (-hit[1], ids[hit[0]]))[:depth] for found in (near, match))
        fused = fuse([[row for row, _ in near], [row for row, _ in match]])
        order = sorted(fused, key=lambda row: (-fused[row], ids[row]))[:k]
        passages = self.generation.passages.get(order)
        dense_score, sparse_score = dict(near), dict(match)
        dense_rank = {row: rank for rank, (row, _) in enumerate(near, 1)}
        sparse_rank = {row: rank for rank, (row, _) in enumerate(match, 1)}
        vectors = self.generation.vectors
        return [
            Hit(
                passage=passages[row],
                rank=rank,
                fused=round(fused[row], 6),
                dense=dense_score[row] if row in dense_score else float(dense.cosines(vectors[[row]], vector)[0]),
                dense_rank=dense_rank.get(row, 0),
                sparse=sparse_score.get(row, 0.0),
                sparse_rank=sparse_rank.get(row, 0),
            )
            for rank, row in enumerate(order, 1)
        ]


def _told(filters: Filters | None) -> str:
    parts = [("topic", filters.topics), ("kind", filters.kinds), ("source", filters.sources)] if filters else []
    bounds = [("since", filters.since), ("until", filters.until)] if filters else []
    told = [f"--{name} {value}" for name, values in parts for value in values]
    return ", ".join([*told, *(f"{name} {value}" for name, value in bounds if value)])
