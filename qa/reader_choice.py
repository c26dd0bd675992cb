"""Which reader reads, and by what it is decided to answer when it is not the shipped one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from qa.abstention import Calibration, load_calibration
from qa.other_readers import NO_READER, open_reader
from qa.reader import Reader
from qa.selection import PassageReader

SHIPPED_READER = "shipped"
# Fitted on the 110 golden questions of the split "dev", read by none: AUROC 0.64 of answerable (0.79 with the
# shipped reader). The scores of a reader that nobody has calibrated are left out.
_RETRIEVAL_ALONE = {"coverage": 1.8, "cosine": 1.7}
_BIAS = -1.65
_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class ReaderChoice:
    """The reader of a run. ``note`` tells the user what does not hold for it, "" for the shipped one."""

    name: str
    reader: PassageReader
    calibration: Calibration
    note: str = ""


def shipped_reader() -> ReaderChoice:
    """Return the reader that comes with qa and the calibration made for it."""
    return ReaderChoice(SHIPPED_READER, Reader(), load_calibration())


def choose_reader(name: str, *, may_download: bool, say: Callable[[str], None]) -> ReaderChoice:
    """Return the reader ``name``: "" or "shipped", "none", a folder, a name on the hub.

    The shipped calibration does not hold for another reader: what it makes of a passage orders the
    sentences and marks the words, and whether to answer is decided by retrieval alone. Raises ModelError.
    """
    if name in ("", SHIPPED_READER):
        return shipped_reader()
    reader = open_reader(name, may_download=may_download, say=say)
    calibration = replace(
        load_calibration(),
        weights=_RETRIEVAL_ALONE,
        bias=_BIAS,
        threshold=_THRESHOLD,
        fitted_on="golden questions of the shipped corpus, retrieval alone",
        model="",
    )
    with_it = "without a reader" if name == NO_READER else f"with the reader {name}"
    note = f"{with_it} the confidence is a rough one: it comes from retrieval alone"
    return ReaderChoice(name, reader, calibration, note)
