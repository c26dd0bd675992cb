"""An index whose rows a Chroma server has too: the same hits, whole swaps, nothing left behind, every failure named."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qa.config import Settings, load_settings
from qa.doctor import Finding, Remedy, examine, repair
from qa.errors import ServerError
from qa.faq_jobs import answer_all
from qa.generation import Generation, current
from qa.indexer import Report, build_index, rehearse_index
from qa.manifest import Served
from qa.progress import SilentWatcher
from qa.publisher import compare_served
from qa.questions_file import Entry
from qa.retriever import Retriever
from tests.chroma_server import COLLECTIONS, ENDLESS, ChromaServer, Proxy, chroma_server, free_port
from tests.conftest import RunCli
from tests.same_hits import assert_same_hits

pytestmark = [pytest.mark.model, pytest.mark.server]

FERRY = "The ferry to Aldbury leaves at noon."
SECRET = "The zebra of Aldbury is called Marzipan."


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaServer]:
    with chroma_server(tmp_path_factory.mktemp("chroma-server") / "data") as running:
        yield running


@pytest.fixture
def proxy(server: ChromaServer) -> Iterator[Proxy]:
    between = Proxy(server.port)
    yield between
    between.close()


class Place:
    """Two documents and their index."""

    def __init__(self, folder: Path, encoder: Path, proxy: Proxy) -> None:
        self.proxy = proxy
        self.documents = folder / "documents"
        self.documents.mkdir()
        (self.documents / "ferry.txt").write_text(FERRY, encoding="utf-8")
        (self.documents / "zebra.txt").write_text(SECRET, encoding="utf-8")
        self.index = folder / "index"
        self.index.mkdir()
        # Else an index is looked for in the folder that the tests run in.
        (folder / "qa.toml").write_text('index = "index"\nsources = ["documents"]\n', encoding="utf-8")
        (self.index / "encoder").symlink_to(encoder, target_is_directory=True)
        self.said: list[str] = []

    def renew(self, url: str = "") -> Report:
        self.said.clear()
        return build_index(self.index, Settings(store=url), paths=[self.documents], say=self.said.append)

    def hits(self, question: str = "Aldbury", *, engine: str = "auto") -> list[str]:
        with Generation(self.index, engine=engine) as generation:
            return [hit.passage.body for hit in Retriever(generation).search(question).hits]

    def served(self) -> Served | None:
        with Generation(self.index) as generation:
            return generation.manifest.served

    def collection(self) -> str:
        served = self.served()
        assert served is not None
        return served.collection

    def failed(self) -> dict[str, Finding]:
        return {f.check: f for f in examine(self.index) if not f.passed}


@pytest.fixture
def place(tmp_path: Path, shipped_index: Path, proxy: Proxy) -> Place:
    return Place(tmp_path, shipped_index / "encoder", proxy)


@pytest.fixture(scope="module")
def _ready(tmp_path_factory: pytest.TempPathFactory, shipped_index: Path, server: ChromaServer) -> Iterator[Place]:
    proxy = Proxy(server.port)
    place = Place(tmp_path_factory.mktemp("ready"), shipped_index / "encoder", proxy)
    place.renew(proxy.url)
    yield place
    proxy.close()


@pytest.fixture
def ready(_ready: Place) -> Iterator[Place]:
    """An index that is served through a proxy of its own; do not write it."""
    _ready.proxy.seen.clear()
    yield _ready
    _ready.proxy.misbehave = lambda method, path, body: None


@pytest.fixture
def no_embedding(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Make the embedding of a passage a failure from the call on."""
    return lambda: monkeypatch.setattr("qa.vectors.QueryEncoder.encode_passages", None)


def test_server_gives_the_hits_of_exact_search_and_needs_no_embedding(
    shipped_index: Path, server: ChromaServer, tmp_path: Path, no_embedding: Callable[[], None]
) -> None:
    index = tmp_path / "index"
    shutil.copytree(shipped_index, index, symlinks=True)
    no_embedding()
    report = build_index(index, Settings(store=server.url))

    assert report.embedded == 0
    with Generation(index) as asked, Generation(shipped_index, engine="exact") as plain:
        assert asked.dense_engine == "server"
        assert_same_hits(Retriever(asked), Retriever(plain))
    assert not list(index.glob("reading-*"))


def test_each_generation_has_its_collection_and_the_old_one_goes(place: Place, server: ChromaServer) -> None:
    place.renew(server.url)
    first = place.collection()
    (place.documents / "seal.txt").write_text("The seals of Aldbury sleep on the sandbank.", encoding="utf-8")
    place.renew(server.url)
    second = place.collection()

    assert (first == second, server.of(place.index)) == (False, [second])
    assert "gen-000002" in second
    assert len(place.hits()) == 3
    assert place.hits() == place.hits(engine="exact")


def test_collection_stays_while_a_reader_holds_its_generation(place: Place, server: ChromaServer) -> None:
    place.renew(server.url)
    first = place.collection()
    with Generation(place.index) as held:
        (place.documents / "zebra.txt").unlink()
        place.renew(server.url)

        assert server.of(place.index) == sorted([first, place.collection()])
        assert len(Retriever(held).search("Aldbury").hits) == 2
    place.renew(server.url)

    assert server.of(place.index) == [place.collection()]


def test_removed_document_is_in_no_collection(place: Place, server: ChromaServer) -> None:
    place.renew(server.url)
    assert SECRET in server.texts(place.index)
    (place.documents / "zebra.txt").unlink()
    place.renew(server.url)

    assert "Marzipan" not in server.texts(place.index)
    assert "zebra.txt" not in server.texts(place.index)
    assert place.hits() == [FERRY]


def test_unchanged_index_is_left_as_it_is_and_only_looked_at(place: Place, proxy: Proxy) -> None:
    place.renew(proxy.url)
    before = place.collection()
    proxy.seen.clear()
    env = dict(os.environ) | {"QA_STORE": proxy.url}
    program = "import sys\nfrom qa.start import main\nmain()\nsys.stderr.write(' '.join(sorted(sys.modules)))"
    command = [sys.executable, "-c", program, "index", "--index", str(place.index)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=True)

    assert place.collection() == before
    assert {line.split()[0] for line in proxy.seen} == {"GET"}
    assert set(done.stderr.split()) & {"torch", "sentence_transformers", "chromadb", "onnxruntime"} == set()


def test_new_time_stamp_of_a_file_sends_nothing_again(place: Place, server: ChromaServer) -> None:
    place.renew(server.url)
    before = place.collection()
    os.utime(place.documents / "ferry.txt", (1, 1))
    place.renew(server.url)

    assert current(place.index) == place.index / "gen-000002"
    assert server.of(place.index) == [place.collection()] == [before]


def test_question_by_the_server_imports_no_heavy_library(place: Place, server: ChromaServer) -> None:
    place.renew(server.url)
    program = "import sys\nfrom qa.start import main\nmain()\nsys.stderr.write(' '.join(sorted(sys.modules)))"
    command = [sys.executable, "-c", program, "search", "ferry", "--index", str(place.index), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert FERRY in done.stdout
    assert set(done.stderr.split()) & {"torch", "chromadb", "httpx", "typer"} == set()


def test_nothing_is_contacted_but_the_url(place: Place, server: ChromaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    # To a proxy that the environment names, chromadb's own client would go.
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    place.renew(server.url)

    assert len(place.hits()) == 2


def refuse_rows(method: str, path: str, body: bytes) -> tuple[int, bytes] | None:
    return (500, b'{"error":"InternalError","message":"no room"}') if path.endswith("/add") else None


def drop_connection(method: str, path: str, body: bytes) -> tuple[int, bytes] | None:
    return (0, b"") if path.endswith("/add") else None


def swallow_rows(method: str, path: str, body: bytes) -> tuple[int, bytes] | None:
    return (201, b"{}") if path.endswith("/add") else None


def turn_vectors(method: str, path: str, body: bytes) -> tuple[int, bytes] | None:
    if not path.endswith("/get"):
        return None
    ids = json.loads(body)["ids"]
    return 200, json.dumps({"ids": ids, "embeddings": [[1.0] + [0.0] * 383 for _ in ids]}).encode()


def find_nothing(method: str, path: str, body: bytes) -> tuple[int, bytes] | None:
    if not path.endswith("/query"):
        return None
    empty: list[list[str]] = [[] for _ in json.loads(body)["query_embeddings"]]
    return 200, json.dumps({"ids": empty, "distances": empty}).encode()


@pytest.mark.parametrize(
    ("misbehave", "told"),
    [
        (refuse_rows, "refuses: HTTP 500, InternalError: no room"),
        (drop_connection, "does not answer as a Chroma server does"),
        (swallow_rows, "has 0 rows, not 2"),
        (turn_vectors, "hold different vectors"),
        (find_nothing, "finds only 0 of 2"),
    ],
)
def test_upload_that_fails_leaves_the_old_generation_answering(
    place: Place, server: ChromaServer, proxy: Proxy, misbehave: Callable[..., tuple[int, bytes] | None], told: str
) -> None:
    place.renew(proxy.url)
    before, first = place.hits(), place.collection()
    (place.documents / "zebra.txt").write_text(f"{SECRET} It sleeps.", encoding="utf-8")
    proxy.misbehave = misbehave
    with pytest.raises(ServerError, match=told) as caught:
        place.renew(proxy.url)
    proxy.misbehave = lambda method, path, body: None

    assert caught.value.fix
    assert (place.hits(), place.collection()) == (before, first)
    assert len(server.of(place.index)) == 2
    assert place.failed().keys() == {"leftovers"}
    place.renew(proxy.url)
    assert server.of(place.index) == [place.collection()]
    assert f"{SECRET} It sleeps." in place.hits()


@pytest.mark.parametrize("moment", ["/collections", "/add", "/get", "DELETE"])
def test_writer_that_is_killed_leaves_an_index_that_answers_and_nothing_for_good(
    place: Place, server: ChromaServer, proxy: Proxy, moment: str
) -> None:
    place.renew(proxy.url)
    before = place.hits()
    (place.documents / "zebra.txt").unlink()
    reached, go_on = threading.Event(), threading.Event()

    def hold(method: str, path: str, body: bytes) -> None:
        # DELETE is also asked for before a collection is made; the one that is meant removes the old one.
        if f"{method} {path}".endswith(moment) or (moment == method and "gen-000001" in path):
            reached.set()
            go_on.wait()

    proxy.misbehave = hold
    command = [sys.executable, "-m", "qa", "index", "--index", str(place.index)]
    writer = subprocess.Popen(command, env=dict(os.environ) | {"QA_STORE": proxy.url}, stderr=subprocess.DEVNULL)
    assert reached.wait(120)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    proxy.misbehave = lambda method, path, body: None
    go_on.set()

    # The new collection is complete before the old one is removed.
    assert place.hits() == ([FERRY] if moment == "DELETE" else before)
    place.renew(proxy.url)
    assert place.hits() == [FERRY]
    assert server.of(place.index) == [place.collection()]
    assert place.failed() == {}


def test_server_that_is_down_while_indexing_leaves_the_index_as_it_was(place: Place, run_cli: RunCli) -> None:
    place.renew()
    (place.documents / "zebra.txt").unlink()
    url = f"http://127.0.0.1:{free_port()}"
    (place.documents.parent / "qa.toml").write_text(
        f'index = "index"\nsources = ["documents"]\nstore = "{url}"\n', encoding="utf-8"
    )
    outcome = run_cli("index", cwd=place.documents.parent)

    assert (outcome.code, outcome.out) == (1, "")
    assert f"error: the Chroma server {url} cannot be reached: Connection refused" in outcome.err
    assert "fix: start the server" in outcome.err
    assert len(place.hits()) == 2
    # What never was a server is not looked after for ever.
    assert not (place.index / "served.json").exists()


def test_server_that_is_down_is_an_error_for_a_question_and_exact_search_does_without(
    place: Place, server: ChromaServer, run_cli: RunCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Proxy(server.port)
    place.renew(proxy.url)
    proxy.close()
    asked = [
        run_cli(*argv, "--index", str(place.index))
        for argv in (("search", "ferry"), ("ask", "When does the ferry leave?"), ("search", "ferry", "--json"))
    ]
    monkeypatch.setenv("QA_ENGINE", "exact")
    exact = run_cli("search", "ferry", "--index", str(place.index))

    for outcome in asked:
        assert (outcome.code, outcome.out) == (1, "")
        assert f"{proxy.url} cannot be reached" in outcome.err
        assert "QA_ENGINE=exact" in outcome.err
    assert (exact.code, exact.err) == (0, "")
    assert FERRY in exact.out
    assert place.renew(proxy.url).embedded == 0
    assert "whether the server has it was not looked at" in place.said[0]


def test_exact_search_never_contacts_the_server(ready: Place) -> None:
    assert len(ready.hits(engine="exact")) == 2
    # The processes that answer a list of questions open the index themselves.
    with Generation(ready.index, engine="exact") as generation:
        entries = [Entry(id=f"q{n}", question="When does the ferry leave?") for n in range(2)]
        answer_all(generation, entries, SilentWatcher(), jobs=2, journal=None)

    assert ready.proxy.seen == []


def test_rehearsal_contacts_no_server(ready: Place) -> None:
    for url in ("", ready.proxy.url):
        rehearse_index(ready.index, Settings(store=url))

    assert ready.proxy.seen == []


def test_collection_that_is_gone_is_named_and_made_again_without_embedding(
    place: Place, server: ChromaServer, run_cli: RunCli, no_embedding: Callable[[], None]
) -> None:
    place.renew(server.url)
    server.delete(place.collection())
    outcome = run_cli("search", "ferry", "--index", str(place.index))
    finding = place.failed()["server"]
    no_embedding()
    place.renew(server.url)

    assert (outcome.code, outcome.out) == (1, "")
    assert f"on {server.url} is not there" in outcome.err
    assert f"fix: run: qa index --index {place.index}\n" in outcome.err
    assert finding.remedy is Remedy.REBUILD
    assert len(place.hits()) == 2
    assert place.failed() == {}


def test_collection_that_has_other_rows_is_named(place: Place, server: ChromaServer) -> None:
    place.renew(server.url)
    path = f"{COLLECTIONS}/{server.collections()[place.collection()]}"
    ids = server.ask("POST", f"{path}/get", {"include": []})["ids"]
    server.ask("POST", f"{path}/delete", {"ids": ids[:1]})
    with pytest.raises(ServerError, match="has 1 rows, not 2"):
        place.hits()
    server.ask("POST", f"{path}/add", {"ids": ["other"], "embeddings": [[1.0] + [0.0] * 383], "documents": ["x"]})
    with pytest.raises(ServerError, match="finds other chunks") as caught:
        place.hits()

    assert "qa doctor --fix" in caught.value.fix
    assert "lacks rows" in place.failed()["server"].detail


def test_collection_that_has_another_vector_is_named_and_mended(
    place: Place, server: ChromaServer, no_embedding: Callable[[], None]
) -> None:
    place.renew(server.url)
    path = f"{COLLECTIONS}/{server.collections()[place.collection()]}"
    ids = server.ask("POST", f"{path}/get", {"include": []})["ids"]
    server.ask("POST", f"{path}/update", {"ids": ids[:1], "embeddings": [[1.0] + [0.0] * 383]})
    with pytest.raises(ServerError, match="has other vectors"):
        place.hits()
    found = place.failed()
    no_embedding()
    repair(place.index, Settings(store=server.url), list(found.values()), say=lambda _: None)

    assert [(f.check, f.remedy) for f in found.values()] == [("server", Remedy.REBUILD)]
    assert place.failed() == {}
    assert len(place.hits()) == 2


def test_setting_that_is_removed_takes_everything_off_the_server(
    place: Place, server: ChromaServer, no_embedding: Callable[[], None]
) -> None:
    place.renew(server.url)
    no_embedding()
    place.renew()

    assert server.of(place.index) == []
    assert place.served() is None
    assert place.said == ["the index is no longer on a server"]
    assert len(place.hits()) == 2


def test_another_server_gets_the_index_and_the_one_before_is_cleared(
    place: Place, server: ChromaServer, tmp_path: Path, no_embedding: Callable[[], None]
) -> None:
    place.renew(server.url)
    no_embedding()
    with chroma_server(tmp_path / "another") as another:
        place.renew(another.url)

        assert (server.of(place.index), another.of(place.index)) == ([], [place.collection()])
        assert len(place.hits()) == 2


def test_what_could_not_be_removed_is_told_and_removed_later(place: Place, server: ChromaServer, proxy: Proxy) -> None:
    place.renew(proxy.url)
    old = place.collection()
    proxy.misbehave = lambda method, path, body: (500, b"") if method == "DELETE" else None
    place.renew(server.url)

    assert server.of(place.index) == sorted([old, place.collection()])
    assert "texts of an older state of the index may still be there" in place.said[-1]
    assert f"{old} on {proxy.url}" in place.failed()["leftovers"].detail
    proxy.misbehave = lambda method, path, body: None
    repair(place.index, Settings(store=server.url), list(place.failed().values()), say=place.said.append)
    assert server.of(place.index) == [place.collection()]


def test_copy_of_an_index_leaves_the_collection_of_the_original(
    place: Place, server: ChromaServer, tmp_path: Path
) -> None:
    place.renew(server.url)
    shutil.copytree(place.index, tmp_path / "copy", symlinks=True)
    build_index(tmp_path / "copy", Settings(store=server.url))
    (place.documents / "zebra.txt").unlink()
    build_index(tmp_path / "copy", Settings(store=server.url))

    assert server.of(place.index) == [place.collection()]
    assert len(place.hits()) == 2
    assert server.of(tmp_path / "copy") != server.of(place.index)


def test_index_that_was_moved_keeps_what_it_has(place: Place, server: ChromaServer) -> None:
    place.renew(server.url)
    before = place.collection()
    place.index = place.index.rename(place.index.with_name("moved"))
    (place.documents / "zebra.txt").unlink()
    place.renew(server.url)

    assert server.of(place.index) == [place.collection()]
    assert before not in server.collections()


def test_index_of_no_document_is_served(place: Place, server: ChromaServer) -> None:
    place.renew(server.url)
    for path in place.documents.iterdir():
        path.unlink()
    place.renew(server.url)

    assert server.of(place.index) == [place.collection()]
    assert place.failed() == {}


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, b"<html>It works!</html>", "HTTP 200, no JSON"),
        (200, b"", "does not answer as a Chroma server does"),
        (200, b"null", "does not answer as a Chroma server does"),
        (200, b"[" * 100_000, "no JSON"),
        (200, b'{"id": "x"}', "KeyError"),
        (200, b'{"id": "x", "name": "y"}', "does not answer as a Chroma server does"),
        (404, b"<html>nothing here</html>", "HTTP 404, no JSON"),
        (404, b'{"detail": "Not Found"}', "HTTP 404"),
        (307, b"", "HTTP 307"),
        (401, b'{"error": "AuthError", "message": "Forbidden"}', "refuses: HTTP 401, AuthError: Forbidden"),
        (0, b"SSH-2.0-OpenSSH_9.2\r\n", "BadStatusLine"),
        (0, b"", "RemoteDisconnected"),
    ],
)
def test_what_is_no_chroma_server_is_one_error_and_no_answer(
    ready: Place, run_cli: RunCli, status: int, body: bytes, told: str
) -> None:
    ready.proxy.misbehave = lambda method, path, data: (status, body)
    asked = run_cli("search", "ferry", "--index", str(ready.index))
    with Generation(ready.index) as generation, pytest.raises(ServerError) as caught:
        compare_served(generation.folder, generation.manifest, Served(ready.proxy.url, "any"))

    assert (asked.code, asked.out) == (1, "")
    assert told in asked.err
    assert asked.err.count("\n") == 2
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"ids": [], "distances": []}',
        b'{"ids": [[]], "distances": [[]]}',
        b'{"ids": [["a", "b"]], "distances": [[0.1, 0.2]]}',
        b'{"ids": [["a", "b"]], "distances": [[NaN, null]]}',
        b'{"ids": null, "distances": null}',
    ],
)
def test_wrong_candidates_are_an_error_and_no_answer(ready: Place, body: bytes) -> None:
    ready.proxy.misbehave = lambda method, path, data: (200, body) if path.endswith("/query") else None

    with pytest.raises(ServerError):
        ready.hits()


@pytest.mark.parametrize("distance", [0.0, float("nan"), float("inf")])
def test_candidates_whose_distances_are_made_up_are_an_error(ready: Place, distance: float) -> None:
    with Generation(ready.index) as generation:
        ids = list(generation.passages.chunk_ids(range(2)).values())
    body = json.dumps({"ids": [ids], "distances": [[distance] * 2]}).encode()
    ready.proxy.misbehave = lambda method, path, data: (200, body) if path.endswith("/query") else None

    with pytest.raises(ServerError, match="has other vectors"):
        ready.hits()


def test_server_that_never_answers_is_given_up(ready: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def hang(method: str, path: str, body: bytes) -> None:
        go_on.wait()

    ready.proxy.misbehave = hang
    monkeypatch.setattr("qa.server._ANSWER_S", 0.2)
    try:
        with pytest.raises(ServerError, match="cannot be reached: timed out"):
            ready.hits()
    finally:
        go_on.set()


@pytest.mark.parametrize(
    ("limit", "value", "told"),
    [("_ANSWER_S", 0.2, "too long to answer|timed out"), ("_MAX_ANSWER_BYTES", 10**6, "the answer does not end")],
)
def test_answer_without_an_end_is_given_up(
    ready: Place, monkeypatch: pytest.MonkeyPatch, limit: str, value: float, told: str
) -> None:
    ready.proxy.misbehave = lambda method, path, body: (ENDLESS, b" " * 1000)
    monkeypatch.setattr(f"qa.server.{limit}", value)

    with pytest.raises(ServerError, match=told):
        ready.hits()


def test_status_and_doctor_name_the_server(place: Place, server: ChromaServer, run_cli: RunCli) -> None:
    place.renew(server.url)
    plain = run_cli("status", "--index", str(place.index)).out
    data = json.loads(run_cli("status", "--index", str(place.index), "--json").out)
    found = {f.check: f for f in examine(place.index)}

    assert server.url in plain
    assert data["served"] == {"url": server.url, "collection": place.collection()}
    assert data["search_engine"] == "server"
    assert found["server"].passed
    assert f"{server.url} holds the same 2 vectors, and finds each" in found["server"].detail


def test_url_is_a_setting_of_qa_toml(place: Place, server: ChromaServer, run_cli: RunCli) -> None:
    folder = place.documents.parent
    config = f'index = "index"\nsources = ["documents"]\nstore = "{server.url}/"\n'
    (folder / "qa.toml").write_text(config, encoding="utf-8")
    assert run_cli("index", cwd=folder).code == 0
    answer = run_cli("search", "ferry", cwd=folder)

    assert load_settings(folder, {}).store == server.url
    assert server.of(place.index) == [place.collection()]
    assert FERRY in answer.out
