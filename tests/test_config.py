"""Settings: where they are found, which one wins, and what is said about a wrong one."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa.config import (
    DEFAULT_MODEL,
    Settings,
    data_folder,
    find_config,
    load_settings,
    locate,
    read_config,
    settings_of,
    shipped_corpus,
)
from qa.errors import ConfigError


def write_config(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "qa.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_flag_wins_over_variable_over_file_over_default(tmp_path: Path) -> None:
    project, flag = tmp_path / "project", tmp_path / "flag"
    variable = {"QA_INDEX": str(tmp_path / "variable")}

    assert locate(load_settings(tmp_path, {}), None).path == data_folder() / "index"
    write_config(project, "")
    assert locate(load_settings(project, {}), None).path == project / ".qa"
    write_config(project, 'index = "from-file"')
    assert locate(load_settings(project, {}), None).path == project / "from-file"
    assert locate(load_settings(project, variable), None).path == tmp_path / "variable"
    assert locate(load_settings(project, variable), flag).path == flag


def test_only_a_place_that_nobody_chose_is_the_default_one(tmp_path: Path) -> None:
    location = locate(load_settings(tmp_path, {}), None)

    assert location.is_default
    assert location.shipped.parent == location.path.parent
    assert location.shipped != location.path
    assert not locate(load_settings(tmp_path, {}), tmp_path).is_default
    assert not locate(load_settings(tmp_path, {"QA_INDEX": str(tmp_path)}), None).is_default


def test_user_data_is_kept_below_the_users_own_home() -> None:
    assert data_folder().is_relative_to(Path.home())


def test_qa_toml_of_the_nearest_folder_above_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outer, inner = write_config(tmp_path, ""), write_config(tmp_path / "a/b", "")
    (tmp_path / "a/b/c/qa.toml").mkdir(parents=True)

    assert find_config(tmp_path / "a/b/c") == inner
    assert find_config(tmp_path / "a") == outer
    monkeypatch.chdir(tmp_path / "a/b/c")
    assert find_config(Path()) == inner


def test_empty_values_are_as_good_as_none(tmp_path: Path) -> None:
    write_config(tmp_path, 'index = ""\nmodel = ""')

    found = load_settings(tmp_path, {"QA_INDEX": "", "QA_MODEL": ""})

    assert found == Settings(folder=tmp_path)
    assert locate(found, None).path == tmp_path / ".qa"


def test_every_setting_is_read(tmp_path: Path) -> None:
    path = write_config(
        tmp_path,
        'index = "i"\nsources = ["a", "b"]\nexclude = ["*.tmp"]\nmodel = "m"\nreferences = "r.json"\n'
        'encoding = "cp1252"\nmax_file_mb = 7\n',
    )

    assert read_config(path) == Settings(
        folder=tmp_path,
        index=tmp_path / "i",
        sources=("a", "b"),
        exclude=("*.tmp",),
        model="m",
        references="r.json",
        encoding="cp1252",
        max_file_mb=7,
    )


def test_tilde_is_the_home_of_the_user(tmp_path: Path) -> None:
    path = write_config(tmp_path, 'index = "~/kept"')

    assert read_config(path).index == Path.home() / "kept"
    assert load_settings(tmp_path, {"QA_INDEX": "~/other"}).index == Path.home() / "other"
    assert locate(Settings(), Path("~/third")).path == Path.home() / "third"


def test_home_of_an_unknown_user_is_an_error_with_a_fix(tmp_path: Path) -> None:
    path = write_config(tmp_path, 'index = "~nobody-has-this-name/x"')

    for attempt in (
        lambda: read_config(path),
        lambda: load_settings(tmp_path.parent, {"QA_INDEX": "~nobody-has-this-name/x"}),
        lambda: locate(Settings(), Path("~nobody-has-this-name/x")),
    ):
        with pytest.raises(ConfigError, match="nobody-has-this-name") as caught:
            attempt()
        assert "~" in caught.value.fix


def test_model_folder_is_known_by_its_full_path_from_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = (tmp_path / "project/models/mine").resolve()
    mine.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    write_config(tmp_path / "project", 'model = "models/mine"')
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert load_settings(tmp_path / "project", {}).model == str(mine)
    assert load_settings(tmp_path, {"QA_MODEL": "../project/models/mine/"}).model == str(mine)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (DEFAULT_MODEL, DEFAULT_MODEL),
        (f"sentence-transformers/{DEFAULT_MODEL}", DEFAULT_MODEL),
        ("owner/no-such-folder", "owner/no-such-folder"),
    ],
)
def test_model_name_stays_the_name_that_indexes_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / DEFAULT_MODEL).mkdir()

    assert read_config(write_config(tmp_path / "project", f'model = "{name}"')).model == expected
    assert load_settings(tmp_path, {"QA_MODEL": name}).model == expected


def test_source_with_its_own_qa_toml_is_read_by_it(tmp_path: Path) -> None:
    write_config(tmp_path / "own", 'encoding = "cp1252"')
    (tmp_path / "plain").mkdir()
    given_settings = Settings(encoding="latin-1")

    assert settings_of(tmp_path / "own", given_settings).encoding == "cp1252"
    assert settings_of(tmp_path / "plain", given_settings) is given_settings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("exclud = []", "did you mean exclude?"),
        ("zzz = 1", "known keys: encoding, engine, exclude, index,"),
        ("[qa]\nindex = 'x'", "unknown key 'qa'"),
        ("index = 3", "index must be a string"),
        ("model = true", "model must be a string"),
        ('sources = "docs"', "sources must be a list of strings"),
        ('exclude = ["a", 1]', "exclude must be a list of strings"),
        ('max_file_mb = "7"', "max_file_mb must be a whole number"),
        ("max_file_mb = true", "max_file_mb must be a whole number"),
        ("max_file_mb = 1.5", "max_file_mb must be a whole number"),
        ("max_file_mb = 0", "max_file_mb must be at least 1"),
        ("index = ", "Invalid value"),
        ("model = 'a'\nmodel = 'b'", "overwrite"),
        ("exclude = " + "[" * 5000, "recursion"),
    ],
)
def test_wrong_setting_is_named_with_its_file(tmp_path: Path, text: str, said: str) -> None:
    path = write_config(tmp_path, text)

    with pytest.raises(ConfigError) as caught:
        read_config(path)

    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert str(path) in caught.value.fix
    assert caught.value.exit_code == 2


def test_byte_order_mark_is_no_part_of_a_setting(tmp_path: Path) -> None:
    (tmp_path / "qa.toml").write_bytes(b'\xef\xbb\xbfmodel = "m"\r\n')

    assert read_config(tmp_path / "qa.toml").model == "m"


def test_qa_toml_that_cannot_be_read_is_an_error_with_a_fix(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory") as caught:
        read_config(tmp_path)

    assert caught.value.fix == f"make {tmp_path} readable"


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(st.binary(max_size=80), st.text(st.sampled_from("[]{}=\"'\n #.,1aé~\\/"), max_size=40).map(str.encode))
)
def test_no_file_gives_anything_but_settings_or_a_config_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "qa.toml"
    path.write_bytes(data)

    with contextlib.suppress(ConfigError):
        assert read_config(path).folder == tmp_path


def test_shipped_corpus_has_documents_and_their_references() -> None:
    corpus = shipped_corpus()

    assert (corpus / "references.json").is_file()
    assert len(list(corpus.glob("*.md"))) >= 16


def test_engine_is_one_of_three_and_the_variable_wins(tmp_path: Path) -> None:
    write_config(tmp_path, 'engine = "chroma"')

    assert load_settings(tmp_path, {}).engine == "chroma"
    assert load_settings(tmp_path, {"QA_ENGINE": "exact"}).engine == "exact"
    assert Settings().engine == "auto"
    with pytest.raises(ConfigError, match="QA_ENGINE must be one of auto, exact, chroma, not 'hnsw'"):
        load_settings(tmp_path, {"QA_ENGINE": "hnsw"})
    write_config(tmp_path, 'engine = "faiss"')
    with pytest.raises(ConfigError, match="engine must be one of auto, exact, chroma, not 'faiss'"):
        load_settings(tmp_path, {})


def test_store_is_the_url_of_a_server_and_the_variable_wins(tmp_path: Path) -> None:
    write_config(tmp_path, 'store = "http://Chroma.Example:8000/"')

    assert load_settings(tmp_path, {}).store == "http://chroma.example:8000"
    assert load_settings(tmp_path, {"QA_STORE": "https://[::1]:443"}).store == "https://[::1]:443"
    assert load_settings(tmp_path, {"QA_STORE": ""}).store == "http://chroma.example:8000"
    write_config(tmp_path, 'store = ""')
    assert load_settings(tmp_path, {}).store == Settings().store == ""


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000",
        "ftp://localhost:8000",
        "http://localhost",
        "http://:8000",
        "http://localhost:0",
        "http://localhost:65536",
        "http://localhost:8000/api/v2",
        "http://user:word@localhost:8000",
        "http://localhost:8000?tenant=x",
        "http://local host:8000",
        "http://localhost:8000\n",
        "http://localhost:٨",
        "chroma",
    ],
)
def test_store_that_is_no_such_url_is_named(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match="QA_STORE must be http://HOST:PORT") as caught:
        load_settings(tmp_path, {"QA_STORE": url})
    path = write_config(tmp_path, f"store = {json.dumps(url)}")
    with pytest.raises(ConfigError, match=r"qa\.toml: store must be http://HOST:PORT") as written:
        read_config(path)

    assert caught.value.exit_code == written.value.exit_code == 2
    assert str(path) in written.value.fix
