"""A conversation: questions and their follow-ups, one engine loaded once, and commands that begin with "/"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qa import render
from qa.answerer import Answerer
from qa.errors import QaError, UsageError
from qa.followup import Turn, resolve
from qa.generation import Generation
from qa.question import check
from qa.reader_choice import ReaderChoice
from qa.schema import DEFAULT_RISK, Answer, Citation, Filters
from qa.screen import Screen
from qa.shown import answering
from qa.viewer import documents, view

_CONTEXT = 4


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question as it was typed and as it was asked, and its answer."""

    typed: str
    asked: str
    answer: Answer


class Chat:
    """A conversation over one generation. ``failures`` counts the lines that could not be served."""

    def __init__(
        self,
        generation: Generation,
        out: Screen,
        err: Screen,
        *,
        choice: ReaderChoice | None = None,
        filters: Filters | None = None,
        risk: float = DEFAULT_RISK,
    ) -> None:
        self._passages = generation.passages
        self._answerer = Answerer(generation, choice)
        self._risk = risk
        self._noted: set[str] = set()
        self._filters = filters
        self._out = out
        self._err = err
        self._names = tuple(name for pair in generation.passages.abbreviations() for name in pair)
        self._exchanges: list[Exchange] = []
        self._turn: Turn | None = None
        self.failures = 0
        self._commands: dict[str, tuple[str, str, Callable[[str], bool]]] = {
            "/sources": ("", "where the last answer stands, in full; before any answer: the documents", self._sources),
            "/show": ("N", "the passage of citation N in its surroundings; also FILE:LINE", self._show),
            "/why": ("", "the candidates of the last answer, their scores, the verdict", self._why),
            "/save": ("FILE", "write the conversation to a new file", self._save),
            "/new": ("", "forget the earlier question: no follow-up to it", self._forget),
            "/help": ("", "this list", self._help),
            "/quit": ("", "end; Ctrl-D does too, Ctrl-C drops the line", lambda _: False),
        }

    @property
    def commands(self) -> tuple[str, ...]:
        """The names of the commands, with a blank where something follows."""
        return tuple(f"{name} " if argument else name for name, (argument, _, _) in self._commands.items())

    def handle(self, line: str) -> bool:
        """Answer a question or obey a command; return False when that ends the conversation."""
        line = line.strip()
        if not line:
            return True
        try:
            return self._obey(line) if line.startswith("/") else self._ask(line)
        except QaError as error:
            self.failures += 1
            self._err.write_line(f"error: {error}")
            self._err.write_line(f"  fix: {error.fix}")
            return True

    def _obey(self, line: str) -> bool:
        name, _, argument = line.partition(" ")
        found = [n for n in self._commands if n.startswith(name)] if len(name) > 1 else []
        if name == "/exit":
            return False
        if len(found) != 1:
            raise UsageError(f"there is no command {name}", fix="type /help")
        return self._commands[found[0]][2](argument.strip())

    def _ask(self, line: str) -> bool:
        asked = resolve(line, self._turn, self._names)
        if asked != " ".join(line.split()):
            self._out.put_follow_up(asked)
        answer = self._answerer.ask(check(asked), filters=self._filters, risk=self._risk)
        # A question that fails leaves the conversation where it was.
        self._turn = Turn(asked, answering(answer.quotes[0]) if answer.quotes else "")
        self._exchanges.append(Exchange(line, asked, answer))
        render.show_answer(self._out, answer, is_brief=True)
        # What holds for the whole conversation is said once.
        render.show_notes(self._err, [note for note in answer.notes if note not in self._noted])
        self._noted.update(answer.notes)
        return True

    def _last(self) -> Answer:
        if not self._exchanges:
            raise UsageError("nothing has been asked yet", fix="ask a question first")
        return self._exchanges[-1].answer

    def _citation(self, number: int) -> Citation:
        answer = self._last()
        for quote in answer.quotes or answer.closest:
            if quote.citation.number == number:
                return quote.citation
        count = len(answer.quotes or answer.closest)
        raise UsageError(f"the last answer has no citation {number}", fix=f"type a number from 1 to {count}")

    def _sources(self, _: str) -> bool:
        if not self._exchanges:
            render.show_sources(self._out, documents(self._passages))
            return True
        render.show_citations(self._out, self._last())
        return True

    def _show(self, argument: str) -> bool:
        if not argument:
            raise UsageError("/show what?", fix="type /show and the number of a citation, for example: /show 1")
        place = argument
        if argument.strip("[]").isdecimal():
            c = self._citation(int(argument.strip("[]")))
            place = f"{c.path}:{c.line}-{c.line_end}"
        seen = view(self._passages, place, context=_CONTEXT)
        render.show_lines(self._out, seen.title, seen.lines)
        render.show_notes(self._err, seen.notes)
        return True

    def _why(self, _: str) -> bool:
        render.show_explanation(self._out, self._last())
        return True

    def _save(self, argument: str) -> bool:
        if not argument:
            raise UsageError("/save where?", fix="type /save and a file name, for example: /save notes.txt")
        self._last()
        path = Path(argument).expanduser()
        try:
            # Never over a file that is there: nobody was asked.
            with path.open("x", encoding="utf-8", errors="replace") as file:
                page = Screen(file=file, plain=self._out.is_plain)
                for exchange in self._exchanges:
                    page.put_question(exchange.typed)
                    if exchange.asked != exchange.typed:
                        page.put_follow_up(exchange.asked)
                    render.show_answer(page, exchange.answer)
                    page.write_line()
        except FileExistsError as error:
            raise UsageError(f"{path} is there already", fix="give another name") from error
        except (OSError, RuntimeError) as error:
            raise UsageError(f"cannot write {path}: {error}", fix="give another place") from error
        count = len(self._exchanges)
        self._err.write_line(f"saved {count} question{'s' * (count != 1)} to {path}")
        return True

    def _forget(self, _: str) -> bool:
        self._turn = None
        self._err.write_line("the next question stands alone")
        return True

    def _help(self, _: str) -> bool:
        rows = [(f"{name} {argument}".strip(), told) for name, (argument, told, _) in self._commands.items()]
        hint = 'Type a question, or a follow-up to the last one: "and in New York?", "when?", "who signed it?".'
        self._out.put_text(hint)
        render.show_pairs(self._out, rows)
        return True
