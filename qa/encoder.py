"""The query encoder: the embedding model as ONNX, so that a question needs neither torch nor 6 seconds.

An index keeps it in ``encoder/<checksum>/``. ``qa.embedder`` writes it and compares it with
sentence-transformers; where the two differ no encoder is written, and the reason is kept instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from qa.errors import IndexDamagedError, ModelError
from qa.parts import Part, problem
from qa.threads import run_each, usable_cores

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Encoding, Tokenizer

Vectors = npt.NDArray[np.float32]

MODEL_FILE = "model.onnx"
WEIGHTS_FILE = "weights.bin"
TOKENIZER_FILE = "tokenizer.json"
CARD_FILE = "encoder.json"
_REBUILD = "run: qa index"
# Texts of one batch are padded to the longest; more of them only pads more on a CPU.
_BATCH = 8


@dataclass(frozen=True, slots=True)
class EncoderCard:
    """What an encoder folder says of itself.

    ``window`` counts text tokens without special ones. ``reason`` tells why there is no ONNX model
    and is empty where there is one; ``max_diff`` is the largest difference from
    sentence-transformers in any component over the probe texts.
    """

    model: str
    checksum: str
    dimension: int
    window: int
    query_prompt: str = ""
    passage_prompt: str = ""
    inputs: tuple[str, ...] = ()
    max_diff: float = 0.0
    parts: Mapping[str, Part] = field(default_factory=dict)
    reason: str = ""

    def write(self, folder: Path) -> None:
        """Write the card; it comes last and says that the folder is complete."""
        text = json.dumps(asdict(self), indent=2, sort_keys=True)
        (folder / CARD_FILE).write_text(text + "\n", encoding="utf-8")


def read_card(folder: Path) -> EncoderCard | None:
    """Return the card of an encoder folder, None where there is none or it is not whole."""
    try:
        data: dict[str, Any] = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
        data["inputs"] = tuple(data["inputs"])
        data["parts"] = {name: Part(**part) for name, part in data["parts"].items()}
        card = EncoderCard(**data)
        is_whole = not any(problem(folder / name, part) for name, part in card.parts.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return card if is_whole else None


def encoder_folder(index: Path, checksum: str) -> Path:
    """Return where an index keeps the encoder of the model with ``checksum``."""
    return index / "encoder" / checksum[:16]


def unit(vectors: Vectors) -> Vectors:
    """Return the rows of ``vectors`` (n, d) at length 1; a row of zeros stays as it is.

    Raises ModelError for what is no number: a model with damaged weights finds nothing, in silence.
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all():
        raise ModelError("the embedding model gives vectors that are no numbers", fix="run: qa index --model ANOTHER")
    result: Vectors = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return result


def load_tokenizer(path: Path, *, limit: int = 0) -> Tokenizer:
    """Return the tokenizer of a ``tokenizer.json``, set to cut at ``limit`` tokens of text (0: not at all), not to pad.

    Files with the same bytes are loaded once for each limit: the query encoder and the reader share a vocabulary of
    10 MB. Nobody changes what this returns. Raises ModelError when the file is none.
    """
    try:
        return _tokenizer(path.read_bytes(), limit)
    except Exception as error:  # tokenizers raises Exception itself
        raise ModelError(f"{path} is no tokenizer: {error}", fix="save the model again, or name another") from error


@lru_cache(maxsize=4)
def _tokenizer(data: bytes, limit: int) -> Tokenizer:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(data.decode("utf-8"))
    tokenizer.no_padding()
    if limit:
        tokenizer.enable_truncation(limit + tokenizer.num_special_tokens_to_add(is_pair=False))
    else:
        tokenizer.no_truncation()
    return tokenizer


def open_session(path: Path) -> InferenceSession:
    """Load an ONNX model that was optimised when it was written. Raises ModelError.

    It may run in several threads at once; each run keeps to its own, so that its result has the same bits
    however many there are.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    # Optimising again, or packing the weights again, costs 0.3 s a start.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.disable_prepacking", "1")
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a class of its own for every failure
        raise ModelError(f"{path} is no ONNX model: {error}", fix="pip install --force-reinstall qa") from error


class QueryEncoder:
    """Embeds texts with the ONNX model of one encoder folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        card = read_card(folder)
        if card is None:
            raise IndexDamagedError(f"the query encoder in {folder} is missing or damaged", fix=_REBUILD)
        if card.reason:
            raise ModelError(f"{card.model} has no ONNX encoder: {card.reason}", fix=_REBUILD)
        self.card = card

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer, set to cut at the model's window."""
        try:
            return load_tokenizer(self.folder / TOKENIZER_FILE, limit=self.card.window)
        except ModelError as error:
            raise self._damaged(error) from error

    @cached_property
    def _session(self) -> InferenceSession:
        try:
            return open_session(self.folder / MODEL_FILE)
        except ModelError as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> IndexDamagedError:
        # Its size is right, so nobody but a reader notices; without the folder it is made again.
        return IndexDamagedError(
            f"the query encoder in {self.folder} is damaged: {error}", fix=f"delete {self.folder} and {_REBUILD}"
        )

    def _run(self, encodings: Sequence[Encoding]) -> Vectors:
        length = max(len(e.ids) for e in encodings)

        def padded(rows: list[list[int]]) -> npt.NDArray[np.int64]:
            return np.array([row + [0] * (length - len(row)) for row in rows], dtype=np.int64)

        feeds = {
            "input_ids": padded([e.ids for e in encodings]),
            "attention_mask": padded([e.attention_mask for e in encodings]),
            "token_type_ids": padded([e.type_ids for e in encodings]),
        }
        output = self._session.run(["sentence_embedding"], {name: feeds[name] for name in self.card.inputs})
        return np.asarray(output[0], dtype=np.float32)

    def _encode(self, texts: list[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self.card.dimension), dtype=np.float32)
        encodings = self.tokenizer.encode_batch(texts)
        order = sorted(range(len(texts)), key=lambda i: len(encodings[i].ids))
        vectors = np.empty((len(texts), self.card.dimension), dtype=np.float32)
        for at in range(0, len(order), _BATCH):
            batch = order[at : at + _BATCH]
            vectors[batch] = self._run([encodings[i] for i in batch])
        return unit(vectors)

    def release(self) -> None:
        """Let go of the network's memory; it is loaded again when something is to be encoded."""
        self.__dict__.pop("_session", None)

    def encode_queries(self, texts: list[str]) -> Vectors:
        """Return the unit vectors (n, dimension) of questions, float32."""
        return self._encode([self.card.query_prompt + text for text in texts])

    def encode_passages(self, texts: list[str]) -> Vectors:
        """Return the unit vectors (n, dimension) of passages, float32."""
        encodings = self.tokenizer.encode_batch([self.card.passage_prompt + text for text in texts])
        vectors = np.empty((len(texts), self.card.dimension), dtype=np.float32)
        # Loaded here, not by every worker at once.
        _ = self._session
        # One at a time: nothing is padded, the numbers stay in the cache of a core (twice the speed of batches of
        # 16), and a vector has the same bits whatever is embedded beside it.
        for row, own in enumerate(run_each(lambda e: self._run([e]), encodings, workers=usable_cores())):
            vectors[row] = own[0]
        return unit(vectors)
