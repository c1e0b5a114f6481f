import json
import threading
import time
from concurrent.futures import CancelledError
from dataclasses import dataclass

import pytest
from pydantic import ValidationError

from qrmiddleware import ConfigError, Query, UpstreamError
from qrmiddleware.hooks.patience import Patience
from qrmiddleware.testing import check_plugin
from qrmiddleware_rm3 import Rm3
from qrmiddleware_rm3.engine import Access

QUERY = Query("shoe", index="products")


@dataclass
class Said:
    status: int
    body: bytes


@pytest.fixture
def make(engine):
    made = []

    def make(**options):
        plugin = Rm3(
            Rm3.Settings(
                **{"url": engine.url, "fields": "title", "max_document_share": 0.4, **options}
            )
        )
        plugin.qrm_startup()
        made.append(plugin)
        return plugin

    yield make
    for plugin in made:
        plugin.qrm_shutdown()


def test_keeps_the_plugin_contract(engine):
    check_plugin(
        Rm3(Rm3.Settings(url=engine.url, fields="title", index="products")),
        queries=["running shoe", "steel"],
    )


def test_adds_what_the_first_hits_have_in_common(make):
    (rewrite,) = make(fb_terms=3).qrm_rewrite(QUERY)

    words = rewrite.text.split()
    assert words[0] == "shoe"
    assert words[1] == "running"  # in both hits; the others are in one
    assert len(words) == 3
    assert rewrite.weight == 1.0
    assert rewrite.note.startswith("rm3: running 0.")


def test_words_that_stand_everywhere_are_left_out(make):
    """``the`` is in 6 of 10 products, ``steel`` in 3."""
    few, many = (
        make(max_document_share=share).qrm_rewrite(Query("lamp", index="products"))[0].text
        for share in (0.4, 0.9)
    )

    assert few.split() == ["lamp", "steel"]
    assert set(many.split()) == {"lamp", "steel", "the"}


def test_the_less_the_query_weighs_the_more_the_rewrite_does(make):
    (rewrite,) = make(original_query_weight=0.8).qrm_rewrite(QUERY)

    assert rewrite.weight == pytest.approx(0.25)


def test_words_are_read_within_objects_and_boosts_are_for_searching(make):
    (rewrite,) = make(fields=["more.tag^2"]).qrm_rewrite(QUERY)

    assert "running" in rewrite.text.split()


def test_what_finds_nothing_is_not_widened(make):
    assert make().qrm_rewrite(Query("zebra", index="products")) is None
    assert make(max_query_words=2).qrm_rewrite(Query("red shoe mesh", index="products")) is None


def test_what_is_known_of_a_word_is_not_asked_again(make, engine):
    plugin = make()
    plugin.qrm_rewrite(QUERY)
    before = len(engine.asked)

    plugin.qrm_rewrite(QUERY)

    assert engine.asked[before:] == ["/products/_search"]
    assert all(headers.get("x-qrm-pipeline") == "_none" for headers in engine.headers[1:])


def test_an_index_that_is_not_there_is_the_engines_error(make):
    with pytest.raises(UpstreamError, match="404"):
        make(index="nowhere").qrm_rewrite(QUERY)


def test_an_engine_that_is_late_costs_no_more_than_the_searchs_patience(serve):
    given_up = threading.Event()

    def slow(*_):
        given_up.wait(10)
        return Said(200, json.dumps({"hits": {"hits": []}}).encode())

    with serve(slow) as url:
        plugin = Rm3(Rm3.Settings(url=url, fields="title"))
        plugin.qrm_startup()
        begun = time.perf_counter()
        with pytest.raises(CancelledError):
            Patience(begun + 0.1).call(lambda: plugin.qrm_rewrite(QUERY))
        took_s = time.perf_counter() - begun
        given_up.set()
        plugin.qrm_shutdown()

    assert took_s < 5


def test_an_engine_that_takes_longer_than_it_may_is_an_error(serve):
    given_up = threading.Event()

    def slow(*_):
        given_up.wait(10)
        return Said(200, b"{}")

    with serve(slow) as url:
        plugin = Rm3(Rm3.Settings(url=url, fields="title", engine_timeout_ms=50))
        plugin.qrm_startup()
        with pytest.raises(UpstreamError, match="within 50 ms"):
            plugin.qrm_rewrite(QUERY)
        given_up.set()
        plugin.qrm_shutdown()


def test_a_key_is_taken_from_the_environment(monkeypatch, make, engine):
    monkeypatch.setenv("SHOP_KEY", "c2VjcmV0")

    make(api_key_env="SHOP_KEY").qrm_rewrite(QUERY)

    assert engine.headers[-1]["authorization"] == "ApiKey c2VjcmV0"


def test_what_cannot_work_is_said_at_the_start():
    with pytest.raises(ConfigError, match="no NO_SUCH_KEY"):
        Access("http://localhost:9200", "NO_SUCH_KEY").open()
    with pytest.raises(ConfigError, match="url is none of an engine"):
        Access("nonsense").open()
    with pytest.raises(ValidationError, match="fields"):
        Rm3.Settings()
