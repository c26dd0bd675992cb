"""qa: ask questions of your own documents, get cited sentences."""

import os

__version__ = "0.1.0"

# Read by the libraries when they are imported. ONNX Runtime (1.32 does) otherwise keeps a database of events in
# the user's cache folder and sends it to its maker; chromadb and the hub's client would report their use as well.
for _name in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
    os.environ[_name] = "1"
os.environ["ANONYMIZED_TELEMETRY"] = "False"

# numpy's BLAS starts a thread for each core when it is imported, half of what its import costs, and scans vectors no
# faster with them. Whoever wants them sets the variable.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
