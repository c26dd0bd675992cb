"""Averages the weights of runs from the same start: ``python -m training.average OUT.pt A.pt 0.4 B.pt 0.6``.

Source: Wortsman and others, "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
increasing inference time", ICML 2022.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import torch


def average(paths: list[Path], shares: list[float]) -> dict[str, torch.Tensor]:
    """Return the weights of ``paths`` added up by ``shares``, which must come to 1; what is no float is the first's."""
    if len(paths) != len(shares) or not math.isclose(sum(shares), 1):
        raise SystemExit(f"{len(paths)} files need as many shares, which come to 1: not {shares}")
    runs = [torch.load(path, map_location="cpu", weights_only=True) for path in paths]
    return {
        name: sum((share * run[name] for share, run in zip(shares[1:], runs[1:], strict=True)), shares[0] * first)
        if first.is_floating_point()
        else first
        for name, first in runs[0].items()
    }


def main() -> None:
    """Write the average."""
    out, *rest = sys.argv[1:]
    torch.save(average([Path(p) for p in rest[::2]], [float(s) for s in rest[1::2]]), Path(out))


if __name__ == "__main__":
    main()
