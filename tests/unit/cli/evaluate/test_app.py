"""Which commands ``qrm eval`` has."""

from typer.testing import CliRunner

from qrmiddleware.cli.app import build_app


def test_is_a_part_of_qrm():
    result = CliRunner().invoke(build_app(), ["--help"])

    assert "eval" in result.output
