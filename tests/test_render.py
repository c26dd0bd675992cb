"""What stands on a screen: marks, columns, wrapping, screen readers; nothing hostile reaches a terminal alive."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from qa import render
from qa.cli import main
from qa.config import Settings
from qa.indexer import build_index
from qa.schema import Answer, Citation, Disagreement, Hit, Passage, Quote, Range, Reference, Verdict
from qa.screen import Screen, flat, folded_url, has_links, safe

LONG_URL = "https://example.org/reports/2011/08/a-very-long-name-of-a-report-that-no-terminal-of-80-columns-holds/page"
# What may stand in terminal output: our own styles, nothing else that begins with an escape.
SGR = re.compile(r"\x1b\[[0-9;]*m")
ALIVE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
HOSTILE = "\x1b[31mred\x1b]0;title\x07\x1b]8;;http://evil.example/\x1b\\link\x9b2J\x08\r\u202egnp.exe\u2066\u200f\x7f"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


Shown = Callable[[Callable[[Screen], None]], str]


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return what a call prints on a terminal: on_terminal(show, width=80, term="xterm-256color", plain=False)."""

    def shown(
        show: Callable[[Screen], None], *, width: int = 80, term: str = "xterm-256color", plain: bool = False
    ) -> str:
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("TERM", term)
        stream = Terminal()
        with contextlib.redirect_stdout(stream):
            show(Screen(plain=plain))
        return stream.getvalue()

    return shown


@pytest.fixture(autouse=True)
def _no_terminal_program(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["TERM_PROGRAM", "VTE_VERSION", "WT_SESSION", "KITTY_WINDOW_ID", "KONSOLE_VERSION", "FORCE_HYPERLINK"]
    for name in names:
        monkeypatch.delenv(name, raising=False)


def in_pipe(show: Callable[[Screen], None], *, plain: bool = False) -> str:
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        show(Screen(plain=plain))
    return stream.getvalue()


def quote(text: str, *marks: Range, number: int = 1, url: str = LONG_URL) -> Quote:
    reference = Reference("key", "A Report on Ferries", "Harbour Office", "2011-08-05", url, "government")
    citation = Citation(
        number=number,
        source="docs/ferries.md",
        also=(),
        path="/data/docs/ferries.md",
        line=9,
        line_end=9,
        column=1,
        start=0,
        end=len(text),
        title="Ferries",
        context=("Ferries", "When they leave"),
        topic="ferries",
        as_of="2011-08-05",
        references=(reference,),
        chunk_id="c",
    )
    return Quote(text, citation, 1.0, marks)


def answer(*quotes: Quote, answered: bool = True) -> Answer:
    verdict = Verdict(answered, 0.9, 0.5, "it fits", {})
    return Answer("q?", verdict, quotes if answered else (), () if answered else quotes, (), "q?")


SENTENCE = "The ferry to Aldbury leaves at noon on every day of the year but the first of January, weather permitting."
NOON = Range(31, 35)
ASKED = answer(quote(SENTENCE, NOON))


def plain_lines(printed: str) -> list[str]:
    return SGR.sub("", printed).splitlines()


def test_answering_words_are_bold_and_underlined(on_terminal: Callable[..., str]) -> None:
    printed = on_terminal(lambda out: render.show_answer(out, ASKED))

    assert "\x1b[1;4mnoon\x1b[0m" in printed


def test_answering_words_are_bold_and_underlined_without_colour_too(
    on_terminal: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    printed = on_terminal(lambda out: render.show_answer(out, ASKED))

    assert "\x1b[1;4mnoon\x1b[0m" in printed
    assert re.search(r"\x1b\[[0-9;]*3[0-7]", printed) is None


def test_where_nothing_can_be_styled_the_answering_words_have_a_line(on_terminal: Callable[..., str]) -> None:
    show = lambda out: render.show_answer(out, ASKED)  # noqa: E731

    for printed in (on_terminal(show, term="dumb"), in_pipe(show)):
        assert "\x1b" not in printed
        assert "\n    answering words: noon\n" in printed


def test_quote_in_a_pipe_is_one_line(on_terminal: Callable[..., str]) -> None:
    assert f"[1] {SENTENCE}\n" in in_pipe(lambda out: render.show_answer(out, ASKED))


@pytest.mark.parametrize("width", [40, 80, 100, 200])
@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_nothing_is_wider_than_the_terminal_or_lost(on_terminal: Callable[..., str], width: int, term: str) -> None:
    printed = on_terminal(lambda out: render.show_answer(out, ASKED), width=width, term=term)

    lines = plain_lines(printed)
    assert max(cell_len(line) for line in lines) <= width
    assert SENTENCE in " ".join(" ".join(lines).split())
    assert LONG_URL in "".join(line.strip() for line in lines)


@pytest.mark.parametrize(
    "text",
    [
        "渡船每天中午出发前往奥尔德伯里港口除一月一日以外全年无休天气允许的情况下才会开航请提前到达码头等候登船。" * 2,
        "המעבורת לאולדברי יוצאת בצהריים בכל יום מימות השנה מלבד האחד בינואר, אם מזג האוויר מאפשר זאת. " * 3,
        "The 🚢 ferry 👩‍👩‍👧 leaves 🏴‍☠️ at noon ⛴️ on every day 🇫🇷 of the year " * 4,
        "e\u0301" * 200,
        "x" * 300,
    ],
)
def test_wide_and_right_to_left_text_keeps_its_columns(on_terminal: Callable[..., str], text: str) -> None:
    text = text.strip()
    printed = on_terminal(lambda out: render.show_answer(out, answer(quote(text))), width=60)

    quoted = printed.split("\n\n")[0].splitlines()
    first, *rest = [SGR.sub("", line) for line in quoted]
    assert first.startswith("[1] ")
    assert rest
    assert all(line.startswith("    ") and line[4] != " " for line in rest)
    assert all(cell_len(line) <= 60 for line in (first, *rest))
    assert "".join([first[4:], *rest]).replace(" ", "") == text.replace(" ", "")


def test_numbers_line_up_on_a_terminal_and_begin_the_line_in_a_pipe(on_terminal: Callable[..., str]) -> None:
    def show(out: Screen) -> None:
        render.show_answer(out, answer(*(quote("Noon.", number=n) for n in (1, 10))))

    assert "\n [1] docs/ferries.md:9\n" in SGR.sub("", on_terminal(show))
    for printed in (SGR.sub("", on_terminal(show)), in_pipe(show)):
        assert "\n[10] docs/ferries.md:9\n" in printed
    assert "\n[1] docs/ferries.md:9\n" in in_pipe(show)


def test_closest_passages_have_no_answering_words(on_terminal: Callable[..., str]) -> None:
    refused = answer(quote(SENTENCE, NOON), answered=False)

    assert "\x1b[1;4m" not in on_terminal(lambda out: render.show_answer(out, refused))
    assert "answering words" not in in_pipe(lambda out: render.show_answer(out, refused))


def test_disagreement_stands_between_quotes_and_sources(on_terminal: Callable[..., str]) -> None:
    quotes = (quote("It leaves at noon.", number=1), quote("It leaves at one.", number=2))
    asked = replace(answer(*quotes), disagreement=Disagreement((1, 2), ("noon", "one")))
    row = "docs/ferries.md:9; as of 2011-08-05; Harbour Office, 2011-08-05"

    shown = in_pipe(lambda out: render.show_answer(out, asked))
    told = in_pipe(lambda out: render.show_answer(out, asked), plain=True).splitlines()
    assert f"\nThe documents disagree\n[1] noon: {row}\n[2] one: {row}\n\nSources\n" in shown
    assert told[-2:] == [
        f"The documents disagree: quote 1, noon: {row}",
        f"The documents disagree: quote 2, one: {row}",
    ]


def test_words_that_were_looked_for_are_bold(on_terminal: Callable[..., str]) -> None:
    text = "Ferries leave. [@key]"
    passage = Passage(
        row=0,
        chunk_id="c",
        doc_id="d",
        range=Range(0, len(text)),
        line=3,
        text=text,
        body=text,
        context=("Times",),
        sentences=(),
        sources=("a.md",),
        paths=("/a.md",),
        title="Times",
        topic="",
        as_of="",
        encoding="utf-8",
        sha256="",
        bibliography="",
    )
    hits = [Hit(passage, 1, 0.03, 0.5, 1, 2.0, 1)]
    printed = on_terminal(lambda out: render.show_hits(out, hits, {"ferri"}))

    assert "\x1b[1mFerries\x1b[0m leave. \x1b[2m[@key]\x1b[0m" in printed


def test_titles_get_a_line_where_a_table_leaves_them_no_room(on_terminal: Callable[..., str]) -> None:
    rows = [{"source": "s" * 44, "chunks": "7", "topic": "topic", "as_of": "2011-08-05", "title": "A title of words"}]

    narrow = plain_lines(on_terminal(lambda out: render.show_sources(out, rows)))
    wide = plain_lines(on_terminal(lambda out: render.show_sources(out, rows), width=200))
    assert [line.rstrip() for line in narrow] == [
        "s" * 44,
        "    A title of words",
        "    topic, as of 2011-08-05, 7 chunks",
    ]
    assert wide[1].endswith("2011-08-05  A title of words")
    assert in_pipe(lambda out: render.show_sources(out, rows)) == "\t".join(rows[0].values()) + "\n"


def test_line_ends_and_indents_inside_a_quote_are_one_blank() -> None:
    printed = in_pipe(lambda out: render.show_answer(out, answer(quote("It leaves\n      at noon.", Range(16, 23)))))

    assert "[1] It leaves at noon.\n    answering words: at noon" in printed


@given(st.text(), st.integers(8, 90))
def test_folded_address_is_whole_and_fits(url: str, width: int) -> None:
    pieces = folded_url(flat(url), width)

    assert "".join(pieces) == flat(url)
    assert all(cell_len(piece) <= width for piece in pieces)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "4800"}, False),
        ({"TERM": "xterm-256color", "WT_SESSION": "a"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, True),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "linux", "VTE_VERSION": "7600"}, False),
        ({"TERM": "screen", "VTE_VERSION": "7600"}, False),
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "tmux", "TERM_PROGRAM_VERSION": "3.3a"}, False),
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "tmux", "TERM_PROGRAM_VERSION": "3.4"}, True),
        ({"TERM": "xterm", "FORCE_HYPERLINK": "1"}, True),
        ({"TERM": "xterm-kitty", "FORCE_HYPERLINK": "0"}, False),
    ],
)
def test_hyperlinks_only_where_the_terminal_has_them(environ: dict[str, str], expected: bool) -> None:
    assert has_links(environ) is expected


def test_each_piece_of_a_folded_address_links_to_all_of_it(
    on_terminal: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    without = on_terminal(lambda out: render.show_answer(out, ASKED))
    monkeypatch.setenv("FORCE_HYPERLINK", "1")
    printed = on_terminal(lambda out: render.show_answer(out, ASKED))

    assert "\x1b]8;" not in without
    assert len(re.findall(rf"\x1b\]8;id=\d+;{re.escape(LONG_URL)}\x1b\\", printed)) == 2


def test_only_web_addresses_are_linked(on_terminal: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_HYPERLINK", "1")
    asked = answer(quote("Noon.", url="javascript:alert(1)"))
    printed = on_terminal(lambda out: render.show_answer(out, asked))

    assert ";javascript:" not in printed


def test_plain_tells_each_quote_with_its_source_line_by_line(on_terminal: Callable[..., str]) -> None:
    printed = on_terminal(lambda out: render.show_answer(out, ASKED), width=200, plain=True)
    narrow = on_terminal(lambda out: render.show_answer(out, ASKED), plain=True)

    assert narrow.replace("\n", " ").startswith(f"Answer: 1 quote Quote 1: {SENTENCE} Answering words: noon ")
    assert printed.splitlines() == [
        "Answer: 1 quote",
        f"Quote 1: {SENTENCE}",
        "Answering words: noon",
        "Stands in: docs/ferries.md:9",
        "Heading: Ferries, When they leave",
        "As of: 2011-08-05",
        "Public source: A Report on Ferries. Harbour Office, 2011-08-05 (government)",
        f"Address: {LONG_URL}",
    ]


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_safe_text_is_as_long_and_has_nothing_alive(text: str) -> None:
    made_safe = safe(text)

    assert len(made_safe) == len(text)
    assert ALIVE.search(made_safe) is None


def test_hostile_parts_of_an_answer_reach_no_terminal_alive(
    on_terminal: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = quote(f"Noon {HOSTILE} it is.", Range(0, 12), url=f"https://example.org/{HOSTILE}")
    reference = replace(bad.citation.references[0], title=HOSTILE, publisher=HOSTILE, issued=HOSTILE, kind=HOSTILE)
    citation = replace(
        bad.citation,
        source=HOSTILE,
        title=HOSTILE,
        topic=HOSTILE,
        as_of=HOSTILE,
        context=(HOSTILE,),
        also=(HOSTILE,),
        path=f"/x/{HOSTILE}",
        references=(reference,),
    )
    asked = answer(replace(bad, citation=citation))
    for plain in (False, True):
        assert_harmless(on_terminal(lambda out: render.show_answer(out, asked), plain=plain))
        assert_harmless(in_pipe(lambda out: render.show_answer(out, asked), plain=plain))
    monkeypatch.setenv("FORCE_HYPERLINK", "1")
    linked = on_terminal(lambda out: render.show_answer(out, asked))
    assert_harmless(re.sub(r"\x1b\]8;[^\x1b\x07]*\x1b\\", "", linked))
    assert "\x1b]8;;http://evil.example/" not in linked


def assert_harmless(printed: str) -> None:
    found = ALIVE.search(SGR.sub("", printed).replace("\r\n", "\n"))
    assert found is None, repr(printed[max(found.start() - 40, 0) : found.start() + 40])


@pytest.fixture(scope="module")
def hostile_index(shipped_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of documents whose text, titles, names and references hold what terminals act upon."""
    folder = tmp_path_factory.mktemp("hostile") / "docs"
    folder.mkdir()
    index = folder.with_name("index")
    index.mkdir()
    (index / "encoder").symlink_to(shipped_index / "encoder", target_is_directory=True)
    (folder / "fähre 渡船.txt").write_text("Die Fähre 渡船 leaves Aldbury 🚢 at noon.", encoding="utf-8")
    text = (
        '---\ntitle: "Ferry \\e[31m\\u202E times"\ntopic: "\\e]0;x\\a"\n---\n'
        f"# Ferry {HOSTILE} times\n\nThe ferry to {HOSTILE} Aldbury leaves at noon. [@bad]\n"
    )
    (folder / "ferry.md").write_text(text, encoding="utf-8", newline="")
    reference = {"id": "bad", "type": "report", "title": HOSTILE, "URL": f"https://example.org/{HOSTILE}"}
    reference["publisher"] = HOSTILE
    (folder / "references.json").write_text(json.dumps([reference]), encoding="utf-8")
    name = "\x1b[2J\x07\u202efdp.txt"
    (folder / name).write_text(f"The bus to Aldbury {HOSTILE} leaves at one.\x00", encoding="utf-8", newline="")
    (folder / "\x1b]0;empty\x07.txt").touch()
    (folder / "\x1b]0;bad\x07.md").write_text("---\ntitle: [\x1b[31m\n---\ntext\n", encoding="utf-8")
    build_index(index, Settings(), paths=[folder])
    return index


@pytest.mark.model
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such file names")
@pytest.mark.parametrize("plain", [(), ("--plain",)])
def test_hostile_documents_reach_no_terminal_alive(
    hostile_index: Path, monkeypatch: pytest.MonkeyPatch, plain: tuple[str, ...]
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    commands = [
        ("ask", "When does the ferry to Aldbury leave?", "--explain", *plain),
        ("ask", "What is the boiling point of mercury?", *plain),
        ("search", "bus Aldbury", *plain),
        ("show", "ferry.md", *plain),
        ("show", "*.txt", *plain),
        ("sources", *plain),
        ("sources", "--references", *plain),
        ("status", "--files", *plain),
        ("index", "--quiet"),
    ]
    for command in commands:
        for stream in (io.StringIO(), Terminal()):
            with (
                contextlib.redirect_stdout(stream),
                contextlib.redirect_stderr(stream),
                contextlib.suppress(SystemExit),
            ):
                main([*command, "--index", str(hostile_index)])
            assert_harmless(stream.getvalue())
            assert stream.getvalue()


def in_pty(*argv: str, width: int, **env: str) -> str:
    """Return what qa writes to a real terminal of ``width`` columns."""
    master, slave = pty.openpty()
    environ = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
    environ |= {"TERM": "xterm-256color", "COLUMNS": str(width)} | env
    with subprocess.Popen([sys.executable, "-m", "qa", *argv], stdin=slave, stdout=slave, stderr=slave, env=environ):
        os.close(slave)
        parts = []
        # Linux reports the end of a pseudo-terminal as an error.
        with contextlib.suppress(OSError):
            while part := os.read(master, 65536):
                parts.append(part)
    os.close(master)
    return b"".join(parts).decode("utf-8")


@pytest.mark.model
@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals of this kind")
def test_answer_in_a_real_terminal(shipped_index: Path) -> None:
    printed = in_pty("ask", "What is a detainer?", "--index", str(shipped_index), width=80)

    assert "\x1b[1;4m" in printed
    assert_harmless(printed)
    assert max(cell_len(line) for line in plain_lines(printed.replace("\r\n", "\n"))) <= 80


@pytest.mark.model
@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-16"])
def test_no_stream_encoding_breaks_a_command(hostile_index: Path, encoding: str) -> None:
    env = dict(os.environ) | {"PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "qa", "show", "f*.txt", "--index", str(hostile_index)]
    done = subprocess.run(command, capture_output=True, env=env, check=False)

    assert done.returncode == 0, done.stderr
    assert "渡船 leaves Aldbury 🚢 at noon." in done.stdout.decode("utf-8")
