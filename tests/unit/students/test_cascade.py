from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.students.cascade import Cascade


@dataclass
class Table:
    points: dict[str, float]
    asked: list[list[str]] = field(default_factory=list)

    def scores(self, query, texts, *, wanted=None):
        self.asked.append(list(texts))
        return np.array([self.points[text] for text in texts], np.float32)


def test_the_best_of_the_first_are_ranked_by_the_second_above_all_others():
    first = Table({"a": 0.1, "b": 0.9, "c": 0.8, "d": -0.5})
    second = Table({"b": 0.2, "c": 0.7})

    judged = Cascade(first, second, keep=2).judge("q", ["a", "b", "c", "d"])

    assert judged.scores[[1, 2]].tolist() == pytest.approx([0.2, 0.7])
    assert judged.scores[0] < 0.2
    assert judged.scores[3] == pytest.approx(0.2 - 1)
    assert judged.by_second.tolist() == [False, True, True, False]
    assert second.asked == [["b", "c"]]


def test_few_texts_are_left_to_the_second():
    first, second = Table({}), Table({"a": 0.4})

    judged = Cascade(first, second, keep=1).judge("q", ["a"])

    assert judged.scores.tolist() == pytest.approx([0.4])
    assert judged.by_second.all()
    assert not first.asked


def test_no_texts_have_no_scores():
    assert Cascade(Table({}), Table({}), keep=3).scores("q", []).shape == (0,)


def test_others_that_the_first_cannot_tell_apart_stay_together():
    first = Table(dict.fromkeys("abc", 0.5))

    scores = Cascade(first, Table({"a": 0.0}), keep=1).scores("q", ["a", "b", "c"])

    assert scores[1] == scores[2] < scores[0]


def test_keeps_at_least_one():
    with pytest.raises(ValueError, match="at least 1 text"):
        Cascade(Table({}), Table({}), keep=0)


SCORES = st.floats(-1, 1, width=16)


@given(
    points=st.lists(st.tuples(SCORES, SCORES), min_size=1, max_size=12),
    keep=st.integers(1, 12),
)
def test_every_ranking_is_the_seconds_then_the_firsts(points, keep):
    texts = [str(number) for number in range(len(points))]
    first = dict(zip(texts, (early for early, _ in points), strict=True))
    second = dict(zip(texts, (late for _, late in points), strict=True))

    scores = Cascade(Table(first), Table(second), keep).scores("q", texts)

    ranked = sorted(texts, key=lambda text: -scores[int(text)])
    best = sorted(texts, key=lambda text: -first[text])
    assert set(ranked[:keep]) == set(best[:keep])
    assert [second[t] for t in ranked[:keep]] == sorted(map(second.get, best[:keep]), reverse=True)
    assert [first[t] for t in ranked[keep:]] == sorted(map(first.get, best[keep:]), reverse=True)
