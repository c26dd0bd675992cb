"""Questions files as trees of values that know their lines: YAML, TOML, JSON, JSON lines, CSV, plain text."""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from json import decoder, scanner
from typing import Any

from qa.errors import ConfigError

# Columns of a CSV file that hold several values, and what parts these.
_MANY = ("alternatives", "tags", "topics", "sources", "kinds")
_PARTING = "|"
_TOML_TABLE = re.compile(r"^[ \t]*(?:\[\[[ \t]*([\w.]+)[ \t]*\]\]|([\w]+)[ \t]*=)", re.MULTILINE)
_SECTION = re.compile(r"\[(?P<title>[^\[\]]*)\]")


@dataclass(frozen=True, slots=True)
class Located:
    """A value of a questions file and its line; ``value`` is a scalar, a list or a dict of these."""

    value: Any
    line: int


def broken(name: str, line: int, message: str) -> ConfigError:
    """Return the error for one line of a questions file."""
    return ConfigError(f"{name}:{line}: {message}", fix=f"correct line {line} of {name}")


def _plain(value: Any, line: int) -> Located:
    """Return a tree in which every value has the line of the whole, or its own where it knows it."""
    if isinstance(value, Located):
        return value
    if isinstance(value, list):
        return Located([_plain(item, line) for item in value], line)
    if isinstance(value, dict):
        return Located({str(key): _plain(item, line) for key, item in value.items()}, line)
    return Located(value, line)


class _Decoder(json.JSONDecoder):
    """Decodes JSON objects to ``Located`` dicts; their line is that of the opening brace."""

    def __init__(self, name: str, text: str, first_line: int) -> None:
        super().__init__()
        self._name, self._first = name, first_line
        self._breaks = [m.start() for m in re.finditer("\n", text)]
        self.parse_object: Any = self._object
        self.scan_once: Any = scanner.py_make_scanner(self)  # type: ignore[attr-defined]

    def _line(self, at: int) -> int:
        import bisect

        return self._first + bisect.bisect_left(self._breaks, at)

    def _object(self, state: Any, strict: bool, scan: Any, hook: Any, pairs_hook: Any, memo: Any = None) -> Any:  # noqa: ARG002 (the decoder's signature)
        line = self._line(state[1])

        def once(pairs: list[tuple[str, Any]]) -> Located:
            table: dict[str, Located] = {}
            for key, value in pairs:
                if key in table:
                    raise broken(self._name, line, f"the key {key!r} stands twice in one object")
                table[key] = _plain(value, line)
            return Located(table, line)

        return decoder.JSONObject(state, strict, scan, None, once, memo)  # type: ignore[attr-defined]


def _json(name: str, text: str, first_line: int = 1) -> Located:
    try:
        return _plain(_Decoder(name, text, first_line).decode(text), first_line)
    except json.JSONDecodeError as error:
        raise broken(name, first_line + error.lineno - 1, f"no JSON: {error.msg} (column {error.colno})") from error
    except RecursionError as error:
        raise broken(name, first_line, "no list of questions: it is nested too deeply") from error


def _json_lines(name: str, text: str) -> Located:
    lines = text.split("\n")
    return Located([_json(name, line, n) for n, line in enumerate(lines, 1) if line.strip()], 1)


def _yaml_tree(name: str, node: Any, done: dict[int, Located], open_: set[int]) -> Located:
    """Turn a YAML node into a tree; what an alias names twice is made once."""
    import yaml

    line = node.start_mark.line + 1
    if id(node) in done:
        return done[id(node)]
    if id(node) in open_:
        raise broken(name, line, "a value contains itself")
    open_.add(id(node))
    value: Any
    if isinstance(node, yaml.SequenceNode):
        value = [_yaml_tree(name, item, done, open_) for item in node.value]
    elif isinstance(node, yaml.MappingNode):
        value = {}
        for key, item in node.value:
            at = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise broken(name, at, "a key must be a word")
            if key.value in value:
                raise broken(name, at, f"the key {key.value!r} stands twice")
            tree = _yaml_tree(name, item, done, open_)
            value[key.value] = Located(tree.value, at)
    else:
        kind = node.tag.rsplit(":", 1)[-1]
        scalars: dict[str, Callable[[str], Any]] = {"int": lambda _: 0, "float": lambda _: 0.0, "null": lambda _: None}
        scalars["bool"] = lambda _: False
        # The value of a number is never used, only that it is no text; a date is taken as it is written.
        value = scalars.get(kind, str)(node.value)
    open_.discard(id(node))
    done[id(node)] = Located(value, line)
    return done[id(node)]


def _yaml(name: str, text: str) -> Located:
    import yaml

    try:
        node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return Located([], 1) if node is None else _yaml_tree(name, node, {}, set())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise broken(name, mark.line + 1 if mark else 1, f"no YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise broken(name, 1, f"no YAML: {error}") from error
    except RecursionError as error:
        raise broken(name, 1, "no list of questions: it is nested too deeply") from error


def _toml(name: str, text: str) -> Located:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        raise broken(name, line, f"no TOML: {error}") from error
    except RecursionError as error:
        raise broken(name, 1, "no list of questions: it is nested too deeply") from error
    # The parser keeps no lines; those of the tables are found by their headings.
    places: dict[str, list[int]] = {}
    for match in _TOML_TABLE.finditer(text):
        places.setdefault(match[1] or match[2], []).append(text.count("\n", 0, match.start()) + 1)

    def tree(value: Any, path: str, line: int) -> Located:
        if isinstance(value, list):
            items = []
            for item in value:
                own = places.get(path, []) if isinstance(item, dict) else []
                items.append(tree(item, path, own.pop(0) if own else line))
            return Located(items, line)
        if isinstance(value, dict):
            inner = {k: tree(v, f"{path}.{k}" if path else k, _key_line(text, k, line)) for k, v in value.items()}
            return Located(inner, line)
        is_time = value is not None and not isinstance(value, (str, bool, int, float))
        return Located(str(value) if is_time else value, line)

    return tree(data, "", 1)


def _key_line(text: str, key: str, first: int) -> int:
    """Return the line of ``key`` at or after the line ``first``, which it is without one."""
    for number, line in enumerate(text.split("\n")[first - 1 : first + 99], first):
        if re.match(rf"[ \t]*{re.escape(key)}[ \t]*=", line):
            return number
    return first


def _csv(name: str, text: str) -> Located:
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=lambda mark: (head.count(mark), -",;\t".index(mark)))
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    found: list[Located] = []
    columns: list[str] = []
    before = 0
    try:
        for row in rows:
            line, before = before + 1, rows.line_num
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if not columns:
                columns = [cell.lower() for cell in cells]
                if len(set(columns)) < len(columns):
                    raise broken(name, line, "a column stands twice in the heading")
                continue
            if len(cells) > len(columns):
                raise broken(name, line, f"{len(cells)} cells under {len(columns)} columns")
            found.append(Located(_csv_row(dict(zip(columns, cells, strict=False)), line), line))
    except csv.Error as error:
        raise broken(name, rows.line_num, f"no CSV: {error}") from error
    if columns and "question" not in columns:
        raise broken(name, 1, f"no column is called question; the heading has: {', '.join(columns)}")
    return Located(found, 1)


def _csv_row(cells: dict[str, str], line: int) -> dict[str, Located]:
    row: dict[str, Located] = {}
    for column, cell in cells.items():
        many = [Located(part.strip(), line) for part in cell.split(_PARTING) if part.strip()]
        if cell or column == "question":
            row[column] = Located(many if column in _MANY else cell, line)
    return row


def _text(_: str, text: str) -> Located:
    found: list[Located] = []
    section = ""
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        heading = _SECTION.fullmatch(line)
        if heading:
            section = heading["title"].strip()
            continue
        row = {"question": Located(line, number)} | ({"section": Located(section, number)} if section else {})
        found.append(Located(row, number))
    return Located(found, 1)


PARSERS: dict[str, Callable[[str, str], Located]] = {
    "yaml": _yaml,
    "toml": _toml,
    "json": _json,
    "jsonl": _json_lines,
    "csv": _csv,
    "txt": _text,
}
ENDINGS = {
    ".yaml": "yaml",
    ".yml": "yaml",
    ".toml": "toml",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "txt",
    ".text": "txt",
}


def guess(text: str) -> str:
    """Return the format of questions that came without a file name: JSON, JSON lines, YAML or plain text."""
    start = text.lstrip()
    if start.startswith("{"):
        try:
            json.loads(start.split("\n", 1)[0])
        except ValueError:
            return "json"
        return "jsonl" if "\n" in start.strip() else "json"
    if re.match(r"\[\s*[\[{\"\]]", start):
        return "json"
    if re.search(r"^(?:questions|sections|title|intro)[ \t]*:", text, re.MULTILINE) or re.match(r"- ", start):
        return "yaml"
    return "txt"
