"""The public sets: how they are loaded, and what bench.public counts on a tiny set made here."""

from __future__ import annotations

import json
import sys
import tarfile
from pathlib import Path

import pytest

from bench import public
from bench.sets import load_questions, set_folders, unpack

TEXTS = {
    "lighthouse.txt": "Cape Light\n\nThe lighthouse of Cape Light was painted by Ann Lee in the winter of 1911.\n",
    "harbour.txt": "The harbour\n\nThe harbour of Port Grey closes in December because of the ice on the river.\n",
}
ROWS = [
    {"id": "1", "question": "Who painted the lighthouse of Cape Light?", "answerable": True, "answers": ["Ann Lee"]},
    {"id": "2", "question": "Why does the harbour of Port Grey close?", "answerable": True, "answers": ["the ice"]},
    {"id": "3", "question": "Who invented the telephone?", "answerable": False, "answers": []},
]
GOLD = {"1": "lighthouse.txt", "2": "harbour.txt"}


@pytest.fixture
def tiny_set(tmp_path: Path) -> Path:
    folder = tmp_path / "sets" / "tiny"
    (folder / "made/corpus").mkdir(parents=True)
    for name, text in TEXTS.items():
        (folder / "made/corpus" / name).write_text(text, encoding="utf-8")
    with tarfile.open(folder / "corpus.tar.xz", "w:xz") as archive:
        archive.add(folder / "made/corpus", "corpus")
    lines = []
    for row in ROWS:
        gold = GOLD.get(str(row["id"]))
        passages = [TEXTS[gold].splitlines()[2]] if gold else []
        lines.append(json.dumps(row | {"gold_docs": [gold] if gold else [], "gold_passages": passages}))
    (folder / "questions.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_questions_are_loaded_and_a_limit_spaces_them_evenly(tiny_set: Path) -> None:
    assert [q.id for q in load_questions(tiny_set)] == ["1", "2", "3"]
    assert [q.id for q in load_questions(tiny_set, limit=2)] == ["1", "2"]
    assert [q.id for q in load_questions(tiny_set, limit=9)] == ["1", "2", "3"]
    assert load_questions(tiny_set)[0].gains == {"lighthouse.txt": 1}


def test_documents_are_unpacked_once(tiny_set: Path, tmp_path: Path) -> None:
    documents = unpack(tiny_set, tmp_path / "scratch")
    (documents / "harbour.txt").write_text("kept", encoding="utf-8")

    assert unpack(tiny_set, tmp_path / "scratch") == documents
    assert (documents / "harbour.txt").read_text(encoding="utf-8") == "kept"
    assert sorted(p.name for p in documents.iterdir()) == sorted(TEXTS)


def test_a_set_that_is_not_there_is_named(tiny_set: Path) -> None:
    with pytest.raises(SystemExit, match="absent"):
        set_folders(tiny_set.parent, ["tiny", "absent"])


@pytest.mark.model
def test_the_figures_of_a_tiny_set(
    tiny_set: Path,
    tmp_path: Path,
    shipped_index: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    index = tmp_path / "scratch/tiny/index"
    index.mkdir(parents=True)
    (index / "encoder").symlink_to(shipped_index / "encoder", target_is_directory=True)
    argv = [str(tiny_set.parent), "--scratch", str(tmp_path / "scratch"), "--sets", "tiny", "--json"]
    monkeypatch.setattr(sys, "argv", ["public", *argv, "--output", str(tmp_path / "out")])
    public.main()
    figures = json.loads(capsys.readouterr().out)["sets"]["tiny"]
    lines = [json.loads(x) for x in (tmp_path / "out/tiny.jsonl").read_text(encoding="utf-8").splitlines()]

    assert figures["passage-hit@1 without the reader"] == {"value": 1.0, "low": 1.0, "high": 1.0, "count": 2}
    assert figures["passage-hit@8 without the reader"]["value"] == 1.0
    assert figures["passage-hit@1 with the reader"]["count"] == 2
    assert figures["SQuAD 2 F1, always refusing"]["value"] == pytest.approx(1 / 3)
    assert figures["abstention-auroc"]["value"] == 1.0
    assert [line["id"] for line in lines] == ["1", "2", "3"]
    assert lines[0]["passages"][0]["source"].endswith("lighthouse.txt")
    assert lines[2]["abstained"]
