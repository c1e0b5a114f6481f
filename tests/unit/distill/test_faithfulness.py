import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.chains import ASPECTS, Chain, Step, Verdict
from qrmiddleware.distill.faithfulness import faithfulness

QUERY = "laptop bags hp"
TEXT = "Acme Sleeve 14 inch, grey"


def chain(*notes):
    """Compare what there are notes on, and nothing else."""
    said = [Step(aspect, Verdict.MATCH, note) for aspect, note in zip(ASPECTS, notes, strict=False)]
    return Chain(
        (*said, *(Step(aspect, Verdict.UNSPECIFIED) for aspect in ASPECTS[len(said) :])), "E"
    )


@pytest.mark.parametrize(
    ("notes", "share"),
    [
        (["asked for a laptop bag, and it is a sleeve"], 1.0),
        (["asked for HP, found Acme"], 1.0),
        (["grey sleeves", "of Dell"], 1 / 2),
        (["grey sleeves", ""], 1 / 2),
        (["leather, waterproof"], 0.0),
        (["Dell, Dell, laptop"], 1 / 3),
        (["the query names no brand"], 0.0),
        (["---"], 0.0),
        ([], 0.0),
    ],
)
def test_is_the_share_of_words_that_query_or_text_have(notes, share):
    assert faithfulness(chain(*notes), QUERY, TEXT) == pytest.approx(share)


def test_neither_verdicts_nor_conclusion_count():
    bare = Chain(tuple(Step(aspect, Verdict.MISMATCH) for aspect in ASPECTS), "E")

    assert faithfulness(bare, "category brand mismatch E", "model attribute") == 0.0


@given(notes=st.lists(st.text(max_size=20), max_size=4), query=st.text(), text=st.text())
def test_is_a_share_that_more_text_never_lowers(notes, query, text):
    share = faithfulness(chain(*notes), query, "")

    assert 0.0 <= share <= faithfulness(chain(*notes), query, text) <= 1.0


@given(words=st.lists(st.sampled_from(["laptop", "bags", "grey", "sleeve", "14"]), min_size=1))
def test_notes_that_only_quote_are_wholly_faithful(words):
    assert faithfulness(chain(" ".join(words)), QUERY, TEXT) == 1.0
