"""Completion of values by the shell: topics, kinds and documents of the index. Fast, and silent whatever fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from qa.errors import QaError

if TYPE_CHECKING:
    from qa.passages import Passages

_MOST = 200


def _place(flag: object) -> Path | None:
    """Return the passages of the index that the command line so far names, None where there is none."""
    from qa.config import load_settings, locate
    from qa.generation import PASSAGES_NAME, current

    location = locate(load_settings(Path.cwd()), Path(str(flag)) if flag else None)
    folder = current(location.path)
    if folder is None and location.is_default:
        folder = current(location.shipped)
    path = folder / PASSAGES_NAME if folder else None
    return path if path and path.is_file() else None


def _values(ctx: typer.Context, read: Callable[[Passages], list[str]]) -> list[str]:
    """Return what ``read`` finds in the index; a shell prints it, so nothing that is not printable."""
    from qa.passages import Passages

    try:
        path = _place(ctx.params.get("index"))
        if path is None:
            return []
        passages = Passages(path)
        try:
            found = read(passages)
        finally:
            passages.close()
    except (QaError, OSError):
        return []
    return [value for value in found if value.isprintable()]


def _beginning(values: list[str], incomplete: str) -> list[str]:
    wanted = incomplete.casefold()
    return [value for value in values if value.casefold().startswith(wanted)][:_MOST]


def topics(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the topics of the index that begin so."""
    return _beginning(_values(ctx, lambda passages: passages.topics()), incomplete)


def kinds(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the kinds of public source that begin so."""
    return _beginning(_values(ctx, lambda passages: passages.kinds()), incomplete)


def documents(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the documents whose name, or else its last part, begins so."""
    names = _values(ctx, lambda passages: [source for source, _, _ in passages.names()])
    return _beginning(names, incomplete) or _beginning([name.rsplit("/", 1)[-1] for name in names], incomplete)
