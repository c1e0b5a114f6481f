import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery
from qrmiddleware.evaluation.rankings import RankedHit, Ranking
from qrmiddleware.evaluation.rewriting import (
    JudgmentsJudge,
    RewriteValue,
    RewriteYield,
    attribute,
    hit_rate,
    increment,
    mean_value,
    relevance_share,
    value_rewrite,
    value_yields,
)

QUERY = JudgedQuery("q", "sneakers")
BEFORE, FOUND = frozenset("123"), frozenset("345")
RELEVANT, ELSEWHERE = frozenset("134"), frozenset("49")
SETS = st.frozensets(st.sampled_from("123456789"))


def judged(**relevances):
    return JudgedQueries((QUERY,), {"q": {name[1:]: grade for name, grade in relevances.items()}})


def test_the_sets_made_by_hand():
    assert relevance_share(FOUND, RELEVANT) == pytest.approx(2 / 3)
    assert increment(BEFORE, FOUND, RELEVANT) == pytest.approx(1 / 2)
    assert increment(BEFORE, FOUND, RELEVANT, mode="union_ratio") == pytest.approx(3 / 2)
    assert hit_rate(BEFORE, FOUND, ELSEWHERE, ELSEWHERE) == pytest.approx(1 / 2)


def test_a_rewrite_that_finds_nothing_is_worth_nothing():
    nothing = frozenset()

    assert relevance_share(nothing, RELEVANT) == 0
    assert increment(BEFORE, nothing, RELEVANT) == 0
    assert increment(BEFORE, nothing, RELEVANT, mode="union_ratio") == 1


def test_where_the_query_finds_nothing_relevant_each_new_relevant_hit_counts_1():
    before = frozenset("25")

    assert increment(before, FOUND, RELEVANT) == 2
    assert increment(before, FOUND, RELEVANT, mode="union_ratio") == 2
    assert increment(frozenset(), frozenset(), RELEVANT) == 0


def test_what_users_got_elsewhere_says_nothing_if_none_of_it_is_relevant():
    assert hit_rate(BEFORE, FOUND, ELSEWHERE, frozenset("1")) is None
    assert hit_rate(BEFORE, FOUND, frozenset(), RELEVANT) is None


@given(before=SETS, found=SETS, relevant=SETS)
def test_the_union_is_the_querys_own_and_what_is_new(before, found, relevant):
    own = len(before & relevant)

    union = increment(before, found, relevant, mode="union_ratio")

    assert union == pytest.approx(own / max(1, own) + increment(before, found, relevant))


@given(before=SETS, found=SETS, elsewhere=SETS, relevant=SETS)
def test_shares_lie_between_0_and_1(before, found, elsewhere, relevant):
    assert 0 <= relevance_share(found, relevant) <= 1
    assert 0 <= (hit_rate(before, found, elsewhere, relevant) or 0) <= 1


def test_a_rewrite_is_valued_by_the_judgments_of_the_query_as_typed():
    judge = JudgmentsJudge(judged(d1=1, d2=0, d3=2, d4=1, d9=3))

    value = value_rewrite(judge, QUERY, BEFORE, FOUND, elsewhere=ELSEWHERE)

    assert value == RewriteValue(
        pytest.approx(2 / 3), pytest.approx(1 / 2), pytest.approx(3 / 2), pytest.approx(1 / 2)
    )


def test_any_judge_will_do_and_is_asked_once():
    class Model:
        asked = 0

        def relevant(self, query, doc_ids):
            self.asked += 1
            return {doc_id for doc_id in doc_ids if doc_id > "3"}

    model = Model()

    value = value_rewrite(model, QUERY, BEFORE, FOUND)

    assert value == RewriteValue(pytest.approx(2 / 3), 2.0, 2.0, None)
    assert model.asked == 1


def test_means_leave_out_unknown_hit_rates():
    values = [RewriteValue(1.0, 2.0, 3.0, None), RewriteValue(0.0, 1.0, 2.0, 0.5)]

    assert mean_value(values) == RewriteValue(0.5, 1.5, 2.5, 0.5)
    assert mean_value([RewriteValue(1.0, 2.0, 3.0)]) == RewriteValue(1.0, 2.0, 3.0)
    assert mean_value([]) is None


def test_a_hit_belongs_to_a_rewrite_that_alone_found_it():
    hits = (
        RankedHit("both", 4.0, ("sneakers", "trainers")),
        RankedHit("new", 3.0, ("trainers",)),
        RankedHit("bad", 2.0, ("trainers",)),
        RankedHit("unknown", 1.0, ("trainers",)),
        RankedHit("two", 0.5, ("trainers", "gym shoes")),
        RankedHit("own", 0.1, ("sneakers",)),
    )
    ranking = Ranking("q", hits, rewrites=("trainers", "gym shoes", "plimsolls"))

    told = attribute(judged(dnew=2, dbad=0, dboth=1), [ranking, Ranking("other", hits)])

    assert told == (
        RewriteYield("q", "trainers", 5, ("new", "bad", "unknown"), 1, 1, 1),
        RewriteYield("q", "gym shoes", 1, (), 0, 0, 0),
        RewriteYield("q", "plimsolls", 0, (), 0, 0, 0),
    )


def ranked(query_id, doc_ids, **options):
    return Ranking(query_id, tuple(RankedHit(doc_id, 1.0) for doc_id in doc_ids), **options)


def test_rewrites_are_valued_by_what_they_find_alone():
    told = (
        RewriteYield("q", "trainers", 0, (), 0, 0, 0),
        RewriteYield("q", "not asked", 0, (), 0, 0, 0),
        RewriteYield("q", "failed", 0, (), 0, 0, 0),
        RewriteYield("unknown", "trainers", 0, (), 0, 0, 0),
    )
    judgments = judged(d1=1, d3=1, d4=1, d7=1)
    found = {
        "trainers": ranked("trainers", "3457"),
        "failed": Ranking("failed", (), problem="HTTP 500"),
    }

    valued = value_yields(
        JudgmentsJudge(judgments),
        judgments,
        told,
        {"q": ranked("q", "1237")},
        found,
        depth=3,
        elsewhere={"q": {"4", "7", "9"}},
    )

    # 4 and 7 are relevant; the rewrite finds 4 within the first three, and nothing finds 7
    assert valued[0].value == RewriteValue(pytest.approx(2 / 3), 0.5, 1.5, 0.5)
    assert [each.value for each in valued[1:]] == [None, None, None]
