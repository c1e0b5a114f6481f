import pytest
from pydantic import ValidationError

from qrmiddleware.students.settings import RuntimeSettings


def test_defaults_leave_threads_and_precision_to_measurement():
    settings = RuntimeSettings()

    assert (settings.inter_threads, settings.intra_threads) == (0, 0)
    assert (settings.device, settings.compute_type) == ("auto", "auto")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"device": "tpu"}, "device"),
        ({"device_indexes": []}, "device_indexes"),
        ({"device_indexes": [-1]}, "device_indexes"),
        ({"compute_type": "int4"}, "compute_type"),
        ({"inter_threads": -1}, "inter_threads"),
        ({"batch_tokens": -1}, "batch_tokens"),
        ({"max_waiting": 0}, "max_waiting"),
        ({"cache_bytes": -1}, "cache_bytes"),
        ({"threads": 2}, "threads"),
    ],
)
def test_refuses_what_cannot_be_run(change, problem):
    with pytest.raises(ValidationError, match=problem):
        RuntimeSettings.model_validate(change)
