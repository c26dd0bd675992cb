"""Writes a trained reader as ONNX: ``python -m training.export OUT/reader.pt qa/reader_model``.

The word embeddings are left out (at run time they are looked up in the table of the packaged
embedding model), and weights are stored in half precision: the network computes in single precision.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper

from training.model import ReaderNetwork
from training.train import MAX_LENGTH, model_folder

MODEL_FILE = "reader.onnx"
CARD_FILE = "reader.json"
_MIN_HALF = 1024


def _halve(model: onnx.ModelProto) -> None:
    """Store large weights in half precision, each followed by a cast that is folded when the model loads."""
    for tensor in list(model.graph.initializer):
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims, dtype=int) < _MIN_HALF:
            continue
        half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{tensor.name}_half")
        model.graph.initializer.remove(tensor)
        model.graph.initializer.append(half)
        cast = helper.make_node("Cast", [half.name], [tensor.name], to=TensorProto.FLOAT)
        model.graph.node.insert(0, cast)


def main() -> None:
    """Export, compare with torch, write the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path, help="reader.pt, or a checkpoint.pt of a run that is not done")
    parser.add_argument("out", type=Path, help="the folder for reader.onnx and reader.json")
    a = parser.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    network = ReaderNetwork(str(model_folder()), dropout=0.0)
    saved = torch.load(a.weights, map_location="cpu", weights_only=True)
    network.load_state_dict(saved.get("network", saved))
    network.eval()
    ids = torch.randint(1000, 20000, (2, 40))
    mask = torch.ones(2, 40, dtype=torch.long)
    mask[1, 30:] = 0
    types = torch.zeros(2, 40, dtype=torch.long)
    types[:, 12:] = 1
    embeddings = network.embed(ids).detach()
    raw = a.out / "raw.onnx"
    dynamic = {name: {0: "batch", 1: "length"} for name in ("embeddings", "mask", "types", "start", "end")}
    with torch.no_grad():
        expected = [t.numpy() for t in network(embeddings, mask, types)]
        torch.onnx.export(
            network,
            (embeddings, mask, types),
            str(raw),
            input_names=["embeddings", "mask", "types"],
            output_names=["start", "end", "answer"],
            dynamic_axes=dynamic | {"answer": {0: "batch"}},
            opset_version=17,
            dynamo=False,
        )
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(a.out / MODEL_FILE)
    ort.InferenceSession(str(raw), options, providers=["CPUExecutionProvider"])
    raw.unlink()
    model = onnx.load(a.out / MODEL_FILE)
    _halve(model)
    onnx.save(model, a.out / MODEL_FILE)
    session = ort.InferenceSession(str(a.out / MODEL_FILE), providers=["CPUExecutionProvider"])
    feeds = {"embeddings": embeddings.numpy(), "mask": mask.numpy(), "types": types.numpy()}
    got = session.run(["start", "end", "answer"], feeds)
    real = mask.numpy() == 1
    differences = [np.abs(g - e)[real].max() for g, e in zip(got[:2], expected[:2], strict=True)]
    differences.append(np.abs(got[2] - expected[2]).max())
    digest = hashlib.sha256((a.out / MODEL_FILE).read_bytes()).hexdigest()
    card = {"sha256": digest, "max_length": MAX_LENGTH, "max_diff": round(float(max(differences)), 5)}
    (a.out / CARD_FILE).write_text(json.dumps(card, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    print(json.dumps(card), (a.out / MODEL_FILE).stat().st_size)


if __name__ == "__main__":
    main()
