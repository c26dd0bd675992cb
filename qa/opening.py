"""What every command needs and no option parser: the streams, the index that is opened, expected failures."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from qa.errors import IndexMissingError, QaError

if TYPE_CHECKING:
    from qa.config import Location, Settings
    from qa.generation import Generation
    from qa.indexer import Report
    from qa.reader_choice import ReaderChoice
    from qa.schema import Filters
    from qa.screen import Screen


def _always_plain() -> bool:
    return os.environ.get("QA_PLAIN", "") not in ("", "0")


def out(*, plain: bool = False) -> Screen:
    """Return the screen of standard output; ``plain`` is for a screen reader."""
    from qa.screen import Screen

    return Screen(plain=plain or _always_plain())


def err(*, plain: bool = False) -> Screen:
    """Return the screen of standard error."""
    from qa.screen import Screen

    return Screen(stderr=True, plain=plain or _always_plain())


def print_json(text: str) -> None:
    """Print one JSON object."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def settings_for(start: Path | None = None) -> Settings:
    """Return the settings for work in ``start``, the working folder by default."""
    from qa.config import load_settings

    return load_settings((start or Path.cwd()).absolute())


def run_index(folder: Path, settings: Settings, *, quiet: bool, **how: Any) -> Report:
    """Bring an index up to date with a progress bar, or lines in a log; an interrupt is one line."""
    from qa.indexer import build_index
    from qa.render import ProgressWatcher

    stream = err()

    def say(line: str) -> None:
        if not quiet:
            stream.write_line(f"note: {line}")

    try:
        with ProgressWatcher(stream, quiet=quiet) as watcher:
            return build_index(folder, settings, watcher=watcher, say=say, **how)
    except KeyboardInterrupt:
        stream.write_line(
            "interrupted; the index is as it was, and what was embedded is kept (run the command again to go on)"
        )
        raise SystemExit(130) from None


def _refresh_shipped(location: Location, *, quiet: bool) -> Path:
    """Build the index of the corpus that comes with qa, or bring it up to date; return its folder."""
    from qa.config import Settings, shipped_corpus
    from qa.generation import is_index
    from qa.shipped import is_fresh

    corpus = shipped_corpus()
    is_new = not is_index(location.shipped)
    if is_new or not is_fresh(location.shipped, corpus):
        if not quiet:
            what = "Building" if is_new else "Bringing up to date"
            err().write_line(f"{what} the index of the corpus that comes with qa, in {location.shipped} (some seconds)")
        run_index(location.shipped, Settings(), quiet=quiet, paths=[corpus])
    return location.shipped


@contextlib.contextmanager
def index_named(flag: Path | None) -> Iterator[None]:
    """Complete the remedy of a failure inside with the --index that the command was given."""
    try:
        yield
    except QaError as error:
        if flag and error.fix.endswith("qa index"):
            error.fix += f" --index {shlex.quote(str(flag))}"
        raise


@contextlib.contextmanager
def open_index(flag: Path | None, *, quiet: bool = False) -> Iterator[Generation]:
    """Open the index that is asked for; without any, that of the corpus that comes with qa."""
    from qa.config import locate
    from qa.generation import Generation, current

    settings = settings_for()
    location = locate(settings, flag)
    with index_named(flag):
        folder = location.path
        if location.is_default and current(folder) is None:
            folder = _refresh_shipped(location, quiet=quiet)
        elif current(folder) is None:
            hint = f" --index {flag}" if flag else ""
            raise IndexMissingError(f"there is no index in {folder}", fix=f"run: qa index FOLDER{hint}")
        with Generation(folder, engine=settings.engine) as generation:
            made_with = generation.manifest.model
            if settings.model and settings.model != made_with:
                from qa.errors import IndexMismatchError

                raise IndexMismatchError(
                    f"the index in {folder} was made with the model {made_with}, the settings say {settings.model}"
                    " (qa index makes it anew with that one)",
                    fix="run: qa index",
                )
            yield generation


def reader_for(flag: str, *, quiet: bool) -> ReaderChoice:
    """Return the reader that is asked for: the flag, QA_READER, qa.toml, else the shipped one.

    Only one that is named on the command line is fetched.
    """
    from qa.reader_choice import choose_reader

    def say(line: str) -> None:
        if not quiet:
            err().print(f"note: {line}", soft_wrap=True)

    return choose_reader(flag or settings_for().reader, may_download=bool(flag), say=say)


def filters_of(topic: list[str] | None, kind: list[str] | None, source: list[str] | None) -> Filters:
    """Return what the filter options say."""
    from qa.schema import Filters

    return Filters(tuple(topic or ()), tuple(kind or ()), tuple(source or ()))


def question_from(text: str) -> str:
    """Return the question of the command line, or what stands on standard input for "-"."""
    if text != "-":
        return text
    return sys.stdin.read()


def binary_stdin() -> BinaryIO:
    """Return standard input as bytes, also where a program has put text in its place."""
    import io

    buffer: BinaryIO | None = getattr(sys.stdin, "buffer", None)
    return buffer if buffer is not None else io.BytesIO(sys.stdin.read().encode("utf-8", "replace"))


def _flush() -> None:
    """Write out what is buffered; whoever closed the pipe wants no more and no message."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def guarded(run: Callable[[], object]) -> None:
    """Run a command; an expected failure is one line and the command that mends it."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    try:
        run()
    except QaError as error:
        from qa.screen import safe

        # What an error quotes may come from a document or its name.
        sys.stderr.write(safe(f"error: {error}\n  fix: {error.fix}\n"))
        raise SystemExit(error.exit_code) from None
    finally:
        _flush()
