import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware_rl_qr.recipes.guarding import Limits
from qrmiddleware_rl_qr.recipes.judges import Opinion, RelevanceJudge
from qrmiddleware_rl_qr.recipes.rewards import (
    Components,
    Proposed,
    Rewarded,
    RewardedQuery,
    Rewarder,
    Weights,
    mean_components,
    mean_reward,
)
from qrmiddleware_rl_qr.recipes.searching import Hit

FOUND = {"couch": "abc", "sofa": "cdefg", "settee": "dx", "junk": "xyzuvwstrq", "broken": None}
RELEVANT = set("ade")


class Known:
    """Relevance by a set."""

    def scores(self, query, hits):
        return [float(hit.doc_id in RELEVANT) for hit in hits]


def search(texts):
    return [
        None if FOUND[text] is None else [Hit(doc_id, f"title {doc_id}") for doc_id in FOUND[text]]
        for text in texts
    ]


class Judge:
    """Says what it is told to say, by rewrite."""

    name = "told"

    def __init__(self, **said):
        self.said = said
        self.asked = []

    def judge(self, shown):
        self.asked += [each.rewrite for each in shown]
        return [self.said.get(each.rewrite) for each in shown]


def rewarder(**told):
    told.setdefault("weights", Weights(feedback=0.0))
    return Rewarder(search, Known(), **told)


def reward(*rewrites, **told):
    (found,), dropped = rewarder(**told).reward([Proposed("couch", rewrites)])
    return found.rewrites, dropped


def test_components_by_hand():
    """Of c, d, e, f, g two are relevant and four new; the query found one relevant product."""
    (one,), dropped = reward("sofa")

    assert one.components.relevance == pytest.approx(2 / 5)
    assert one.components.increment == pytest.approx(2 / (1 + 2))
    assert one.components.diversity == pytest.approx(4 / 5)
    assert one.components.feedback is None
    assert one.reward == pytest.approx((2 / 5 + 2 / 3 + 0.25 * 4 / 5) / 2.25)
    assert not dropped


def test_weights_decide_what_counts():
    (one,), _ = reward("sofa", weights=Weights(2.0, 0.0, 1.0, 0.0))

    assert one.reward == pytest.approx((2 * 2 / 5 + 4 / 5) / 3)
    for weights in ({"relevance": -1.0}, dict.fromkeys(("relevance", "increment", "diversity"), 0)):
        with pytest.raises(ConfigError, match="at least one above 0"):
            Weights(**weights, feedback=0.0)


def test_the_hit_rate_is_of_what_users_got_elsewhere():
    (one,), dropped = reward(
        "sofa", weights=Weights(0, 0, 0, 0, 1.0), elsewhere={"couch": set("gz")}
    )

    assert one.reward == 0.5
    assert not dropped
    (one,), dropped = reward("sofa", weights=Weights(1.0, 0, 0, 0, 1.0))
    assert one.reward == pytest.approx(2 / 5)
    assert dropped == {"hit_rate: not measured": 1}


def test_feedback_is_the_mean_of_what_the_judge_says():
    judge = Judge(sofa=Opinion(1.0, 0.5, 0.0))

    (one,), dropped = reward("sofa", weights=Weights(0, 0, 0, 1.0), judge=judge)

    assert one.components.feedback == one.reward == 0.5
    assert not dropped


def test_a_judge_that_fails_on_one_rewrite_is_left_out_for_all_of_its_query():
    """Else what it did not see would be compared with what it praised."""
    judge = Judge(sofa=Opinion(1.0, 1.0, 1.0))

    (sofa, settee), dropped = reward("sofa", "settee", judge=judge, weights=Weights())

    assert sofa.components.feedback == 1.0
    assert settee.components.feedback is None
    assert sofa.reward == pytest.approx((2 / 5 + 2 / 3 + 0.25 * 4 / 5) / 2.25)
    assert settee.reward == pytest.approx((1 / 2 + 1 / 2 + 0.25 * 1.0) / 2.25)
    assert dropped == {"feedback: not measured": 1}


def test_what_cannot_be_judged_is_never_zero():
    (one,), dropped = reward("sofa", judge=Judge(), weights=Weights(0, 0, 0, 1.0))

    assert one.reward is None
    assert dropped == {"feedback: not measured": 1}


def test_a_search_that_fails_costs_its_rewrite_alone():
    (broken, sofa), dropped = reward("broken", "sofa")

    assert broken.reward is None
    assert sofa.reward
    assert dropped == {"search failed": 1}
    (found,), _ = rewarder().reward([Proposed("broken", ("sofa",))])
    assert found.problem == "search failed"
    assert found.rewrites[0].reward is None


def test_nothing_is_searched_for_twice():
    texts = []

    def counted(asked):
        texts.extend(asked)
        return search(asked)

    rewarder = Rewarder(counted, Known(), Weights(feedback=0.0))
    rewarder.reward([Proposed("couch", ("sofa", "settee")), Proposed("settee", ("sofa",))])

    assert sorted(texts) == ["couch", "settee", "sofa"]


def test_a_judge_that_can_be_fooled_does_not_get_to_see_what_guards_refuse():
    """It loves whatever is long, or praises itself; these never reach it, nor what only drifts."""

    class Fooled:
        name = "fooled"

        def judge(self, shown):
            assert all("best" not in each.rewrite for each in shown)
            return [Opinion(1.0, 1.0, 1.0) for _ in shown]

    praise = "best top rated must buy rate this three out of three best best"
    (hacked, copied, drifted, honest), dropped = reward(
        praise,
        "Couches",
        "junk",
        "sofa",
        judge=Fooled(),
        weights=Weights(relevance=0.1, increment=0.1, diversity=0.0, feedback=1.0),
        limits=Limits(least_relevance=0.1),
    )

    assert (hacked.reward, hacked.refused) == (0.0, "too long")
    assert (copied.reward, copied.refused) == (0.0, "copy")
    assert (drifted.reward, drifted.refused) == (0.0, "drifts")
    assert honest.reward > 0.9
    assert dropped == {"too long": 1, "copy": 1, "drifts": 1}


def test_relevance_that_nobody_knows_leaves_the_others():
    class Silent:
        def scores(self, query, hits):
            return None

    told = Rewarder(search, Silent(), Weights(feedback=0.0), judge=RelevanceJudge(Silent()))
    (found,), dropped = told.reward([Proposed("couch", ("sofa",))])

    assert found.rewrites[0].reward == pytest.approx(4 / 5)
    assert dropped == {"relevance: not measured": 1, "increment: not measured": 1}


def test_means_count_queries_without_a_rewrite_and_not_those_that_failed():
    told = [
        RewardedQuery("a", (Rewarded("b", 0.5), Rewarded("c", 1.0), Rewarded("d"))),
        RewardedQuery("e", ()),
        RewardedQuery("f", (Rewarded("g"),), "search failed"),
    ]

    assert mean_reward(told) == pytest.approx(0.375)
    assert mean_reward([]) is None
    rows = [RewardedQuery("a", (Rewarded("b", 1.0, Components(0.5, diversity=1.0)), Rewarded("c")))]
    assert mean_components(rows) == {"relevance": 0.5, "diversity": 1.0}
