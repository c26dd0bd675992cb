"""The vectors of chunks: from the cache, else from the model; nothing is embedded twice."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from qa.cache import VectorCache, text_hash
from qa.embedder import Embedder
from qa.encoder import CARD_FILE, EncoderCard, QueryEncoder, Vectors, encoder_folder, read_card
from qa.parts import problem
from qa.progress import Watcher

_BATCH = 64
_KEPT_BATCH = 1000
# How far the encoder's vectors may be from those of sentence-transformers, in any component, to index with it.
MAX_DIFF = 1e-6

Embed = Callable[[list[str]], Vectors]


def sound_card(folder: Path, checksum: str) -> EncoderCard | None:
    """Return the card of the encoder in ``folder`` when it was made from the model with ``checksum`` and is whole.

    Its files are read and compared. A damaged encoder is removed: what it embeds would stay in the cache for good.
    """
    card = read_card(folder)
    if card is None:
        return None
    is_whole = not any(problem(folder / name, part, deep=True) for name, part in card.parts.items())
    if card.checksum == checksum and is_whole:
        return card
    (folder / CARD_FILE).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    return None


def choose_encoder(folder: Path, card: EncoderCard, embedder: Embedder) -> Embed:
    """Return what embeds passages: the ONNX encoder, at twice the speed of sentence-transformers and without it.

    Only one that was compared with sentence-transformers and found within MAX_DIFF of it; else the library itself.
    """
    if card.reason or not card.max_diff <= MAX_DIFF:
        return embedder.encode_passages
    return QueryEncoder(folder).encode_passages


def _compute(
    texts: dict[bytes, str], cache: VectorCache, embed: Embed, watcher: Watcher, keep: Callable[[bytes, Vectors], None]
) -> None:
    """Embed ``texts``; each batch is in the cache as soon as it is done, so that a killed run loses one batch.

    Longest first: the slowest batches come while the estimate of the time left still learns.
    """
    watcher.start("embedding", len(texts))
    order = sorted(texts, key=lambda key: (-len(texts[key]), texts[key]))
    for at in range(0, len(order), _BATCH):
        keys = order[at : at + _BATCH]
        batch = embed([texts[key] for key in keys])
        cache.put(keys, batch)
        for key, vector in zip(keys, batch, strict=True):
            keep(key, vector)
        watcher.advance(len(keys))


def _resumption(fresh: Collection[bytes], old: Mapping[bytes, Vectors], missing: Mapping[bytes, str]) -> str:
    """Say how many of the ``fresh`` chunks, which ``old`` does not know, an earlier run has embedded; else ""."""
    new = [key for key in fresh if key not in old]
    left = sum(key in missing for key in new)
    if left == len(new):
        return ""
    if not left:
        return f"all {len(new):,} new chunks are embedded already"
    return f"{len(new) - left:,} of {len(new):,} new chunks are embedded already; going on with the other {left:,}"


def _refill(cache: VectorCache, kept: Callable[[], Iterable[tuple[str, Vectors]]]) -> None:
    """Put the vectors of chunks that stay into the cache where it has lost them, a few in memory at a time."""
    was_damaged = cache.was_damaged
    pairs = iter(kept())
    while part := {text_hash(text): vector for text, vector in islice(pairs, _KEPT_BATCH)}:
        found = cache.get(list(part))
        lost = [key for key in part if key not in found]
        if lost:
            cache.put(lost, np.asarray([part[key] for key in lost], dtype=np.float32))
        if cache.was_damaged and not was_damaged:
            # A new cache was begun, and what was there before this part is not in it.
            was_damaged = True
            pairs = iter(kept())


def vectors_for(
    texts: Sequence[str],
    embedder: Embedder,
    *,
    index: Path,
    cache_path: Path,
    fresh: Collection[bytes],
    spare: Callable[[Collection[bytes]], Mapping[bytes, Vectors]],
    kept: Callable[[], Iterable[tuple[str, Vectors]]],
    watcher: Watcher,
    say: Callable[[str], None],
) -> tuple[Vectors, int, EncoderCard]:
    """Return the unit vectors (n, d) of ``texts``, how many were computed, and the card of the encoder.

    ``fresh`` are the hashes of the texts of new documents. ``spare`` gives those vectors (d,) of the generation
    before that are asked for, by text hash, for what the cache has lost; ``kept`` gives (text, vector) of the chunks
    that stay and are not among ``texts``: the cache keeps them too, for a generation may be rebuilt from it. The
    encoder of the model is written into ``index`` when it is not there or damaged.
    """
    by_key = {text_hash(t): t for t in texts}
    folder = encoder_folder(index, embedder.model.checksum)
    card = sound_card(folder, embedder.model.checksum)
    cache = VectorCache(cache_path, embedder.model.checksum)
    try:
        _refill(cache, kept)
        found = cache.get(list(by_key))
        if cache.was_damaged:
            say(f"{cache_path} was damaged; a new one is begun")
        missing = {key: text for key, text in by_key.items() if key not in found}
        if missing or fresh:
            old = spare(by_key.keys())
            rescued = [key for key in missing if key in old]
            for at in range(0, len(rescued), _BATCH):
                keys = rescued[at : at + _BATCH]
                cache.put(keys, np.asarray([old[key] for key in keys], dtype=np.float32))
            found |= {key: old[key] for key in rescued}
            missing = {key: text for key, text in missing.items() if key not in found}
            told = _resumption(fresh, old, missing)
            if told:
                say(told)
        if card is None:
            watcher.start("exporting the query encoder", 0)
            card = embedder.write_encoder(folder)
        _compute(missing, cache, choose_encoder(folder, card, embedder), watcher, found.__setitem__)
    finally:
        cache.close()
    vectors = np.empty((len(texts), card.dimension), dtype=np.float32)
    for row, text in enumerate(texts):
        vectors[row] = found[text_hash(text)]
    return vectors, len(missing), card
