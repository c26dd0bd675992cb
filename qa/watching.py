"""Keeps an index up to date while its documents change: bursts settle, editors may replace files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event

from qa.errors import SourceError

# Changes closer together than this are one burst; saving a file is often three of them.
_SETTLE_MS = 1500
_LOOK_MS = 200
_IDLE_MS = 1000


def bursts(folders: Sequence[Path], *, index: Path, stop: Event | None = None) -> Iterator[int]:
    """Yield the number of changed files each time changes below ``folders`` have settled, until ``stop``.

    First a 0, as soon as changes are noticed: what happened before that nobody has seen. What happens in the
    index itself, and to hidden files, is not counted.
    """
    from watchfiles import watch

    inside = index.resolve()

    def counts(_: object, name: str) -> bool:
        path = Path(name)
        if path.is_relative_to(inside):
            return False
        relative = next((path.relative_to(f) for f in folders if path.is_relative_to(f)), path)
        return not any(part.startswith(".") for part in relative.parts)

    # A single file is watched through its folder: an editor that replaces it would end the watch.
    places = {f if f.is_dir() else f.parent for f in folders}
    is_first = True
    for changes in watch(
        *places,
        watch_filter=counts,
        debounce=_SETTLE_MS,
        step=_LOOK_MS,
        stop_event=stop,
        rust_timeout=_IDLE_MS,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    ):
        if changes or is_first:
            yield len({name for _, name in changes})
        is_first = False


def keep_fresh(renew: Callable[[], None], folders: Sequence[Path], *, index: Path, stop: Event | None = None) -> None:
    """Call ``renew`` whenever the documents have changed, until ``stop`` is set or the user interrupts.

    Raises SourceError when the system does not tell of changes there (a folder is gone, too many are watched).
    """
    changed = bursts(folders, index=index, stop=stop)
    while True:
        try:
            next(changed)
        except StopIteration:
            return
        except (OSError, RuntimeError) as error:
            named = ", ".join(str(f) for f in folders)
            raise SourceError(f"cannot watch {named}: {error}", fix="run qa index now and then instead") from error
        renew()
