"""The commands that make, renew and mend an index: index, doctor, cache."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qa.errors import UsageError
from qa.opening import err, index_named, out, print_json, run_index, settings_for
from qa.options import IndexOption, JsonOption, PlainOption, QuietOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qa.config import Settings
    from qa.doctor import Finding
    from qa.indexer import Report


def _place(index: Path | None, paths: Sequence[Path]) -> tuple[Path, Settings, list[Path]]:
    """Return the folder of the index, the settings, and the paths to add.

    With nothing named and no index of the user's own that is the index of the corpus that comes with qa.
    """
    from qa.config import locate, shipped_corpus
    from qa.generation import is_index

    start = next((p if p.is_dir() else p.parent for p in paths if p.exists()), None)
    settings = settings_for(start)
    location = locate(settings, index)
    if location.is_default and not paths and not is_index(location.path):
        return location.shipped, settings, [shipped_corpus()]
    return location.path, settings, list(paths)


def _rehearse(folder: Path, settings: Settings, *, quiet: bool, **how: object) -> Report:
    from qa.indexer import rehearse_index
    from qa.render import ProgressWatcher

    with ProgressWatcher(err(), quiet=quiet) as watcher:
        return rehearse_index(folder, settings, watcher=watcher, **how)  # type: ignore[arg-type]


def _watch(folder: Path, settings: Settings, report: Report, *, quiet: bool) -> None:
    from qa.errors import QaError
    from qa.report import show_report
    from qa.watching import keep_fresh

    shown = report.records

    def renew() -> None:
        nonlocal shown
        try:
            found = run_index(folder, settings, quiet=True, wait_s=60.0)
        except QaError as error:
            err().write_line(f"error: {error}\n  fix: {error.fix}")
            return
        if found.records != shown:
            shown = found.records
            show_report(out(), found, every_file=False)

    if not quiet:
        err().write_line("watching for changes; end with Ctrl-C")
    try:
        keep_fresh(renew, [Path(r) for r in report.roots], index=folder)
    except KeyboardInterrupt:
        if not quiet:
            err().write_line("no longer watching; the index is whole")
        raise typer.Exit(130) from None


def index_command(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATH", help="Folders or files to add to the index.")
    ] = None,
    index: IndexOption = None,
    model: Annotated[
        str, typer.Option("--model", metavar="MODEL", help="A sentence-transformers model: a name or a folder.")
    ] = "",
    forget: Annotated[
        list[Path] | None, typer.Option("--forget", metavar="PATH", help="Take a folder or file out of the index.")
    ] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Read and write everything anew; vectors come from the cache.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and renew the index when documents change.")] = False,
    wait: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=0, help="Wait this long for another writer.")
    ] = 0.0,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say of every file what became of it.")] = False,
    json_: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Index folders, or bring the index up to date. Only what is new or changed is read and embedded.

    Examples:

      qa index ~/documents

      qa index --dry-run

      qa index contracts --index /srv/contracts.qa --model ./my-model

    Exit code 1 when a file failed; the rest is indexed all the same.
    """
    from dataclasses import replace

    from qa import output
    from qa.manifest import FileStatus
    from qa.report import show_report

    if watch and (dry_run or json_):
        raise UsageError("--watch goes with neither --dry-run nor --json", fix="leave one of them out")
    folder, settings, added = _place(index, paths or [])
    if model:
        settings = replace(settings, model=model)
    how = {"paths": added, "forget": forget or [], "rebuild": rebuild}
    with index_named(index):
        if dry_run:
            report = _rehearse(folder, settings, quiet=quiet, **how)
        else:
            report = run_index(folder, settings, quiet=quiet, wait_s=wait, **how)
    if json_:
        print_json(output.dumps(output.report(report)))
    else:
        show_report(out(), report, every_file=verbose, is_plan=dry_run)
    if watch:
        _watch(folder, settings, report, quiet=quiet)
    if report.with_status(FileStatus.FAILED):
        raise typer.Exit(1)


def doctor(
    index: IndexOption = None,
    fix: Annotated[bool, typer.Option("--fix", help="Apply the remedies that qa can apply by itself.")] = False,
    json_: JsonOption = False,
    plain: PlainOption = False,
) -> None:
    """Examine the index, and mend it. Every file, every chunk, the models, the versions, the disk.

    Examples:

      qa doctor

      qa doctor --fix

    Exit code 1 when a check fails (with --fix: when one still fails afterwards).
    """
    from dataclasses import asdict

    from qa import output
    from qa.doctor import examine, repair
    from qa.render import show_finding

    folder, settings, _ = _place(index, [])
    stream = out(plain=plain)
    if not folder.is_dir() or not any(folder.iterdir()):
        raise UsageError(f"there is no index in {folder}", fix=f"run: qa index FOLDER --index {folder}")
    findings: list[Finding] = []
    for finding in examine(folder):
        findings.append(finding)
        if not json_:
            show_finding(stream, finding)
    failed = [f for f in findings if not f.passed]
    if fix and failed:
        repair(folder, settings, failed, say=lambda line: err().write_line(f"note: {line}"))
        findings = list(examine(folder))
        failed = [f for f in findings if not f.passed]
        if not json_:
            stream.write_line("after the repair:")
            for finding in findings:
                show_finding(stream, finding)
    if json_:
        print_json(output.dumps({"index": str(folder), "findings": [asdict(f) for f in findings]}))
    if failed:
        raise typer.Exit(1)


def cache(
    index: IndexOption = None,
    prune: Annotated[bool, typer.Option("--prune", help="Remove vectors that the index does not use.")] = False,
    max_age: Annotated[
        int | None, typer.Option("--max-age", metavar="DAYS", min=0, help="Prune only what was unused for longer.")
    ] = None,
    max_size: Annotated[
        float | None,
        typer.Option("--max-size", metavar="MB", min=0, help="Prune the longest unused, down to this size."),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Show the cache of vectors, or prune it. What is removed is in no file any more.

    Examples:

      qa cache

      qa cache --prune

      qa cache --prune --max-age 90 --max-size 500
    """
    from qa import output
    from qa.upkeep import prune_cache, state_of_cache

    if not prune and (max_age is not None or max_size is not None):
        raise UsageError("--max-age and --max-size say what --prune removes", fix="add --prune")
    folder, _, _ = _place(index, [])
    with index_named(index):
        found = prune_cache(folder, max_age_days=max_age, max_mb=max_size) if prune else state_of_cache(folder)
    if json_:
        print_json(output.dumps(found))
        return
    if prune:
        out().write_line(f"removed {found['removed']} vectors")
    out().write_line(
        f"{found['path']}: {found['vectors']} vectors, {found['in_use']} in use, {found['size'] / 1e6:.1f} MB"
    )
