"""The command line: each command parses, makes one call and renders."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Annotated

import typer

from qa import __version__
from qa.calibrate_commands import calibrate
from qa.errors import QaError
from qa.eval_commands import eval_command
from qa.index_commands import cache, doctor, index_command
from qa.reading_commands import ask, search, show, sources, status

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Ask questions of your own documents, offline; get sentences that are cited and checked.

    Examples:

      qa ask "Can a state opt out?"

      qa index ~/documents

      qa search "detainer 48 hours"

      qa show corpus/detainers.md:24
    """,
)

app.command()(ask)
app.command()(search)
app.command()(show)
app.command()(sources)
app.command()(status)
app.command("index")(index_command)
app.command("eval")(eval_command)
app.command()(calibrate)
app.command()(doctor)
app.command()(cache)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"qa {__version__}\n")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Take the options that stand before a command."""


def _flush() -> None:
    """Write out what is buffered; whoever closed the pipe wants no more and no message."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(argv: list[str] | None = None) -> None:
    """Run the command line; an expected failure is one line and the command that mends it."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    try:
        app(args=argv)
    except QaError as error:
        sys.stderr.write(f"error: {error}\n  fix: {error.fix}\n")
        raise SystemExit(error.exit_code) from None
    finally:
        _flush()
