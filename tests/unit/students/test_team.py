import pytest

from qrmiddleware.students import team as module
from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware.students.team import Team, choose_team, count_cores, teams


class Clock:
    """Time that passes only when something is computed."""

    def __init__(self, monkeypatch):
        self.now_s = 0.0
        monkeypatch.setattr(module, "perf_counter", lambda: self.now_s)

    def encoder(self, batch_s):
        """What takes so long for every batch."""
        return _Encoder(self, batch_s)


class _Encoder:
    def __init__(self, clock, batch_s):
        self.clock, self.batch_s, self.batches = clock, batch_s, 0

    def vectors(self, rows):
        self.batches += 1
        self.clock.now_s += self.batch_s


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def choose(clock, *batch_s):
    """Choose among as many teams as there are times; tell which, and which were loaded."""
    made = []
    teams = [Team(1, number + 1) for number in range(len(batch_s))]

    def load(team):
        made.append(clock.encoder(batch_s[team.threads - 1]))
        return made[-1]

    return made.index(choose_team(teams, load, trial_s=0.4)), made


def test_the_faster_team_is_kept(clock):
    assert choose(clock, 0.010, 0.005)[0] == 1
    assert choose(clock, 0.005, 0.010)[0] == 0


def test_the_usual_winner_stays_where_another_is_hardly_faster(clock):
    assert choose(clock, 0.0100, 0.0095)[0] == 0


def test_one_team_is_not_measured(clock):
    _, made = choose(clock, 0.01)

    assert made[0].batches == 0


def test_measuring_ends_after_one_pass_where_the_model_is_slow(clock):
    place, made = choose(clock, 60.0, 0.001)

    assert (place, len(made)) == (0, 1)


def test_all_trials_together_take_the_time_that_is_given(clock):
    _, made = choose(clock, 0.001, 0.001, 0.001)

    assert len(made) == 3
    assert clock.now_s == pytest.approx(0.4, rel=0.1)


def test_threads_are_tried_in_powers_of_two_and_workers_fill_the_cores():
    assert teams(RuntimeSettings(), 1) == [Team(1, 1)]
    assert teams(RuntimeSettings(), 2) == [Team(2, 1), Team(1, 2)]
    assert teams(RuntimeSettings(), 6) == [Team(6, 1), Team(3, 2), Team(1, 4)]
    assert teams(RuntimeSettings(), 64)[-1] == Team(8, 8)


def test_what_is_set_is_not_tried():
    assert teams(RuntimeSettings(inter_threads=3, intra_threads=2), 8) == [Team(3, 2)]
    assert teams(RuntimeSettings(inter_threads=2), 8) == [Team(2, 4)]
    assert teams(RuntimeSettings(intra_threads=16), 8) == [Team(1, 16)]


def test_a_containers_quota_bounds_the_cores(tmp_path):
    quota = tmp_path / "cpu.max"
    quota.write_text("100000 100000\n")

    assert count_cores(quota) == 1


@pytest.mark.parametrize("text", ["max 100000\n", "", None])
def test_without_a_quota_all_cores_count(tmp_path, text):
    quota = tmp_path / "cpu.max"
    if text is not None:
        quota.write_text(text)

    assert count_cores(quota) >= 1


def test_a_quota_below_one_core_is_one_core(tmp_path):
    quota = tmp_path / "cpu.max"
    quota.write_text("50000 100000\n")

    assert count_cores(quota) == 1
