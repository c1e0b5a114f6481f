import pytest

from qrmiddleware.distill.gates import Gate, Gates, Passed, gated_labels
from qrmiddleware.distill.label_index import LabelIndex
from qrmiddleware.distill.label_store import write_labels
from qrmiddleware.distill.labels import Label, Pair

TEXT = "Acme sleeve for a laptop"
REASON = """category: mismatch (asked for a bag, found a sleeve)
brand: mismatch (asked for HP, found Dell)
model: unspecified
attribute: unspecified
conclusion: S"""  # three words of four


PAIR = Pair("hp bag", "d1", TEXT)


def label(pair=PAIR, *, reason=REASON, grade="S", teacher="t", **values):
    return Label(
        pair=pair.key, query=pair.query, doc_id=pair.doc_id, teacher=teacher, target=0.5,
        grade=grade, reason=reason, **values
    )  # fmt: skip


@pytest.mark.parametrize(
    ("gates", "given", "failed"),
    [
        ({}, {}, None),
        ({}, {"reason": "It is a sleeve."}, Gate.NO_CHAIN),
        ({}, {"reason": ""}, Gate.NO_CHAIN),
        ({}, {"grade": "E"}, Gate.OTHER_CONCLUSION),
        ({"least_faithfulness": 0.75}, {}, None),
        ({"least_faithfulness": 0.76}, {}, Gate.UNFAITHFUL),
        ({"judged": {("hp bag", "d1"): "S"}}, {}, None),
        ({"judged": {("hp bag", "d1"): "I"}}, {}, Gate.NOT_AS_JUDGED),
        ({"judged": {("hp bag", "d2"): "I"}}, {}, None),
        ({"least_probability": 0.6}, {"probabilities": {"S": 0.6, "E": 0.4}}, None),
        ({"least_probability": 0.7}, {"probabilities": {"S": 0.6, "E": 0.4}}, Gate.DOUBTFUL),
        ({"least_probability": 0.7}, {}, None),
    ],
)
def test_a_label_passes_or_the_first_gate_that_it_fails_is_told(gates, given, failed):
    assert Gates(**gates).failed(label(**given), TEXT) is failed


def test_labels_that_pass_are_yielded_and_all_are_counted(tmp_path):
    pairs = [Pair("hp bag", f"d{number}", TEXT) for number in range(4)]
    labels = [
        label(pairs[0]),
        label(pairs[0], teacher="other", reason="prose"),
        label(pairs[1], reason="prose"),
        label(pairs[2], grade="I"),
    ]
    write_labels(tmp_path / "l.jsonl", labels)
    tally = Passed()

    with LabelIndex([tmp_path / "l.jsonl"]) as index:
        gates = Gates(judged={("hp bag", "d0"): "S"})
        kept = list(gated_labels(index, [*pairs, *pairs], gates, tally))

    assert kept == labels[:1]
    assert (tally.kept, tally.checked, tally.pairs) == ({"S": 1}, 2, 3)
    assert tally.failures == {("S", Gate.NO_CHAIN): 2, ("I", Gate.OTHER_CONCLUSION): 1}
    assert list(tally.aside) == [pairs[1].key, pairs[2].key]
