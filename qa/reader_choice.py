"""Which reader reads: the shipped one, another model, or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qa.abstention import SHIPPED_READER
from qa.reader import Reader
from qa.selection import PassageReader


@dataclass(frozen=True, slots=True)
class ReaderChoice:
    """The reader of a run, and the name by which calibrations know it."""

    name: str
    reader: PassageReader


def shipped_reader() -> ReaderChoice:
    """Return the reader that comes with qa."""
    return ReaderChoice(SHIPPED_READER, Reader())


def choose_reader(name: str, *, may_download: bool, say: Callable[[str], None]) -> ReaderChoice:
    """Return the reader ``name``: "" or "shipped", "none", a folder, a name on the hub. Raises ModelError."""
    if name in ("", SHIPPED_READER):
        return shipped_reader()
    from qa.other_readers import open_reader

    return ReaderChoice(name, open_reader(name, may_download=may_download, say=say))
