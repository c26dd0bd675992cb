"""What README tells a reader to type works, and CI runs the very commands of its first screen."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import RunCli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
INSTALL = [line for kind, block in BLOCKS if kind == "sh" for line in block.splitlines() if "pip install" in line]
LINES = [line[2:] for kind, block in BLOCKS if kind == "console" for line in block.splitlines() if line[:2] == "$ "]
RUNNABLE = [line for line in LINES if line.startswith(("qa ", "echo ")) and "--watch" not in line]

LEASE = "# Lease of the hall\n\nThe lease of the hall ends on May 3, 2031.\n"
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


@pytest.fixture
def weekly(tmp_path: Path) -> Path:
    """Return a folder with a document and the questions about it, as the weekly scripts expect them."""
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "lease.md").write_text(LEASE, encoding="utf-8")
    (tmp_path / "faq.yaml").write_text("- When does the lease of the hall end?\n", encoding="utf-8")
    return tmp_path


def run_script(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    bin_folder = str(Path(sys.executable).parent)
    # A person's git settings, such as signed commits, are not those of a fresh runner.
    env = {"HOME": str(folder), "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}", "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(
        ["sh", "-eu", "-c", script], cwd=folder, env=env, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.mark.model
@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_the_script_for_cron_renews_the_page_and_tells_what_changed(weekly: Path) -> None:
    (script,) = [block for kind, block in BLOCKS if kind == "sh" and block.startswith("#!/bin/sh")]
    script = script.replace("cd /srv/faq", f"cd {shlex.quote(str(weekly))}")
    first = run_script(script, weekly)
    (weekly / "documents" / "lease.md").write_text(LEASE.replace("2031", "2033"), encoding="utf-8")
    second = run_script(script, weekly)

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "2031" in (weekly / "last.html").read_text(encoding="utf-8")
    for name in ("FAQ.md", "FAQ.html"):
        assert "May 3, 2033" in (weekly / "public" / name).read_text(encoding="utf-8")
    assert "hall-end: answer changed (source edited" in second.stdout


def run_workflow(workflow: dict[str, Any], event: str, folder: Path) -> list[subprocess.CompletedProcess[str]]:
    """Run the commands of the workflow's job for an event up to the first that fails; qa is installed already."""
    done = []
    for step in workflow["jobs"]["faq"]["steps"]:
        asked = re.fullmatch(r"github\.event_name == '(\w+)'", step.get("if", f"github.event_name == '{event}'"))
        assert asked
        if "run" not in step or step["run"].startswith("pip ") or asked[1] != event:
            continue
        done.append(run_script(step["run"], folder))
        if done[-1].returncode:
            break
    return done


@pytest.mark.model
@pytest.mark.skipif(sys.platform == "win32" or not shutil.which("git"), reason="needs sh and git")
def test_the_workflow_renews_the_page_and_finds_one_that_is_out_of_date(weekly: Path) -> None:
    (text,) = [block for kind, block in BLOCKS if kind == "yaml" and block.startswith("name: FAQ")]
    workflow = yaml.safe_load(text)
    # YAML 1.1 reads the key "on" as true.
    assert set(workflow[True]) == {"schedule", "pull_request"}
    origin = weekly / "origin.git"
    made = run_script(
        f"git init -q --bare {shlex.quote(str(origin))}; git init -q -b main .;"
        f" git remote add origin {shlex.quote(str(origin))}; git add documents faq.yaml;"
        " git -c user.name=A -c user.email=a@b.example commit -qm Start; git push -q -u origin main",
        weekly,
    )
    assert made.returncode == 0, made.stderr

    renewed = [run_workflow(workflow, "schedule", weekly) for _ in range(2)]
    fresh = run_workflow(workflow, "pull_request", weekly)
    (weekly / "documents" / "lease.md").write_text(LEASE.replace("2031", "2033"), encoding="utf-8")
    stale = run_workflow(workflow, "pull_request", weekly)
    log = run_script("git -C origin.git log --format=%s main", weekly)

    assert [step.returncode for steps in (*renewed, fresh) for step in steps] == [0] * 6, renewed[0][-1].stderr
    assert log.stdout.splitlines() == ["Renew the FAQ", "Start"]
    assert [step.returncode for step in stale] == [0, 1]
