"""A file of golden questions to fill in: what the fields mean, and sentences of the index to ask about."""

from __future__ import annotations

import json
import re
from pathlib import Path

from qa.errors import StorageError, UsageError
from qa.passages import Passages
from qa.schema import Passage, Sentence
from qa.text import squeeze

_DOCUMENTS = 10
_MIN_WORDS, _MAX_WORDS = 8, 45
_FIGURE = re.compile(r"(?<![\w.,])(?:[$€£])?\d[\d.,]*\d(?:\s?%)?(?![\w])")
_HEAD = """\
# Golden questions for qa eval: what people ask of these documents, and what a right answer says.
#
# Take the leading "# " from the lines of an entry, write the question as a person would type it, and
# check the answers. Some fifty questions tell a little, two hundred a lot; let a third of them have no answer.
#
#   question     as it is typed
#   answers      ["39", "thirty-nine"]               any of these words must be in the quoted sentences
#                [["39", "thirty-nine"], ["2011"]]   of each group one
#   answerable   false: the documents do not say; only a refusal is right then (no answers)
#   documents    names of documents with the answer, as citations show them   (optional)
#   passages     sentences that answer, word for word, instead of answers     (optional)
#   id, type, split, note                                                     (optional)
#
# Questions without an answer: near misses (right subject, but the figure is not there) and false premises
# are worth most.
#
# - question: "..."
#   answerable: false
#   type: near-miss
"""


def _text(passage: Passage, sentence: Sentence) -> str:
    offset = passage.range.start
    return passage.text[sentence.range.start - offset : sentence.range.end - offset]


def _pick(passages: list[Passage]) -> tuple[Passage, Sentence] | None:
    """Return a sentence of one document to ask about: the first with a figure, else the first of good length."""
    found: list[tuple[bool, Passage, Sentence]] = []
    for passage in passages:
        for sentence in passage.sentences:
            text = _text(passage, sentence)
            if _MIN_WORDS <= len(text.split()) <= _MAX_WORDS:
                found.append((_FIGURE.search(text) is not None, passage, sentence))
    best = next((f for f in found if f[0]), found[0] if found else None)
    return (best[1], best[2]) if best else None


def _entry(passage: Passage, sentence: Sentence) -> str:
    text = squeeze(_text(passage, sentence))
    figure = _FIGURE.search(text)
    answer = figure.group() if figure else "..."
    # A JSON string is a YAML string.
    source, wanted = (json.dumps(s, ensure_ascii=False) for s in (passage.sources[0], answer))
    return f'\n# {text}\n#\n# - question: "..."\n#   answers: [{wanted}]\n#   documents: [{source}]\n'


def template(passages: Passages) -> str:
    """Return a YAML file with an entry for a sentence of up to ten documents, all of it commented out."""
    documents: dict[str, str] = {}
    for source, doc_id, _ in passages.names():
        documents.setdefault(doc_id, source)
    ids = sorted(documents, key=lambda doc_id: documents[doc_id])
    chosen = [ids[i * len(ids) // _DOCUMENTS] for i in range(_DOCUMENTS)] if len(ids) > _DOCUMENTS else ids
    picked = [_pick(passages.of_document(doc_id)) for doc_id in chosen]
    return _HEAD + "".join(_entry(*p) for p in picked if p)


def write_template(path: Path, passages: Passages) -> None:
    """Write the template to a new file. Raises UsageError when it exists or is not named as YAML."""
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise UsageError(f"{path}: the template is YAML", fix=f"name it {path.with_suffix('.yaml').name}")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(template(passages))
    except FileExistsError as error:
        raise UsageError(f"{path} exists and is not overwritten", fix="name another file, or remove it") from error
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}", fix="name another file") from error
