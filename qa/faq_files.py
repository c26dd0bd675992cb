"""Pages as files: which format a name means, how it is written, and how a written page is taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qa.errors import SourceError, StorageError, UsageError
from qa.faq_page import Page, digest
from qa.faq_render import OWN_TEMPLATE, render_json, render_text, template_text
from qa.faq_seal import ENDINGS, FORMATS, SealedPage, no_page, unseal_text
from qa.parts import replace_whole

_TEXT = ("md", "html", "rst")


def format_of(path: Path, format_: str = "") -> str:
    """Return the format of a page by ``format_``, else by its file's ending. Raises UsageError for neither."""
    known = format_ or ENDINGS.get(path.suffix.lower(), "")
    if known not in FORMATS:
        raise UsageError(
            f"{format_ or path} tells no format of a page (known: {', '.join(FORMATS)})",
            fix="give the file one of these endings, or say --format FORMAT",
        )
    return known


def page_bytes(page: Page, format_: str, *, template: Path | None = None, fonts: Sequence[Path] = ()) -> bytes:
    """Return a page in one format; ``template`` is for HTML and Markdown, ``fonts`` are for PDF."""
    if format_ == "json":
        return render_json(page).encode("utf-8")
    if format_ in _TEXT:
        own = template if format_ in OWN_TEMPLATE else None
        return render_text(page, format_, template_text(format_, own)).encode("utf-8")
    if format_ == "docx":
        from qa.faq_docx import render_docx

        return render_docx(page)
    from qa.faq_pdf import render_pdf

    return render_pdf(page, fonts)


def write_page(path: Path, data: bytes) -> None:
    """Replace a file by a page in one step: a reader finds the old page or the new one."""
    fix = "write the page elsewhere: -o FILE"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}", fix=fix) from error
    replace_whole(path, data, fix=fix)


def open_page(path: Path, format_: str = "") -> SealedPage:
    """Take a written page apart. Raises SourceError where it is no page of qa or its data is damaged."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}", fix="name a page that qa made") from error
    kind = format_of(path, format_)
    if kind == "docx":
        from qa.faq_docx import unseal_docx

        return unseal_docx(str(path), data)
    if kind == "pdf":
        from qa.faq_pdf import unseal_pdf

        return unseal_pdf(str(path), data)
    try:
        return unseal_text(str(path), kind, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise no_page(str(path), "it is no UTF-8") from error


def made_again(sealed: SealedPage, template: Path | None = None) -> str | None:
    """Return what is shown by a page as its data gives it, None where its template is not at hand."""
    if sealed.format not in _TEXT:
        return None
    text = template_text(sealed.format, template if sealed.format in OWN_TEMPLATE else None)
    if digest(text) != sealed.template:
        return None
    return unseal_text(sealed.name, sealed.format, render_text(sealed.page, sealed.format, text)).body
