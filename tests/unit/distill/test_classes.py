import pytest

from qrmiddleware.distill.classes import ESCI, Classes, LabelClass, read_classes, read_gains
from qrmiddleware.errors import ConfigError


def test_esci_is_worth_what_the_paper_says():
    assert dict(ESCI.gains) == {"E": 1.0, "S": 0.5, "C": 0.0, "I": 0.0}


@pytest.mark.parametrize("said", ["S", " s ", "substitute", "SUBSTITUTE"])
def test_a_class_is_found_by_code_or_name(said):
    found = ESCI.find(said)

    assert found is not None
    assert found.code == "S"


@pytest.mark.parametrize("said", ["", "X", "exact match", "E or S"])
def test_nothing_else_is_a_class(said):
    assert ESCI.find(said) is None


def test_gains_may_be_others():
    classes = ESCI.with_gains({"substitute": 0.1})

    assert dict(classes.gains) == {"E": 1.0, "S": 0.1, "C": 0.0, "I": 0.0}
    assert [each.meaning for each in classes] == [each.meaning for each in ESCI]


def test_a_gain_of_no_class_is_an_error():
    with pytest.raises(ConfigError, match="'Q': the classes are E, S, C, I"):
        ESCI.with_gains({"Q": 1})


@pytest.mark.parametrize("gain", [-0.5, 1.5])
def test_a_gain_is_between_0_and_1(gain):
    with pytest.raises(ConfigError, match="between 0 and 1"):
        ESCI.with_gains({"E": gain})


def test_codes_that_differ_in_case_only_are_an_error():
    with pytest.raises(ConfigError, match="e, E"):
        Classes((LabelClass("e", "a", 1), LabelClass("E", "b", 0)))


def test_classes_are_read_as_they_are_written():
    classes = read_classes(["Y=yes:1:what was asked: for", "N=no:0"])

    assert classes.members == (
        LabelClass("Y", "yes", 1.0, "what was asked: for"),
        LabelClass("N", "no", 0.0, ""),
    )


@pytest.mark.parametrize("told", ["Y", "Y=yes", "Y=yes:much", "=yes:1", "Y=:1"])
def test_a_class_that_is_written_otherwise_is_an_error(told):
    with pytest.raises(ConfigError, match="CODE=NAME:GAIN"):
        read_classes([told, "N=no:0"])


def test_gains_are_read_as_they_are_written():
    assert read_gains(["E=1", "not entailed = 0.5"]) == {"E": 1.0, "not entailed": 0.5}


def test_a_gain_that_is_no_number_is_an_error():
    with pytest.raises(ConfigError, match="CLASS=GAIN"):
        read_gains(["E=much"])


@pytest.mark.parametrize("gain", ["1.5", "-0.1", "nan"])
def test_a_gain_that_is_read_is_between_0_and_1(gain):
    with pytest.raises(ConfigError, match="between 0 and 1"):
        read_gains([f"E={gain}"])
