"""The quick reading of a command line says what Typer says, or leaves it to Typer."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import typer.main
from hypothesis import given, settings
from hypothesis import strategies as st

from qa import quick
from qa.asking import run_ask, run_search
from qa.cli import app

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
PLAIN = [
    ["ask", "Can a state opt out?"],
    ["ask", "-", "--json", "-q"],
    ["ask", "--topic", "moa", "why", "--topic", "timeline", "-k", "3", "--exit-status", "--explain"],
    ["search", '"opt out"', "--index", "/srv/index", "--kind", "court", "--source", "*.md"],
    ["search", "x", "-k", "1000", "--quiet"],
]
WORDS = st.sampled_from(
    """x - -- -k -k3 3 0 101 ٣ --json --no-json --quiet -q -qq --index DIR --index=DIR --topic --kind --source
    --explain --exit-status --batch --help -h --version --unknown -jq""".split()
) | st.text(max_size=4)


def without_defaults(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value not in (None, False, "", ())}


def as_typer_reads(argv: list[str]) -> dict[str, object]:
    return without_defaults(COMMANDS[argv[0]].make_context(argv[0], argv[1:]).params)


def as_read(plain: quick.Plain) -> dict[str, object]:
    called = inspect.signature(run_ask if plain.command == "ask" else run_search).bind(**plain.arguments)
    called.apply_defaults()
    return without_defaults(called.arguments)


@pytest.mark.parametrize("argv", PLAIN)
def test_plain_command_line_is_read_as_typer_reads_it(argv: list[str]) -> None:
    plain = quick.read(argv)

    assert plain is not None
    assert as_read(plain) == as_typer_reads(argv)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["ask", "search"]), st.lists(WORDS, max_size=5))
def test_any_command_line_is_read_as_typer_reads_it_or_left_to_it(command: str, words: list[str]) -> None:
    plain = quick.read([command, *words])

    assert plain is None or as_read(plain) == as_typer_reads([command, *words])


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["--help"],
        ["status"],
        ["ask"],
        ["ask", "--help"],
        ["ask", "two", "questions"],
        ["ask", "x", "--batch", "f"],
        ["ask", "x", "-k", "0"],
        ["ask", "x", "-k", "101"],
        ["ask", "x", "--index", "a", "--index", "b"],
        ["ask", "x", "--index", ""],
        ["search", "x", "--explain"],
        ["ask", ""],
    ],
)
def test_what_is_not_plain_is_left_to_typer(argv: list[str]) -> None:
    assert quick.read(argv) is None


@pytest.mark.model
def test_both_ways_to_ask_print_the_same(shipped_index: Path) -> None:
    printed = []
    for index in (f"--index={shipped_index}", f"--index {shipped_index}"):
        argv = ["ask", "Can a state opt out?", *index.split(" ")]
        assert (quick.read(argv) is None) == ("=" in index)
        done = subprocess.run([sys.executable, "-m", "qa", *argv], capture_output=True, check=True)
        printed.append((done.stdout, done.stderr))

    assert printed[0] == printed[1]
    assert printed[0][0]


def test_expected_failure_is_one_line_with_its_fix_and_no_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "qa", "ask", "x", "--index", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr == f"error: there is no index in {tmp_path}\n  fix: run: qa index FOLDER --index {tmp_path}\n"
