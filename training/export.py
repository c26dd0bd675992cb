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

from qa.reader import CARD_FILE, MODEL_FILE, WEIGHTS_FILE
from training.model import ReaderNetwork
from training.train import MAX_LENGTH, model_folder

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


class _Unpadded(torch.nn.Module):  # type: ignore[misc] # torch is not typed for mypy
    """The network for one question and one passage, as qa reads them: nothing is padded, so nothing is masked."""

    def __init__(self, network: ReaderNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, embeddings: torch.Tensor, types: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return (start, end, answer): scores (1, length), (1, length) and (1,)."""
        body = self.network.body
        first = body.embeddings(inputs_embeds=embeddings, token_type_ids=types)
        return self.network.score(body.encoder(first).last_hidden_state)


def main() -> None:
    """Export, compare with torch, write the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path, help="reader.pt, or a checkpoint.pt of a run that is not done")
    parser.add_argument("out", type=Path, help="the folder for reader.onnx, weights.bin and reader.json")
    a = parser.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    network = ReaderNetwork(str(model_folder()), dropout=0.0)
    saved = torch.load(a.weights, map_location="cpu", weights_only=True)
    network.load_state_dict(saved.get("network", saved))
    network.eval()
    # The graph of torch's own attention has more nodes, for the same time a passage and a longer start.
    network.body.set_attn_implementation("eager")
    torch.manual_seed(1)
    ids = torch.randint(1000, 20000, (1, 40))
    types = torch.zeros(1, 40, dtype=torch.long)
    types[:, 12:] = 1
    embeddings = network.embed(ids).detach()
    raw = a.out / "raw.onnx"
    with torch.no_grad():
        expected = [t.numpy() for t in network(embeddings, torch.ones_like(types), types)]
        torch.onnx.export(
            _Unpadded(network),
            (embeddings, types),
            str(raw),
            input_names=["embeddings", "types"],
            output_names=["start", "end", "answer"],
            dynamic_axes={name: {1: "length"} for name in ("embeddings", "types", "start", "end")},
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
    # Beside the graph they are mapped into memory and not copied; onnx would append to a file that is there.
    (a.out / WEIGHTS_FILE).unlink(missing_ok=True)
    onnx.save(model, a.out / MODEL_FILE, save_as_external_data=True, location=WEIGHTS_FILE, size_threshold=_MIN_HALF)
    session = ort.InferenceSession(str(a.out / MODEL_FILE), providers=["CPUExecutionProvider"])
    got = session.run(["start", "end", "answer"], {"embeddings": embeddings.numpy(), "types": types.numpy()})
    difference = max(float(np.abs(g - e).max()) for g, e in zip(got, expected, strict=True))
    parts = {name: hashlib.sha256((a.out / name).read_bytes()).hexdigest() for name in (MODEL_FILE, WEIGHTS_FILE)}
    card = {"sha256": parts, "max_length": MAX_LENGTH, "max_diff": round(difference, 5)}
    (a.out / CARD_FILE).write_text(json.dumps(card, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    print(json.dumps(card), {name: (a.out / name).stat().st_size for name in parts})


if __name__ == "__main__":
    main()
