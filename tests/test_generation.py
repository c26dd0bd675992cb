"""The folder protocol of an index, on folders made by hand."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qa.dense import write_vectors
from qa.errors import IndexDamagedError, IndexMismatchError, IndexMissingError
from qa.generation import Generation, commit, current, drop_unused, is_index, next_generation
from qa.manifest import MANIFEST_NAME, Manifest, read_manifest, write_manifest
from qa.parts import measure_folder
from tests.unprivileged import unprivileged


def make_generation(index: Path) -> Path:
    """Make and commit a generation that has vectors only."""
    index.mkdir(exist_ok=True)
    folder = next_generation(index)
    write_vectors(folder / "vectors.npy", np.ones((3, 2), dtype=np.float32))
    manifest = Manifest(
        generation=1,
        created_at="2011-08-05T00:00:00+00:00",
        fingerprint="f",
        model="m",
        model_checksum="c",
        dimension=2,
        window=254,
        engine="onnx",
        chunker=1,
        chunk_target=120,
        chunk_limit=200,
        chromadb="1",
        qa="0",
        documents=1,
        files=1,
        failed=0,
        chunks=3,
        roots=("/documents",),
        references="",
        parts=measure_folder(folder, without=MANIFEST_NAME),
    )
    write_manifest(folder, manifest)
    commit(index, folder)
    return folder


def test_no_index_is_said_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(IndexMissingError) as caught:
        Generation(tmp_path)
    assert "qa index" in caught.value.fix


def test_committed_generation_is_current(tmp_path: Path) -> None:
    folder = make_generation(tmp_path)

    assert current(tmp_path) == folder
    with Generation(tmp_path) as generation:
        assert generation.vectors.shape == (3, 2)


def test_uncommitted_generation_is_an_orphan_and_goes(tmp_path: Path) -> None:
    folder = make_generation(tmp_path)
    orphan = next_generation(tmp_path)
    (orphan / "vectors.npy").write_bytes(b"half")
    drop_unused(tmp_path)

    assert list(tmp_path.glob("gen-*")) == [folder]


def test_reader_keeps_its_generation_through_ten_swaps(tmp_path: Path) -> None:
    first = make_generation(tmp_path)
    with Generation(tmp_path) as generation:
        for _ in range(10):
            make_generation(tmp_path)
            drop_unused(tmp_path)
        assert generation.folder == first
        assert float(generation.vectors.sum()) == 6.0
    drop_unused(tmp_path)

    assert [p.name for p in tmp_path.glob("gen-*")] == ["gen-000011"]


@pytest.mark.parametrize("content", ["", "gen-1", "../elsewhere", "gen-000001\ngen-000002", "\x00\x00"])
def test_nonsense_in_current_is_damage(tmp_path: Path, content: str) -> None:
    make_generation(tmp_path)
    (tmp_path / "CURRENT").write_text(content, encoding="utf-8")

    with pytest.raises(IndexDamagedError):
        Generation(tmp_path)


def test_part_of_another_size_is_damage(tmp_path: Path) -> None:
    folder = make_generation(tmp_path)
    (folder / "vectors.npy").write_bytes(b"short")

    with pytest.raises(IndexDamagedError, match=r"vectors\.npy has 5 bytes"):
        Generation(tmp_path)


def test_missing_part_is_damage(tmp_path: Path) -> None:
    folder = make_generation(tmp_path)
    (folder / "vectors.npy").unlink()

    with pytest.raises(IndexDamagedError, match="cannot be read"):
        Generation(tmp_path)


@pytest.mark.parametrize("name", ["CURRENT", "gen-000001", "gen-000001/manifest.json", "gen-000001/vectors.npy"])
def test_part_that_may_not_be_read_is_damage(name: str) -> None:
    with unprivileged() as folder:
        make_generation(folder)
        (folder / "gen-000001" / "vectors.npy").touch()  # a time of change that is not the manifest's
        (folder / name).chmod(0)

        with pytest.raises(IndexDamagedError) as caught:
            Generation(folder)
    assert caught.value.fix


def test_pointer_that_is_gone_is_damage_and_not_no_index(tmp_path: Path) -> None:
    make_generation(tmp_path)
    (tmp_path / "CURRENT").unlink()

    assert is_index(tmp_path)
    with pytest.raises(IndexDamagedError, match="CURRENT is missing"):
        Generation(tmp_path)


@pytest.mark.parametrize("name", ["gen-000007", "doctor-gen-000001", "encoder/new-12", "CURRENT.new"])
def test_leftovers_of_a_killed_run_go(tmp_path: Path, name: str) -> None:
    make_generation(tmp_path)
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("x", encoding="utf-8") if name == "CURRENT.new" else path.mkdir()
    drop_unused(tmp_path)

    assert not path.exists()
    assert is_index(tmp_path)


def test_other_format_is_named_with_its_remedy(tmp_path: Path) -> None:
    folder = make_generation(tmp_path)
    path = folder / MANIFEST_NAME
    data = json.loads(path.read_text(encoding="utf-8")) | {"format": 99}
    path.write_text(json.dumps(data), encoding="utf-8")

    with pytest.raises(IndexMismatchError, match="format 99") as caught:
        Generation(tmp_path)
    assert "qa index" in caught.value.fix


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1}', "null"])
def test_garbage_manifest_is_damage(tmp_path: Path, content: str) -> None:
    folder = make_generation(tmp_path)
    (folder / MANIFEST_NAME).write_text(content, encoding="utf-8")

    with pytest.raises((IndexDamagedError, IndexMismatchError)):
        Generation(tmp_path)


def test_vectors_of_another_shape_are_damage(tmp_path: Path) -> None:
    folder = make_generation(tmp_path)
    write_vectors(folder / "vectors.npy", np.ones((2, 3), dtype=np.float32))
    manifest = read_manifest(folder)
    write_manifest(folder, replace(manifest, parts=measure_folder(folder, without=MANIFEST_NAME)))

    with Generation(tmp_path) as generation, pytest.raises(IndexDamagedError, match="shape"):
        _ = generation.vectors


def test_part_with_other_contents_of_the_same_size_is_damage(tmp_path: Path) -> None:
    folder = make_generation(tmp_path)
    path = folder / "vectors.npy"
    data = bytearray(path.read_bytes())
    data[-3] ^= 255
    path.write_bytes(bytes(data))

    with pytest.raises(IndexDamagedError, match="is not what was written"):
        Generation(tmp_path)


def test_copied_index_is_sound(tmp_path: Path) -> None:
    make_generation(tmp_path / "index")
    shutil.copytree(tmp_path / "index", tmp_path / "copy", copy_function=shutil.copy)

    with Generation(tmp_path / "copy") as generation:
        assert generation.manifest.chunks == 3
