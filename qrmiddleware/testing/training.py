"""Fixtures for tests that train: import them in a ``conftest.py``."""

import sys

import pytest


@pytest.fixture(autouse=True)
def one_thread(request: pytest.FixtureRequest) -> None:
    """Let torch compute on one thread: networks this small only wait for each other on more."""
    if request.node.get_closest_marker("students"):
        pytest.importorskip("torch").set_num_threads(1)


@pytest.fixture(autouse=True)
def fresh_accelerator() -> None:
    """Begin each training as in a process of its own, where accelerate has chosen nothing yet."""
    if state := sys.modules.get("accelerate.state"):
        state.AcceleratorState._reset_state(reset_partial_state=True)  # noqa: SLF001 there is no other way
