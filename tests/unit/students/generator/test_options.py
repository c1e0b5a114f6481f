import pytest

from qrmiddleware.students.generator.options import DecodingOptions


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        ({"n": 0}, "n is 0: from 1 to 64"),
        ({"n": 65, "beams": 65}, "n is 65"),
        ({"beams": 0}, "beams is 0"),
        ({"max_new_tokens": 0}, "max_new_tokens is 0"),
        ({"method": "diverse"}, "method is 'diverse': one of beams, alternatives, sampling"),
        ({"top_k": -1}, "top_k is -1"),
        ({"top_p": 0.0}, "top_p is 0.0"),
        ({"top_p": 1.5}, "top_p is 1.5"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"seed": -1}, "seed is -1"),
        ({"no_repeat_ngram": -2}, "no_repeat_ngram is -2"),
        ({"n": 5, "beams": 4}, "n is 5 with 4 beams"),
    ],
    ids=str,
)
def test_a_wrong_option_is_named_with_what_was_found(wrong, found):
    with pytest.raises(ValueError, match=found):
        DecodingOptions(**wrong)


def test_only_a_beam_search_needs_as_many_beams_as_rewrites():
    assert DecodingOptions(n=8, method="sampling").n == 8
    assert DecodingOptions(n=8, method="alternatives", seed=None).beams == 4
