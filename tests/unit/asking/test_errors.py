from qrmiddleware.asking.errors import Trouble, UnansweredError
from qrmiddleware.errors import QrmError


def test_an_error_says_what_was_found_and_keeps_its_kind_beside():
    error = UnansweredError(Trouble.RATE_LIMITED, "http://a answered HTTP 429: slow down", 3.0)

    assert isinstance(error, QrmError)
    assert str(error) == "http://a answered HTTP 429: slow down"
    assert (error.trouble, error.retry_after_s) == ("rate limited", 3.0)
