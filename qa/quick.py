"""Reads the plain forms of ``qa ask`` and ``qa search`` without Typer, which costs 0.2 s a start.

Whatever is not plain (another command, help, a wrong or doubled option) is left to Typer: for what is
read here both give the same, which a test holds them to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FLAGS = {"--json": "json_", "--plain": "plain", "--quiet": "quiet", "-q": "quiet"}
_OWN_FLAGS = {"ask": {"--explain": "explain", "--exit-status": "exit_status"}, "search": {}}
_LISTS = {"--topic": "topic", "--kind": "kind", "--source": "source"}
_MAX_K = {"ask": 100, "search": 1000}


@dataclass(frozen=True, slots=True)
class Plain:
    """A command and its arguments, those that are given."""

    command: str
    arguments: dict[str, Any]


def read(argv: Sequence[str]) -> Plain | None:
    """Return what a command line of a plain form says, None for any other."""
    if not argv or argv[0] not in _MAX_K:
        return None
    command = argv[0]
    flags = _FLAGS | _OWN_FLAGS[command]
    found: dict[str, Any] = {}
    words: list[str] = []
    rest = iter(argv[1:])
    for word in rest:
        if word in flags:
            found[flags[word]] = True
        elif word == "-" or (word and not word.startswith("-")):
            words.append(word)
        elif not _take(word, next(rest, ""), found, _MAX_K[command]):
            return None
    if len(words) != 1:
        return None
    return Plain(command, {"question" if command == "ask" else "query": words[0]} | found)


def _take(option: str, value: str, found: dict[str, Any], max_k: int) -> bool:
    """Put the value of an option where it belongs; return False for what is not plain."""
    if not value or value.startswith("-"):
        return False
    if option in _LISTS:
        found.setdefault(_LISTS[option], []).append(value)
    elif option == "--index" and "index" not in found:
        found["index"] = Path(value)
    elif option == "-k" and "k" not in found and _is_number(value) and 1 <= int(value) <= max_k:
        found["k"] = int(value)
    else:
        return False
    return True


def _is_number(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= 4
