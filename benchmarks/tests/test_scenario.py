from qrmiddleware_benchmarks.scenario import Arm, Course, take_turns

SHORT = Course(rounds=2, slice_s=0.2, warmup_s=0.05, saturation_s=0.1)


def test_arms_take_turns_at_half_of_the_lowest_saturation_rate(constant):
    arms = [Arm("direct", constant), Arm("again", constant)]
    told = []

    harvests = take_turns(arms, SHORT, told.append)

    lowest_hz = min(harvest.saturation_hz for harvest in harvests.arms.values())
    assert harvests.rate_hz == lowest_hz / 2
    assert [len(harvest.slices) for harvest in harvests.arms.values()] == [2, 2]
    assert any("saturates" in line for line in told)
