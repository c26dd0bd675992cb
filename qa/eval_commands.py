"""The command that judges an index by the user's golden questions: eval."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qa.errors import UsageError
from qa.opening import err, open_index, out, print_json, reader_for
from qa.options import IndexOption, JsonOption, QuietOption, ReaderOption, RiskOption
from qa.schema import DEFAULT_RISK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qa.metrics import Figure


def _limits(given: Sequence[str]) -> dict[str, float]:
    """Return the bounds that --fail-under gives, by metric. Raises UsageError."""
    import difflib

    from qa.metrics import METRICS

    limits: dict[str, float] = {}
    for text in given:
        name, _, value = text.partition("=")
        if name not in METRICS:
            near = difflib.get_close_matches(name, METRICS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(METRICS)}"
            raise UsageError(f"--fail-under {text}: unknown metric {name!r}; {hint}", fix="correct the name")
        try:
            limits[name] = float(value)
        except ValueError as error:
            raise UsageError(f"--fail-under {text}: no number", fix=f"for example: --fail-under {name}=0.8") from error
    return limits


def _missed(figures: Mapping[str, Figure], limits: Mapping[str, float]) -> list[str]:
    """Return a line for each figure that is worse than its bound, or that these questions do not give."""
    from qa.metrics import METRICS

    lines = []
    for name, limit in limits.items():
        if name not in figures:
            lines.append(f"{name} has no value: no question of this run gives one")
            continue
        value, is_loss = figures[name].value, METRICS[name].is_loss
        if value > limit if is_loss else value < limit:
            lines.append(f"{name} is {value:.4f}, wanted at {'most' if is_loss else 'least'} {limit:g}")
    return lines


def eval_command(
    questions: Annotated[
        Path | None, typer.Argument(metavar="QUESTIONS", help="Golden questions: JSON lines, or YAML.")
    ] = None,
    index: IndexOption = None,
    init: Annotated[
        Path | None, typer.Option("--init", metavar="FILE", help="Write a template made from the index, and stop.")
    ] = None,
    split: Annotated[str, typer.Option("--split", metavar="SPLIT", help="Only the questions of this split.")] = "",
    k: Annotated[int, typer.Option("-k", metavar="N", min=10, max=100, help="How many passages to consider.")] = 10,
    risk: RiskOption = DEFAULT_RISK,
    reader: ReaderOption = "",
    compare: Annotated[
        Path | None, typer.Option("--compare", metavar="RUN", help="What --json printed earlier: say what changed.")
    ] = None,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-under", metavar="METRIC=VALUE", help="Exit with 1 when a figure is worse. May be repeated."
        ),
    ] = None,
    plot: Annotated[
        list[Path] | None,
        typer.Option("--plot", metavar="FILE", help="Draw coverage against risk, and reliability: .svg or .png."),
    ] = None,
    json_: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Judge the answers by golden questions. Finding, answering, refusing, each figure with its 95% interval.

    Examples:

      qa eval --init questions.yaml

      qa eval questions.yaml

      qa eval questions.yaml --reader none --json > before.json

      qa eval questions.yaml --compare before.json --plot eval.svg

      qa eval questions.yaml --fail-under containment=0.9
    """
    if init is not None:
        _write_template(init, index, quiet=quiet)
        return
    if questions is None:
        raise UsageError("no file of questions was named", fix="run: qa eval --init questions.yaml (a template)")
    limits = _limits(fail_under or [])
    from qa import evaluation_report as report
    from qa import output
    from qa.answerer import Answerer
    from qa.comparison import compare as compared
    from qa.comparison import read_run
    from qa.evaluation import Evaluator
    from qa.evaluation_plot import check_plot
    from qa.evaluation_plot import plot as draw
    from qa.gold import of_split, read_questions
    from qa.render import ProgressWatcher, show_notes

    run = read_run(compare) if compare else None
    for path in plot or []:
        check_plot(path)
    asked = of_split(read_questions(questions), split, questions)
    choice = reader_for(reader, quiet=quiet)
    with open_index(index, quiet=quiet) as generation, ProgressWatcher(err(), quiet=quiet) as watcher:
        watcher.start("questions", len(asked))
        judged = list(Evaluator(Answerer(generation, choice), k=k, risk=risk).judge(asked, watcher.advance))
        manifest = generation.manifest
    before = compared(judged, run) if run else None
    evaluation = report.evaluation_of(judged, reader=choice.name, before=before)
    for path in plot or []:
        draw(path, [j.outcome for j in judged])
    if json_:
        print_json(output.dumps(report.as_json(evaluation, manifest)))
    else:
        report.show(out(), evaluation)
        if not quiet:
            show_notes(err(), evaluation.notes)
    missed = _missed(evaluation.figures, limits)
    for line in missed:
        err().print(f"failed: {line}", soft_wrap=True)
    if missed:
        raise typer.Exit(1)


def _write_template(path: Path, index: Path | None, *, quiet: bool) -> None:
    from qa.gold_template import write_template

    with open_index(index, quiet=quiet) as generation:
        write_template(path, generation.passages)
    if not quiet:
        err().print(f"note: wrote {path}; fill it in, then run: qa eval {path}", soft_wrap=True)
