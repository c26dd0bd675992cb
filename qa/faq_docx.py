"""Pages as Word documents: headings, links, bookmarks, the data as a custom part."""

from __future__ import annotations

import html
import io
import re
import zipfile
from datetime import datetime
from typing import TYPE_CHECKING, Any

from qa import dates
from qa.faq_escape import clean, document_url, pieces, source_url
from qa.faq_page import ItemStatus, Page, PageItem, PageQuote
from qa.faq_render import details, need_extra, numbers, timeline
from qa.faq_seal import SealedPage, no_page, page_block, seal_of, unsealed

if TYPE_CHECKING:
    from docx.document import Document
    from docx.text.paragraph import Paragraph

_PART = "customXml/qa-faq-data.xml"
_NAMESPACE = "urn:qa:faq"
_DATA = re.compile(rf'<data xmlns="{_NAMESPACE}" seal="sha256:([0-9a-f]{{64}})">(.*)</data>', re.DOTALL)
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
# A page has some kilobytes a question; what claims more is not unpacked.
_MAX_BYTES = 500_000_000
_LINK_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink"


class _Writer:
    """Builds one document, paragraph by paragraph."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._bookmarks = 0

    def paragraph(self, text: str = "", style: str | None = None) -> Paragraph:
        """Add a paragraph."""
        return self._document.add_paragraph(clean(text), style)

    def heading(self, text: str, level: int, anchor: str = "") -> None:
        """Add a heading, with a bookmark where it has an ``anchor``."""
        heading = self._document.add_heading(clean(text), level)
        if anchor:
            self._bookmark(heading, anchor)

    def _element(self, tag: str, **attributes: str) -> Any:
        from docx.oxml import OxmlElement
        from docx.oxml.ns import qn

        element = OxmlElement(tag)
        for name, value in attributes.items():
            element.set(qn(name.replace("_", ":", 1)), value)
        return element

    def _bookmark(self, paragraph: Paragraph, name: str) -> None:
        self._bookmarks += 1
        number = str(self._bookmarks)
        # Word allows 40 letters, digits and underscores, beginning with a letter.
        word = bookmark(name)
        paragraph._p.insert(0, self._element("w:bookmarkStart", w_id=number, w_name=word))
        paragraph._p.append(self._element("w:bookmarkEnd", w_id=number))

    def link(self, paragraph: Paragraph, text: str, *, url: str = "", anchor: str = "") -> None:
        """Add text that leads to a web address or to a bookmark; plain text where it has neither."""
        run = paragraph.add_run(clean(text))
        if not url and not anchor:
            return
        run.font.underline = True
        attributes = {"w_anchor": bookmark(anchor)} if anchor else {}
        if url:
            attributes = {"r_id": self._document.part.relate_to(url, _LINK_RELATION, is_external=True)}
        element = self._element("w:hyperlink", **attributes)
        paragraph._p.remove(run._r)
        element.append(run._r)
        paragraph._p.append(element)

    def item(self, item: PageItem) -> None:
        """Add one answered question."""
        self.heading(item.entry.question, 2, item.id)
        if item.entry.alternatives:
            self.paragraph(f"Also asked: {' · '.join(item.entry.alternatives)}")
        if item.status is ItemStatus.REVIEW:
            self.paragraph().add_run(clean(f"To be reviewed: {item.reason}.")).bold = True
        if item.disagree:
            self.paragraph().add_run(f"The documents disagree here; compare {numbers(item.disagree)}.").bold = True
        for what, ids in (("Asks the same as", item.same), ("Asks nearly the same as", item.near)):
            for id_ in ids:
                self.link(self.paragraph(f"{what} "), id_, anchor=id_)
        for quote in item.quotes:
            self._quote(quote)
        if item.as_of:
            self.paragraph(f"As of {dates.told(item.as_of)}.")
        for quote in item.quotes:
            self._source(quote)

    def _quote(self, quote: PageQuote) -> None:
        paragraph = self.paragraph(style="Quote")
        for text, is_answer in pieces(quote):
            paragraph.add_run(text).bold = is_answer or None
        paragraph.add_run(f" [{quote.number}]")

    def _source(self, quote: PageQuote) -> None:
        paragraph = self.paragraph(f"[{quote.number}] ")
        self.link(paragraph, quote.place, url=document_url(quote))
        told = [" › ".join(quote.heading), f"as of {dates.told(quote.as_of)}" if quote.as_of else ""]
        paragraph.add_run(clean("".join(f", {part}" for part in told if part)))
        for reference in quote.references:
            entry = self.paragraph(style="List Bullet")
            self.link(entry, reference.title, url=source_url(reference, quote))
            entry.add_run(clean(f", {details(reference)}" if details(reference) else ""))


def bookmark(name: str) -> str:
    """Return an anchor as Word's bookmarks are named."""
    from qa.faq_page import digest

    return f"q_{re.sub(r'[^A-Za-z0-9]', '_', name)[:29]}_{digest(name)[:8]}"


def _fill(document: Document, page: Page) -> None:
    writer = _Writer(document)
    writer.heading(page.title, 0)
    if page.intro:
        writer.paragraph(page.intro)
    writer.paragraph("Every quoted sentence stands word for word at the place that its number names.")
    for at, (name, items) in enumerate(page.sections):
        writer.heading(name or ("More questions" if at else "Questions"), 1)
        for item in items:
            writer.item(item)
    dated = timeline(page)
    if dated:
        writer.heading("Timeline", 1)
    for statement in dated:
        paragraph = writer.paragraph(style="List Bullet")
        paragraph.add_run(f"{clean(statement.told)}: ").bold = True
        paragraph.add_run(f"{clean(statement.quote.text)} ")
        writer.link(paragraph, statement.item.entry.question, anchor=statement.item.id)
    if page.unanswered:
        writer.heading("Questions without an answer", 1)
        writer.paragraph("The documents do not answer these.")
    for item in page.unanswered:
        writer.paragraph(f"{item.entry.question} ({item.reason})", "List Bullet")


def render_docx(page: Page) -> bytes:
    """Return a page as a Word document; the same page gives the same bytes."""
    try:
        import docx
        from docx.opc.packuri import PackURI
        from docx.opc.part import Part
    except ImportError as error:
        raise need_extra(error) from error
    document = docx.Document()
    core = document.core_properties
    # Word takes no longer title.
    core.title, core.author, core.comments = clean(page.title)[:255], "qa", ""
    core.created = core.modified = datetime(2000, 1, 1)
    _fill(document, page)
    data = page_block(page, "docx", template="").data
    draft = io.BytesIO()
    document.save(draft)
    seal = seal_of(_shown(draft.getvalue(), "the page"), data)
    xml = f'<data xmlns="{_NAMESPACE}" seal="sha256:{seal}">{html.escape(data, quote=False)}</data>'
    part = Part(PackURI(f"/{_PART}"), "application/xml", xml.encode("utf-8"), document.part.package)
    document.part.relate_to(part, "http://schemas.openxmlformats.org/officeDocument/2006/relationships/customXml")
    out = io.BytesIO()
    document.save(out)
    return _without_times(out.getvalue())


def _without_times(data: bytes) -> bytes:
    """Return a zip archive with its members in order of their names and no times."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        # The list of content types comes first, as in every file that Word writes.
        for name in sorted(old.namelist(), key=lambda n: (n != "[Content_Types].xml", n)):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 0
            new.writestr(info, old.read(name))
    return out.getvalue()


def _member(data: bytes, name: str, member: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if archive.getinfo(member).file_size > _MAX_BYTES:
                raise no_page(name, f"{member} in it is too large")
            return archive.read(member)
    except (zipfile.BadZipFile, KeyError, OSError, ValueError, EOFError, NotImplementedError) as error:
        raise no_page(name, f"it has no {member} that can be read") from error
    except zipfile.zlib.error as error:  # type: ignore[attr-defined]
        raise no_page(name, f"{member} in it is damaged") from error


def _shown(data: bytes, name: str) -> str:
    """Return the text of a document, a paragraph a line, web addresses of links in angle brackets."""
    try:
        from lxml import etree
    except ImportError as error:
        raise need_extra(error) from error

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    try:
        body = etree.fromstring(_member(data, name, "word/document.xml"), parser)
        relations = etree.fromstring(_member(data, name, "word/_rels/document.xml.rels"), parser)
    except etree.XMLSyntaxError as error:
        raise no_page(name, f"it is damaged: {error}") from error
    targets = {r.get("Id"): r.get("Target") for r in relations}
    lines = []
    for paragraph in body.iter(f"{_W}p"):
        parts = []
        for element in paragraph.iter():
            if element.tag == f"{_W}t":
                parts.append(element.text or "")
            elif element.tag == f"{_W}hyperlink":
                parts.append(f"<{targets.get(element.get(f'{_R}id')) or element.get(f'{_W}anchor')}>")
        lines.append("".join(parts))
    return "\n".join(lines)


def unseal_docx(name: str, data: bytes) -> SealedPage:
    """Take a Word document apart. Raises SourceError where qa did not make it or its data is damaged."""
    xml = _member(data, name, _PART).decode("utf-8", "replace")
    match = _DATA.fullmatch(xml)
    if match is None:
        raise no_page(name, "the data in it was altered")
    return unsealed(name, "docx", _shown(data, name), html.unescape(match[2]), match[1])
