"""The cache of vectors: the same bits come back, and no damage or kill costs more than time."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.cache import VectorCache, examine_cache, known_keys, mend_cache, text_hash
from qa.encoder import Vectors
from qa.errors import StorageError

DIMENSION = 384


def vectors_of(count: int, seed: int = 0) -> Vectors:
    return np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)


def keys_of(count: int) -> list[bytes]:
    return [text_hash(f"text {n}") for n in range(count)]


def filled(path: Path, count: int = 600) -> tuple[list[bytes], Vectors]:
    keys, vectors = keys_of(count), vectors_of(count)
    cache = VectorCache(path, "model")
    cache.put(keys, vectors)
    cache.close()
    return keys, vectors


def test_vectors_are_the_same_bits_after_a_round_trip(tmp_path: Path) -> None:
    keys, vectors = filled(tmp_path / "cache.db", 1200)

    cache = VectorCache(tmp_path / "cache.db", "model")
    found = cache.get([*keys, text_hash("never seen")])
    cache.close()

    assert [found[k].tobytes() for k in keys] == [v.tobytes() for v in vectors]
    assert found.keys() == set(keys)
    assert found[keys[0]].dtype == np.dtype("<f4")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(width=32), min_size=1, max_size=8))
def test_any_number_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, numbers: list[float]) -> None:
    cache = VectorCache(tmp_path_factory.mktemp("cache") / "cache.db", "model")
    vector = np.asarray([numbers], dtype=np.float32)

    cache.put([b"k"], vector)

    assert cache.get([b"k"])[b"k"].tobytes() == vector.tobytes()
    cache.close()


def test_vectors_of_another_model_are_not_found(tmp_path: Path) -> None:
    keys, vectors = filled(tmp_path / "cache.db", 3)

    other = VectorCache(tmp_path / "cache.db", "another model")
    assert other.get(keys) == {}
    other.put(keys, vectors[::-1])
    other.close()
    cache = VectorCache(tmp_path / "cache.db", "model")
    assert cache.get(keys)[keys[0]].tobytes() == vectors[0].tobytes()
    cache.close()


def test_later_vector_replaces_the_earlier_one(tmp_path: Path) -> None:
    keys, vectors = filled(tmp_path / "cache.db", 2)
    cache = VectorCache(tmp_path / "cache.db", "model")

    cache.put(keys, vectors[::-1])

    assert cache.get(keys)[keys[0]].tobytes() == vectors[1].tobytes()
    cache.close()


def test_batch_of_unequal_lengths_is_refused_whole(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "cache.db", "model")

    with pytest.raises(ValueError, match="zip"):
        cache.put(keys_of(3), vectors_of(2))

    assert cache.get(keys_of(3)) == {}
    cache.close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 3],
        lambda data: data[:50],
        lambda data: b"\x00" * len(data),
        lambda data: b"not a database at all " * 500,
        lambda data: data[:100] + b"\xff" * 4000 + data[4100:],
    ],
    ids=["empty", "cut", "cut in the header", "zeros", "text", "first page"],
)
def test_damaged_file_is_begun_anew(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "cache.db"
    keys, vectors = filled(path)
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator] # a table of lambdas

    cache = VectorCache(path, "model")
    assert cache.get(keys) == {}
    cache.put(keys[:5], vectors[:5])
    cache.close()

    again = VectorCache(path, "model")
    assert not again.was_damaged
    assert again.get(keys).keys() == set(keys[:5])
    again.close()


@pytest.mark.parametrize("seed", range(12))
def test_damage_in_the_middle_never_gives_a_wrong_vector(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "cache.db"
    keys, vectors = filled(path)
    chance = random.Random(seed)
    data = bytearray(path.read_bytes())
    for _ in range(8):
        at = chance.randrange(100, len(data) - 600)
        data[at : at + 600] = chance.randbytes(600) if seed % 2 else bytes(600)
    path.write_bytes(data)

    cache = VectorCache(path, "model")
    found = cache.get(keys)
    cache.put(keys, vectors)

    assert all(found[k].tobytes() == v.tobytes() for k, v in zip(keys, vectors, strict=True) if k in found)
    assert len(found) < len(keys)
    assert len(cache.get(keys)) == len(keys)
    cache.close()


def test_table_of_another_form_is_begun_anew(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "cache.db") as other:
        other.execute("create table vectors (key text, value text)")
    other.close()

    cache = VectorCache(tmp_path / "cache.db", "model")
    cache.put(keys_of(1), vectors_of(1))

    assert cache.was_damaged
    assert len(cache.get(keys_of(1))) == 1
    cache.close()


def test_file_that_another_program_holds_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cache.db"
    keys, _ = filled(path)
    holder = sqlite3.connect(path)
    holder.execute("pragma journal_mode = delete")
    holder.execute("begin exclusive")
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path: connect(path, timeout=0.1))  # else it waits for 5 s

    with pytest.raises(StorageError, match="locked") as caught:
        VectorCache(path, "model")

    assert caught.value.fix
    holder.rollback()
    holder.close()
    cache = VectorCache(path, "model")
    assert len(cache.get(keys)) == len(keys)
    cache.close()


def test_place_where_no_file_can_be_is_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "no" / "such" / "folder" / "cache.db"):
        with pytest.raises(StorageError, match="cannot use"):
            VectorCache(path, "model")


_WRITER = """
import sys
from pathlib import Path
import numpy as np
from qa.cache import VectorCache, text_hash
cache = VectorCache(Path(sys.argv[1]), "model")
for batch in range(100_000):
    keys = [text_hash(f"{batch}:{n}") for n in range(64)]
    cache.put(keys, np.full((64, 384), batch, dtype=np.float32))
    print(batch, flush=True)
"""


@pytest.mark.parametrize("batches", [1, 4, 9])
def test_killed_writer_leaves_whole_batches_and_all_that_it_had_told(tmp_path: Path, batches: int) -> None:
    path = tmp_path / "cache.db"
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout
    told = [int(writer.stdout.readline()) for _ in range(batches)]
    writer.kill()
    told += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
    writer.stdout.close()
    writer.wait()

    cache = VectorCache(path, "model")
    kept = [len(cache.get([text_hash(f"{b}:{n}") for n in range(64)])) for b in range(told[-1] + 3)]
    cache.close()

    assert not cache.was_damaged
    assert kept[: len(told)] == [64] * len(told)
    assert set(kept) <= {0, 64}


def ages(path: Path, days: dict[bytes, int]) -> None:
    """Set when vectors were used last, in days before today."""
    connection = sqlite3.connect(path)
    with connection:
        connection.executemany("update vectors set used = used - ? where text = ?", [(d, k) for k, d in days.items()])
    connection.close()


@pytest.mark.parametrize(
    ("how", "left"),
    [
        ({}, {0}),
        ({"max_age_days": 30}, {0, 1, 2}),
        ({"max_age_days": 5}, {0, 1}),
        ({"max_bytes": 10**9}, {0, 1, 2, 3}),
        ({"max_bytes": 3 * 2140}, {0, 1, 2}),
        ({"max_bytes": 0}, {0}),
        ({"max_age_days": 30, "max_bytes": 2 * 2140}, {0, 1}),
    ],
)
def test_pruning_keeps_what_is_in_use_then_the_latest(tmp_path: Path, how: dict[str, int], left: set[int]) -> None:
    path = tmp_path / "cache.db"
    keys, vectors = filled(path, 4)
    # The first is in use, though nobody needed its vector for a year.
    ages(path, {keys[0]: 365, keys[2]: 10, keys[3]: 90})
    cache = VectorCache(path, "model")
    removed = cache.prune({keys[0]}, **how)
    cache.close()
    data = b"".join(p.read_bytes() for p in tmp_path.iterdir())

    # Neither the head nor the tail of a vector may stay on a free page.
    assert {n for n in range(4) if vectors[n].tobytes()[:64] in data} == left
    assert {n for n in range(4) if vectors[n].tobytes()[-64:] in data} == left
    assert {n for n in range(4) if keys[n] in data} == left
    assert removed == 4 - len(left)


def test_looking_at_the_keys_writes_nothing_and_reads_the_log_too(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    keys, vectors = filled(path, 2)
    before = sorted(p.name for p in tmp_path.iterdir())
    assert known_keys(path, "model") == set(keys)
    assert sorted(p.name for p in tmp_path.iterdir()) == before

    cache = VectorCache(path, "model")
    cache.put([b"new"], vectors[:1])
    assert known_keys(path, "model") == {*keys, b"new"}
    cache.close()
    assert known_keys(path, "another") == known_keys(tmp_path / "none", "model") == set()


def test_damage_of_one_vector_costs_one_vector(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    keys, vectors = filled(path, 5)
    path.write_bytes(path.read_bytes().replace(vectors[3].tobytes()[:40], bytes(40)))
    assert examine_cache(path) == (5, f"{path}: 1 damaged vectors")
    mend_cache(path)

    assert examine_cache(path) == (4, "")
    assert known_keys(path, "model") == {*keys[:3], keys[4]}


def test_half_characters_have_a_hash_of_their_own() -> None:
    assert len({text_hash("a"), text_hash("a\ud800"), text_hash("a\udfff"), text_hash("")}) == 4
