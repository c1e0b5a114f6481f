"""WANDS, as its three tab-separated files are."""

import pytest

from qrmiddleware.evaluation.collection import Document, JudgedQuery
from qrmiddleware.evaluation.formats import FormatError, load_catalogue, load_judged

QUERY = "query_id\tquery\tquery_class\n0\tsalon chair\tMassage Chairs\n7\tbed\tBeds\n"
LABEL = "id\tquery_id\tproduct_id\tlabel\n0\t0\t25434\tExact\n1\t0\t12088\tIrrelevant\n"
PRODUCT = (
    "product_id\tproduct_name\tproduct_class\tcategory hierarchy\tproduct_description\t"
    "product_features\trating_count\taverage_rating\treview_count\n"
    "0\tplatform bed\tBeds\tFurniture / Beds\tgood , deep sleep\tsize:64.7|color : red\t15.0\t"
    "4.5\t15.0\n"
    '1\t"24"" stool"\t\t\t\t\t\t\t\n'
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "query.csv").write_text(QUERY)
    (tmp_path / "label.csv").write_text(LABEL)
    (tmp_path / "product.csv").write_text(PRODUCT)
    return tmp_path


def test_reads_queries_and_labels(folder):
    judged = load_judged(folder)

    assert judged.queries == (JudgedQuery("0", "salon chair"), JudgedQuery("7", "bed"))
    assert judged.qrels == {"0": {"25434": 2, "12088": 0}}
    assert judged.gains == {0: 0.0, 2: 2.0}


def test_of_several_labels_of_a_pair_the_best_counts(folder):
    labels = "2\t0\t9\tPartial\n3\t0\t9\tExact\n4\t0\t9\tIrrelevant\n"
    (folder / "label.csv").write_text(LABEL + labels)

    assert load_judged(folder).qrels["0"]["9"] == 2


def test_reads_products_without_empty_fields(folder):
    assert list(load_catalogue(folder)) == [
        Document(
            "0",
            {
                "title": "platform bed",
                "class": "Beds",
                "category_hierarchy": "Furniture / Beds",
                "description": "good , deep sleep",
                "features": "size:64.7|color : red",
                "rating_count": 15.0,
                "average_rating": 4.5,
                "review_count": 15.0,
            },
        ),
        Document("1", {"title": '24" stool'}),
    ]


def test_lists_unknown_labels(folder):
    (folder / "label.csv").write_text(LABEL + "2\t0\t9\tMaybe\n")

    with pytest.raises(FormatError, match=r"Exact, Partial, Irrelevant; also found 'Maybe' \(1 "):
        load_judged(folder)


def test_says_that_commas_are_not_what_separates(folder):
    (folder / "label.csv").write_text(LABEL.replace("\t", ","))

    with pytest.raises(
        FormatError, match=r"label\.csv:1: expected the columns query_id, product_id"
    ):
        load_judged(folder, format_name="wands")
