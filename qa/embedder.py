"""The embedding model at index time: any model that sentence-transformers can load.

It also writes the ONNX query encoder. torch and sentence-transformers are imported on first use.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qa.encoder import (
    MODEL_FILE,
    TOKENIZER_FILE,
    WEIGHTS_FILE,
    EncoderCard,
    QueryEncoder,
    Vectors,
    load_tokenizer,
    read_card,
    unit,
)
from qa.errors import ModelError
from qa.models import ModelFolder
from qa.parts import measure, sync

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

_BATCH = 16
# What the tokenizer says of a text takes a hundred times its size: 42 MB for each MB of a document at once.
_COUNT_BATCH = 1000
# Short, long, Unicode and next to nothing: what an export gets wrong shows on one of these.
_PROBES = [
    "Can a state opt out?",
    "x",
    "287(g) — §1357(g); “Ünïcödé” 中文 العربية 🙂",
    "The agreement ended on August 5, 2011. " * 60,
    ".",
]
_MAX_DIFF = 1e-5


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep the libraries' progress bars, warnings and advice off the terminal."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)
    logging.getLogger("transformers").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def loading(what: str, *, fix: str) -> Iterator[None]:
    """Keep the libraries quiet over ``what`` and turn whatever they raise into a ModelError."""
    with quiet_libraries():
        try:
            yield
        except Exception as error:  # four libraries read a model's folder, each with exceptions of its own
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ModelError(f"{what} cannot be loaded: {reason}", fix=fix) from error


class Embedder:
    """Embeds passages with one model; satisfies the chunker's TokenCounter."""

    def __init__(self, model: ModelFolder, card: EncoderCard | None = None) -> None:
        """``card`` is that of the model's ONNX encoder, which knows its prompt and window without torch."""
        self.model = model
        self.card = card if card and card.checksum == model.checksum else None

    @cached_property
    def _transformer(self) -> SentenceTransformer:
        os.environ["HF_HUB_OFFLINE"] = "1"
        with quiet_libraries():
            from sentence_transformers import SentenceTransformer
        fix = "name another with --model, or save this one again with sentence-transformers"
        with loading(f"the model {self.model.name}", fix=fix):
            transformer = SentenceTransformer(str(self.model.path), device="cpu", local_files_only=True)
        transformer.eval()
        return transformer

    @cached_property
    def tokenizer(self) -> Tokenizer | None:
        """The fast tokenizer of the model, None where its folder has none."""
        path = self.model.path / "tokenizer.json"
        return load_tokenizer(path) if path.is_file() else None

    @cached_property
    def window(self) -> int:
        """The most tokens of a passage that the model reads; special tokens and its prompt not counted."""
        if self.card:
            prompt = self.card.passage_prompt
            return self.card.window - (self.count([prompt])[0] if prompt else 0)
        has_prompts = any((self._settings("config_sentence_transformers.json").get("prompts") or {}).values())
        prompt = self._prompt("document", "passage", "corpus") if has_prompts else ""
        return self._limit - (self.count([prompt])[0] if prompt else 0)

    @cached_property
    def _limit(self) -> int:
        """The most tokens that the model reads, special tokens not counted."""
        limit = self._max_length()
        if self.tokenizer is not None:
            return limit - self.tokenizer.num_special_tokens_to_add(is_pair=False)
        return limit - 2

    def _max_length(self) -> int:
        # The same file that sentence-transformers reads, so that counting tokens needs no torch.
        limit = self._settings("sentence_bert_config.json").get("max_seq_length")
        if not isinstance(limit, int):
            limit = self._transformer.max_seq_length
        # A model without attention has no limit and says so by infinity or nothing.
        return limit if isinstance(limit, int) and limit > 0 else 512

    def _settings(self, name: str) -> dict[str, Any]:
        try:
            data = json.loads((self.model.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}

    @cached_property
    def dimension(self) -> int:
        """The number of components of a vector."""
        return int(self.encode_passages(["."]).shape[1])

    def count(self, texts: list[str]) -> list[int]:
        """Return the number of tokens of each text, special tokens not counted."""
        if self.tokenizer is not None:
            parts = (texts[at : at + _COUNT_BATCH] for at in range(0, len(texts), _COUNT_BATCH))
            encode_batch = self.tokenizer.encode_batch
            return [len(e.ids) for part in parts for e in encode_batch(part, add_special_tokens=False)]
        encode = self._transformer.tokenizer
        return [len(ids) for ids in encode(texts, add_special_tokens=False)["input_ids"]]

    def encode_passages(self, texts: list[str]) -> Vectors:
        """Return the unit vectors (n, dimension) of passages, float32."""
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        with quiet_libraries():
            vectors = self._transformer.encode_document(texts, batch_size=_BATCH, show_progress_bar=False)
        return unit(np.asarray(vectors, dtype=np.float32))

    def encode_queries(self, texts: list[str]) -> Vectors:
        """Return the unit vectors (n, dimension) of questions, float32."""
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        with quiet_libraries():
            vectors = self._transformer.encode_query(texts, batch_size=_BATCH, show_progress_bar=False)
        return unit(np.asarray(vectors, dtype=np.float32))

    def _prompt(self, *names: str) -> str:
        """Return the prompt that sentence-transformers chooses: the first of these that there is, if only empty."""
        prompts: dict[str, str | None] = self._transformer.prompts or {}
        default = self._transformer.default_prompt_name
        return next((prompts[name] for name in (*names, default) if name in prompts), None) or ""

    def write_encoder(self, folder: Path) -> EncoderCard:
        """Write the ONNX encoder of this model into ``folder`` unless it is there; return its card.

        Where the export fails or its vectors differ from sentence-transformers by more than 1e-5 in
        any component, the card carries the reason and no model is kept.
        """
        card = read_card(folder)
        if card and card.checksum == self.model.checksum:
            return card
        folder.parent.mkdir(parents=True, exist_ok=True)
        for orphan in folder.parent.glob("new-*"):
            shutil.rmtree(orphan, ignore_errors=True)
        draft = folder.with_name(f"new-{os.getpid()}")
        draft.mkdir(exist_ok=True)
        try:
            card = self._write_draft(draft)
            for path in (*draft.iterdir(), draft):
                sync(path)
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(draft, folder)
            sync(folder.parent)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return card

    def _card(self, **more: Any) -> EncoderCard:
        return EncoderCard(
            model=self.model.name,
            checksum=self.model.checksum,
            dimension=self.dimension,
            window=self._limit,
            query_prompt=self._prompt("query"),
            passage_prompt=self._prompt("document", "passage", "corpus"),
            **more,
        )

    def _write_draft(self, draft: Path) -> EncoderCard:
        if self.tokenizer is None:
            return self._without_encoder(draft, "the model has no tokenizer.json")
        try:
            with quiet_libraries():
                inputs = _export(self._transformer, draft)
        except Exception as error:  # noqa: BLE001 - torch's exporter raises its internals' exceptions
            return self._without_encoder(draft, f"the export failed: {type(error).__name__}")
        shutil.copyfile(self.model.path / "tokenizer.json", draft / TOKENIZER_FILE)
        names = (MODEL_FILE, WEIGHTS_FILE, TOKENIZER_FILE)
        parts = {name: measure(draft / name) for name in names if (draft / name).exists()}
        self._card(inputs=inputs, parts=parts).write(draft)
        expected = np.concatenate([self.encode_queries(_PROBES), self.encode_passages(_PROBES)])
        try:
            encoder = QueryEncoder(draft)
            found = np.concatenate([encoder.encode_queries(_PROBES), encoder.encode_passages(_PROBES)])
        except Exception as error:  # noqa: BLE001 - ONNX Runtime has a class of its own for every failure
            return self._without_encoder(draft, f"the exported model does not run: {type(error).__name__}")
        if found.shape != expected.shape:
            return self._without_encoder(draft, f"it gives {found.shape[1]} components, not {expected.shape[1]}")
        diff = float(np.abs(found - expected).max())
        if not diff <= _MAX_DIFF:
            return self._without_encoder(draft, f"its vectors differ from sentence-transformers by {diff:.1e}")
        card = self._card(inputs=inputs, parts=parts, max_diff=diff)
        card.write(draft)
        return card

    def _without_encoder(self, draft: Path, reason: str) -> EncoderCard:
        for path in draft.iterdir():
            path.unlink()
        card = self._card(reason=reason)
        card.write(draft)
        return card


def _export(transformer: SentenceTransformer, draft: Path) -> tuple[str, ...]:
    """Write the whole pipeline (body, pooling, normalising, truncation) as optimised ONNX; return its inputs."""
    import onnxruntime as ort
    import torch

    class Pipeline(torch.nn.Module):  # type: ignore[misc] # torch is not typed for mypy
        def __init__(self, inputs: list[str]) -> None:
            super().__init__()
            self.transformer = transformer
            self.inputs = inputs

        def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
            features: dict[str, Any] = dict(zip(self.inputs, tensors, strict=True))
            # A Matryoshka model keeps the first components; sentence-transformers cuts outside of the model.
            return self.transformer(features)["sentence_embedding"][:, : transformer.truncate_dim]

    sample = transformer.tokenizer(["one text", "and a second one"], padding=True, return_tensors="pt")
    inputs = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in sample]
    axes: dict[str, dict[int, str]] = {name: {0: "batch", 1: "length"} for name in inputs}
    raw = draft / "raw.onnx"
    with torch.no_grad():
        torch.onnx.export(
            Pipeline(inputs).eval(),
            tuple(sample[name] for name in inputs),
            str(raw),
            input_names=inputs,
            output_names=["sentence_embedding"],
            dynamic_axes=axes | {"sentence_embedding": {0: "batch"}},
            opset_version=17,
            dynamo=False,
        )
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(draft / MODEL_FILE)
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", WEIGHTS_FILE)
    options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")
    options.log_severity_level = 3
    ort.InferenceSession(str(raw), options, providers=["CPUExecutionProvider"])
    raw.unlink()
    return tuple(inputs)
