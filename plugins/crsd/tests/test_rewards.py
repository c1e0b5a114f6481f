import pytest

from qrmiddleware.distill.causal.generation import Response
from qrmiddleware.distill.classes import ESCI
from qrmiddleware.distill.labels import Label, Pair
from qrmiddleware_crsd.recipes.rewards import WEIGHTS, Rewards, rewards_of

PAIR = Pair("red kettles acme", "1", "Bold kettle 2 l, glass")
CHAIN = (
    "category: match (asked for kettle, found kettle)\n"
    "brand: mismatch (asked for acme, found bold)\n"
    "model: unspecified\n"
    "attribute: mismatch (without red)\n"
    "conclusion: S"
)


def label(**told):
    usual = {"pair": PAIR.key, "query": PAIR.query, "doc_id": "1", "teacher": "t", "target": 0.5}
    return Label(**usual, **({"grade": "S"} | told))


def rewarded(text, *, ended=True, **told):
    return rewards_of(Response(text, (5, 6, 1), ended), PAIR, label(**told), ESCI)


def test_a_good_chain_is_worth_all():
    assert rewarded(CHAIN) == Rewards(1.0, 1.0, 1.0, 1.0)


def test_a_wrong_conclusion_is_worth_its_probability_or_nothing():
    wrong = CHAIN.replace("conclusion: S", "conclusion: E")
    doubts = {"E": 0.3, "S": 0.6, "C": 0.1, "I": 0.0}

    assert rewarded(wrong).correct == 0.0
    assert rewarded(wrong, probabilities=doubts).correct == 0.3
    assert rewarded(CHAIN, probabilities=doubts).correct == 0.6


@pytest.mark.parametrize("text", ["", "It is a kettle.", CHAIN.replace("model", "size")])
def test_what_is_no_chain_is_worth_its_brevity(text):
    assert rewarded(text) == Rewards(0.0, 0.0, 0.0, 1.0)


def test_a_chain_that_was_cut_off_is_none():
    assert rewarded(CHAIN, ended=False).formed == 0.0


def test_many_words_cost_the_brevity():
    longer = CHAIN.replace("without red", f"without red{' red' * 40}")

    assert 0 < rewarded(longer).brief < 1
    assert rewarded("word " * 60).brief == pytest.approx(0.5)
    assert rewarded("word " * 200).brief == 0.0


def test_the_total_is_the_mean_by_weights():
    rewards = Rewards(1.0, 0.5, 1.0, 0.0)

    assert rewards.total(Rewards(2.0, 1.0, 0.0, 1.0)) == pytest.approx(2.5 / 4)
    assert Rewards(1.0, 1.0, 1.0, 1.0).total(WEIGHTS) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="at least one"):
        rewards.total(Rewards(0.0, 0.0, 0.0, 0.0))
