"""How a page carries its own data, so that each quote can be compared with its source long after.

The data is JSON in a place that no reader of the page sees: a comment in Markdown and
reStructuredText, a data block in HTML, a custom part in DOCX, an attachment in PDF. A seal, the
SHA-256 over the page without the block and the data, tells whether either was touched since.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from qa.errors import SourceError
from qa.faq_page import Page, PageItem, data_json, digest, page_data, page_from

FORMATS = ("md", "html", "json", "rst", "docx", "pdf")
ENDINGS = {
    ".md": "md",
    ".markdown": "md",
    ".html": "html",
    ".htm": "html",
    ".json": "json",
    ".rst": "rst",
    ".docx": "docx",
    ".pdf": "pdf",
}
# Formats that show a quote in its surroundings; the others need not carry these.
_WITH_SURROUNDINGS = ("html", "json")
_MARK = "qa-faq-data"
_SEAL = r"sha256:(?P<seal>[0-9a-f]{64})"
_BLOCKS = {
    "md": (f"<!-- {_MARK} sha256:{{seal}}\n{{data}}\n-->", ""),
    "html": (
        f'<script type="application/json" id="{_MARK}" data-seal="sha256:{{seal}}">\n{{data}}\n</script>',
        "",
    ),
    "rst": (f".. {_MARK} sha256:{{seal}}\n\n{{data}}\n", "   "),
}
_FOUND = {
    "md": re.compile(rf"<!-- {_MARK} {_SEAL}\n(?P<data>.*?)\n-->", re.DOTALL),
    "html": re.compile(
        rf'<script type="application/json" id="{_MARK}" data-seal="{_SEAL}">\n(?P<data>.*?)\n</script>', re.DOTALL
    ),
    "rst": re.compile(rf"^\.\. {_MARK} {_SEAL}\n\n(?P<data>(?:   .*\n)+)", re.MULTILINE),
}


def seal_of(body: str, data: str) -> str:
    """Return the seal of a page without its block, and of the data in it."""
    return digest(f"{body}\0{data}")


@dataclass(frozen=True, slots=True)
class Block:
    """The data of one page; ``placeholder`` stands for the block while the page is rendered."""

    format: str
    data: str

    @property
    def placeholder(self) -> str:
        """A word that no document can contain: it depends on all of them."""
        return f"QA{digest(self.data)}"

    def seal(self, text: str) -> str:
        """Return the page with the block in place of the placeholder."""
        if self.format == "json":
            return data_json(json.loads(self.data) | {"seal": f"sha256:{seal_of('', self.data)}"}) + "\n"
        form, indent = _BLOCKS[self.format]
        shown = "\n".join(indent + line for line in self.data.split("\n"))
        seal = seal_of(text.replace(self.placeholder, ""), self.data)
        return text.replace(self.placeholder, form.format(seal=seal, data=shown))


def page_block(page: Page, format_: str, *, template: str) -> Block:
    """Return the data that a page carries; ``template`` is the digest of what it is rendered by."""
    page = lean(page, format_)
    return Block(format_, data_json({"qa_faq": format_, "template": template, "page": page_data(page)}))


def lean(page: Page, format_: str) -> Page:
    """Return a page with what this format carries of it; see ``Page``."""
    if format_ == "json":
        return page
    return replace(page, index="", items=tuple(_lean_item(item, format_) for item in page.items))


def comparable(page: Page) -> Page:
    """Return a page with what every format carries of it, so that pages of two formats can be compared."""
    return lean(page, "md")


def _lean_item(item: PageItem, format_: str) -> PageItem:
    quotes = [replace(q, document="") for q in item.quotes]
    if format_ not in _WITH_SURROUNDINGS:
        quotes = [replace(q, before=(), after=()) for q in quotes]
    return replace(item, confidence=0.0, quotes=tuple(quotes))


@dataclass(frozen=True, slots=True)
class SealedPage:
    """A page as it was found: its data, what is shown (without the block), and whether the seal holds."""

    name: str
    format: str
    page: Page
    template: str
    body: str
    is_whole: bool


def unsealed(name: str, format_: str, body: str, data: str, seal: str) -> SealedPage:
    """Return a page that was taken apart. Raises SourceError when its data is none."""
    try:
        tree: dict[str, Any] = json.loads(data)
        made_as, template = str(tree["qa_faq"]), str(tree["template"])
        page = page_from(tree["page"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise no_page(name, f"the data in it was altered or cut: {error}") from error
    if made_as != format_:
        raise no_page(name, f"it was made as {made_as}, not as {format_}")
    return SealedPage(name, format_, page, template, body, seal_of(body, data) == seal)


def no_page(name: str, why: str) -> SourceError:
    """Return the error for a file that cannot be verified."""
    return SourceError(f"{name} cannot be verified: {why}", fix="make the page again: qa faq QUESTIONS -o FILE")


def unseal_text(name: str, format_: str, text: str) -> SealedPage:
    """Take apart a page of text. Raises SourceError where it is no page of qa or its data is damaged."""
    text = text.replace("\r\n", "\n")
    if format_ == "json":
        return _unseal_json(name, text)
    found = list(_FOUND[format_].finditer(text))
    if len(found) != 1:
        raise no_page(name, "it has no data of qa in it" if not found else "it has the data of two pages in it")
    match = found[0]
    indent = _BLOCKS[format_][1]
    data = "\n".join(line.removeprefix(indent) for line in match["data"].rstrip("\n").split("\n"))
    body = text[: match.start()] + text[match.end() :]
    return unsealed(name, format_, body, data, match["seal"])


def _unseal_json(name: str, text: str) -> SealedPage:
    try:
        tree = json.loads(text)
        seal = str(tree.pop("seal")).removeprefix("sha256:")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise no_page(name, "it has no data of qa in it") from error
    return unsealed(name, "json", "", data_json(tree), seal)
