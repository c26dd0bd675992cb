"""Help is instant and a question needs no heavy library: looked at in fresh processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "transformers", "sentence_transformers", "chromadb"}
# What help must not load either: each costs a tenth of a second or more.
SLOW = {"numpy", "onnxruntime", "tokenizers", "sqlite3", "yaml", "nupunkt"}
_PROGRAM = """
import json, sys
from qa.start import main
try:
    main()
except SystemExit:
    pass
sys.stderr.write("\\nMODULES " + json.dumps(sorted({*sys.modules, *(name.split(".")[0] for name in sys.modules)})))
"""


def modules_after(*argv: str) -> set[str]:
    """Return the modules, and the packages they are in, that a fresh process has loaded after running a command."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *argv], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    return set(json.loads(done.stderr.rsplit("MODULES ", 1)[1]))


@pytest.mark.parametrize(
    "command", ["", "ask", "search", "show", "sources", "status", "index", "faq", "verify", "eval"]
)
def test_help_imports_no_model_library(command: str) -> None:
    loaded = modules_after(*[c for c in (command,) if c], "--help")

    assert loaded & (HEAVY | SLOW) == set()


@pytest.mark.model
@pytest.mark.parametrize(
    "argv",
    [
        ("ask", "What is a detainer?"),
        ("ask", "detainer", "--reader", "none"),
        ("search", "detainer"),
        ("status",),
        ("sources",),
    ],
)
def test_reading_the_index_imports_no_heavy_library(argv: tuple[str, ...], shipped_index: Path) -> None:
    loaded = modules_after(*argv, "--index", str(shipped_index))

    assert loaded & HEAVY == set()


@pytest.mark.model
@pytest.mark.parametrize("argv", [("ask", "What is a detainer?", "--json"), ("search", "detainer", "--json")])
def test_plain_question_loads_no_option_parser_and_no_indexer(argv: tuple[str, ...], shipped_index: Path) -> None:
    loaded = modules_after(*argv, "--index", str(shipped_index))

    assert {"onnxruntime", "numpy"} <= loaded
    assert loaded & {"typer", "pydantic", "rich", "yaml", "nupunkt", "filelock", "markdown_it"} == set()


@pytest.mark.model
def test_a_question_for_a_person_loads_no_indexer(shipped_index: Path) -> None:
    loaded = modules_after("ask", "What is a detainer?", "--index", str(shipped_index))

    assert "rich" in loaded
    assert loaded & {"qa.indexer", "qa.doctor", "nupunkt", "filelock", "yaml", "typer"} == set()


@pytest.mark.model
def test_an_unchanged_index_is_renewed_without_any_model(shipped_index: Path) -> None:
    loaded = modules_after("index", "--index", str(shipped_index))

    assert loaded & (HEAVY | {"onnxruntime"}) == set()


@pytest.mark.model
def test_adding_a_small_file_imports_no_torch(shipped_index: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    index.mkdir()
    (index / "encoder").symlink_to(shipped_index / "encoder", target_is_directory=True)
    (tmp_path / "note.txt").write_text("The ferry to Aldbury leaves at noon.", encoding="utf-8")
    loaded = modules_after("index", str(tmp_path / "note.txt"), "--index", str(index))

    assert loaded & (HEAVY - {"chromadb"}) == set()
    assert {"onnxruntime", "chromadb"} <= loaded


@pytest.mark.model
def test_no_library_keeps_a_diary_of_its_use(shipped_index: Path, tmp_path: Path) -> None:
    home, index = tmp_path / "home", tmp_path / "index"
    home.mkdir()
    index.mkdir()
    (index / "encoder").symlink_to(shipped_index / "encoder", target_is_directory=True)
    (tmp_path / "note.txt").write_text("The ferry to Aldbury leaves at noon.", encoding="utf-8")
    names = ("TELEMETRY", "DO_NOT_TRACK", "HOME", "XDG_")
    env = {k: v for k, v in os.environ.items() if not any(name in k for name in names)} | {"HOME": str(home)}
    for argv in (("index", str(tmp_path / "note.txt")), ("ask", "When does the ferry leave?", "--json")):
        command = [sys.executable, "-m", "qa", *argv, "--index", str(index)]
        subprocess.run(command, capture_output=True, check=True, env=env)

    # ONNX Runtime's goes to ~/.cache and is sent to its maker from there.
    assert [str(p) for p in home.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize(("given", "expected"), [(None, "1"), ("4", "4")])
def test_numpy_starts_no_threads_unless_it_is_told_to(given: str | None, expected: str) -> None:
    env = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    program = "import os, qa; print(os.environ['OPENBLAS_NUM_THREADS'])"
    more = {} if given is None else {"OPENBLAS_NUM_THREADS": given}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=env | more)

    assert done.stdout.strip() == expected
