"""``qrm eval pool``, from runs to more judgments."""

import pytest

from qrmiddleware.evaluation.formats import load_judged


@pytest.fixture
def shop(tmp_path):
    """Two queries of which one has nothing relevant; two runs; a catalogue."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "queries.jsonl").write_text(
        '{"id": "q1", "query": "shoe", "fold": 0}\n{"id": "q2", "query": "hat", "fold": 1}\n'
    )
    (folder / "judgments.tsv").write_text("query_id\tproduct_id\tgrade\nq1\ta\t3\nq1\tb\t0\n")
    (folder / "products.jsonl").write_text(
        '{"id": "c", "title": "Sandal", "brand": "Acme"}\n{"id": "d", "title": "Cap"}\n'
    )
    (tmp_path / "plain.trec").write_text("q1 Q0 b 1 2 x\nq1 Q0 c 2 1 x\nq2 Q0 d 1 1 x\n")
    (tmp_path / "rules.trec").write_text("q1 Q0 c 1 2 x\nq1 Q0 e 2 1 x\n")
    return folder


RUNS = ("plain.trec", "rules.trec")


def test_pools_runs_with_the_fields_of_the_catalogue(qrm, shop, tmp_path):
    ran = qrm(
        "eval", "pool", *RUNS, "--data", shop, "--catalogue", shop, "--fields", "title",
        "-o", "pool.tsv",
    )  # fmt: skip

    assert ran.code == 0, ran.err
    assert "wrote 3 unjudged pairs of 2 queries to pool.tsv" in ran.err
    lines = sorted((tmp_path / "pool.tsv").read_text().splitlines())
    assert lines == [
        "q1\tshoe\tc\tSandal\t\t\tplain@2 rules@1",
        "q1\tshoe\te\t\t\t\trules@2",
        "q2\that\td\tCap\t\t\tplain@1",
        "query_id\tquery\tdoc_id\ttitle\trelevance\tsource\tfound_by",
    ]


def test_pools_a_saved_evaluation_and_with_data_also_what_was_not_measured(qrm, shop, tmp_path):
    qrm("eval", "score", *RUNS, "--data", shop, "--json", "e.json")

    alone = qrm("eval", "pool", "e.json", "-o", "alone.jsonl")
    more = qrm("eval", "pool", "e.json", "--data", shop, "-o", "more.csv", "--depth", "1")

    assert "2 unjudged pairs of 1 queries" in alone.err
    assert "2 unjudged pairs of 2 queries" in more.err
    assert (tmp_path / "more.csv").read_text().startswith("query,docid,rating\nshoe,c,\n")


def test_a_blind_pool_in_another_format(qrm, shop, tmp_path):
    qrm(
        "eval", "pool", *RUNS, "--data", shop, "-o", "pool.txt", "--format", "tsv", "--blind"
    )  # fmt: skip

    assert "plain@" not in (tmp_path / "pool.txt").read_text()


def test_judged_pairs_are_merged_into_a_folder_that_can_be_measured_with(qrm, shop, tmp_path):
    (tmp_path / "judged.tsv").write_text(
        "query_id\tdoc_id\trelevance\tsource\nq1\tc\t2\t\nq2\td\t3\tllm:m\nq1\te\t\t\n"
    )

    ran = qrm(
        "eval", "pool", "--merge", "judged.tsv", "--data", shop, "-o", "more", "--judge", "anna"
    )

    assert ran.code == 0, ran.err
    assert "2 judgments added" in ran.err
    assert "1 pairs were not judged" in ran.err
    judged = load_judged(tmp_path / "more")
    assert judged.qrels == {"q1": {"a": 3, "b": 0, "c": 2}, "q2": {"d": 3}}
    assert [query.fold for query in judged.queries] == [0, 1]
    lines = (tmp_path / "more" / "judgments.tsv").read_text().splitlines()
    assert [line.split("\t")[3] for line in lines] == ["source", "human", "human", "anna", "llm:m"]


def test_sources_survive_a_second_merge(qrm, shop, tmp_path):
    for number, row in enumerate(("q1\tc\t2\tllm:m", "q1\te\t1\tbob")):
        (tmp_path / f"{number}.tsv").write_text(f"query_id\tdoc_id\trelevance\tsource\n{row}\n")
    qrm("eval", "pool", "--merge", "0.tsv", "--data", shop, "-o", "one")

    qrm("eval", "pool", "--merge", "1.tsv", "--data", "one", "-o", "two")

    text = (tmp_path / "two" / "judgments.tsv").read_text()
    assert "q1\tc\t2\tllm:m\n" in text
    assert "q1\te\t1\tbob\n" in text


def test_conflicts_are_refused_until_told_otherwise(qrm, shop, tmp_path):
    (tmp_path / "j.tsv").write_text("query_id\tdoc_id\trelevance\nq1\ta\t1\n")
    merge = ("eval", "pool", "--merge", "j.tsv", "--data", shop, "-o", "more")

    refused = qrm(*merge)
    replaced = qrm(*merge, "--on-conflict", "replace")

    assert refused.code != 0
    assert "q1 a: 3 (human) against 1 (human)" in refused.err
    assert "1 replaced" in replaced.err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("plain.trec",), "say with --out where to write"),
        (("-o", "p.tsv"), "name what `qrm eval run --json` saved"),
        (("plain.trec", "-o", "p.tsv"), "TREC runs do not hold judgments"),
        (("plain.trec", "-d", "shop", "-o", "p.tsv", "--format", "xml"), "not 'xml'"),
        (("plain.trec", "-d", "shop", "-o", "p.xml"), "a pool is .tsv, .jsonl"),
        (("--merge", "j.tsv", "-o", "more"), "say with --data which judgments"),
        (("--merge", "j.tsv", "-d", "shop", "-o", "more.tsv"), "are written to a folder"),
        (("--merge", "j.tsv", "-d", "shop", "-o", "m", "--on-conflict", "ask"), "not 'ask'"),
        (("--merge", "other.tsv", "-d", "shop", "-o", "m"), "query 'q9' ('') is not in this"),
    ],
)
def test_says_what_is_missing_or_wrong(qrm, shop, tmp_path, arguments, problem):
    (tmp_path / "j.tsv").write_text("query_id\tdoc_id\trelevance\nq1\ta\t1\n")
    (tmp_path / "other.tsv").write_text("query_id\tdoc_id\trelevance\nq9\ta\t1\n")

    ran = qrm("eval", "pool", *arguments)

    assert ran.code != 0
    assert problem in " ".join(ran.err.split())
