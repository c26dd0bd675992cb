"""A conversation: one engine, follow-ups shown as they are asked, commands, history, and lines from a pipe."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import RunCli

pytestmark = pytest.mark.model
PATIENCE_S = 120.0


def test_each_line_of_a_pipe_is_a_question_and_follow_ups_are_shown(run_cli: RunCli, shipped_index: Path) -> None:
    lines = "What is Secure Communities?\n\nwhat about 287(g)?\n/sources\n/show [1]\n/why\n/quit\nWhat is a detainer?\n"
    outcome = run_cli("chat", "--index", str(shipped_index), stdin=lines)
    asked = json.loads(run_cli("ask", "What is 287(g)?", "--index", str(shipped_index), "--json").out)

    assert (outcome.code, outcome.err) == (0, "")
    assert "> what about 287(g)?\nasked as: What is 287(g)?\n[1] " in outcome.out
    assert all(quote["text"] in outcome.out for quote in asked["answer"])
    first = asked["answer"][0]["citation"]
    assert f"[1] {first['source']}:{first['line']}\n" in outcome.out.split("> /sources")[1]
    shown = outcome.out.split("> /show [1]\n")[1].split("> /why")[0]
    marked = [line for line in shown.splitlines() if line.startswith("> ")]
    assert asked["answer"][0]["text"] in marked[0]
    assert "searched for: " in outcome.out
    assert "detainer?" not in outcome.out


def test_line_that_cannot_be_served_does_not_end_the_conversation(run_cli: RunCli, shipped_index: Path) -> None:
    lines = "/show 1\nwhen?\n/nonsense\nWhat is a detainer?\n/show 7\n/show nothing.md\n/help\n"
    outcome = run_cli("chat", "--index", str(shipped_index), stdin=lines)

    assert outcome.code == 1
    told = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert [line.split(": ", 1)[1][:26] for line in told] == [
        "nothing has been asked yet",
        "the question has only comm",
        "there is no command /nonse",
        "the last answer has no cit",
        "no document is called noth",
    ]
    assert outcome.err.count("  fix: ") == len(told)
    assert "A detainer is a request" in outcome.out
    assert "/save FILE" in outcome.out


def test_failed_question_leaves_the_conversation_where_it_was(run_cli: RunCli, shipped_index: Path) -> None:
    lines = "What is Secure Communities?\n???\nand 287(g)?\n/new\nwhat about detainers?\n"
    out = run_cli("chat", "--index", str(shipped_index), stdin=lines).out

    assert out.count("asked as: ") == 1
    assert "asked as: What is 287(g)?" in out


def test_conversation_is_saved_and_no_file_overwritten(run_cli: RunCli, shipped_index: Path, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    lines = (
        f"/save {path}\nWhat is Secure Communities?\nand 287(g)?\n/save {path}\n/save {path}\n/save {tmp_path}/no/x\n"
    )
    outcome = run_cli("chat", "--index", str(shipped_index), stdin=lines)

    saved = path.read_text(encoding="utf-8")
    assert f"saved 2 questions to {path}" in outcome.err
    assert f"error: {path} is there already" in outcome.err
    assert "error: cannot write" in outcome.err
    assert saved.startswith("> What is Secure Communities?\n[1] ")
    assert "> and 287(g)?\nasked as: What is 287(g)?\n" in saved
    assert saved.count("\nSources\n") == 2
    assert "\x1b" not in saved


def test_plain_conversation_is_labelled(run_cli: RunCli, shipped_index: Path) -> None:
    lines = "What is Secure Communities?\nand 287(g)?\n/sources\n"
    out = run_cli("chat", "--plain", "--index", str(shipped_index), stdin=lines).out.splitlines()

    assert out[:1] == ["Question: What is Secure Communities?"]
    assert "Asked as: What is 287(g)?" in out
    assert "Citation 1" in out


class Typist:
    """Types into ``qa chat`` on a pseudo-terminal, and reads what it shows."""

    def __init__(self, *argv: str) -> None:
        self.master, slave = pty.openpty()
        env = dict(os.environ) | {"TERM": "xterm-256color", "COLUMNS": "80"}
        command = [sys.executable, "-m", "qa", "chat", *argv]
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=env)
        os.close(slave)
        self.seen = ""

    def wait_for(self, text: str) -> str:
        """Return what was shown up to ``text`` since the last call."""
        until = time.monotonic() + PATIENCE_S
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(until - time.monotonic(), 0))
            assert ready, f"{text!r} never came after {self.seen!r}"
            self.seen += os.read(self.master, 65536).decode("utf-8", "replace")
        before, _, self.seen = self.seen.partition(text)
        return before

    def interrupt_until(self, text: str) -> None:
        """Send Ctrl-C's signal until ``text`` is shown: one that comes while a character is read waits for the next."""
        until = time.monotonic() + PATIENCE_S
        self.process.send_signal(signal.SIGINT)
        while text not in self.seen:
            assert time.monotonic() < until, f"{text!r} never came after {self.seen!r}"
            ready, _, _ = select.select([self.master], [], [], 2.0)
            if ready:
                self.seen += os.read(self.master, 65536).decode("utf-8", "replace")
            else:
                self.process.send_signal(signal.SIGINT)
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self.master, text.encode("utf-8"))

    def end(self) -> int:
        """Type Ctrl-D and return the exit code."""
        self.type("\x04")
        code = self.process.wait(PATIENCE_S)
        os.close(self.master)
        return code


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals of this kind")
def test_prompt_keeps_a_history_for_the_user_alone(
    shipped_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    typist = Typist("--index", str(shipped_index))
    typist.wait_for("Ctrl-D ends.")
    typist.wait_for("qa> ")
    typist.type("a line that is never as")
    typist.wait_for("never as")
    typist.interrupt_until("qa> ")
    typist.type("What is Secure Communities?\n")
    answer = typist.wait_for("qa> ")
    typist.type("/sh\t1\n")
    shown = typist.wait_for("qa> ")
    code = typist.end()

    assert code == 0
    assert "\x1b[1m[1] \x1b[0m" in answer
    assert ".md" in shown
    assert "error" not in answer + shown
    kept = next((tmp_path / "state").rglob("chat_history"))
    assert kept.read_text(encoding="utf-8").splitlines()[-2:] == ["What is Secure Communities?", "/show 1"]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600

    again = Typist("--index", str(shipped_index), "--no-history", "--quiet")
    again.wait_for("qa> ")
    again.type("/help\n")
    again.wait_for("/quit")
    # Typed before the prompt is there Ctrl-D would be lost: the terminal is in another mode until then.
    again.wait_for("qa> ")
    assert again.end() == 0
    assert "/help" not in kept.read_text(encoding="utf-8")
