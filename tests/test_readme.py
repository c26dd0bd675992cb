"""What README tells a reader to type works, and CI runs the very commands of its first screen."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.conftest import RunCli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
INSTALL = [line for kind, block in BLOCKS if kind == "sh" for line in block.splitlines() if "pip install" in line]
LINES = [line[2:] for kind, block in BLOCKS if kind == "console" for line in block.splitlines() if line[:2] == "$ "]
RUNNABLE = [line for line in LINES if line.startswith(("qa ", "echo ")) and "--watch" not in line]

# What these options may end with: there is no answer, a figure is below its bound.
EXIT_CODES = {"--exit-status": {0, 3}, "--fail-under": {0, 1}}


def test_the_install_commands_are_those_that_ci_runs() -> None:
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()

    assert len(INSTALL) == 2
    assert [line for line in ci if line in INSTALL] == INSTALL


def test_the_install_commands_stand_in_the_first_screen() -> None:
    assert all(line in README.splitlines()[:24] for line in INSTALL)


def test_there_are_commands_to_try() -> None:
    assert len(LINES) >= 8


@pytest.mark.model
@pytest.mark.parametrize(
    "line", [line for line in LINES if line.startswith(("qa ", "echo ")) and "--watch" not in line]
)
def test_a_command_of_readme_runs(
    line: str, run_cli: RunCli, shipped_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / "documents").mkdir(parents=True)
    (home / "documents" / "lease.md").write_text("# Lease\n\nThe lease ends on May 3, 2031.\n", encoding="utf-8")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    shutil.copytree(shipped_index, home / "data" / "qa" / "shipped")
    words = [str(home / w[2:]) if w.startswith("~/") else w for w in shlex.split(line, comments=True)]
    stdin, target = "", None
    if words[0] == "echo":
        stdin, words = words[1] + "\n", words[3:]
    if ">" in words:
        words, target = words[: words.index(">")], words[-1]
    if words[:3] == ["qa", "index", "--forget"]:
        (home / "letters").mkdir()
        assert run_cli("index", words[3], str(home / "letters"), cwd=home).code == 0
    if "questions.yaml" in words and "--init" not in words:
        (home / "questions.yaml").write_text(json.dumps(golden()), encoding="utf-8")
    if "faq.yaml" in words or {"FAQ.md", "FAQ.html"} & set(words):
        (home / "faq.yaml").write_text("- What is a detainer?\n", encoding="utf-8")
    if words[1] == "verify" or {"--check", "--diff"} & set(words):
        assert run_cli("faq", "faq.yaml", "-o", "FAQ.md", "-o", "FAQ.html", cwd=home).code == 0
    if "--compare" in words:
        before = run_cli("eval", "questions.yaml", "--json", cwd=home)
        (home / "before.json").write_text(before.out, encoding="utf-8")

    result = run_cli(*words[1:], stdin=stdin, cwd=home)

    assert words[0] == "qa"
    assert result.code in EXIT_CODES.get(next((w for w in words if w in EXIT_CODES), ""), {0}), result.err
    assert target is None or result.out
    assert not (target or "").endswith(".json") or json.loads(result.out)


def golden() -> list[dict[str, object]]:
    """Return some golden questions, enough to calibrate by."""
    lines = (ROOT / "tests" / "golden" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    dev = [q for q in map(json.loads, lines) if q["split"] == "dev"]
    return [q for q in dev if q["answerable"]][:16] + [q for q in dev if not q["answerable"]][:12]
