"""Who may touch an index: one writer at a time, and readers that keep their generation alive.

Both locks belong to the operating system and end with the process, however it dies.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from qa.errors import IndexBusyError, StorageError

if TYPE_CHECKING:
    from filelock import FileLock

LOCK_NAME = "LOCK"
HOLDER_NAME = "LOCK.json"


def _holder(index: Path) -> str:
    try:
        held = json.loads((index / HOLDER_NAME).read_text(encoding="utf-8"))
        return f"process {held['pid']} on {held['host']}, since {held['started']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def left_behind(index: Path) -> str:
    """Return who left its name at the lock; "" when nobody did. It may hold the lock still, or be dead."""
    return _holder(index) if (index / HOLDER_NAME).exists() else ""


def _sign(index: Path) -> None:
    import socket

    started = datetime.now(UTC).isoformat(timespec="seconds")
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "started": started}
    try:
        (index / HOLDER_NAME).write_text(json.dumps(holder), encoding="utf-8")
    except OSError as error:
        raise _not_writable(index, error) from error


def _not_writable(index: Path, error: OSError) -> StorageError:
    return StorageError(
        f"cannot write the index {index}: {error.strerror}",
        fix="make room or make the folder writable, or choose another: --index DIR or QA_INDEX",
    )


def _acquire(lock: FileLock, index: Path, wait_s: float, say: Callable[[str], None] | None) -> None:
    from filelock import Timeout

    try:
        lock.acquire(timeout=0)
    except Timeout:
        if not wait_s:
            raise
        if say:
            say(f"waiting up to {wait_s:g} s for {_holder(index)}")
        lock.acquire(timeout=wait_s)


@contextmanager
def writer_lock(index: Path, *, wait_s: float = 0.0, say: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the right to write ``index``, waiting at most ``wait_s`` seconds for it; ``say`` is told for whom.

    Raises IndexBusyError that names the holder, StorageError where the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    try:
        index.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(index / LOCK_NAME))
        _acquire(lock, index, wait_s, say)
    except Timeout as error:
        raise IndexBusyError(
            f"the index {index} is being written by {_holder(index)}",
            fix="wait for it to end, or run the command again with --wait SECONDS",
        ) from error
    except OSError as error:
        raise _not_writable(index, error) from error
    try:
        _sign(index)
        yield
    finally:
        # First the name, then the lock: the other way round the next holder's name would go.
        try:
            (index / HOLDER_NAME).unlink(missing_ok=True)
        finally:
            lock.release()


def is_writable(folder: Path) -> bool:
    """Tell whether this process may write to ``folder``."""
    return os.access(folder, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


@contextmanager
def no_writer(index: Path) -> Iterator[None]:
    """Keep writers away while ``index`` is examined; on read-only media there are none, and nothing is locked.

    Raises IndexBusyError that names who is writing.
    """
    if index.is_dir() and not is_writable(index):
        yield
        return
    with writer_lock(index):
        yield


if sys.platform == "win32":  # pragma: no cover - an open file cannot be deleted there, which is lock enough

    def hold_shared(path: Path) -> int:
        """Open ``path`` so that its generation stays; return the descriptor that holds it."""
        return os.open(path, os.O_RDONLY)

    def is_held(path: Path) -> bool:  # noqa: ARG001 - the same signature as below
        """Tell whether a reader holds ``path``; deleting a held file fails on this system."""
        return False

else:
    import fcntl

    def hold_shared(path: Path) -> int:
        """Take a shared lock on ``path``; return the descriptor that holds it until it is closed.

        Raises FileNotFoundError when the file is gone, also when it went while the lock was taken.
        """
        descriptor = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            is_there = os.fstat(descriptor).st_nlink > 0
        except BaseException:
            os.close(descriptor)
            raise
        if not is_there:
            os.close(descriptor)
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return descriptor

    def is_held(path: Path) -> bool:
        """Tell whether some reader holds ``path``."""
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False
