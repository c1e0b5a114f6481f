import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qrmiddleware.distill.calibrating import fit_calibration


def share(calibration, logit):
    return 1 / (1 + math.exp(-(calibration.slope * logit + calibration.intercept)))


def test_finds_the_shares_that_made_the_targets():
    logits = [step / 10 for step in range(-60, 61)]
    targets = [1 / (1 + math.exp(-(0.7 * logit - 1.2))) for logit in logits]

    found = fit_calibration(logits, targets)

    assert found.slope == pytest.approx(0.7, rel=0.05)
    assert found.intercept == pytest.approx(-1.2, rel=0.05)


def test_stays_finite_where_logits_tell_everything():
    found = fit_calibration([-3.0, -2.0, 2.0, 3.0], [0, 0, 1, 1])

    assert share(found, 3.0) > 0.95
    assert share(found, -3.0) < 0.05
    assert math.isfinite(found.slope)


def test_gives_the_mean_where_all_logits_are_the_same():
    found = fit_calibration([2.0, 2.0, 2.0, 2.0], [0, 0, 0, 1])

    assert share(found, 2.0) == pytest.approx(0.25, abs=0.01)


@given(
    st.lists(st.tuples(st.integers(-20, 20), st.floats(0, 1)), min_size=2, max_size=40),
    st.floats(0.1, 10),
    st.floats(-5, 5),
)
@settings(max_examples=50, deadline=None)
def test_does_not_depend_on_the_scale_of_the_logits(pairs, stretch, shift):
    logits, targets = zip(*pairs, strict=True)

    plain = fit_calibration(logits, targets)
    scaled = fit_calibration([stretch * logit + shift for logit in logits], targets)

    for logit in logits:
        assert share(scaled, stretch * logit + shift) == pytest.approx(
            share(plain, logit), abs=1e-4
        )


@pytest.mark.parametrize(
    ("logits", "targets", "problem"),
    [
        ([], [], "0 logits and 0 targets"),
        ([1.0], [1.0, 0.0], "1 logits and 2 targets"),
        ([math.nan], [1.0], "not finite"),
    ],
)
def test_refuses_what_cannot_be_fitted(logits, targets, problem):
    with pytest.raises(ValueError, match=problem):
        fit_calibration(logits, targets)
