"""Options that commands share."""

import pytest

from qrmiddleware.cli.models.thresholds import (
    CORRELATION,
    DIFFERENCE,
    EQUAL,
    probes_from,
    thresholds_of,
)
from qrmiddleware.distill.exporting.parity import Thresholds
from qrmiddleware.distill.exporting.probes import default_probes
from qrmiddleware.errors import ConfigError


def test_the_options_defaults_are_those_of_the_export():
    assert thresholds_of(DIFFERENCE, CORRELATION, EQUAL, EQUAL) == Thresholds()


def test_a_correlation_is_asked_of_vectors_too():
    assert thresholds_of(0.1, 0.5, 0.3, 0.2) == Thresholds(0.1, 0.5, 0.5, 0.3, 0.2)


def test_probes_are_the_usual_ones_or_those_of_a_file(tmp_path):
    assert probes_from(None) == default_probes()
    with pytest.raises(ConfigError, match=r"none\.txt"):
        probes_from(tmp_path / "none.txt")
