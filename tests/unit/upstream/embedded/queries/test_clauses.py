import pytest
import tantivy

from qrmiddleware.upstream.embedded.queries.clauses import (
    Clause,
    all_of,
    any_of,
    best_of,
    boosted,
    combine,
    constant,
    everything,
    nothing,
    scores_of,
)

TEXT = {"type": "text"}


@pytest.fixture
def view(make_view):
    return make_view({"t": "a"}, {"t": "a b"}, {"t": "b"}, {"t": "c"}, t=TEXT)


@pytest.fixture
def word(view):
    """A clause for a word that scores 1, by tantivy or by us."""

    def word(text, *, rescored):
        slot = view.slot(view.field("t"))
        clause = constant(Clause(tantivy.Query.term_query(view.schema, slot, text)))
        return Clause(clause.query, lambda: view.scores(clause.query)) if rescored else clause

    return word


@pytest.mark.parametrize("rescored", [False, True])
class TestScoresAreTheSameWhoeverReckonsThem:
    def test_sums(self, view, word, rescored):
        a, b = (word(text, rescored=rescored) for text in "ab")

        assert scores_of(any_of([a, b], view), view) == {0: 1, 1: 2, 2: 1}
        assert scores_of(any_of([a, b], view, at_least=2), view) == {1: 2}
        assert scores_of(all_of([a, b], view), view) == {1: 2}

    def test_maxima(self, view, word, rescored):
        a, b = (word(text, rescored=rescored) for text in "ab")
        clause = best_of([boosted(a, 3), b], view, tie_breaker=0.5)

        assert scores_of(clause, view) == {0: 3, 1: 3.5, 2: 1}

    def test_filters_and_exclusions_do_not_score(self, view, word, rescored):
        a, b, c = (word(text, rescored=rescored) for text in "abc")

        assert scores_of(combine([a], [], view, filters=[b]), view) == {1: 1}
        assert scores_of(combine([a], [c], view, must_not=[b]), view) == {0: 1}
        assert scores_of(combine([], [], view, filters=[a]), view) == {0: 0, 1: 0}
        assert scores_of(combine([], [], view, must_not=[a]), view) == {2: 0, 3: 0}

    def test_boosts(self, view, word, rescored):
        clause = boosted(boosted(word("a", rescored=rescored), 2), 1.5)

        assert scores_of(clause, view) == {0: 3, 1: 3}

    def test_constants(self, view, word, rescored):
        clause = constant(boosted(word("a", rescored=rescored), 7), 0.5)

        assert (scores_of(clause, view), clause.is_constant) == ({0: 0.5, 1: 0.5}, True)


def test_everything_and_nothing(view):
    assert scores_of(everything(2.0), view) == dict.fromkeys(range(4), 2.0)
    assert scores_of(nothing(), view) == {}
    assert scores_of(best_of([], view), view) == {}
