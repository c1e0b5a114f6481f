"""Many users at once, over shared connections: each is asked for, and answered, as themselves."""

import asyncio
import base64
import json
import random
from collections import Counter

import pytest
from pydantic import BaseModel

from qrmiddleware.hooks import hookimpl

USERS = 40
CLIENTS = 24
REQUESTS = 25


class Remembering:
    """Scores what it has seen of a hit's text, as a student with a cache does."""

    class Settings(BaseModel):
        pass

    def __init__(self, settings):
        self._seen = {}

    @hookimpl
    def qrm_reward(self, query, hits):
        texts = [hit.fields["title"] for hit in hits]
        return [self._seen.setdefault((query.text, text), len(text) % 7 * 1.0) for text in texts]


def authorization(user: str, password: str = "") -> str:
    pair = f"{user}:{password or f'secret of {user}'}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def whose(asked) -> str:
    """The user in a request's credentials; empty for none."""
    given = asked.field("authorization")
    return (
        base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")[0] if given else ""
    )


def echoing(write_http, reply_with, rng):
    """An engine that finds two documents which name whoever asks, after a while."""

    async def answer(asked):
        user, path = whose(asked), asked.target.partition("?")[0]
        await asyncio.sleep(rng.random() * 0.01)
        found = reply_with(f"laptop of <{user}>", f"notebook of <{user}>")
        if path.endswith("_msearch"):
            count = len(asked.body.splitlines()) // 2
            return write_http({"took": 1, "responses": [found] * count})
        if path.endswith("_count"):
            return write_http({"count": 2, "user": f"<{user}>"})
        return write_http(found)

    return answer


def request_of(user: str, rng) -> bytes:
    """One request of a user, who stands in its body as well."""
    clause = {"match": {"title": "laptop"}}
    body = {"query": {"bool": {"must": [clause], "filter": [{"term": {"user": f"<{user}>"}}]}}}
    path, method = rng.choice(
        [
            ("/p/_search", "POST"),
            ("/p/_search?qrm_pipeline=fused", "POST"),
            ("/p/_search?qrm_debug", "GET"),
            ("/p/_search?qrm_pipeline=_none", "POST"),
            ("/p/_msearch", "POST"),
            ("/p/_count", "POST"),
            ("/p/_doc/1", "PUT"),
        ]
    )
    text = json.dumps(body).encode()
    if path == "/p/_msearch":
        text = b"{}\n" + text + b"\n{}\n" + text + b"\n"
    fields = f"host: x\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\n"
    fields += f"authorization: {authorization(user)}\r\n" if user else ""
    return f"{method} {path} HTTP/1.1\r\n{fields}\r\n".encode() + text


async def client(proxy, rng, users, seen: Counter) -> None:
    """Ask for one user after the other over one connection, and leave it now and then."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    for _ in range(REQUESTS):
        user = rng.choice(users)
        writer.write(request_of(user, rng))
        if rng.random() < 0.1:
            await asyncio.sleep(rng.random() * 0.01)
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            continue
        reply = await proxy.read(reader)
        assert reply.status == 200, reply
        text = reply.body.decode()
        assert f"<{user}>" in text
        assert {other for other in users if f"<{other}>" in text} == {user}
        seen[user] += 1
    writer.close()


@pytest.mark.parametrize(
    "own", [{}, {"username": "proxy", "password": "hush"}], ids=["none", "own"]
)
@pytest.mark.parametrize("seed", [1, 2])
async def test_nobody_is_asked_for_or_answered_as_somebody_else(
    proxied, write_http, reply_with, *, capsys, seed, own
):
    rng = random.Random(seed)  # noqa: S311 tests that can be repeated
    slots = {"rewriters": [{"plugin": "synonyms"}], "rewards": [{"plugin": "remembering"}]}
    pipelines = {
        "default": {"timeout_ms": 5000, **slots},
        "fused": {"timeout_ms": 5000, "merge": {"policy": "rrf"}, **slots},
    }
    proxy = await proxied(
        echoing(write_http, reply_with, rng),
        plugins={"remembering": Remembering},
        pipelines=pipelines,
        upstream={"connections_per_node": 5, "timeout_ms": 20_000, **own},
        log={"level": "debug", "access": True},
    )
    users = ["", *(f"user{number}" for number in range(USERS))]
    unnamed = own.get("username", "")
    seen = Counter()

    clients = (client(proxy, random.Random(n * seed), users[1:], seen) for n in range(CLIENTS))  # noqa: S311
    await asyncio.gather(*clients)
    anonymous = await proxy.ask("/p/_search", {"query": {"match": {"title": "laptop"}}})

    assert len(seen) == USERS
    assert f"<{unnamed}>" in anonymous.body.decode()
    for asked in proxy.engine.asked:
        named = {user for user in users if user and f"<{user}>" in asked.body.decode()}
        assert named <= {whose(asked)}
        expected = {"": None, "proxy": authorization("proxy", "hush")}
        assert asked.field("authorization") == expected.get(
            whose(asked), authorization(whose(asked))
        )
    printed = "".join(capsys.readouterr())
    assert "request" in printed
    for secret in ("secret of", "Basic", "hush", authorization("user1").split()[1]):
        assert secret not in printed
