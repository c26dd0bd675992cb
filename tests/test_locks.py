"""Locks: one writer, who is told to the second; readers that share; nothing outlives its process."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from qa.errors import IndexBusyError, StorageError
from qa.locks import HOLDER_NAME, LOCK_NAME, hold_shared, is_held, is_writable, no_writer, writer_lock
from tests.unprivileged import unprivileged

_HOLD = """
import sys, time
from pathlib import Path
from qa.locks import hold_shared, writer_lock
path = Path(sys.argv[2])
if sys.argv[1] == "write":
    with writer_lock(path):
        print("held", flush=True)
        sys.stdin.readline()
else:
    hold_shared(path)
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def holder(how: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run another process that holds ``path``."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, how, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:  # at its end the process reads the end of its input, and ends
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process


def test_second_writer_is_told_process_host_and_start(tmp_path: Path) -> None:
    before = datetime.now(UTC).replace(microsecond=0)

    with holder("write", tmp_path) as process, pytest.raises(IndexBusyError) as caught, writer_lock(tmp_path):
        pass

    told = str(caught.value)
    assert str(tmp_path) in told
    assert f"process {process.pid} on {socket.gethostname()}, since " in told
    assert before <= datetime.fromisoformat(told.split("since ")[1]) <= datetime.now(UTC)
    assert "--wait" in caught.value.fix


def test_second_writer_of_the_same_process_is_refused_too(tmp_path: Path) -> None:
    with writer_lock(tmp_path), pytest.raises(IndexBusyError, match=f"process {os.getpid()}"), writer_lock(tmp_path):
        pass


def test_writer_that_may_wait_gets_the_lock_when_it_is_free(tmp_path: Path) -> None:
    with holder("write", tmp_path) as process:
        assert process.stdin
        threading.Timer(0.3, process.stdin.close).start()

        said: list[str] = []
        with writer_lock(tmp_path, wait_s=60, say=said.append):
            assert [line.startswith(f"waiting up to 60 s for process {process.pid} on ") for line in said] == [True]
            assert json.loads((tmp_path / HOLDER_NAME).read_text())["pid"] == os.getpid()


def test_lock_left_by_a_killed_process_is_no_obstacle(tmp_path: Path) -> None:
    with holder("write", tmp_path) as process:
        process.kill()
        process.wait()
    assert json.loads((tmp_path / HOLDER_NAME).read_text())["pid"] == process.pid

    with writer_lock(tmp_path):
        assert json.loads((tmp_path / HOLDER_NAME).read_text())["pid"] == os.getpid()


@pytest.mark.parametrize("content", ["", "{", "[]", '"x"', "{}", '{"pid": 1}', "\ufeff{}", None])
def test_holder_that_cannot_be_read_is_another_process(tmp_path: Path, content: str | None) -> None:
    with writer_lock(tmp_path):
        if content is None:
            (tmp_path / HOLDER_NAME).unlink()
        else:
            (tmp_path / HOLDER_NAME).write_text(content, encoding="utf-8")

        with pytest.raises(IndexBusyError, match="is being written by another process"), writer_lock(tmp_path):
            pass


def test_lock_is_given_back_when_the_writer_fails(tmp_path: Path) -> None:
    for error in (RuntimeError, KeyboardInterrupt, OSError):
        with pytest.raises(error), writer_lock(tmp_path):
            raise error("while writing")

    with writer_lock(tmp_path):
        pass
    assert [p.name for p in tmp_path.iterdir()] == [LOCK_NAME]


def test_lock_makes_the_folder_of_a_new_index(tmp_path: Path) -> None:
    with writer_lock(tmp_path / "a/b/index"):
        assert (tmp_path / "a/b/index").is_dir()


@pytest.mark.parametrize("index", ["file", "file/below", "x" * 300, "held"])
def test_place_that_cannot_be_written_is_told_with_another(tmp_path: Path, index: str) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    (tmp_path / "held" / LOCK_NAME).mkdir(parents=True)

    with pytest.raises(StorageError, match="cannot write the index") as caught, writer_lock(tmp_path / index):
        pass

    assert "--index DIR" in caught.value.fix


def test_home_without_permission_is_told_with_another_place() -> None:
    with unprivileged() as folder:
        home = folder / "home"
        home.mkdir(mode=0o500)

        with pytest.raises(StorageError, match=os.strerror(errno.EACCES)) as caught, writer_lock(home / "qa" / "index"):
            pass
    assert "--index DIR" in caught.value.fix


def test_full_disk_is_told_and_the_lock_given_back(tmp_path: Path) -> None:
    # A link to the device that is always full stands for a disk without room.
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / HOLDER_NAME).symlink_to(full)

    with pytest.raises(StorageError, match=os.strerror(errno.ENOSPC)) as caught, writer_lock(tmp_path):
        pass

    assert "make room" in caught.value.fix
    with writer_lock(tmp_path):
        pass


def test_error_of_the_work_under_the_lock_is_not_the_locks(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="of the work") as caught, writer_lock(tmp_path):
        raise OSError(errno.EIO, "of the work")

    assert type(caught.value) is OSError


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "gen-000001" / "manifest.json"
    path.parent.mkdir()
    path.write_text("{}", encoding="utf-8")
    return path


def test_readers_share_and_the_last_one_lets_go(manifest: Path) -> None:
    assert not is_held(manifest)
    with holder("read", manifest):
        with holder("read", manifest):
            own = hold_shared(manifest)
            assert is_held(manifest)
        assert is_held(manifest)
        os.close(own)
        assert is_held(manifest)
    assert not is_held(manifest)


def test_reader_that_was_killed_holds_nothing(manifest: Path) -> None:
    with holder("read", manifest) as process:
        assert is_held(manifest)
        process.kill()
        process.wait()

        assert not is_held(manifest)


def test_asking_who_holds_keeps_nobody_out(manifest: Path) -> None:
    assert not is_held(manifest)
    assert not is_held(manifest)

    os.close(hold_shared(manifest))


def test_generation_that_is_gone_cannot_be_held(manifest: Path) -> None:
    shutil.rmtree(manifest.parent)

    with pytest.raises(FileNotFoundError):
        hold_shared(manifest)
    assert not is_held(manifest)


def test_reader_does_not_hold_what_was_deleted_while_it_waited(manifest: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    remover = os.open(manifest, os.O_RDONLY)
    fcntl.flock(remover, fcntl.LOCK_EX)
    errors: list[OSError] = []
    waiting = threading.Event()

    def read() -> None:
        waiting.set()
        try:
            hold_shared(manifest)
        except OSError as error:
            errors.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    waiting.wait()
    manifest.unlink()
    os.close(remover)
    reader.join()

    assert [type(e) for e in errors] == [FileNotFoundError]
    assert errors[0].strerror


def test_descriptors_are_not_leaked(manifest: Path) -> None:
    first = os.open(manifest, os.O_RDONLY)
    os.close(first)

    for _ in range(5):
        is_held(manifest)
        os.close(hold_shared(manifest))

    again = os.open(manifest, os.O_RDONLY)
    os.close(again)
    assert again == first


def test_nothing_is_locked_where_nobody_may_write() -> None:
    with unprivileged() as folder:
        assert is_writable(folder)
        folder.chmod(0o500)
        assert not is_writable(folder)
        with no_writer(folder):
            assert list(folder.iterdir()) == []
