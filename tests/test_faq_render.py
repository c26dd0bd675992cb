"""Pages in every format: what a document says stays text, whatever it says."""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from qa.errors import ConfigError
from qa.faq_escape import document_url, markdown, rst, source_url, web_url
from qa.faq_files import open_page, page_bytes
from qa.faq_page import ItemStatus, Page, PageItem, PageQuote
from qa.faq_render import render_text, template_text, timeline
from qa.faq_seal import FORMATS, comparable
from qa.questions_file import Entry
from qa.schema import Range, Reference
from tests.conftest import RunCli
from tests.faq_pages import EVILS, hostile_page

# Terminal escapes, and what turns the reading direction around.
LIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f\u2028\u2029]")


def quote(
    text: str, *, number: int = 1, marks: tuple[Range, ...] = (), url: str = "", source: str = "a.md"
) -> PageQuote:
    references = (Reference("k", "Title", "Publisher", "2011-08-05", url, "news"),) if url else ()
    return PageQuote(number, text, marks, source, "", 3, 3, 9, 9 + len(text), "T", ("H",), "2011", references)


def page_of(*quotes: PageQuote) -> Page:
    item = PageItem(Entry("one", "Who?"), ItemStatus.ANSWERED, "Who?", 1.0, quotes)
    return Page("Title", "", (item,), "", "")


def shown(text: str) -> str:
    """Return a hostile text as a reader may see it."""
    return re.sub("[\ufffe\uffff]", "\ufffd", LIVE.sub("\ufffd", re.sub(r"\s", " ", text)))


class Elements(HTMLParser):
    """Collects what a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_no_hostile_text_is_alive_in_html() -> None:
    text = page_bytes(hostile_page(), "html").decode()
    tags = Elements(text).tags

    scripts = [attributes for tag, attributes in tags if tag == "script"]
    links = [attributes["href"] or "" for tag, attributes in tags if "href" in attributes]
    assert [s.get("type") for s in scripts] == ["application/ld+json", "application/json", None]
    assert not {tag for tag, _ in tags} & {"img", "iframe", "b", "object", "embed", "form", "base"}
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]
    assert {link.split(":")[0] for link in links if not link.startswith("#")} == {"http", "https"}
    assert "src" not in {name for _, attributes in tags for name in attributes}
    assert LIVE.search(text) is None
    assert "49" not in re.findall(r">\s*(\d+)\s*<", text)


def test_the_policy_of_a_page_allows_its_own_style_and_script_only() -> None:
    tags = Elements(page_bytes(hostile_page(), "html").decode()).tags
    policy = next(a["content"] or "" for tag, a in tags if a.get("http-equiv") == "Content-Security-Policy")

    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert re.fullmatch(r"'sha256-[\w+/]{43}='", rules["script-src"])
    assert re.fullmatch(r"'sha256-[\w+/]{43}='", rules["style-src"])


@pytest.mark.parametrize("rules", ["commonmark", "gfm-like"])
def test_no_hostile_text_is_alive_in_markdown(rules: str) -> None:
    from markdown_it import MarkdownIt

    text = page_bytes(hostile_page(), "md").decode()
    reader = MarkdownIt(rules, {"linkify": False})
    tokens = [t for block in reader.parse(text) for t in (block, *(block.children or ()))]

    html = [t.content for t in tokens if t.type in ("html_inline", "html_block")]
    links = [str(t.attrs["href"]) for t in tokens if t.type == "link_open"]
    assert all(re.fullmatch(r'<a id="[\w:-]+">|</a>', part) or part.startswith("<!-- qa-faq-data") for part in html)
    assert {link.split(":")[0] for link in links if not link.startswith("#")} == {"http", "https"}
    assert not [t for t in tokens if t.type in ("image", "code_inline", "fence", "code_block", "em_open", "s_open")]
    assert LIVE.search(text) is None
    assert "{{" not in text
    assert "{%" not in text


@pytest.mark.parametrize(
    "evil", [*EVILS, "# h", "- i", "1. i", "1) i", "+ i", "> q", "=== ", "--- ", "| a | b |", "~~~"]
)
def test_markdown_shows_any_line_as_it_is(evil: str) -> None:
    from markdown_it import MarkdownIt

    block = MarkdownIt("commonmark").parse(f"> {markdown(evil)}")
    inline = [t for t in block if t.type == "inline"]

    assert [t.type for t in block if t.nesting != -1] == ["blockquote_open", "paragraph_open", "inline"]
    assert {t.type for t in inline[0].children or ()} == {"text"}
    assert (inline[0].children or [])[0].content.split() == shown(evil).split()


def test_no_hostile_text_is_alive_in_restructured_text() -> None:
    text = page_bytes(hostile_page(), "rst").decode()
    body = text[: text.index(".. qa-faq-data")]

    assert LIVE.search(text) is None
    assert not re.findall(r"^\.\. (?!_`|contents::)", body, re.MULTILINE)
    unescaped = re.sub(r"\\.", "", body)
    # What is left of the signs of markup is the template's own.
    assert set(re.findall(r":\w+:(?=`)|\|\w+\||\]_", unescaped)) == set()
    assert {u.split(":")[0] for u in re.findall(r"`[^`]* <([^>]*)>`__", unescaped)} == {"http", "https"}


@pytest.mark.parametrize(
    ("text", "inert"), [("1. x", r"\1. x"), ("a_ b", r"a\_ b"), ("- x", r"\- x"), (".. raw::", r"\.. raw\:\:")]
)
def test_restructured_text_is_escaped(text: str, inert: str) -> None:
    assert str(rst(text)) == inert


def test_no_hostile_text_is_alive_in_word() -> None:
    data = page_bytes(hostile_page(), "docx")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        document = archive.read("word/document.xml").decode()
        relations = archive.read("word/_rels/document.xml.rels").decode()

    assert LIVE.search(document) is None
    assert "instrText" not in document
    assert "fldSimple" not in document
    external = re.findall(r'Target="([^"]+)" TargetMode="External"', relations)
    assert {target.split(":")[0] for target in external} == {"http", "https"}


def test_no_hostile_text_is_alive_in_json() -> None:
    text = page_bytes(hostile_page(), "json").decode()

    assert LIVE.search(text) is None
    assert "<" not in text
    assert json.loads(text)["page"]["items"][0]["entry"]["question"] == EVILS[0]


def test_no_hostile_text_is_alive_in_pdf() -> None:
    data = page_bytes(hostile_page(), "pdf")

    assert b"/JavaScript" not in data
    assert b"/Launch" not in data
    assert {u.split(b":")[0] for u in re.findall(rb"/URI \((.*?)\)", data)} == {b"http", b"https"}


def test_no_hostile_text_is_alive_on_the_screen(run_cli: RunCli, shipped_index: Path, tmp_path: Path) -> None:
    for number, evil in enumerate(EVILS):
        (tmp_path / f"{number}.txt").write_text(f"{evil} zzz", encoding="utf-8")
    path = tmp_path / "page.md"
    path.write_bytes(page_bytes(hostile_page(), "md"))

    done = [
        run_cli("verify", str(path), "--index", str(shipped_index)),
        *[run_cli("faq", str(tmp_path / f"{n}.txt"), "--index", str(shipped_index)) for n in (0, 8, 9)],
    ]

    assert [d.code for d in done] == [1, 0, 0, 0]
    assert [LIVE.search(d.out + d.err) for d in done] == [None] * 4


@pytest.mark.parametrize("format_", FORMATS)
def test_a_page_has_the_same_bytes_twice_and_its_data_is_the_page(format_: str, tmp_path: Path) -> None:
    page = page_of(
        quote("No state can opt out.", marks=(Range(0, 2),), url="https://example.org"), quote("Two.", number=2)
    )
    data = page_bytes(page, format_)
    path = tmp_path / f"page.{format_}"
    path.write_bytes(data)

    found = open_page(path)

    assert page_bytes(page, format_) == data
    assert found.is_whole
    assert comparable(found.page) == comparable(page)


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("//example.org", ""),
        ("https://example.org/a b>)`'\"", "https://example.org/a%20b%3E%29%60%27%22"),
        ("http://[broken", ""),
        ("https://example.org/%20?a=1&b=2", "https://example.org/%20?a=1&b=2"),
    ],
)
def test_only_web_addresses_are_links(url: str, safe: str) -> None:
    assert web_url(url) == safe


def test_a_link_leads_to_the_words_that_the_quote_itself_quotes() -> None:
    said = quote('She said: "There is no opt-out, none."', url="https://example.org/a")
    own = quote("It is mandatory.", url="https://example.org/a")
    page = quote("One two three four five six seven eight nine ten eleven twelve.", source="https://example.org/p")

    assert source_url(said.references[0], said).endswith("/a#:~:text=There%20is%20no%20opt%2Dout%2C%20none")
    assert source_url(own.references[0], own) == "https://example.org/a"
    assert document_url(page).endswith(
        "/p#:~:text=One%20two%20three%20four%20five,eight%20nine%20ten%20eleven%20twelve."
    )


def test_the_timeline_has_dated_statements_in_order() -> None:
    page = page_of(
        quote("It began on 4 May 2011.", number=1),
        quote("ICE rescinded every MOA on August 5, 2011, it said.", number=2),
        quote("The 2011 fact sheet does not say when.", number=3),
        quote("In 2008 the program began.", number=4),
        quote("By March 2010, 12 had signed.", number=5),
    )
    # Each stands somewhere else in the document.
    item = replace(page.items[0], quotes=tuple(replace(q, start=q.number * 100) for q in page.items[0].quotes))

    found = timeline(replace(page, items=(item,)))

    assert [(d.date, d.told) for d in found] == [
        ("2008", "2008"),
        ("2010-03", "March 2010"),
        ("2011-05-04", "May 4, 2011"),
        ("2011-08-05", "August 5, 2011"),
    ]


@pytest.mark.parametrize("format_", ["html", "md"])
def test_a_template_of_ones_own_is_used(format_: str) -> None:
    own = "{{ page.items[0].entry.question }} {{ '<&>' }}\n{{ qa_data }}"

    text = render_text(hostile_page(), format_, own)

    assert text.startswith("&lt;script&gt;")
    assert "&lt;&amp;&gt;\n" in text


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ page.title }}", "must have {{ qa_data }} just once"),
        ("{{ qa_data }}\n{% if %}", "line 2"),
        ("{{ qa_data }}{{ page.colour }}", "no attribute 'colour'"),
        ("{{ qa_data }}{{ ''.__class__.__mro__ }}", "unsafe"),
    ],
)
def test_a_template_that_does_not_work_is_told(template: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        render_text(page_of(quote("x y")), "md", template)


@pytest.mark.parametrize("format_", ["html", "md"])
def test_the_printed_template_is_the_one_in_use(format_: str, run_cli: RunCli) -> None:
    done = run_cli("faq", "--print-template", format_)

    assert done.out == template_text(format_)


def test_pdf_names_the_characters_that_no_font_has() -> None:
    with pytest.raises(ConfigError, match="中"):
        page_bytes(page_of(quote("中文 text")), "pdf")
