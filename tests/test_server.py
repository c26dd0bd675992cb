"""Speaking to a server: what goes there in one request, and hosts and protocols that are none."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.errors import ServerError
from qa.ledger import open_ledger
from qa.manifest import Served
from qa.server import Server, _batches
from tests.chroma_server import Proxy


@given(st.lists(st.sampled_from([0, 10, 10_000, 400_000]), max_size=40), st.integers(1, 7), st.sampled_from([2, 4096]))
def test_batches_cover_all_rows_in_order_and_none_is_too_large(sizes: list[int], limit: int, dimension: int) -> None:
    vectors, texts = np.zeros((len(sizes), dimension), dtype=np.float32), ["x" * size for size in sizes]
    parts = list(_batches(vectors, texts, limit))

    assert [row for part in parts for row in range(part.start, part.stop)] == list(range(len(sizes)))
    for part in parts:
        rows = range(part.start, part.stop)
        assert 1 <= len(rows) <= limit
        body = sum(len(json.dumps(texts[row])) + 4 * dimension for row in rows)
        assert len(rows) == 1 or body < 4 * 10**6


def test_name_that_cannot_be_looked_up_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    # What the real function raises for a label that is empty or too long.
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: "..".encode("idna"))

    with pytest.raises(ServerError, match="cannot be reached"):
        Server("http://..:8000", instead="do without").find("any")


@pytest.mark.server
def test_server_without_tls_is_an_error_for_https() -> None:
    proxy = Proxy(1)
    try:
        with pytest.raises(ServerError, match="cannot be reached"):
            Server(proxy.url.replace("http:", "https:"), instead="do without").find("any")
    finally:
        proxy.close()


@pytest.mark.parametrize("url", ["http://a b:1", "http://host:port", "http://", "nonsense", "http://h:1\r\nX: y"])
def test_garbage_in_the_place_of_a_url_is_an_error(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(111, "Connection refused")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    with pytest.raises(ServerError):
        Server(url, instead="do without").find("any")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"identity": 1, "index": [], "collections": [[""]]}', "[" * 9999])
def test_garbage_in_the_ledger_is_a_new_ledger(tmp_path: Path, content: str) -> None:
    (tmp_path / "served.json").write_text(content, encoding="utf-8")

    assert open_ledger(tmp_path).collections == ()
    assert len(open_ledger(tmp_path).identity) == 16


def test_ledger_keeps_its_identity_and_each_collection_once(tmp_path: Path) -> None:
    one, other = Served("http://host:1", "a"), Served("http://host:1", "b")
    written = open_ledger(tmp_path).with_collections([one, other, one])

    assert open_ledger(tmp_path) == written
    assert written.collections == (one, other)
