import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.model import Boost, Query, Restriction, Rewrite
from qrmiddleware.pipeline.admission import (
    admit,
    boosts_of,
    identifiers,
    restrictions_of,
    rewrites_of,
)
from qrmiddleware.pipeline.options import Options

REWRITES = st.builds(
    Rewrite,
    st.sampled_from(["red shoe", "RED  shoe", "sneaker", "boot", "trainer tn-2110", "x"]),
    st.sampled_from([0.1, 0.5, 1.0]),
    st.booleans(),
)


def reasons(text, *proposals, **options):
    return [d.reason for d in admit(Query(text), {"rules": proposals}, Options(**options))]


def test_proposals_of_all_plugins_are_decided_on_in_their_order():
    decisions = admit(
        Query("red shoe"),
        {"rules": [Rewrite("sneaker"), Boost("sale")], "table": [Rewrite("trainer")]},
        Options(),
    )

    assert [(d.plugin, d.proposal.text, d.reason) for d in decisions] == [
        ("rules", "sneaker", "admitted"),
        ("rules", "sale", "admitted"),
        ("table", "trainer", "admitted"),
    ]
    assert all(d.admitted for d in decisions)


def test_an_echo_of_the_query_is_told_by_its_words():
    assert reasons("Red Shoe", Rewrite(" red  SHOE ")) == ["echo of the query"]


def test_the_second_of_two_alike_is_a_repeat():
    assert reasons("q", Rewrite("sneaker"), Rewrite("Sneaker")) == ["admitted", "repeat"]


def test_a_rewrite_below_the_floor_is_not_used():
    assert reasons("q", Rewrite("a", 0.2), Rewrite("b", 0.3), min_weight=0.3) == [
        "weight 0.2 is below min_weight 0.3",
        "admitted",
    ]


def test_there_is_a_limit_to_rewrites_that_boosts_and_replacements_do_not_count_to():
    proposals = [
        Rewrite("a", replaces=True),
        Boost("b"),
        Rewrite("c"),
        Restriction("d"),
        Rewrite("e"),
    ]

    assert reasons("q", *proposals, max_rewrites=1) == [
        "admitted",
        "admitted",
        "admitted",
        "admitted",
        "limit of 1 reached",
    ]


def test_a_refused_rewrite_does_not_use_up_the_limit():
    assert reasons("q", Rewrite("q"), Rewrite("a"), max_rewrites=1) == [
        "echo of the query",
        "admitted",
    ]


def test_the_first_replacement_wins():
    assert reasons("q", Rewrite("a", replaces=True), Rewrite("b", replaces=True)) == [
        "admitted",
        "the query was already replaced by 'a'",
    ]


def test_a_rewrite_must_keep_the_querys_identifiers_however_they_are_punctuated():
    assert reasons("toner TN-2110", Rewrite("toner"), Rewrite("cartridge tn 2110")) == [
        "loses the identifier 'TN-2110'",
        "admitted",
    ]
    assert reasons("toner TN-2110", Rewrite("toner"), keep_identifiers=False) == ["admitted"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("brother tn-2110 toner", ["tn-2110"]),
        ("006R90321", ["006R90321"]),
        ("4006381333931", ["4006381333931"]),
        ("(CE285A), HP", ["CE285A"]),
        ("wd5000aakx 500gb", ["wd5000aakx"]),
        ("sony wh-1000xm4", ["wh-1000xm4"]),
        ("500gb ssd", []),
        ("1080p monitor 15.6", []),
        ("15,6 zoll", []),
        ("1920x1080", []),
        ("ps4 a4 usb3", []),
        ("10000mah", []),
        ("12345", []),
        ("red running shoes", []),
        ("", []),
    ],
)
def test_article_numbers_are_told_from_measures(text, found):
    assert list(identifiers(text)) == found


@given(st.text())
def test_identifiers_are_parts_of_the_text(text):
    assert all(identifier in text for identifier in identifiers(text))


@given(st.lists(REWRITES), st.integers(0, 3), st.sampled_from([0.0, 0.3]))
def test_what_is_admitted_keeps_every_rule(rewrites, limit, floor):
    query = Query("red shoe")

    decisions = admit(query, {"a": rewrites}, Options(max_rewrites=limit, min_weight=floor))

    used = rewrites_of(decisions)
    keys = [" ".join(rewrite.text.casefold().split()) for rewrite in used]
    assert len(decisions) == len(rewrites)
    assert len(set(keys)) == len(keys)
    assert "red shoe" not in keys
    assert sum(not rewrite.replaces for rewrite in used) <= limit
    assert sum(rewrite.replaces for rewrite in used) <= 1
    assert all(rewrite.weight >= floor for rewrite in used)
    assert all(d.admitted == (d.reason == "admitted") for d in decisions)


def test_decisions_are_parted_by_kind():
    rewrite, boost, restriction = Rewrite("a"), Boost("b"), Restriction("c")

    decisions = admit(Query("q"), {"x": [boost, rewrite, Rewrite("q"), restriction]}, Options())

    assert rewrites_of(decisions) == (rewrite,)
    assert boosts_of(decisions) == (boost,)
    assert restrictions_of(decisions) == (restriction,)
