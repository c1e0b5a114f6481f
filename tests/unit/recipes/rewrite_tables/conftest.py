import pytest
import tenacity

from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery
from qrmiddleware.recipes.feedback.engine import engine_arm
from qrmiddleware.recipes.feedback.giving import System
from qrmiddleware.recipes.feedback.judges import JudgmentsOf
from qrmiddleware.recipes.feedback.offline import OfflineOptions


@pytest.fixture
def system(search_server):
    """Shoes and trainers are relevant to ``sneakers`` and ``kicks``, a hat to ``cap``."""
    url, _, index = search_server.url.rpartition("/")
    queries = tuple(JudgedQuery(text, text) for text in ("sneakers", "kicks", "cap"))
    shoes = dict.fromkeys(("d1", "d2", "d4", "d6"), 1)
    qrels = {"sneakers": shoes, "kicks": shoes, "cap": {"d3": 1}}
    judge = JudgmentsOf(JudgedQueries(queries, qrels), "people")
    options = OfflineOptions(attempts=1, wait=tenacity.wait_none(), concurrency=2)
    return System(engine_arm(url, index, fields=("title",)), judge, options)
