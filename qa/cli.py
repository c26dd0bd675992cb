"""The command line: each command parses, makes one call and renders."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from qa import __version__
from qa.calibrate_commands import calibrate
from qa.chat_command import chat
from qa.command_help import Command, Group
from qa.eval_commands import eval_command
from qa.faq_commands import faq, verify
from qa.index_commands import cache, doctor, index_command
from qa.opening import guarded
from qa.reading_commands import ask, search, show, sources, status

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    # Help without boxes: for screen readers, dumb terminals and 80 columns, and without importing rich.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Ask questions of your own documents, offline; get sentences that are cited and checked.

    Examples:

      qa ask "Can a state opt out?"

      qa chat

      qa index ~/documents

      qa search "detainer 48 hours"

      qa show corpus/detainers.md:24
    """,
)

for name, command in (
    ("ask", ask),
    ("chat", chat),
    ("search", search),
    ("show", show),
    ("faq", faq),
    ("verify", verify),
    ("sources", sources),
    ("status", status),
    ("index", index_command),
    ("eval", eval_command),
    ("calibrate", calibrate),
    ("doctor", doctor),
    ("cache", cache),
):
    app.command(name, cls=Command)(command)


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


def main(argv: list[str] | None = None) -> None:
    """Run the command line; an expected failure is one line and the command that mends it."""
    guarded(lambda: app(args=argv, prog_name="qa"))
