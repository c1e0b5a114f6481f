from io import StringIO

import pytest
from rich.console import Console

from qrmiddleware.cli.evaluate.tables import print_evaluation
from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery
from qrmiddleware.evaluation.comparison import evaluate
from qrmiddleware.evaluation.rankings import ArmRun, RankedHit, Ranking


@pytest.mark.parametrize("count", [1, 2])
def test_differences_are_printed_where_there_is_something_to_compare(count):
    judged = JudgedQueries((JudgedQuery("q", "shoe"),), {"q": {"a": 1}})
    ranking = Ranking("q", (RankedHit("a", 1.0),), duration_ms=3.0)
    runs = [ArmRun(f"arm{n}", {"q": ranking}, 100) for n in range(count)]
    console = Console(width=120, file=StringIO())

    print_evaluation(evaluate("shop", judged, runs), console)

    text = console.file.getvalue()
    assert ("Differences from arm0" in text) == (count > 1)
    assert "ms, p95" in text
