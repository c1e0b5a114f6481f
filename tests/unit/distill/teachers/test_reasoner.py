import pytest

from qrmiddleware.distill.catalogue import Record
from qrmiddleware.distill.chains import Chain, Verdict
from qrmiddleware.distill.classes import ESCI
from qrmiddleware.distill.labels import Label, Pair, Unlabelled
from qrmiddleware.distill.phrases import Floors
from qrmiddleware.distill.teachers.reasoner import Asked, Reasoner

SMALL = Floors(products=1, brands=1, ends=0, one_brand=1, behind_brand=1, leads=0, wins=0, alone=0)
RECORDS = [
    Record("n1", "Acme Rapid 15 notebook", "Acme", "notebook"),
    Record("n2", "Zeta Labs Slate notebook black", "Zeta Labs", "notebook"),
    Record("c1", "Zeta Labs notebook case black", "Zeta Labs", "notebook case"),
    Record("c2", "Bold phone case for Acme phones", "Bold", "phone case"),
    Record("t1", "Bold TN-2110 toner", "Bold", "toner"),
    Record("x", "Bold 500", "Bold"),
]


@pytest.fixture(scope="module")
def reasoner():
    return Reasoner(RECORDS, floors=SMALL)


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("black notebook", Asked(("notebook",), attributes=("black",))),
        ("Zeta Labs Notebooks", Asked(("notebook",), ("zeta", "lab"))),
        ("case for notebook", Asked(("case",), attributes=("notebook",))),
        ("notebook case", Asked(("notebook", "case"))),
        ("tn-2110", Asked(model=("2110",), attributes=("tn",))),
        ("weather", Asked(attributes=("weather",))),
        ("", Asked()),
    ],
)
def test_a_query_is_taken_apart(reasoner, query, asked):
    assert reasoner.read(query) == asked


@pytest.mark.parametrize(
    ("query", "doc_id", "conclusion"),
    [
        ("notebook", "n1", "E"),
        ("black notebook", "n2", "E"),
        ("black notebook", "n1", "S"),
        ("acme notebook", "n2", "S"),
        ("notebook 15", "n2", "S"),
        ("notebook", "c1", "C"),  # of another kind, and tells that it goes with a notebook
        ("notebook", "t1", "I"),
        ("phone case", "c1", "S"),  # a case, but of another kind
        ("acme", "n1", "E"),
        ("acme", "c2", "C"),
        ("acme", "c1", "I"),
        ("tn-2110", "t1", "E"),
        ("tn-2110", "n1", "I"),
    ],
)
def test_it_concludes_from_what_matches(reasoner, query, doc_id, conclusion):
    assert reasoner.reason(query, doc_id).conclusion == conclusion


@pytest.mark.parametrize(("query", "doc_id"), [("weather", "n1"), ("", "n1"), ("notebook", "x")])
def test_it_does_not_reason_where_nothing_can_be_compared(reasoner, query, doc_id):
    assert reasoner.reason(query, doc_id) is None


def test_its_chain_says_what_was_compared(reasoner):
    chain = reasoner.reason("acme black notebook 15", "n2")

    assert str(chain).splitlines() == [
        "category: match (asked for notebook, found notebook)",
        "brand: mismatch (asked for acme, found zeta lab)",
        "model: mismatch (without 15)",
        "attribute: match (with black)",
        "conclusion: S",
    ]


def test_labels_carry_the_chain_and_classes(reasoner):
    pairs = [Pair("notebook", "c1", "…"), Pair("weather", "n1", "…"), Pair("notebook", "z", "…")]

    known, unknown, elsewhere = reasoner.label(pairs)

    assert isinstance(known, Label)
    assert Chain.read(known.reason, ESCI).verdicts["category"] is Verdict.MISMATCH
    assert (known.grade, known.teacher, known.pair) == ("C", reasoner.name, pairs[0].key)
    assert known.probabilities["C"] == pytest.approx(0.94)
    assert known.target == pytest.approx(0.02 + 0.5 * 0.02)
    assert isinstance(unknown, Unlabelled)
    assert unknown.reason == "nothing to compare"
    assert elsewhere.reason == "not in the catalogue"


def test_its_name_changes_with_the_catalogue():
    assert Reasoner(RECORDS, floors=SMALL).name != Reasoner(RECORDS[:-1], floors=SMALL).name
