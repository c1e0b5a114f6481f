"""BEIR, as its data sets are."""

import pytest

from qrmiddleware.evaluation.collection import Document, JudgedQuery
from qrmiddleware.evaluation.formats import FileMissingError, load_catalogue, load_judged


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq2\td1\t2\n")
    (tmp_path / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n")
    (tmp_path / "queries.jsonl").write_text(
        '{"_id": "q1", "text": "what is bm25", "metadata": {}}\n{"_id": "q2", "text": "tf idf"}\n'
    )
    (tmp_path / "corpus.jsonl").write_text(
        '{"_id": "d1", "title": "BM25", "text": "A ranking function", "metadata": {"year": 1994}}\n'
    )
    return tmp_path


def test_reads_the_queries_that_the_test_set_judges(folder):
    judged = load_judged(folder)

    assert judged.queries == (JudgedQuery("q2", "tf idf"),)
    assert judged.qrels == {"q2": {"d1": 2}}
    assert judged.gains == {0: 0.0, 2: 2.0}


def test_another_split_can_be_chosen(folder):
    assert load_judged(folder, options={"split": "dev"}).qrels == {"q1": {"d1": 1}}


def test_a_split_that_is_not_there_is_named_beside_those_that_are(folder):
    with pytest.raises(
        FileMissingError, match=r"expected qrels/train\.tsv, .* qrels/dev\.tsv, qrels"
    ):
        load_judged(folder, options={"split": "train"})


def test_reads_documents(folder):
    source = {"title": "BM25", "text": "A ranking function", "metadata": {"year": 1994}}

    assert list(load_catalogue(folder)) == [Document("d1", source)]
