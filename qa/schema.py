"""The records that pass between the layers. What cannot be right cannot be built."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

# At most one question in ten gets a wrong answer.
DEFAULT_RISK = 0.1


class BlockKind(StrEnum):
    """What a block of a document is. Headings give context and are never passages."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    ITEM = "item"
    ROW = "row"
    CODE = "code"
    HTML = "html"


@dataclass(frozen=True, slots=True)
class Range:
    """A half-open range [start, end) of characters; code points of the decoded text, never bytes."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"empty or negative range {self.start}:{self.end}")

    def __len__(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, paragraph, list item, table row or code block: whole lines of a document.

    ``hidden`` are the markup characters inside it (emphasis marks, link targets, list bullets),
    absolute and in order: they belong to the text, but a reader of the rendered page sees them not.
    ``level`` is 1 to 6 for a heading and 0 for all else. ``label`` is what the block's own column
    headings say, for a table row.
    """

    kind: BlockKind
    range: Range
    hidden: tuple[Range, ...] = ()
    level: int = 0
    label: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """One decoded file. ``text`` is never changed; each offset of the project counts its characters.

    ``doc_id`` depends on the bytes (their ``sha256``) and on how they were read, not on the file's name.
    ``front_matter`` is the length of the metadata at the start of the text, 0 where there is none.
    ``notes`` are things a user should know about how it was read (an encoding that was guessed).
    """

    doc_id: str
    sha256: str
    text: str
    blocks: tuple[Block, ...]
    loader: str
    encoding: str
    title: str = ""
    topic: str = ""
    as_of: str = ""
    front_matter: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sentence:
    """A quotable unit: the tight range of one sentence, and the citation keys that back it."""

    range: Range
    keys: tuple[str, ...] = ()


def embedded_text(context: tuple[str, ...], body: str) -> str:
    """Return the text of a chunk that is embedded: its headings, then its body."""
    return "\n".join(part for part in (" > ".join(context), body) if part)


@dataclass(frozen=True, slots=True)
class Chunk:
    """The indexed unit: whole sentences of one section of one document.

    ``context`` is the title and heading path; it is embedded in front of ``body``, the readable text
    without markup, and never quoted. ``sentences`` lie inside ``range``, in order, and do not overlap.
    """

    chunk_id: str
    doc_id: str
    range: Range
    context: tuple[str, ...]
    body: str
    sentences: tuple[Sentence, ...]

    @property
    def embedded(self) -> str:
        """The text that is embedded: the context, then the body."""
        return embedded_text(self.context, self.body)


@dataclass(frozen=True, slots=True)
class Reference:
    """A published source behind a statement: one entry of a CSL-JSON bibliography.

    ``kind`` is the entry's ``genre`` (government, court, news, ...); ``issued`` reads as the source
    gives it: "2011-08-05", "2011-08", "2011", "undated" or "".
    """

    key: str
    title: str
    publisher: str = ""
    issued: str = ""
    url: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk as the index returns it, with all that a citation of it needs.

    ``row`` is its row in ``vectors.npy``. ``sources`` are the names of the files with this very
    content, ``paths`` where they were when they were indexed (same order; the first one is cited).
    """

    row: int
    chunk_id: str
    doc_id: str
    range: Range
    line: int
    text: str
    body: str
    context: tuple[str, ...]
    sentences: tuple[Sentence, ...]
    sources: tuple[str, ...]
    paths: tuple[str, ...]
    title: str
    topic: str
    as_of: str
    encoding: str
    sha256: str
    bibliography: str

    @property
    def legacy_encoding(self) -> str:
        """The encoding of the file when it is none of Unicode's, else ""; it is kept when the file changes."""
        return "" if self.encoding.replace("_", "-").startswith("utf") else self.encoding


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found, with the evidence for it.

    ``dense`` is the cosine (-1 to 1); ``sparse`` is the BM25 score (higher is better, 0 when the
    passage has no term of the question); ``fused`` adds both up, each in its own unit. Ranks count from 1;
    0 means that this search did not return the passage.
    """

    passage: Passage
    rank: int
    fused: float
    dense: float
    dense_rank: int
    sparse: float
    sparse_rank: int


@dataclass(frozen=True, slots=True)
class Filters:
    """What a search is narrowed to; an empty field does not narrow.

    ``sources`` are shell patterns on the document's name, ``kinds`` kinds of public reference. ``since``
    and ``until`` bound the date up to which a document speaks (``as_of``), both included: "2011" or "2011-08-05".
    """

    topics: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    since: str = ""
    until: str = ""

    def __bool__(self) -> bool:
        return bool(self.topics or self.kinds or self.sources or self.since or self.until)


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a quote stands: checked against the file as it is on disk now.

    Lines and columns count from 1; ``start`` and ``end`` are characters of the decoded file.
    ``moved`` says that the file changed since it was indexed and the sentence now stands elsewhere.
    """

    number: int
    source: str
    also: tuple[str, ...]
    path: str
    line: int
    line_end: int
    column: int
    start: int
    end: int
    title: str
    context: tuple[str, ...]
    topic: str
    as_of: str
    references: tuple[Reference, ...]
    chunk_id: str
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Quote:
    """One sentence of an answer: ``text`` is, character for character, what the citation names.

    ``marks`` are ranges of ``text`` that hold the words that answer. ``score`` orders the quotes of
    one answer and is comparable only within it.
    """

    text: str
    citation: Citation
    score: float
    marks: tuple[Range, ...] = ()


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Quotes (by number) that disagree, and what each gives; one alone says itself that its sources disagree."""

    quotes: tuple[int, ...]
    figures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the documents answer: ``confidence`` is the estimated chance that the answer is right (0 to 1).

    ``threshold`` is the confidence from which on an answer is given; it follows from ``risk``, the share of
    questions for which a wrong answer is accepted, and the questions that ``fitted_on`` names.
    """

    answered: bool
    confidence: float
    threshold: float
    reason: str
    evidence: dict[str, float] = field(default_factory=dict)
    risk: float = 0.0
    fitted_on: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of one question. Without an answer ``quotes`` is empty and ``closest`` is not.

    ``closest`` are the nearest sentences of an unanswered question, one a passage. ``notes`` are
    lines for the user (a corrected spelling, a file that changed). ``hits`` are the candidates.
    """

    question: str
    verdict: Verdict
    quotes: tuple[Quote, ...]
    closest: tuple[Quote, ...]
    hits: tuple[Hit, ...]
    query: str
    notes: tuple[str, ...] = ()
    disagreement: Disagreement | None = None
