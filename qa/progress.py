"""How long work tells how far it has come, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Watcher(Protocol):
    """Is told how far a run has come."""

    def start(self, stage: str, total: int) -> None:
        """Begin a stage of ``total`` steps, 0 when nobody knows how many."""

    def advance(self, steps: int = 1) -> None:
        """Count ``steps`` of the stage as done."""


class SilentWatcher:
    """Hears and says nothing."""

    def start(self, stage: str, total: int) -> None:
        """Begin a stage of ``total`` steps, 0 when nobody knows how many."""

    def advance(self, steps: int = 1) -> None:
        """Count ``steps`` of the stage as done."""
