"""What grades are worth, and how ratings become grades."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.evaluation.formats.grades import (
    SCALE,
    Judgments,
    gain_options,
    grade_of,
    refuse_unknown,
)
from qrmiddleware.evaluation.formats.rows import FormatError, Row

ROW = Row("f:1", {})


def chosen(**wishes):
    return {name: wishes.get(name, option.default) for name, option in gain_options().items()}


@given(st.lists(st.text(" ab+%_é", min_size=1).filter(str.strip), min_size=2, max_size=6))
def test_names_are_words_and_no_two_texts_share_one(texts):
    judgments = Judgments()

    names = {text: judgments.name(text) for text in texts}

    assert all(len(name.split()) == 1 for name in names.values())
    assert len(set(names.values())) == len({" ".join(text.split()) for text in texts})


def test_the_same_judgment_may_come_twice():
    judgments = Judgments()
    judgments.add("q", "a", 1.0, ROW)
    judgments.add("q", "a", 1, ROW)

    with pytest.raises(FormatError, match="expected one judgment of q and a, which was 1 before"):
        judgments.add("q", "a", 2, ROW)


@given(st.dictionaries(st.text("abc", min_size=1), st.floats(0, 8, width=16), min_size=1))
def test_ratings_keep_their_order_and_their_worth(ratings):
    judgments = Judgments()
    for doc_id, rating in ratings.items():
        judgments.add("q", doc_id, rating, ROW)

    judged = judgments.judged(chosen(gain="linear"))

    for doc_id, rating in ratings.items():
        assert judged.gains[judged.qrels["q"][doc_id]] == pytest.approx(rating, abs=1 / SCALE)


def test_too_high_a_grade_is_refused():
    judgments = Judgments()
    judgments.add("q", "a", 5000, ROW)

    with pytest.raises(FormatError, match=r"too much for 2\^grade - 1; choose gain=linear"):
        judgments.judged(chosen())


def test_what_is_relevant_must_be_a_number():
    with pytest.raises(FormatError, match="relevant_from is a number, not 'good'"):
        Judgments().judged(chosen(relevant_from="good"))


def test_unknown_labels_are_counted_and_refused_together():
    unknown = Counter()
    grades = {"yes": 1, "no": 0}

    assert [grade_of(label, grades, unknown) for label in ("yes", "ja", "ja", "nein")] == [
        1,
        0,
        0,
        0,
    ]
    with pytest.raises(FormatError, match=r"f: .* yes, no; also found 'ja' \(2 times\), 'nein'"):
        refuse_unknown("f", unknown, grades)


def test_known_labels_are_fine():
    refuse_unknown("f", Counter(), ["yes"])
