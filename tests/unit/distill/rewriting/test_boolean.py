import pytest

from qrmiddleware.distill.rewriting.boolean import NotBooleanError, plain_rewrites


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("LED AND (race OR wire)", ["LED race", "LED wire"]),
        ('"dr eggman" AND "plush"', ["dr eggman plush"]),
        ("garden hose", ["garden hose"]),
        ("(a OR b) AND (c OR d OR e)", ["a c", "b d", "a e"]),
        ("hat || cap && red", ["hat", "cap red"]),
        ('n95 AND NOT "ear loop"', ["n95 without ear loop"]),
        ("“smart speaker” OR (Alexa AND Echo)", ["smart speaker", "Alexa Echo"]),
        ('("tv" OR "video") AND ("tv" OR "video")', ["tv", "video"]),
        ("()", None),
        ("(a OR b", None),
        ("a AND", None),
        ("a) b", None),
        ("OR a", None),
        ("", None),
    ],
)
def test_choices_are_told_one_by_one(text, told):
    if told is None:
        with pytest.raises(NotBooleanError):
            plain_rewrites(text)
    else:
        assert plain_rewrites(text) == told


def test_no_more_than_asked_for():
    assert plain_rewrites("a OR b OR c OR d", most=2) == ["a", "b"]


def test_deep_brackets_are_refused_before_they_exhaust_the_stack():
    with pytest.raises(NotBooleanError, match="deep"):
        plain_rewrites("(" * 5000 + "a" + ")" * 5000)
    with pytest.raises(NotBooleanError, match="deep"):
        plain_rewrites("NOT " * 5000 + "a")
