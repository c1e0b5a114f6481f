from io import StringIO

import pytest
from rich.console import Console

from qrmiddleware.cli.evaluate.tables import print_rewrites
from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery
from qrmiddleware.evaluation.comparison import evaluate
from qrmiddleware.evaluation.rankings import ArmRun, RankedHit, Ranking


@pytest.mark.parametrize("rewrites", [(), ("trainers",)])
def test_an_arm_that_rewrites_has_a_line(rewrites):
    judged = JudgedQueries((JudgedQuery("q", "shoe"),), {"q": {"a": 1}})
    hits = (RankedHit("a", 1.0, rewrites), RankedHit("b", 0.5, rewrites))
    ranking = Ranking("q", hits, rewrites=rewrites)
    evaluation = evaluate("shop", judged, [ArmRun("rules", {"q": ranking}, 100)])
    console = Console(width=160, file=StringIO())

    print_rewrites(evaluation, console)

    lines = [line for line in console.file.getvalue().splitlines() if "rules" in line]
    found = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]
    assert found == ([["rules", "1", "1", "2", "1", "0", "1", "", "", "", ""]] if rewrites else [])
