import pytest

from qrmiddleware.evaluation.formats import FormatError
from qrmiddleware.evaluation.formats.reached import read_reached


def test_documents_come_by_query(tmp_path):
    file = tmp_path / "bought.tsv"
    file.write_text("query_id\tdoc_id\tday\nq1\ta\t1\nq2\ta\t1\nq1\tb\t2\nq1\ta\t3\n")

    assert read_reached(file) == {"q1": {"a", "b"}, "q2": {"a"}}


def test_another_table_is_refused_with_its_columns(tmp_path):
    file = tmp_path / "bought.tsv"
    file.write_text("query\tdoc_id\nlaptop\ta\n")

    with pytest.raises(FormatError, match=r"bought.tsv:1: .*query_id not among query, doc_id"):
        read_reached(file)
