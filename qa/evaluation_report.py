"""An evaluation for the reader: a table with intervals and the list of failures, or JSON with the same facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from qa import output
from qa.comparison import Comparison
from qa.evaluation import Judged, Stage
from qa.manifest import Manifest
from qa.metrics import METRICS, Figure, curve, figures, reliability
from qa.screen import flat

_SHOWN_WORDS = 40
_WIDE = 110
_PIPE_WIDTH = 130


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that one run found. ``before`` is its comparison with an earlier run."""

    judged: tuple[Judged, ...]
    figures: Mapping[str, Figure]
    reader: str
    before: Comparison | None = None
    notes: tuple[str, ...] = field(default_factory=tuple)

    def failures(self, stage: Stage) -> list[Judged]:
        """Return the questions that failed at ``stage``."""
        return [j for j in self.judged if j.stage is stage]


def evaluation_of(judged: Sequence[Judged], *, reader: str, before: Comparison | None = None) -> Evaluation:
    """Return the evaluation that these questions make, with notes on gold that cannot be found."""
    absent = [j.gold.id for j in judged if j.gold.answerable and not j.gold_exists]
    notes = []
    if absent:
        plural = "s" * (len(absent) != 1)
        notes.append(f"no passage of the index holds the answer of {len(absent)} question{plural}: {', '.join(absent)}")
    found = figures([j.outcome for j in judged])
    return Evaluation(tuple(judged), found, reader, before, tuple(notes))


def _result(j: Judged) -> dict[str, Any]:
    o = j.outcome
    return {
        "id": j.gold.id,
        "question": j.gold.question,
        "kind": j.gold.kind,
        "answerable": o.answerable,
        "answered": o.answered,
        "right": o.right,
        "would_be_right": o.would_be_right,
        "stage": str(j.stage),
        "confidence": round(o.confidence, 4),
        "seconds": round(o.seconds, 4),
        "figures": {name: round(value, 4) for name, value in sorted(o.figures.items())},
        "quotes": [
            {
                "source": q.citation.source,
                "line": q.citation.line,
                "text": q.text,
                "marks": [[m.start, m.end] for m in q.marks],
            }
            for q in j.answer.quotes or j.answer.closest
        ],
    }


def as_json(e: Evaluation, manifest: Manifest) -> dict[str, Any]:
    """Return a run as one object; ``--compare`` reads it."""
    outcomes = [j.outcome for j in e.judged]
    data: dict[str, Any] = {
        "questions": len(e.judged),
        "answerable": sum(o.answerable for o in outcomes),
        "figures": {
            name: {"value": round(f.value, 4), "low": round(f.low, 4), "high": round(f.high, 4), "n": f.count}
            for name, f in e.figures.items()
        },
        "failures": {str(stage): [j.gold.id for j in e.failures(stage)] for stage in Stage if stage},
        "results": [_result(j) for j in e.judged],
        "curve": [[round(x, 4), round(y, 4)] for x, y in curve(outcomes)],
        "reliability": [
            {"n": n, "confidence": round(sure, 4), "right": round(share, 4)} for n, sure, share in reliability(outcomes)
        ],
        "reader": e.reader,
        "notes": list(e.notes),
        "index": output.index(manifest),
    }
    if e.before:
        b = e.before
        data["comparison"] = {
            "won": list(b.won),
            "lost": list(b.lost),
            "paired": b.paired,
            "unpaired": b.unpaired,
            "p_value": round(b.p_value, 6),
            "before": dict(b.before),
        }
    return data


def _number(name: str, value: float) -> str:
    return f"{value:.2f}" if name.startswith("seconds") else f"{value:.3f}"


def _figures(e: Evaluation, width: int) -> Table:
    """Return the table of figures; beside those of an earlier run a narrow one has no room for explanations."""
    explained = e.before is None or width >= _WIDE
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("figure", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    if e.before:
        table.add_column("before", justify="right", no_wrap=True)
    table.add_column("95% interval", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    if explained:
        table.add_column("what it says", overflow="fold")
    for name, f in e.figures.items():
        row = [name, _number(name, f.value)]
        if e.before:
            row.append(_number(name, e.before.before[name]) if name in e.before.before else "-")
        says = METRICS[name].says + (" (less is better)" if METRICS[name].is_loss else "")
        interval = f"{_number(name, f.low)} to {_number(name, f.high)}"
        table.add_row(*row, interval, str(f.count), *([says] if explained else []))
    return table


def show(out: Console, e: Evaluation) -> None:
    """Print the figures, the failures by stage, and what a comparison found."""
    answerable = sum(j.gold.answerable for j in e.judged)
    head = f"{len(e.judged)} questions, {answerable} answerable, reader {e.reader}"
    out.print(Text(head, style="bold"), soft_wrap=True)
    out.print()
    width = out.width if out.is_terminal else _PIPE_WIDTH
    out.print(_figures(e, width), width=width)
    for stage in Stage:
        failed = e.failures(stage) if stage else []
        if failed:
            out.print()
            out.print(Text(f"{stage}: {len(failed)}", style="bold"))
        for j in failed:
            _failure(out, j)
    if e.before:
        _comparison(out, e.before)


def _failure(out: Console, j: Judged) -> None:
    head = Text.assemble((f"{flat(j.gold.id)} ", "bold"), f"({j.outcome.confidence:.2f}) {flat(j.gold.question)}")
    out.print(head, soft_wrap=not out.is_terminal)
    quotes = j.answer.quotes or j.answer.closest[:1]
    for q in quotes:
        words = flat(q.text).split()
        text = " ".join(words[:_SHOWN_WORDS]) + (" ..." if len(words) > _SHOWN_WORDS else "")
        line = Text(f"    {flat(q.citation.source)}:{q.citation.line} {text}", style="dim")
        out.print(line, soft_wrap=not out.is_terminal)
    wanted = " + ".join(" | ".join(flat(s) for s in group) for group in j.gold.answers)
    wanted = wanted or " | ".join(flat(p) for p in j.gold.passages)
    if not wanted:
        wanted = f"no answer ({flat(j.gold.note)})" if j.gold.note else "no answer"
    out.print(Text(f"    wanted: {wanted}"), soft_wrap=not out.is_terminal)


def _comparison(out: Console, b: Comparison) -> None:
    out.print()
    out.print(Text("Compared with the earlier run", style="bold"))
    for what, ids in (("won", b.won), ("lost", b.lost)):
        out.print(Text(f"{what}: {len(ids)}{' (' + ', '.join(ids) + ')' if ids else ''}"), soft_wrap=True)
    sure = "likely not chance" if b.p_value < 0.05 else "may well be chance"
    out.print(Text(f"McNemar's exact test over {b.paired} pairs: p = {b.p_value:.3f}, {sure}"), soft_wrap=True)
    if b.unpaired:
        out.print(Text(f"{b.unpaired} questions are in one of the runs only"), soft_wrap=True)
