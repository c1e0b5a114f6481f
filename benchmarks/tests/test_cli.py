from typer.testing import CliRunner

from qrmiddleware_benchmarks.cli import app


def test_the_page_is_written_from_kept_reports(tmp_path):
    (tmp_path / "results").mkdir()
    page = tmp_path / "performance.md"

    ran = CliRunner().invoke(
        app, ["page", "--results", str(tmp_path / "results"), "--to", str(page)]
    )

    assert ran.exit_code == 0, ran.output
    assert page.read_text().startswith("# Performance")


def test_help_names_the_scenarios():
    ran = CliRunner().invoke(app, ["run", "--help"])

    assert "passthrough" in ran.output
    assert "search" in ran.output
