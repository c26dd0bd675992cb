"""A page is compared with its sources and with itself: every alteration of a quote is found."""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.config import Settings
from qa.errors import SourceError
from qa.faq import make_page
from qa.faq_check import Verifier, changes, edit_findings, quote_findings
from qa.faq_files import made_again, open_page, page_bytes
from qa.faq_jobs import answer_all
from qa.faq_page import Page
from qa.faq_seal import FORMATS, comparable, unseal_text
from qa.generation import Generation
from qa.indexer import build_index
from qa.progress import SilentWatcher
from qa.questions_file import QuestionList, parse_questions
from tests.conftest import RunCli
from tests.faq_pages import DETAINERS, PARKS, REFERENCES

pytestmark = pytest.mark.model
# Pinned, so that what is verified does not hang on what the models choose; one is left to them.
QUESTIONS = """\
questions:
  - {question: What is a detainer?, id: what, passage: "detainers.md:9"}
  - {question: How many detainers did Alba receive in 2011?, id: many, passage: "detainers.md:10"}
  - {question: When does the city park of Alba open?, id: park, passage: "parks.md:3-4"}
  - {question: Who signs a detainer?, id: who, passage: "detainers.md:15"}
  - {question: Can one opt out?, id: opt, answer: "There is no opting out of this program."}
  - {question: When does the city park close?, id: free}
  - {question: Who was there first?, id: none, until: "1990"}
"""


class Made:
    """An index of two documents and the page made from it."""

    def __init__(self, folder: Path, shipped: Path) -> None:
        self.docs, self.index = folder / "docs", folder / "index"
        self.docs.mkdir()
        self.files = {"detainers.md": DETAINERS, "parks.md": PARKS, "references.json": REFERENCES}
        for name, text in self.files.items():
            (self.docs / name).write_text(text, encoding="utf-8")
        self.times = {name: (self.docs / name).stat().st_mtime_ns for name in self.files}
        self.index.mkdir()
        (self.index / "encoder").symlink_to(shipped / "encoder", target_is_directory=True)
        build_index(self.index, Settings(), paths=[self.docs])
        self.questions = parse_questions("q.yaml", QUESTIONS.encode(), "yaml")
        with Generation(self.index) as generation:
            self.page = self.answered(generation)
            self.names = [n for n, _, _ in generation.passages.names()]

    def answered(self, generation: Generation, questions: QuestionList | None = None) -> Page:
        asked = questions or self.questions
        items, _ = answer_all(generation, asked.entries, SilentWatcher(), jobs=1, journal=None)
        return make_page(asked, items, generation)

    def restore(self) -> None:
        for name, text in self.files.items():
            (self.docs / name).write_text(text, encoding="utf-8")
            os.utime(self.docs / name, ns=(self.times[name], self.times[name]))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, shipped_index: Path) -> Made:
    return Made(tmp_path_factory.mktemp("made"), shipped_index)


@pytest.fixture
def docs(made: Made) -> Iterator[Path]:
    """The folder of the documents, which a test may change."""
    yield made.docs
    made.restore()


def verified(made: Made) -> list[str]:
    with Generation(made.index) as generation:
        return list(quote_findings(made.page, Verifier(generation.passages)))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_page_has_the_answers_and_the_pinned_ones(made: Made) -> None:
    texts = {item.id: [q.text for q in item.quotes] for item in made.page.items}

    assert texts["what"] == ["A detainer is a request that asks a jail to hold a person for 48 hours."]
    assert texts["many"] == ["The county of Alba received 1,595 detainers in 2011, and it honored 403 of them."]
    assert len(texts["park"]) == 2
    assert texts["who"] == ["A deputy of the Alba office signs each detainer before it is sent to the jail."]
    assert texts["opt"] == ["There is no opting out of this program."]
    assert texts["none"] == []


def test_an_untouched_page_verifies_and_checks(made: Made, tmp_path: Path, run_cli: RunCli) -> None:
    paths = [tmp_path / f"faq.{f}" for f in FORMATS]
    for path in paths:
        path.write_bytes(page_bytes(made.page, path.suffix[1:]))

    verify = run_cli("verify", *map(str, paths), "--index", str(made.index))
    check = run_cli("faq", "--check", str(paths[0]), "--index", str(made.index))

    count = sum(len(i.quotes) for i in made.page.items)
    assert (verify.code, verify.out.count(f"{count} quotes stand at their places")) == (0, len(paths))
    assert (check.code, check.out) == (0, f"{paths[0]}: {count} quotes stand at their places\n")


def test_a_changed_figure_in_a_source_is_found(made: Made, docs: Path, tmp_path: Path, run_cli: RunCli) -> None:
    page = tmp_path / "FAQ.md"
    page.write_bytes(page_bytes(made.page, "md"))
    edit(docs / "detainers.md", "1,595", "1,596")

    verify = run_cli("verify", str(page), "--index", str(made.index))
    check = run_cli("faq", "--check", str(page), "--index", str(made.index))

    assert (verify.code, check.code) == (1, 1)
    assert "many, quote 1: it does not stand in docs/detainers.md any more" in verify.out
    assert "the index is stale: docs/detainers.md changed" in check.out


def test_a_deleted_source_is_found(made: Made, docs: Path) -> None:
    (docs / "parks.md").unlink()

    assert [line for line in verified(made) if line.startswith("park, quote 1: it does not stand in docs/parks.md")]


def test_a_quote_that_moved_in_its_source_is_found(made: Made, docs: Path) -> None:
    edit(docs / "parks.md", "# Parks\n", "# Parks\n\nA new line.\n")

    assert "park, quote 1: it stands at docs/parks.md:5 now, not at docs/parks.md:3" in verified(made)


def test_a_hand_edited_quote_is_found_and_named(made: Made, tmp_path: Path, run_cli: RunCli) -> None:
    path = tmp_path / "FAQ.html"
    path.write_bytes(page_bytes(made.page, "html"))
    shown, data = path.read_text(encoding="utf-8").split('<script type="application/json"')
    path.write_text(f'{shown.replace("403 of", "430 of")}<script type="application/json"{data}', encoding="utf-8")

    done = run_cli("verify", str(path), "--index", str(made.index))

    assert done.code == 1
    assert "many, quote 1: it was altered in the page" in done.out
    assert "many: the page was altered at line" in done.out


@pytest.mark.parametrize("format_", ["md", "html", "rst"])
def test_a_reordered_page_is_found(made: Made, format_: str) -> None:
    lines = page_bytes(made.page, format_).decode().split("\n")
    data = next(n for n, line in enumerate(lines) if "qa-faq-data" in line)
    quotes = [n for n in range(data) if "1,595" in lines[n] or "7 in the morning" in lines[n]]
    lines[quotes[0]], lines[quotes[-1]] = lines[quotes[-1]], lines[quotes[0]]

    sealed = unseal_text("page", format_, "\n".join(lines))

    assert list(edit_findings(sealed, made_again(sealed)))


def test_a_page_of_another_index_is_told_what_is_gone(made: Made, shipped_index: Path, tmp_path: Path) -> None:
    with Generation(shipped_index) as generation:
        found = list(quote_findings(made.page, Verifier(generation.passages)))

    assert "park, quote 1: docs/parks.md is not in the index any more" in found


def test_a_page_saved_with_other_line_ends_still_verifies(made: Made) -> None:
    text = page_bytes(made.page, "md").decode().replace("\n", "\r\n")

    assert unseal_text("page", "md", text).is_whole


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# A page of somebody else", "no data of qa"),
        ("<!-- qa-faq-data sha256:" + "0" * 64 + "\n{\n-->", "altered or cut"),
        ("<!-- qa-faq-data sha256:" + "0" * 64 + "\n{}\n-->", "altered or cut"),
        (2 * ("<!-- qa-faq-data sha256:" + "0" * 64 + "\n{}\n-->\n"), "two pages"),
    ],
)
def test_what_is_no_page_of_qa_is_told(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.md").write_text(text)

    with pytest.raises(SourceError, match=message):
        open_page(tmp_path / "x.md")


CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\r")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_alteration_of_a_source_inside_a_quote_is_found(made: Made, data: st.DataObject) -> None:
    quotes = [q for item in made.page.items for q in item.quotes]
    quote = data.draw(st.sampled_from(quotes))
    name = Path(quote.source).name
    text = made.files[name]
    at = data.draw(st.integers(quote.start, quote.end - 1))
    new = data.draw(st.one_of(CHARACTERS, st.just(""), st.text(CHARACTERS, min_size=2, max_size=5)))
    altered = text[:at] + new + text[at + 1 :]
    try:
        (made.docs / name).write_bytes(altered.encode("utf-8"))
        with Generation(made.index) as generation:
            problem = Verifier(generation.passages).problem(quote)
    finally:
        made.restore()

    assert (problem is None) == (altered[quote.start : quote.end] == quote.text)


@settings(max_examples=120, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("format_", ["md", "html", "rst"])
def test_every_alteration_of_a_page_is_found(made: Made, format_: str, data: st.DataObject) -> None:
    text = page_bytes(made.page, format_).decode()
    at = data.draw(st.integers(0, len(text) - 1))
    new = data.draw(st.one_of(CHARACTERS, st.just(""), st.text(CHARACTERS, min_size=2, max_size=5)))
    altered = text[:at] + new + text[at + 1 :]
    try:
        sealed = unseal_text("page", format_, altered)
        found = list(edit_findings(sealed, None))
    except SourceError as error:
        found = [str(error)]

    assert bool(found) == (altered != text)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_alteration_of_a_quote_in_json_is_found(made: Made, data: st.DataObject) -> None:
    text = page_bytes(made.page, "json").decode()
    quote = data.draw(st.sampled_from([q.text for i in made.page.items for q in i.quotes if '"' not in q.text]))
    at = text.index(quote) + data.draw(st.integers(0, len(quote) - 1))
    new = data.draw(CHARACTERS)
    altered = text[:at] + new + text[at + 1 :]
    try:
        found = list(edit_findings(unseal_text("page", "json", altered), None))
    except SourceError as error:
        found = [str(error)]

    assert bool(found) == (altered != text)


@pytest.fixture(scope="module")
def binary(made: Made) -> dict[str, bytes]:
    return {f: page_bytes(made.page, f) for f in ("docx", "pdf")}


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_every_alteration_of_the_words_in_word_is_found(
    binary: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    old = zipfile.ZipFile(io.BytesIO(binary["docx"]))
    document = old.read("word/document.xml").decode()
    letters = [at for m in re.finditer(r"<w:t[^>]*>([^<&]+)</w:t>", document) for at in range(*m.span(1))]
    at = data.draw(st.sampled_from(letters))
    new = data.draw(st.sampled_from([c for c in "x 0éא" if c != document[at]]))
    altered = document[:at] + new + document[at + 1 :]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in old.namelist():
            archive.writestr(name, altered if name == "word/document.xml" else old.read(name))
    path = tmp_path_factory.mktemp("word") / "x.docx"
    path.write_bytes(out.getvalue())

    assert list(edit_findings(open_page(path), None))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_altered_byte_of_a_pdf_is_found(
    binary: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    pdf = bytearray(binary["pdf"])
    at = data.draw(st.integers(0, len(pdf) - 1))
    pdf[at] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("pdf") / "x.pdf"
    path.write_bytes(bytes(pdf))
    try:
        found = list(edit_findings(open_page(path), None))
    except SourceError as error:
        found = [str(error)]

    assert found


def told(made: Made, old: Page, new: Page) -> list[str]:
    with Generation(made.index) as generation:
        return [c.told for c in changes(comparable(old), comparable(new), Verifier(generation.passages))]


def with_item(page: Page, id_: str, **values: Any) -> Page:
    """Return a page with one item changed."""
    return replace(page, items=tuple(replace(i, **values) if i.id == id_ else i for i in page.items))


def test_diff_tells_which_answers_changed_and_why(made: Made, docs: Path) -> None:
    items = {item.id: item for item in made.page.items}
    other = items["who"].quotes
    gone = with_item(made.page, "park", quotes=(replace(items["park"].quotes[0], source="docs/gone.md"),))
    edit(docs / "detainers.md", "1,595", "1,600")

    assert told(made, made.page, with_item(made.page, "many", quotes=other))[0].startswith(
        "many: answer changed (source edited: it does not stand in docs/detainers.md any more"
    )
    assert told(made, gone, with_item(made.page, "park", quotes=())) == [
        "park: no answer any more (source removed: docs/gone.md is not in the index any more)"
    ]


def test_diff_tells_a_better_passage_another_model_and_other_questions(made: Made) -> None:
    items = {item.id: item for item in made.page.items}
    other = with_item(made.page, "many", quotes=items["who"].quotes)
    entry = replace(items["many"].entry, question="How many?")
    moved = replace(items["many"].quotes[0], line=2)

    assert told(made, made.page, other) == ["many: answer changed (better passage)"]
    assert told(made, replace(made.page, engine="x"), other) == [
        "many: answer changed (the model or its calibration is another)"
    ]
    assert told(made, made.page, with_item(other, "many", entry=entry)) == ["many: answer changed (question changed)"]
    assert told(made, made.page, with_item(made.page, "many", quotes=(moved,))) == ["many: same words at another line"]
    assert told(made, made.page, with_item(made.page, "none", quotes=items["who"].quotes)) == [
        "none: answered now (a passage answers now)"
    ]
    assert told(made, made.page, replace(made.page, items=made.page.items[::-1])) == ["questions: in another order"]
    assert told(made, replace(made.page, items=made.page.items[1:]), made.page) == ["what: added"]
    assert told(made, made.page, made.page) == []


def test_check_with_other_questions_names_them(made: Made, tmp_path: Path, run_cli: RunCli) -> None:
    page, questions = tmp_path / "FAQ.md", tmp_path / "q.txt"
    page.write_bytes(page_bytes(made.page, "md"))
    questions.write_text("Where do dogs need a leash?\n")

    done = run_cli("faq", str(questions), "--check", str(page), "--index", str(made.index))

    assert done.code == 1
    assert "where-do-dogs-need-a-leash: added" in done.out
    assert "what: removed from the questions" in done.out
