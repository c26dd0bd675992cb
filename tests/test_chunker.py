"""Chunks hold every character of a document once, in whole sentences, and never more than the model reads."""

from __future__ import annotations

import random
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa.chunker import MAX_TOKENS, TokenCounter, chunk
from qa.config import shipped_corpus
from qa.decoder import decode, read_bytes
from qa.embedder import Embedder
from qa.loader import parse
from qa.models import ModelFolder, packaged_model
from qa.schema import BlockKind, Chunk, Document, Range
from qa.text import CITATION_KEYS, blank
from tests.conftest import WordCounter


class PieceCounter:
    """Counts as a model's tokenizer does: each sign is a token, a long word is several."""

    def __init__(self, window: int) -> None:
        self.window = window

    def count(self, texts: list[str]) -> list[int]:
        found = (re.findall(r"\w+|[^\w\s]", text) for text in texts)
        return [sum(-(-len(token) // 4) for token in tokens) for tokens in found]


class JoinedCounter(PieceCounter):
    """Counts more for a text than for its parts together, as tokenizers may that know no word ends."""

    def count(self, texts: list[str]) -> list[int]:
        return [len(text) // 3 + len(text) ** 2 // 4000 for text in texts]


def quotes(document: Document, chunks: list[Chunk]) -> list[str]:
    return [document.text[s.range.start : s.range.end] for c in chunks for s in c.sentences]


def chunked(text: str, loader: str = "markdown", counter: TokenCounter | None = None) -> tuple[Document, list[Chunk]]:
    document = parse(text.encode(), loader)
    return document, chunk(document, counter or WordCounter())


def keyed(text: str, loader: str = "markdown") -> list[tuple[str, tuple[str, ...]]]:
    document, chunks = chunked(text, loader)
    return list(zip(quotes(document, chunks), [s.keys for c in chunks for s in c.sentences], strict=True))


@pytest.mark.parametrize("loader", ["markdown", "text"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sentence. [@a; @b]", [("Sentence.", ("a", "b"))]),
        ("One. [@a] Two. [@b; @c, p. 3]\nThree.", [("One.", ("a",)), ("Two.", ("b", "c")), ("Three.", ())]),
        ("One [@a] goes on.", [("One [@a] goes on.", ("a",))]),
        ("One says [@a]. Two.", [("One says [@a].", ("a",)), ("Two.", ())]),
        ("One says [@a] and ends. [@b]", [("One says [@a] and ends.", ("a", "b"))]),
        ("One. [@a] [@b][@a]", [("One.", ("a", "b"))]),
        ("[@a] One. Two.", [("One.", ("a",)), ("Two.", ())]),
        ("Write to [me@example.org] or a@b.c. [@a]", [("Write to [me@example.org] or a@b.c.", ("a",))]),
        (
            "It was set free. [@a]\nA detainer is a request.",
            [("It was set free.", ("a",)), ("A detainer is a request.", ())],
        ),
        ("He said: “Go.” [@a] [@b] I went.", [("He said: “Go.”", ("a", "b")), ("I went.", ())]),
        ("In the U.S. [@a] courts ruled.", [("In the U.S. [@a] courts ruled.", ("a",))]),
        ("A line said so and ended.\n[@a]", [("A line said so and ended.", ("a",))]),
        ("A paragraph said so.\n\n[@a; @b]", [("A paragraph said so.", ("a", "b"))]),
    ],
)
def test_keys_back_the_sentence_before_them(
    loader: str, text: str, expected: list[tuple[str, tuple[str, ...]]]
) -> None:
    assert keyed(text, loader) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**One.** [@a] *Two* said. [@b]", [("**One.**", ("a",)), ("*Two* said.", ("b",))]),
        ("- One. [@a]\n- Two. [@b]", [("One.", ("a",)), ("Two.", ("b",))]),
        ("> Quoted\n> words. [@a]", [("Quoted\n> words.", ("a",))]),
        ("| h |\n|---|\n| cell. [@a] |", [("cell.", ("a",))]),
        ("## H\n\n[@a]\n\nText.", [("[@a]", ()), ("Text.", ())]),
        ("```\nx = [@a]\n```", [("x = [@a]", ())]),
        (r"Not \[@a\] a key.", [(r"Not \[@a\] a key.", ())]),
        ('Read [this](http://x.y "A title"). [@a]', [('Read [this](http://x.y "A title").', ("a",))]),
        ("See [@a](u). [@b]", [("See [@a](u).", ("a", "b"))]),
        ("<!-- hidden -->\n\nShown. [@a]", [("Shown.", ("a",))]),
    ],
)
def test_markup_and_keys_are_told_apart(text: str, expected: list[tuple[str, tuple[str, ...]]]) -> None:
    assert keyed(text) == expected


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("The **ICE**'s *287\\(g\\)* [program](http://x.y/z). [@a]", "The ICE's 287(g) program."),
        ("> Quoted\n> over lines.", "Quoted over lines."),
        ("| h | i |\n|---|---|\n|one|two|", "one two"),
        ("```py\na = 1\n\nb = 2\n```", "a = 1 b = 2"),
        ("One.\n\n- Two.\n- Three.", "One. Two. Three."),
    ],
)
def test_body_is_what_a_reader_sees(text: str, body: str) -> None:
    _, chunks = chunked(text)

    assert [c.body for c in chunks] == [body]


def test_context_is_the_title_and_the_headings_above() -> None:
    text = (
        "---\ntitle: Title\n---\nIntro.\n\n# One\n\nText one.\n\n### Deep\n\nText deep.\n\n## *Two*\n\nText two.\n\n"
        "| Name | Year |\n|---|---|\n| CAP | 2006 |\n\nAfter.\n\n# Title\n\nEnd."
    )
    _, chunks = chunked(text)

    assert [(c.context, c.body) for c in chunks] == [
        (("Title",), "Intro."),
        (("Title", "One"), "Text one."),
        (("Title", "One", "Deep"), "Text deep."),
        (("Title", "One", "Two"), "Text two."),
        (("Title", "One", "Two", "Name | Year"), "CAP 2006"),
        (("Title", "One", "Two"), "After."),
        (("Title",), "End."),
    ]
    assert chunks[2].embedded == "Title > One > Deep\nText deep."


@pytest.mark.parametrize(
    "text", ["# What is Secure Communities?\n", "# One\n\n## Two\n\n### Three\n", "One\n===\n", ""]
)
def test_headings_alone_make_no_chunk(text: str) -> None:
    assert chunked(text)[1] == []


def test_rows_are_sentences_of_their_own() -> None:
    document, chunks = chunked("| a | b |\n|---|---|\n| One. Two. | x |\n| Three | y |")

    assert quotes(document, chunks) == ["One. Two. | x", "Three | y"]


def test_chunks_end_at_paragraphs_near_the_target() -> None:
    paragraphs = [" ".join(["word"] * 49) + f" {n}." for n in range(10)]
    _, chunks = chunked("\n\n".join(paragraphs))

    assert [len(c.body.split()) for c in chunks] == [150, 150, 200]
    assert [len(c.sentences) for c in chunks] == [3, 3, 4]


def test_short_rest_of_a_section_joins_the_chunk_before() -> None:
    _, chunks = chunked(" ".join(["word"] * 130) + ".\n\n" + "A short last paragraph.")

    assert [len(c.sentences) for c in chunks] == [2]


def test_long_title_leaves_most_of_the_window_to_the_text() -> None:
    text = f"---\ntitle: {'title ' * 300}\n---\n# {'heading ' * 300}\n\n" + "Some words of text stand here. " * 30
    counter = WordCounter(window=60)
    _, chunks = chunked(text, counter=counter)

    assert all(counter.count([" > ".join(c.context)])[0] <= 20 for c in chunks)
    assert all(counter.count([c.embedded])[0] <= 60 for c in chunks)


def test_sentence_longer_than_the_window_is_cut_at_blanks() -> None:
    words = [f"w{n}" for n in range(500)]
    document, chunks = chunked("**" + " ".join(words) + "** [@a]")

    assert [s.keys for c in chunks for s in c.sentences] == [("a",)] * len(chunks)
    assert " ".join(quotes(document, chunks)) == "**" + " ".join(words) + "**"
    assert " ".join(c.body for c in chunks) == " ".join(words)


@pytest.mark.parametrize(
    ("piece", "loader", "size"),
    [
        ("The agency said so in 2011. ", "markdown", 5_000_000),
        ("The agency said so. [@a] ", "text", 500_000),
        ("word ", "text", 1_000_000),
        ("x", "markdown", 5_000_000),
        ("x", "text", 5_000_000),
        ("x.", "text", 5_000_000),
        ("移民局", "markdown", 5_000_000),
        ("移民局宣布。", "text", 500_000),
        ("e\u0301", "text", 500_000),
    ],
)
def test_one_huge_line_makes_chunks_of_bounded_size(piece: str, loader: str, size: int) -> None:
    text = piece * (size // len(piece.encode()))
    _, chunks = chunked(text, loader)

    assert max(c.range.end - c.range.start for c in chunks) <= 20 * MAX_TOKENS
    assert max(len(c.body) for c in chunks) <= 20 * MAX_TOKENS
    assert "".join("".join(text[c.range.start : c.range.end].split()) for c in chunks) == "".join(text.split())


def test_keys_in_paragraphs_of_their_own_are_never_embedded() -> None:
    document, chunks = chunked("Said so.\n\n" + "[@a; @b]\n\n" * 2000)

    assert [c.body for c in chunks] == ["Said so."]
    assert [s.keys for c in chunks for s in c.sentences] == [("a", "b")]
    assert chunks[0].range.end == len(document.text.rstrip())


@pytest.mark.parametrize("gap", [" " * 1_000_000, "\n" + " " * 1_000_000])
def test_blanks_by_the_million_are_in_no_chunk(gap: str) -> None:
    _, chunks = chunked(f"One{gap}two.", "text")

    assert max(c.range.end - c.range.start for c in chunks) <= 20 * MAX_TOKENS


def test_picture_in_a_link_target_is_neither_text_nor_embedded() -> None:
    document, chunks = chunked(f"See ![the map](data:image/png;base64,{'QUJD' * 100_000}) here. Next one.")

    assert " ".join(c.body for c in chunks) == "See the map here. Next one."
    assert quotes(document, chunks)[-1] == "Next one."


HEADINGS = ["# Heading one", "## Heading *two*", "### What is ICE?", "Setext\n======", "#", "***"]
PROSE = [
    "The agency said so in 2011.",
    "Who asked? **ICE** did! It “ended” in the U.S. (see No. 11-182).",
    "Backed. [@ipc-2011]",
    "One. [@a; @b] Two [@c] inside. [@d, p. 3] mail@example.org",
    "[@only]",
    "A title line",
    "Short line\n\nAnother one",
    "Dotted...\nTwo. lines.",
    '[A link](http://x.y/z "t"). ![alt](p.png) `code` <br> \\[escaped\\] &amp; *a*_b_**c**',
]
BLOCKS = [
    "- item one\n- item two. [@a]\n  - nested item",
    "1. first\n2. second\n\n   more of it",
    "> Quoted words.\n> More of them. [@q]\n>\n> > Deeper.",
    "> # Quoted heading",
    "| Name | Year |\n|---|---|\n| CAP | 2006 |\n| 287(g) \\| x | **1996** [@r] |",
    "| only | head |\n|---|---|",
    "```py\nx = [@code]\n\ny = 1\n```",
    "    indented\n    code",
    "~~~\nopen",
    "<div>\n<b>Seen</b> in HTML. <!-- not seen -->\n</div>",
    "<!-- a comment -->",
    "[ref]: http://x.y 'title'",
    "---\ntitle: x\n---",
]
SCRIPTS = [
    "移民局宣布。是吗？对！",
    "قال المسؤول ذلك. نعم؟ لا.",
    "הוא אמר. כן.",
    "e\u0301a\u0300 combined",
    "🙂\U0001f469\u200d\U0001f467 emoji.",
    "a\u00a0b\u3000c\u2028d.",
]
LONG = ["word " * 90, "long" * 200, "!?" * 60, "移民" * 80]
BROKEN = ["---", "\0 nul", "\tx", "&nbsp;", "**open", "`open", "[open", "<open", "]( )", "<!-- open"]
pieces = st.sampled_from([*HEADINGS, *PROSE, *BLOCKS, *SCRIPTS, *LONG, *BROKEN])
words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
separators = st.sampled_from(["\n\n", "\n", " ", "\n\n\n"])
line_ends = st.sampled_from(["\n", "\r\n", "\r"])
texts = st.tuples(st.lists(pieces | words, max_size=8), separators, line_ends).map(
    lambda parts: parts[1].join(parts[0]).replace("\n", parts[2])
)
counters = st.builds(WordCounter, st.sampled_from([20, 40, 254])) | st.builds(PieceCounter, st.sampled_from([30, 254]))
loaders = st.sampled_from(["markdown", "text"])


def _outside_headings(document: Document) -> list[Range]:
    return [b.range for b in document.blocks if b.kind is not BlockKind.HEADING]


@given(texts, loaders, counters)
@settings(max_examples=150, deadline=None)
def test_every_character_of_every_block_is_in_exactly_one_chunk(text: str, loader: str, counter: TokenCounter) -> None:
    document, chunks = chunked(text, loader, counter)
    inside = [r.start <= at < r.end for r in [c.range for c in chunks] for at in range(len(document.text))]
    times = [sum(inside[at :: len(document.text)]) for at in range(len(document.text))]

    assert max(times, default=0) <= 1
    for block in _outside_headings(document):
        assert all(times[at] == 1 for at in range(block.start, block.end) if not document.text[at].isspace())


@given(texts, loaders, counters)
@settings(max_examples=150, deadline=None)
def test_chunks_and_their_sentences_are_tight_and_in_order(text: str, loader: str, counter: TokenCounter) -> None:
    document, chunks = chunked(text, loader, counter)
    assert all(a.range.end <= b.range.start for a, b in pairwise(chunks))
    assert [c.chunk_id for c in chunks] == sorted({c.chunk_id for c in chunks})
    for c in chunks:
        edges = [c.range.start, *(e for s in c.sentences for e in (s.range.start, s.range.end)), c.range.end]
        assert edges == sorted(edges)
        assert c.sentences
        assert c.body
        assert c.body == " ".join(c.body.split())
    assert all(quote and quote == quote.strip() for quote in quotes(document, chunks))


@given(texts, loaders, counters)
@settings(max_examples=150, deadline=None)
def test_every_visible_character_is_in_exactly_one_sentence(text: str, loader: str, counter: TokenCounter) -> None:
    document, chunks = chunked(text, loader, counter)
    quoted = [at for c in chunks for s in c.sentences for at in range(s.range.start, s.range.end)]
    assert len(quoted) == len(set(quoted))

    for block in document.blocks:
        if block.kind is not BlockKind.HEADING:
            start, end = block.range.start, block.range.end
            keys = [Range(m.start(), m.end()) for m in CITATION_KEYS.finditer(document.text, start, end)]
            masked = blank(document.text, start, end, sorted([*block.hidden, *keys], key=lambda r: r.start))
            visible = {at for at, c in enumerate(masked, start) if not c.isspace()}
            assert visible <= set(quoted)


@given(texts, loaders, counters | st.builds(JoinedCounter, st.sampled_from([20, 254])))
@settings(max_examples=150, deadline=None)
def test_no_chunk_has_more_tokens_than_the_model_reads(text: str, loader: str, counter: TokenCounter) -> None:
    _, chunks = chunked(text, loader, counter)

    assert [c.embedded for c in chunks if counter.count([c.embedded])[0] > counter.window] == []


@given(texts, loaders)
@settings(max_examples=150, deadline=None)
def test_no_sentence_is_a_heading_or_ends_with_its_keys(text: str, loader: str) -> None:
    document, chunks = chunked(text, loader)
    headings = [b.range for b in document.blocks if b.kind is BlockKind.HEADING]
    code = [b.range for b in document.blocks if b.kind is BlockKind.CODE]

    for span in (s.range for c in chunks for s in c.sentences):
        assert not any(h.start < span.end and span.start < h.end for h in headings)
        quote = document.text[span.start : span.end]
        keys = list(CITATION_KEYS.finditer(quote))
        is_code = any(b.start <= span.start < b.end for b in code)
        has_words = CITATION_KEYS.sub("", quote).strip()
        assert is_code or not keys or not has_words or keys[-1].end() < len(quote)


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "cp1251", "iso-8859-7", "cp932", "gb18030", "big5"]


@given(texts, loaders, st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_span_read_back_from_the_file_is_its_text(
    tmp_path_factory: pytest.TempPathFactory, text: str, loader: str, chance: random.Random
) -> None:
    able = [name for name in ENCODINGS if text.encode(name, errors="ignore").decode(name) == text]
    encoding = chance.choice(able)
    path = tmp_path_factory.mktemp("spans") / "document.md"
    path.write_bytes(text.encode(encoding))
    fallback = "" if encoding.startswith("utf") else encoding
    document = parse(read_bytes(path), loader, fallback_encoding=fallback)
    chunks = chunk(document, WordCounter(40))

    again = path.read_bytes().decode(document.encoding)
    spans = [r for c in chunks for r in (c.range, *(s.range for s in c.sentences))]
    assert decode(read_bytes(path), fallback=fallback)[0] == again
    assert [again[r.start : r.end] for r in spans] == [document.text[r.start : r.end] for r in spans]
    if encoding.startswith("utf") and not text.startswith("\ufeff"):
        assert again == text


@given(texts, loaders)
@settings(max_examples=50, deadline=None)
def test_same_document_has_the_same_chunks(text: str, loader: str) -> None:
    assert chunked(text, loader) == chunked(text, loader)


def test_no_sentence_of_the_shipped_corpus_ends_with_its_keys() -> None:
    documents = [parse(path.read_bytes(), "markdown") for path in sorted(Path(shipped_corpus()).glob("*.md"))]
    found = [q for d in documents if d.front_matter for q in quotes(d, chunk(d, WordCounter()))]

    assert len(found) > 100
    assert [q for q in found if any(m.end() == len(q) for m in CITATION_KEYS.finditer(q))] == []
    assert [q for q in found if CITATION_KEYS.search(q)] == []


NO_BLANKS = ["移民局在二零一一年八月宣布。", "移民局", "!?", "x.", "a/b?c=d&", "🙂", "e\u0301", "สวัสดี", "\u200b"]


@pytest.mark.model
@pytest.mark.parametrize("loader", ["markdown", "text"])
@pytest.mark.parametrize("piece", [*NO_BLANKS, "word ", "[@a] x "])
def test_real_tokenizer_cuts_nothing_off(loader: str, piece: str) -> None:
    embedder = Embedder(ModelFolder("all-MiniLM-L6-v2", packaged_model()))
    _, chunks = chunked(piece * 3000, loader, embedder)

    assert max(embedder.count([c.embedded for c in chunks])) <= embedder.window
