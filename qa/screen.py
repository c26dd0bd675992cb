"""Where text is shown: a terminal, a pipe or a screen reader; and text made safe for each of them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from typing import IO

from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

# Lines longer than this are hard to read, however wide the terminal.
MAX_WIDTH = 100
_PIPE_WIDTH = 1_000_000
_MIN_WIDTH = 20
# Whatever could move the cursor, recolour the terminal, turn the reading direction around or break a line.
_UNSAFE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u206f\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e007f]"
)
# A long address is broken after one of these.
_URL_JOINT = re.compile(r"[/?&=#._~-]")
_LINKED_PROGRAMS = {
    "iterm.app",
    "wezterm",
    "vscode",
    "hyper",
    "ghostty",
    "rio",
    "mintty",
    "tabby",
    "zed",
    "warpterminal",
}
_LINKED_TERMS = ("alacritty", "foot", "xterm-kitty", "xterm-ghostty", "contour", "wezterm")
_LINKED_VARIABLES = ("WT_SESSION", "KITTY_WINDOW_ID", "KONSOLE_VERSION", "DOMTERM", "TERMINUS_SUBLIME")
# The first VTE (GNOME Terminal, Tilix, ...) whose links do not crash it.
_VTE = 5001
_TMUX = (3, 4)


def safe(text: str) -> str:
    """Return ``text`` with control characters and direction overrides shown as U+FFFD."""
    return _UNSAFE.sub("�", text)


def flat(text: str) -> str:
    """Return ``text`` safe and on one line."""
    return safe(" ".join(text.split()))


def has_links(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether the terminal is known to show hyperlinks (OSC 8); FORCE_HYPERLINK overrules.

    There is no way to ask a terminal; unknown ones are taken not to have them.
    """
    forced = environ.get("FORCE_HYPERLINK")
    if forced is not None:
        return forced != "0"
    program, version = environ.get("TERM_PROGRAM", "").lower(), environ.get("TERM_PROGRAM_VERSION", "")
    term = environ.get("TERM", "")
    if term in ("dumb", "linux") or term.startswith("screen"):
        return False
    if program == "tmux":
        # It passes links on where the terminal around it has them, and drops them where not.
        digits = [int(part) for part in re.findall(r"\d+", version)[:2]]
        return tuple(digits) >= _TMUX
    vte = environ.get("VTE_VERSION", "")
    return (
        program in _LINKED_PROGRAMS
        or term.startswith(_LINKED_TERMS)
        or any(environ.get(name) for name in _LINKED_VARIABLES)
        or (vte.isascii() and vte.isdigit() and int(vte) >= _VTE)
    )


def _safe_text(text: Text | str) -> Text:
    """Return ``text`` made safe, its styles kept: one character stands for one."""
    copy = text.copy() if isinstance(text, Text) else Text(text)
    copy.plain = safe(copy.plain)
    return copy


class Screen(Console):
    """The console of one stream.

    A terminal is wrapped, and styled unless it is a dumb one; a pipe gets long plain lines; with
    ``plain`` the text is for a screen reader: linear, labelled, not styled.
    """

    def __init__(self, *, stderr: bool = False, plain: bool = False, file: IO[str] | None = None) -> None:
        stream = file or (sys.stderr if stderr else sys.stdout)
        is_tty = stream.isatty()
        is_styled = is_tty and not plain and os.environ.get("TERM") != "dumb"
        super().__init__(
            file=stream,
            width=None if is_tty else _PIPE_WIDTH,
            force_terminal=is_styled,
            highlight=False,
            markup=False,
            emoji=False,
        )
        self.is_plain = plain
        self.is_styled = is_styled
        self.wraps = is_tty
        self.links = is_styled and has_links()

    @property
    def text_width(self) -> int:
        """The width in cells that text is set to; only meaningful where it is wrapped."""
        return max(self.width if self.is_plain else min(self.width, MAX_WIDTH), _MIN_WIDTH)

    def write_line(self, text: Text | str = "") -> None:
        """Print one line, made safe whatever it holds, neither wrapped nor cut here."""
        self.print(_safe_text(text), soft_wrap=True)

    def write_row(self, cells: Iterable[str]) -> None:
        """Print one row of tab-separated values; rich would turn the tabs into blanks."""
        self.file.write("\t".join(flat(cell) for cell in cells) + "\n")

    def put(self, text: Text, *, indent: int = 0, label: Text | str = "") -> None:
        """Print ``text`` behind its ``label``; where lines are wrapped the later ones stand under the first.

        The label takes the last of the ``indent`` columns, more when it is wider; in a pipe it begins the line.
        """
        head, text = _safe_text(label), _safe_text(text)
        if not self.wraps:
            self.write_line((head or Text(" " * indent)) + text)
            return
        indent = max(indent, head.cell_len)
        head = Text(" " * (indent - head.cell_len)) + head
        # Half of a narrow terminal stays for the text, whatever the indent.
        width = max(self.text_width - indent, self.text_width // 2)
        for row in text.wrap(self, width, tab_size=4) or [Text()]:
            row.rstrip()
            self.write_line(head + row)
            head = Text(" " * indent)

    def put_text(self, text: str) -> None:
        """Print a paragraph."""
        self.put(Text(text))

    def put_question(self, question: str) -> None:
        """Print a question above its answer, where it was not typed on this very screen."""
        self.put(Text(flat(question), style="bold"), label="Question: " if self.is_plain else "> ")

    def put_follow_up(self, question: str) -> None:
        """Print what a follow-up question was taken to ask."""
        self.put(Text(flat(question), style="italic"), label="Asked as: " if self.is_plain else "asked as: ")

    def put_url(self, url: str, *, indent: int) -> None:
        """Print an address; a long one goes on under itself (browsers take the line ends out when it is pasted)."""
        clean = flat(url)
        style = self.link(clean) if re.match(r"https?://", clean) else Style()
        if not self.wraps:
            self.write_line(" " * indent + clean)
            return
        for piece in folded_url(clean, max(self.text_width - indent, self.text_width // 2)):
            self.write_line(Text.assemble(" " * indent, (piece, style)))

    def link(self, target: str) -> Style:
        """Return the style of a hyperlink, empty where the terminal has none."""
        return Style(link=target) if self.links else Style()


def folded_url(url: str, width: int) -> list[str]:
    """Return an address in pieces of at most ``width`` cells, broken after a joint where one is near the end."""
    pieces: list[str] = []
    while cell_len(url) > width:
        cut = 1
        while cell_len(url[: cut + 1]) <= width:
            cut += 1
        joints = [m.end() for m in _URL_JOINT.finditer(url, 0, cut)]
        if joints and joints[-1] > cut * 2 // 3:
            cut = joints[-1]
        pieces.append(url[:cut])
        url = url[cut:]
    return [*pieces, url]
