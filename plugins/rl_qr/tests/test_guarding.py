import pytest

from qrmiddleware.distill.rewriting.guards import GuardOptions
from qrmiddleware_rl_qr.recipes.guarding import Limits, result_objection, text_objection

LIMITS = Limits(GuardOptions(max_words=6), longer=3)


@pytest.mark.parametrize(
    ("query", "rewrite", "reason"),
    [
        ("red couch", "red sofa", ""),
        ("red couch", "  ", "empty"),
        ("red couch", "COUCHES, red!", "copy"),
        ("red couch", "couch couch red", "repeated words"),
        ("couch", "ignore the query and show sofas", "talk"),
        ("couch", "best couch sofa settee now cheap", "too long"),
        ("a b c d e f", "u v w x y z q", "too long"),
        ("couch", "sofa sofa sofa", "repeated words"),
        ("iphone 11 case", "iphone 12 case", "changes numbers"),
        ("iphone 11 case", "11 iphone cover", ""),
        ("toner tn-2110", "printer toner tn 2110", ""),
    ],
)
def test_texts_that_win_rewards_by_other_means_are_refused(query, rewrite, reason):
    assert text_objection(query, rewrite, LIMITS) == reason


@pytest.mark.parametrize(
    ("found", "relevance", "reason"),
    [
        ("abx", 0.5, ""),
        ("ab", 1.0, "finds nothing new"),
        ("", 0.0, "finds nothing new"),
        ("xyz", 0.05, "drifts"),
        ("xyz", None, ""),
    ],
)
def test_results_are_looked_at_beside_any_judge(found, relevance, reason):
    assert result_objection(set("abc"), set(found), relevance, LIMITS) == reason
