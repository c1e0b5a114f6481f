import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.rewriting.guards import (
    REASONS,
    GuardOptions,
    catalogue_brands,
    named_brands,
    objection,
    same_query,
    sift,
)

BRANDS = catalogue_brands(["Nike", "New Balance", "Balance", "ADIDAS", " ", "L'Oréal"])


@pytest.mark.parametrize(
    ("query", "rewrite", "reason"),
    [
        ("garden hoze", "garden hose", ""),
        ("garden hoze", "", "empty"),
        ("garden hoze", " \t\n", "empty"),
        ("garden hoze", "?!", "empty"),
        ("garden hoze", "Garden  HOZE", "echo"),
        ("garden hoze", "\uff47arden hoze", "echo"),
        ("garden hoze", "hose " * 500, "too long"),
        ("garden hoze", "h" * 121, "too long"),
        ("hoze", "long flexible green watering hose for gardens", "too long"),
        ("garden hoze", "long flexible green watering hose for gardens", ""),
        ("garden hoze", "garden\x00hose", "control characters"),
        ("garden hoze", "garden\nhose", "control characters"),
        ("garden hoze", "garden\u202ehose", "control characters"),
        ("garden hoze", "gar\u200bden hose", "control characters"),
        ("garden hoze", "garden \ud800 hose", "control characters"),
        ("garden hoze", "ignore the query", "talk"),
        ("garden hoze", "<b>garden hose</b>", "markup"),
        ("garden hoze", "садовый шланг", "another script"),
        ("garden hoze", "gard\u0435n hose", "another script"),  # one letter is Cyrillic
        ("ガーデン ホース", "庭 ほーす", ""),
        ("0815", "schlauch", ""),
        ("hose for garden", "schlauch für den garten", "another language"),
        ("hose for garden", "tube with tap", ""),
        ("garden hoze", "schlauch für garten", ""),
        ("garden hoze", "hose hose", "repeated words"),
        ("garden hoze", "garden hoze garden hoze", "repeated words"),
        ("garden hoze", "hose green hose long hose", "repeated words"),
        ("bora bora shirt", "bora bora tshirt", ""),
        ("baby shampoo", "baby shampoo for baby", ""),
        ("toner tn-2110", "toner tn-2120", "loses an identifier"),
        ("toner tn-2110", "toner TN2110", ""),
        ("brother toner", "brother toner tn-2110", "adds an identifier"),
        ("256gb stick", "256 gb flash drive", ""),
    ],
)
def test_a_rewrite_is_refused_for_what_is_wrong_with_it(query, rewrite, reason):
    assert objection(query, rewrite) == reason


def test_a_rewrite_that_was_taken_already_is_a_repeat():
    assert objection("hoze", "Hose", taken={"hose"}) == "repeat"


@pytest.mark.parametrize(
    ("query", "rewrite", "refused"),
    [
        ("nike shoe", "nike sneaker", False),
        ("nike shoe", "adidas sneaker", True),
        ("nike shoe", "sneaker", True),
        ("nike shoe", "nike adidas sneaker", True),
        ("shoe", "nike sneaker", False),
        ("new balance shoe", "new balance sneaker", False),
        ("new balance shoe", "balance sneaker", True),
        ("l'oréal paint", "L\u2019Oréal colour", True),  # another apostrophe is another spelling
    ],
)
def test_a_rewrite_keeps_the_brands_that_the_query_names(query, rewrite, refused):
    reason = objection(query, rewrite, GuardOptions(brands=BRANDS))

    assert reason == ("changes the brand" if refused else "")


def test_brands_are_found_longest_first():
    assert named_brands("New Balance nike balance", BRANDS) == {"new balance", "nike", "balance"}
    assert named_brands("new balance", BRANDS) == {"new balance"}
    assert named_brands("new shoe", BRANDS) == frozenset()


def test_what_is_asked_can_be_changed():
    assert objection("shoe", "nike", GuardOptions(brands=BRANDS, new_brands=False))
    assert not objection("айфон", "iphone", GuardOptions(scripts=frozenset({"LATIN"})))
    assert not objection("toner", "toner tn-2110", GuardOptions(new_identifiers=True))
    assert objection("hoze", "schlauch für garten", GuardOptions(language="en"))
    assert not objection("hoze", "schlauch für garten", GuardOptions(language="de"))
    assert objection("a b c", "d e f", GuardOptions(free_words=1, max_words=2)) == "too long"


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="1 at least"):
        GuardOptions(max_words=0)
    with pytest.raises(ValueError, match="'xx' is none that is told apart: en, de"):
        GuardOptions(language="xx")


def test_sifting_keeps_the_order_and_counts_reasons():
    sifted = sift("garden hoze", ["garden hose", "Garden Hose", "", "Sure! hose", "tube", " "])

    assert sifted.kept == ("garden hose", "tube")
    assert sifted.refused == (
        ("Garden Hose", "repeat"),
        ("", "empty"),
        ("Sure! hose", "talk"),
        (" ", "empty"),
    )
    assert sifted.reasons == {"empty": 2, "repeat": 1, "talk": 1}


@given(st.text(max_size=60), st.lists(st.text(max_size=60), max_size=6))
def test_whatever_is_proposed_is_kept_once_or_refused_for_a_known_reason(query, rewrites):
    sifted = sift(query, rewrites, GuardOptions(brands=BRANDS, language="en"))

    assert len(sifted.kept) + len(sifted.refused) == len(rewrites)
    assert sifted.reasons.keys() <= set(REASONS)
    assert len({same_query(each) for each in sifted.kept}) == len(sifted.kept)
    assert same_query(query) not in {same_query(each) for each in sifted.kept}
    assert sift(query, sifted.kept, GuardOptions(brands=BRANDS, language="en")).kept == sifted.kept


@given(st.text(max_size=80))
def test_the_query_again_is_never_a_rewrite(query):
    assert objection(query, f" {query.upper()} ") != "" or same_query(query.upper()) != same_query(
        query
    )
    assert objection(query, query) in {"empty", "echo"}


@given(st.text(max_size=80))
def test_a_key_is_its_own_key_and_survives_other_spellings(text):
    key = same_query(text)

    assert same_query(key) == key
    assert same_query(f"  {key}\t") == key
    assert same_query(unicodedata.normalize("NFD", key)) == key


@given(
    st.lists(st.sampled_from(["red", "shoe", "nike", "hat"]), min_size=1, max_size=4),
    st.permutations(["green", "sock", "wool", "long", "warm"]),
)
def test_new_words_each_once_are_never_called_repeated(query, words):
    assert objection(" ".join(query), " ".join(words)) == ""


@given(st.integers(17, 600), st.text(min_size=1, max_size=40))
def test_no_rewrite_of_hundreds_of_words_passes(count, query):
    assert objection(query, " ".join(f"w{number}" for number in range(count)))
