"""Answers to probes."""

import runpy
from pathlib import Path

import pytest

from qrmiddleware.cli.models.answering import answer, reasons
from qrmiddleware.distill.exporting.probes import default_probes
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.folder import read_student

GENERATORS = runpy.run_path(
    str(Path(__file__).parents[2] / "students" / "generator" / "conftest.py")
)
PROBES = [("red shoe", "Red running shoe"), ("toner", "Toner cartridge, black")]


def test_a_cross_encoder_scores(make_student):
    assert answer(read_student(make_student()), PROBES).startswith("2 pairs are scored from 0.")


def test_a_bi_encoder_makes_vectors(make_student):
    student = read_student(make_student(kind="bi_encoder"))

    assert answer(student, PROBES) == "4 texts have vectors of 8 numbers"


@pytest.mark.parametrize("encoder_decoder", [False, True])
def test_a_generator_writes(tmp_path, encoder_decoder):
    folder = GENERATORS["make_generator_student"](tmp_path, encoder_decoder=encoder_decoder)

    assert "queries" in answer(read_student(folder), [("ab cd", "cd"), ("a b", "d c")])


def test_numbers_that_overflow_are_told(make_student):
    def spoil(head):
        head["out.weight"][:] = head["out.bias"][:] = 3e38

    student = read_student(make_student(spoil=spoil))

    with pytest.raises(ConfigError, match="not finite"):
        answer(student, default_probes())


def test_who_has_no_finite_number_has_no_reasons(make_student):
    def spoil(head):
        head["out.weight"][:] = head["out.bias"][:] = 3e38

    student = read_student(make_student(spoil=spoil))

    with pytest.raises(ConfigError, match="not finite"):
        reasons(student, "red shoe", ["laptop"])
