import asyncio
import time

import pytest

from qrmiddleware.asking.pace import Pace
from qrmiddleware.errors import ConfigError, UpstreamError
from qrmiddleware.recipes.feedback.engine import engine_arm
from qrmiddleware.recipes.feedback.offline import (
    OfflineOptions,
    OfflineSearch,
    SearchRefusedError,
)


async def test_a_text_is_searched_once_however_many_ask(arm, quick, search_server):
    search_server.delay_s = 0.05
    async with OfflineSearch(arm, quick) as search:
        found = await asyncio.gather(*(search.find("shoe") for _ in range(5)))
        again = await search.find("shoe")

    assert {each.doc_ids for each in (*found, again)} == {frozenset({"d1", "d2", "d5"})}
    assert again.total == 3
    assert search.searches == len(search_server.searches) == 1
    assert search.engine == "Elasticsearch 9.9.9"


async def test_depth_and_fields_are_asked_for(arm, search_server):
    options = OfflineOptions(depth=2, text_fields=("title",))
    async with OfflineSearch(arm, options) as search:
        found = await search.find("shoe")

    assert dict(found.texts) == {"d1": "red shoe", "d2": "blue shoe"}
    assert found.total == 3


async def test_only_the_last_texts_are_remembered(arm, search_server):
    async with OfflineSearch(arm, OfflineOptions(remembered=1)) as search:
        for text in ("shoe", "hat", "hat", "shoe"):
            await search.find(text)

    assert search.searches == 3


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_busy_engine_is_asked_again(arm, search_server, status):
    search_server.broken["shoe"] = (status, "too busy")

    def recover(state):
        if state.attempt_number == 2:
            search_server.broken.clear()
        return 0.0

    async with OfflineSearch(arm, OfflineOptions(wait=recover)) as search:
        found = await search.find("shoe")

    assert found.total == 3
    assert search.searches == 3


async def test_no_other_search_is_sent_while_a_busy_engine_is_given_time(
    arm, search_server, monkeypatch
):
    paused, pause = asyncio.Event(), Pace.pause
    monkeypatch.setattr(Pace, "pause", lambda *args: pause(*args) or paused.set())
    search_server.broken["shoe"] = (429, "too busy")
    options = OfflineOptions(attempts=2, wait=lambda _: 0.2)

    async with OfflineSearch(arm, options) as search:
        began = time.perf_counter()
        task = asyncio.create_task(search.find("shoe"))
        await asyncio.wait_for(paused.wait(), 10)
        await search.find("hat")
        waited = time.perf_counter() - began
        with pytest.raises(UpstreamError):
            await task

    assert waited >= 0.195


async def test_an_engine_that_stays_busy_is_given_up_and_may_be_asked_later(
    arm, quick, search_server
):
    search_server.broken["shoe"] = (503, "too busy")
    async with OfflineSearch(arm, quick) as search:
        with pytest.raises(UpstreamError, match="503: too busy"):
            await search.find("shoe")
        assert search.searches == 3
        search_server.broken.clear()

        assert (await search.find("shoe")).total == 3


async def test_a_text_that_is_refused_is_not_asked_again(arm, quick, search_server):
    search_server.broken["shoe"] = (400, {"error": {"reason": "too many clauses"}})
    async with OfflineSearch(arm, quick) as search:
        with pytest.raises(SearchRefusedError, match="too many clauses"):
            await search.find("shoe")

    assert search.searches == 1


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_an_engine_that_refuses_everything_is_no_engine(arm, quick, search_server, status):
    search_server.broken["shoe"] = (status, "no")
    async with OfflineSearch(arm, quick) as search:
        with pytest.raises(ConfigError, match=f"{status}: no"):
            await search.find("shoe")


async def test_searches_keep_to_the_rate(arm, search_server):
    async with OfflineSearch(arm, OfflineOptions(rate=50, concurrency=8)) as search:
        began = time.perf_counter()
        await asyncio.gather(*(search.find(f"shoe {number}") for number in range(8)))

    assert time.perf_counter() - began >= 7 / 50


async def test_a_depth_that_engines_refuse_is_refused_at_once(arm):
    with pytest.raises(ConfigError, match="depth 10001"):
        OfflineSearch(arm, OfflineOptions(depth=10_001))


async def test_an_engine_that_does_not_answer_cannot_be_entered(quick):
    arm = engine_arm("http://127.0.0.1:9", "shop", fields=("title",))

    with pytest.raises(UpstreamError, match=r"http://127.0.0.1:9/shop does not answer"):
        async with OfflineSearch(arm, quick):
            pass
