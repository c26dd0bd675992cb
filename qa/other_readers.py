"""Readers instead of the shipped one: any question-answering model, any cross-encoder, or none.

torch, transformers and sentence-transformers are imported when such a reader first reads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qa.config import home_expanded
from qa.embedder import loading
from qa.errors import ModelError
from qa.models import find_model
from qa.reader import NO_READER, Reading

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_BATCH = 4
# Windows beyond this cost more than passages are long.
_MAX_TOKENS = 512
_ANOTHER = "name another with --reader, or leave it out for the shipped one"


def _spanless(answer: float) -> Reading:
    """Return the reading of a reader that marks no words."""
    none = np.zeros(0, dtype=np.float32)
    return Reading(none, none, np.zeros((0, 2), dtype=np.int64), null=0.0, answer=answer)


class NoReader:
    """Reads nothing: sentences are chosen by what retrieval knows of them."""

    def read(self, question: str, passages: Sequence[str]) -> list[Reading]:
        """Return the same empty reading for each passage."""
        del question
        return [_spanless(0.0) for _ in passages]


class SpanReader:
    """Reads with a transformers model that marks the start and the end of an answer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def _parts(self) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
        with loading(f"the reader in {self.folder}", fix=_ANOTHER):
            from transformers import AutoModelForQuestionAnswering, AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained(self.folder, local_files_only=True)
            model = AutoModelForQuestionAnswering.from_pretrained(self.folder, local_files_only=True)
        if not tokenizer.is_fast:
            raise ModelError(f"the reader in {self.folder} has no tokenizer.json", fix=_ANOTHER)
        model.eval()
        return tokenizer, model

    def read(self, question: str, passages: Sequence[str]) -> list[Reading]:
        """Return a reading of each passage; ``answer`` is its best span's score over that of no answer."""
        import torch

        tokenizer, model = self._parts
        readings: list[Reading] = []
        limit = min(int(tokenizer.model_max_length), _MAX_TOKENS)
        for at in range(0, len(passages), _BATCH):
            part = list(passages[at : at + _BATCH])
            batch = tokenizer(
                [question] * len(part),
                part,
                truncation="only_second",
                max_length=limit,
                padding=True,
                return_offsets_mapping=True,
                return_tensors="pt",
            )
            offsets = batch.pop("offset_mapping").numpy()
            with torch.inference_mode():
                scores = model(**batch)
            for i in range(len(part)):
                inside = np.array([s == 1 for s in batch.sequence_ids(i)])
                start, end = scores.start_logits[i].numpy(), scores.end_logits[i].numpy()
                cls = _cls_place(batch["input_ids"][i].tolist(), tokenizer.cls_token_id)
                readings.append(_reading(start, end, offsets[i], inside, float(start[cls] + end[cls])))
        return readings


def _cls_place(ids: Sequence[int], cls: int | None) -> int:
    return ids.index(cls) if cls in ids else 0


def _reading(start: Any, end: Any, offsets: Any, inside: Any, null: float) -> Reading:
    reading = Reading(start[inside], end[inside], offsets[inside].astype(np.int64), null, 0.0)
    margin, _ = reading.best(0, int(offsets[inside].max(initial=0)))
    return replace(reading, answer=margin)


class PairReader:
    """Reads with a cross-encoder that gives a pair of question and passage one score."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def _model(self) -> CrossEncoder:
        with loading(f"the reader in {self.folder}", fix=_ANOTHER):
            from sentence_transformers import CrossEncoder

            model = CrossEncoder(str(self.folder), device="cpu", local_files_only=True)
        if model.num_labels != 1:
            raise ModelError(
                f"the reader in {self.folder} gives {model.num_labels} scores a pair, not one",
                fix="name a cross-encoder that was trained to rank",
            )
        return model

    def read(self, question: str, passages: Sequence[str]) -> list[Reading]:
        """Return a reading of each passage: ``answer`` is the model's logit, no words are marked."""
        if not passages:
            return []
        import torch

        pairs = [(question, passage) for passage in passages]
        identity = torch.nn.Identity()
        scores = self._model.predict(pairs, batch_size=_BATCH, activation_fn=identity, show_progress_bar=False)
        return [_spanless(float(score)) for score in scores]


def _architecture(folder: Path) -> str:
    """Return the class of model that a folder holds, "" when its config.json names none."""
    path = folder / "config.json"
    try:
        names = json.loads(path.read_text(encoding="utf-8")).get("architectures") or [""]
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"there is no model in {folder}: {path} cannot be read", fix=_ANOTHER) from error
    return str(names[0])


def open_reader(name: str, *, may_download: bool, say: Callable[[str], None]) -> NoReader | SpanReader | PairReader:
    """Return the reader ``name``: "none", a folder, or a model of the hub.

    Only with ``may_download`` is anything fetched, and ``say`` is told first. Raises ModelError.
    """
    if name == NO_READER:
        return NoReader()
    folder = home_expanded(Path(name))
    if not folder.is_dir():
        if may_download:
            say(f"looking on the hub for the reader {name}; it is fetched if it is not on this machine")
        try:
            folder = find_model(name, may_download=may_download).path
        except ModelError as error:
            fix = f"connect to the network and run: qa ask --reader {name} QUESTION; or name a folder"
            raise ModelError(f"the reader {name} is neither a folder nor on this machine", fix=fix) from error
    kind = _architecture(folder)
    if kind.endswith("ForQuestionAnswering"):
        return SpanReader(folder)
    if kind.endswith("ForSequenceClassification"):
        return PairReader(folder)
    raise ModelError(
        f"the reader in {folder} is a {kind or 'model of unknown kind'}: neither for question answering nor a"
        " cross-encoder",
        fix=_ANOTHER,
    )
