"""Citations: where a sentence stands on disk now, checked character by character, and who says so."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from qa.decoder import decode, read_bytes
from qa.errors import LoadError
from qa.passages import Passages
from qa.schema import Citation, Passage, Sentence
from qa.text import Lines


@dataclass(frozen=True, slots=True)
class _OnDisk:
    """A document's file as it is now. ``changed`` compares its bytes with those that were indexed."""

    path: str
    text: str
    lines: Lines
    changed: bool


class Citer:
    """Makes citations for one answer; each file is read once. ``notes`` collects what went wrong."""

    def __init__(self, passages: Passages) -> None:
        self._passages = passages
        self._files: dict[str, _OnDisk | None] = {}
        self.notes: list[str] = []

    def _note(self, line: str) -> None:
        if line not in self.notes:
            self.notes.append(line)

    def _open(self, source: str, path: str, passage: Passage) -> _OnDisk | None:
        """Return the file as it is now, None (with a note) when it is gone or unreadable."""
        if path in self._files:
            return self._files[path]
        found: _OnDisk | None = None
        try:
            data = read_bytes(Path(path))
            changed = hashlib.sha256(data).hexdigest() != passage.sha256
            text = decode(data, fallback=passage.legacy_encoding)[0] if changed else data.decode(passage.encoding)
            found = _OnDisk(path, text, Lines(text), changed)
        except LoadError as error:
            self._note(f"{source} {error.reason}; its passages are not quoted (run: qa index)")
        if found and found.changed:
            self._note(f"{source} has changed since it was indexed (run: qa index)")
        self._files[path] = found
        return found

    def cite(self, passage: Passage, sentence: Sentence, number: int) -> tuple[str, Citation] | None:
        """Return the exact text of a sentence and its citation, None when it stands in no file any more.

        The text is compared with the file: in a file that is as it was indexed it must stand at the
        indexed place; in a changed file it is looked for anew and cited where it stands now.
        """
        offset = passage.range.start
        text = passage.text[sentence.range.start - offset : sentence.range.end - offset]
        for source, path in zip(passage.sources, passage.paths, strict=True):
            file = self._open(source, path, passage)
            start = _place(file, text, sentence.range.start) if file else -1
            if file is None or start < 0:
                continue
            line, column = file.lines.position(start)
            citation = Citation(
                number=number,
                source=source,
                also=tuple(s for s in passage.sources if s != source),
                path=path,
                line=line,
                line_end=file.lines.position(start + len(text) - 1)[0],
                column=column,
                start=start,
                end=start + len(text),
                title=passage.title,
                context=passage.context,
                topic=passage.topic,
                as_of=passage.as_of,
                references=tuple(self._passages.references(passage.bibliography, sentence.keys))
                if sentence.keys
                else (),
                chunk_id=passage.chunk_id,
                moved=start != sentence.range.start,
            )
            return text, citation
        return None


def _place(file: _OnDisk, text: str, start: int) -> int:
    """Return where ``text`` stands in the file, -1 when it does not; nearest to ``start`` in a changed file."""
    if file.text.startswith(text, start):
        return start
    if not file.changed:
        return -1
    # Whole words only: "ICE acted" must not be found inside "ICE acted alone".
    pattern = re.compile(rf"(?<!\w){re.escape(text)}(?!\w)")
    places = [m.start() for m in pattern.finditer(file.text)]
    return min(places, key=lambda at: (abs(at - start), at), default=-1)
