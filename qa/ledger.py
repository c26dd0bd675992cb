"""The ledger of what an index has put on servers: written before, so that nothing is left there unknown."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa.manifest import Served
from qa.parts import replace_whole, sync

LEDGER_NAME = "served.json"


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ``identity`` that names of collections begin with, and the collections that may be on servers."""

    index: Path
    identity: str
    collections: tuple[Served, ...]

    def with_collections(self, collections: Iterable[Served]) -> Ledger:
        """Return the ledger with these collections, written through to the disk. Raises StorageError."""
        changed = Ledger(self.index, self.identity, tuple(dict.fromkeys(collections)))
        data = {
            "identity": self.identity,
            "index": str(self.index.resolve()),
            "collections": [[c.url, c.collection] for c in changed.collections],
        }
        text = json.dumps(data, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        replace_whole(self.index / LEDGER_NAME, text.encode("utf-8"), fix=f"make {self.index} writable")
        sync(self.index)
        return changed


def _read(index: Path) -> tuple[str, Path, tuple[Served, ...]] | None:
    """Return identity, place and collections as the ledger has them; None for no ledger, or garbage."""
    try:
        data: Any = json.loads((index / LEDGER_NAME).read_text(encoding="utf-8"))
        collections = tuple(Served(url, name) for url, name in data["collections"])
        return str(data["identity"]), Path(data["index"]), collections
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def open_ledger(index: Path) -> Ledger:
    """Return the ledger of an index; nothing is written.

    An index that was copied is another one: what the first has on a server is not the copy's to remove.
    """
    read = _read(index)
    if read is not None:
        identity, home, collections = read
        original = None if home == index.resolve() else _read(home)
        if original is None or original[0] != identity:
            return Ledger(index, identity, collections)
    return Ledger(index, secrets.token_hex(8), ())
