"""Public question sets on disk: their documents, their questions, an index of each, made once.

A set is a folder with ``questions.jsonl`` and ``corpus.tar.xz`` (or an unpacked ``corpus``), one document
a file. A line of questions has ``id``, ``question``, ``answerable``, ``gold_docs`` (file names),
``gold_passages`` and ``answers`` (strings of a gold document); ``grades`` gives documents a gain.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qa.config import Settings
from qa.generation import current
from qa.gold import GoldenQuestion
from qa.indexer import build_index

SETS = ("xquad-en", "squad2-dev", "scifact", "policyqa")


@dataclass(frozen=True, slots=True)
class SetQuestion:
    """One question of a set. ``gains`` are the gold documents by file name; empty where there are none."""

    id: str
    question: str
    answerable: bool
    gold_passages: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    gains: Mapping[str, int] = field(default_factory=dict)

    def as_gold(self) -> GoldenQuestion:
        """Return the question as ``qa eval`` has it: any one of the answers will do."""
        groups = (self.answers,) if self.answers else ()
        return GoldenQuestion(self.id, self.question, self.answerable, groups, passages=self.gold_passages)


def set_folders(root: Path, names: Sequence[str] = SETS) -> list[Path]:
    """Return the folders of the named sets below ``root``. Raises SystemExit for one that is not there."""
    folders = [root / name for name in names]
    missing = [str(f) for f in folders if not (f / "questions.jsonl").is_file()]
    if missing:
        raise SystemExit(f"no questions.jsonl in {', '.join(missing)}")
    return folders


def load_questions(folder: Path, *, limit: int = 0) -> list[SetQuestion]:
    """Return the questions of a set, with ``limit`` so many of them, evenly spaced."""
    lines = (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    if 0 < limit < len(rows):
        rows = [rows[i * len(rows) // limit] for i in range(limit)]
    return [
        SetQuestion(
            id=row["id"],
            question=row["question"],
            answerable=row["answerable"],
            gold_passages=tuple(row["gold_passages"]),
            answers=tuple(row["answers"]),
            gains=row.get("grades") or dict.fromkeys(row["gold_docs"], 1),
        )
        for row in rows
    ]


def unpack(folder: Path, scratch: Path) -> Path:
    """Return the folder with the documents of a set, unpacked once below ``scratch``."""
    if (folder / "corpus").is_dir():
        return folder / "corpus"
    target = scratch / folder.name / "documents"
    if not target.is_dir():
        draft = scratch / folder.name / "unpacking"
        shutil.rmtree(draft, ignore_errors=True)
        with tarfile.open(folder / "corpus.tar.xz") as archive:
            # Python 3.11 has filters from 3.11.4 on.
            if hasattr(tarfile, "data_filter"):
                archive.extraction_filter = tarfile.data_filter
            archive.extractall(draft)
        (draft / "corpus").rename(target)
        draft.rmdir()
    return target


def index_of(folder: Path, scratch: Path, settings: Settings | None = None, *, name: str = "index") -> Path:
    """Return the index of a set's documents, made once below ``scratch`` under ``name``."""
    index = scratch / folder.name / name
    if current(index) is None:
        build_index(index, settings or Settings(), paths=[unpack(folder, scratch)])
    return index
