import io

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.rewrite_tables.building import BuildReport
from qrmiddleware.recipes.rewrite_tables.command import add_build_table, read_weights, show_report

REPORT = BuildReport(
    weak=4,
    proposed=3,
    valued=2,
    repaired=1,
    problems={"the judge does not know the query": 1},
    failed=1,
    candidates=9,
    refused={"talk": 2},
    rewrites=1,
    strata={"tail": {"weak": 4, "repaired": 1}},
    relevance=0.75,
    increment=None,
    kept=5,
    table_queries=1234,
    proposer="generator",
    system="engine",
)


def test_what_is_told_on_the_command_line_is_what_is_built():
    told = []
    app = typer.Typer()
    app.callback()(lambda: None)

    def build(settings, watch):
        watch("searching", 1, 2)
        told.append(settings)
        return REPORT

    add_build_table(app, "qrm test", build)
    words = (
        "build-table weak.txt --work w --to t.sqlite --generator g --count 3 --fields a,b "
        "--student s --rate 5 --at-most 2 --objective rele --workers 4 --refresh"
    )

    done = CliRunner().invoke(app, words.split())

    (settings,) = told
    assert (settings.decoding.n, settings.decoding.beams) == (3, 3)
    assert settings.system.fields == ("a", "b")
    assert settings.system.offline.rate == 5
    assert (settings.choosing.at_most, settings.choosing.objective) == (2, "rele")
    assert (settings.workers, settings.refresh) == (4, True)
    assert done.exit_code == 1  # a query failed
    assert "4" in done.output


def test_a_report_is_shown_with_all_that_it_says():
    console = Console(file=io.StringIO(), width=100)

    show_report(REPORT, console, "t.sqlite")

    shown = console.file.getvalue()
    for part in ("1 (25%)", "refused: talk", "0.750", "1 of 4 repaired", "1,234", "asks for them"):
        assert part in shown
    assert "mean increment" not in shown


def test_weights_are_read_and_checked():
    assert read_weights(["rele=2", "incr=0.5"]) == {"rele": 2.0, "incr": 0.5}
    for wrong in (["rele"], ["x=1"], ["rele=-1"], ["rele=0"]):
        with pytest.raises(ConfigError, match="expected such as rele=2"):
            read_weights(wrong)
