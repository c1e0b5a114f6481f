import os

import pytest

from qrmiddleware_benchmarks.engines import EngineError, EngineMissingError
from qrmiddleware_benchmarks.engines.programs import Program, install_package

MISSING = Program("None", ("no-such-program", "nor-this"), "no-package", 1)


def test_a_missing_program_is_named_with_its_package():
    with pytest.raises(EngineMissingError, match="apt-get install no-package"):
        MISSING.executable()


def test_a_missing_program_is_not_installed_unasked():
    with pytest.raises(EngineMissingError):
        MISSING.fetch(install=False, verbose=False)


def test_a_program_may_go_by_several_names():
    program = Program("A shell", ("no-such-program", "sh"), "dash", 1)

    assert program.fetched()
    assert os.access(program.executable(), os.X_OK)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may install packages")
def test_only_root_installs_packages():
    with pytest.raises(EngineError, match="only root"):
        install_package("no-package", verbose=False)
