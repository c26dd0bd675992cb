"""A place where file modes hold, even for tests that run as root."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_NOBODY = 65534


@contextmanager
def unprivileged() -> Iterator[Path]:
    """Yield an empty folder; inside the block root is nobody, so that what a mode forbids is forbidden.

    The folder is not below tmp_path, which pytest closes to all but its owner.
    """
    if not hasattr(os, "geteuid"):
        pytest.skip("needs POSIX file modes")
    folder = Path(tempfile.mkdtemp())
    is_root = os.geteuid() == 0
    try:
        if is_root:
            os.chown(folder, _NOBODY, -1)
            os.seteuid(_NOBODY)
        if not os.access(folder, os.W_OK, effective_ids=True):
            pytest.skip("nobody may not write to the folder for temporary files")
        yield folder
    finally:
        if is_root:
            os.seteuid(0)
        for path in folder.rglob("*"):
            path.chmod(0o700)
        shutil.rmtree(folder)
