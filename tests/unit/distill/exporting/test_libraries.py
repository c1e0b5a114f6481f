"""Libraries that an extra brings."""

import json

import pytest

from qrmiddleware.distill.exporting.libraries import library, need_libraries, quiet_transformers
from qrmiddleware.errors import ConfigError


def test_what_is_installed_is_imported():
    need_libraries(["json"])

    assert library("json.decoder") is json.decoder


def test_what_is_missing_is_told_with_the_extra_that_has_it():
    with pytest.raises(ConfigError, match=r"nix, nada are not .*qrmiddleware\[students\]"):
        need_libraries(["json", "nix", "nada"], extra="students")
    with pytest.raises(ConfigError, match=r"nix is not .*qrmiddleware\[distill\]"):
        library("nix.more")


@pytest.mark.students
def test_transformers_is_quiet_and_then_as_before():
    pytest.importorskip("transformers")
    logging = library("transformers").utils.logging
    logging.enable_progress_bar()
    before = logging.get_verbosity()

    with quiet_transformers():
        assert logging.get_verbosity() == logging.ERROR
        assert not logging.is_progress_bar_enabled()

    assert logging.get_verbosity() == before
    assert logging.is_progress_bar_enabled()
