"""Finding passages: dense, sparse, their fusion, filters and phrases inside the search, ties."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa import dense, sparse
from qa.encoder import Vectors
from qa.errors import IndexDamagedError, QuestionError
from qa.generation import EXACT_LIMIT, Generation, drop_unused, unused
from qa.manifest import check_hashes
from qa.passages import Passages
from qa.retriever import BM25_WEIGHT, DEPTH, Retrieval, Retriever, fuse
from qa.schema import Filters
from qa.terms import stems
from qa.text import fold
from tests.handmade import Doc, open_passages
from tests.same_hits import assert_same_hits

COSINES = st.dictionaries(st.integers(0, 30), st.floats(-1, 1, width=16), max_size=20)
MATCHES = st.dictionaries(st.integers(0, 30), st.floats(0, 20, width=16), max_size=20)


@given(COSINES, MATCHES)
def test_fusion_has_each_row_once_and_respects_agreement(cosines: dict[int, float], match: dict[int, float]) -> None:
    fused = fuse(cosines, match, spread=0.1, rarities=(2.0, 3.5))

    assert fused.keys() == cosines.keys()
    for a in fused:
        for b in fused:
            if cosines[a] >= cosines[b] and match.get(a, 0) >= match.get(b, 0):
                assert fused[a] >= fused[b]


def test_the_same_bm25_score_weighs_less_for_a_question_of_more_terms() -> None:
    short, long = (fuse({1: 0.5}, {1: 4.0}, spread=1.0, rarities=[3.0] * n)[1] for n in (1, 4))

    assert short - 0.5 == pytest.approx(2 * (long - 0.5), abs=1e-5)
    assert fuse({1: 0.5}, {}, spread=1.0, rarities=()) == {1: 0.5}


@given(COSINES, MATCHES)
def test_fusion_does_not_hang_on_how_widely_a_model_spreads_its_cosines(
    cosines: dict[int, float], match: dict[int, float]
) -> None:
    narrow = {row: cosine / 8 for row, cosine in cosines.items()}

    assert fuse(narrow, match, spread=0.125, rarities=(2.0, 3.5)) == pytest.approx(
        fuse(cosines, match, spread=1.0, rarities=(2.0, 3.5)), abs=1e-5
    )


def unit_vectors(grid: list[list[int]]) -> Vectors:
    vectors = np.asarray(grid, dtype=np.float32)
    vectors[~vectors.any(axis=1), 0] = 1
    found: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return found


def brute_force(vectors: Vectors, query: Vectors, rows: Sequence[int]) -> list[tuple[int, float]]:
    scores = {row: round(float(vectors[row].astype(np.float64) @ query.astype(np.float64)), 6) for row in rows}
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


# Few different components, so that many rows tie.
MATRIX = st.lists(st.lists(st.integers(-1, 1), min_size=5, max_size=5), min_size=1, max_size=40)


@settings(max_examples=150, deadline=None)
@given(MATRIX, st.integers(1, 50), st.data())
def test_dense_search_is_a_sort_by_cosine_with_ties_by_row(grid: list[list[int]], k: int, data: st.DataObject) -> None:
    vectors = unit_vectors(grid)
    query = vectors[data.draw(st.integers(0, len(vectors) - 1))]
    allowed = data.draw(st.none() | st.sets(st.integers(0, len(vectors) - 1)).map(sorted))

    found = dense.search(vectors, query, k, None if allowed is None else np.asarray(allowed, dtype=np.int64))

    expected = brute_force(vectors, query, range(len(vectors)) if allowed is None else allowed)
    # Rows that tie with the last one come too.
    assert found == [hit for hit in expected if hit[1] >= expected[min(k, len(expected)) - 1][1]]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 300))
def test_equal_vectors_tie_wherever_they_stand(seed: int, size: int) -> None:
    random = np.random.default_rng(seed)
    different = random.standard_normal((max(size // 3, 1), 384)).astype(np.float32)
    which = random.integers(0, len(different), size)
    vectors = np.ascontiguousarray(different[which] / np.linalg.norm(different[which], axis=1, keepdims=True))
    allowed = np.flatnonzero(random.integers(0, 2, size))
    query = vectors[0]

    everywhere = dense.search(vectors, query, size)
    narrowed = dense.search(vectors, query, size, allowed)

    score_of = dict(everywhere)
    assert all(len({score_of[row] for row in np.flatnonzero(which == w).tolist()}) == 1 for w in set(which.tolist()))
    assert narrowed == [(row, score) for row, score in everywhere if row in allowed]


def test_dense_search_of_nothing_finds_nothing() -> None:
    vectors = unit_vectors([[1, 0], [0, 1]])

    assert dense.search(vectors[:0], vectors[0], 5) == []
    assert dense.search(vectors, vectors[0], 5, np.asarray([], dtype=np.int64)) == []
    assert dense.search(vectors, vectors[0], 0) == []


def test_vectors_are_the_same_bytes_after_a_round_trip(tmp_path: Path) -> None:
    vectors = np.random.default_rng(1).standard_normal((7, 3)).astype(np.float32)[:, ::-1]

    dense.write_vectors(tmp_path / "v.npy", vectors)

    assert dense.open_vectors(tmp_path / "v.npy").tobytes() == np.ascontiguousarray(vectors).tobytes()


@pytest.mark.parametrize("damage", [b"", b"garbage", b"\x93NUMPY\x01\x00v\x00{'descr': '|O', "])
def test_file_that_holds_no_vectors_is_a_damaged_index(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "v.npy").write_bytes(damage)

    with pytest.raises(IndexDamagedError) as caught:
        dense.open_vectors(tmp_path / "v.npy")
    assert caught.value.fix == "run: qa index"


TEXTS = (
    Doc("A state cannot opt out of the program.", title="Opting out"),
    Doc("The sheriff may opt to leave; a way out is not given to a state.", title="Counties"),
    Doc("A detainer asks a jail to hold a person for 48 hours.", title="Detainers"),
    Doc("A detainer is a request. A detainer is no warrant. A detainer is not a judge's order.", title="Warrants"),
    Doc("The jail sends fingerprints to the FBI.", title="Detainer"),
    Doc("安全社区 is what some newspapers wrote; “Ünïcödé” and 1,595 too.", title="Names"),
)


@pytest.fixture(scope="module")
def passages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Passages]:
    found = open_passages(tmp_path_factory.mktemp("search") / "passages.db", *TEXTS)
    yield found
    found.close()


def rows(passages: Passages, query: str, **how: Sequence[Sequence[str]] | Sequence[int]) -> list[int]:
    return [row for row, _ in sparse.search(passages, stems(query), 10, **how)]  # type: ignore[arg-type]


def test_sparse_search_finds_inflected_forms_and_prefers_more_of_them(passages: Passages) -> None:
    assert rows(passages, "detainers")[:2] == [3, 2]
    assert set(rows(passages, "detaining")) == {2, 3, 4}


def test_term_in_the_text_counts_more_than_in_the_title(passages: Passages) -> None:
    assert rows(passages, "detainer")[-1] == 4


@pytest.mark.parametrize(
    ("query", "expected"), [("安全", [5]), ("区", []), ("unicode", [5]), ("1595", [5]), ("1,595", [5]), ("zebra", [])]
)
def test_terms_of_any_script_are_found_as_they_are_written(passages: Passages, query: str, expected: list[int]) -> None:
    assert rows(passages, query) == expected


LAWS = (
    "Deputies work under 287(g), a part of the Immigration and Nationality Act.",
    "S-Comm is what some called Secure Communities.",
    "The U.S. joined; the case was closed.",
    "They released 1,595 pages to us.",
    "Arizona v. United States, No. 11-182, was decided in 2012.",
    "Under 8 U.S.C. § 1357(g) an agreement is in writing.",
    "Numbers such as 287, 182, 595 and words such as comm mean nothing here.",
)


@pytest.fixture(scope="module")
def laws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Passages]:
    found = open_passages(tmp_path_factory.mktemp("laws") / "passages.db", *LAWS)
    yield found
    found.close()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("287(g)", [0]),
        ("287 (g)", [0]),
        ("S-Comm", [1]),
        ("s-comm", [1]),
        ("U.S.", [2]),
        ("US", [2]),
        ("1,595", [3]),
        ("1595", [3]),
        ("No. 11-182", [4]),
        ("§ 1357(g)", [5]),
        ("section 1357(g)", [5]),
        ("§", [5]),
    ],
)
def test_name_of_the_law_is_found_whole_and_first(laws: Passages, query: str, expected: list[int]) -> None:
    assert rows(laws, query)[: len(expected)] == expected


def test_phrase_is_required_word_for_word(passages: Passages) -> None:
    assert set(rows(passages, "state opt out")) == {0, 1}
    assert rows(passages, "jail state", phrases=[("hold", "person")]) == [2]
    assert rows(passages, "", phrases=[("request", "detain")]) == [3]
    assert rows(passages, "detainer", phrases=[("person", "hold")]) == []
    assert rows(passages, "detainer", phrases=[("request",), ("judg",)]) == [3]


def test_sparse_search_is_narrowed_before_the_best_are_taken(passages: Passages) -> None:
    found = sparse.search(passages, ["detain"], 1, allowed=[4, 5])

    assert [row for row, _ in found] == [4]
    assert sparse.search(passages, ["detain"], 5, allowed=[]) == []


def test_equal_scores_are_ordered_by_row(tmp_path: Path) -> None:
    docs = [Doc("The same words.", source=f"{n}.md", topic=str(n)) for n in (5, 3, 9, 1)]
    found = open_passages(tmp_path / "p.db", *docs, "other", "texts", "for", "contrast", "in counting")

    assert [row for row, _ in sparse.search(found, ["word"], 10)] == [0, 1, 2, 3]
    found.close()


def test_score_is_positive_even_where_every_passage_has_the_term(tmp_path: Path) -> None:
    found = open_passages(tmp_path / "p.db", "A detainer. A detainer again, a detainer.", "One detainer of many words.")

    scores = sparse.search(found, ["detain"], 10)

    assert [row for row, _ in scores] == [0, 1]
    assert scores[0][1] > scores[1][1] > 0
    found.close()


@settings(max_examples=150, deadline=None)
@given(st.text(), st.text())
def test_sparse_search_takes_any_text(passages: Passages, text: str, phrase: str) -> None:
    for terms, phrases in ((stems(text), [stems(phrase)]), ([text], [[phrase]]), ([], [[phrase, text]])):
        found = sparse.search(passages, terms, 10, phrases=phrases)

        assert all(score > 0 for _, score in found)
        assert found == sorted(found, key=lambda item: (-item[1], item[0]))


@pytest.fixture(scope="module")
def retriever(shipped_index: Path) -> Iterator[Retriever]:
    with Generation(shipped_index) as generation:
        yield Retriever(generation)


def names(found: Retrieval) -> list[str]:
    return [hit.passage.chunk_id for hit in found.hits]


@pytest.mark.model
@pytest.mark.parametrize(
    ("question", "fact"),
    [
        ("What is Secure Communities?", "Secure Communities"),
        ("How many fingerprint submissions had there been by September 30, 2011?", "11,000,000"),
        ("Can a state opt out?", "opt out"),
        ("when were the MOAs rescinded and by whom", "Morton"),
        ("What is ICE ACCESS?", "Agreements of Cooperation in Communities to Enhance Safety and Security"),
        ("which law lets ICE deputize police", "287(g)"),
    ],
)
def test_passage_with_the_fact_is_among_the_first_five(retriever: Retriever, question: str, fact: str) -> None:
    assert any(fact in hit.passage.body for hit in retriever.search(question, k=5).hits)


@pytest.mark.model
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("when were the MOAs rescinded", "when was the MOA rescinded"),
        ("when were the MOAs rescinded", "when were the memoranda of agreement rescinded"),
        ("what is S-Comm", "what is Secure Communities"),
        ("what is SComm", "what is S-Comm"),
        ("deputies under 287(g)", "deputies under 287g"),
        ("what is a detainer", "what is a detaner"),
        ("can a state opt out", "can a staet opt out"),
        ("did Illinois withdraw", "did ilinois withdraw"),
        ("how many fingerprint submissions by 2011", "how many fingreprint submisions by 2011"),
    ],
)
def test_best_passage_for_one_spelling_is_found_with_the_other(retriever: Retriever, one: str, other: str) -> None:
    first, second = (names(retriever.search(q, k=5)) for q in (one, other))

    assert first[0] in second
    assert second[0] in first


@pytest.mark.model
@pytest.mark.parametrize(
    "query",
    [
        "detainer AND warrant",
        "detainer OR warrant NOT sheriff",
        "NEAR(detainer warrant, 5)",
        'NEAR("a b", 5) col:detainer',
        'detainer "',
        '"""detainer',
        "detainer*",
        "^detainer",
        "body:detainer {body context}: warrant",
        "- detainer + (warrant",
        "detainer'); drop table chunks; --",
        "detainer \\ % _ ? [x] {y} <z> #",
        'AND OR NEAR( * " ^ : detainer',
    ],
)
def test_query_syntax_is_read_as_words(retriever: Retriever, query: str) -> None:
    found = retriever.search(query, k=5)

    assert {"detain", "detainer"} & set(found.question.stems) or found.question.phrases
    assert all("detain" in fold(" ".join((*h.passage.context, h.passage.body))) for h in found.hits[:3])


@pytest.mark.model
@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_searched_for_or_refused(retriever: Retriever, text: str) -> None:
    try:
        found = retriever.search(text, k=3)
    except QuestionError:
        return
    assert [hit.rank for hit in found.hits] == list(range(1, len(found.hits) + 1))


@pytest.mark.model
def test_ranks_and_scores_tell_how_a_passage_was_found(retriever: Retriever) -> None:
    found = retriever.search("Which sheriff was sued over a detainer?", k=400)

    near = dense.search(retriever.generation.vectors, found.vector, 400)
    best = [h.dense for h in found.hits if 0 < h.dense_rank <= DEPTH or 0 < h.sparse_rank <= DEPTH]
    spread = max(best) - min(best)
    terms = sum(sparse.rarity(found.question.stems, retriever.generation.passages).values()) ** 0.5
    for hit in found.hits:
        assert hit.fused == pytest.approx(hit.dense / spread + BM25_WEIGHT * hit.sparse / terms, abs=1e-5)
        assert (hit.sparse > 0) == (hit.sparse_rank > 0)
        assert hit.dense == dict(near)[hit.passage.row]
    order = [(-hit.fused, hit.passage.chunk_id) for hit in found.hits]
    assert [rank for rank, _ in order] == sorted(rank for rank, _ in order)


@pytest.mark.model
def test_rows_are_numbered_by_chunk_id_so_that_ties_break_by_it(retriever: Retriever) -> None:
    everything = retriever.generation.passages
    ids = [p.chunk_id for _, p in sorted(everything.get(range(everything.count)).items())]

    assert ids == sorted(ids)


@pytest.mark.model
def test_same_question_twice_gives_the_same_hits_and_vector(shipped_index: Path) -> None:
    found: list[tuple[object, bytes]] = []
    for _ in range(2):
        with Generation(shipped_index) as generation:
            retrieval = Retriever(generation).search("Who rescinded the MOAs?", k=50)
            found.append((retrieval.hits, retrieval.vector.tobytes()))

    assert found[0] == found[1]


@pytest.mark.model
def test_encoder_that_was_let_go_comes_back_with_the_same_vectors(shipped_index: Path) -> None:
    with Generation(shipped_index) as generation:
        retriever = Retriever(generation)
        before = retriever.search("Who rescinded the MOAs?")
        assert "_session" in vars(retriever.encoder)
        retriever.release()
        assert "_session" not in vars(retriever.encoder)
        after = retriever.search("Who rescinded the MOAs?")

    assert (before.hits, before.vector.tobytes()) == (after.hits, after.vector.tobytes())


@pytest.mark.model
def test_as_many_passages_come_as_are_asked_for(retriever: Retriever) -> None:
    count = retriever.generation.passages.count
    assert count > DEPTH

    assert len(retriever.search("detainer", k=1000).hits) == count
    assert len(retriever.search("detainer", k=7).hits) == 7


@pytest.mark.model
def test_filters_narrow_the_search_and_not_its_result(retriever: Retriever) -> None:
    question = "What is the boiling point of mercury?"
    everything = retriever.generation.passages
    for topic in everything.topics():
        filters = Filters(topics=(topic.upper(),))
        expected = everything.rows_matching(filters) or []

        found = retriever.search(question, k=1000, filters=filters)

        assert {hit.passage.topic for hit in found.hits} == {topic}
        assert sorted(hit.passage.row for hit in found.hits) == expected


@pytest.mark.model
@pytest.mark.parametrize(
    "filters",
    [
        Filters(kinds=("Court",)),
        Filters(kinds=("court", "research")),
        Filters(sources=("detainer*.md",)),
        Filters(sources=("corpus/timeline.md", "glossary.md")),
        Filters(topics=("litigation", "statistics"), kinds=("government",), sources=("*o*",)),
    ],
)
def test_every_hit_passes_all_filters(retriever: Retriever, filters: Filters) -> None:
    passages = retriever.generation.passages
    allowed = set(passages.rows_matching(filters) or ())

    found = retriever.search("detainer lawsuit", k=20, filters=filters)

    assert 0 < len(found.hits) == min(20, len(allowed))
    assert {hit.passage.row for hit in found.hits} <= allowed
    for hit in found.hits:
        assert not filters.topics or hit.passage.topic in filters.topics


@pytest.mark.model
def test_filters_that_leave_nothing_are_named(retriever: Retriever) -> None:
    with pytest.raises(QuestionError, match="no passage matches --topic nowhere, --source x") as caught:
        retriever.search("detainer", filters=Filters(topics=("nowhere",), sources=("x",)))

    assert "qa sources" in caught.value.fix


@pytest.mark.model
@pytest.mark.parametrize("marks", ['""', "“”"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.9])
def test_quoted_words_find_what_has_them_and_nothing_else(retriever: Retriever, share: float, marks: str) -> None:
    row = int(share * retriever.generation.passages.count)
    written = retriever.generation.passages.get([row])[row]
    phrase = " ".join(word.strip(f'{marks}"“”') for word in written.body.split()[2:9])

    found = retriever.search(f"sheriff {marks[0]}{phrase}{marks[1]} detainer", k=1000)

    assert written.chunk_id in names(found)
    for hit in found.hits:
        assert " ".join(stems(phrase)) in " ".join(stems(hit.passage.body))
        assert hit.dense_rank


@pytest.mark.model
def test_phrase_that_nobody_wrote_finds_nothing(retriever: Retriever) -> None:
    assert retriever.search('detainer "zebra crossing"').hits == ()


@pytest.mark.model
def test_quoted_common_words_require_nothing(retriever: Retriever) -> None:
    assert len(retriever.search('detainer "of the"', k=1000).hits) == retriever.generation.passages.count


@pytest.mark.model
def test_phrase_and_filter_hold_together(retriever: Retriever) -> None:
    filters = Filters(topics=("timeline",))

    found = retriever.search('"Secure Communities"', k=1000, filters=filters)

    assert found.hits
    assert {hit.passage.topic for hit in found.hits} == {"timeline"}


@pytest.mark.model
def test_chroma_gives_the_hits_of_exact_search(shipped_index: Path) -> None:
    with Generation(shipped_index, engine="chroma") as asked, Generation(shipped_index, engine="exact") as plain:
        assert_same_hits(Retriever(asked), Retriever(plain))
        copies = [p.name for p in shipped_index.iterdir() if p.name.startswith("reading-")]
        assert len(copies) == 1
        assert set(copies) & {p.name for p in unused(shipped_index)} == set()
    assert not [p for p in shipped_index.iterdir() if p.name.startswith("reading-")]


@pytest.mark.model
def test_question_by_chroma_leaves_the_generation_as_it_was(shipped_index: Path) -> None:
    with Generation(shipped_index, engine="chroma") as generation:
        Retriever(generation).search("detainer")

        check_hashes(generation.folder, generation.manifest)


def test_copy_of_a_killed_reader_is_removed(tmp_path: Path) -> None:
    (tmp_path / "reading-abc" / "chroma").mkdir(parents=True)
    (tmp_path / "reading-abc" / "IN_USE").touch()

    drop_unused(tmp_path)

    assert not list(tmp_path.iterdir())


@pytest.mark.model
@pytest.mark.parametrize(("chunks", "engine"), [(EXACT_LIMIT, "exact"), (EXACT_LIMIT + 1, "chroma")])
def test_engine_follows_the_size_of_the_index_unless_it_is_chosen(
    shipped_index: Path, chunks: int, engine: str
) -> None:
    for asked, expected in (("auto", engine), ("exact", "exact"), ("chroma", "chroma")):
        with Generation(shipped_index, engine=asked) as generation:
            generation.manifest = replace(generation.manifest, chunks=chunks)

            assert generation.dense_engine == expected
