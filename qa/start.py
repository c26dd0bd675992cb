"""Where ``qa`` starts: a plain question is answered at once, everything else goes to the command line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from qa import quick

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Run the command of the process's arguments."""
    plain = quick.read(sys.argv[1:])
    if plain is None:
        from qa import cli

        cli.main()
        return
    from qa import asking
    from qa.opening import guarded

    run: Callable[..., int] = asking.run_ask if plain.command == "ask" else asking.run_search
    guarded(lambda: sys.exit(run(**plain.arguments)))
