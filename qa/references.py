"""The published sources behind a corpus: a CSL-JSON bibliography, as Zotero and pandoc write it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from qa.errors import LoadError
from qa.schema import Reference


def _issued(value: Any) -> str:
    """Read a CSL date: "2011-08-05", "2010/2011" for a range, or its literal; "" where it has none."""
    if not isinstance(value, dict):
        return ""
    parts = value.get("date-parts")
    days = [_day(part) for part in parts if isinstance(part, list)] if isinstance(parts, list) else []
    return "/".join(day for day in days if day) or _text(value, "literal", "raw")


def _day(part: list[Any]) -> str:
    """Read [2011, 8, 5], of numbers or digits; [null], which exporters write for no date, is ""."""
    numbers: list[int] = []
    for n in part[:3]:
        digits = str(n).strip() if isinstance(n, (int, str)) else ""
        if not digits.isdecimal() or len(digits) > 4 or int(digits) == 0:
            break
        numbers.append(int(digits))
    return "-".join(f"{n:0{width}d}" for n, width in zip(numbers, (4, 2, 2), strict=False))


def _text(entry: dict[str, Any], *names: str) -> str:
    """Return the first of the fields that says something."""
    return _storable(next((entry[name] for name in names if entry.get(name)), ""))


def _storable(value: Any) -> str:
    """Return ``value`` as text without the half characters that JSON can spell and no file can hold."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _people(entry: dict[str, Any]) -> str:
    names = entry.get("author")
    people = [_text(n, "literal", "family") for n in names if isinstance(n, dict)] if isinstance(names, list) else []
    return ", ".join(name for name in people if name)


def _key(entry: Any, number: int) -> str:
    key = entry.get("id") if isinstance(entry, dict) else None
    # The schema allows numbers.
    if not isinstance(key, (str, int)) or isinstance(key, bool) or key == "":
        raise ValueError(f"entry {number} has no id")
    return _storable(key)


def parse_references(data: Any) -> dict[str, Reference]:
    """Return the entries of CSL-JSON data by key. Raises ValueError where it is no bibliography."""
    if not isinstance(data, list):
        raise ValueError("a CSL-JSON bibliography is a list of entries")
    found: dict[str, Reference] = {}
    for number, entry in enumerate(data, 1):
        key = _key(entry, number)
        if key in found:
            raise ValueError(f"the id {key} occurs twice")
        found[key] = Reference(
            key=key,
            title=_text(entry, "title"),
            publisher=_text(entry, "publisher", "container-title") or _people(entry),
            issued=_issued(entry.get("issued")),
            url=_text(entry, "URL"),
            kind=_text(entry, "genre"),
        )
    return found


def read_references(path: Path) -> dict[str, Reference]:
    """Read one bibliography file. Raises LoadError when it cannot be read or is none."""
    fix = f"export {path.name} again as CSL JSON (Zotero: Export, CSL JSON)"
    try:
        return parse_references(json.loads(path.read_text(encoding="utf-8-sig")))
    except OSError as error:
        raise LoadError(f"cannot be read: {error.strerror}", fix=f"make {path} readable") from error
    except (ValueError, RecursionError) as error:
        raise LoadError(f"no CSL-JSON bibliography: {error}", fix=fix) from error


def find_bibliography(folder: Path, root: Path, name: str) -> Path | None:
    """Return the bibliography ``name`` of ``folder`` or of the nearest folder above it, up to ``root``."""
    for place in (folder, *folder.parents):
        path = place / name
        if path.is_file():
            return path
        if place == root:
            return None
    return None


class Bibliographies:
    """The bibliographies behind a set of documents, each read once.

    ``by_path`` holds their entries; one that could not be read is empty there and in ``failures``.
    """

    def __init__(self) -> None:
        self.by_path: dict[str, dict[str, Reference]] = {}
        self.failures: dict[str, LoadError] = {}

    def path_for(self, document: Path, root: Path, name: str) -> str:
        """Return the bibliography file, called ``name``, of a document; "" where it has none."""
        path = find_bibliography(document.parent, root, name)
        if path is None:
            return ""
        if str(path) not in self.by_path:
            try:
                self.by_path[str(path)] = read_references(path)
            except LoadError as error:
                self.by_path[str(path)] = {}
                self.failures[str(path)] = error
        return str(path)

    def digest(self) -> str:
        """Return a digest over all entries."""
        entries = sorted(repr(r) for entries in self.by_path.values() for r in entries.values())
        return hashlib.sha256("\n".join(entries).encode("utf-8", "surrogatepass")).hexdigest()[:16]
