import asyncio
import gc
import json
import threading
import time
from concurrent.futures import CancelledError

import pytest

from qrmiddleware import OverloadError, PluginError, Rewrite, hookimpl, patience
from qrmiddleware.dsl.search import Untouched, parse_search, read_body
from qrmiddleware.dsl.uri import Parameters
from qrmiddleware.model import Query
from qrmiddleware.pipeline.search import search
from qrmiddleware.pipeline.steps import AskRewards, AskRewriters, Trip
from qrmiddleware.runner.calls import Breaker
from qrmiddleware.runner.drive import Run, applied, debug_section, drive, trace_of
from qrmiddleware.runner.pool import PluginPool
from qrmiddleware.runner.waiting import finish

DOCS = [{"title": "red shoe"}, {"title": "sneaker"}, {"title": "red sneaker"}, {"title": "sock"}]
BODY = {"query": {"match": {"title": "red shoe"}}}


class Sneaker:
    """Knows one rewrite."""

    @hookimpl
    def qrm_rewrite(self, query):
        return [Rewrite("sneaker", 0.5, note="rules.txt:1")]


class Slow:
    """Answers when the gate opens."""

    def __init__(self):
        self.gate = threading.Event()

    @hookimpl
    def qrm_rewrite(self, query):
        self.gate.wait(5)
        return [Rewrite("late")]


class Attentive:
    """Works until nobody waits any more."""

    def __init__(self):
        self.begun, self.stopped = threading.Event(), threading.Event()

    @hookimpl
    def qrm_rewrite(self, query):
        self.begun.set()
        while patience().wanted():
            time.sleep(0.001)
        self.stopped.set()
        raise CancelledError


class Full:
    @hookimpl
    def qrm_rewrite(self, query):
        raise OverloadError("full")


class Broken:
    @hookimpl
    def qrm_rewrite(self, query):
        raise RuntimeError("boom")


class Lengthy:
    """Rewards long titles, flags socks."""

    def __init__(self, delay_s=0.0):
        self.delay_s = delay_s

    @hookimpl
    def qrm_filter(self, hits):
        time.sleep(self.delay_s)
        return ["sock" not in hit.source["title"] for hit in hits]

    @hookimpl
    def qrm_reward(self, hits):
        return [float(len(hit.source["title"])) for hit in hits]


@pytest.fixture
def engine(make_engine):
    return make_engine(DOCS)


def steps_of(pipeline, body=BODY, *, explains=False):
    request = parse_search(read_body(json.dumps(body).encode()).tree, Parameters())
    return search(request, pipeline.options, explains=explains)


async def serve(pipeline, engine, *, timeout_ms=None, blocking=False, explains=False):
    run = Run.of(pipeline, timeout_ms, blocking=blocking)

    async def travel(trip: Trip):
        return [engine.search(body) for body in trip.bodies]

    return run, await drive(steps_of(pipeline, explains=explains), run, travel)


def ids(answer):
    return [hit.doc_id for hit in answer.page]


async def test_a_search_is_driven_to_its_end(make_pipeline, engine):
    pipeline = make_pipeline({"rules": Sneaker(), "margin": Lengthy()})

    run, answer = await serve(pipeline, engine)

    assert ids(answer) == ["d3", "d1", "d2"]
    assert [(call.plugin, call.hook, call.status) for call in run.calls] == [
        ("rules", "qrm_rewrite", "success"),
        ("margin", "qrm_filter", "success"),
        ("margin", "qrm_reward", "success"),
    ]
    assert run.bodies == [json.dumps(body, separators=(",", ":")).encode() for body in engine.asked]
    assert set(run.timings_s) == {"rewrite", "search", "filter", "reward"}
    assert applied(answer) == ("rewrite", "rerank")


def test_without_an_event_loop_the_answer_is_the_same(make_pipeline, engine):
    pipeline = make_pipeline({"rules": Sneaker(), "margin": Lengthy(), "bad": Broken()})

    run, blocking = finish(serve(pipeline, engine, blocking=True))
    other, looped = asyncio.run(serve(pipeline, engine))

    assert blocking.render() == looped.render()
    assert run.bodies == other.bodies
    assert [(c.plugin, c.hook, c.status, c.problem) for c in run.calls] == [
        (c.plugin, c.hook, c.status, c.problem) for c in other.calls
    ]


async def test_where_nobody_has_anything_to_say_the_engine_is_not_asked(make_pipeline, engine):
    class Silent:
        @hookimpl
        def qrm_rewrite(self, query):
            return None

    run, result = await serve(make_pipeline({"silent": Silent()}), engine)

    assert result == Untouched("no plugin proposed anything")
    assert engine.asked == []
    assert run.calls[0].status == "no_opinion"


@pytest.mark.parametrize("blocking", [False, True])
async def test_a_slow_plugin_is_skipped_in_time_and_reported(make_pipeline, engine, blocking):
    slow = Slow()
    pipeline = make_pipeline({"slow": slow, "rules": Sneaker()}, timeout_s=0.5)

    began = time.perf_counter()
    run, answer = await serve(pipeline, engine, blocking=blocking)
    took = time.perf_counter() - began
    slow.gate.set()

    assert took < 4
    assert run.degraded == {"slow": "timeout"}
    assert [w.text for w in answer.plan.wordings] == ["red shoe", "sneaker"]


async def test_a_plugin_may_be_given_less_than_its_share(make_pipeline, engine):
    slow = Slow()
    pipeline = make_pipeline({"slow": slow, "rules": Sneaker()}, timeouts_s={"slow": 0.02})

    run, _ = await serve(pipeline, engine)
    slow.gate.set()

    assert run.degraded == {"slow": "timeout"}
    assert run.timings_s["rewrite"] < 4


async def test_the_clients_own_timeout_wins(make_pipeline, engine):
    slow = Slow()

    run, _ = await serve(make_pipeline({"slow": slow}), engine, timeout_ms=20)
    slow.gate.set()

    assert run.degraded == {"slow": "timeout"}
    assert run.timings_s["rewrite"] < 4


@pytest.mark.parametrize("blocking", [False, True])
async def test_a_broken_plugin_costs_its_opinion_only(make_pipeline, engine, blocking):
    pipeline = make_pipeline({"bad": Broken(), "rules": Sneaker()})

    run, answer = await serve(pipeline, engine, blocking=blocking)

    assert run.degraded == {"bad": "error"}
    assert run.calls[0].problem == "raised RuntimeError('boom')"
    assert sorted(ids(answer)) == ["d1", "d2", "d3"]


@pytest.mark.parametrize("blocking", [False, True])
async def test_a_failure_that_must_not_be_ignored_fails_the_search(make_pipeline, engine, blocking):
    pipeline = make_pipeline({"bad": Broken()}, must=("bad",))

    with pytest.raises(PluginError, match="plugin 'bad', hook qrm_rewrite: raised RuntimeError"):
        await serve(pipeline, engine, blocking=blocking)


async def test_a_full_pool_skips_plugins_and_serves_the_search(make_pipeline, engine):
    slow = Slow()
    pool = PluginPool(threads=1, queue=0)
    pool.submit(lambda: slow.qrm_rewrite(None), "slow")

    run, result = await serve(make_pipeline({"rules": Sneaker()}, pool=pool), engine)
    slow.gate.set()

    assert run.degraded == {"rules": "saturated"}
    assert isinstance(result, Untouched)


async def test_a_plugin_that_keeps_failing_is_left_alone_for_a_while(make_pipeline, engine):
    now = [0.0]
    pipeline = make_pipeline({"bad": Broken()}, breaker=lambda: Breaker(2, 10, lambda: now[0]))

    statuses = [(await serve(pipeline, engine))[0].degraded["bad"] for _ in range(4)]
    now[0] = 10.0
    tried = (await serve(pipeline, engine))[0].degraded["bad"]
    again = (await serve(pipeline, engine))[0].degraded["bad"]

    assert statuses == ["error", "error", "open_circuit", "open_circuit"]
    assert (tried, again) == ("error", "open_circuit")


def test_the_time_is_shared_by_the_stages_that_have_plugins(make_pipeline):
    pipeline = make_pipeline({"rules": Sneaker(), "margin": Lengthy()}, timeout_s=0.9)

    assert Run.of(pipeline).share_s() == pytest.approx(0.3)
    assert Run.of(pipeline, timeout_ms=60).share_s() == pytest.approx(0.02)


def test_a_stage_leaves_what_it_did_not_spend_to_the_next(make_pipeline):
    run = Run.of(
        make_pipeline({"rules": Sneaker(), "margin": Lengthy()}, timeout_s=900), blocking=True
    )

    run.ask_blocking(AskRewriters(Query("q")))

    assert run.stages_left == 2
    assert run.share_s() == pytest.approx(900 / 2, rel=0.05)


def test_a_stage_without_plugins_takes_no_share(make_pipeline):
    run = Run.of(make_pipeline({"margin": Lengthy()}, timeout_s=900), blocking=True)

    run.ask_blocking(AskRewriters(Query("q")))

    assert run.stages_left == 2
    assert run.share_s() == pytest.approx(450, rel=0.05)


def test_time_overspent_is_not_owed(make_pipeline):
    run = Run(make_pipeline({"margin": Lengthy()}), budget_s=-1.0, stages_left=1, blocking=True)

    run.ask_blocking(AskRewards(Query("q"), ()))

    assert run.share_s() == 0.0


async def test_a_cancelled_search_leaves_nothing_broken(make_pipeline, engine, caplog):
    slow = Slow()
    pool = PluginPool(threads=1, queue=3)
    pipeline = make_pipeline({"slow": slow, "queued": Slow()}, pool=pool)

    task = asyncio.create_task(serve(pipeline, engine))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    slow.gate.set()

    next_one = make_pipeline({"rules": Sneaker()}, pool=pool)
    run, answer = await serve(next_one, engine)
    assert run.degraded == {}
    assert sorted(ids(answer)) == ["d1", "d2", "d3"]
    assert caplog.records == []


async def test_a_plugin_learns_that_the_search_was_cancelled(make_pipeline, engine):
    attentive = Attentive()

    task = asyncio.create_task(serve(make_pipeline({"slow": attentive}, timeout_s=60), engine))
    await asyncio.to_thread(attentive.begun.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await asyncio.to_thread(attentive.stopped.wait, 5)


@pytest.mark.parametrize("blocking", [False, True])
async def test_a_plugin_learns_that_its_time_is_over(make_pipeline, engine, blocking, caplog):
    attentive = Attentive()
    pipeline = make_pipeline({"slow": attentive, "rules": Sneaker()}, timeout_s=0.5)

    run, _ = await serve(pipeline, engine, blocking=blocking)

    assert run.degraded == {"slow": "timeout"}
    assert await asyncio.to_thread(attentive.stopped.wait, 5)
    assert caplog.records == []


async def test_a_plugin_without_room_is_reported_as_saturated(make_pipeline, engine):
    pipeline = make_pipeline({"model": Full()}, breaker=lambda: Breaker(1, 10))

    runs = [(await serve(pipeline, engine))[0] for _ in range(3)]

    assert [run.degraded for run in runs] == [{"model": "saturated"}] * 3


def test_nothing_is_logged_about_answers_that_nobody_waits_for(make_pipeline, engine, caplog):
    class LateFailure:
        def __init__(self):
            self.gate, self.done = threading.Event(), threading.Event()

        @hookimpl
        def qrm_rewrite(self, query):
            self.gate.wait(5)
            self.done.set()
            raise RuntimeError("late")

    late = LateFailure()
    pipeline = make_pipeline({"late": late, "bad": Broken()}, timeout_s=0.5)

    asyncio.run(serve(pipeline, engine))
    late.gate.set()  # the loop is closed by now
    assert late.done.wait(5)
    pipeline.pool.submit(lambda: None, "nobody").result(5)
    gc.collect()

    assert caplog.records == []


async def test_many_searches_share_a_pipeline(make_pipeline, engine):
    pipeline = make_pipeline({"rules": Sneaker(), "margin": Lengthy()}, pool=PluginPool(4, 64))

    results = await asyncio.gather(*(serve(pipeline, engine) for _ in range(20)))

    assert {tuple(ids(answer)) for _, answer in results} == {("d3", "d1", "d2")}
    assert all(run.degraded == {} for run, _ in results)


async def test_a_trace_sums_a_search_up(make_pipeline, engine):
    run, answer = await serve(make_pipeline({"rules": Sneaker(), "bad": Broken()}), engine)

    trace = trace_of(run, Query("red shoe"), answer)

    assert (trace.pipeline, trace.outcome, trace.policy) == ("test", "handled", "dis_max")
    assert [d.reason for d in trace.decisions] == ["admitted"]
    assert trace.degraded == {"bad": "error"}
    assert (trace.doc_ids, trace.total) == (("d1", "d3", "d2"), 3)
    assert trace.found_by_rewrites == 1
    assert trace.duration_ms > 0
    assert trace_of(run, Query("q"), Untouched("the text is empty")).outcome == "the text is empty"


async def test_debug_output_shows_decisions_calls_and_what_was_asked(make_pipeline, engine):
    run, answer = await serve(make_pipeline({"rules": Sneaker(), "bad": Broken()}), engine)

    section = debug_section(run, trace_of(run, Query("red shoe"), answer), answer)

    assert section["decisions"] == [
        {
            "plugin": "rules",
            "kind": "rewrite",
            "text": "sneaker",
            "admitted": True,
            "reason": "admitted",
            "note": "rules.txt:1",
            "weight": 0.5,
            "replaces": False,
        }
    ]
    assert [(r["tag"], r["status"]) for r in section["processor_results"]] == [
        ("rules", "success"),
        ("bad", "error"),
    ]
    assert section["processor_results"][1]["error"] == "raised RuntimeError('boom')"
    assert section["degraded"] == {"bad": "error"}
    assert json.loads(section["searches"][0]) == engine.asked[0]
    assert section["rank_window_size"] == 100
    json.dumps(section)


class Talkative(Lengthy):
    """Explains, if it is let to."""

    def __init__(self, delay_s=0.0, problem=None):
        super().__init__()
        self.explain_s, self.problem, self.asked, self.left_s = delay_s, problem, 0, 0.0
        self.gate = threading.Event()

    @hookimpl
    def qrm_explain(self, query, hits):
        self.asked += 1
        self.left_s = patience().left_s()
        self.gate.wait(self.explain_s)
        if self.problem:
            raise self.problem
        return [{"length": len(hit.source["title"])} for hit in hits]


async def test_who_judges_is_asked_why_only_where_that_is_wanted(make_pipeline, engine):
    plugin = Talkative()
    pipeline = make_pipeline({"margin": plugin}, timeout_s=3.0)

    plain, _ = await serve(pipeline, engine)
    assert plugin.asked == 0
    run, answer = await serve(pipeline, engine, explains=True)

    assert [call.hook for call in plain.calls] == ["qrm_filter", "qrm_reward"]
    assert [call.hook for call in run.calls] == ["qrm_filter", "qrm_reward", "qrm_explain"]
    assert run.timings_s.keys() - plain.timings_s.keys() == {"explain"}
    origins = dict(zip(ids(answer), answer.provenance(), strict=True))
    assert origins["d1"]["explanations"] == {"margin": {"length": 8}}


async def test_explaining_takes_no_time_from_judging(make_pipeline, engine):
    plugin = Talkative()
    pipeline = make_pipeline({"margin": plugin}, timeout_s=300)

    assert Run.of(pipeline).share_s() == pytest.approx(150)
    await serve(pipeline, engine, explains=True, timeout_ms=200_000)

    assert 150 < plugin.left_s <= 200  # a stage of two would have 100 s at most


@pytest.mark.parametrize(
    ("plugin", "status"),
    [
        (Talkative(problem=RuntimeError("boom")), "error"),
        (Talkative(problem=OverloadError("full")), "saturated"),
        (Talkative(delay_s=10.0), "timeout"),
    ],
)
async def test_a_failing_explanation_costs_nothing_but_itself(
    make_pipeline, engine, plugin, status
):
    pipeline = make_pipeline({"margin": plugin}, timeout_s=1.0, breaker=lambda: Breaker(1, 10))

    run, answer = await serve(pipeline, engine, explains=True)
    again, _ = await serve(pipeline, engine, explains=True)
    plugin.gate.set()

    assert ids(answer) == ids((await serve(pipeline, engine))[1])
    assert [(call.hook, call.status) for call in run.calls] == [
        ("qrm_filter", "success"),
        ("qrm_reward", "success"),
        ("qrm_explain", status),
    ]
    assert run.degraded == {}
    assert all("explanations" not in origin for origin in answer.provenance())
    assert [call.status for call in again.calls][:2] == ["success", "success"]
    assert again.calls[2].status == ("saturated" if status == "saturated" else "open_circuit")
