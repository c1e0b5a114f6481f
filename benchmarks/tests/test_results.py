import numpy as np
import pytest

from qrmiddleware_benchmarks.generators import Load
from qrmiddleware_benchmarks.histogram import decode
from qrmiddleware_benchmarks.load import Slice
from qrmiddleware_benchmarks.results import ResultError, read_result, slice_result, write_result
from qrmiddleware_benchmarks.turns import ProcessUse, Turn


def load_of(latencies_ms, *, errors=0, degraded=0):
    latencies_ns = (np.array(latencies_ms) * 1e6).astype(np.int64)
    lags_ns = np.full(len(latencies_ms) + errors, 1_000)
    slice_ = Slice(latencies_ns, lags_ns, errors, degraded, (0, 10**9), (1, 10**9), 0.2, 5_000_000)
    return Load(latencies_ns, lags_ns, errors, degraded, 1.0, 1.25, (slice_,))


def test_a_turn_keeps_every_latency_and_every_process():
    use = ProcessUse("arm", "qrm serve", 0.1, 80_000_000)

    kept = slice_result(
        Turn(load_of([1, 2, 3], errors=1, degraded=2), (use,), {"rules success": 3})
    )

    assert decode([kept.latencies]).sum() == kept.answered == 3
    assert decode([kept.lags]).sum() == kept.sent == 4
    assert (kept.errors, kept.degraded) == (1, 2)
    assert [each.role for each in kept.processes] == ["arm", "generator"]
    assert kept.cpu_s("generator") == 0.2


def test_an_arm_sums_its_slices_up(make_arm):
    arm = make_arm("rules", 2.0, rounds=4, searches=100, degraded=10, errors=1, seconds=1.25)

    assert (arm.answered, arm.sent, arm.errors) == (400, 404, 4)
    assert arm.degraded_share == 0.1
    assert arm.offered_hz == 101
    assert arm.achieved_hz == 80
    assert arm.counters() == {"rules success": 400}
    assert [(each.role, round(each.cpu_s, 3)) for each in arm.processes()] == [
        ("arm", 0.2),
        ("upstream", 0.04),
        ("generator", 0.2),
    ]


def test_a_result_survives_being_kept(make_result, tmp_path):
    result = make_result()

    write_result(result, tmp_path / "results" / "passthrough.json")

    assert read_result(tmp_path / "results" / "passthrough.json") == result


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"scenario": "search"}', "format 1.*measure anew with: qrm-bench run search"),
        ('{"format": 2}', "no result"),
        ("[]", "no result"),
        ("{", "no result"),
    ],
)
def test_what_is_no_result_is_refused_with_what_to_do(text, problem, tmp_path):
    (tmp_path / "a.json").write_text(text)

    with pytest.raises(ResultError, match=problem):
        read_result(tmp_path / "a.json")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ResultError, match=r"b\.json"):
        read_result(tmp_path / "b.json")
