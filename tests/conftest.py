"""What the tests share: no network, a command line in this process, one real index for the session."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from qa.config import Settings, shipped_corpus
from qa.indexer import Report, build_index

# Set before anything imports torch or chromadb, as a user's shell would not.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


# A shell starts its background jobs with interrupts ignored, and what the tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class SocketBlockedError(AssertionError):
    """A test tried to reach the network."""


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    connect, resolve = socket.socket.connect, socket.getaddrinfo
    has_server = request.node.get_closest_marker("server") is not None

    def is_allowed(address: Any) -> bool:
        return has_server and address[0] == "127.0.0.1"

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family != getattr(socket, "AF_UNIX", None) and not is_allowed(address):
            raise SocketBlockedError(f"a socket to {address} was opened")
        connect(self, address)

    def guarded_resolve(*address: Any, **options: Any) -> Any:
        if not is_allowed(address):
            raise SocketBlockedError(f"the name {address} was looked up")
        return resolve(*address, **options)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_resolve)


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees or touches the home of whoever runs it."""
    home = tmp_path_factory.mktemp("home")
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(home))
    for name in [n for n in os.environ if n.startswith("QA_")] + ["NO_COLOR", "FORCE_COLOR", "COLUMNS"]:
        monkeypatch.delenv(name, raising=False)


@dataclass(frozen=True)
class Outcome:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str


RunCli = Callable[..., Outcome]


@pytest.fixture
def run_cli(monkeypatch: pytest.MonkeyPatch) -> RunCli:
    """Run ``qa`` in this process, as from a pipe: run_cli("ask", "why?", stdin="", cwd=folder)."""
    from qa.cli import main

    def run(*argv: str, stdin: str = "", cwd: Path | None = None) -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        before = Path.cwd()
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        try:
            if cwd:
                os.chdir(cwd)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    main(list(argv))
                    code = 0
                except SystemExit as stop:
                    code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        finally:
            os.chdir(before)
        return Outcome(code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def shipped_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of the corpus that ships with qa, made once with the real model. Read it only."""
    index = tmp_path_factory.mktemp("shipped") / "index"
    build_index(index, Settings(), paths=[shipped_corpus()])
    return index


MakeIndex = Callable[..., Report]


@pytest.fixture
def make_index(shipped_index: Path, tmp_path: Path) -> Iterator[MakeIndex]:
    """Index folders with the real model into ``tmp_path / "index"``; its encoder is there already."""
    index = tmp_path / "index"
    index.mkdir()
    # The encoder is 90 MB and never written twice: a link will do.
    (index / "encoder").symlink_to(shipped_index / "encoder", target_is_directory=True)

    def make(*paths: Path, settings: Settings | None = None, **how: Any) -> Report:
        return build_index(index, settings or Settings(), paths=paths, **how)

    yield make
    shutil.rmtree(index, ignore_errors=True)


class WordCounter:
    """Counts words instead of a model's tokens; satisfies the chunker's TokenCounter."""

    def __init__(self, window: int = 254) -> None:
        self.window = window

    def count(self, texts: list[str]) -> list[int]:
        return [len(text.split()) for text in texts]


@pytest.fixture
def counter() -> WordCounter:
    return WordCounter()
