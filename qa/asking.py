"""What ``qa ask`` and ``qa search`` do once their options are known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qa.errors import UsageError
from qa.opening import binary_stdin, err, filters_of, open_index, out, print_json, question_from, reader_for
from qa.schema import DEFAULT_RISK

if TYPE_CHECKING:
    from qa.schema import Filters


def _ask_batch(
    name: str, index: Path | None, *, k: int, filters: Filters, reader: str, risk: float, quiet: bool
) -> int:
    """Print an answer for each line of a file of questions; return 1 when one could not be asked."""
    from qa.answerer import Answerer, Asked
    from qa.batch import answers, open_lines

    code = 0
    with open_lines(name, binary_stdin) as lines, open_index(index, quiet=quiet) as generation:
        answerer = Answerer(generation, reader_for(reader, quiet=quiet))
        for line, was_asked in answers(lines, answerer, generation.manifest, Asked("", k, filters, risk)):
            print_json(line)
            code = code if was_asked else 1
    return code


def run_ask(
    question: str | None = None,
    index: Path | None = None,
    k: int = 10,
    topic: list[str] | None = None,
    kind: list[str] | None = None,
    source: list[str] | None = None,
    *,
    explain: bool = False,
    exit_status: bool = False,
    reader: str = "",
    risk: float = DEFAULT_RISK,
    batch: str = "",
    json_: bool = False,
    plain: bool = False,
    quiet: bool = False,
) -> int:
    """Answer a question, or a file of them; return the exit code."""
    if batch:
        if question is not None or explain or exit_status:
            raise UsageError("--batch goes with no question, --explain or --exit-status", fix="leave them out")
        filters = filters_of(topic, kind, source)
        return _ask_batch(batch, index, k=k, filters=filters, reader=reader, risk=risk, quiet=quiet)
    if question is None:
        raise UsageError("there is no question", fix='for example: qa ask "What is a detainer?"')
    from qa.answerer import Answerer
    from qa.question import check

    text = check(question_from(question))
    with open_index(index, quiet=quiet) as generation:
        answerer = Answerer(generation, reader_for(reader, quiet=quiet))
        answer = answerer.ask(text, k=k, filters=filters_of(topic, kind, source), risk=risk, is_last=True)
        if json_:
            from qa import output

            print_json(output.dumps(output.answer(answer, generation.manifest)))
        else:
            from qa import render

            render.show_answer(out(plain=plain), answer)
            if explain:
                render.show_explanation(out(plain=plain), answer)
            if not quiet and answer.notes:
                render.show_notes(err(plain=plain), answer.notes)
    return 3 if exit_status and not answer.verdict.answered else 0


def run_search(
    query: str,
    index: Path | None = None,
    k: int = 5,
    topic: list[str] | None = None,
    kind: list[str] | None = None,
    source: list[str] | None = None,
    *,
    json_: bool = False,
    plain: bool = False,
    quiet: bool = False,
) -> int:
    """Print the passages that fit a query best; return the exit code."""
    from qa.question import check
    from qa.retriever import Retriever

    text = check(question_from(query))
    with open_index(index, quiet=quiet) as generation:
        found = Retriever(generation).search(text, k=k, filters=filters_of(topic, kind, source))
        notes = found.question.notes
        if json_:
            from qa import output

            print_json(output.dumps(output.search(text, found.hits, notes, generation.manifest)))
        else:
            from qa import render

            render.show_hits(out(plain=plain), found.hits, {*found.question.stems, *found.question.expanded})
            if not quiet and notes:
                render.show_notes(err(plain=plain), notes)
    return 0
