"""Draws an evaluation: risk against coverage, and how far the confidence can be taken at its word."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from qa.errors import ModelError, StorageError, UsageError
from qa.metrics import BINS, Outcome, curve, reliability


def check_plot(path: Path) -> None:
    """Raise a QaError unless a plot can be written to ``path``, before the work that it would show."""
    if path.suffix.lower() not in (".svg", ".png"):
        raise UsageError(f"{path}: a plot is an .svg or a .png", fix="name the file so")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{path.absolute().parent} is no folder", fix="name a file in a folder that exists")
    if importlib.util.find_spec("matplotlib") is None:
        raise ModelError("matplotlib, which draws the plot, is not installed", fix='pip install "matplotlib<4"')


def plot(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write the two diagrams side by side; the same outcomes give the same bytes.

    Raises StorageError when the file cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "qa", "svg.fonttype": "path", "font.size": 9}):
        drawing = Figure(figsize=(8, 3.8), layout="constrained")
        FigureCanvasAgg(drawing)
        left, right = drawing.subplots(1, 2)
        points = curve(outcomes)
        left.plot([x for x, _ in points], [y for _, y in points], color="#1f5fa8")
        answered = sum(o.answered for o in outcomes)
        if answered:
            risk = sum(o.answered and not o.right for o in outcomes) / answered
            left.plot([answered / len(outcomes)], [risk], "o", color="#b3261e", label="as it answers now")
            left.legend(frameon=False)
        left.set(xlabel="coverage (share answered)", ylabel="risk (share wrong)", xlim=(0, 1.02), ylim=(-0.02, 1))
        left.set_title(f"Risk against coverage, {len(outcomes)} questions")
        bars = [(i, n, share) for i, (n, _, share) in enumerate(reliability(outcomes)) if n]
        places = [(i + 0.5) / BINS for i, _, _ in bars]
        right.bar(places, [share for _, _, share in bars], width=0.9 / BINS, color="#9dbfe3")
        for place, (_, n, share) in zip(places, bars, strict=True):
            right.annotate(str(n), (place, share), ha="center", va="bottom", fontsize=7)
        right.plot([0, 1], [0, 1], "--", color="#666666", linewidth=1)
        right.set(xlabel="confidence", ylabel="share right", xlim=(0, 1), ylim=(0, 1.08))
        right.set_title("Reliability (number of questions above)")
        metadata = {"Date": None} if path.suffix.lower() == ".svg" else {"Software": None}
        try:
            drawing.savefig(path, metadata=metadata, dpi=150)
        except OSError as error:
            raise StorageError(f"{path} cannot be written: {error.strerror}", fix="name another file") from error
