"""``qa faq``: a list of questions in, a page out; stable, resumable, honest about what has no answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qa.faq import PageMaker, engine_of, make_page, with_duplicates
from qa.faq_files import open_page
from qa.faq_jobs import Journal, answer_all
from qa.faq_page import ItemStatus, PageItem, item_data
from qa.generation import Generation
from qa.progress import SilentWatcher
from qa.questions_file import Entry, parse_questions
from qa.schema import Filters
from qa.suggest import suggested_file
from tests.conftest import RunCli

pytestmark = pytest.mark.model
EXAMPLE = Path(__file__).parent.parent / "examples" / "faq.yaml"


class Counting(SilentWatcher):
    """Counts what is done."""

    def __init__(self) -> None:
        self.done = 0

    def advance(self, steps: int = 1) -> None:
        self.done += steps


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory, shipped_index: Path) -> Path:
    """The folder with the example's page in every format, made by one command."""
    import contextlib
    import io

    from qa.cli import main

    folder = tmp_path_factory.mktemp("example")
    outputs = [str(folder / f"FAQ.{ending}") for ending in ("md", "html", "json", "rst", "docx", "pdf")]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        main_argv = ["faq", str(EXAMPLE), "--index", str(shipped_index), "--jobs", "1"]
        with contextlib.suppress(SystemExit):
            main([*main_argv, *(part for o in outputs for part in ("-o", o))])
    return folder


def test_the_example_renders_in_each_format_and_every_quote_stands(
    example: Path, shipped_index: Path, run_cli: RunCli
) -> None:
    files = sorted(example.iterdir())
    done = run_cli("verify", *map(str, files), "--index", str(shipped_index))

    assert [f.name for f in files] == ["FAQ.docx", "FAQ.html", "FAQ.json", "FAQ.md", "FAQ.pdf", "FAQ.rst"]
    assert (done.code, done.out.count("quotes stand at their places")) == (0, 6)


def test_the_example_has_thirty_questions_and_answers_most(example: Path) -> None:
    page = open_page(example / "FAQ.json").page

    assert len(page.items) == 30
    assert len(page.answered) >= 22
    assert {"weather", "who-made-qa"} <= {item.id for item in page.unanswered}
    assert [q.text for i in page.items if i.id == "no-opting-out" for q in i.quotes] == ["There's no opting out."]
    assert len(next(i for i in page.items if i.id == "county-opt-out").quotes) == 3


def test_the_example_page_has_anchors_sources_dates_and_a_timeline(example: Path) -> None:
    text = (example / "FAQ.md").read_text(encoding="utf-8")

    assert '<a id="moas-rescinded"></a>' in text
    assert "[When were the MOAs rescinded, and by whom?](#moas-rescinded)" in text
    assert "\nAs of " in text
    assert "](<https://" in text
    assert "\n## Timeline\n" in text
    assert "\n## Questions without an answer\n" in text


def test_the_html_has_structured_data_for_each_answer(example: Path) -> None:
    html = (example / "FAQ.html").read_text(encoding="utf-8")
    data = json.loads(html.split('<script type="application/ld+json">')[1].split("</script>")[0])

    page = open_page(example / "FAQ.html").page
    assert data["@type"] == "FAQPage"
    assert [q["name"] for q in data["mainEntity"]] == [i.entry.question for i in page.answered]


def test_the_same_questions_give_the_same_bytes_also_in_other_processes(
    shipped_index: Path, tmp_path: Path, run_cli: RunCli
) -> None:
    questions = tmp_path / "q.txt"
    questions.write_text("What is a detainer?\nWhat is 287(g)?\nWhat is ICE ACCESS?\n")
    one, two = tmp_path / "one.html", tmp_path / "two.html"

    for path, jobs in ((one, "1"), (two, "2")):
        done = run_cli("faq", str(questions), "-o", str(path), "--index", str(shipped_index), "--jobs", jobs, "-q")
        assert (done.code, done.out, done.err) == (0, "", "")

    assert one.read_bytes() == two.read_bytes()


def test_questions_from_standard_input_give_a_page_on_standard_output(shipped_index: Path, run_cli: RunCli) -> None:
    stdin = '"What is a detainer?"\n{"question": "What came before?", "until": "1990"}\n'
    done = run_cli(
        "faq", "-", "--index", str(shipped_index), "--fail-on-unanswered", "--questions-format", "jsonl", stdin=stdin
    )

    assert done.code == 3
    assert done.out.startswith("# Frequently asked questions\n")
    assert "1 of 2 questions answered" in done.err
    assert "no answer: What came before? (no passage matches until 1990)" in done.err


def test_a_mistake_in_the_questions_names_file_and_line(tmp_path: Path, run_cli: RunCli) -> None:
    (tmp_path / "q.yaml").write_text("questions:\n  - question: Who?\n    idd: 1\n")

    done = run_cli("faq", str(tmp_path / "q.yaml"))

    assert done.code == 2
    assert done.err.startswith(f"error: {tmp_path}/q.yaml:3: unknown key 'idd'; did you mean id?\n  fix: ")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "no questions are named"),
        (["q.txt", "-o", "page.odt"], "tells no format of a page"),
        (["q.txt", "-o", "a.md", "-o", "b.md", "--format", "md"], "fits one output only"),
        (["q.txt", "--format", "pdf"], "is no text for a screen"),
        (["q.txt", "--resume"], "only a run that writes a file"),
        (["--print-template", "pdf"], "there is no template for pdf"),
    ],
)
def test_wrong_usage_is_told(
    argv: list[str], message: str, tmp_path: Path, shipped_index: Path, run_cli: RunCli
) -> None:
    (tmp_path / "q.txt").write_text("What is a detainer?\n")

    done = run_cli("faq", *argv, "--index", str(shipped_index), cwd=tmp_path)

    assert (done.code, message in done.err) == (2, True)


def test_an_alternative_wording_is_asked_and_filters_hold(shipped_index: Path) -> None:
    with Generation(shipped_index) as generation:
        maker = PageMaker(generation)
        other = maker.item(Entry("a", "Zzz qqq?", alternatives=("What is a detainer?",)))
        narrow = maker.item(Entry("b", "What is a detainer?", filters=Filters(sources=("287g.md",), until="2026")))
        nothing = maker.item(Entry("c", "What is a detainer?", filters=Filters(until="1990")))

    assert other.asked == "What is a detainer?"
    assert other.quotes
    assert {q.source for q in narrow.quotes} <= {"corpus/287g.md"}
    assert (nothing.status, nothing.reason) == (ItemStatus.UNANSWERED, "no passage matches until 1990")


def test_a_document_date_bounds_a_search_by_what_it_says(shipped_index: Path) -> None:
    with Generation(shipped_index) as generation:
        passages = generation.passages
        dates = {row: p.as_of for row, p in passages.get(range(passages.count)).items()}

        def rows(first: str, last: str) -> list[int]:
            return [row for row, date in sorted(dates.items()) if date and first <= date and date[: len(last)] <= last]

        assert passages.rows_matching(Filters(since="2014-11-20")) == rows("2014-11-20", "9")
        assert passages.rows_matching(Filters(until="2014")) == rows("", "2014")
        assert passages.rows_matching(Filters(since="2012", until="2017-10")) == rows("2012", "2017-10")


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (Entry("a", "Who?", answer="These words stand nowhere at all."), "the pinned answer stands in no document"),
        (Entry("a", "Who?", passage="none.md:1"), "no documents are called none.md"),
        (Entry("a", "Who?", passage="detainers.md:1"), "no sentence begins at the pinned passage"),
        (Entry("a", "Who?", passage="detainers.md"), "is not FILE:LINE"),
        (Entry("a", "Who?", passage="detainers.md:1-999"), "has more than 12 sentences"),
        (Entry("a", "What is it?"), "only common words"),
    ],
)
def test_what_cannot_be_answered_says_why(entry: Entry, reason: str, shipped_index: Path) -> None:
    with Generation(shipped_index) as generation:
        item = PageMaker(generation).item(entry)

    assert item.status is ItemStatus.UNANSWERED
    assert reason in item.reason


def test_questions_that_ask_the_same_point_at_the_first(shipped_index: Path) -> None:
    texts = ["Can a state opt out?", "can a state opt out", "Can states opt out?", "What is a detainer?"]
    items = [PageItem(Entry(f"q{n}", t), ItemStatus.UNANSWERED, t, 0.0) for n, t in enumerate(texts)]

    with Generation(shipped_index) as generation:
        found = with_duplicates(items, generation)

    assert [(i.same, i.near) for i in found] == [((), ()), (("q0",), ()), ((), ("q0", "q1")), ((), ())]


def test_an_interrupted_run_goes_on_where_it_stopped(shipped_index: Path, tmp_path: Path) -> None:
    questions = parse_questions("q", b"What is a detainer?\nWhat is 287(g)?\nWhat is ICE ACCESS?", "txt")
    path = tmp_path / ".FAQ.md.unfinished.jsonl"
    with Generation(shipped_index) as generation:
        with Journal(path, generation, resume=False) as journal:
            items, _ = answer_all(generation, questions.entries[:2], SilentWatcher(), jobs=1, journal=journal)
        # The run was killed while it wrote the third.
        path.write_text(path.read_text() + '{"key": "x", "it')
        # What an earlier run found is not asked again: its mark shows that it came from there.
        marked = path.read_text().replace(items[0].quotes[0].title, "from the journal", 1)
        path.write_text(marked)

        with Journal(path, generation, resume=True) as journal:
            again, _ = answer_all(generation, questions.entries, SilentWatcher(), jobs=1, journal=journal)

    assert len(again) == 3
    assert again[0].quotes[0].title == "from the journal"
    assert item_data(again[1]) == item_data(items[1])


def test_answers_of_another_index_or_that_stand_no_more_are_asked_again(shipped_index: Path, tmp_path: Path) -> None:
    questions = parse_questions("q", b"What is a detainer?", "txt")
    path = tmp_path / "journal"
    with Generation(shipped_index) as generation:
        with Journal(path, generation, resume=False) as journal:
            items, _ = answer_all(generation, questions.entries, SilentWatcher(), jobs=1, journal=journal)
        text = path.read_text()
        path.write_text(text.replace(engine_of(generation), "0" * 16))
        with Journal(path, generation, resume=True) as journal:
            assert journal.items == {}
        path.write_text(text.replace(items[0].quotes[0].text[:20], "Something else, that"))
        with Journal(path, generation, resume=True) as journal:
            again, _ = answer_all(generation, questions.entries, SilentWatcher(), jobs=1, journal=journal)

    assert again == items


def test_a_page_leaves_nothing_beside_it_and_diff_tells_no_change(
    shipped_index: Path, tmp_path: Path, run_cli: RunCli
) -> None:
    (tmp_path / "q.txt").write_text("What is a detainer?\n")
    argv = ("faq", str(tmp_path / "q.txt"), "-o", str(tmp_path / "FAQ.md"), "--index", str(shipped_index))
    run_cli(*argv)
    before = (tmp_path / "FAQ.md").read_bytes()

    done = run_cli(*argv, "--diff", str(tmp_path / "FAQ.md"))

    assert done.out == "no answer changed\n"
    assert (tmp_path / "FAQ.md").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["FAQ.md", "q.txt"]


def test_the_line_of_a_question_and_other_documents_change_nothing(shipped_index: Path) -> None:
    with Generation(shipped_index) as generation:
        pages = []
        for text in (b"What is a detainer?", b"# a comment\n\nWhat is a detainer?"):
            questions = parse_questions("q", text, "txt")
            items, _ = answer_all(generation, questions.entries, SilentWatcher(), jobs=1, journal=None)
            pages.append(make_page(questions, items, generation))

    assert pages[0] == pages[1]


def test_suggestions_are_a_questions_file_that_the_documents_answer(shipped_index: Path) -> None:
    watcher = Counting()
    with Generation(shipped_index) as generation:
        text = suggested_file(generation, 3, watcher)
        entries = parse_questions("suggested", text.encode(), "yaml").entries
        items = [PageMaker(generation).item(e) for e in entries]

    assert (len(entries), watcher.done) == (3, 3)
    assert text.count("# confidence ") == 3
    assert all(item.quotes for item in items)
