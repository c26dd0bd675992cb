"""The doctor: each finding with its remedy, and what --fix makes of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from qa.cache import VectorCache, text_hash
from qa.config import Settings
from qa.doctor import Finding, Remedy, examine, repair
from qa.encoder import read_card
from qa.generation import Generation, current
from qa.indexer import build_index
from qa.locks import HOLDER_NAME, writer_lock
from qa.manifest import read_manifest, write_manifest
from tests.conftest import RunCli

pytestmark = pytest.mark.model

CHECKS = [
    "lock", "index", "reader", "files", "agreement", "sources", "encoder", "model", "versions", "cache", "leftovers",
    "space",
]  # fmt: skip
TEXT = "The ferry to Aldbury leaves at noon."


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, shipped_index: Path) -> Path:
    """An index of one document; copy it before you touch it."""
    folder = tmp_path_factory.mktemp("doctor")
    (folder / "ferry.txt").write_text(TEXT, encoding="utf-8")
    index = folder / "index"
    index.mkdir()
    (index / "encoder").symlink_to(shipped_index / "encoder", target_is_directory=True)
    build_index(index, Settings(), paths=[folder / "ferry.txt"])
    return index


@pytest.fixture
def index(sound: Path, tmp_path: Path) -> Iterator[Path]:
    copy = tmp_path / "index"
    shutil.copytree(sound, copy, symlinks=True)
    yield copy
    shutil.rmtree(copy)


def generation_of(index: Path) -> Path:
    folder = current(index)
    assert folder is not None
    return folder


def failed(index: Path) -> dict[str, Finding]:
    return {f.check: f for f in examine(index) if not f.passed}


def edit_manifest(index: Path, **changes: Any) -> None:
    folder = generation_of(index)
    write_manifest(folder, replace(read_manifest(folder), **changes))


def snapshot(index: Path) -> dict[Path, tuple[int, bytes | bool]]:
    """Return each file and folder, its bytes, and when anything was made or removed in it."""
    return {p: (p.stat().st_mtime_ns, p.is_file() and p.read_bytes()) for p in [index, *index.rglob("*")]}


def spoil_a_part(index: Path) -> None:
    """Damage a file that no other check looks at: where files are damaged the parts are not opened to be compared."""
    (generation_of(index) / "files.json").write_text("[]", encoding="utf-8")


def test_sound_index_passes_every_check(run_cli: RunCli, index: Path) -> None:
    outcome = run_cli("doctor", "--index", str(index), "--json")
    data = json.loads(outcome.out)

    assert outcome.code == 0
    assert [f["check"] for f in data["findings"]] == CHECKS
    assert {(f["passed"], f["fix"], f["remedy"]) for f in data["findings"]} == {(True, "", "none")}
    assert data["schema"] == 1


def test_doctor_changes_nothing_by_looking(index: Path) -> None:
    (index / "cache.db").write_bytes(b"garbage" * 500)
    before = {p: p.read_bytes() for p in index.rglob("*") if p.is_file()}

    assert failed(index).keys() == {"cache"}
    assert {p: p.read_bytes() for p in index.rglob("*") if p.is_file()} == before


def test_read_only_index_is_examined_without_writing_to_it(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The modes themselves are tested in test_locks: a whole index cannot be given to nobody.
    for module in ("qa.locks", "qa.doctor"):
        monkeypatch.setattr(f"{module}.is_writable", lambda _: False)
    before = snapshot(index)
    found = list(examine(index))

    assert [f.check for f in found] == CHECKS
    assert all(f.passed for f in found)
    assert found[0].detail == "not needed: the index is read-only"
    assert snapshot(index) == before


def test_read_only_index_without_a_temporary_folder_is_examined_as_far_as_can_be(
    index: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for module in ("qa.locks", "qa.doctor"):
        monkeypatch.setattr(f"{module}.is_writable", lambda _: False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    found = list(examine(index))

    assert [f.check for f in found] == CHECKS
    assert [(f.check, f.fix) for f in found if not f.passed] == [
        ("agreement", "set TMPDIR to a folder with room for a copy of it")
    ]


def test_looking_at_the_cache_writes_nothing(run_cli: RunCli, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qa.locks.is_writable", lambda _: False)
    before = snapshot(index)
    found = json.loads(run_cli("cache", "--index", str(index), "--json").out)

    assert (found["vectors"], found["in_use"]) == (1, 1)
    assert snapshot(index) == before


def test_damaged_cache_that_is_looked_at_is_named_and_kept(run_cli: RunCli, index: Path) -> None:
    (index / "cache.db").write_bytes(b"garbage" * 500)
    outcome = run_cli("cache", "--index", str(index))

    assert (outcome.code, outcome.out) == (1, "")
    assert f"cannot be read: file is not a database\n  fix: run: qa doctor --fix --index {index}\n" in outcome.err
    assert (index / "cache.db").read_bytes() == b"garbage" * 500


def test_everything_at_once_is_named_and_mended_without_embedding(
    run_cli: RunCli, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = generation_of(index) / "chroma" / "chroma.sqlite3"
    vectors.write_bytes(vectors.read_bytes()[:1000])
    (index / "cache.db").write_bytes(b"")
    (index / "gen-000007").mkdir()
    (index / "doctor-gen-000001").mkdir()
    (index / "CURRENT.new").write_text("gen-0", encoding="utf-8")
    looked = run_cli("doctor", "--index", str(index))
    monkeypatch.setattr("qa.vectors.QueryEncoder.encode_passages", None)  # whoever embeds now fails
    mended = run_cli("doctor", "--fix", "--index", str(index))
    after = run_cli("doctor", "--index", str(index), "--json")

    assert looked.code == 1
    assert [line.split()[1] for line in looked.out.splitlines() if line.startswith("FAILED")] == [
        "files", "cache", "leftovers",
    ]  # fmt: skip
    assert looked.out.count(f"fix: run: qa doctor --fix --index {index}") == 3
    assert (mended.code, after.code) == (0, 0), mended
    assert "after the repair:" in mended.out
    cache = next(f for f in json.loads(after.out)["findings"] if f["check"] == "cache")
    assert cache["detail"].startswith("1 vectors")


class Case(NamedTuple):
    """A damage, the check that finds it, what mends it, and a word of what is told."""

    damage: Callable[[Path], object]
    check: str
    remedy: Remedy
    told: str


def lose_the_model(index: Path) -> None:
    edit_manifest(index, model="/no/such/model")


def truncate_current(index: Path) -> None:
    (index / "CURRENT").write_bytes(b"")


def damage_a_vector(index: Path) -> None:
    path = index / "cache.db"
    data = bytearray(path.read_bytes())
    with Generation(index) as generation:
        at = data.index(generation.vectors[0].tobytes()[:64])
    data[at] ^= 1
    path.write_bytes(bytes(data))


def break_the_encoder(index: Path) -> None:
    card = next(index.glob("encoder/*"))
    (index / "encoder").unlink()
    (index / "encoder" / card.name).mkdir(parents=True)


CASES = [
    Case(spoil_a_part, "files", Remedy.REBUILD, "files.json"),
    Case(truncate_current, "index", Remedy.REBUILD, "names no generation"),
    Case(lambda i: (i / "CURRENT").unlink(), "index", Remedy.REBUILD, "CURRENT is missing"),
    Case(lambda i: (generation_of(i) / "manifest.json").unlink(), "index", Remedy.REBUILD, "cannot be read"),
    Case(lose_the_model, "model", Remedy.USER, "/no/such/model"),
    Case(lambda i: edit_manifest(i, model_checksum="0" * 32), "model", Remedy.RENEW, "is not the model"),
    Case(lambda i: edit_manifest(i, chromadb="0.4.0"), "versions", Remedy.RENEW, "chromadb 0.4.0"),
    Case(lambda i: edit_manifest(i, chunker=0), "versions", Remedy.RENEW, "chunker 0"),
    Case(break_the_encoder, "encoder", Remedy.REBUILD, "is missing"),
    Case(lambda i: (i / "cache.db").unlink(), "cache", Remedy.REBUILD, "is missing"),
    Case(damage_a_vector, "cache", Remedy.REBUILD, "1 damaged vectors"),
    Case(lambda i: (i / "gen-000009").mkdir(), "leftovers", Remedy.CLEAN, "gen-000009"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.check}: {case.told}")
def test_damage_is_found_with_its_remedy(index: Path, case: Case) -> None:
    case.damage(index)
    # So that Chroma need not be started for each case.
    if case.check not in ("files", "index"):
        spoil_a_part(index)
    finding = failed(index)[case.check]

    assert finding.remedy is case.remedy
    assert case.told in finding.detail
    assert finding.fix


def test_source_that_is_gone_is_the_users_to_mend(index: Path, sound: Path) -> None:
    edit_manifest(index, roots=(str(sound.parent / "nowhere"),))
    finding = failed(index)["sources"]

    assert finding.remedy is Remedy.USER
    assert "--forget" in finding.fix


def test_parts_that_disagree_are_found_though_every_file_is_as_written(index: Path) -> None:
    edit_manifest(index, chunks=2)

    finding = failed(index)["agreement"]
    assert finding.remedy is Remedy.REBUILD
    assert "1 passages, not 2" in finding.detail
    assert "doctor-" not in finding.detail


def test_full_disk_is_found(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil_a_part(index)
    usage = shutil.disk_usage(index)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))

    assert failed(index)["space"].remedy is Remedy.USER


def test_index_that_is_being_written_is_the_finding(run_cli: RunCli, index: Path) -> None:
    with writer_lock(index):
        outcome = run_cli("doctor", "--index", str(index), "--json")

    finding = json.loads(outcome.out)["findings"][0]
    assert (outcome.code, finding["check"], finding["passed"]) == (1, "lock", False)
    assert f"process {os.getpid()} on " in finding["detail"]


def test_lock_of_a_dead_process_is_told_and_does_no_harm(index: Path) -> None:
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    pid = int(done.stdout)
    holder = {"pid": pid, "host": "here", "started": "2011-08-05T00:00:00+00:00"}
    (index / HOLDER_NAME).write_text(json.dumps(holder), encoding="utf-8")
    spoil_a_part(index)

    lock = next(iter(examine(index)))
    assert lock.passed
    assert f"process {pid} on here" in lock.detail


def test_damaged_vector_that_nothing_uses_is_removed(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Generation(index) as generation:
        vector = generation.vectors[:1]
        other = VectorCache(index / "cache.db", "another model")
        other.put([text_hash("unused")], vector * 2)
        other.close()
    path = index / "cache.db"
    data = path.read_bytes()
    wanted = (vector * 2).tobytes()[:64]
    assert data.count(wanted) == 1
    path.write_bytes(data.replace(wanted, bytes(64)))
    found = list(failed(index).values())
    monkeypatch.setattr("qa.vectors.QueryEncoder.encode_passages", None)
    repair(index, Settings(), found, say=lambda _: None)

    assert [f.check for f in found] == ["cache"]
    assert failed(index) == {}


def test_pointer_that_is_gone_never_lets_another_index_answer(
    run_cli: RunCli, sound: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    own = tmp_path / "qa" / "index"
    shutil.copytree(sound, own, symlinks=True)
    (own / "CURRENT").unlink()
    asked = run_cli("ask", "When does the ferry leave?")
    mended = run_cli("index")
    again = run_cli("search", "ferry")

    assert (asked.code, asked.out) == (1, "")
    assert "CURRENT is missing" in asked.err
    assert "fix: run: qa index\n" in asked.err
    assert mended.code == 0
    assert TEXT in again.out


def test_remedy_names_the_index_of_the_command(run_cli: RunCli, index: Path) -> None:
    (generation_of(index) / "passages.db").write_bytes(b"short")
    outcome = run_cli("search", "ferry", "--index", str(index))

    assert outcome.code == 1
    assert outcome.err.endswith(f"fix: run: qa index --index {index}\n")


def test_encoder_whose_bytes_changed_is_found_and_made_again(index: Path, shipped_index: Path) -> None:
    folder = next((shipped_index / "encoder").iterdir())
    (index / "encoder").unlink()
    copy = index / "encoder" / folder.name
    shutil.copytree(folder, copy)
    weights = copy / "weights.bin"
    times = weights.stat()
    with weights.open("r+b") as file:
        file.seek(1000)
        file.write(b"damage")
    os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert read_card(copy) is not None
    found = list(failed(index).values())
    repair(index, Settings(), found, say=lambda _: None)

    assert [(f.check, f.remedy) for f in found] == [("encoder", Remedy.REBUILD)]
    assert failed(index) == {}
