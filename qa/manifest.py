"""What a generation says of itself: manifest.json, and files.json with a row for every file seen."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from qa.errors import IndexDamagedError, IndexMismatchError
from qa.parts import Part, problem, size_problem

FORMAT = 1
MANIFEST_NAME = "manifest.json"
FILES_NAME = "files.json"
CHROMA_NAME = "chroma"
_REBUILD = "run: qa index"


class FileStatus(StrEnum):
    """What became of a file: ``empty`` has no text to index, ``skipped`` is no document."""

    INDEXED = "indexed"
    EMPTY = "empty"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file below the sources at the time of indexing.

    ``reason`` and ``fix`` are set unless it was indexed; ``notes`` say how it was read. ``chars``
    counts the decoded text, ``solid_chars`` those of its characters that are not blank; of these
    ``indexed_chars`` stand in a passage, and ``left_out`` says why how many others do not.
    """

    source: str
    path: str
    root: str
    status: FileStatus
    size: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    inode: int = 0
    sha256: str = ""
    doc_id: str = ""
    chars: int = 0
    solid_chars: int = 0
    indexed_chars: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    chunks: int = 0
    reason: str = ""
    fix: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Served:
    """Where a Chroma server has the rows of a generation too: its ``url`` and the name of the ``collection``."""

    url: str
    collection: str

    def __post_init__(self) -> None:
        if not (isinstance(self.url, str) and isinstance(self.collection, str) and self.url and self.collection):
            raise ValueError("a collection on a server has a URL and a name")


@dataclass(frozen=True, slots=True)
class Manifest:
    """The head of a generation. ``fingerprint`` depends on contents alone, never on time or place.

    ``references`` is the digest of the bibliographies; ``engine`` says what encodes a question:
    "onnx", or "sentence-transformers" where the model could not be exported; ``served`` is set
    where questions are searched for on a Chroma server.
    """

    generation: int
    created_at: str
    fingerprint: str
    model: str
    model_checksum: str
    dimension: int
    window: int
    engine: str
    chunker: int
    chunk_target: int
    chunk_limit: int
    chromadb: str
    qa: str
    documents: int
    files: int
    failed: int
    chunks: int
    roots: tuple[str, ...]
    references: str
    parts: dict[str, Part]
    calibration: dict[str, float] = field(default_factory=dict)
    served: Served | None = None
    format: int = FORMAT

    @property
    def size(self) -> int:
        """The bytes of all parts."""
        return sum(part.size for part in self.parts.values())


def fingerprint(documents: Iterable[tuple[str, str]], *, model: str, chunker: tuple[int, ...], references: str) -> str:
    """Return the digest of an index over its (source, doc_id) names, model, chunker and bibliographies."""
    digest = hashlib.sha256(json.dumps([model, list(chunker), references, FORMAT]).encode())
    for source, doc_id in sorted(documents):
        digest.update(f"{source}\0{doc_id}\n".encode())
    return digest.hexdigest()[:16]


def _write(path: Path, data: Any) -> None:
    text = json.dumps(data, ensure_ascii=False, indent=1, sort_keys=True)
    with path.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json, last of all parts, through to the disk."""
    _write(folder / MANIFEST_NAME, asdict(manifest))


def write_files(folder: Path, records: Iterable[FileRecord]) -> None:
    """Write files.json."""
    _write(folder / FILES_NAME, [asdict(r) for r in records])


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise IndexDamagedError(f"{path} cannot be read: {error}", fix=_REBUILD) from error


def read_manifest(folder: Path) -> Manifest:
    """Read a manifest. Raises IndexMismatchError for another format, IndexDamagedError for garbage."""
    path = folder / MANIFEST_NAME
    data = _read(path)
    if isinstance(data, dict) and data.get("format") != FORMAT:
        raise IndexMismatchError(
            f"the index in {folder.parent} has format {data.get('format')}, this qa reads format {FORMAT}",
            fix=_REBUILD,
        )
    try:
        data["parts"] = {name: Part(**part) for name, part in data["parts"].items()}
        data["roots"] = tuple(data["roots"])
        data["served"] = Served(**data["served"]) if data.get("served") else None
        return Manifest(**data)
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise IndexDamagedError(f"{path} is not a manifest: {error}", fix=_REBUILD) from error


def read_files(folder: Path) -> list[FileRecord]:
    """Read files.json. Raises IndexDamagedError for garbage."""
    path = folder / FILES_NAME
    known = {f.name for f in fields(FileRecord)}
    try:
        return [
            FileRecord(**(row | {"status": FileStatus(row["status"]), "notes": tuple(row["notes"])}))
            for row in _read(path)
            if known >= row.keys()
        ]
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise IndexDamagedError(f"{path} is not a list of files: {error}", fix=_REBUILD) from error


def check_parts(folder: Path, manifest: Manifest, *, store: bool = False) -> None:
    """Compare the parts with the manifest as far as a question needs them. Raises IndexDamagedError.

    Sizes of all; contents of those that were touched since. Of the Chroma store, which questions do not
    open, only the sizes, unless ``store``.
    """
    for name, part in manifest.parts.items():
        check = size_problem if name.startswith(f"{CHROMA_NAME}/") and not store else problem
        _refuse(check(folder / name, part))


def check_hashes(folder: Path, manifest: Manifest, *, store: bool = True) -> None:
    """Compare the contents of every part, with or without the Chroma store's. Raises IndexDamagedError."""
    for name, part in manifest.parts.items():
        if store or not name.startswith(f"{CHROMA_NAME}/"):
            _refuse(problem(folder / name, part, deep=True))


def _refuse(failure: str) -> None:
    if failure:
        raise IndexDamagedError(failure, fix=_REBUILD)
