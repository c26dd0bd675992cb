"""Pages as PDF, in pure Python: outline, links, the data as an attachment."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa import dates
from qa.errors import ConfigError
from qa.faq_escape import clean, document_url, pieces, source_url
from qa.faq_page import ItemStatus, Page, PageItem, PageQuote
from qa.faq_render import details, need_extra, numbers, timeline
from qa.faq_seal import SealedPage, no_page, page_block, seal_of, unsealed

if TYPE_CHECKING:
    from fpdf import FPDF

_START, _END = "qa-faq-data\n", "\nqa-faq-data-end"
_DATA = re.compile(rb"qa-faq-data\n(.*?)\nqa-faq-data-end", re.DOTALL)
_SEAL = re.compile(rb"qa-faq sha256:([0-9a-f]{64})")
_EMPTY_SEAL = "0" * 64
_MARGIN_MM = 20
# FiraGO has the Latin, Greek, Cyrillic, Arabic, Hebrew, Thai, Georgian and Devanagari scripts.
_TEXT_FONT, _BOLD_FONT, _SIGNS_FONT = "figo", "figbo", "symbol2"


def _font_files(folder: Path, own: Sequence[Path]) -> list[tuple[str, str, Path]]:
    """Return the fonts as (family, style, file), the text font first."""
    import pymupdf_fonts

    found: list[tuple[str, str, Path]] = []
    for family, style, name in (("text", "", _TEXT_FONT), ("text", "B", _BOLD_FONT), ("signs", "", _SIGNS_FONT)):
        path = folder / f"{name}.ttf"
        path.write_bytes(pymupdf_fonts.myfont(name))
        found.append((family, style, path))
    return found + [(f"own{number}", "", path) for number, path in enumerate(own, 1)]


def _letters(path: Path) -> set[int]:
    """Return the characters that a font has. Raises ConfigError where it is no font."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with TTFont(path, lazy=True) as font:
            return set(font.getBestCmap() or ())
    except (OSError, TTLibError) as error:
        raise ConfigError(f"the font {path} cannot be read: {error}", fix="name a .ttf or .otf file") from error


def _refuse_unknown(text: str, fonts: Sequence[Path]) -> None:
    """Raise ConfigError where no font has some character: a quote is never printed with a hole in it."""
    known = set().union(*(_letters(path) for path in fonts)) | {0x20, 0xA0}
    missing = sorted({c for c in text if ord(c) not in known and not c.isspace()})
    if missing:
        some = ", ".join(f"{c} (U+{ord(c):04X})" for c in missing[:5])
        raise ConfigError(
            f"{len(missing)} characters of the page are in no font for PDF: {some}",
            fix="name a font that has them: --pdf-font FILE (or make another format)",
        )


def _legible(text: str) -> str:
    """Return text as ``clean`` does, its replacement character as "?", which every font has."""
    return clean(text).replace("\ufffd", "?")


class _Writer:
    """Sets one page, block by block."""

    def __init__(self, pdf: FPDF, page: Page) -> None:
        self._pdf = pdf
        self._links: dict[str, Any] = {item.id: pdf.add_link() for item in page.items}
        self.text = ""

    def put(self, *parts: tuple[str, str, Any], size: float = 11, indent: float = 0, gap: float = 2) -> None:
        """Set one paragraph of (text, style, link) parts; style is "" or "B", link an address, a place or None."""
        pdf = self._pdf
        pdf.set_left_margin(_MARGIN_MM + indent)
        pdf.set_x(_MARGIN_MM + indent)
        for text, style, link in parts:
            shown = _legible(text)
            self.text += shown
            pdf.set_font("text", style, size)
            pdf.write(size * 0.5, shown, link or "")
        pdf.ln(size * 0.5 + gap)
        pdf.set_left_margin(_MARGIN_MM)

    def heading(self, text: str, level: int, anchor: str = "") -> None:
        """Set a heading; it stands in the outline."""
        size = (20, 15, 12.5)[level]
        self._pdf.set_x(_MARGIN_MM)
        if self._pdf.will_page_break(size * 2):
            self._pdf.add_page()
        self._pdf.ln(3)
        if anchor:
            self._pdf.set_link(self._links[anchor], y=self._pdf.get_y(), page=self._pdf.page_no())
        self._pdf.set_font("text", "B", size)
        self._pdf.start_section(_legible(text), level, strict=False)
        self.put((text, "B", None), size=size)

    def item(self, item: PageItem) -> None:
        """Set one answered question."""
        self.heading(item.entry.question, 2, item.id)
        if item.entry.alternatives:
            self.put((f"Also asked: {' · '.join(item.entry.alternatives)}", "", None), size=9.5)
        if item.status is ItemStatus.REVIEW:
            self.put((f"To be reviewed: {item.reason}.", "B", None))
        if item.disagree:
            self.put((f"The documents disagree here; compare {numbers(item.disagree)}.", "B", None))
        for what, ids in (("Asks the same as ", item.same), ("Asks nearly the same as ", item.near)):
            for id_ in ids:
                self.put((what, "", None), (id_, "", self._links[id_]), size=9.5)
        for quote in item.quotes:
            parts = [(text, "B" if is_answer else "", None) for text, is_answer in pieces(quote) if text]
            self.put(*parts, (f" [{quote.number}]", "", None), indent=6)
        if item.as_of:
            self.put((f"As of {dates.told(item.as_of)}.", "", None), size=9.5)
        for quote in item.quotes:
            self._source(quote)

    def _source(self, quote: PageQuote) -> None:
        told = [" › ".join(quote.heading), f"as of {dates.told(quote.as_of)}" if quote.as_of else ""]
        rest = "".join(f", {part}" for part in told if part)
        head = (f"[{quote.number}] ", "", None)
        self.put(head, (quote.place, "", document_url(quote) or None), (rest, "", None), size=9, gap=0.5)
        for reference in quote.references:
            url = source_url(reference, quote)
            more = f", {details(reference)}" if details(reference) else ""
            self.put((reference.title, "", url or None), (more, "", None), size=9, indent=6, gap=0.5)
            if url:
                self.put((reference.url, "", url), size=7.5, indent=6, gap=1.5)

    def page(self, page: Page) -> None:
        """Set everything."""
        self.heading(page.title, 0)
        if page.intro:
            self.put((page.intro, "", None))
        self.put(("Every quoted sentence stands word for word at the place that its number names.", "", None))
        for at, (name, items) in enumerate(page.sections):
            self.heading(name or ("More questions" if at else "Questions"), 1)
            for item in items:
                self.item(item)
        dated = timeline(page)
        if dated:
            self.heading("Timeline", 1)
        for statement in dated:
            link = self._links[statement.item.id]
            text = (f"{statement.quote.text} ", "", None)
            self.put((f"{statement.told}: ", "B", None), text, (statement.item.entry.question, "", link), size=10)
        if page.unanswered:
            self.heading("Questions without an answer", 1)
            self.put(("The documents do not answer these.", "", None))
        for item in page.unanswered:
            self._pdf.set_link(self._links[item.id], y=self._pdf.get_y(), page=self._pdf.page_no())
            self.put((f"{item.entry.question} ({item.reason})", "", None))


def render_pdf(page: Page, own_fonts: Sequence[Path] = ()) -> bytes:
    """Return a page as PDF; ``own_fonts`` are tried for characters that FiraGO has not.

    Raises ConfigError where no font has some character.
    """
    try:
        import fpdf
        import pymupdf_fonts  # noqa: F401 (asked for here, used when fonts are written)
        import uharfbuzz  # noqa: F401 (fpdf2 shapes Arabic, Hebrew and Devanagari with it)
    except ImportError as error:
        raise need_extra(error) from error
    data = page_block(page, "pdf", template="").data
    with tempfile.TemporaryDirectory() as folder:
        fonts = _font_files(Path(folder), own_fonts)
        _refuse_unknown(_all_text(page), [path for _, _, path in fonts])
        pdf = fpdf.FPDF()
        pdf.set_creation_date(datetime(2000, 1, 1, tzinfo=UTC))
        pdf.set_title(_legible(page.title))
        pdf.set_lang("en")
        pdf.set_keywords(f"qa-faq sha256:{_EMPTY_SEAL}")
        pdf.set_margin(_MARGIN_MM)
        for family, style, path in fonts:
            pdf.add_font(family, style, path)
        pdf.set_fallback_fonts([family for family, style, _ in fonts if family != "text"], exact_match=False)
        pdf.set_text_shaping(use_shaping_engine=True)
        pdf.embed_file(bytes=f"{_START}{data}{_END}".encode(), basename="qa-faq.json", desc="The data of the page")
        pdf.add_page()
        _Writer(pdf, page).page(page)
        out = bytes(pdf.output())
    seal = seal_of(out.decode("latin-1"), data)
    return out.replace(_EMPTY_SEAL.encode(), seal.encode(), 1)


def _all_text(page: Page) -> str:
    """Return every text that is set, for the look at the fonts."""
    texts = [page.title, page.intro]
    for item in page.items:
        texts += [item.entry.question, *item.entry.alternatives, item.reason]
        for quote in item.quotes:
            texts += [quote.text, quote.source, *quote.heading, quote.as_of]
            texts += [part for r in quote.references for part in (r.title, r.publisher, r.issued, r.kind, r.url)]
    return _legible(" ".join(texts))


def unseal_pdf(name: str, data: bytes) -> SealedPage:
    """Take a PDF apart. Raises SourceError where qa did not make it or its data is damaged."""
    found, seals = _DATA.findall(data), _SEAL.findall(data)
    if len(found) != 1 or len(seals) != 1:
        raise no_page(name, "it has no data of qa in it, or was saved by another program")
    body = data.replace(seals[0], _EMPTY_SEAL.encode(), 1).decode("latin-1")
    return unsealed(name, "pdf", body, found[0].decode("utf-8", "replace"), seals[0].decode())
