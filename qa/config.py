"""Where the index is and how it is made: flag, then QA_* variable, then qa.toml, then default."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from qa.errors import ConfigError, SourceError

CONFIG_NAME = "qa.toml"
DEFAULT_MODEL = "all-MiniLM-L6-v2"
DEFAULT_NAMES = frozenset({DEFAULT_MODEL, f"sentence-transformers/{DEFAULT_MODEL}"})


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force. ``folder`` is where qa.toml stands, None without one.

    ``model``, ``reader``, ``encoding`` and ``sources`` are empty when nobody set them; ``max_file_mb`` is the
    size above which a file is refused (10**6 bytes); ``engine`` is the dense search: "exact", "chroma", or
    "auto" for what suits the size of the index; ``store`` is the URL of a Chroma server, "" for none.
    """

    folder: Path | None = None
    index: Path | None = None
    sources: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    model: str = ""
    reader: str = ""
    references: str = "references.json"
    encoding: str = ""
    max_file_mb: int = 200
    engine: str = "auto"
    store: str = ""


_KEYS = {f.name for f in fields(Settings)} - {"folder"}
_LISTS = {"sources", "exclude"}
ENGINES = ("auto", "exact", "chroma")
_STORE = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+):([0-9]{1,5})/?", re.IGNORECASE)
_MAX_PORT = 65535


def find_config(start: Path) -> Path | None:
    """Return the qa.toml of ``start`` or of the nearest folder above it."""
    start = start.absolute()
    for folder in (start, *start.parents):
        path = folder / CONFIG_NAME
        if path.is_file():
            return path
    return None


def home_expanded(path: Path) -> Path:
    """Return ``path`` with its ``~`` replaced. Raises ConfigError where it names an unknown user."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ConfigError(f"{path}: {error}", fix="write the path out, without ~") from error


def _check(key: str, value: Any, path: Path) -> Any:
    wanted: type = list if key in _LISTS else int if key == "max_file_mb" else str
    is_right = isinstance(value, wanted) and not isinstance(value, bool)
    if key in _LISTS:
        is_right = is_right and all(isinstance(item, str) for item in value)
    if not is_right:
        names = {list: "a list of strings", int: "a whole number", str: "a string"}
        raise ConfigError(f"{path}: {key} must be {names[wanted]}, not {value!r}", fix=f"edit {key} in {path}")
    if key == "max_file_mb" and value < 1:
        raise ConfigError(f"{path}: max_file_mb must be at least 1, not {value}", fix=f"edit {key} in {path}")
    if key == "engine":
        return _engine(value, f"{path}: engine", f"edit engine in {path}")
    if key == "store":
        return _store(value, f"{path}: store", f"edit store in {path}")
    return tuple(value) if key in _LISTS else value


def _engine(value: str, what: str, fix: str) -> str:
    if value not in ENGINES:
        raise ConfigError(f"{what} must be one of {', '.join(ENGINES)}, not {value!r}", fix=fix)
    return value


def _store(value: str, what: str, fix: str) -> str:
    """Return the URL of a Chroma server in the form in which URLs are compared; "" stays."""
    match = _STORE.fullmatch(value)
    if value and (match is None or not 0 < int(match[3]) <= _MAX_PORT):
        raise ConfigError(f"{what} must be http://HOST:PORT or https://HOST:PORT, not {value!r}", fix=fix)
    return f"{match[1]}://{match[2]}:{int(match[3])}".lower() if match else ""


def _model_name(value: str, start: Path) -> str:
    """Return a model as an index names it: the default one without its owner, a folder by its full path."""
    if value in DEFAULT_NAMES:
        return DEFAULT_MODEL
    folder = start / home_expanded(Path(value))
    return str(folder.resolve()) if folder.is_dir() else value


def _reader_name(value: str, start: Path) -> str:
    """Return a reader as it is opened: a folder by its full path, anything else as it was written."""
    folder = start / home_expanded(Path(value))
    return str(folder.resolve()) if value and folder.is_dir() else value


def read_config(path: Path) -> Settings:
    """Read one qa.toml. Raises ConfigError for a syntax error, an unknown key or a wrong value.

    ``index``, and ``model`` and ``reader`` where they are folders, are taken from the folder of the file.
    """
    import tomllib

    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: {error}", fix=f"correct the syntax of {path}") from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", fix=f"make {path} readable") from error
    for key in data:
        if key not in _KEYS:
            import difflib

            near = difflib.get_close_matches(key, _KEYS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(sorted(_KEYS))}"
            raise ConfigError(f"{path}: unknown key {key!r}; {hint}", fix=f"rename or remove {key} in {path}")
    values = {key: _check(key, value, path) for key, value in data.items()}
    if "index" in values:
        named = path.parent / home_expanded(Path(values["index"]))
        values["index"] = named.absolute() if values["index"] else None
    if values.get("model"):
        values["model"] = _model_name(values["model"], path.parent)
    if values.get("reader"):
        values["reader"] = _reader_name(values["reader"], path.parent)
    return Settings(folder=path.parent, **values)


def load_settings(start: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings for work in the folder ``start``, QA_* variables on top of qa.toml."""
    path = find_config(start)
    settings = read_config(path) if path else Settings()
    changes: dict[str, Any] = {}
    if environ.get("QA_INDEX"):
        changes["index"] = home_expanded(Path(environ["QA_INDEX"])).absolute()
    if environ.get("QA_MODEL"):
        changes["model"] = _model_name(environ["QA_MODEL"], Path.cwd())
    if environ.get("QA_READER"):
        changes["reader"] = _reader_name(environ["QA_READER"], Path.cwd())
    if environ.get("QA_ENGINE"):
        changes["engine"] = _engine(environ["QA_ENGINE"], "QA_ENGINE", "set QA_ENGINE to one of them, or unset it")
    if environ.get("QA_STORE"):
        changes["store"] = _store(environ["QA_STORE"], "QA_STORE", "set QA_STORE to such a URL, or unset it")
    values = {f.name: getattr(settings, f.name) for f in fields(Settings)}
    return Settings(**(values | changes))


def settings_of(source: Path, settings: Settings) -> Settings:
    """Return how the documents of one source are read: by the qa.toml in it, else by ``settings``."""
    path = source / CONFIG_NAME
    return read_config(path) if path.is_file() else settings


def data_folder() -> Path:
    """Return the folder of the user for what qa keeps when no project has a place for it."""
    import platformdirs

    return platformdirs.user_data_path("qa", appauthor=False)


@dataclass(frozen=True, slots=True)
class Location:
    """The folder of an index. ``is_default`` says that nobody chose it: it is the user's data folder."""

    path: Path
    is_default: bool

    @property
    def shipped(self) -> Path:
        """The index of the corpus that ships with qa, beside the default one."""
        return self.path.with_name("shipped")


def locate(settings: Settings, flag: Path | None) -> Location:
    """Return where the index is: the flag, QA_INDEX or qa.toml, ``.qa`` beside qa.toml, the data folder."""
    chosen = home_expanded(flag).absolute() if flag else settings.index
    if chosen:
        return Location(chosen, is_default=False)
    if settings.folder:
        return Location(settings.folder / ".qa", is_default=False)
    return Location(data_folder() / "index", is_default=True)


def shipped_corpus() -> Path:
    """Return the folder of the corpus that comes with qa, installed or in a checkout.

    Raises SourceError when the installation has lost it.
    """
    here = Path(__file__).resolve().parent
    for folder in (here / "_corpus", here.parent / "corpus"):
        if (folder / "references.json").is_file():
            return folder
    raise SourceError(f"no corpus in {here}: the installation is incomplete", fix="pip install --force-reinstall qa")
