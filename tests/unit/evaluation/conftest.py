"""A small collection, two arms, and what they measure; engines to fill, and a judge."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery
from qrmiddleware.evaluation.comparison import Evaluation, compare, score_run
from qrmiddleware.evaluation.rankings import ArmRun, RankedHit, Ranking
from qrmiddleware.upstream.embedded import EmbeddedUpstream
from qrmiddleware.upstream.embedded.upstream import EmbeddedReply


def make_ranking(query_id, *doc_ids, **values):
    hits = tuple(
        RankedHit(doc_id, float(len(doc_ids) - number), title=f"Title of {doc_id}")
        for number, doc_id in enumerate(doc_ids)
    )
    return Ranking(query_id, hits, **values)


@pytest.fixture
def judged() -> JudgedQueries:
    """Three queries."""
    queries = (
        JudgedQuery("q1", "laptop", fold=0),
        JudgedQuery("q2", "sneakers", fold=1),
        JudgedQuery("q3", "toner"),
    )
    return JudgedQueries(queries, {"q1": {"a": 3, "b": 0}, "q2": {"c": 2}, "q3": {"a": 1}})


@pytest.fixture
def runs() -> tuple[ArmRun, ...]:
    """Two arms that do not agree."""
    alone = {
        "q1": make_ranking("q1", "a", "x", "b"),
        "q2": make_ranking("q2", "y"),
        "q3": make_ranking("q3", "a"),
    }
    piped = {
        "q1": make_ranking("q1", "x", "a", "z"),
        "q2": make_ranking("q2", "c", "y"),
        "q3": Ranking("q3", (), problem="HTTP 503"),
    }
    return ArmRun("alone", alone, depth=10), ArmRun("with rules", piped, depth=10)


@dataclass
class FakeJudge:
    """An OpenAI-compatible endpoint that can be told to misbehave.

    Attributes:
        url: Of its API.
        requests: Bodies it was sent, in order.
        headers: Headers of the last request.
        script: What it does first, one a request; then it answers as it should.
        answer: Makes the content for a request's body.
    """

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    script: list[web.Response | str | Exception] = field(default_factory=list)
    usage: dict[str, int] | None = field(
        default_factory=lambda: {"prompt_tokens": 100, "completion_tokens": 7}
    )

    def answer(self, body):
        """Say 3 where the query's words are in the document, else 0."""
        text = body["messages"][1]["content"]
        query = text.partition("Query: ")[2].partition("\n")[0]
        found = query in text.partition("<document>")[2]
        return json.dumps({"reason": "words", "relevance": 3 if found else 0})

    def completion(self, content):
        reply = {"choices": [{"message": {"role": "assistant", "content": content}}]}
        return web.json_response(reply | ({"usage": self.usage} if self.usage else {}))

    async def handle(self, request):
        body = await request.json()
        self.requests.append(body)
        self.headers = dict(request.headers)
        step = self.script.pop(0) if self.script else None
        if callable(step):
            step = await step(body)
        if isinstance(step, web.Response):
            return step
        return self.completion(self.answer(body) if step is None else step)


@pytest.fixture
async def fake_judge():
    """A fake endpoint that listens."""
    judge = FakeJudge()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", judge.handle)
    async with TestServer(app) as server:
        judge.url = str(server.make_url("/v1"))
        yield judge


@pytest.fixture
def evaluation(judged, runs) -> Evaluation:
    """The second arm gains one query and loses two; one answer is degraded."""
    alone, piped = runs
    q2 = piped.rankings["q2"]
    found = (replace(q2.hits[0], found_by=("trainers",)), *q2.hits[1:])
    changed = replace(
        q2, hits=found, degraded="rules;late", rewrites=("trainers",), duration_ms=12.0, total=2
    )
    piped = replace(
        piped,
        rankings={**piped.rankings, "q2": changed},
        asked="http://elastic:secret@shop:9250/products; authorization: Bearer abc",
    )
    timed = {
        key: replace(ranking, duration_ms=5.0 + number)
        for number, (key, ranking) in enumerate(alone.rankings.items())
    }
    arms = tuple(score_run(judged, run) for run in (replace(alone, rankings=timed), piped))
    environment = {"queries": "4", "queries measured": "3", "engine": "http://u:secret@es:9200"}
    return Evaluation("Rules on shoes", judged, arms, compare(arms), environment)


class ScriptedUpstream:
    """Gives one answer after the other, and keeps what it was asked."""

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        self.answers = list(answers)
        self.asked = []

    async def start(self) -> None:
        pass

    async def send(self, request):
        self.asked.append(request)
        status, body = self.answers.pop(0)
        return EmbeddedReply(status, (), body)

    async def close(self) -> None:
        pass


@pytest.fixture
def scripted() -> type[ScriptedUpstream]:
    """An upstream with its answers written down."""
    return ScriptedUpstream


@pytest.fixture
async def embedded() -> AsyncIterator[EmbeddedUpstream]:
    """An embedded engine in memory."""
    upstream = EmbeddedUpstream()
    await upstream.start()
    yield upstream
    await upstream.close()
