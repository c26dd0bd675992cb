"""Pages as text: Markdown, HTML and reStructuredText from Jinja2 templates, JSON as it is."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa import dates
from qa.errors import ConfigError, UsageError
from qa.faq_escape import Safe, clean, document_url, markdown, pieces, rst, source_url
from qa.faq_page import Page, PageItem, PageQuote, data_json, digest
from qa.faq_seal import page_block
from qa.schema import Reference

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")
# The formats whose template a user may replace.
OWN_TEMPLATE = ("html", "md")


@dataclass(frozen=True, slots=True)
class Dated:
    """A dated statement of the page; ``date`` is ISO 8601, as exact as the statement says it."""

    date: str
    item: PageItem
    quote: PageQuote

    @property
    def told(self) -> str:
        """The date as people write it."""
        return dates.told(self.date)


def need_extra(error: ImportError) -> UsageError:
    """Return the error for a library of the extra that is not installed."""
    return UsageError(f"{error.name} is not installed, which DOCX and PDF need", fix='run: pip install "qa[faq]"')


def timeline(page: Page) -> list[Dated]:
    """Return the quotes that say a date, earliest first, each sentence once."""
    found: dict[tuple[str, int], Dated] = {}
    for item in page.answered:
        for quote in item.quotes:
            date = dates.first_date(quote.text)
            if date:
                found.setdefault((quote.source, quote.start), Dated(date, item, quote))
    return sorted(found.values(), key=lambda d: (d.date, d.quote.source, d.quote.start))


def template_text(format_: str, own: Path | None = None) -> str:
    """Return the template of a format, the user's ``own`` one where there is one."""
    path = own or TEMPLATES / f"faq.{format_}.j2"
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the template {path} cannot be read: {error}", fix="name a template in UTF-8") from error


def details(reference: Reference) -> str:
    """Return publisher, date and kind of a public source as one phrase."""
    told = ", ".join(part for part in (reference.publisher, dates.told(reference.issued)) if part)
    return f"{told} ({reference.kind})" if reference.kind and told else told or reference.kind


def numbers(quotes: tuple[int, ...]) -> str:
    """Return the numbers of quotes as they are said: "[1], [2] and [3]"; "what [1] says" for one alone."""
    told = [f"[{number}]" for number in quotes]
    return f"{', '.join(told[:-1])} and {told[-1]}" if len(told) > 1 else f"what {told[0]} says"


def _csp_hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(str(text).encode()).digest()).decode()}'"


def _script_json(data: Any) -> Any:
    from markupsafe import Markup

    return Markup(data_json(data))  # noqa: S704 (every sign of markup is escaped)


def _schema_org(page: Page) -> dict[str, Any]:
    """Return the answers as schema.org's FAQPage."""
    questions = [
        {
            "@type": "Question",
            "name": clean(item.entry.question),
            "acceptedAnswer": {"@type": "Answer", "text": " ".join(clean(q.text) for q in item.quotes)},
        }
        for item in page.answered
    ]
    return {"@context": "https://schema.org", "@type": "FAQPage", "mainEntity": questions}


def _link_rst(text: str, url: str) -> Safe:
    inert = rst(text)
    return Safe(f"`{inert} <{url.replace('_', chr(92) + '_')}>`__") if url else inert


def _escape(format_: str) -> Callable[[Any], Any]:
    """Return what is done with every value before it is put into a page of this format."""
    make = {"md": markdown, "rst": rst}.get(format_, clean)

    def finalize(value: Any) -> Any:
        is_text = isinstance(value, str) and not isinstance(value, Safe) and not hasattr(value, "__html__")
        return make(value) if is_text else value

    return finalize


def _environment(format_: str, page: Page) -> Environment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # A template is a file like others: it may come from somebody else, and gets no way to run code.
    environment = ImmutableSandboxedEnvironment(
        autoescape=format_ == "html",
        finalize=_escape(format_),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "pieces": lambda quote: list(pieces(quote, is_tight=format_ == "md")),
        "source_url": source_url,
        "document_url": document_url,
        "raw": str if format_ == "html" else Safe,
        "details": details,
        "told": dates.told,
        "csp_hash": _csp_hash,
        "json": _script_json,
        "numbers": numbers,
        "question": {item.id: item.entry.question for item in page.items}.__getitem__,
        "link": _link_rst,
        "line": lambda text, mark: Safe(mark * max(_columns(rst(clean(text))), 3)),
    }
    return environment


def _columns(text: str) -> int:
    """Return the columns that a title takes; wide characters take two."""
    import unicodedata

    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _assets() -> dict[str, str]:
    return {name: (TEMPLATES / f"faq.{name}").read_text(encoding="utf-8").strip() for name in ("css", "js")}


def render_text(page: Page, format_: str, template: str) -> str:
    """Return a page as text, its data sealed into it. Raises ConfigError for a template that does not work."""
    from jinja2 import TemplateError, TemplateSyntaxError
    from markupsafe import Markup

    block = page_block(page, format_, template=digest(template))
    context: dict[str, Any] = {
        "page": page,
        "timeline": timeline(page),
        "qa_data": Markup(block.placeholder) if format_ == "html" else Safe(block.placeholder),  # noqa: S704 (a digest)
    }
    if format_ == "html":
        assets = {name: Markup(text) for name, text in _assets().items()}  # noqa: S704 (files of qa)
        context |= assets | {"schema_org": _schema_org(page)}
    try:
        text = _environment(format_, page).from_string(template).render(context)
    except TemplateSyntaxError as error:
        raise ConfigError(f"the template, line {error.lineno}: {error.message}", fix="correct the template") from error
    except (TemplateError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"the template does not work: {error}", fix="compare: qa faq --print-template") from error
    if text.count(block.placeholder) != 1:
        raise ConfigError(
            "the template must have {{ qa_data }} just once: the page is verified by it",
            fix=f"compare: qa faq --print-template {format_}",
        )
    return block.seal(text)


def render_json(page: Page) -> str:
    """Return a page as one JSON object with its seal."""
    block = page_block(page, "json", template="")
    return block.seal(block.placeholder)
