"""The command that fits the chance of a right answer on the user's own questions: calibrate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qa.opening import err, open_index, out, print_json, reader_for
from qa.options import IndexOption, JsonOption, QuietOption, ReaderOption


def calibrate(
    questions: Annotated[Path, typer.Argument(metavar="QUESTIONS", help="Golden questions: JSON lines, or YAML.")],
    index: IndexOption = None,
    split: Annotated[str, typer.Option("--split", metavar="SPLIT", help="Only the questions of this split.")] = "",
    output_file: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it there instead of into the index.")
    ] = None,
    reader: ReaderOption = "",
    json_: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Fit when to answer, on your own questions.

    Examples:

      qa calibrate questions.yaml

      qa calibrate questions.yaml --split dev

    The file holds questions that your documents answer and questions that they do not. From then on the confidence of
    an answer, and the refusals that --risk asks for, hold for questions like these. "qa eval --init" writes a template;
    100 questions and more, a third of them without an answer, are a good number.
    """
    from qa import output
    from qa.abstention import CALIBRATION_NAME
    from qa.answerer import Answerer
    from qa.calibrating import fit, observe, save
    from qa.gold import of_split, read_questions
    from qa.render import ProgressWatcher
    from qa.schema import DEFAULT_RISK

    choice = reader_for(reader, quiet=quiet)
    asked = of_split(read_questions(questions), split, questions)
    with open_index(index, quiet=quiet) as generation, ProgressWatcher(err(), quiet=quiet) as watcher:
        answerer = Answerer(generation, choice)
        watcher.start("questions", len(asked))
        seen = observe(answerer, asked, watcher.advance)
        fitted = fit(
            seen,
            answerer.calibration,
            fitted_on=f"{len(asked)} questions of {questions.name}",
            model=generation.manifest.model_checksum,
            reader=choice.name,
        )
        target = output_file or generation.index / CALIBRATION_NAME
        save(fitted, target)
    right, threshold = sum(o.right for o in seen), fitted.threshold(DEFAULT_RISK)
    answered = [right for chance, right in fitted.scores if chance >= threshold]
    found = {
        "calibration": str(target),
        "questions": len(seen),
        "right": right,
        "risk": DEFAULT_RISK,
        "threshold": round(threshold, 4),
        "answered": len(answered),
        "answered_right": sum(answered),
    }
    if json_:
        print_json(output.dumps(found))
        return
    out().print(
        f"{len(seen)} questions: the best sentences answer {right} of them. At a risk of {DEFAULT_RISK:g} an answer is "
        f"given from a confidence of {threshold:.2f} on: to {len(answered)} questions, {sum(answered)} of them right.",
        highlight=False,
    )
    if not quiet:
        err().print(f"note: wrote {target}", soft_wrap=True, highlight=False)
