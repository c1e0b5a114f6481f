from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware_rl_qr.versions.choosing import chosen_version, query_key
from qrmiddleware_rl_qr.versions.state import State

SHARES = st.floats(0.01, 0.99)
TRIALS = st.text(min_size=1, max_size=12)


def on_trial(share, trial):
    return State("0001", canary="0002", share=share, trial=trial)


@given(SHARES, TRIALS)
def test_the_canary_gets_its_share_of_the_queries(share, trial):
    state = on_trial(share, trial)

    dealt = [chosen_version(state, f"query {n}") for n in range(2_000)]

    deviation = (share * (1 - share) / len(dealt)) ** 0.5
    assert abs(dealt.count("0002") / len(dealt) - share) < 6 * deviation
    assert set(dealt) <= {"0001", "0002"}


@given(st.text(), SHARES, TRIALS)
def test_a_query_keeps_its_version_however_it_is_spelt(text, share, trial):
    state = on_trial(share, trial)

    assert chosen_version(state, f"  {text}\t") == chosen_version(state, text)
    assert chosen_version(on_trial(share, trial), text) == chosen_version(state, text)


@given(st.text(), SHARES, SHARES, TRIALS)
def test_a_larger_share_takes_no_query_from_the_canary(text, one, other, trial):
    small, large = sorted((one, other))

    if chosen_version(on_trial(small, trial), text) == "0002":
        assert chosen_version(on_trial(large, trial), text) == "0002"


def test_another_trial_deals_anew():
    texts = [f"query {n}" for n in range(200)]

    first, second = (
        {text for text in texts if chosen_version(on_trial(0.5, trial), text) == "0002"}
        for trial in ("a", "b")
    )

    assert 60 < len(first) < 140
    assert 20 < len(first & second) < 80


def test_without_a_trial_what_serves_answers():
    assert chosen_version(State("0001", previous="0000"), "shoe") == "0001"
    assert query_key("Shoe ", "t") == query_key("shoe", "t")
    assert query_key("shoe", "t") != query_key("shoe", "u")
