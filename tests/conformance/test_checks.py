import pytest
from checks import CHECKS, is_true, java_text


@pytest.mark.parametrize(
    ("check", "actual", "expected"),
    [
        ("match", 1.0, 1),
        ("match", 4.611686018427388e18, 4611686018427387903),
        ("match", {"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}),
        ("match", None, None),
        ("match", "green  open", r"/^ green \s+ open $/"),
        ("match", "a\nb\n", "/^ a \\n\n   b \\n $/\n"),
        ("match", {"reason": "no such index"}, "/reason=no\\ such/"),
        ("match", 12, r"/^ \d+ $/"),
        ("length", "abc", 3),
        ("length", [1, 2], 2),
        ("length", {"a": 1}, "1"),
        ("contains", [{"a": 1, "b": 2}, {"a": 3}], {"a": 1}),
        ("gt", 2, 1),
        ("gte", "2", 2),
        ("lt", 0.5, 1),
        ("lte", 1, 1),
    ],
)
def test_what_holds(check, actual, expected):
    assert CHECKS[check](actual, expected)


@pytest.mark.parametrize(
    ("check", "actual", "expected"),
    [
        ("match", 1, True),
        ("match", True, 1),
        ("match", 1.0, True),
        ("match", "1", 1),
        ("match", {"a": 1, "b": 2}, {"a": 1}),
        ("match", [1, 2], [2, 1]),
        ("match", [1], [1, 2]),
        ("match", None, "/.*/"),
        ("match", 0, None),
        ("match", {"a": [True]}, {"a": [1]}),
        ("length", None, 0),
        ("length", 3, 3),
        ("contains", [{"a": 1}], {"a": 2}),
        ("contains", [{"b": None}], {"a": None}),
        ("contains", {"a": 1}, {"a": 1}),
        ("gt", 1, 1),
        ("gte", None, 0),
        ("lt", "many", 3),
        ("lte", 2, 1),
    ],
)
def test_what_does_not_hold(check, actual, expected):
    assert not CHECKS[check](actual, expected)


@pytest.mark.parametrize("value", [True, 1, "x", [0], {}, []])
def test_what_is_there_is_true(value):
    assert is_true(value)


@pytest.mark.parametrize("value", [None, False, 0, "", "false", "0"])
def test_what_is_empty_or_zero_is_not(value):
    assert not is_true(value)


def test_errors_are_spelt_as_java_spells_them():
    error = {"type": "x", "root_cause": [{"line": 1, "fatal": False}], "by": None}

    assert java_text(error) == "{type=x, root_cause=[{line=1, fatal=false}], by=null}"
