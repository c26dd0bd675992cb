"""Nothing is lost: writers are killed, several processes meet, files are damaged, the disk is full.

The long run of kills is ``python -m bench.crash``; here is a short one of the same.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.crash import Workplace, killed, renew, run, start
from qa.config import Settings
from qa.doctor import examine, repair
from qa.errors import IndexDamagedError, QaError, StorageError
from qa.generation import Generation, current
from qa.indexer import build_index
from tests.conftest import MakeIndex, RunCli

pytestmark = pytest.mark.model

if not hasattr(os, "fork"):  # pragma: no cover
    pytest.skip("these tests fork and kill", allow_module_level=True)


@pytest.fixture
def place(tmp_path: Path, shipped_index: Path) -> Workplace:
    return Workplace(tmp_path, shipped_index / "encoder", seed=1)


def test_killed_writers_leave_the_index_as_before_or_as_after(shipped_index: Path) -> None:
    outcome = run(5, seed=11, encoder=shipped_index / "encoder")

    assert outcome.failures == []
    assert outcome.kills == 5


def test_first_run_that_is_killed_leaves_no_index_and_its_successor_goes_on(place: Workplace) -> None:
    assert killed(renew, place, 0.8)
    assert place.answers() == ""

    place.renew()
    assert place.answers() != ""


_READER = """
import hashlib, json, os, sys
from pathlib import Path
from bench.crash import QUESTIONS
from qa.answerer import Answerer
from qa.generation import Generation
index, stop, out = map(Path, sys.argv[1:])
seen = []
parent = os.getppid()  # whose death ends this too
while not stop.exists() and os.getppid() == parent:
    with Generation(index) as generation:
        answerer = Answerer(generation)
        found = [repr(answerer.retriever.search(q).hits) for q in QUESTIONS[:2]]
        seen.append((generation.manifest.fingerprint, hashlib.sha256("".join(found).encode()).hexdigest()))
out.write_text(json.dumps(seen), encoding="utf-8")
"""


def test_readers_never_see_two_generations_mixed(place: Workplace, tmp_path: Path) -> None:
    place.renew()
    stop = tmp_path / "stop"
    outs = [tmp_path / f"seen-{n}.json" for n in range(7)]
    commands = [[sys.executable, "-c", _READER, str(place.index), str(stop), str(out)] for out in outs]
    readers = [subprocess.Popen(c, stderr=subprocess.PIPE, text=True) for c in commands]
    try:
        for _ in range(10):
            place.add()
            place.renew()
    finally:
        stop.touch()
    errors = [reader.communicate()[1] for reader in readers]

    assert [(r.returncode, e) for r, e in zip(readers, errors, strict=True)] == [(0, "")] * 7
    by_fingerprint: dict[str, set[str]] = {}
    for out in outs:
        for fingerprint, digest in json.loads(out.read_text(encoding="utf-8")):
            by_fingerprint.setdefault(fingerprint, set()).add(digest)
    assert all(len(digests) == 1 for digests in by_fingerprint.values())
    assert len(by_fingerprint) > 3


def test_second_writer_is_told_who_holds_the_index(place: Workplace, run_cli: RunCli) -> None:
    place.renew()
    place.add()
    writer = start(renew, place)
    while not (place.index / "LOCK.json").exists():
        time.sleep(0.005)
    outcome = run_cli("index", "--index", str(place.index))
    waited = run_cli("index", "--index", str(place.index), "--wait", "60")
    writer.join()

    assert outcome.code == 1
    assert f"is being written by process {writer.pid} on " in outcome.err
    assert "--wait" in outcome.err
    assert waited.code == 0


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _overwrite(share: float) -> Callable[[Path], None]:
    def overwrite(path: Path) -> None:
        data = bytearray(path.read_bytes())
        at = min(int(len(data) * share), max(len(data) - 64, 0))
        data[at : at + 64] = b"\xa5" * len(data[at : at + 64])
        path.write_bytes(bytes(data))

    return overwrite


def _replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], None]] = {
    "truncated": _truncate,
    "emptied": _empty,
    "garbage at the start": _overwrite(0.0),
    "garbage in the middle": _overwrite(0.5),
    "garbage at the end": _overwrite(1.0),
    "deleted": Path.unlink,
    "unreadable": _replace_by_folder,
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, shipped_index: Path) -> Iterator[tuple[Workplace, str]]:
    """A workplace with an index, and what it answers."""
    place = Workplace(tmp_path_factory.mktemp("sound"), shipped_index / "encoder", seed=1)
    place.renew()
    yield place, place.answers()
    shutil.rmtree(place.index)


def _files(index: Path) -> list[str]:
    folder = current(index)
    assert folder is not None
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_never_gives_a_wrong_answer(sound: tuple[Workplace, str], tmp_path: Path, damage: str) -> None:
    place, answers = sound
    for name in _files(place.index):
        copy = tmp_path / "copy"
        shutil.copytree(place.index, copy, symlinks=True)
        folder = current(copy)
        assert folder is not None
        if (folder / name).stat().st_size == 0 and damage not in ("deleted", "unreadable"):
            shutil.rmtree(copy)
            continue
        DAMAGES[damage](folder / name)
        try:
            damaged = _answers(copy)
        except QaError as error:
            assert isinstance(error, IndexDamagedError), (name, error)  # noqa: PT017
        else:
            # Chroma's files are not opened by a question.
            assert name.startswith("chroma/"), name
            assert damaged == answers, name
        shutil.rmtree(copy)


def _answers(index: Path) -> str:
    place = Workplace.__new__(Workplace)
    place.index = index
    return place.answers()


@pytest.mark.parametrize("name", ["passages.db", "vectors.npy", "manifest.json", "files.json", "chroma/chroma.sqlite3"])
@pytest.mark.parametrize("damage", ["truncated", "garbage in the middle"])
def test_damage_is_mended_without_embedding(
    sound: tuple[Workplace, str], tmp_path: Path, damage: str, name: str
) -> None:
    place, answers = sound
    copy = tmp_path / "copy"
    shutil.copytree(place.index, copy, symlinks=True)
    folder = current(copy)
    assert folder is not None
    DAMAGES[damage](folder / name)
    findings = [f for f in examine(copy) if not f.passed]
    assert findings
    repair(copy, Settings(), findings, say=lambda line: None)

    assert [f for f in examine(copy) if not f.passed] == []
    mended = _answers(copy)
    assert json.dumps(mended) == json.dumps(answers)


def test_lost_cache_is_filled_again_without_embedding(make_index: MakeIndex, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The ferry leaves at noon.", encoding="utf-8")
    (tmp_path / "b.txt").write_text("Gulls nest on the breakwater.", encoding="utf-8")
    index = make_index(tmp_path / "a.txt", tmp_path / "b.txt").index
    for path in index.glob("cache.db*"):
        path.unlink()
    (tmp_path / "b.txt").write_text("Terns nest on the shingle.", encoding="utf-8")

    assert make_index().embedded == 1
    assert make_index(rebuild=True).embedded == 0


def test_garbage_cache_is_begun_anew(make_index: MakeIndex, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The ferry leaves at noon.", encoding="utf-8")
    index = make_index(tmp_path / "a.txt").index
    (index / "cache.db").write_bytes(b"garbage" * 1000)
    (tmp_path / "a.txt").write_text("The ferry leaves at one.", encoding="utf-8")
    said: list[str] = []

    assert make_index(say=said.append).chunks == 1
    assert any("was damaged" in line for line in said)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Return a function that mounts a file system of so many kilobytes."""
    mounted: list[Path] = []

    def mount(size_kb: int) -> Path:
        folder = tmp_path / f"disk-{size_kb}"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", str(folder)], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("a small file system cannot be mounted here")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("size_kb", [64, 200, 350, 500])
def test_full_disk_keeps_the_index(
    small_disk: Callable[[int], Path],
    shipped_index: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    size_kb: int,
) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "a.txt").write_text("The ferry leaves at noon.\n\n" * 300, encoding="utf-8")
    index = small_disk(size_kb) / "index"
    index.mkdir()
    (index / "encoder").symlink_to(shipped_index / "encoder", target_is_directory=True)
    with pytest.raises(StorageError, match="are free"):
        build_index(index, Settings(), paths=[documents])
    # Without the check beforehand the disk fills up somewhere on the way.
    monkeypatch.setattr("qa.indexer.check_space", lambda *_: None)
    with pytest.raises(StorageError) as caught:
        build_index(index, Settings(), paths=[documents])

    assert "the index is as it was" in str(caught.value) or "cannot" in str(caught.value)
    assert caught.value.fix
    assert list(index.glob("gen-*")) == []
    assert current(index) is None


# From the lock to the verified generation: each time the disk is full somewhere else.
@pytest.mark.parametrize("free", [0, 20_000, 60_000, 100_000, 200_000, 280_000, 300_000, 380_000])
def test_full_disk_leaves_the_old_generation_answering(
    small_disk: Callable[[int], Path],
    shipped_index: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    free: int,
) -> None:
    monkeypatch.setattr("qa.indexer.check_space", lambda *_: None)
    document = tmp_path / "a.txt"
    document.write_text("The ferry leaves at noon.", encoding="utf-8")
    index = small_disk(4000) / "index"
    index.mkdir()
    (index / "encoder").symlink_to(shipped_index / "encoder", target_is_directory=True)
    build_index(index, Settings(), paths=[document])
    document.write_text("The ferry leaves at one.", encoding="utf-8")
    filler = index.parent / "filler"
    filler.write_bytes(b"x" * (shutil.disk_usage(index).free - free))

    with pytest.raises(StorageError) as caught:
        build_index(index, Settings(), paths=[document])

    assert caught.value.fix
    with Generation(index) as generation:
        assert [p.text for p in generation.passages.get([0]).values()] == ["The ferry leaves at noon."]
    # The same process, as with --watch, goes on as soon as there is room; Chroma would give it the store that failed.
    filler.unlink()
    report = build_index(index, Settings(), paths=[document])
    assert report.chunks == 1
    with Generation(index) as generation:
        assert [p.text for p in generation.passages.get([0]).values()] == ["The ferry leaves at one."]
    # Where the first run had come to the writing, what it embedded was kept.
    if free >= 100_000:
        assert report.embedded == 0


def test_verification_that_crashes_is_contained(sound: tuple[Workplace, str], monkeypatch: pytest.MonkeyPatch) -> None:
    place, answers = sound
    crashing = place.index.with_name("python")
    crashing.write_text("#!/bin/sh\nkill -SEGV $$\n", encoding="utf-8")
    crashing.chmod(0o755)
    place.add()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", str(crashing))
        with pytest.raises(IndexDamagedError, match="exit code -11"):
            place.renew()

    assert place.answers() == answers
