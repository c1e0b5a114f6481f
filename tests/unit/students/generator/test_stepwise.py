import itertools
from concurrent.futures import CancelledError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.students.generator.options import DecodingOptions
from qrmiddleware.students.generator.stepwise import Hypothesis, StepwiseSearch, log_softmax
from qrmiddleware.students.generator.terms import Terms

END, SIZE = 5, 6
LONGEST = 3


class Table:
    """A model of six tokens: logits are drawn anew for each prefix, and the same each time."""

    def __init__(self, seed):
        self._seed = seed
        self.calls = 0

    def __call__(self, prefixes):
        self.calls += 1
        assert len({len(prefix) for prefix in prefixes}) == 1
        rows = [
            np.random.default_rng([self._seed, len(p), *p]).normal(0, 2, SIZE) for p in prefixes
        ]
        return np.array(rows, np.float32)

    def total(self, tokens):
        """Log-probability of a whole text, by the chain rule."""
        steps = [tokens[:length] for length in range(len(tokens) + 1)]
        return sum(
            float(log_softmax(self([prefix]))[0, token])
            for prefix, token in zip(steps, (*tokens, END), strict=True)
        )


def every_text():
    for length in range(1, LONGEST + 1):
        yield from itertools.product(range(END), repeat=length)


def search(model, *, terms=None, wanted=lambda: True, barred=(), **options):
    made = StepwiseSearch(model, vocabulary=SIZE, end=END, barred=barred, terms=terms)
    wishes = DecodingOptions(**{"max_new_tokens": LONGEST, **options})
    return made.search(wishes, wanted=wanted)


def best(model, texts, count):
    scored = [Hypothesis(tokens, model.total(tokens)) for tokens in texts]
    return sorted(scored, key=lambda each: -each.mean)[:count]


def same(found, expected):
    assert [each.tokens for each in found] == [each.tokens for each in expected]
    assert [each.total for each in found] == pytest.approx(
        [each.total for each in expected], abs=1e-4
    )


@given(st.integers(0, 1000))
def test_wide_beams_find_the_best_of_all_texts(seed):
    model = Table(seed)

    found = search(model, n=8, beams=64)

    same(found[:8], best(model, every_text(), 8))


@given(
    st.integers(0, 1000),
    st.sets(st.lists(st.integers(0, 4), min_size=1, max_size=2).map(tuple), min_size=1, max_size=5),
)
def test_wide_beams_find_the_best_of_all_sequences_of_terms(seed, paths):
    model = Table(seed)
    joined = {
        tuple(itertools.chain(*words))
        for count in range(1, LONGEST + 1)
        for words in itertools.product(paths, repeat=count)
    }
    texts = [tokens for tokens in joined if len(tokens) <= LONGEST]

    found = search(model, terms=Terms(paths, paths), n=8, beams=64)

    same(found[:8], best(model, texts, 8))


@given(st.integers(0, 1000))
def test_narrow_beams_report_what_the_model_gives(seed):
    model = Table(seed)

    found = search(model, n=2, beams=2)

    for each in found:
        assert each.total == pytest.approx(model.total(each.tokens), abs=1e-4)


def test_a_search_ends_when_nothing_can_overtake():
    def sure(prefixes):
        rows = np.full((len(prefixes), SIZE), -20, np.float32)
        rows[:, END if prefixes[0] else 0] = 0
        return rows

    calls = []
    found = search(
        lambda prefixes: calls.append(prefixes) or sure(prefixes), n=1, beams=1, max_new_tokens=50
    )

    assert found[0].tokens == (0,)
    assert len(calls) == 2


@pytest.mark.parametrize("seed", range(5))
def test_alternatives_begin_with_the_likeliest_tokens_and_go_on_greedily(seed):
    model = Table(seed)
    first = np.argsort(-model([()])[0][:END])[:3]
    expected = set()
    for token in first:
        tokens = (int(token),)
        while len(tokens) <= LONGEST and (likeliest := int(model([tokens])[0].argmax())) != END:
            tokens = (*tokens, likeliest)
        if len(tokens) <= LONGEST:
            expected.add(tokens)

    found = search(model, method="alternatives", n=3)

    assert {each.tokens for each in found} == expected


def test_alternatives_of_terms_are_terms():
    terms = Terms([(0, 1), (2,)], [(3,)])

    found = search(Table(3), method="alternatives", n=4, terms=terms, max_new_tokens=6)

    assert {each.tokens[:2] for each in found} <= {(0, 1), (2,), (2, 3), (3,), (3, 3)}


def test_samples_are_as_frequent_as_the_model_says():
    logits = np.log(np.array([0.5, 0.2, 0.1, 0.1, 0.1, 1e-9], np.float32))

    def one_token(prefixes):
        rows = np.tile(logits, (len(prefixes), 1))
        if prefixes[0]:
            rows[:] = -30
            rows[:, END] = 0
        return rows

    firsts = [draw for seed in range(400) for draw in draws(one_token, seed=seed)]

    assert firsts.count(0) / len(firsts) == pytest.approx(0.5, abs=0.08)
    assert firsts.count(1) / len(firsts) == pytest.approx(0.2, abs=0.06)


def draws(model, **options):
    """First tokens of one draw."""
    return [each.tokens[0] for each in search(model, method="sampling", n=1, **options)]


def test_samples_repeat_with_their_seed_and_differ_with_another():
    model = Table(1)
    many = {"method": "sampling", "n": 16, "temperature": 3.0}

    assert search(model, seed=4, **many) == search(model, seed=4, **many)
    assert search(model, seed=4, **many) != search(model, seed=5, **many)


def test_temperature_changes_what_is_drawn_but_no_log_probability():
    model = Table(2)

    for each in search(model, method="sampling", n=32, temperature=5.0):
        assert each.total == pytest.approx(model.total(each.tokens), abs=1e-4)


@pytest.mark.parametrize("narrow", [{"top_k": 1}, {"top_p": 1e-6}, {"temperature": 0.01}])
def test_the_narrowest_sampling_is_greedy(narrow):
    model = Table(7)

    found = search(model, method="sampling", n=8, **narrow)

    assert len(found) <= 1
    assert [each.tokens for each in found] == [
        each.tokens for each in search(model, method="sampling", n=1, top_k=1)
    ]


def test_top_k_draws_among_so_many():
    model = Table(9)
    likeliest = set(np.argsort(-model([()])[0][:END])[:2].tolist())

    firsts = {t for seed in range(50) for t in draws(model, seed=seed, top_k=2, temperature=9.0)}

    assert firsts <= likeliest


def test_what_does_not_end_in_time_is_no_sample():
    def endless(prefixes):
        rows = np.zeros((len(prefixes), SIZE), np.float32)
        rows[:, END] = -100
        return rows

    assert search(endless, method="sampling", n=4) == []


@pytest.mark.parametrize("method", ["beams", "sampling", "alternatives"])
def test_no_run_of_tokens_is_repeated(method):
    found = search(Table(11), method=method, n=4, no_repeat_ngram=1, max_new_tokens=5)

    assert found
    assert all(len(set(each.tokens)) == len(each.tokens) for each in found)


def test_longer_runs_may_not_repeat_but_their_parts_may():
    found = search(Table(11), n=64, beams=64, no_repeat_ngram=2, max_new_tokens=4)

    pairs = [list(itertools.pairwise(each.tokens)) for each in found]
    assert all(len(set(each)) == len(each) for each in pairs)
    assert any(len(set(each.tokens)) < len(each.tokens) for each in found)


@pytest.mark.parametrize("method", ["beams", "sampling", "alternatives"])
def test_barred_tokens_are_never_written(method):
    found = search(Table(5), method=method, n=4, barred=(0, 3))

    assert {token for each in found for token in each.tokens} <= {1, 2, 4}


@pytest.mark.parametrize("method", ["beams", "sampling", "alternatives"])
def test_a_search_that_nobody_wants_ends_between_two_steps(method):
    model, answers = Table(5), iter([True, True, False])

    with pytest.raises(CancelledError):
        search(model, method=method, max_new_tokens=50, wanted=lambda: next(answers))

    assert model.calls == 2


def test_terms_too_long_for_the_rewrite_give_none():
    terms = Terms([(0, 1, 2, 3)], [(0, 1, 2, 3)])

    assert search(Table(0), terms=terms) == []
    assert search(Table(0), terms=terms, method="sampling") == []
    assert search(Table(0), terms=terms, method="alternatives") == []
