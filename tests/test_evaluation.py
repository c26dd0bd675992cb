"""qa eval: what is judged, which stage failed, the table, JSON, comparison, bounds, plots, the template."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from qa.answerer import Answerer
from qa.comparison import compare, read_run
from qa.errors import ModelError, UsageError
from qa.evaluation import Evaluator, Judged, Stage, ranks, stage_of, supports
from qa.evaluation_plot import check_plot, plot
from qa.evaluation_report import as_json, evaluation_of, show
from qa.generation import Generation
from qa.gold import GoldenQuestion, read_questions
from qa.metrics import METRICS
from qa.relevance import Relevant, relevant
from qa.schema import Answer, Citation, Hit, Passage, Quote, Verdict
from tests.conftest import RunCli
from tests.handmade import Doc, open_passages

QUESTIONS: list[dict[str, Any]] = [
    {"id": "detainer", "question": "What is a detainer?", "answers": ["48 hours", "hold", "request"]},
    {"id": "nowhere", "question": "Who painted the detainer form?", "answers": ["Vincent van Gogh"]},
    {"id": "tungsten", "question": "What is the melting point of tungsten?", "answerable": False, "type": "off-topic"},
    {"id": "empty", "question": "what is it?", "answerable": False},
    {"id": "moa", "question": "When were the MOAs ended?", "answers": [["August 5, 2011", "5 August 2011"]]},
]


@pytest.fixture(scope="session")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("eval") / "questions.jsonl"
    path.write_text("".join(json.dumps(q) + "\n" for q in QUESTIONS), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def judged(questions: Path, shipped_index: Path) -> list[Judged]:
    with Generation(shipped_index) as generation:
        return list(Evaluator(Answerer(generation)).judge(read_questions(questions)))


@pytest.fixture(scope="session")
def run_file(judged: list[Judged], shipped_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("eval") / "run.json"
    with Generation(shipped_index) as generation:
        data = {"schema": 1} | as_json(evaluation_of(judged, reader="shipped"), generation.manifest)
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def gold(**fields: object) -> GoldenQuestion:
    return GoldenQuestion(**({"id": "q", "question": "How many?", "answers": (("39",),)} | fields))  # type: ignore[arg-type]


def passages_of(tmp_path: Path, *texts: str | Doc) -> list[Passage]:
    with_index = open_passages(tmp_path / "passages.db", *texts)
    return list(with_index.get(range(with_index.count)).values())


def quote(text: str) -> Quote:
    citation = Citation(1, "a.md", (), "/a.md", 1, 1, 1, 0, len(text), "", (), "", "", (), "c")
    return Quote(text, citation, 1.0)


def answer(hits: list[Passage], *, quotes: tuple[str, ...] = (), closest: tuple[str, ...] = ()) -> Answer:
    verdict = Verdict(answered=bool(quotes), confidence=0.5, threshold=0.5, reason="")
    found = tuple(Hit(p, n, 0.0, 0.0, 0, 0.0, 0) for n, p in enumerate(hits, 1))
    return Answer("How many?", verdict, tuple(map(quote, quotes)), tuple(map(quote, closest)), found, "How many?")


@pytest.mark.parametrize(
    ("texts", "quotes", "closest", "expected"),
    [
        (["ICE ended 39 MOAs."], ("ICE ended 39 MOAs.",), (), Stage.NONE),
        (["ICE ended 39 MOAs."], (), ("ICE ended 39 MOAs.",), Stage.REFUSED),
        (["ICE ended 39 MOAs. It was summer."], ("It was summer.",), (), Stage.NOT_CHOSEN),
        (["ICE ended 39 MOAs. It was summer."], (), ("It was summer.",), Stage.NOT_CHOSEN),
        (["It was summer."], ("It was summer.",), (), Stage.NOT_FOUND),
        ([], (), (), Stage.NOT_FOUND),
    ],
)
def test_the_stage_that_failed_is_named(
    tmp_path: Path, texts: list[str], quotes: tuple[str, ...], closest: tuple[str, ...], expected: Stage
) -> None:
    given = answer(passages_of(tmp_path, *texts), quotes=quotes, closest=closest)

    assert stage_of(gold(), given, right=expected is Stage.NONE) is expected


def test_an_answer_to_an_unanswerable_question_should_have_been_refused(tmp_path: Path) -> None:
    given = answer([], quotes=("ICE ended 39 MOAs.",))

    assert stage_of(gold(answerable=False, answers=()), given, right=False) is Stage.NOT_REFUSED


def test_a_quote_supports_with_a_part_of_the_answer() -> None:
    both = gold(answers=(("39",), ("42",)))

    assert supports(both, "The agency counted 42.")
    assert not supports(both, "The agency counted.")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"one.md", "two.md", "long/three.md"}),
        ({"answers": (("39", "thirty-nine"), ("ICE",))}, {"one.md", "long/three.md"}),
        ({"answers": (("39",), ("ICE",), ("nowhere",))}, {"one.md", "long/three.md"}),
        ({"keys": ("KEY-1",)}, {"two.md"}),
        ({"keys": ("other",)}, {"one.md", "two.md", "long/three.md"}),
        ({"documents": ("three.md",)}, {"long/three.md"}),
        ({"documents": ("ree.md",)}, set()),
        ({"answers": (), "passages": ("in all some 39 were ended there",)}, {"two.md"}),
        ({"answers": (("forty",),)}, set()),
        ({"answerable": False, "answers": ()}, None),
    ],
)
def test_relevant_passages_hold_most_of_the_answer(
    tmp_path: Path, fields: dict[str, object], expected: set[str] | None
) -> None:
    docs = [
        Doc("ICE ended 39 MOAs.", source="one.md"),
        Doc("So in all some 39 were ended there.", source="two.md", keys=("key-1",)),
        Doc("ICE says 39.", source="long/three.md"),
        Doc("ICE says nothing.", source="four.md"),
    ]
    found = relevant([gold(**fields)], open_passages(tmp_path / "p.db", *docs))

    assert (found["q"].documents if found else None) == expected


def test_ranks_are_those_of_documents_and_of_passages(tmp_path: Path) -> None:
    found = passages_of(tmp_path, *[Doc(f"text {n}", source=f"{n}.md") for n in range(3)])
    where = Relevant(frozenset({found[1].chunk_id, "elsewhere"}), frozenset({"1.md", "elsewhere.md"}))
    figures = ranks(answer(found), where)

    assert figures["mrr"] == 0.5
    assert (figures["recall@1"], figures["recall@5"]) == (0.0, 0.5)
    assert (figures["passage-hit@1"], figures["passage-hit@5"]) == (0.0, 1.0)
    # 1 / log2(3) over the 1 + 1 / log2(3) of two gold documents on top.
    assert figures["ndcg@10"] == pytest.approx(0.6309 / 1.6309, abs=1e-3)
    assert set(ranks(answer([]), where).values()) == {0.0}


@pytest.mark.model
def test_every_shown_quote_is_verified_and_gold_that_is_nowhere_is_noted(judged: list[Judged]) -> None:
    evaluation = evaluation_of(judged, reader="shipped")

    assert evaluation.figures["verified"].value == 1.0
    assert evaluation.notes == ("no passage of the index holds the answer of 1 question: nowhere",)
    assert [j.gold.id for j in evaluation.failures(Stage.NOT_FOUND)] == ["nowhere"]


@pytest.mark.model
def test_a_question_that_cannot_be_searched_for_counts_as_refused(judged: list[Judged]) -> None:
    (empty,) = [j for j in judged if j.gold.id == "empty"]

    assert empty.outcome.right
    assert empty.outcome.confidence == 0.0


@pytest.mark.model
@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("is_compared", [False, True])
def test_the_table_fits_the_terminal_and_has_every_figure(
    judged: list[Judged], run_file: Path, width: int, is_compared: bool
) -> None:
    stream = io.StringIO()
    before = compare(judged, read_run(run_file)) if is_compared else None
    evaluation = evaluation_of(judged, reader="shipped", before=before)
    show(Console(file=stream, width=width, force_terminal=True, color_system=None), evaluation)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()).splitlines()

    assert max(len(line.rstrip()) for line in lines) <= width
    for name, figure in evaluation.figures.items():
        line = next(line for line in lines if line.startswith(f"{name} "))
        places = 2 if name.startswith("seconds") else 3
        shown = f"{figure.value:.{places}f}"
        assert shown in line
        if before:
            # The same run, but as its file has it: rounded to four digits before it is rounded here.
            assert f"{before.before[name]:.{places}f}" in line.replace(shown, "", 1)
    assert set(evaluation.figures) == set(METRICS)


@pytest.mark.model
def test_eval_prints_a_plain_table_with_the_failures_in_a_pipe(
    run_cli: RunCli, questions: Path, shipped_index: Path
) -> None:
    done = run_cli("eval", str(questions), "--index", str(shipped_index))

    assert done.code == 0
    assert "\x1b" not in done.out
    assert re.search(r"^recall@10 +\d\.\d{3} +\d\.\d{3} to \d\.\d{3} +2 ", done.out, re.MULTILINE)
    assert "not found: 1" in done.out
    assert "    wanted: Vincent van Gogh" in done.out
    assert "note: no passage of the index holds the answer of 1 question: nowhere" in done.err


@pytest.mark.model
def test_a_run_compared_with_itself_wins_and_loses_nothing(
    run_cli: RunCli, questions: Path, shipped_index: Path, run_file: Path, tmp_path: Path
) -> None:
    drawn = tmp_path / "eval.svg"
    argv = ("eval", str(questions), "--index", str(shipped_index), "--compare", str(run_file), "--json")
    done = run_cli(*argv, "--plot", str(drawn), "--fail-under", "recall@10=0.01", "--fail-under", "ece=0.001", "-q")
    data = json.loads(done.out)

    assert (done.code, done.err.split(" is ")[0]) == (1, "failed: ece")
    assert data["schema"] == 1
    assert data["comparison"]["won"] == data["comparison"]["lost"] == []
    assert data["comparison"]["paired"] == len(QUESTIONS)
    assert data["failures"]["not found"] == ["nowhere"]
    assert [r["id"] for r in data["results"]] == [q["id"] for q in QUESTIONS]
    assert drawn.read_text(encoding="utf-8").startswith("<?xml")


@pytest.mark.model
def test_questions_won_and_lost_are_named(judged: list[Judged], run_file: Path) -> None:
    run = json.loads(run_file.read_text(encoding="utf-8"))
    for row in run["results"]:
        if row["id"] in ("nowhere", "tungsten"):
            row["right"] = not row["right"]
    run["results"] = [row for row in run["results"] if row["id"] != "moa"]
    found = compare(judged, run)

    assert (found.won, found.lost) == (("tungsten",), ("nowhere",))
    assert (found.paired, found.unpaired, found.p_value) == (4, 1, 1.0)
    stream = io.StringIO()
    show(Console(file=stream, width=200), evaluation_of(judged, reader="shipped", before=found))
    assert "won: 1 (tungsten)" in stream.getvalue()


@pytest.mark.model
@pytest.mark.parametrize("ending", ["svg", "png"])
def test_a_plot_is_the_same_each_time(judged: list[Judged], tmp_path: Path, ending: str) -> None:
    outcomes = [j.outcome for j in judged]
    first, second = tmp_path / f"1.{ending}", tmp_path / f"2.{ending}"
    plot(first, outcomes)
    plot(second, outcomes)

    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith(b"<?xml" if ending == "svg" else b"\x89PNG")


@pytest.mark.parametrize(("name", "told"), [("plot.pdf", "svg"), ("none/plot.svg", "no folder")])
def test_a_plot_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        check_plot(tmp_path / name)


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 2, "results": [], "figures": {}}', '{"schema": 1}'])
def test_a_file_that_is_no_run_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text, encoding="utf-8")

    with pytest.raises(UsageError, match=r"run\.json"):
        read_run(tmp_path / "run.json")


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ((), "no file of questions"),
        (("q.jsonl", "--fail-under", "containmnt=1"), "did you mean containment?"),
        (("q.jsonl", "--fail-under", "risk=low"), "no number"),
        (("q.jsonl", "--split", "test"), "has the split 'test'"),
        (("none.jsonl",), "none.jsonl cannot be read"),
        (("--init", "q.json"), "the template is YAML"),
    ],
)
def test_wrong_use_is_named_before_anything_is_asked(
    run_cli: RunCli, tmp_path: Path, questions: Path, shipped_index: Path, argv: tuple[str, ...], told: str
) -> None:
    (tmp_path / "q.jsonl").write_bytes(questions.read_bytes())
    done = run_cli("eval", *argv, "--index", str(shipped_index), cwd=tmp_path)

    assert done.code == 2
    assert told in done.err


@pytest.mark.model
def test_the_template_is_a_valid_file_once_its_entries_are_uncommented(
    run_cli: RunCli, shipped_index: Path, tmp_path: Path
) -> None:
    path = tmp_path / "questions.yaml"
    done = run_cli("eval", "--init", str(path), "--index", str(shipped_index))
    text = path.read_text(encoding="utf-8")
    entries = [line.removeprefix("# ") for line in text.splitlines() if re.match(r"# (- | {2}[a-z]+: )", line)]
    path.with_name("filled.yaml").write_text("\n".join(entries), encoding="utf-8")
    filled = read_questions(path.with_name("filled.yaml"))

    assert done.code == 0
    assert sum(q.answerable for q in filled) == 10
    assert all(q.documents and q.answers != (("...",),) for q in filled if q.answerable)
    assert all(line.startswith("#") for line in text.splitlines() if line)
    assert run_cli("eval", "--init", str(path), "--index", str(shipped_index)).code == 2


def test_without_ir_measures_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, shipped_index: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with Generation(shipped_index) as generation, pytest.raises(ModelError, match="ir-measures") as raised:
        Evaluator(Answerer(generation))
    assert raised.value.fix.startswith("pip install")
