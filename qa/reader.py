"""The reader: a small cross-encoder that marks, in a passage, the words that answer a question.

It ships with qa as ONNX (``qa/reader_model``; ``training/`` is how it was made). Its word embeddings
are those of the packaged all-MiniLM-L6-v2 and are looked up there, so that they are stored once.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from qa.encoder import Vectors, load_tokenizer, open_session
from qa.errors import ModelError
from qa.models import packaged_model
from qa.schema import Range
from qa.threads import run_each, usable_cores

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Encoding, Tokenizer

SHIPPED = Path(__file__).with_name("reader_model")
MODEL_FILE = "reader.onnx"
WEIGHTS_FILE = "weights.bin"
CARD_FILE = "reader.json"
_TABLE = "embeddings.word_embeddings.weight"
_MAX_QUESTION = 64
# The name of reading nothing, among those of readers.
NO_READER = "none"
_MAX_SPAN_TOKENS = 30
_CLS, _SEP = 101, 102

Words = dict[int, Vectors]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reader makes of one passage. Scores are logits; those of one reading are comparable.

    ``start`` and ``end`` (n,) are for the n tokens of the passage, ``offsets`` (n, 2) their characters;
    ``null`` is the score of "no answer here", ``answer`` that of "this passage answers".
    """

    start: Vectors
    end: Vectors
    offsets: npt.NDArray[np.int64]
    null: float
    answer: float

    def best(self, lo: int, hi: int) -> tuple[float, Range | None]:
        """Return the best span inside the characters [lo, hi), with its score over that of no answer."""
        inside = np.flatnonzero((self.offsets[:, 0] >= lo) & (self.offsets[:, 1] <= hi))
        if len(inside) == 0:
            return -20.0, None
        first, last = int(inside[0]), int(inside[-1]) + 1
        grid = self.start[first:last, None] + self.end[None, first:last]
        rows = np.arange(last - first)
        distance = rows[None, :] - rows[:, None]
        grid = np.where((distance >= 0) & (distance < _MAX_SPAN_TOKENS), grid, -1e9)
        a, b = divmod(int(grid.argmax()), last - first)
        span = Range(int(self.offsets[first + a, 0]), int(self.offsets[first + b, 1]))
        return float(grid[a, b]) - self.null, span


class Reader:
    """Reads passages with the shipped model."""

    def __init__(self, folder: Path = SHIPPED, *, workers: int = 0) -> None:
        """``workers`` is how many passages are read at once: 0 for as many as there are cores."""
        self.folder = folder
        self.workers = workers or usable_cores()

    @cached_property
    def _card(self) -> dict[str, Any]:
        try:
            card: dict[str, Any] = json.loads((self.folder / CARD_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(
                f"the reader in {self.folder} cannot be read: {error}", fix="pip install --force-reinstall qa"
            ) from error
        return card

    @cached_property
    def _session(self) -> InferenceSession:
        return open_session(self.folder / MODEL_FILE)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return load_tokenizer(packaged_model() / "tokenizer.json", limit=int(self._card["max_length"]) - 2)

    @cached_property
    def _table(self) -> tuple[Path, int, int]:
        """Where the packaged model keeps its word embeddings: the file, the first byte, the bytes of a word."""
        path = packaged_model() / "model.safetensors"
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            entry = json.loads(file.read(length))[_TABLE]
        return path, 8 + length + int(entry["data_offsets"][0]), 4 * int(entry["shape"][1])

    def _embeddings(self, tokens: Collection[int]) -> Words:
        """Return the embedding (size,) of each of ``tokens``.

        They are read one by one: a mapped file would bring 64 KB into memory for each of these 1.5.
        """
        path, start, size = self._table
        words = {}
        with path.open("rb", buffering=0) as file:
            for token in sorted(tokens):
                file.seek(start + token * size)
                words[token] = np.frombuffer(file.read(size), dtype="<f4")
        return words

    def _read(self, question: list[int], passage: Encoding, words: Words) -> Reading:
        room = int(self._card["max_length"]) - len(question) - 3
        size = min(len(passage.ids), room)
        ids = [_CLS, *question, _SEP, *passage.ids[:size], _SEP]
        types = np.zeros((1, len(ids)), dtype=np.int64)
        first = len(question) + 2
        types[:, first:] = 1
        embeddings = np.stack([words[token] for token in ids])[None]
        feeds = {"embeddings": embeddings, "types": types}
        start, end, answer = self._session.run(["start", "end", "answer"], feeds)
        part = slice(first, first + size)
        offsets = np.array(passage.offsets[:size], dtype=np.int64).reshape(-1, 2)
        return Reading(start[0, part], end[0, part], offsets, float(start[0, 0] + end[0, 0]), float(answer[0]))

    def read(self, question: str, passages: Sequence[str]) -> list[Reading]:
        """Return a reading of each passage, in their order; what exceeds the window is not read.

        A passage is read alone, so that its reading has the same bits whatever is read beside it.
        """
        if not passages:
            return []
        asked = self._tokenizer.encode(question, add_special_tokens=False).ids[:_MAX_QUESTION]
        encoded = self._tokenizer.encode_batch(list(passages), add_special_tokens=False)
        words = self._embeddings({_CLS, _SEP, *asked, *(token for e in encoded for token in e.ids)})
        # Loaded here, not by every worker at once.
        _ = self._card, self._session
        return run_each(lambda passage: self._read(asked, passage, words), encoded, workers=self.workers)
