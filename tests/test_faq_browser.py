"""The HTML page in a real browser: search, citations, anchors, themes, paper, accessibility.

Needs the extra ``browser`` (Playwright, axe-core) and a Chromium: Debian's, or the one that QA_BROWSER names.
The browser is driven through a pipe and reads files: no socket is opened, which the test of requests holds.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from qa.faq_files import page_bytes
from qa.faq_page import ItemStatus, Neighbour, Page, PageItem, PageQuote
from qa.questions_file import Entry
from qa.schema import Range, Reference

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

_FLAGS = (
    "--no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update"
    " --disable-sync"
).split()
# Taken before the tests give every test a home of its own.
_BROWSER = os.environ.get("QA_BROWSER") or shutil.which("chromium") or shutil.which("google-chrome") or ""
WIDTHS = {"phone": (390, 844), "desktop": (1280, 900)}


def answer(id_: str, question: str, text: str, **more: Any) -> PageItem:
    """Return an answered question with two quotes, the first with a public source."""
    reference = Reference("k", f"Source of {id_}", "Publisher", "2011-08-05", "https://example.org/a", "news")
    first = PageQuote(
        1, text, (Range(0, 4),), f"docs/{id_}.md", "", 9, 9, 40, 40 + len(text), "Title", ("Title", "Heading"),
        "2014-11-20", (reference,), (Neighbour(0, "A sentence before it."),), (Neighbour(90, "And one after it."),),
    )  # fmt: skip
    second = replace(first, number=2, text=f"Second: {text}", start=200, references=())
    entry = Entry(id_, question, section="Part one", tags=("law",), alternatives=("Another wording?",))
    return PageItem(entry, ItemStatus.ANSWERED, question, 0.9, (first, second), **more)


def sample() -> Page:
    """Return a page with everything that a page can have."""
    long = "word" * 60 + " https://example.org/" + "path/" * 40
    arabic = "قالت الوزارة في 5 August 2011 إن البرنامج إلزامي للجميع."
    opt = 'No state can opt out, ICE said on August 5, 2011: "no way out of it".'
    detainer = "A detainer asks a jail for notice before a release."
    uncertain = answer("long", f"What is {long}?", f"Since May 2012 {long}.")
    items = [
        answer("opt-out", "Can a state opt out?", opt),
        answer("detainer", "What is a detainer?", detainer, same=("opt-out",)),
        replace(uncertain, status=ItemStatus.REVIEW, reason="unsure"),
        answer("arabic", "ما هو البرنامج؟", arabic, near=("long",), disagree=(1, 2)),
        PageItem(Entry("none", "What is the capital of France?"), ItemStatus.UNANSWERED, "", 0.1, reason="no fit"),
    ]
    return Page("Questions & answers", "What people ask.", tuple(items), "", "")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    pytest.importorskip("playwright", reason='no Playwright: pip install "qa[browser]"')
    if not _BROWSER:
        pytest.skip("no Chromium: apt-get install chromium, or name one with QA_BROWSER")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=_BROWSER, args=_FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("html") / "FAQ.html"
    path.write_bytes(page_bytes(sample(), "html"))
    return path.as_uri()


class Opened:
    """A tab with the page, and what went wrong in it."""

    def __init__(self, browser: Browser, url: str, *, width: str = "desktop", **how: Any) -> None:
        size = WIDTHS[width]
        self.context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **how)
        self.tab: Tab = self.context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.tab.on("console", lambda message: self.errors.append(message.text))
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.goto(url)

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


def test_the_page_requests_nothing_and_its_policy_stops_nothing_of_its_own(browser: Browser, file: str) -> None:
    with Opened(browser, file) as page:
        assert page.requests == [file]
        assert page.errors == []


def test_search_narrows_questions_and_contents_as_one_types(browser: Browser, file: str) -> None:
    with Opened(browser, file) as page:
        page.tab.keyboard.press("/")
        page.tab.keyboard.type("JAIL detainer")

        assert page.tab.locator("article:visible").evaluate_all("all => all.map(a => a.id)") == ["detainer"]
        assert page.tab.locator("nav li:visible").all_inner_texts() == ["What is a detainer?"]
        assert page.tab.locator("#qa-found").inner_text() == "1 of 5 questions"
        page.tab.keyboard.press("Escape")
        assert page.tab.locator("article:visible").count() == 5


def test_a_citation_opens_its_passage_with_the_quote_marked(browser: Browser, file: str) -> None:
    with Opened(browser, file) as page:
        page.tab.locator("#opt-out .qa-cite").first.click()
        passage = page.tab.locator("[id='opt-out:1']")
        passage.wait_for(state="visible")

        assert page.tab.url.endswith("#opt-out:1")
        assert passage.locator("mark").inner_text().startswith("No state can opt out")
        assert passage.locator("p").all_inner_texts()[0] == "A sentence before it."
        link = page.tab.locator("#opt-out a[href^='https']").first
        assert link.get_attribute("href") == "https://example.org/a#:~:text=no%20way%20out%20of%20it"


@pytest.mark.parametrize("has_script", [True, False])
def test_an_anchor_leads_to_its_question_and_into_a_passage(browser: Browser, file: str, has_script: bool) -> None:
    with Opened(browser, f"{file}#detainer", java_script_enabled=has_script) as page:
        page.tab.wait_for_timeout(50)
        box = page.tab.locator("#detainer").bounding_box()
        page.tab.goto(f"{file}#detainer:2")
        page.tab.locator("[id='detainer:2']").wait_for(state="visible")

        assert box is not None
        assert 0 <= box["y"] < WIDTHS["desktop"][1]


def test_without_scripts_all_but_the_search_is_there(browser: Browser, file: str) -> None:
    with Opened(browser, file, java_script_enabled=False) as page:
        assert page.tab.locator("#qa-searching").is_hidden()
        assert page.tab.locator("article:visible").count() == 5
        assert page.tab.locator("nav a[href='#opt-out']").is_visible()
        page.tab.locator("label", has_text="Dark").click()
        assert page.tab.locator("body").evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(22, 23, 26)"


def test_the_theme_follows_the_system_until_it_is_chosen_and_is_kept(browser: Browser, file: str) -> None:
    ground = "e => getComputedStyle(e).backgroundColor"
    with Opened(browser, file, color_scheme="dark") as page:
        system = page.tab.locator("body").evaluate(ground)
        page.tab.locator("label", has_text="Light").click()
        chosen = page.tab.locator("body").evaluate(ground)
        page.tab.reload()

        assert (system, chosen) == ("rgb(22, 23, 26)", "rgb(251, 250, 248)")
        assert page.tab.locator("body").evaluate(ground) == chosen


def test_the_page_prints_with_light_colours_and_without_its_tools(browser: Browser, file: str) -> None:
    with Opened(browser, file, color_scheme="dark") as page:
        page.tab.emulate_media(media="print", color_scheme="dark")

        assert page.tab.pdf(format="A4").startswith(b"%PDF-")
        assert page.tab.locator("body").evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(255, 255, 255)"
        assert page.tab.locator("nav").is_hidden()
        assert page.tab.locator(".qa-tools").is_hidden()
        assert page.tab.locator("article:visible").count() == 5


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    browser: Browser, file: str, width: str, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason='no axe: pip install "qa[browser]"')
    with Opened(browser, file, width=width, color_scheme=scheme) as page:
        for summary in page.tab.locator("summary:visible").all():
            if not summary.evaluate("e => e.parentElement.open"):
                summary.click()
        rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
        found = axe.Axe().run(page.tab, options=rules).response

        assert [(v["id"], [n["target"] for n in v["nodes"]]) for v in found["violations"]] == []
        assert page.tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
