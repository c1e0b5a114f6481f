"""Many pairs, a model that misbehaves, and work that is cut off."""

import asyncio

import pytest
from aiohttp import web

from qrmiddleware.asking.endpoint import Endpoint, EndpointOptions
from qrmiddleware.asking.errors import EndpointError
from qrmiddleware.evaluation.agreement import JudgedTwice
from qrmiddleware.evaluation.judging.answers import AnswerLog
from qrmiddleware.evaluation.judging.prompt import load_prompt, meanings_for
from qrmiddleware.evaluation.judging.run import (
    JudgeOptions,
    judge_pairs,
    judged_twice,
    sample_judged,
)
from qrmiddleware.evaluation.pooling import PooledPair

PAIRS = tuple(
    PooledPair(f"q{n}", f"sofa{n}", f"d{n}", {"title": f"sofa{n} red" if n % 2 else "a lamp"})
    for n in range(12)
)
RIGHT = [0, 3] * 6


@pytest.fixture
def judge(fake_judge, tmp_path):
    """Judge pairs with the fake model."""

    async def run(pairs=PAIRS, *, tick=lambda: None, **changes):
        where = EndpointOptions(fake_judge.url, attempts=2, backoff_s=0.001, timeout_s=5)
        meanings = meanings_for((0, 1, 2, 3), {})
        options = JudgeOptions("m", load_prompt(), meanings, **changes)
        async with Endpoint(where) as endpoint:
            with AnswerLog(tmp_path / "answers.jsonl") as log:
                return await judge_pairs(pairs, endpoint, log, options, tick)

    return run


def relevances(result):
    return [pair.relevance for pair in result.pairs]


async def test_labels_every_pair_and_says_who_did(judge):
    ticks = []

    result = await judge(tick=lambda: ticks.append(1))

    assert relevances(result) == RIGHT
    assert {pair.source for pair in result.pairs} == {"llm:m:relevance-1"}
    assert (result.asked, result.remembered, result.unanswered) == (12, 0, 0)
    assert (result.prompt_tokens, result.completion_tokens) == (1200, 84)
    assert len(ticks) == 12


async def test_asks_at_temperature_0_and_as_it_is_told(judge, fake_judge):
    await judge(PAIRS[:1], body={"seed": 1, "max_tokens": None})

    (asked,) = fake_judge.requests
    roles = [message["role"] for message in asked.pop("messages")]
    assert asked == {"model": "m", "temperature": 0, "seed": 1}
    assert roles == ["system", "user"]


async def test_what_is_no_completion_is_asked_for_again_and_no_answer(judge, fake_judge):
    fake_judge.script = [web.json_response({"choices": []}), web.json_response([1])]

    result = await judge(PAIRS[:2], concurrency=1)

    assert (result.unanswered, result.set_aside, relevances(result)) == (1, (), [None, 3])
    assert len(fake_judge.requests) == 3


async def test_nothing_is_asked_twice(judge, fake_judge):
    first = await judge()

    second = await judge()

    assert second.pairs == first.pairs
    assert (second.asked, second.remembered, second.prompt_tokens) == (0, 12, 0)
    assert len(fake_judge.requests) == 12


async def test_work_that_is_cut_off_goes_on_and_comes_to_the_same(judge, fake_judge, tmp_path):
    whole = await judge()
    lines = (tmp_path / "answers.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "answers.jsonl").write_bytes(b"".join(lines[:5]) + lines[5][:40])
    fake_judge.requests.clear()

    rest = await judge()

    assert rest.pairs == whole.pairs
    assert len(fake_judge.requests) == 7
    assert sorted((tmp_path / "answers.jsonl").read_bytes().splitlines(keepends=True)) == sorted(
        lines
    )


async def test_a_cancelled_run_keeps_its_answers(judge, fake_judge):
    stuck = asyncio.Event()

    async def never(body):
        if len(fake_judge.requests) == 7:
            stuck.set()
        await asyncio.sleep(30)

    fake_judge.script = [None, None, None, never, never, never, never]
    task = asyncio.create_task(judge())
    await stuck.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    fake_judge.script.clear()
    result = await judge()
    assert relevances(result) == RIGHT
    assert result.remembered == 3


async def test_an_answer_that_cannot_be_read_is_asked_for_again(judge, fake_judge):
    fake_judge.script = ["It fits well.", '{"relevance": 9}']

    result = await judge(PAIRS[1:2])

    assert relevances(result) == [3]
    assert len(fake_judge.requests) == 3
    assert (
        "relevance is one of 0, 1, 2, 3, not '9'"
        in fake_judge.requests[2]["messages"][-1]["content"]
    )
    assert result.prompt_tokens == 300


async def test_a_pair_without_a_readable_answer_is_set_aside_and_counted(judge, fake_judge):
    fake_judge.script = ["no"] * 3

    result = await judge(PAIRS[:2], concurrency=1)

    assert relevances(result) == [None, 3]
    assert result.pairs[0].source == ""
    (aside,) = result.set_aside
    assert (aside.doc_id, aside.attempts, aside.problem) == ("d0", 3, "not JSON: 'no'")


async def test_what_was_set_aside_is_asked_again_only_when_told_to(judge, fake_judge):
    fake_judge.script = ["no"] * 3
    await judge(PAIRS[:1])

    assert relevances(await judge(PAIRS[:1])) == [None]
    assert relevances(await judge(PAIRS[:1], again=True)) == [0]
    assert relevances(await judge(PAIRS[:1])) == [0]


async def test_a_refused_pair_is_set_aside(judge, fake_judge):
    fake_judge.script = [web.json_response({"error": "content filter"}, status=400)]

    result = await judge(PAIRS[:2], concurrency=1)

    assert relevances(result) == [None, 3]
    assert "content filter" in result.set_aside[0].problem


async def test_an_unanswered_pair_is_asked_again_next_time(judge, fake_judge):
    fake_judge.script = [web.Response(status=500), web.Response(status=500)]

    first = await judge(PAIRS[:2], concurrency=1)
    second = await judge(PAIRS[:2])

    assert (first.unanswered, relevances(first)) == (1, [None, 3])
    assert relevances(second) == [0, 3]


async def test_asks_about_no_more_pairs_than_it_may(judge, fake_judge):
    first = await judge(most_pairs=5)
    second = await judge(most_pairs=5)

    assert relevances(first) == [*RIGHT[:5], *[None] * 7]
    assert first.beyond_budget == 7
    assert (second.remembered, second.asked, second.beyond_budget) == (5, 5, 2)
    assert len(fake_judge.requests) == 10


async def test_stops_when_nobody_answers(judge, fake_judge):
    fake_judge.script = [web.Response(status=500, text="down") for _ in range(99)]

    result = await judge(concurrency=1, give_up_after=3)

    assert result.stopped.startswith("3 pairs in a row")
    assert "down" in result.stopped
    assert len(fake_judge.requests) == 6


async def test_stops_at_once_where_the_key_is_wrong(judge, fake_judge):
    fake_judge.script = [web.json_response({"error": "bad key"}, status=401)] * 12

    with pytest.raises(EndpointError, match="bad key"):
        await judge(concurrency=1)
    assert len(fake_judge.requests) == 1


def test_draws_only_what_people_judged_and_the_catalogue_has(judged):
    documents = {"a": {"title": "A"}, "c": {"title": "C"}}

    drawn = sample_judged(judged, {("q2", "c"): "llm:m"}, documents, count=9)

    assert {pair.key for pair in drawn} == {("q1", "a"), ("q3", "a")}
    assert {pair.relevance for pair in drawn} == {None}
    assert drawn[0].fields == {"title": "A"}


def test_draws_the_same_pairs_for_the_same_seed(judged):
    documents = {name: {"title": name} for name in "abc"}

    draws = [sample_judged(judged, {}, documents, count=2, seed=seed) for seed in (1, 1, 2, 3, 4)]

    assert draws[0] == draws[1]
    assert len(set(map(repr, draws))) > 1
    assert {len(drawn) for drawn in draws} == {2}


def test_sets_labels_beside_peoples(judged):
    pairs = [
        PooledPair("q1", "laptop", "a", relevance=2),
        PooledPair("q1", "laptop", "b"),
        PooledPair("q1", "laptop", "x", relevance=1),
    ]

    assert list(judged_twice(pairs, judged)) == [JudgedTwice("q1", 3, 2)]
