import pytest
import tenacity

from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery
from qrmiddleware.recipes.feedback.engine import engine_arm
from qrmiddleware.recipes.feedback.giving import System
from qrmiddleware.recipes.feedback.judges import JudgmentsOf
from qrmiddleware.recipes.feedback.offline import OfflineOptions


@pytest.fixture
def arm(search_server):
    """The server's six products: red shoe, blue shoe, red hat, trainers, shoe rack, green …"""
    url, _, index = search_server.url.rpartition("/")
    return engine_arm(url, index, fields=("title",))


@pytest.fixture
def judge():
    """Shoes and trainers are relevant to ``sneakers``, and to ``shoe``."""
    queries = (JudgedQuery("q1", "sneakers"), JudgedQuery("q2", "shoe"))
    shoes = {"d1": 1, "d2": 1, "d4": 1, "d6": 1, "d5": 0}
    return JudgmentsOf(JudgedQueries(queries, {"q1": shoes, "q2": shoes}), "people")


@pytest.fixture
def quick():
    """Wait for nothing between attempts."""
    return OfflineOptions(attempts=3, wait=tenacity.wait_none(), concurrency=2)


@pytest.fixture
def system(arm, judge, quick):
    return System(arm, judge, quick)
