"""A real Chroma server for tests, and one that passes requests on to it unless it is told to misbehave."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"
_RUN = "import sys; from chromadb.cli.cli import app; sys.argv[0] = 'chroma'; sys.exit(app())"
# Told once, not measured: a server that has not begun by then never will.
_PATIENCE_S = 120


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def request(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Return the status and the body that a server on this machine answers with."""
    connection = http.client.HTTPConnection(HOST, port, timeout=_PATIENCE_S)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class ChromaServer:
    """A running Chroma server."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://{HOST}:{port}"

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the JSON that the server answers with."""
        status, answer = request(self.port, method, path, None if body is None else json.dumps(body).encode())
        assert status < 300, (status, answer)
        return json.loads(answer)

    def collections(self) -> dict[str, str]:
        """Return the ids of the collections of all indexes by name."""
        return {c["name"]: c["id"] for c in self.ask("GET", COLLECTIONS)}

    def of(self, index: Path) -> list[str]:
        """Return the names of an index's collections, sorted."""
        identity = json.loads((index / "served.json").read_text(encoding="utf-8"))["identity"]
        return sorted(name for name in self.collections() if identity in name)

    def delete(self, name: str) -> None:
        """Remove a collection behind the index's back."""
        self.ask("DELETE", f"{COLLECTIONS}/{name}")

    def texts(self, index: Path) -> str:
        """Return all texts and metadata of an index's collections."""
        ids = self.collections()
        wanted = {"include": ["documents", "metadatas"]}
        return "\n".join(
            json.dumps(self.ask("POST", f"{COLLECTIONS}/{ids[name]}/get", wanted)) for name in self.of(index)
        )


@contextmanager
def chroma_server(folder: Path) -> Iterator[ChromaServer]:
    """Start a Chroma server that keeps its data in ``folder``, and stop it."""
    server = ChromaServer(free_port())
    env = dict(os.environ) | {"ANONYMIZED_TELEMETRY": "False", "DO_NOT_TRACK": "1"}
    command = [sys.executable, "-c", _RUN, "run", "--path", str(folder), "--port", str(server.port), "--host", HOST]
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
        try:
            until = time.monotonic() + _PATIENCE_S
            while True:
                try:
                    server.ask("GET", "/api/v2/heartbeat")
                    break
                except OSError:
                    assert process.poll() is None, "the server ended"
                    assert time.monotonic() < until, "the server does not begin"
                    time.sleep(0.05)
            yield server
        finally:
            process.kill()
            process.wait()


# The status for an answer that goes on for ever.
ENDLESS = 1
# What a proxy does with a request instead of passing it on: returns status and body, or None for "pass it on".
Misbehaviour = Callable[[str, str, bytes], tuple[int, bytes] | None]


class Proxy:
    """Passes requests on to a server; ``misbehave`` may answer in its place. ``seen`` has them as "GET /path"."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.misbehave: Misbehaviour = lambda method, path, body: None
        self.seen: list[str] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                proxy.seen.append(f"{self.command} {self.path}")
                answer = proxy.misbehave(self.command, self.path, body)
                status, data = answer or request(proxy.target, self.command, self.path, body or None)
                if status == ENDLESS:
                    self.send_response(200)
                    self.end_headers()
                while status == ENDLESS:
                    # Until the client has gone.
                    self.wfile.write(data)
                if not status:
                    # Nothing, or what is no HTTP.
                    self.wfile.write(data)
                    return
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_DELETE = _pass_on  # noqa: N815 - the names that the base class looks for

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
                pass

        class Quiet(ThreadingHTTPServer):
            # A client that was killed is what some tests are about.
            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        self._server = Quiet((HOST, 0), Handler)
        self.url = f"http://{HOST}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        """Stop listening; a request to the URL is refused from now on."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
