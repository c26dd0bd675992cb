"""One text file of 50 MB: indexed, interrupted, killed, resumed: ``python -m bench.large``.

The first run is stopped with Ctrl-C when a third is embedded, the second killed with SIGKILL at two thirds, the
third goes to the end; a fourth finds nothing to do. Printed for each: wall and CPU seconds, peak memory, what the
run said of where it resumes, and how many chunks it embedded, which must add up to those of the file.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.made import vocabulary
from bench.measure import PeakWatcher, show
from qa.cache import known_keys
from qa.config import DEFAULT_MODEL
from qa.models import find_model

_PROGRESS = re.compile(r"^embedding: (\d+) of (\d+)$")
_BEGIN = re.compile(r"^embedding: (\d+)$")


def sentences(seed: int) -> Iterator[str]:
    """Yield sentences without an end: some twenty words of the corpus and a number each, in paragraphs."""
    rng = random.Random(seed)
    words = vocabulary()
    while True:
        text = " ".join(rng.choices(words, k=rng.randrange(8, 30)))
        yield f"{text.capitalize()} {rng.randrange(10**6)}.{' ' if rng.random() < 0.85 else chr(10) * 2}"


def write_large(path: Path, size: int) -> None:
    """Write a text file of at least ``size`` bytes."""
    with path.open("w", encoding="ascii") as file:
        for sentence in sentences(1):
            file.write(sentence)
            if file.tell() >= size:
                return


def index_until(folder: Path, share: float, how: signal.Signals | None) -> dict[str, object]:
    """Index the document in ``folder``, sending the signal ``how`` when ``share`` of all chunks is embedded."""
    argv = [sys.executable, "-m", "qa", "index", str(folder / "documents"), "--index", str(folder / "index")]
    started = time.perf_counter()
    before = os.times()
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peak = PeakWatcher(process.pid)
    peak.start()
    said = last = ""
    first = None
    for line in process.stderr or ():
        last = line.strip() or last
        begun, going = _BEGIN.match(line), _PROGRESS.match(line)
        if "embedded already" in line:
            said = line.strip()
        if begun:
            left = int(begun.group(1))
            first = _total(folder) or left
        if how and going and first and int(going.group(1)) - int(going.group(2)) + first >= share * first:
            process.send_signal(how)
            how = None
    out = process.stdout.read() if process.stdout else ""
    code = process.wait()
    peak.join()
    if first is not None:
        (folder / "total").write_text(str(first), encoding="ascii")
    after = os.times()
    cpu_s = sum(after[2:4]) - sum(before[2:4])
    row = {"exit": code, "wall_s": time.perf_counter() - started, "cpu_s": cpu_s, "peak_mb": peak.peak_mb}
    cached = len(known_keys(folder / "index" / "cache.db", find_model(DEFAULT_MODEL).checksum))
    return row | {"vectors kept": cached, "said": said or out.split("\n")[0], "last": last}


def _total(folder: Path) -> int:
    path = folder / "total"
    return int(path.read_text(encoding="ascii")) if path.exists() else 0


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=50)
    parser.add_argument("--scratch", type=Path, help="make documents and index here, in a new folder, and keep them")
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    # Where this program runs in the background SIGINT is ignored, and a child would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    rows: list[dict[str, object]] = []
    with contextlib.ExitStack() as made:
        folder = a.scratch or Path(made.enter_context(tempfile.TemporaryDirectory()))
        (folder / "documents").mkdir(parents=True)
        write_large(folder / "documents" / "large.txt", a.mb * 10**6)
        steps = (("Ctrl-C", 1 / 3, signal.SIGINT), ("SIGKILL", 2 / 3, signal.SIGKILL), ("to the end", 1, None))
        for name, share, how in (*steps, ("again", 1, None)):
            rows.append({"what": name, **index_until(folder, share, how)})
            print(json.dumps(rows[-1]), file=sys.stderr)
    show({f"a text file of {a.mb} MB": rows}, as_json=a.json)


if __name__ == "__main__":
    main()
