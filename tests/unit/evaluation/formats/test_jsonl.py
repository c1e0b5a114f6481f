"""Our own format, as our data folders have it."""

import gzip
import json

import pytest

from qrmiddleware.evaluation.collection import Document, JudgedQueries, JudgedQuery
from qrmiddleware.evaluation.formats import FormatError, load_catalogue, load_judged
from qrmiddleware.evaluation.formats.jsonl import write_catalogue, write_collection

QUERIES = '{"id": "q1", "query": "laptop", "fold": 2}\n\n{"id": "q2", "query": "toner"}\n'
JUDGMENTS = "query_id\tproduct_id\tgrade\tlabel\nq1\t12\t3\tperfect\nq1\t13\t0\tpoor\n"
PRODUCTS = [{"id": "12", "title": 'Laptop 14"'}, {"id": "13", "title": "Mouse", "price": 7}]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "queries.jsonl").write_text(QUERIES)
    (tmp_path / "judgments.tsv").write_text(JUDGMENTS)
    with gzip.open(tmp_path / "products.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(product) + "\n" for product in PRODUCTS)
    return tmp_path


def test_reads_queries_with_their_folds_and_judgments(folder):
    judged = load_judged(folder)

    assert judged.queries == (JudgedQuery("q1", "laptop", fold=2), JudgedQuery("q2", "toner"))
    assert judged.qrels == {"q1": {"12": 3, "13": 0}}
    assert judged.gains == {0: 0.0, 3: 7.0}
    assert judged.relevant_from == 1


def test_reads_products_from_a_gzipped_file(folder):
    assert list(load_catalogue(folder)) == [
        Document("12", {"title": 'Laptop 14"'}),
        Document("13", {"title": "Mouse", "price": 7}),
    ]


def test_reads_products_from_a_plain_file(folder):
    (folder / "few.jsonl").write_text('{"sku": 5, "id": "x"}\n')

    assert list(load_catalogue(folder, options={"products": "few.jsonl", "id": "sku"})) == [
        Document("5", {"id": "x"})
    ]


def test_another_file_of_judgments_can_be_chosen(folder):
    (folder / "merged.tsv").write_text("query_id\tproduct_id\tgrade\nq2\t13\t2.0\n")

    judged = load_judged(
        folder, options={"judgments": "merged.tsv", "gain": "linear", "relevant_from": "2"}
    )

    assert judged.qrels == {"q2": {"13": 2}}
    assert judged.gains == {0: 0.0, 2: 2.0}
    assert judged.relevant_from == 2


def test_reads_what_the_demo_keeps(tmp_path):
    (tmp_path / "queries.jsonl").write_text('{"query_id": "q1", "query": "sofa", "kind": "gap"}\n')
    (tmp_path / "qrels.tsv").write_text("query_id\tproduct_id\tgrade\nq1\tP00001\t3\n")

    assert load_judged(tmp_path).qrels == {"q1": {"P00001": 3}}


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("queries.jsonl", '{"id": "q1", "query": "a"}\n{"id": "q1", "query": "b"}', "jsonl:2: exp"),
        ("queries.jsonl", '{"id": "q1"}', "jsonl:1: expected a value for 'query', found"),
        ("queries.jsonl", '{"id": "q1", "query": "a", "fold": "x"}', "a whole number for 'fold'"),
        ("queries.jsonl", '{"id": "q1", "query": "a"}\n{"id":', "jsonl:2: expected a JSON object"),
        ("queries.jsonl", "[1]", "jsonl:1: expected a JSON object, found '\\[1\\]'"),
        ("judgments.tsv", "query_id\tproduct_id\tgrade\nq1\t12\n", "tsv:2: expected 3 values"),
        ("judgments.tsv", "query_id\tproduct_id\tgrade\nq1\t12\tgood\n", "tsv:2: .* 'grade'"),
        (
            "judgments.tsv",
            "query_id\tproduct_id\tgrade\nq1\t1\t2\nq1\t1\t3\n",
            "which was 2 before",
        ),
    ],
)
def test_a_bad_line_is_named(folder, name, text, problem):
    (folder / name).write_text(text)

    with pytest.raises(FormatError, match=problem):
        load_judged(folder)


def test_a_file_of_any_name_is_a_catalogue(tmp_path):
    file = tmp_path / "mine.jsonl"
    file.write_text('{"id": "x", "title": "y"}\n')

    assert list(load_catalogue(file)) == [Document("x", {"title": "y"})]


def test_a_folder_with_products_alone_is_recognised(tmp_path):
    (tmp_path / "products.jsonl").write_text('{"id": "x"}\n')

    assert list(load_catalogue(tmp_path)) == [Document("x", {})]


def test_what_is_written_is_read_again(tmp_path):
    found = JudgedQueries(
        (JudgedQuery("1", 'lampe für\t"außen"', fold=3), JudgedQuery("2", "b")),
        {"1": {'x"1': 3, "y": 0}, "2": {"x": 2}},
        gains={3: 1.0, 2: 0.1, 1: 0.01, 0: 0.0},
        relevant_from=2,
    )
    documents = [Document("x", {"title": "ä", "price": 1.5}), Document("y", {"id": "y"})]

    write_collection(tmp_path / "new", found)
    written = list(write_catalogue(tmp_path / "new", documents))

    assert load_judged(tmp_path / "new") == found
    assert written == documents
    assert list(load_catalogue(tmp_path / "new")) == [documents[0], Document("y", {})]


def test_what_is_chosen_counts_before_the_file_of_gains(tmp_path):
    found = JudgedQueries((JudgedQuery("1", "a"),), {"1": {"x": 2000}}, {0: 0.0, 2000: 2.0}, 1000)
    write_collection(tmp_path, found)

    judged = load_judged(tmp_path, options={"gain": "linear", "relevant_from": "3"})

    assert judged.gains == {0: 0.0, 2000: 2000.0}
    assert judged.relevant_from == 3


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "expected .*JSONDecodeError"),
        ('{"gains": {"0": 0}}', "expected .*KeyError: 'relevant_from'"),
        ('{"gains": {"0": 0}, "relevant_from": 1}', "says nothing of the grades 3"),
    ],
)
def test_a_bad_file_of_gains_is_named(folder, text, problem):
    (folder / "gains.json").write_text(text)

    with pytest.raises(FormatError, match=rf"gains\.json: {problem}"):
        load_judged(folder)


def test_a_product_that_has_two_ids_is_refused(tmp_path):
    with pytest.raises(FormatError, match="document x has another id in its field 'id'"):
        list(write_catalogue(tmp_path, [Document("x", {"id": "y"})]))
