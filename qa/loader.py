"""Files to documents. A new format is one more parser in ``_PARSERS`` and its endings in the walker."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qa import markdown, plaintext
from qa.decoder import decode
from qa.schema import Block, BlockKind, Document
from qa.text import readable, squeeze
from qa.walker import SUFFIXES

_PARSERS: dict[str, Callable[[str, int], tuple[Block, ...]]] = {
    "markdown": markdown.blocks,
    "text": plaintext.blocks,
}
_FRONT_MATTER = re.compile(
    r"---[ \t]*(?:\r\n|\n|\r)(.*?)(?:\r\n|\n|\r)(?:---|\.\.\.)[ \t]*(?:\r\n|\n|\r|\Z)", re.DOTALL
)
_MAX_FRONT_MATTER = 1 << 16


def _plain(value: Any) -> str:
    return squeeze(value) if isinstance(value, str) and value not in ("~", "null") else ""


def _front_matter(text: str) -> tuple[dict[str, Any], int, tuple[str, ...]]:
    """Return (metadata, length, notes) of the YAML at the start of ``text``."""
    match = _FRONT_MATTER.match(text, 0, _MAX_FRONT_MATTER)
    if not match:
        return {}, 0, ()
    import yaml

    try:
        # This loader makes strings alone: what the author wrote, with no "No" that means false.
        data = yaml.load(match.group(1).replace("\0", " "), Loader=yaml.BaseLoader)  # noqa: S506 (makes no objects)
    except (yaml.YAMLError, RecursionError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {where.line + 2})" if where else ""
        return {}, 0, (f"front matter is not valid YAML{line}; read as text",)
    return (data, match.end(), ()) if isinstance(data, dict) else ({}, 0, ())


def _first_title(text: str, blocks: tuple[Block, ...]) -> str:
    for block in blocks:
        if block.kind is BlockKind.HEADING and block.level == 1:
            return readable(text, block.range.start, block.range.end, block.hidden)
    return ""


def parse(data: bytes, loader: str, *, fallback_encoding: str = "") -> Document:
    """Return the document in ``data``. Raises LoadError when it is no text."""
    text, encoding, notes = decode(data, fallback=fallback_encoding)
    metadata: dict[str, Any] = {}
    front_matter = 0
    if loader == "markdown":
        metadata, front_matter, more = _front_matter(text)
        notes += more
    blocks = _PARSERS[loader](text, front_matter)
    digest = hashlib.sha256(data).hexdigest()
    return Document(
        doc_id=f"{digest[:16]}-{loader}",
        sha256=digest,
        text=text,
        blocks=blocks,
        loader=loader,
        encoding=encoding,
        title=_plain(metadata.get("title", "")) or _first_title(text, blocks),
        topic=_plain(metadata.get("topic", "")),
        as_of=_plain(metadata.get("as_of", "")),
        front_matter=front_matter,
        notes=notes,
    )


def loader_of(path: Path) -> str:
    """Return the loader for a file by its ending; a file of unknown ending is read as text."""
    return SUFFIXES.get(path.suffix.lower(), "text")
