"""Many questions at once: JSON lines in, JSON lines out, in the same order, models loaded once.

A line that cannot be answered becomes a line with its error; the others are answered all the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from qa import output
from qa.answerer import Answerer, Asked
from qa.errors import QuestionError, UsageError
from qa.manifest import Manifest
from qa.question import check
from qa.schema import Answer

# Questions of one block are encoded together, and their answers come together.
_BLOCK = 32
_MAX_K = 100
_FILTERS = {"topic": "topics", "kind": "kinds", "source": "sources"}
_KEYS = {"id", "question", "k", *_FILTERS}
_EXAMPLE = 'write a line as {"id": 1, "question": "What is a detainer?"}'


def open_lines(name: str, stdin: Callable[[], BinaryIO]) -> BinaryIO:
    """Open a file of questions, "-" for standard input. Raises UsageError when it cannot be read."""
    if name == "-":
        return stdin()
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}", fix="qa ask --batch FILE") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _object(line: bytes) -> dict[str, Any]:
    try:
        data = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise QuestionError(f"the line is no JSON: {error}", fix=_EXAMPLE) from error
    if not isinstance(data, dict):
        raise QuestionError("the line is no JSON object", fix=_EXAMPLE)
    return data


def _names(data: dict[str, Any], key: str) -> tuple[str, ...]:
    value = data[key]
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise QuestionError(f"{key} must be a string or a list of strings", fix=_EXAMPLE)
    return tuple(names)


def _asked(data: dict[str, Any], usual: Asked) -> Asked:
    """Return what a line asks; where it says nothing it is as ``usual``. Raises QuestionError."""
    unknown = sorted(data.keys() - _KEYS)
    if unknown:
        known = ", ".join(sorted(_KEYS))
        raise QuestionError(f"unknown key {unknown[0]!r}; known keys: {known}", fix=f"leave {unknown[0]!r} out")
    text = data.get("question")
    if not isinstance(text, str):
        raise QuestionError("the line has no question, or one that is no string", fix=_EXAMPLE)
    k = data.get("k", usual.k)
    if not isinstance(k, int) or isinstance(k, bool) or not 1 <= k <= _MAX_K:
        raise QuestionError(f"k must be a whole number from 1 to {_MAX_K}", fix=_EXAMPLE)
    usually = usual.filters
    chosen: dict[str, Any] = {
        field: _names(data, key) if key in data else getattr(usually, field) for key, field in _FILTERS.items()
    }
    return Asked(check(text), k, replace(usually, **chosen), usual.risk)


def _read(line: bytes, usual: Asked) -> tuple[Any, Asked | QuestionError]:
    """Return the id of a line and what it asks, or why it cannot be asked."""
    known: Any = None
    try:
        data = _object(line)
        known = data.get("id")
        return known, _asked(data, usual)
    except QuestionError as error:
        return known, error


def _written(found: Answer | QuestionError, manifest: Manifest) -> dict[str, Any]:
    if isinstance(found, QuestionError):
        return {"error": str(found), "fix": found.fix}
    return output.answer(found, manifest)


def answers(lines: Iterable[bytes], answerer: Answerer, manifest: Manifest, usual: Asked) -> Iterator[tuple[str, bool]]:
    """Yield for each line that is not blank its answer as one line of JSON, and whether it could be asked.

    What a line does not say is as in ``usual``, whose text is not looked at. ``line`` counts from 1 and includes
    blank lines.
    """
    numbered = ((n, line.removeprefix(b"\xef\xbb\xbf")) for n, line in enumerate(lines, 1))
    wanted = ((n, line) for n, line in numbered if line.strip())
    while block := list(islice(wanted, _BLOCK)):
        read = [(number, *_read(line, usual)) for number, line in block]
        found = iter(answerer.ask_many([asked for _, _, asked in read if isinstance(asked, Asked)]))
        for number, known, asked in read:
            outcome = next(found) if isinstance(asked, Asked) else asked
            data = {"line": number, "id": known} | _written(outcome, manifest)
            yield output.dumps(data, indent=None), not isinstance(outcome, QuestionError)
