import threading

import numpy as np
import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.folder import read_student
from qrmiddleware.students.manifest import Architecture, Inputs
from qrmiddleware.students.opened import Counters, OpenedEncoder, Tally
from qrmiddleware.students.settings import RuntimeSettings

PLAIN = RuntimeSettings(device="cpu", compute_type="float32", inter_threads=1, intra_threads=1)


def architecture(**changes):
    plain = {"family": "bert", "layers": 2, "hidden": 8, "parameters": 1000, "pooling": "pooler"}
    return Architecture(**(plain | {"vocabulary": 200} | changes))


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"inputs": Inputs(max_tokens=33)}, r"cannot compute a row of inputs\.max_tokens = 33"),
        ({"architecture": architecture(vocabulary=50)}, r"model knows those below 50: they are"),
        (
            {
                "architecture": architecture(hidden=4),
                "head": {"out.weight": np.zeros((1, 4), np.float32)},
            },
            "makes vectors of 8 numbers, where architecture.hidden is 4",
        ),
        ({"head": {"out.weight": np.zeros((1, 4), np.float32)}}, r"out\.weight has shape \(1, 4\)"),
    ],
)
def test_parts_that_do_not_fit_are_found_at_start(make_student, fields, problem):
    before = threading.active_count()

    with pytest.raises(ConfigError, match=problem):
        OpenedEncoder(read_student(make_student(**fields)), PLAIN)
    assert threading.active_count() == before


def test_a_tally_adds_up_what_threads_count():
    tally = Tally()

    def count():
        for _ in range(1_000):
            tally.add(Counters(asked=3, cached=2, scored=1, cut=1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert tally.counters == Counters(asked=12_000, cached=8_000, scored=4_000, cut=4_000)
