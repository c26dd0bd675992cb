"""Help leads with examples and names nothing odd; the shell completes commands, options and values of the index."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from qa.cli import app, main
from tests.conftest import RunCli
from tests.handmade import Doc, write_passages

COMMANDS = [
    "ask",
    "chat",
    "search",
    "show",
    "faq",
    "verify",
    "sources",
    "status",
    "index",
    "eval",
    "calibrate",
    "doctor",
    "cache",
]


def test_every_command_is_looked_at() -> None:
    assert {c.name for c in app.registered_commands} == set(COMMANDS)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_leads_with_examples(run_cli: RunCli, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    outcome = run_cli(*[c for c in (command,) if c], "--help")

    lines = outcome.out.splitlines()
    assert outcome.code == 0
    assert lines[0].startswith(f"Usage: qa {command}".rstrip())
    example = next(n for n, line in enumerate(lines) if line.startswith("    qa "))
    assert lines[example - 1] == "  Examples:"
    assert example < min(n for n, line in enumerate(lines) if line.startswith(("Options:", "Arguments:")))
    assert max(map(len, lines)) <= 80
    assert re.search(r"<[\w=]|[╭│]|\{(?!FILE\})|\n\n\n", outcome.out) is None


def test_list_of_commands_cuts_no_sentence(run_cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    listed = run_cli("--help").out.split("Commands:\n")[1].splitlines()

    assert [line.split()[0] for line in listed] == COMMANDS
    assert all(line.endswith(".") and not line.endswith("...") for line in listed)


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """An index that has what completion reads: CURRENT and passages.db."""
    folder = tmp_path / "index"
    (folder / "gen-000001").mkdir(parents=True)
    (folder / "CURRENT").write_text("gen-000001\n", encoding="utf-8")
    write_passages(
        folder / "gen-000001" / "passages.db",
        [
            Doc("Ferries leave.", source="docs/ferry times.md", topic="boats", kinds=("government",)),
            Doc("Buses leave.", source="docs/buses.md", topic="buses", kinds=("news", "court")),
            Doc("Trains leave.", source="docs/\x1b[31mtrains.md", topic="\x1b]0;x\x07", kinds=("go\u202ened",)),
        ],
    )
    return folder


def complete(line: str, monkeypatch: pytest.MonkeyPatch, shell: str = "bash") -> list[str]:
    """Return what the shell is told after ``line``, as its completion script asks."""
    monkeypatch.setenv("_QA_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("COMP_WORDS", line)
    words = shlex.split(line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - (not line.endswith(" "))))
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), contextlib.suppress(SystemExit):
        main([])
    assert err.getvalue() == ""
    return out.getvalue().split("\n")[:-1]


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("ask --topic ", ["boats", "buses"]),
        ("ask --topic bo", ["boats"]),
        ("search --kind ", ["court", "government", "news"]),
        ("chat --kind n", ["news"]),
        ("show ", ["docs/buses.md", "docs/ferry times.md"]),
        ("show docs/f", ["docs/ferry times.md"]),
        ("show fer", ["ferry times.md"]),
        ("ask --source b", ["buses.md"]),
        ("sources --topic x", []),
    ],
)
def test_values_of_the_index_are_completed(
    index: Path, monkeypatch: pytest.MonkeyPatch, rest: str, expected: list[str]
) -> None:
    monkeypatch.setenv("QA_INDEX", str(index))

    assert [line for line in complete(f"qa {rest}", monkeypatch) if line] == expected


def test_index_named_on_the_line_is_the_one_completed_from(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert complete(f"qa ask --index {index} --topic bu", monkeypatch) == ["buses"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_commands_and_values(index: Path, monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    monkeypatch.setenv("QA_INDEX", str(index))

    assert "search" in "\n".join(complete("qa se", monkeypatch, shell))
    assert "--explain" in "\n".join(complete("qa ask --ex", monkeypatch, shell))
    assert "buses" in "\n".join(complete("qa ask --topic bu", monkeypatch, shell))
    assert "\x1b" not in "\n".join(complete("qa ask --topic ", monkeypatch, shell))


@pytest.mark.parametrize("broken", ["none", "no generation", "not a database", "bad settings"])
def test_completion_is_silent_without_a_sound_index(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    if broken == "none":
        index = tmp_path / "nowhere"
    elif broken == "no generation":
        (index / "CURRENT").write_text("gen-000007\n", encoding="utf-8")
    elif broken == "not a database":
        (index / "gen-000001" / "passages.db").write_bytes(b"x" * 5000)
    else:
        (tmp_path / "qa.toml").write_text("modle = 1\n", encoding="utf-8")
        monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QA_INDEX", str(index))

    assert [line for line in complete("qa ask --topic ", monkeypatch) if line] == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_for_qa(shell: str) -> None:
    env = dict(os.environ) | {"_QA_COMPLETE": f"source_{shell}"}
    done = subprocess.run([sys.executable, "-m", "qa"], capture_output=True, text=True, check=True, env=env)

    assert f"_QA_COMPLETE=complete_{shell}" in done.stdout
    assert done.stderr == ""


def test_completion_imports_nothing_slow(index: Path) -> None:
    program = (
        "import sys\nfrom qa.cli import main\ntry:\n    main([])\nexcept SystemExit:\n    pass\n"
        "sys.stderr.write(' '.join(sys.modules))"
    )
    env = dict(os.environ) | {"_QA_COMPLETE": "complete_bash", "COMP_WORDS": "qa ask --topic bu", "COMP_CWORD": "3"}
    env["QA_INDEX"] = str(index)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=env)

    assert done.stdout.split() == ["buses"]
    slow = {"numpy", "torch", "transformers", "chromadb", "onnxruntime", "tokenizers", "rich.console", "yaml"}
    assert set(done.stderr.split()) & slow == set()
