from textwrap import dedent

from qrmiddleware_rules.checks import check_rules
from qrmiddleware_rules.parsing import parse_rules
from qrmiddleware_rules.replacements import Replacer, parse_replacements
from qrmiddleware_rules.words import fold_case


def warnings(rules, replace=""):
    parsed = parse_rules(dedent(rules), name="r.txt")
    assert parsed.problems == ()
    replacements = parse_replacements(replace, name="p.txt", fold=fold_case).replacements
    found = check_rules(parsed.rules, Replacer(replacements, fold_case))
    assert not any(problem.is_error for problem in found)
    return [(problem.line, problem.message) for problem in found]


def test_good_rules_raise_no_warnings():
    rules = """\
        hose =>
            SYNONYM: pipe
            @_id: "1"
            @priority: 3
        hos* =>
            SYNONYM: hose
    """

    assert warnings(rules, "hsoe => hose") == []


def test_the_same_input_twice_is_pointed_out():
    rules = "Garden Hose =>\n UP: a\ngarden  hose =>\n UP: b\ngarden hose* =>\n UP: c"

    assert warnings(rules) == [(3, "the same input as in line 1; both rules apply")]


def test_an_input_that_replace_rules_rewrite_is_never_reached():
    rules = "mo bile =>\n UP: a\nmobile =>\n UP: b"

    assert warnings(rules, "mo bile => mobile") == [
        (1, "never reached: replace rules turn this input into 'mobile' (p.txt:1)")
    ]


def test_synonyms_that_do_nothing_or_weigh_too_much_are_pointed_out():
    rules = "Hose =>\n SYNONYM: hose\n SYNONYM(3): pipe"

    assert warnings(rules) == [
        (2, "the synonym 'hose' is the input itself"),
        (3, "the weight 3 counts as 1, the highest"),
    ]


def test_rules_that_do_nothing_are_pointed_out():
    rules = "a =>\nb =>\n DECORATE: x\nc =>\n UP: d\n @enabled: false"

    assert warnings(rules) == [
        (1, "this rule has no instructions"),
        (3, "DECORATE is not applied: a search has no place for it"),
        (4, "this rule is switched off by 'enabled: false'"),
    ]


def test_a_property_that_does_nothing_by_itself_is_pointed_out_once():
    rules = "a =>\n UP: d\n @tenant: 1\nb =>\n UP: d\n @tenant: 1"

    assert warnings(rules) == [
        (1, "the property 'tenant' does nothing unless 'where' or 'sort' names it")
    ]
