"""The commands that only read an index: ask, search, show, sources, status."""

from __future__ import annotations

from typing import Annotated

import typer

from qa import completion
from qa.asking import run_ask, run_search
from qa.opening import err, open_index, out, print_json
from qa.options import (
    IndexOption,
    JsonOption,
    KindOption,
    PlainOption,
    QuietOption,
    ReaderOption,
    RiskOption,
    SourceOption,
    TopicOption,
)
from qa.schema import DEFAULT_RISK


def ask(
    question: Annotated[
        str | None,
        typer.Argument(metavar="QUESTION", help='The question, or "-" to read it from standard input.'),
    ] = None,
    index: IndexOption = None,
    k: Annotated[
        int, typer.Option("-k", metavar="N", min=1, max=100, help="How many passages to consider and to list in JSON.")
    ] = 10,
    topic: TopicOption = None,
    kind: KindOption = None,
    source: SourceOption = None,
    reader: ReaderOption = "",
    explain: Annotated[bool, typer.Option("--explain", help="Show every candidate with its scores, and why.")] = False,
    risk: RiskOption = DEFAULT_RISK,
    exit_status: Annotated[bool, typer.Option("--exit-status", help="Exit with 3 when there is no answer.")] = False,
    batch: Annotated[
        str,
        typer.Option("--batch", metavar="FILE", help='Answer JSON lines with JSON lines ("-": from stdin).'),
    ] = "",
    json_: JsonOption = False,
    plain: PlainOption = False,
    quiet: QuietOption = False,
) -> None:
    """Answer a question with quoted sentences and their citations. What the documents do not say, it does not answer.

    Examples:

      qa ask "When were the MOAs rescinded, and by whom?"

      qa ask --kind government "How many people were removed?"

      echo "What is a detainer?" | qa ask - --json

      qa ask --batch questions.jsonl > answers.jsonl
    """
    code = run_ask(
        question,
        index,
        k,
        topic,
        kind,
        source,
        explain=explain,
        exit_status=exit_status,
        reader=reader,
        risk=risk,
        batch=batch,
        json_=json_,
        plain=plain,
        quiet=quiet,
    )
    raise typer.Exit(code)


def search(
    query: Annotated[
        str,
        typer.Argument(metavar="QUERY", help='Words to look for, or "-". What stands in quotation marks must occur.'),
    ],
    index: IndexOption = None,
    k: Annotated[int, typer.Option("-k", metavar="N", min=1, max=1000, help="How many passages.")] = 5,
    topic: TopicOption = None,
    kind: KindOption = None,
    source: SourceOption = None,
    json_: JsonOption = False,
    plain: PlainOption = False,
    quiet: QuietOption = False,
) -> None:
    """List the passages that fit best; no answer is chosen.

    Examples:

      qa search "fingerprint matches in IDENT"

      qa search '"opt-in, opt-out program"' -k 3
    """
    raise typer.Exit(run_search(query, index, k, topic, kind, source, json_=json_, plain=plain, quiet=quiet))


def show(
    place: Annotated[
        str,
        typer.Argument(
            metavar="FILE[:LINE[-LINE]]",
            autocompletion=completion.documents,
            help="A document as citations name it, and lines of it.",
        ),
    ],
    index: IndexOption = None,
    context: Annotated[
        int, typer.Option("--context", "-c", metavar="N", min=0, max=10000, help="Lines around the wanted ones.")
    ] = 4,
    json_: JsonOption = False,
    plain: PlainOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show a passage in its surroundings, the cited lines marked.

    Examples:

      qa show corpus/detainers.md:24

      qa show detainers.md:20-30 --context 10
    """
    from qa import output, render
    from qa.viewer import view

    with open_index(index, quiet=quiet) as generation:
        seen = view(generation.passages, place, context=context)
        if json_:
            print_json(output.dumps(seen.as_json()))
            return
        render.show_lines(out(plain=plain), seen.title, seen.lines)
        if not quiet:
            render.show_notes(err(plain=plain), seen.notes)


def sources(
    index: IndexOption = None,
    references: Annotated[
        bool, typer.Option("--references", help="List the public sources behind the documents.")
    ] = False,
    topic: TopicOption = None,
    json_: JsonOption = False,
    plain: PlainOption = False,
    quiet: QuietOption = False,
) -> None:
    """List the documents, or with --references what they cite.

    Examples:

      qa sources --topic moa

      qa sources --references --json
    """
    from qa import output, render
    from qa.viewer import documents

    with open_index(index, quiet=quiet) as generation:
        if references:
            found = generation.passages.references()
            if json_:
                print_json(output.dumps({"references": [output.reference(r) for r in found]}))
            else:
                render.show_references(out(plain=plain), found)
            return
        rows = documents(generation.passages, tuple(topic or ()))
        if json_:
            print_json(output.dumps({"documents": rows}))
        else:
            render.show_sources(out(plain=plain), rows)


def status(
    index: IndexOption = None,
    files: Annotated[bool, typer.Option("--files", help="Say of every file what became of it.")] = False,
    json_: JsonOption = False,
    plain: PlainOption = False,
    quiet: QuietOption = False,
) -> None:
    """Say what is indexed, how it was made, what changed since.

    Examples:

      qa status

      qa status --files --json
    """
    from qa import output, report
    from qa.viewer import status_of

    with open_index(index, quiet=quiet) as generation:
        found = status_of(generation, every_file=files)
        if json_:
            print_json(output.dumps(found.as_json()))
            return
        report.show_status(out(plain=plain), found.rows(), generation.manifest)
        if files:
            report.show_files(out(plain=plain), found.files)
