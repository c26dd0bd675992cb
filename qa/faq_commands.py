"""The commands that make and verify pages of many questions: faq and verify."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qa.errors import UsageError
from qa.opening import err, open_index, out
from qa.options import IndexOption, QuietOption

if TYPE_CHECKING:
    from qa.faq_page import Page
    from qa.generation import Generation
    from qa.questions_file import QuestionList

OutputOption = Annotated[
    list[Path] | None,
    typer.Option("--output", "-o", metavar="FILE", help="The page to write. May be repeated, one for each format."),
]
TemplateOption = Annotated[
    Path | None, typer.Option("--template", metavar="FILE", help="Your own Jinja2 template, for HTML or Markdown.")
]
FormatOption = Annotated[
    str, typer.Option("--format", metavar="FORMAT", help="md, html, json, rst, docx or pdf, where no ending says it.")
]


def faq(
    questions: Annotated[
        Path | None,
        typer.Argument(
            metavar="[QUESTIONS]",
            help='The questions: YAML, TOML, JSON, JSON lines, CSV or text, one a line; "-" for standard input.',
            show_default=False,
        ),
    ] = None,
    output: OutputOption = None,
    format_: FormatOption = "",
    index: IndexOption = None,
    template: TemplateOption = None,
    print_template: Annotated[
        str, typer.Option("--print-template", metavar="FORMAT", help="Print the template for html or md.")
    ] = "",
    check: Annotated[
        Path | None,
        typer.Option(
            "--check", metavar="PAGE", help="Make nothing; exit with 1 when the page does not match index and sources."
        ),
    ] = None,
    diff: Annotated[
        Path | None, typer.Option("--diff", metavar="OLD", help="Say which answers differ from an older page, and why.")
    ] = None,
    suggest: Annotated[
        int, typer.Option("--suggest", metavar="N", min=0, help="Print N questions that the documents can answer.")
    ] = 0,
    fail_on_unanswered: Annotated[
        bool, typer.Option("--fail-on-unanswered", help="Exit with 3 when a question has no answer.")
    ] = False,
    jobs: Annotated[
        int,
        typer.Option("--jobs", "-j", min=0, max=64, help="Processes that answer. Default: as many as pay."),
    ] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False,
    questions_format: Annotated[
        str, typer.Option("--questions-format", metavar="FORMAT", help="yaml, toml, json, jsonl, csv or txt.")
    ] = "",
    pdf_font: Annotated[
        list[Path] | None,
        typer.Option("--pdf-font", metavar="FILE", help="A TrueType font for more scripts in PDF. May be repeated."),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Answer a list of questions on one page, quoted and cited.

    Examples:

      qa faq questions.yaml -o FAQ.md -o FAQ.html

      qa faq questions.yaml -o FAQ.md --diff FAQ.md

      qa faq --check FAQ.md

      qa faq --suggest 20 > questions.yaml

      qa faq --print-template html > my.html.j2
    """
    if print_template:
        _print_template(print_template)
        return
    if suggest:
        _suggest(index, suggest, quiet=quiet)
        return
    if check:
        with open_index(index, quiet=quiet) as generation:
            _check(generation, check, questions, template=template, format_=format_, kind=questions_format, jobs=jobs)
        return
    if questions is None:
        raise UsageError("no questions are named", fix="run: qa faq QUESTIONS -o FAQ.md (or: qa faq --suggest 20)")
    targets = _targets(output or [], format_)
    asked = _read(questions, questions_format)
    with open_index(index, quiet=quiet) as generation:
        old = _old_page(diff) if diff else None
        page = _make(generation, asked, targets[0][0], jobs=jobs, resume=resume, quiet=quiet)
        _write(page, targets, template=template, fonts=pdf_font or [])
        _journal(targets[0][0]).unlink(missing_ok=True)
        if old:
            _tell_changes(old, page, generation, on_stderr=targets[0][0] is None)
    if not quiet:
        _summarise(page)
    if fail_on_unanswered and page.unanswered:
        raise typer.Exit(3)


def verify(
    pages: Annotated[list[Path], typer.Argument(metavar="FILE", help="Pages that qa faq made, in any format.")],
    index: IndexOption = None,
    template: TemplateOption = None,
    quiet: QuietOption = False,
) -> None:
    """Check each quote of a page, and that nobody edited it.

    Exits with 1 when a quote does not stand at its place or the page was altered, and names each.

    Examples:

      qa verify FAQ.md

      qa verify public/*.html --index .qa
    """
    from qa.faq_check import Verifier, edit_findings, quote_findings
    from qa.faq_files import made_again, open_page

    failed = False
    with open_index(index, quiet=quiet) as generation:
        verifier = Verifier(generation.passages)
        for path in pages:
            sealed = open_page(path)
            found = [*edit_findings(sealed, made_again(sealed, template)), *quote_findings(sealed.page, verifier)]
            failed = _told(path, found, len([q for i in sealed.page.items for q in i.quotes])) or failed
    if failed:
        raise typer.Exit(1)


def _print_template(format_: str) -> None:
    from qa.faq_render import OWN_TEMPLATE, template_text

    if format_ not in OWN_TEMPLATE:
        raise UsageError(f"there is no template for {format_}", fix="say html or md")
    sys.stdout.write(template_text(format_))


def _suggest(index: Path | None, count: int, *, quiet: bool) -> None:
    from qa.render import ProgressWatcher
    from qa.suggest import suggested_file

    with open_index(index, quiet=quiet) as generation, ProgressWatcher(err(), quiet=quiet) as watcher:
        sys.stdout.write(suggested_file(generation, count, watcher))


Target = tuple[Path | None, str]


def _targets(outputs: Sequence[Path], format_: str) -> list[Target]:
    """Return where the page goes, as (file, format); standard output is None."""
    from qa.faq_files import format_of

    if not outputs or outputs == [Path("-")]:
        kind = format_of(Path("-"), format_ or "md")
        if kind in ("docx", "pdf"):
            raise UsageError(f"{kind} is no text for a screen", fix=f"run it with -o FAQ.{kind}")
        return [(None, kind)]
    if Path("-") in outputs:
        raise UsageError("standard output and files cannot be mixed", fix='leave "-o -" out')
    if format_ and len(outputs) > 1:
        raise UsageError("--format fits one output only", fix="give each file the ending of its format")
    return [(path, format_of(path, format_)) for path in outputs]


def _read(questions: Path, format_: str) -> QuestionList:
    from qa.question_formats import PARSERS
    from qa.questions_file import parse_questions, read_questions

    if format_ and format_ not in PARSERS:
        raise UsageError(f"{format_} is no format of questions", fix=f"say one of: {', '.join(PARSERS)}")
    if questions != Path("-"):
        return read_questions(questions, format_)
    stream = getattr(sys.stdin, "buffer", None)
    data = stream.read() if stream else sys.stdin.read().encode("utf-8", "surrogateescape")
    return parse_questions("standard input", data, format_)


def _old_page(path: Path) -> Page:
    from qa.faq_files import open_page

    return open_page(path).page


def _journal(first: Path | None) -> Path:
    if first is None:
        return Path(os.devnull + ".none")
    return first.with_name(f".{first.name}.unfinished.jsonl")


def _make(
    generation: Generation, asked: QuestionList, first: Path | None, *, jobs: int, resume: bool, quiet: bool
) -> Page:
    """Return the page; what is answered is kept beside its first file until that is written."""
    from qa.faq import make_page
    from qa.faq_jobs import Journal, answer_all
    from qa.render import ProgressWatcher, show_notes

    if resume and first is None:
        raise UsageError("only a run that writes a file can be resumed", fix="run it with -o FILE")
    if first:
        first.parent.mkdir(parents=True, exist_ok=True)
    try:
        with contextlib.ExitStack() as stack:
            watcher = stack.enter_context(ProgressWatcher(err(), quiet=quiet))
            journal = stack.enter_context(Journal(_journal(first), generation, resume=resume)) if first else None
            items, notes = answer_all(generation, asked.entries, watcher, jobs=jobs, journal=journal)
    except KeyboardInterrupt:
        again = "; what is answered is kept (run the command again with --resume)" if first else ""
        err().write_line(f"interrupted; nothing was written{again}")
        raise typer.Exit(130) from None
    if not quiet:
        show_notes(err(), notes)
    return make_page(asked, items, generation)


def _write(page: Page, targets: Sequence[Target], *, template: Path | None, fonts: Sequence[Path]) -> None:
    from qa.faq_files import page_bytes, write_page

    # All are made before the first is written: a failure leaves the pages of before.
    made = [(path, page_bytes(page, kind, template=template, fonts=fonts)) for path, kind in targets]
    for path, data in made:
        if path:
            write_page(path, data)
        else:
            sys.stdout.write(data.decode("utf-8"))


def _tell_changes(old: Page, new: Page, generation: Generation, *, on_stderr: bool) -> None:
    from qa.faq_check import Verifier, changes
    from qa.faq_seal import comparable
    from qa.screen import flat

    found = changes(comparable(old), comparable(new), Verifier(generation.passages))
    stream = err() if on_stderr else out()
    for change in found:
        stream.write_line(flat(change.told))
    if not found:
        stream.write_line("no answer changed")


def _summarise(page: Page) -> None:
    from qa.screen import flat

    stream = err()
    review = f", {len(page.to_review)} to be reviewed" if page.to_review else ""
    stream.write_line(f"{len(page.answered)} of {len(page.items)} questions answered{review}")
    for item in page.unanswered:
        stream.write_line(f"  no answer: {flat(item.entry.question)} ({flat(item.reason)})")
    for item in page.to_review:
        stream.write_line(f"  review: {flat(item.entry.question)}")
    for item in page.items:
        for what, ids in (("the same as", item.same), ("nearly the same as", item.near)):
            if ids:
                stream.write_line(f"  {item.id} asks {what} {', '.join(ids)}")


def _told(path: Path, findings: Sequence[str], quotes: int) -> bool:
    """Print what was found about one page; return whether that is anything."""
    from qa.screen import flat

    stream = out()
    for line in findings:
        stream.write_line(f"{path}: {flat(line)}")
    if not findings:
        stream.write_line(f"{path}: {quotes} quotes stand at their places")
    return bool(findings)


def _check(
    generation: Generation,
    path: Path,
    questions: Path | None,
    *,
    template: Path | None,
    format_: str,
    kind: str,
    jobs: int,
) -> None:
    """Verify a page, make it anew in memory and compare the two; exit with 1 when anything differs."""
    from qa.faq import make_page
    from qa.faq_check import Verifier, changes, edit_findings, quote_findings
    from qa.faq_files import made_again, open_page
    from qa.faq_jobs import answer_all
    from qa.faq_seal import comparable
    from qa.progress import SilentWatcher
    from qa.questions_file import QuestionList

    sealed = open_page(path, format_)
    old = sealed.page
    asked = (
        _read(questions, kind) if questions else QuestionList(old.title, old.intro, tuple(i.entry for i in old.items))
    )
    verifier = Verifier(generation.passages)

    def findings() -> Iterator[str]:
        yield from _stale(generation)
        yield from edit_findings(sealed, made_again(sealed, template))
        yield from quote_findings(old, verifier)
        items, _ = answer_all(generation, asked.entries, SilentWatcher(), jobs=jobs, journal=None)
        new = make_page(asked, items, generation)
        yield from (change.told for change in changes(comparable(old), comparable(new), verifier))

    if _told(path, list(dict.fromkeys(findings())), sum(len(i.quotes) for i in old.items)):
        raise typer.Exit(1)


def _stale(generation: Generation) -> Iterator[str]:
    from qa.viewer import status_of

    for source in status_of(generation, every_file=False).stale:
        yield f"the index is stale: {source} changed or went since it was indexed (run: qa index)"
