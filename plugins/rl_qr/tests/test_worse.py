import math
import random

import pytest

from qrmiddleware_rl_qr.versions.worse import RATIOS, Counts, Limits, e_value, verdict

EVEN = {"part": 0.5, "tolerated": 1.0}


def test_the_e_value_is_the_mean_of_the_likelihood_ratios():
    by_hand = sum((r / (r + 1) / 0.5) ** 3 * (1 / (r + 1) / 0.5) ** 1 for r in RATIOS) / len(RATIOS)

    assert e_value(3, 1, **EVEN) == pytest.approx(by_hand)


def test_nothing_seen_is_no_evidence():
    assert e_value(0, 0, part=0.05, tolerated=1.1) == pytest.approx(1)


def test_ten_thousand_times_as_much_is_no_overflow():
    assert e_value(10_000, 0, part=0.05, tolerated=1.1) == math.inf


def test_what_is_tolerated_moves_where_evidence_begins():
    """150 to 100 is one and a half as often: evidence against 1.0, none against 2.0."""
    assert e_value(300, 200, part=0.5, tolerated=1.0) > 100
    assert e_value(300, 200, part=0.5, tolerated=2.0) < 1


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_an_equal_canary_is_hardly_ever_called_worse_however_often_one_looks(share):
    drawn = random.Random(7)  # noqa: S311 a simulation
    runs, alpha, called = 300, 0.05, 0

    for _ in range(runs):
        worse = other = 0
        for _ in range(400):
            if drawn.random() < share:
                worse += 1
            else:
                other += 1
            if e_value(worse, other, part=share, tolerated=1.0) >= 1 / alpha:
                called += 1
                break

    assert called / runs <= alpha + 3 * (alpha / runs) ** 0.5


def counts(**of):
    return Counts(**{"queries": 500, **of})


def test_says_in_which_respect_a_canary_is_worse():
    said = verdict(counts(found_nothing=120), counts(found_nothing=40), share=0.5, limits=Limits())

    assert said.startswith("found nothing: 120 of 500 queries, 40 of 500 with what serves")


def test_helping_less_often_is_worse_and_more_often_is_not():
    rarely, often = counts(helped=20), counts(helped=120)

    assert verdict(rarely, often, share=0.5, limits=Limits()).startswith("helped: 20 of 500")
    assert verdict(often, rarely, share=0.5, limits=Limits()) == ""


def test_of_few_queries_nothing_is_said():
    failing = Counts(queries=99, failed=99)

    assert verdict(failing, counts(), share=0.5, limits=Limits(min_queries=100)) == ""
    assert verdict(failing, counts(), share=0.5, limits=Limits(min_queries=99))


def test_a_small_share_that_always_fails_is_seen_soon():
    failing, serving = Counts(queries=20, failed=20), Counts(queries=400, failed=1)

    said = verdict(failing, serving, share=0.05, limits=Limits(min_queries=20))

    assert said.startswith("failed: 20 of 20")
