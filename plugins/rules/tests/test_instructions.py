import pytest

from qrmiddleware import Boost, Restriction
from qrmiddleware_rules.inputs import parse_input
from qrmiddleware_rules.instructions import parse_instruction
from qrmiddleware_rules.problems import InvalidTextError
from qrmiddleware_rules.rule import Decoration, Deletion, Effects, Synonym
from qrmiddleware_rules.terms import fill, fill_clause


def parse(content, rule_input="garden hose"):
    return parse_instruction(content, parse_input(rule_input), 7)


def match(field, text):
    return {"match": {field: {"query": text, "operator": "and"}}}


@pytest.mark.parametrize(
    ("content", "text", "weight"),
    [
        ("SYNONYM: water pipe", "water pipe", 1.0),
        ("  SYNONYM(0.5):  water   pipe ", "water pipe", 0.5),
        ("synonym ( 2 ) : pipe", "pipe", 2.0),
        (r"SYNONYM: size 3\:4 \#2", "size 3:4 #2", 1.0),
        ("SYNONYM: 16:9 screen", "16:9 screen", 1.0),
    ],
)
def test_a_synonym_has_words_and_a_weight(content, text, weight):
    assert parse(content) == Synonym(text, weight, 7)


def test_up_and_down_take_words():
    assert parse("UP(10): long green") == Effects((Boost(text="long green", weight=10.0),))
    assert parse("DOWN: reel") == Effects((Boost(text="reel", weight=-1.0),))
    assert parse('UP: 15"') == Effects((Boost(text='15"'),))


def test_up_and_down_take_fields():
    assert parse("UP: category:hose") == Effects((Boost(clause=match("category", "hose")),))
    assert parse("DOWN(2): +brand:acme -category:reel") == Effects(
        (
            Boost(
                clause={
                    "bool": {
                        "must": [match("brand", "acme")],
                        "must_not": [match("category", "reel")],
                    }
                },
                weight=-2.0,
            ),
        )
    )


def test_what_must_only_be_absent_is_boosted_by_a_constant():
    (boost,) = parse("UP: -category:reel").proposals

    assert boost.clause["bool"]["must"] == [{"match_all": {}}]


def test_raw_clauses_are_passed_on():
    assert parse('UP(3): * {"range": {"price": {"lte": 9}}}') == Effects(
        (Boost(clause={"range": {"price": {"lte": 9}}}, weight=3.0),)
    )
    assert parse(r'FILTER: *{"term": {"tag": "\#1"}}') == Effects(
        (Restriction(clause={"term": {"tag": "#1"}}),)
    )


def test_a_filter_demands_each_word_and_excludes_those_with_a_minus():
    assert parse("FILTER: long +green -reel brand:acme -{type,kind}:cart -") == Effects(
        (
            Restriction(text="long"),
            Restriction(text="green"),
            Restriction(text="reel", excludes=True),
            Restriction(clause=match("brand", "acme")),
            Restriction(
                clause={
                    "multi_match": {"query": "cart", "fields": ["type", "kind"], "operator": "and"}
                },
                excludes=True,
            ),
            Restriction(text="-"),
        )
    )


def test_delete_means_all_words_of_the_input_or_those_it_names():
    assert parse("DELETE") == Deletion(frozenset({(0, 0), (0, 1)}))
    assert parse("DELETE:") == parse("DELETE")
    assert parse("DELETE: Garden") == Deletion(frozenset({(0, 0)}))
    assert parse("DELETE: ho*", "garden ho*") == Deletion(frozenset({(0, 1)}))
    assert parse(r"DELETE: 4\*", r"4\* hose") == Deletion(frozenset({(0, 0)}))


def test_delete_in_a_condition_leaves_out_what_must_be_absent():
    assert parse("DELETE", "hose AND cheap AND NOT reel") == Deletion(frozenset({(0, 0), (1, 0)}))
    assert parse("DELETE: cheap", "hose AND cheap") == Deletion(frozenset({(1, 0)}))


def test_a_synonym_goes_with_a_phrase_that_others_must_not_accompany():
    assert parse("SYNONYM: pipe", "hose AND NOT (reel OR cart)") == Synonym("pipe", 1.0, 7)


def test_decorations_are_kept_as_they_are():
    assert parse("DECORATE(redirect): /a?b=1, $1") == Decoration("/a?b=1, $1", 7)


def test_what_the_wildcard_matched_is_filled_in():
    assert fill("$1 pipe $10", r"x\1") == r"x\1 pipe $10"
    assert fill_clause({"term": {"a": "$1"}}, '"x"') == {"term": {"a": '"x"'}}
    assert parse("SYNONYM: ho $1", "ho*") == Synonym("ho $1", 1.0, 7)


@pytest.mark.parametrize(
    ("content", "column", "said"),
    [
        ("  SINONYM: pipe", 3, "'SINONYM' is no instruction; known are SYNONYM"),
        ("pipe and hose", 1, "expected an instruction"),
        ("SYNONYM", 8, "SYNONYM needs a value"),
        ("FILTER:  ", 8, "FILTER needs a value"),
        ("SYNONYM(): pipe", 9, "above 0"),
        ("SYNONYM(x): pipe", 9, "above 0 in SYNONYM.…., found 'x'"),
        ("UP(0): pipe", 4, "above 0"),
        ("UP(-1): pipe", 4, "above 0"),
        ("DOWN(inf): pipe", 6, "above 0"),
        ("DOWN(nan): pipe", 6, "above 0"),
        ("FILTER(2): pipe", 8, "takes no number"),
        ("DELETE(2): hose", 8, "takes no number"),
        ("DELETE: pipe", 9, "'pipe' does not occur"),
        ("SYNONYM: brand:acme", 10, "cannot name a field"),
        ("SYNONYM: $1", 10, "ends in"),
        ("UP: long -reel", 11, "write 'DOWN: reel'"),
        ("DOWN: -reel", 8, "write 'UP: reel'"),
        ("UP: long brand:acme", 5, "not both"),
        ("UP: {}:acme a:b", 5, "not both"),
        ("UP: {,}:acme", 5, "field names"),
        ('FILTER: "garden hose"~2', 8, "match_phrase"),
        ("FILTER: *", 10, "query clause in JSON"),
        ('FILTER: * {"term": }', 20, "query clause in JSON"),
        ("FILTER: * -category:reel", 11, "query clause in JSON"),
        ('FILTER: * ["term"]', 10, "one query clause"),
        ('FILTER: * {"a": 1, "b": 2}', 10, "one query clause"),
        ('FILTER: * {"a": NaN}', 10, "not JSON"),
        ('FILTER: * {"term": {"a": "%%x%%"}}', 27, "parameters"),
        (r"UP: a\b", 6, "no escape"),
    ],
)
def test_an_instruction_that_cannot_be_read_says_where_and_why(content, column, said):
    with pytest.raises(InvalidTextError, match=said) as raised:
        parse(content)

    assert raised.value.column == column


def test_a_synonym_for_several_phrases_is_refused():
    with pytest.raises(InvalidTextError, match="write a rule for each"):
        parse("SYNONYM: pipe", "hose OR tube")


def test_json_that_is_nested_too_deeply_is_refused():
    with pytest.raises(InvalidTextError, match="query clause in JSON"):
        parse('UP: * {"a":' + "[" * 100_000)
