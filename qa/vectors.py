"""The vectors of chunks: from the cache, else from the model; nothing is embedded twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from qa.cache import VectorCache, text_hash
from qa.embedder import Embedder
from qa.encoder import EncoderCard, QueryEncoder, Vectors, encoder_folder, read_card
from qa.progress import Watcher

_BATCH = 64
# Below this many new chunks the ONNX encoder is done before torch is imported.
_SMALL_RUN = 200


def _compute(
    texts: dict[bytes, str], cache: VectorCache, embed: Callable[[list[str]], Vectors], watcher: Watcher
) -> dict[bytes, Vectors]:
    """Embed ``texts``; each batch is in the cache as soon as it is done, so that a killed run loses one batch.

    Longest first: the slowest batches come while the estimate of the time left still learns.
    """
    watcher.start("embedding", len(texts))
    order = sorted(texts, key=lambda key: (-len(texts[key]), texts[key]))
    vectors: dict[bytes, Vectors] = {}
    for at in range(0, len(order), _BATCH):
        keys = order[at : at + _BATCH]
        batch = embed([texts[key] for key in keys])
        cache.put(keys, batch)
        vectors |= dict(zip(keys, batch, strict=True))
        watcher.advance(len(keys))
    return vectors


def vectors_for(
    texts: Sequence[str],
    embedder: Embedder,
    *,
    index: Path,
    cache_path: Path,
    spare: Callable[[], Mapping[bytes, Vectors]],
    watcher: Watcher,
    say: Callable[[str], None],
) -> tuple[Vectors, int, EncoderCard]:
    """Return the unit vectors (n, d) of ``texts``, how many were computed, and the card of the encoder.

    ``spare`` gives the vectors (d,) of the generation before, by text hash; it is asked when the cache has
    lost some. The encoder of the model is written into ``index`` when it is not there yet.
    """
    by_key = {text_hash(t): t for t in texts}
    folder = encoder_folder(index, embedder.model.checksum)
    card = read_card(folder)
    cache = VectorCache(cache_path, embedder.model.checksum)
    try:
        found = cache.get(list(by_key))
        if cache.was_damaged:
            say(f"{cache_path} was damaged; a new one is begun and vectors are computed again")
        if len(found) < len(by_key):
            rescued = {key: v for key, v in spare().items() if key in by_key and key not in found}
            if rescued:
                cache.put(list(rescued), np.asarray(list(rescued.values()), dtype=np.float32))
                found |= rescued
        missing = {key: text for key, text in by_key.items() if key not in found}
        is_small = card is not None and not card.reason and len(missing) <= _SMALL_RUN
        embed = QueryEncoder(folder, threads=2).encode_passages if is_small else embedder.encode_passages
        found |= _compute(missing, cache, embed, watcher)
    finally:
        cache.close()
    if card is None:
        watcher.start("exporting the query encoder", 0)
        card = embedder.write_encoder(folder)
    rows = [found[text_hash(t)] for t in texts]
    return np.asarray(rows, dtype=np.float32).reshape(len(rows), card.dimension), len(missing), card
