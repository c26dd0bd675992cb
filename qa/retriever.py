"""Finds passages: dense and sparse, their scores added up, filters inside both searches."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
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

    from qa.approximate import CandidateSearch

# Chosen on xquad-en, squad2-dev, scifact and policyqa: the fusion beats either search alone on all (bench/README.md).
BM25_WEIGHT = 0.25
# Where all candidates are as near as each other their cosines tell nothing.
_MIN_SPREAD = 0.01
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


def fuse(
    cosines: Mapping[int, float], match: Mapping[int, float], *, spread: float, rarities: Iterable[float]
) -> dict[int, float]:
    """Add up cosine and BM25 score of rows, each in a unit of its own; higher is better, no bounds.

    ``cosines`` has every row, ``match`` those with a term of the question. The unit of the cosine is its
    ``spread`` over the candidates, which differs from model to model; that of BM25 the root of the sum of the
    ``rarities`` of the question's terms: it is a sum over terms, and a long question's scores lie as much further
    apart. Measured (bench/README.md): reciprocal rank, which knows no scores, loses to the better of the two searches
    where the other is poor.
    Source: Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", TOIS 2023.
    """
    terms = math.sqrt(sum(rarities)) or 1.0
    return {row: round(c / spread + BM25_WEIGHT * match.get(row, 0.0) / terms, 6) for row, c in cosines.items()}


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

    def release(self) -> None:
        """Let go of the encoder's network, 43 MB for the default model, where no other question follows."""
        if isinstance(self.encoder, QueryEncoder):
            self.encoder.release()

    def analyse(self, text: str) -> Question:
        """Make a question ready. Raises QuestionError when it cannot be searched for."""
        return analyse(text, self.generation.passages, ModelWords(self.encoder.tokenizer))

    def search(self, text: str, *, k: int = 10, filters: Filters | None = None) -> Retrieval:
        """Return the ``k`` best passages for a question or query, best first; ties break by chunk id.

        Raises QuestionError when the text cannot be searched for or the filters leave no passage.
        """
        question = self.analyse(text)
        vector = self.encoder.encode_queries([question.query])[0]
        return self.find(question, vector, k=k, filters=filters)

    def prepare(self, texts: Sequence[str]) -> list[tuple[Question, Vectors] | QuestionError]:
        """Return each question made ready, with its vector (d,), or why it cannot be searched for.

        They are encoded together, which is faster than one by one and changes the seventh digit of a vector.
        """
        analysed = [self._analysed(text) for text in texts]
        ready = [q for q in analysed if isinstance(q, Question)]
        vectors = iter(self.encoder.encode_queries([q.query for q in ready]))
        return [(q, next(vectors)) if isinstance(q, Question) else q for q in analysed]

    def _analysed(self, text: str) -> Question | QuestionError:
        try:
            return self.analyse(text)
        except QuestionError as error:
            return error

    def find(self, question: Question, vector: Vectors, *, k: int = 10, filters: Filters | None = None) -> Retrieval:
        """Return the ``k`` best passages for a question that was made ready. Raises as ``search`` does."""
        passages = self.generation.passages
        allowed = passages.rows_matching(filters or Filters())
        if allowed == []:
            raise QuestionError(f"no passage matches {_told(filters)}", fix="run: qa sources (it lists what there is)")
        stems, depth = [*question.stems, *question.expanded], max(DEPTH, k)
        if question.phrases:
            # What stands in quotation marks is required of both searches.
            quoted = sparse.search(passages, (), passages.count, phrases=question.phrases, allowed=allowed)
            allowed = sorted(row for row, _ in quoted)
        match = sparse.search(passages, stems, depth, allowed=allowed)
        rows = None if allowed is None else np.asarray(allowed, dtype=np.int64)
        near = self._nearest(vector, depth, rows)
        return Retrieval(question, tuple(self._hits(question, near, match, vector, depth=depth, k=k)), vector)

    @cached_property
    def _candidates(self) -> CandidateSearch:
        from qa.approximate import ServerSearch, StoreSearch

        kind = ServerSearch if self.generation.dense_engine == "server" else StoreSearch
        return kind(self.generation)

    def _nearest(self, vector: Vectors, depth: int, rows: dense.Rows | None) -> list[tuple[int, float]]:
        if self.generation.dense_engine == "exact":
            return dense.search(self.generation.vectors, vector, depth, rows)
        return self._candidates.search(vector, depth, rows)

    def _hits(
        self,
        question: Question,
        near: Sequence[tuple[int, float]],
        match: Sequence[tuple[int, float]],
        vector: Vectors,
        *,
        depth: int,
        k: int,
    ) -> list[Hit]:
        ids = self.generation.passages.chunk_ids(row for row, _ in [*near, *match])
        near, match = (sorted(found, key=lambda hit: (-hit[1], ids[hit[0]]))[:depth] for found in (near, match))
        vectors = self.generation.vectors
        sparse_score = dict(match)
        cosines = dict(near)
        others = sorted(sparse_score.keys() - cosines.keys())
        cosines |= zip(others, dense.cosines(vectors[others], vector).tolist(), strict=True)
        # Of the best of both, however many more are wanted.
        best = [cosines[row] for found in (near, match) for row, _ in found[:DEPTH]]
        spread = max(max(best) - min(best), _MIN_SPREAD) if best else _MIN_SPREAD
        rarities = sparse.rarity(question.stems, self.generation.passages).values()
        fused = fuse(cosines, sparse_score, spread=spread, rarities=rarities)
        order = sorted(fused, key=lambda row: (-fused[row], ids[row]))[:k]
        passages = self.generation.passages.get(order)
        dense_rank = {row: rank for rank, (row, _) in enumerate(near, 1)}
        sparse_rank = {row: rank for rank, (row, _) in enumerate(match, 1)}
        return [
            Hit(
                passage=passages[row],
                rank=rank,
                fused=fused[row],
                dense=cosines[row],
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
