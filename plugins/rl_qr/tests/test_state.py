import pytest

from qrmiddleware import ConfigError
from qrmiddleware_rl_qr.versions.state import (
    EVENTS_KEPT,
    promote,
    roll_back,
    serve_first,
    try_out,
)

FIRST = serve_first("0001")


def test_a_trial_that_is_promoted_serves_and_can_go_back():
    tried = try_out(FIRST, "0002", 0.1)
    promoted = promote(tried, "0002")
    back = roll_back(promoted, "worse after all")

    assert tried.wanted == ("0001", "0002")
    assert (promoted.wanted, promoted.previous) == (("0002",), "0001")
    assert (back.wanted, back.previous) == (("0001",), "")
    assert [event.what for event in back.events] == ["serving", "canary", "promoted", "rolled back"]
    assert back.events[-1].version == "0002"
    assert back.events[-1].reason == "worse after all"


def test_a_trial_that_is_rolled_back_leaves_what_served():
    back = roll_back(try_out(FIRST, "0002", 0.1), "worse")

    assert (back.serving, back.canary, back.share, back.trial) == ("0001", "", 0.0, "")


def test_every_trial_has_a_name_of_its_own():
    assert try_out(FIRST, "0002", 0.1).trial != try_out(FIRST, "0002", 0.1).trial


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan")])
def test_a_share_is_a_part(share):
    with pytest.raises(ConfigError, match="above 0 and below 1"):
        try_out(FIRST, "0002", share)


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="nothing to try"):
        try_out(FIRST, "0001", 0.1)
    with pytest.raises(ConfigError, match="serves already"):
        promote(FIRST, "0001")
    with pytest.raises(ConfigError, match="none served before it"):
        roll_back(FIRST, "")


def test_old_events_are_forgotten():
    state = FIRST
    for _ in range(EVENTS_KEPT):
        state = roll_back(try_out(state, "0002", 0.1), "")

    assert len(state.events) == EVENTS_KEPT
