import pytest

from qrmiddleware.distill.catalogue import Record
from qrmiddleware.distill.labels import Label, Pair, Unlabelled
from qrmiddleware.distill.phrases import Floors
from qrmiddleware.distill.teachers.catalogue import CatalogueTeacher, Worth

SMALL = Floors(products=1, brands=1, ends=0, one_brand=1, behind_brand=1, leads=0, wins=0, alone=0)
RECORDS = [
    Record("n1", "Acme Rapid notebook", "Acme", "notebook"),
    Record("n2", "Zeta Slate notebook black", "Zeta", "notebook"),
    Record("c1", "Zeta notebook case black", "Zeta", "notebook case"),
    Record("c2", "Bold phone case for Acme phones", "Bold", "phone case"),
    Record("b1", "Bold patch cable 2 m", "Bold", "patch cable"),
    Record("b2", "Acme audio cable", "Acme", "audio cable"),
    Record("x", "Zeta 500", "Zeta"),
]


@pytest.fixture(scope="module")
def teacher():
    return CatalogueTeacher(RECORDS, floors=SMALL)


@pytest.mark.parametrize(
    ("query", "doc_id", "target"),
    [
        ("notebook", "n1", 1.0),
        ("Notebooks", "n1", 1.0),
        ("notebook", "c1", 0.0),  # an accessory is no notebook
        ("case", "c1", 1.0),
        ("notebook case", "c1", 1.0),
        ("notebook case", "c2", Worth().broader),
        ("patch cable", "b2", Worth().broader),
        ("black notebook", "n2", 1.0),
        ("black notebook", "n1", Worth().bare),
        ("zeta notebook", "c1", 0.0),
        ("case for notebook", "c1", 1.0),
        ("acme", "n1", 1.0),
        ("acme", "c2", Worth().mentioned),
        ("acme", "c1", 0.0),
    ],
)
def test_a_product_is_relevant_by_what_it_is(teacher, query, doc_id, target):
    assert teacher.target(query, doc_id) == pytest.approx(target)


@pytest.mark.parametrize(("query", "doc_id"), [("weather", "n1"), ("", "n1"), ("notebook", "x")])
def test_has_no_opinion_where_kinds_are_not_known(teacher, query, doc_id):
    assert teacher.target(query, doc_id) is None


def test_labels_what_it_knows_and_says_of_the_rest_that_it_does_not(teacher):
    pairs = [Pair("notebook", "n1", "…"), Pair("weather", "n1", "…")]

    known, unknown = teacher.label(pairs)

    assert isinstance(known, Label)
    assert (known.pair, known.teacher, known.target) == (pairs[0].key, teacher.name, 1.0)
    assert isinstance(unknown, Unlabelled)
    assert unknown.reason == "kind not known"


def test_its_name_changes_with_the_catalogue_and_with_what_answers_are_worth():
    names = {
        CatalogueTeacher(RECORDS, floors=SMALL).name,
        CatalogueTeacher(RECORDS[:-1], floors=SMALL).name,
        CatalogueTeacher(RECORDS, floors=SMALL, worth=Worth(broader=0.5)).name,
    }

    assert len(names) == 3
    assert CatalogueTeacher(RECORDS, floors=SMALL).name in names
