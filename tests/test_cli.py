"""The command line as a script or a newcomer meets it: exit codes, one-line errors, streams."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import MakeIndex, RunCli

pytestmark = pytest.mark.model

SETTLED = [
    "What is Secure Communities?",
    "How many fingerprint submissions had there been by September 30, 2011?",
    "Can a state opt out?",
    "when were the MOAs rescinded and by whom",
    "What is ICE ACCESS?",
    "difference between S-Comm and 287(g)",
]


def qa(*argv: str, **how: object) -> subprocess.CompletedProcess[str]:
    """Run qa in a process of its own."""
    command = [sys.executable, "-m", "qa", *argv]
    return subprocess.run(command, capture_output=True, text=True, check=False, **how)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("question", SETTLED)
def test_questions_that_must_be_answered(run_cli: RunCli, shipped_index: Path, question: str) -> None:
    outcome = run_cli("ask", question, "--index", str(shipped_index), "--json", "--exit-status")

    assert outcome.code == 0
    assert json.loads(outcome.out)["answered"] is True


def test_question_that_must_be_refused(run_cli: RunCli, shipped_index: Path) -> None:
    outcome = run_cli("ask", "What is the boiling point of mercury?", "--index", str(shipped_index))

    assert outcome.code == 0
    assert outcome.out.startswith("These documents do not answer that.")
    assert "Closest passages, which do not answer this" in outcome.out


def test_refusal_has_its_own_exit_code_on_request(run_cli: RunCli, shipped_index: Path) -> None:
    argv = ("ask", "What is the boiling point of mercury?", "--index", str(shipped_index))

    assert run_cli(*argv).code == 0
    assert run_cli(*argv, "--exit-status").code == 3


def test_same_question_twice_gives_the_same_bytes(shipped_index: Path) -> None:
    argv = ("ask", "Who signed the letter of August 5, 2011?", "--index", str(shipped_index), "--json")
    first, second = qa(*argv), qa(*argv)

    assert first.returncode == 0
    assert first.stdout == second.stdout


def test_json_names_what_the_answer_depends_on(run_cli: RunCli, shipped_index: Path) -> None:
    data = json.loads(run_cli("ask", "What is a detainer?", "--index", str(shipped_index), "--json").out)

    assert data["schema"] == 1
    assert {"fingerprint", "model", "model_checksum", "chunker"} <= data["index"].keys()
    citation = data["answer"][0]["citation"]
    assert (
        Path(citation["path"]).read_text(encoding="utf-8")[citation["start"] : citation["end"]]
        == data["answer"][0]["text"]
    )
    assert citation["references"][0]["url"].startswith("http")
    assert {"dense", "sparse", "fused"} <= data["passages"][0]["scores"].keys()


def test_question_from_standard_input(run_cli: RunCli, shipped_index: Path) -> None:
    outcome = run_cli("ask", "-", "--index", str(shipped_index), stdin="What is a\ndetainer?\n")

    assert outcome.code == 0
    assert "detainer" in outcome.out


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("", "the question is empty"),
        ("   \n", "the question is empty"),
        ("what is it?", "only common words"),
        ("???", "no words"),
        ("word " * 10_000, "10000 words"),
    ],
)
def test_question_that_cannot_be_searched_for(run_cli: RunCli, shipped_index: Path, question: str, told: str) -> None:
    outcome = run_cli("ask", question, "--index", str(shipped_index))

    assert outcome.code == 2
    assert told in outcome.err
    assert outcome.err.splitlines()[1].startswith("  fix: ")
    assert outcome.out == ""


def test_question_in_another_language_says_why_nothing_is_found(run_cli: RunCli, shipped_index: Path) -> None:
    outcome = run_cli("ask", "Wie hoch ist der Eiffelturm in Paris gebaut worden?", "--index", str(shipped_index))

    assert outcome.code == 0
    assert "seems to be in German" in outcome.err


def test_question_of_bytes_that_are_no_text(shipped_index: Path) -> None:
    done = qa("ask", os.fsdecode(b"What is a \xff\xfe detainer?"), "--index", str(shipped_index))

    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_no_index_names_the_command_that_makes_one(run_cli: RunCli, tmp_path: Path) -> None:
    outcome = run_cli("ask", "What is a detainer?", "--index", str(tmp_path / "none"))

    assert outcome.code == 1
    assert outcome.err.startswith(
        f"error: there is no index in {tmp_path / 'none'}\n  fix: run: qa index FOLDER --index"
    )


def test_unknown_topic_names_the_command_that_lists_them(run_cli: RunCli, shipped_index: Path) -> None:
    outcome = run_cli("ask", "What is a detainer?", "--topic", "gardening", "--index", str(shipped_index))

    assert outcome.code == 2
    assert "no passage matches --topic gardening" in outcome.err
    assert "qa sources" in outcome.err


@pytest.mark.parametrize(
    ("option", "value", "check"),
    [
        ("--topic", "detainers", lambda c: c["topic"] == "detainers"),
        ("--kind", "government", lambda c: any(r["kind"] == "government" for r in c["references"])),
        ("--source", "glossary.md", lambda c: c["source"] == "corpus/glossary.md"),
        ("--source", "corpus/*.md", lambda c: c["source"].startswith("corpus/")),
    ],
)
def test_filters_hold_for_every_quote(
    run_cli: RunCli, shipped_index: Path, option: str, value: str, check: object
) -> None:
    outcome = run_cli("ask", "What is a detainer?", option, value, "--index", str(shipped_index), "--json")

    data = json.loads(outcome.out)
    cited = [q["citation"] for q in data["answer"] + data["closest"]]
    assert cited
    assert all(check(c) for c in cited)  # type: ignore[operator]


def test_explain_shows_candidates_and_verdict(run_cli: RunCli, shipped_index: Path) -> None:
    out = run_cli("ask", "What is a detainer?", "--explain", "--index", str(shipped_index)).out

    assert "searched for: What is a detainer?" in out
    assert "answered:" in out
    assert "fused" in out


def test_correction_is_told(run_cli: RunCli, shipped_index: Path) -> None:
    outcome = run_cli("ask", "What is a detaner?", "--index", str(shipped_index))

    assert '"detaner" was read as "detainer"' in outcome.err
    assert "detainer is a request" in outcome.out


def test_search_lists_passages(run_cli: RunCli, shipped_index: Path) -> None:
    outcome = run_cli("search", '"opt-in, opt-out program"', "-k", "3", "--index", str(shipped_index), "--json")

    data = json.loads(outcome.out)
    assert 1 <= len(data["passages"]) <= 3
    assert all("opt-in, opt-out program" in p["text"] for p in data["passages"])


def test_show_marks_the_cited_line(run_cli: RunCli, shipped_index: Path) -> None:
    data = json.loads(run_cli("ask", "What is a detainer?", "--index", str(shipped_index), "--json").out)
    citation = data["answer"][0]["citation"]
    out = run_cli("show", f"{citation['source']}:{citation['line']}", "--index", str(shipped_index)).out

    marked = [line for line in out.splitlines() if line.startswith(">")]
    assert len(marked) == 1
    assert data["answer"][0]["text"] in marked[0]


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("nothing.md", "no document is called nothing.md"),
        ("*.md", "may be any of"),
        ("glossary.md:9999", "has lines 1 to"),
        ("glossary.md:9-3", "has lines 1 to"),
    ],
)
def test_show_of_a_place_that_is_not_there(run_cli: RunCli, shipped_index: Path, place: str, told: str) -> None:
    outcome = run_cli("show", place, "--index", str(shipped_index))

    assert outcome.code == 2
    assert told in outcome.err


def test_sources_lists_documents_and_references(run_cli: RunCli, shipped_index: Path) -> None:
    index = str(shipped_index)
    documents = run_cli("sources", "--index", index).out.splitlines()
    references = json.loads(run_cli("sources", "--references", "--index", index, "--json").out)["references"]

    assert len(documents) == 24
    assert len(references) == 233


def test_status_tells_what_is_stale(run_cli: RunCli, make_index: MakeIndex, tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("The ferry leaves at noon.", encoding="utf-8")
    index = str(make_index(path).index)
    fresh = json.loads(run_cli("status", "--index", index, "--json").out)
    path.write_text("The ferry leaves at one.", encoding="utf-8")
    stale = json.loads(run_cli("status", "--index", index, "--json").out)

    assert (fresh["stale"], stale["stale"]) == ([], ["note.txt"])
    assert fresh["chunks"] == 1


def test_status_of_every_file(run_cli: RunCli, shipped_index: Path) -> None:
    out = run_cli("status", "--files", "--index", str(shipped_index)).out

    assert out.count("indexed  corpus/") == 24
    assert "skipped  corpus/references.json: settings or bibliography" in out


def test_unwritable_place_is_one_line(run_cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("The ferry leaves at noon.", encoding="utf-8")
    (tmp_path / "file").touch()
    outcome = run_cli("index", str(tmp_path / "note.txt"), "--index", str(tmp_path / "file" / "index"))

    assert outcome.code == 1
    assert outcome.err.startswith("error: cannot write the index")
    assert "fix: " in outcome.err


def test_source_that_is_not_there_is_one_line(run_cli: RunCli, tmp_path: Path) -> None:
    outcome = run_cli("index", str(tmp_path / "none"), "--index", str(tmp_path / "index"))

    assert outcome.code == 1
    assert outcome.err.startswith(f"error: cannot read {tmp_path / 'none'}")


def test_unknown_setting_is_a_usage_error(run_cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "qa.toml").write_text('modle = "x"\n', encoding="utf-8")
    outcome = run_cli("ask", "What is a detainer?", cwd=tmp_path)

    assert outcome.code == 2
    assert "did you mean model?" in outcome.err


def test_model_that_is_nowhere_is_one_line(run_cli: RunCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "note.txt").write_text("The ferry leaves at noon.", encoding="utf-8")
    done = qa("index", str(tmp_path / "note.txt"), "--index", str(tmp_path / "index"), "--model", "no/such-model")

    assert done.returncode == 1
    assert "error: the model no/such-model is neither a folder nor on this machine" in done.stderr
    assert "Traceback" not in done.stderr


def test_closed_pipe_ends_quietly(shipped_index: Path) -> None:
    command = f"{sys.executable} -m qa search detainer -k 100 --index {shipped_index} | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)

    assert done.stdout.startswith("[1] ")
    assert done.stderr == ""


def test_legacy_code_page_does_not_break_the_output(shipped_index: Path) -> None:
    env = dict(os.environ) | {"PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(
        [sys.executable, "-m", "qa", "ask", "What is a detainer?", "--index", str(shipped_index)],
        capture_output=True,
        env=env,
        check=True,
    )

    assert "detainer" in done.stdout.decode("utf-8")


def test_interrupt_while_indexing_is_one_line(shipped_index: Path, tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    for number in range(60):
        (documents / f"{number}.txt").write_text(f"Lighthouse {number} needs {number} keepers. " * 60, encoding="utf-8")
    index = tmp_path / "index"
    command = [sys.executable, "-m", "qa", "index", str(documents), "--index", str(index)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("embedding"):
            break
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    # Interrupted inside torch's import Python ends itself by the signal, which a shell reports as 130 too.
    assert process.returncode in (130, -signal.SIGINT)
    assert "interrupted; the index is as it was" in err
    assert "Traceback" not in err
    assert list(index.glob("gen-*")) == []


def test_first_question_builds_the_shipped_index(
    run_cli: RunCli, shipped_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    encoder = tmp_path / "data" / "qa" / "shipped" / "encoder"
    encoder.parent.mkdir(parents=True)
    encoder.symlink_to(shipped_index / "encoder", target_is_directory=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    first = run_cli("ask", "What is a detainer?", cwd=empty)
    second = run_cli("ask", "What is a detainer?", cwd=empty)

    assert (first.code, second.code) == (0, 0)
    assert "Building the index of the corpus that comes with qa" in first.err
    assert second.err == ""
    assert first.out == second.out
    assert list(empty.iterdir()) == []


def test_own_index_is_preferred_to_the_shipped_one(
    run_cli: RunCli, shipped_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    encoder = tmp_path / "data" / "qa" / "index" / "encoder"
    encoder.parent.mkdir(parents=True)
    encoder.symlink_to(shipped_index / "encoder", target_is_directory=True)
    (tmp_path / "note.txt").write_text("The ferry to Aldbury leaves at noon.", encoding="utf-8")
    indexed = run_cli("index", str(tmp_path / "note.txt"))
    asked = run_cli("ask", "When does the ferry to Aldbury leave?", "--json")

    assert indexed.code == 0
    assert "The ferry to Aldbury leaves at noon." in asked.out


def test_version(run_cli: RunCli) -> None:
    assert run_cli("--version").out.startswith("qa 0.")
