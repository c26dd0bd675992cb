"""``qa chat``: the prompt of a conversation, its history, and lines that come from a pipe."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qa.opening import err, filters_of, open_index, out, reader_for
from qa.options import (
    IndexOption,
    KindOption,
    PlainOption,
    QuietOption,
    ReaderOption,
    RiskOption,
    SourceOption,
    TopicOption,
)
from qa.schema import DEFAULT_RISK

if TYPE_CHECKING:
    from qa.chat import Chat

_PROMPT = "qa> "
_MAX_HISTORY = 1000


@contextlib.contextmanager
def history(path: Path | None, words: tuple[str, ...]) -> Iterator[None]:
    """Give the prompt line editing, completion of ``words``, and a history kept in ``path``, for the user's eyes only.

    Python has no readline on Windows: there the console itself edits lines, and nothing is kept.
    """
    try:
        import readline
    except ImportError:  # pragma: no cover - Windows
        yield
        return

    def complete(text: str, state: int) -> str | None:
        found = [word for word in words if text.startswith("/") and word.startswith(text)]
        return found[state] if state < len(found) else None

    readline.set_completer(complete)
    readline.set_completer_delims(" ")
    readline.parse_and_bind("tab: complete")
    readline.clear_history()
    if path:
        with contextlib.suppress(FileNotFoundError):
            readline.read_history_file(path)
    readline.set_history_length(_MAX_HISTORY)
    try:
        yield
    finally:
        if path:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Made before readline writes to it, so that it is never readable by others.
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
            path.chmod(0o600)
            readline.write_history_file(path)
            path.chmod(0o600)


def history_file() -> Path:
    """Return where the questions of a user are kept."""
    import platformdirs

    return platformdirs.user_state_path("qa", appauthor=False) / "chat_history"


def _read_line() -> str:
    """Return the next line that is typed. Raises EOFError at the end."""
    if sys.stdout.isatty():
        return input(_PROMPT)
    # The answers go elsewhere; the prompt must not go with them.
    sys.stderr.write(_PROMPT)
    sys.stderr.flush()
    return input()


def _converse(chat: Chat) -> None:
    """Serve lines from a terminal until the end; Ctrl-C drops the line or the answer under way."""
    going = True
    while going:
        try:
            line = _read_line()
            going = chat.handle(line)
            if going and line.strip():
                sys.stdout.write("\n")
        except KeyboardInterrupt:
            sys.stdout.write("\n")
        except EOFError:
            sys.stdout.write("\n")
            return
        sys.stdout.flush()


def chat(
    index: IndexOption = None,
    topic: TopicOption = None,
    kind: KindOption = None,
    source: SourceOption = None,
    reader: ReaderOption = "",
    risk: RiskOption = DEFAULT_RISK,
    no_history: Annotated[
        bool, typer.Option("--no-history", help="Neither read nor keep the questions of this conversation.")
    ] = False,
    plain: PlainOption = False,
    quiet: QuietOption = False,
) -> None:
    """Ask in a conversation, with follow-up questions. The models are loaded once.

    Examples:

      qa chat

      qa chat --topic detainers --no-history

      qa chat < questions.txt

    Follow-ups are made whole by rule ("and in New York?", "when?", "what about 287(g)?", "who signed it?"), and
    the whole question is shown. Type /help for the commands, Ctrl-D to end. From a file or pipe, each line is a
    question; exit code 1 when one could not be asked.
    """
    from qa.chat import Chat

    screen, notes = out(plain=plain), err(plain=plain)
    with open_index(index, quiet=quiet) as generation:
        choice = reader_for(reader, quiet=quiet)
        talk = Chat(generation, screen, notes, choice=choice, filters=filters_of(topic, kind, source), risk=risk)
        if not sys.stdin.isatty():
            for line in sys.stdin:
                if line.strip():
                    screen.put_question(line.strip())
                if not talk.handle(line):
                    break
                screen.write_line()
            if talk.failures:
                raise typer.Exit(1)
            return
        if not quiet:
            count = generation.manifest.documents
            notes.write_line(f"{count} documents. /help lists the commands, Ctrl-D ends.")
        with history(None if no_history else history_file(), talk.commands):
            _converse(talk)
