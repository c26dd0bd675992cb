"""The ONNX encoder says what sentence-transformers says, or is not kept; broken models are told as such."""

from __future__ import annotations

import json
import os
import shutil
import string
import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.config import DEFAULT_MODEL, Settings
from qa.embedder import Embedder
from qa.encoder import (
    CARD_FILE,
    MODEL_FILE,
    TOKENIZER_FILE,
    WEIGHTS_FILE,
    QueryEncoder,
    Vectors,
    encoder_folder,
    read_card,
    unit,
)
from qa.errors import IndexDamagedError, ModelError
from qa.generation import Generation
from qa.indexer import build_index
from qa.models import ModelFolder, find_model
from qa.retriever import Retriever
from qa.viewer import status_of

pytestmark = pytest.mark.model

TEXTS = [
    "",
    " ",
    "\t\r\n",
    ".",
    "x",
    "Can a state opt out?",
    "CAN A STATE OPT OUT?",
    "what is 287(g)? §1357(g); No. 11-182; U.S.; 1,595 of 14.3%",
    "[CLS] [SEP] [MASK] [PAD] [UNK] ##ing",
    "“Ünïcödé” — naïve café, Zoë’s ﬁle ﬀ ß ẞ İ ı",
    "e\u0301e\u0301 \u200b\u200f\ufeff\u00ad\u2028 \u0000 \u0001 \ufffd \U0010ffff",
    "安全社区是什么？ ما هو برنامج الحجز؟ Что такое задержание? ที่นี่ 한국어 ひらがな",
    "🙂👩‍👩‍👧‍👦🇺🇸" * 5,
    "a" * 5000,
    "-" * 5000,
    ". " * 3000,
    "The agreement ended on August 5, 2011. " * 300,
    "one\ntwo\r\nthree\n\n\nfour",
    "<b>markup</b> [@ipc-2011] https://www.example.gov/a?b=c#d",
]
ALPHABET = [c for c in string.printable if not c.isspace()]
WORDS = "the state detainer of a program paris search document held".split()


def build(folder: Path, *modules_after_transformer: Any, max_length: int | None = 48, **more: Any) -> Path:
    """Save a small BERT with these sentence-transformers modules behind it."""
    from sentence_transformers import SentenceTransformer

    with warnings.catch_warnings():  # newer releases have moved the module
        warnings.simplefilter("ignore")
        from sentence_transformers.models import Transformer

        body = Transformer(str(bert(folder.with_name(f"{folder.name}-bert"))), max_seq_length=max_length)
        model = SentenceTransformer(modules=[body, *modules_after_transformer], device="cpu", **more)
        model.save(str(folder))
    return folder


def bert(folder: Path) -> Path:
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    entries = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *ALPHABET, *(f"##{c}" for c in ALPHABET), *WORDS]
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys(entries))}
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.3,
    )
    BertModel(config).eval().save_pretrained(folder)
    BertTokenizerFast(vocab=vocabulary, do_lower_case=True).save_pretrained(folder)
    return folder


def modules() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sentence_transformers import models
    return models


def pooling(mode: str, **more: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return modules().Pooling(32, pooling_mode=mode, **more)


def embedder_of(folder: Path) -> Embedder:
    return Embedder(find_model(str(folder)))


def difference(one: Vectors, other: Vectors) -> float:
    assert one.shape == other.shape
    assert one.dtype == other.dtype == np.float32
    return float(np.abs(one - other).max())


def test_packaged_model_agrees_with_sentence_transformers(shipped_index: Path) -> None:
    model = find_model(DEFAULT_MODEL)
    embedder, encoder = Embedder(model), QueryEncoder(encoder_folder(shipped_index, model.checksum))
    with Generation(shipped_index) as generation:
        passages = generation.passages.get(range(0, generation.passages.count, 10)).values()
        texts = [*TEXTS, *(" > ".join(p.context) + "\n" + p.body for p in passages)]

    assert difference(encoder.encode_passages(texts), embedder.encode_passages(texts)) < 1e-5
    assert difference(encoder.encode_queries(TEXTS[:8]), embedder.encode_queries(TEXTS[:8])) < 1e-5
    assert (encoder.card.window, encoder.card.dimension, encoder.card.reason) == (254, 384, "")
    assert encoder.card.max_diff < 1e-5


def test_vectors_of_the_shipped_index_are_those_of_sentence_transformers(shipped_index: Path) -> None:
    embedder = Embedder(find_model(DEFAULT_MODEL))
    with Generation(shipped_index) as generation:
        rows = list(range(0, generation.passages.count, 25))
        found = [p for _, p in sorted(generation.passages.get(rows).items())]
        texts = ["\n".join([" > ".join(p.context), p.body]) for p in found]

        assert difference(np.asarray(generation.vectors[rows]), embedder.encode_passages(texts)) < 1e-5


PROMPTS = {"query": "search the state: ", "document": "document held: "}


@pytest.mark.parametrize(
    ("mode", "normal", "prompts"),
    [("mean", True, {}), ("mean", False, PROMPTS), ("cls", True, PROMPTS), ("cls", False, {}), ("lasttoken", True, {})],
)
def test_any_pooling_agrees_with_sentence_transformers(
    tmp_path: Path, mode: str, normal: bool, prompts: dict[str, str]
) -> None:
    end = [modules().Normalize()] if normal else []
    embedder = embedder_of(build(tmp_path / "model", pooling(mode), *end, prompts=prompts))

    card = embedder.write_encoder(tmp_path / "encoder")

    encoder = QueryEncoder(tmp_path / "encoder")
    assert card.reason == ""
    assert (card.query_prompt, card.passage_prompt) == (prompts.get("query", ""), prompts.get("document", ""))
    queries, passages = encoder.encode_queries(TEXTS), encoder.encode_passages(TEXTS)
    assert difference(queries, embedder.encode_queries(TEXTS)) < 1e-5
    assert difference(passages, embedder.encode_passages(TEXTS)) < 1e-5
    assert np.linalg.norm(queries, axis=1) == pytest.approx(1, abs=1e-5)
    assert (difference(queries, passages) > 0.01) == bool(prompts)


@pytest.mark.parametrize(
    ("mode", "prompts"),
    [
        ("mean", {"query": "query: ", "document": "passage: "}),  # E5
        ("cls", {"query": "Represent this sentence for searching relevant passages: "}),  # BGE: none for passages
    ],
)
@pytest.mark.parametrize("dimension", [None, 8])
def test_prompts_and_a_shortened_vector_are_those_of_sentence_transformers(
    tmp_path: Path, mode: str, prompts: dict[str, str], dimension: int | None
) -> None:
    folder = build(tmp_path / "model", pooling(mode), modules().Normalize(), prompts=prompts, truncate_dim=dimension)
    embedder = embedder_of(folder)

    card = embedder.write_encoder(tmp_path / "encoder")

    encoder = QueryEncoder(tmp_path / "encoder")
    queries, passages = encoder.encode_queries(TEXTS), encoder.encode_passages(TEXTS)
    assert (card.reason, card.dimension, queries.shape[1]) == ("", dimension or 32, dimension or 32)
    assert difference(queries, embedder.encode_queries(TEXTS)) < 1e-5
    assert difference(passages, embedder.encode_passages(TEXTS)) < 1e-5
    assert difference(queries, passages) > 0.01
    assert np.linalg.norm(queries, axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("prompts", "default"),
    [
        ({"document": "", "passage": "document held: "}, None),
        ({"passage": "document held: "}, None),
        ({"other": "the state "}, "other"),
        ({"query": "", "other": "the state "}, "other"),
    ],
)
def test_prompt_is_the_one_that_sentence_transformers_chooses(
    tmp_path: Path, prompts: dict[str, str], default: str | None
) -> None:
    folder = build(tmp_path / "model", pooling("mean"), prompts=prompts, default_prompt_name=default)

    assert embedder_of(folder).write_encoder(tmp_path / "encoder").reason == ""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model with mean pooling. Copy it before changing it."""
    return build(tmp_path_factory.mktemp("plain") / "model", pooling("mean"))


@pytest.fixture(scope="module")
def pair(plain: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Embedder, QueryEncoder]:
    """The small model and its encoder."""
    folder = tmp_path_factory.mktemp("pair") / "encoder"
    embedder = embedder_of(plain)
    embedder.write_encoder(folder)
    return embedder, QueryEncoder(folder)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=80), min_size=1, max_size=5))
def test_any_texts_in_one_batch_agree(pair: tuple[Embedder, QueryEncoder], texts: list[str]) -> None:
    embedder, encoder = pair

    assert difference(encoder.encode_passages(texts), embedder.encode_passages(texts)) < 1e-5


def test_vector_of_a_text_does_not_hang_on_its_neighbours(pair: tuple[Embedder, QueryEncoder]) -> None:
    for encode in (pair[1].encode_passages, pair[0].encode_passages):
        together = encode(TEXTS[4:14])
        alone = np.concatenate([encode([text]) for text in TEXTS[4:14]])

        assert difference(together, alone) < 1e-5
        assert encode(["one text"]).tobytes() == encode(["one text"]).tobytes()


def test_no_texts_have_no_vectors(pair: tuple[Embedder, QueryEncoder]) -> None:
    for encode in [f for one in pair for f in (one.encode_queries, one.encode_passages)]:
        assert encode([]).shape == (0, 32)


def test_unit_vectors_have_length_one_and_nothing_stays_nothing() -> None:
    found = unit(np.asarray([[3, 4], [0, 0], [1e-9, 0]], dtype=np.float32))

    assert found.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0, 0], [1, 0]]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e38])
def test_vectors_that_are_no_numbers_are_refused(number: float) -> None:
    with np.errstate(all="ignore"), pytest.raises(ModelError, match="no numbers"):
        unit(np.full((2, 4), number, dtype=np.float32))


@pytest.mark.parametrize("prompts", [{}, PROMPTS], ids=["plain", "prompts"])
def test_window_is_just_what_the_model_reads(tmp_path: Path, prompts: dict[str, str]) -> None:
    embedder = embedder_of(build(tmp_path / "model", pooling("mean"), prompts=prompts))
    full = ["state"] * (embedder.window - 1)
    assert embedder.count([" ".join([*full, "detainer"])]) == [embedder.window]

    ends = embedder.encode_passages([" ".join([*full, last]) for last in ("detainer", "program")])
    beyond = embedder.encode_passages([" ".join([*full, "state", last]) for last in ("detainer", "program")])

    assert difference(ends[:1], ends[1:]) > 1e-3
    assert difference(beyond[:1], beyond[1:]) < 1e-6


def test_model_without_a_limit_has_a_window_all_the_same(tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(WordLevel({word: n for n, word in enumerate(["[UNK]", *WORDS])}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    from sentence_transformers import SentenceTransformer

    static = modules().StaticEmbedding(tokenizer, embedding_dim=8)
    SentenceTransformer(modules=[static], device="cpu").save(str(tmp_path / "model"))
    embedder = embedder_of(tmp_path / "model")

    card = embedder.write_encoder(tmp_path / "encoder")

    assert (embedder.window, card.dimension) == (512, 8)
    assert card.reason.startswith("the export failed")


def test_model_that_pools_without_its_prompt_falls_back_with_a_reason(tmp_path: Path) -> None:
    folder = build(tmp_path / "model", pooling("mean", include_prompt=False), prompts=PROMPTS)

    card = embedder_of(folder).write_encoder(tmp_path / "encoder")

    assert card.reason.startswith("its vectors differ from sentence-transformers by ")
    assert [p.name for p in (tmp_path / "encoder").iterdir()] == [CARD_FILE]
    assert read_card(tmp_path / "encoder") == card
    with pytest.raises(ModelError, match="has no ONNX encoder: its vectors differ"):
        QueryEncoder(tmp_path / "encoder")


def test_model_with_two_bodies_falls_back_with_a_reason(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bodies = [modules().Transformer(str(bert(tmp_path / name)), max_seq_length=48) for name in ("q", "d")]
        router = modules().Router.for_query_document(
            query_modules=[bodies[0], pooling("mean")], document_modules=[bodies[1], pooling("cls")]
        )
        SentenceTransformer(modules=[router], device="cpu").save(str(tmp_path / "model"))
    shutil.copyfile(tmp_path / "q/tokenizer.json", tmp_path / "model/tokenizer.json")
    embedder = embedder_of(tmp_path / "model")

    card = embedder.write_encoder(tmp_path / "encoder")

    assert card.reason
    assert difference(embedder.encode_queries(TEXTS), embedder.encode_passages(TEXTS)) > 0.01


def test_model_without_a_fast_tokenizer_falls_back_with_a_reason(plain: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(plain, folder)
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nstate\n", encoding="utf-8")

    assert embedder_of(folder).write_encoder(tmp_path / "encoder").reason == "the model has no tokenizer.json"


def scaled_by_the_batch(torch: Any) -> Callable[[Any], Any]:
    # Tracing keeps the size of the batch that it saw; a batch of another size does not fit.
    return lambda vectors: vectors + torch.zeros(int(vectors.shape[0]), 1)


def frozen_number(torch: Any) -> Callable[[Any], Any]:
    # Tracing keeps the number that it saw.
    return lambda vectors: vectors + float(vectors[0, 0])


@pytest.mark.parametrize(
    ("make", "reason"),
    [(scaled_by_the_batch, "the exported model does not run"), (frozen_number, "its vectors differ")],
)
def test_export_that_cannot_be_right_is_noticed(
    plain: Path, tmp_path: Path, make: Callable[[Any], Callable[[Any], Any]], reason: str
) -> None:
    import torch
    from sentence_transformers import SentenceTransformer

    change = make(torch)

    class Odd(torch.nn.Module):  # type: ignore[misc] # torch is not typed for mypy
        def forward(self, features: dict[str, Any]) -> dict[str, Any]:
            features["sentence_embedding"] = change(features["sentence_embedding"])
            return features

    class OddEmbedder(Embedder):
        # A module of one's own cannot be loaded from a folder without trusting its code.
        @cached_property
        def _transformer(self) -> Any:
            transformer = SentenceTransformer(str(plain), device="cpu").eval()
            transformer.append(Odd())
            return transformer

    embedder = OddEmbedder(ModelFolder("odd", plain))

    card = embedder.write_encoder(tmp_path / "encoder")

    assert card.reason.startswith(reason)
    assert [p.name for p in (tmp_path / "encoder").iterdir()] == [CARD_FILE]


def test_index_of_a_model_without_encoder_is_searched_all_the_same(tmp_path: Path) -> None:
    model = build(tmp_path / "model", pooling("mean", include_prompt=False), prompts=PROMPTS)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/a.txt").write_text("A detainer holds people in the states.", encoding="utf-8")
    (tmp_path / "docs/b.txt").write_text("Other parts of the jail are closed.", encoding="utf-8")

    build_index(tmp_path / "index", Settings(model=str(model)), paths=[tmp_path / "docs"])

    with Generation(tmp_path / "index") as generation:
        retriever = Retriever(generation)
        assert generation.manifest.engine == "sentence-transformers"
        found = retriever.search("is a detainer in Paris")
        assert found.hits[0].passage.body.startswith("A detainer")
        assert found.question.corrections == ()  # "parts" is near, but the model has "paris"
        assert retriever.search('"no such words"').hits == ()
        rows = dict(status_of(generation, every_file=False).rows())
        assert "questions by sentence-transformers (its vectors differ from sentence-transformers by " in rows["model"]


def test_encoder_is_written_once(plain: Path, tmp_path: Path) -> None:
    embedder = embedder_of(plain)
    first = embedder.write_encoder(tmp_path / "encoder/one")
    before = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "encoder/one").iterdir()}

    again = embedder.write_encoder(tmp_path / "encoder/one")

    assert again == first
    assert {p.name: p.stat().st_mtime_ns for p in (tmp_path / "encoder/one").iterdir()} == before


def test_draft_of_a_killed_run_is_removed(plain: Path, tmp_path: Path) -> None:
    for name in ("new-1", f"new-{os.getpid()}"):
        (tmp_path / "encoder" / name).mkdir(parents=True)
        (tmp_path / "encoder" / name / MODEL_FILE).write_bytes(b"half")

    embedder_of(plain).write_encoder(tmp_path / "encoder/one")

    assert [p.name for p in (tmp_path / "encoder").iterdir()] == ["one"]
    assert QueryEncoder(tmp_path / "encoder/one").encode_queries(["x"]).shape == (1, 32)


@pytest.fixture
def written(pair: tuple[Embedder, QueryEncoder], tmp_path: Path) -> Path:
    """A copy of a whole encoder."""
    shutil.copytree(pair[1].folder, tmp_path / "encoder")
    return tmp_path / "encoder"


@pytest.mark.parametrize("name", [MODEL_FILE, WEIGHTS_FILE, TOKENIZER_FILE])
@pytest.mark.parametrize("damage", ["gone", "cut", "longer"])
def test_encoder_that_is_not_whole_is_none(written: Path, name: str, damage: str) -> None:
    data = (written / name).read_bytes()
    (written / name).unlink()
    if damage != "gone":
        (written / name).write_bytes(data[:-1] if damage == "cut" else data + b"\0")

    assert read_card(written) is None
    with pytest.raises(IndexDamagedError, match="missing or damaged") as caught:
        QueryEncoder(written)
    assert caught.value.fix == "run: qa index"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"inputs": [], "sizes": [["a"]]}', "\ufeff"])
def test_card_that_is_none_is_no_encoder(written: Path, text: str) -> None:
    (written / CARD_FILE).write_text(text, encoding="utf-8")

    assert read_card(written) is None


def test_card_of_a_newer_program_is_no_encoder(written: Path) -> None:
    data = json.loads((written / CARD_FILE).read_text(encoding="utf-8"))
    (written / CARD_FILE).write_text(json.dumps(data | {"unheard": 1}), encoding="utf-8")

    assert read_card(written) is None


@pytest.mark.parametrize("name", [MODEL_FILE, TOKENIZER_FILE])
def test_damage_that_keeps_size_and_time_is_told_with_what_to_delete(written: Path, name: str) -> None:
    before = (written / name).stat()
    (written / name).write_bytes(b"\xff" * before.st_size)
    os.utime(written / name, ns=(before.st_atime_ns, before.st_mtime_ns))

    with pytest.raises(IndexDamagedError, match="is damaged") as caught:
        QueryEncoder(written).encode_queries(["x"])
    assert caught.value.fix == f"delete {written} and run: qa index"


def test_what_is_advised_for_a_lost_encoder_makes_it_again(plain: Path, tmp_path: Path) -> None:
    index, model = tmp_path / "index", Settings(model=str(plain))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/a.txt").write_text("A detainer holds people.", encoding="utf-8")
    build_index(index, model, paths=[tmp_path / "docs"])
    shutil.rmtree(index / "encoder")
    with Generation(index) as generation, pytest.raises(IndexDamagedError, match="missing") as caught:
        Retriever(generation).search("detainer")
    assert caught.value.fix == "run: qa index"

    report = build_index(index, model, rebuild=True)

    assert report.embedded == 0
    with Generation(index) as generation:
        assert Retriever(generation).search("detainer").hits


def write(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text, encoding="utf-8")


def cut_weights(folder: Path) -> None:
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(1000)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "model.safetensors").unlink(),
        lambda folder: (folder / "config.json").unlink(),
        cut_weights,
        write("model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 99\n"),
        write("config.json", "{"),
        write("config.json", "[]"),
        write("config.json", '{"model_type": "unheard-of"}'),
        write("tokenizer.json", '{"version":'),
        write("modules.json", '[{"a": 1}]'),
        write("modules.json", '[{"idx": 0, "name": "0", "path": "", "type": "nowhere.Module"}]'),
        write("1_Pooling/config.json", "{}"),
    ],
    ids=lambda damage: getattr(damage, "__name__", ""),
)
@pytest.mark.parametrize("told_window", [True, False])
def test_broken_model_is_one_error_with_a_fix(
    plain: Path, tmp_path: Path, damage: Callable[[Path], object], told_window: bool
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(plain, folder)
    if told_window:
        write("sentence_bert_config.json", '{"max_seq_length": 40}')(folder)
    damage(folder)
    embedder = embedder_of(folder)

    with pytest.raises(ModelError) as caught:
        (embedder.window, embedder.count(["state"]), embedder.encode_passages(["state"]))

    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize("text", ["[]", "{}", "{", '{"max_seq_length": null}', '{"max_seq_length": -1}'])
def test_odd_settings_of_a_model_leave_it_a_window(plain: Path, tmp_path: Path, text: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(plain, folder)
    (folder / "sentence_bert_config.json").write_text(text, encoding="utf-8")

    embedder = embedder_of(folder)
    try:
        window = embedder.window
    except ModelError:
        return
    assert 0 < window <= 512


def test_model_whose_weights_are_no_numbers_is_refused(plain: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = tmp_path / "model"
    shutil.copytree(plain, folder)
    weights = {name: np.full_like(tensor, np.nan) for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ModelError, match="no numbers"):
        embedder_of(folder).encode_passages(["state"])
    with pytest.raises(ModelError, match="no numbers"):
        embedder_of(folder).write_encoder(tmp_path / "encoder")
    assert not (tmp_path / "encoder").exists()


_ENCODE = """
import sys
from pathlib import Path
from qa.encoder import QueryEncoder
vector = QueryEncoder(Path(sys.argv[1])).encode_queries(["Can a state opt out?"])
heavy = {"torch", "transformers", "sentence_transformers", "chromadb", "onnx", "huggingface_hub"}
print(vector.shape, sorted(heavy & set(sys.modules)))
"""


def test_encoding_a_question_imports_no_heavy_library(shipped_index: Path) -> None:
    folder = encoder_folder(shipped_index, find_model(DEFAULT_MODEL).checksum)

    done = subprocess.run([sys.executable, "-c", _ENCODE, str(folder)], capture_output=True, text=True, check=True)

    assert done.stdout == "(1, 384) []\n"
    assert done.stderr == ""
