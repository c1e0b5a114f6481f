from qrmiddleware.pipeline.options import Options


def test_a_pipeline_judges_if_it_has_filters_or_rewards():
    assert not Options().judges
    assert Options(filters={"relevance": "demote"}).judges
    assert Options(reward_weights={"margin": 1.0}).judges


def test_a_pipeline_drops_if_any_filter_does():
    assert not Options(filters={"a": "demote"}).drops
    assert Options(filters={"a": "demote", "b": "drop"}).drops
