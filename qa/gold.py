"""Golden questions: what a user asks, what the answer must say; read from JSON lines or YAML."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa.errors import UsageError

if TYPE_CHECKING:
    from yaml.nodes import Node

_STRINGS = {"id", "split", "question", "type", "why_not", "note"}
_LISTS = {"documents", "passages", "keys", "facts", "near"}
_FIELDS = _STRINGS | _LISTS | {"answers", "answerable"}


class GoldError(UsageError):
    """A file of golden questions is wrong at a line that the message names."""


@dataclass(frozen=True, slots=True)
class GoldenQuestion:
    """A question with its gold. An answer is right when it has, of every group of ``answers``, one string.

    ``documents`` are names of documents as citations show them, ``passages`` sentences that answer, word for
    word, ``keys`` those of public sources behind the answer. ``kind`` groups questions, for an unanswerable
    one by why it is.
    """

    id: str
    question: str
    answerable: bool = True
    answers: tuple[tuple[str, ...], ...] = ()
    documents: tuple[str, ...] = ()
    passages: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    kind: str = ""
    split: str = ""
    note: str = ""


def read_questions(path: Path) -> list[GoldenQuestion]:
    """Return the questions of a file. Raises GoldError with the line of what is wrong."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise GoldError(f"{path} cannot be read: {what}", fix="qa eval --init FILE writes a template") from error
    is_yaml = path.suffix.lower() in (".yaml", ".yml")
    found: list[GoldenQuestion] = []
    seen: dict[str, int] = {}
    for line, data in _yaml_rows(path, text) if is_yaml else _json_rows(path, text):
        question = _question(data, len(found) + 1, f"{path}:{line}")
        if question.id in seen:
            raise GoldError(
                f"{path}:{line}: the id {question.id!r} is that of line {seen[question.id]} too",
                fix="give each question an id of its own, or none",
            )
        seen[question.id] = line
        found.append(question)
    if not found:
        raise GoldError(
            f"{path} has no question", fix='add one, for example: {"question": "Who wrote it?", "answers": ["Ann Lee"]}'
        )
    return found


def _pairs(where: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise GoldError(f"{where}: {twice!r} is given twice", fix="keep one of them")
    return data


def _json_rows(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    """Yield (line, value) of each JSON line; empty lines are passed over."""
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{path}:{number}"
        if not line.strip():
            continue
        try:
            yield number, json.loads(line, object_pairs_hook=partial(_pairs, where))
        except (json.JSONDecodeError, RecursionError) as error:
            fix = "write one JSON object a line, or name the file .yaml if it is YAML"
            raise GoldError(f"{where}: not JSON: {error}", fix=fix) from error


def _yaml_rows(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    """Yield (line, value) of each entry of a YAML list."""
    import yaml

    try:
        loader = yaml.SafeLoader(text)
        root: Node | None = loader.get_single_node()
        if root is None:
            return
        if not isinstance(root, yaml.SequenceNode):
            raise GoldError(f"{path}:1: not a list of questions", fix='begin each question with "- question: ..."')
        for node in root.value:
            line = node.start_mark.line + 1
            value = loader.construct_object(node, deep=True)
            if isinstance(node, yaml.MappingNode):
                _pairs(f"{path}:{line}", [(str(key.value), None) for key, _ in node.value])
            yield line, value
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        what = getattr(error, "problem", None) or str(error)
        raise GoldError(f"{path}:{line}: not YAML: {what}", fix=f"correct line {line} of {path}") from error


def _question(data: Any, number: int, where: str) -> GoldenQuestion:
    """Return the question of one line or entry. Raises GoldError."""
    if not isinstance(data, Mapping):
        raise GoldError(f"{where}: not an object with a question", fix='write {"question": "...", "answers": ["..."]}')
    for name in data:
        if name not in _FIELDS:
            near = difflib.get_close_matches(str(name), sorted(_FIELDS), n=1)
            hint = f"did you mean {near[0]}?" if near else f"known fields: {', '.join(sorted(_FIELDS))}"
            raise GoldError(f"{where}: unknown field {name!r}; {hint}", fix="rename or remove it")
    _check_types(data, where)
    answers = _groups(data.get("answers", []), where)
    answerable = data.get("answerable", True)
    if not data.get("question", "").strip():
        raise GoldError(f"{where}: no question", fix='add "question"')
    if answerable and not answers and not data.get("passages"):
        raise GoldError(
            f"{where}: nothing says what a right answer is", fix="add answers, or passages, or answerable: false"
        )
    if not answerable and answers:
        raise GoldError(f"{where}: answers to a question that is not answerable", fix="remove answers or answerable")
    return GoldenQuestion(
        id=data.get("id") or f"q{number:03d}",
        question=data["question"],
        answerable=answerable,
        answers=answers,
        documents=tuple(data.get("documents", ())),
        passages=tuple(data.get("passages", ())),
        keys=tuple(data.get("keys", ())),
        kind=data.get("why_not") or data.get("type") or "",
        split=data.get("split", ""),
        note=data.get("note", ""),
    )


def _check_types(data: Mapping[str, Any], where: str) -> None:
    for name, value in data.items():
        is_list = isinstance(value, list) and all(isinstance(v, str) for v in value)
        wanted = ""
        if name in _STRINGS and not isinstance(value, str):
            wanted = "a string"
        elif name in _LISTS and not is_list:
            wanted = "a list of strings"
        elif name == "answerable" and not isinstance(value, bool):
            wanted = "true or false"
        if wanted:
            raise GoldError(f"{where}: {name} must be {wanted}, not {value!r}", fix="put strings in quotation marks")


def _groups(value: Any, where: str) -> tuple[tuple[str, ...], ...]:
    """Return groups of wordings: a string is one group, and so is a list of strings (any of them is right)."""
    groups = [[value]] if isinstance(value, str) else value
    if isinstance(groups, list) and groups and all(isinstance(v, str) for v in groups):
        groups = [groups]
    is_right = isinstance(groups, list) and all(isinstance(g, list) and g for g in groups)
    if not is_right or not all(isinstance(s, str) and s.strip() for g in groups for s in g):
        raise GoldError(
            f"{where}: answers must be strings, or groups of strings of which each must be met, not {value!r}",
            fix='for example: [["39", "thirty-nine"], ["August 2011"]]; numbers go in quotation marks',
        )
    return tuple(tuple(group) for group in groups)


def of_split(questions: Sequence[GoldenQuestion], split: str, path: Path) -> list[GoldenQuestion]:
    """Return the questions of one split, all of them for "". Raises UsageError when there is none."""
    chosen = [q for q in questions if not split or q.split == split]
    if not chosen:
        splits = ", ".join(sorted({q.split for q in questions if q.split})) or "none"
        raise UsageError(f"no question of {path} has the split {split!r}", fix=f"name one of: {splits}")
    return chosen
