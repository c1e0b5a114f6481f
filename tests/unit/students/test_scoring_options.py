import pytest
from pydantic import ValidationError

from qrmiddleware.students.scoring_options import ScoringOptions


def test_one_field_may_be_named_alone():
    assert ScoringOptions(model="m", fields="title").fields == ("title",)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "model"),
        ({"model": "m", "keep": 3}, "give 'first' too"),
        ({"model": "m", "first": "f", "keep": 0}, "keep"),
        ({"model": "m", "fields": []}, "fields"),
        ({"model": "m", "runtime": {"device": "tpu"}}, "runtime"),
        ({"model": "m", "batch": 3}, "batch"),
    ],
)
def test_wrong_options_are_named(options, problem):
    with pytest.raises(ValidationError, match=problem):
        ScoringOptions(**options)
