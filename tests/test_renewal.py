"""Renewing an index: what is said beforehand, what is resumed, what is embedded by what, what is proved gone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest

from qa import output
from qa.answerer import Answerer
from qa.config import Settings
from qa.dense import append_vectors
from qa.embedder import Embedder
from qa.encoder import CARD_FILE, EncoderCard, QueryEncoder, encoder_folder, read_card
from qa.generation import CACHE_NAME, VECTORS_NAME, Generation
from qa.indexer import rehearse_index
from qa.manifest import CHROMA_NAME, FileStatus
from qa.models import find_model
from qa.parts import measure
from qa.passages import Passages, StoredDocument
from qa.planner import Changes
from qa.progress import SilentWatcher
from qa.store import ChromaReader
from qa.vectors import MAX_DIFF, choose_encoder, sound_card
from qa.watching import bursts
from qa.writer import Addition, fill_generation
from tests.conftest import MakeIndex, RunCli

FERRY = "The ferry to Aldbury leaves at noon."
QUESTIONS = ["When does the ferry leave?", "ferry", "Who keeps the lighthouse?", "lighthouse keepers"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    for n in range(8):
        text = f"Lighthouse {n} needs {n + 2} keepers.\n\nIt was painted in {1900 + n}.\n"
        (folder / f"lighthouse-{n}.txt").write_text(text, encoding="utf-8")
    return folder


def answers(index: Path) -> str:
    """Return all that an index says to some questions, its passages in their order too."""
    with Generation(index) as generation:
        answerer = Answerer(generation)
        return "\n".join(output.dumps(output.answer(answerer.ask(q), generation.manifest)) for q in QUESTIONS)


def files_below(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return the time and the bytes of every file, links not followed."""
    paths = (p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    return {p.relative_to(folder).as_posix(): (p.stat().st_mtime_ns, p.read_bytes()) for p in paths}


def change_everything(folder: Path) -> None:
    """Add, change, rename, copy, remove and break a document."""
    (folder / "ferry.txt").write_text(FERRY, encoding="utf-8")
    (folder / "lighthouse-0.txt").write_text("Lighthouse 0 needs 9 keepers.\n\nIt was painted in 1900.\n", "utf-8")
    (folder / "lighthouse-1.txt").rename(folder / "moved.txt")
    shutil.copy(folder / "lighthouse-2.txt", folder / "copy.txt")
    (folder / "lighthouse-3.txt").unlink()
    (folder / "broken.txt").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))


@pytest.mark.model
@pytest.mark.parametrize("cache", ["whole", "lost", "left open"])
def test_dry_run_says_exactly_what_then_happens_and_writes_nothing(
    make_index: MakeIndex, folder: Path, cache: str
) -> None:
    index = make_index(folder).index
    change_everything(folder)
    holder: sqlite3.Connection | None = None
    if cache == "lost":
        (index / "cache.db").unlink()
    if cache == "left open":
        # As a writer leaves it that is killed: what it wrote last stands in the log alone.
        holder = sqlite3.connect(index / "cache.db")
        holder.execute("update vectors set used = used - 1")
        holder.commit()
        assert (index / "cache.db-wal").stat().st_size
    before = files_below(index)
    said = rehearse_index(index, Settings())
    after = files_below(index)
    if holder:
        holder.close()
    done = make_index()

    assert after == before
    assert said.changes == done.changes
    assert done.changes == Changes(
        added=("documents/ferry.txt",),
        changed=("documents/lighthouse-0.txt",),
        renamed=(("documents/lighthouse-1.txt", "documents/moved.txt"),),
        duplicated=("documents/copy.txt",),
        removed=("documents/lighthouse-3.txt",),
        unchanged=5,
    )
    assert (said.chunks, said.embedded) == (done.chunks, done.embedded) == (8, 2)
    assert said.records == done.records


@pytest.mark.model
def test_dry_run_of_a_new_index_makes_no_folder(run_cli: RunCli, folder: Path, tmp_path: Path) -> None:
    outcome = run_cli("index", str(folder), "--dry-run", "--index", str(tmp_path / "none"), "-q")

    assert outcome.code == 0
    assert outcome.out.count("would add: ") == 8
    assert "8 would be embedded" in outcome.out
    assert "nothing was written" in outcome.out
    assert not (tmp_path / "none").exists()


@pytest.mark.model
def test_added_generation_equals_one_written_anew_bit_for_bit(make_index: MakeIndex, folder: Path) -> None:
    index = make_index(folder).index
    # The same passage in two documents: a tie, which must not be broken by the order in which they came.
    (folder / "a-ferry.txt").write_text(f"{FERRY}\n\nIt costs a shilling.\n", encoding="utf-8")
    make_index()
    (folder / "lighthouse-9.txt").write_text("Lighthouse 4 needs 6 keepers.\n\nIt was painted in 1904. \n", "utf-8")
    make_index()
    added = answers(index)
    with Generation(index) as generation:
        order = list(generation.passages.chunk_ids(range(generation.manifest.chunks)).values())
    make_index(rebuild=True)
    with Generation(index) as generation:
        anew = list(generation.passages.chunk_ids(range(generation.manifest.chunks)).values())

    assert order != anew
    assert sorted(order) == anew
    assert added == answers(index)


@pytest.mark.model
def test_adding_a_file_reads_no_other_document(
    make_index: MakeIndex, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = make_index(folder).index
    (folder / "a-ferry.txt").write_text(f"{FERRY}\n", encoding="utf-8")
    (index / CACHE_NAME).unlink()
    asked: list[list[str]] = []

    def note(self: Passages, doc_ids: Iterable[str]) -> dict[str, StoredDocument]:
        asked.append(list(doc_ids))
        return {}

    with monkeypatch.context() as patch:
        patch.setattr(Passages, "stored_documents", note)
        report = make_index()

    assert asked == []
    assert (report.chunks, report.embedded) == (9, 1)
    # A lost cache has the vectors of those documents again.
    assert make_index(rebuild=True).embedded == 0


@pytest.mark.model
def test_addition_that_fails_its_verification_is_written_anew_and_counts_what_it_embedded(
    make_index: MakeIndex, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = make_index(folder).index
    (folder / "a-ferry.txt").write_text(f"{FERRY}\n", encoding="utf-8")
    drafts: list[Path] = []
    said: list[str] = []

    def spoiled(folder: Path, addition: Addition, **others: Any) -> None:
        fill_generation(folder, addition, **others)
        drafts.append(folder)
        if len(drafts) == 1:
            append_vectors(folder / VECTORS_NAME, addition.vectors)

    monkeypatch.setattr("qa.indexer.fill_generation", spoiled)
    report = make_index(say=said.append)

    assert len(drafts) == 2
    assert (report.chunks, report.embedded) == (9, 1)
    assert [line.endswith("vectors.npy has 10 rows, not 9; the generation is written anew") for line in said] == [True]
    with Generation(index) as generation:
        assert generation.vectors.shape == (9, 384)


@pytest.mark.model
def test_store_that_was_written_to_while_new_documents_were_embedded_is_not_copied(
    make_index: MakeIndex, folder: Path
) -> None:
    index = make_index(folder).index
    (folder / "a-ferry.txt").write_text(f"{FERRY}\n", encoding="utf-8")
    with Generation(index) as generation:
        store = generation.folder / CHROMA_NAME / "chroma.sqlite3"
    said: list[str] = []

    class Meddler(SilentWatcher):
        """Another client writes a text into the store."""

        def start(self, stage: str, total: int) -> None:
            if stage == "embedding":
                with closing(sqlite3.connect(store)) as connection, connection:
                    connection.execute("update embedding_metadata set string_value = 'x' where key = 'chroma:document'")

    make_index(say=said.append, watcher=Meddler())

    assert [line.endswith("is not what was written; the generation is written anew") for line in said] == [True]
    with Generation(index) as generation, closing(ChromaReader(generation.folder / CHROMA_NAME)) as written:
        texts, _ = written.rows(written.ids())
    assert "x" not in texts
    assert len(texts) == 9


class Interrupter(SilentWatcher):
    """Ends the run, as Ctrl-C would, when some batches are embedded."""

    def __init__(self, batches: int) -> None:
        self.left = batches
        self.stage = ""

    def start(self, stage: str, total: int) -> None:
        self.stage = stage

    def advance(self, steps: int = 1) -> None:
        if self.stage == "embedding":
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt


@pytest.mark.model
def test_next_run_says_what_it_resumes_from(make_index: MakeIndex, folder: Path) -> None:
    make_index(folder)
    (folder / "list.txt").write_text("\n\n".join(f"# {n}\n\nBuoy {n} is red." for n in range(9)), encoding="utf-8")
    for n in range(150):
        (folder / f"buoy-{n}.txt").write_text(f"Buoy number {n} is red.", encoding="utf-8")
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        make_index(watcher=Interrupter(2), say=said.append)
    assert said == []
    resumed = make_index(say=said.append)
    again = make_index(say=said.append)

    assert said == ["128 of 151 new chunks are embedded already; going on with the other 23"]
    assert resumed.embedded == 23
    assert again.embedded == 0


@pytest.mark.model
def test_run_that_was_interrupted_after_embedding_resumes_from_all_of_it(
    make_index: MakeIndex, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    said: list[str] = []
    with monkeypatch.context() as patched:
        patched.setattr("qa.verify.Verifier.verify", interrupt)
        with pytest.raises(KeyboardInterrupt):
            make_index(folder)
    make_index(folder, say=said.append)

    assert said == ["all 8 new chunks are embedded already"]


class Counting(SilentWatcher):
    """Adds up the steps of each stage."""

    def __init__(self) -> None:
        self.totals: dict[str, int] = {}
        self.steps: dict[str, list[int]] = {}

    def start(self, stage: str, total: int) -> None:
        self.stage = stage
        self.totals[stage] = total
        self.steps[stage] = []

    def advance(self, steps: int = 1) -> None:
        self.steps[self.stage].append(steps)


def test_progress_within_one_large_document_is_told(tmp_path: Path, folder: Path) -> None:
    text = "\n\n".join(f"The keeper of lighthouse {n} wrote a letter in the winter of {n}." for n in range(3000))
    (folder / "all.txt").write_text(text, encoding="utf-8")
    watcher = Counting()
    rehearse_index(tmp_path / "none", Settings(), paths=[folder / "all.txt"], watcher=watcher)

    steps = watcher.steps["chunking characters"]
    assert sum(steps) == watcher.totals["chunking characters"] == len(text)
    assert max(steps) < len(text) / 100


@pytest.mark.model
def test_deleted_text_and_its_vector_are_in_no_byte_of_the_index_once_pruned(
    run_cli: RunCli, make_index: MakeIndex, folder: Path
) -> None:
    (folder / "ferry.txt").write_text(FERRY, encoding="utf-8")
    index = make_index(folder).index
    with Generation(index) as generation:
        row = next(row for row, text in generation.passages.embedded_texts() if text == FERRY)
        vector = generation.vectors[row].tobytes()[:32]

    def where(wanted: bytes) -> set[str]:
        return {name.split("/")[0] for name, (_, data) in files_below(index).items() if wanted in data}

    assert where(vector) == {"gen-000001", "cache.db"}
    assert where(FERRY.encode()) == {"gen-000001"}
    (folder / "ferry.txt").unlink()
    make_index()
    assert where(FERRY.encode()) == set()
    assert where(b"Aldbury") | where(b"aldburi") == set()
    assert where(vector) == {"cache.db"}
    outcome = run_cli("cache", "--prune", "--index", str(index), "--json")

    assert {k: json.loads(outcome.out)[k] for k in ("removed", "vectors", "in_use")} == {
        "removed": 1, "vectors": 8, "in_use": 8,
    }  # fmt: skip
    assert where(vector) == set()


def test_edit_that_keeps_size_and_time_is_noticed(tmp_path: Path, folder: Path) -> None:
    # A clock that was set back, or a tool that puts the time of change back.
    from qa.planner import Plan, add_to_plan, changes
    from qa.walker import make_roots, walk

    def seen(before: Plan) -> Plan:
        plan = Plan()
        found = walk(make_roots([folder])[0], index=tmp_path / "index", max_bytes=10**6)
        add_to_plan(plan, found, {r.source: r for r in before.records})
        return plan

    first = seen(Plan())
    path = folder / "lighthouse-3.txt"
    times = path.stat()
    path.write_bytes(path.read_bytes().replace(b"5 keepers", b"6 keepers"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    second = seen(first)

    assert (path.stat().st_size, path.stat().st_mtime_ns) == (times.st_size, times.st_mtime_ns)
    assert changes(second, {r.source: r for r in first.records}).changed == ("documents/lighthouse-3.txt",)


@pytest.mark.model
def test_odd_things_among_the_documents_are_reported_and_the_rest_indexed(make_index: MakeIndex, folder: Path) -> None:
    with (folder / "sparse.txt").open("wb") as file:
        file.truncate(4 << 30)
    os.mkfifo(folder / "pipe.txt")
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "round.txt").symlink_to("round.txt")
    (folder / "dangling.txt").symlink_to("nothing.txt")
    report = make_index(folder)

    told = {r.source.split("/")[1]: (r.status, r.reason) for r in report.records if r.status != FileStatus.INDEXED}
    assert told == {
        "sparse.txt": (FileStatus.FAILED, "larger than 200 MB"),
        "pipe.txt": (FileStatus.SKIPPED, "not a regular file"),
        "loop": (FileStatus.SKIPPED, "a link to a folder"),
        "round.txt": (FileStatus.FAILED, "cannot be read: Too many levels of symbolic links"),
        "dangling.txt": (FileStatus.FAILED, "cannot be read: No such file or directory"),
    }
    assert report.chunks == 8


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """A folder with the card and the one file of an encoder that nobody can load."""
    folder = tmp_path / "encoder"
    folder.mkdir()
    (folder / "weights.bin").write_bytes(bytes(1000))
    EncoderCard("m", "c" * 32, 384, 254, parts={"weights.bin": measure(folder / "weights.bin")}).write(folder)
    return folder


def test_encoder_of_this_very_model_is_sound(encoder: Path) -> None:
    assert sound_card(encoder, "c" * 32) == read_card(encoder)


def test_encoder_of_another_model_is_not_used(encoder: Path) -> None:
    assert sound_card(encoder, "d" * 32) is None
    assert not encoder.exists()


def test_encoder_whose_bytes_changed_is_not_used(encoder: Path) -> None:
    path = encoder / "weights.bin"
    times = path.stat()
    path.write_bytes(b"x" + bytes(999))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert read_card(encoder) is not None
    assert sound_card(encoder, "c" * 32) is None
    assert not (encoder / CARD_FILE).exists()


@pytest.mark.parametrize(
    ("changes", "is_onnx"),
    [
        ({}, True),
        ({"max_diff": MAX_DIFF * 2}, False),
        ({"max_diff": float("nan")}, False),
        ({"reason": "the export failed"}, False),
    ],
)
def test_an_encoder_indexes_when_it_was_found_equal(encoder: Path, changes: dict[str, object], is_onnx: bool) -> None:
    card = read_card(encoder)
    assert card is not None
    embedder = Embedder(find_model("all-MiniLM-L6-v2"))
    chosen = choose_encoder(encoder, replace(card, **changes), embedder)  # type: ignore[arg-type]

    assert isinstance(getattr(chosen, "__self__", None), QueryEncoder if is_onnx else Embedder)


@pytest.mark.model
def test_vectors_of_the_index_are_those_of_sentence_transformers(shipped_index: Path) -> None:
    embedder = Embedder(find_model("all-MiniLM-L6-v2"))
    with Generation(shipped_index) as generation:
        rows = range(0, generation.passages.count, 12)
        texts = [text for row, text in generation.passages.embedded_texts() if row in rows]
        vectors = np.array(generation.vectors[rows])

    assert np.abs(vectors - embedder.encode_passages(texts)).max() <= MAX_DIFF


@pytest.mark.model
def test_a_vector_has_the_same_bits_whatever_is_embedded_beside_it(
    shipped_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = Embedder(find_model("all-MiniLM-L6-v2"))
    encoder = QueryEncoder(encoder_folder(shipped_index, embedder.model.checksum))
    texts = ["One.", "The agreement ended on August 5, 2011.", "A county signed. " * 30]

    together = encoder.encode_passages(texts)
    monkeypatch.setattr("qa.encoder.usable_cores", lambda: 1)
    assert all((encoder.encode_passages([t])[0] == row).all() for t, row in zip(texts, together, strict=True))


def test_prompt_and_window_come_from_the_card(tmp_path: Path) -> None:
    model = find_model("all-MiniLM-L6-v2")
    card = EncoderCard("m", model.checksum, 384, 254, passage_prompt="passage: ")

    assert Embedder(model, card).window == 254 - Embedder(model).count(["passage: "])[0]
    assert Embedder(model, replace(card, checksum="0" * 32)).window == 254


def test_bursts_settle_and_replaced_files_count(folder: Path) -> None:
    stop = Event()
    index = folder / "index"
    index.mkdir()

    def finish() -> None:
        stop.wait(1.0)
        stop.set()

    finisher = Thread(target=finish)
    seen: list[int] = []
    for count in bursts([folder], index=index, stop=stop):
        seen.append(count)
        if len(seen) == 1:
            for n in range(5):
                (folder / f"new-{n}.txt").write_text("x", encoding="utf-8")
        elif len(seen) == 2:
            (folder / ".swap").write_text("y", encoding="utf-8")
            os.replace(folder / ".swap", folder / "new-0.txt")
        else:
            (index / "gen-1").write_text("z", encoding="utf-8")
            (folder / ".hidden").write_text("z", encoding="utf-8")
            finisher.start()
    finisher.join()

    assert seen == [0, 5, 1]


@pytest.fixture
def watching(shipped_index: Path, folder: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    index = tmp_path / "index"
    index.mkdir()
    (index / "encoder").symlink_to(shipped_index / "encoder", target_is_directory=True)
    command = [sys.executable, "-m", "qa", "index", str(folder), "--index", str(index), "--watch"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background Ctrl-C is ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        yield process
        process.kill()


@pytest.mark.model
def test_watch_renews_the_index_and_ends_cleanly(watching: subprocess.Popen[str], folder: Path) -> None:
    out, err = watching.stdout, watching.stderr
    assert out
    assert err
    while "watching for changes" not in err.readline():
        assert watching.poll() is None
    # Between the first run and the watch: nobody tells of it, and it is found all the same.
    (folder / "ferry.txt").write_text(FERRY, encoding="utf-8")
    first = [out.readline() for _ in range(6)]
    draft = folder / "draft.tmp"
    draft.write_text("Lighthouse 5 needs no keepers.", encoding="utf-8")
    os.replace(draft, folder / "lighthouse-5.txt")
    second = [out.readline() for _ in range(3)]
    watching.send_signal(signal.SIGINT)
    _, rest = watching.communicate()

    assert first[0].startswith("documents: 8 added")
    assert first[3].startswith("documents: 1 added, 0 changed, 0 removed, 8 unchanged")
    assert second[0].startswith("documents: 0 added, 1 changed, 0 removed, 8 unchanged")
    assert (watching.returncode, rest) == (130, "no longer watching; the index is whole\n")
