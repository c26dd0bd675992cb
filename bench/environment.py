"""What a measurement was taken on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version


def environment() -> dict[str, object]:
    """Return the machine and the versions that matter for a figure."""
    libraries = ("chromadb", "sentence-transformers", "torch", "onnxruntime", "numpy")
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        **{name: version(name) for name in libraries},
    }
