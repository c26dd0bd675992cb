"""How ``--help`` reads: what a command does, examples, then the rest; no boxes and no names of Python types."""

from __future__ import annotations

import inspect
import re
from typing import Any

from typer.core import TyperCommand, TyperGroup

# Some versions of typer name the type behind an argument: "QUESTION <str>".
_TYPE = re.compile(r" <[^<>]*>(?=$|\.)")
_RANGE = re.compile(r"(\d+)<=x<=(\d+)")
_AT_LEAST = re.compile(r"x>=(\d+)")


def _write_help(text: str, formatter: Any) -> None:
    """Write a help text: paragraphs filled, indented ones (examples) as they are, without blank lines between."""
    formatter.write_paragraph()
    with formatter.indentation():
        for number, paragraph in enumerate(inspect.cleandoc(text).split("\n\n")):
            is_example = paragraph.startswith("  ")
            if number and not is_example:
                formatter.write_paragraph()
            if is_example:
                formatter.write("".join(f"{'':{formatter.current_indent}}{line}\n" for line in paragraph.splitlines()))
            else:
                formatter.write_text(paragraph)


def _write_options(params: list[Any], ctx: Any, formatter: Any) -> None:
    for title, kind in (("Arguments", "argument"), ("Options", "option")):
        records = [p.get_help_record(ctx) for p in params if p.param_type_name == kind]
        rows = [
            (_TYPE.sub("", name), _AT_LEAST.sub(r"\1 or more", _RANGE.sub(r"\1 to \2", told)))
            for name, told in filter(None, records)
        ]
        if rows:
            with formatter.section(title):
                formatter.write_dl(rows)


class Command(TyperCommand):
    """A command whose help leads with examples."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the parts of the usage line, an argument by its bare name."""
        return [re.sub(r"^\{(.*)\}$", r"\1", piece) for piece in super().collect_usage_pieces(ctx)]

    def format_help_text(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - click's signature
        """Write what the command does, and the examples."""
        _write_help(self.help or "", formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and options."""
        _write_options(self.get_params(ctx), ctx, formatter)


class Group(TyperGroup):
    """The program, whose help leads with examples."""

    def format_help_text(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - click's signature
        """Write what the program does, and the examples."""
        _write_help(self.help or "", formatter)
