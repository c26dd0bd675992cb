"""What the generation in use offers to the next one: its sources, its files, its chunks."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa.chunker import CHUNKER_VERSION, MAX_TOKENS, TARGET_TOKENS
from qa.config import Settings
from qa.errors import IndexDamagedError, IndexMismatchError, UsageError
from qa.generation import Generation, current
from qa.manifest import MANIFEST_NAME, FileRecord, Manifest, read_files

SOURCES_NAME = "sources.json"
# A change of any of these makes an index chunk everything again.
CHUNKER = (CHUNKER_VERSION, TARGET_TOKENS, MAX_TOKENS)


@dataclass(slots=True)
class Previous:
    """The generation in use and its files by source; empty for a first run or one that starts over."""

    generation: Generation | None
    files: dict[str, FileRecord]

    @property
    def manifest(self) -> Manifest | None:
        """The manifest of the generation."""
        return self.generation.manifest if self.generation else None

    def close(self) -> None:
        """Let go of the generation."""
        if self.generation:
            self.generation.close()


def open_previous(index: Path, *, model: str, rebuild: bool, say: Callable[[str], None]) -> Previous:
    """Open the generation in use if its contents may be kept; say why when they may not."""
    none = Previous(None, {})
    try:
        if rebuild or current(index) is None:
            return none
        generation = Generation(index)
    except (IndexDamagedError, IndexMismatchError) as error:
        say(f"{error}; everything is indexed again")
        return none
    m = generation.manifest
    try:
        if m.model == model and (m.chunker, m.chunk_target, m.chunk_limit) == CHUNKER:
            return Previous(generation, {r.source: r for r in read_files(generation.folder)})
        what = f"the model {m.model}" if m.model != model else "an older chunker"
        say(f"the index was made with {what}; everything is indexed again")
    except IndexDamagedError as error:
        say(f"{error}; everything is indexed again")
    generation.close()
    return none


def _object(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def known(index: Path) -> dict[str, Any]:
    """Return what is known of the sources and the model of an index, also where the rest cannot be used.

    The manifest says it; for the day when that is damaged a copy lies beside the generations.
    """
    try:
        folder = current(index)
    except IndexDamagedError:
        folder = None
    return (_object(folder / MANIFEST_NAME) if folder else {}) or _object(index / SOURCES_NAME)


def remember(index: Path, manifest: Manifest) -> None:
    """Keep the sources and the model of an index beside its generations."""
    draft = index / f"{SOURCES_NAME}.new"
    data = {"model": manifest.model, "roots": list(manifest.roots)}
    draft.write_text(json.dumps(data, ensure_ascii=False, indent=1), encoding="utf-8")
    os.replace(draft, index / SOURCES_NAME)


def _known_roots(index: Path) -> list[Path]:
    roots = known(index).get("roots")
    return [Path(p) for p in roots if isinstance(p, str)] if isinstance(roots, list) else []


def choose_sources(index: Path, settings: Settings, paths: Sequence[Path], forget: Sequence[Path]) -> list[Path]:
    """Return the sources to index: qa.toml's or those of before, with ``paths``, without ``forget``.

    Raises UsageError when nothing is left.
    """
    if settings.sources and settings.folder:
        before = [settings.folder / s for s in settings.sources]
    else:
        before = _known_roots(index)
    if not before and not paths and settings.folder:
        before = [settings.folder]
    gone = {p.expanduser().resolve() for p in forget}
    chosen = [p for p in [*before, *paths] if p.expanduser().resolve() not in gone]
    if not chosen:
        raise UsageError("there is nothing to index: no folder is named", fix="run: qa index FOLDER")
    return chosen
