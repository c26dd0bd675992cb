"""Indexing: what is read, what is reported, what is kept, with the real model."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import chromadb
import numpy as np
import pytest

from qa.config import Settings
from qa.errors import SourceError, UsageError
from qa.generation import Generation, current
from qa.manifest import FileStatus
from qa.planner import Changes
from qa.store import COLLECTION
from tests.conftest import MakeIndex, RunCli

pytestmark = pytest.mark.model

FIRST = "The harbour master of Aldbury keeps the tide tables in a green ledger."
SECOND = "Copper roofs turn green after some twenty years of rain."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "harbour.txt").write_text(FIRST, encoding="utf-8")
    (folder / "roofs.md").write_text(f"# Roofs\n\n{SECOND}\n", encoding="utf-8")
    return folder


def texts(index: Path) -> list[str]:
    with Generation(index) as generation:
        passages = generation.passages.get(list(range(generation.manifest.chunks)))
        return sorted(p.text for p in passages.values())


def test_first_run_adds_every_document(make_index: MakeIndex, folder: Path) -> None:
    report = make_index(folder)

    assert report.changes == Changes(added=("documents/harbour.txt", "documents/roofs.md"))
    assert texts(report.index) == sorted([FIRST, SECOND])


def test_second_run_writes_nothing(make_index: MakeIndex, folder: Path) -> None:
    first = make_index(folder)
    second = make_index()

    assert (second.changes.unchanged, second.embedded, second.generation) == (2, 0, first.generation)


def test_edit_embeds_only_what_changed(make_index: MakeIndex, folder: Path) -> None:
    make_index(folder)
    (folder / "roofs.md").write_text("# Roofs\n\nSlate roofs stay grey.\n", encoding="utf-8")
    report = make_index()

    assert (report.changes, report.embedded) == (Changes(changed=("documents/roofs.md",), unchanged=1), 1)
    assert texts(report.index) == sorted([FIRST, "Slate roofs stay grey."])


def test_deleted_file_leaves_the_index(make_index: MakeIndex, folder: Path) -> None:
    make_index(folder)
    (folder / "harbour.txt").unlink()
    report = make_index()

    assert report.changes == Changes(removed=("documents/harbour.txt",), unchanged=1)
    assert texts(report.index) == [SECOND]


def test_renamed_file_embeds_nothing(make_index: MakeIndex, folder: Path) -> None:
    make_index(folder)
    (folder / "harbour.txt").rename(folder / "tides.txt")
    report = make_index()

    assert report.changes == Changes(renamed=(("documents/harbour.txt", "documents/tides.txt"),), unchanged=1)
    assert report.embedded == 0


def test_copies_are_stored_once_and_cited_under_each_name(run_cli: RunCli, make_index: MakeIndex, folder: Path) -> None:
    (folder / "again.txt").write_text(FIRST, encoding="utf-8")
    report = make_index(folder)

    assert report.chunks == 2
    with Generation(report.index) as generation:
        names = {s for p in generation.passages.get([0, 1]).values() for s in p.sources}
    assert names == {"documents/again.txt", "documents/harbour.txt", "documents/roofs.md"}
    found = json.loads(run_cli("search", "tide tables", "--index", str(report.index), "--json").out)["passages"][0]
    assert (found["source"], found["also_in"]) == ("documents/again.txt", ["documents/harbour.txt"])


def test_paths_are_added_and_forgotten(make_index: MakeIndex, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("A lighthouse needs three keepers.", encoding="utf-8")
    make_index(folder)
    both = make_index(other)
    after = make_index(forget=[folder])

    assert both.changes == Changes(added=("other.txt",), unchanged=2)
    assert texts(after.index) == ["A lighthouse needs three keepers."]


def test_forgetting_everything_is_refused(make_index: MakeIndex, folder: Path) -> None:
    make_index(folder)

    with pytest.raises(UsageError):
        make_index(forget=[folder])


def test_a_source_that_went_away_stops_the_run_and_keeps_the_index(make_index: MakeIndex, folder: Path) -> None:
    report = make_index(folder)
    folder.rename(folder.with_name("moved"))

    with pytest.raises(SourceError) as caught:
        make_index()
    assert "--forget" in caught.value.fix
    assert texts(report.index) == sorted([FIRST, SECOND])


def test_one_bad_file_is_reported_and_the_rest_indexed(make_index: MakeIndex, folder: Path) -> None:
    (folder / "picture.txt").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4)
    (folder / "empty.txt").touch()
    (folder / "scan.pdf").write_bytes(b"%PDF-1.7")
    report = make_index(folder)

    status = {r.source.split("/")[1]: r.status for r in report.records}
    assert status == {
        "picture.txt": FileStatus.FAILED,
        "empty.txt": FileStatus.EMPTY,
        "scan.pdf": FileStatus.SKIPPED,
        "harbour.txt": FileStatus.INDEXED,
        "roofs.md": FileStatus.INDEXED,
    }
    assert report.chunks == 2


def test_failed_file_is_tried_again(make_index: MakeIndex, folder: Path) -> None:
    bad = folder / "late.txt"
    bad.write_bytes(b"%PDF-1.7 nothing")
    make_index(folder)
    bad.write_text("The ferry leaves at noon.", encoding="utf-8")
    report = make_index()

    assert report.changes == Changes(added=("documents/late.txt",), unchanged=2)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1252"])
def test_other_encodings_are_indexed_and_named(make_index: MakeIndex, folder: Path, encoding: str) -> None:
    text = "Die Brücke über den Fluß wurde im März für Fußgänger geöffnet, erklärte der Bürgermeister später."
    (folder / "bridge.txt").write_bytes(text.encode(encoding))
    report = make_index(folder)

    record = next(r for r in report.records if r.source.endswith("bridge.txt"))
    assert text in texts(report.index)
    assert bool(record.notes) == (encoding == "cp1252")


def test_nothing_of_a_document_is_lost(make_index: MakeIndex, folder: Path) -> None:
    report = make_index(folder)

    harbour = next(r for r in report.records if r.source.endswith("harbour.txt"))
    assert harbour.indexed_chars == len(FIRST.replace(" ", ""))


def test_chroma_holds_the_same_rows_as_the_vectors(make_index: MakeIndex, folder: Path) -> None:
    report = make_index(folder)

    generation = current(report.index)
    assert generation is not None
    client = chromadb.PersistentClient(str(generation / "chroma"))
    collection = client.get_collection(COLLECTION, embedding_function=None)
    got = collection.get(include=["embeddings", "documents", "metadatas"])
    client.close()
    order = sorted(range(len(got["ids"])), key=lambda i: got["ids"][i])
    vectors = np.load(generation / "vectors.npy")
    assert np.allclose(vectors, np.asarray(got["embeddings"])[order], atol=1e-6)
    assert sorted(got["documents"] or []) == sorted([FIRST, SECOND])
    assert {m["source"] for m in got["metadatas"] or []} == {"documents/harbour.txt", "documents/roofs.md"}


def test_a_damaged_generation_is_made_again_without_embedding(make_index: MakeIndex, folder: Path) -> None:
    first = make_index(folder)
    generation = current(first.index)
    assert generation is not None
    (generation / "passages.db").write_bytes(b"garbage")
    said: list[str] = []
    report = make_index(say=said.append)

    assert texts(report.index) == sorted([FIRST, SECOND])
    assert report.embedded == 0
    assert "indexed again" in said[0]


def test_old_generations_go_unless_a_reader_holds_them(make_index: MakeIndex, folder: Path) -> None:
    report = make_index(folder)
    with Generation(report.index) as held:
        (folder / "new.txt").write_text("Gulls nest on the breakwater.", encoding="utf-8")
        make_index()
        assert held.folder.is_dir()
        assert sorted(p.text for p in held.passages.get([0, 1]).values()) == sorted([FIRST, SECOND])
    (folder / "newer.txt").write_text("Seals sleep on the sandbank.", encoding="utf-8")
    make_index()

    assert [p.name for p in sorted(report.index.glob("gen-*"))] == ["gen-000003"]


def test_an_interrupted_run_leaves_the_index_as_it_was(
    make_index: MakeIndex, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = make_index(folder)
    (folder / "new.txt").write_text("Gulls nest on the breakwater.", encoding="utf-8")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("qa.verify.Verifier.verify", interrupt)
        with pytest.raises(KeyboardInterrupt):
            make_index()
    assert texts(report.index) == sorted([FIRST, SECOND])
    assert [p.name for p in report.index.glob("gen-*")] == ["gen-000001"]
    assert make_index().embedded == 0


def test_bibliography_reaches_the_passages(make_index: MakeIndex, folder: Path) -> None:
    entry = {"id": "ledger-1901", "type": "book", "title": "The Green Ledger", "genre": "Government", "URL": "x:y"}
    (folder / "references.json").write_text(json.dumps([entry]), encoding="utf-8")
    (folder / "tide.md").write_text("High water is at six. [@ledger-1901]\n", encoding="utf-8")
    report = make_index(folder)

    with Generation(report.index) as generation:
        assert generation.passages.kinds() == ["government"]
        assert [r.title for r in generation.passages.references()] == ["The Green Ledger"]


def test_broken_bibliography_fails_alone(make_index: MakeIndex, folder: Path) -> None:
    (folder / "references.json").write_text("{", encoding="utf-8")
    report = make_index(folder)

    assert [r.source for r in report.with_status(FileStatus.FAILED)] == ["documents/references.json"]
    assert report.changes.counts()["added"] == 2


def test_edited_bibliography_makes_a_new_generation_without_embedding(make_index: MakeIndex, folder: Path) -> None:
    path = folder / "references.json"
    path.write_text('[{"id": "a", "title": "Old"}]', encoding="utf-8")
    make_index(folder)
    path.write_text('[{"id": "a", "title": "New"}]', encoding="utf-8")
    report = make_index()

    assert (report.generation, report.embedded) == (2, 0)


def test_settings_beside_the_documents_hold_from_anywhere(make_index: MakeIndex, folder: Path) -> None:
    (folder / "qa.toml").write_text('exclude = ["roofs.md"]\n', encoding="utf-8")
    make_index(folder)
    report = make_index()

    assert texts(report.index) == [FIRST]


def test_same_documents_have_the_same_fingerprint(make_index: MakeIndex, folder: Path) -> None:
    with Generation(make_index(folder).index) as first:
        before = first.manifest.fingerprint
    os.utime(folder / "harbour.txt", (1, 1))
    with Generation(make_index(rebuild=True).index) as second:
        assert second.manifest.fingerprint == before


def test_deleted_text_is_in_no_file_of_the_generation(make_index: MakeIndex, folder: Path) -> None:
    report = make_index(folder)
    (folder / "harbour.txt").unlink()
    make_index()

    generation = current(report.index)
    assert generation is not None
    found = [p.name for p in generation.rglob("*") if p.is_file() and b"tide tables" in p.read_bytes()]
    assert found == []


def test_cache_keeps_each_text_once(make_index: MakeIndex, folder: Path) -> None:
    report = make_index(folder)
    make_index(rebuild=True)

    connection = sqlite3.connect(report.index / "cache.db")
    assert connection.execute("select count(*) from vectors").fetchone() == (2,)
    connection.close()


def test_index_command_reports_and_fails_for_a_bad_file(run_cli: RunCli, make_index: MakeIndex, folder: Path) -> None:
    index = str(make_index(folder).index)
    (folder / "bad.txt").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    outcome = run_cli("index", "--index", index)

    assert outcome.code == 1
    assert "failed: documents/bad.txt: is a PNG picture, not text" in outcome.out
    assert "2 unchanged, 1 failed" in outcome.out


def test_index_command_prints_one_json_object(run_cli: RunCli, make_index: MakeIndex, folder: Path) -> None:
    index = str(make_index(folder).index)
    outcome = run_cli("index", "--index", index, "--json")

    data = json.loads(outcome.out)
    assert (data["schema"], data["unchanged"], data["failed"]) == (1, 2, 0)
    assert {f["source"] for f in data["files"]} == {"documents/harbour.txt", "documents/roofs.md"}


def test_another_model_is_named_and_indexed_anew(
    run_cli: RunCli, make_index: MakeIndex, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = str(make_index(folder).index)
    monkeypatch.setenv("QA_MODEL", "some-other-model")
    outcome = run_cli("ask", "Who keeps the tide tables?", "--index", index)

    assert outcome.code == 1
    assert "some-other-model" in outcome.err
    assert "fix: run: qa index" in outcome.err


def test_read_only_index_answers(run_cli: RunCli, make_index: MakeIndex, folder: Path) -> None:
    index = make_index(folder).index
    folders = [index, *(p for p in index.rglob("*") if p.is_dir() and not p.is_symlink())]
    try:
        for path in folders:
            path.chmod(0o555)
        outcome = run_cli("ask", "Who keeps the tide tables?", "--index", str(index), "--json")
    finally:
        for path in folders:
            path.chmod(0o755)

    assert outcome.code == 0
    assert FIRST in outcome.out


def test_index_in_a_project_folder(run_cli: RunCli, shipped_index: Path, folder: Path) -> None:
    (folder / "qa.toml").write_text("", encoding="utf-8")
    (folder / ".qa").mkdir()
    (folder / ".qa" / "encoder").symlink_to(shipped_index / "encoder", target_is_directory=True)
    indexed = run_cli("index", cwd=folder)
    inside = folder / "deep" / "er"
    inside.mkdir(parents=True)
    asked = run_cli("ask", "Who keeps the tide tables?", "--json", cwd=inside)

    assert indexed.code == 0
    assert FIRST in asked.out


def test_settings_object_narrows_what_is_read(make_index: MakeIndex, folder: Path) -> None:
    report = make_index(folder, settings=Settings(exclude=("*.md",)))

    assert texts(report.index) == [FIRST]
