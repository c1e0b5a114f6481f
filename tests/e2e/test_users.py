"""Users with different rights on an Elasticsearch with security, all at once through one proxy."""

import hashlib
import json
import random
import secrets
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import tenacity
import urllib3
import yaml

from qrmiddleware_benchmarks.engines import Engine

pytestmark = pytest.mark.elasticsearch

RIGHTS = {"alice": ["shop-a"], "bob": ["shop-b"], "carol": ["shop-a", "shop-b"], "dave": ["other"]}
REQUESTS = 250
THREADS = 16
LAPTOP = {"query": {"match": {"title": "laptop"}}, "size": 50}
ASKED = (
    ("POST", "/shop-*/_search", LAPTOP),
    ("POST", "/shop-*/_search?qrm_pipeline=fused", LAPTOP),
    ("POST", "/shop-a/_search", LAPTOP),
    ("POST", "/shop-a,shop-b/_search", LAPTOP),
    ("POST", "/shop-*/_count", {"query": LAPTOP["query"]}),
    ("POST", "/_msearch", [{"index": "shop-*"}, LAPTOP, {"index": "shop-b"}, LAPTOP]),
    ("GET", "/_security/_authenticate", None),
)  # fmt: skip


@dataclass(frozen=True)
class Way:
    """To the engine, directly or through the proxy; all users share its connections."""

    url: str
    http: urllib3.PoolManager

    def ask(self, auth: str, method: str, target: str, body: Any = None) -> Any:
        lines = body if isinstance(body, list) else [body]
        text = "".join(f"{json.dumps(line)}\n" for line in lines) if body is not None else None
        headers = {"content-type": "application/json"}
        if auth:
            headers |= urllib3.make_headers(basic_auth=auth)
        return self.http.request(method, self.url + target, body=text, headers=headers)


def hashed(password: str) -> str:
    """A password as Elasticsearch's file realm keeps it."""
    salt = secrets.token_bytes(32)
    found = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 1_000, dklen=32)
    return f"{{PBKDF2}}1000${b64encode(salt).decode()}${b64encode(found).decode()}"


@contextmanager
def users_in(config: Path) -> Iterator[None]:
    """Write users and roles to files: this build of Elasticsearch can make no index for them."""
    roles = {
        user: {"indices": [{"names": indices, "privileges": ["read"]}]}
        for user, indices in RIGHTS.items()
    }
    contents = {
        "users": "".join(f"{user}:{hashed(f'password-of-{user}')}\n" for user in RIGHTS),
        "users_roles": "".join(f"{user}:{user}\n" for user in RIGHTS),
        "roles.yml": yaml.safe_dump(roles),
    }
    before = {name: (config / name).read_text() for name in contents}
    for name, text in contents.items():
        (config / name).write_text(text)
    yield
    for name, text in before.items():
        (config / name).write_text(text)


@pytest.fixture(scope="module")
def direct(secure_elasticsearch: Engine) -> Iterator[Way]:
    """The engine, with two indices, and four users who may see one, the other, both, or none."""
    ca_certs = secure_elasticsearch.ca_certs
    known = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda reply: reply.status != HTTPStatus.OK),
        stop=tenacity.stop_after_delay(60),  # it looks at its files every few seconds
        wait=tenacity.wait_fixed(0.5),
    )
    with (
        urllib3.PoolManager(ca_certs=str(ca_certs), timeout=60) as http,
        users_in(ca_certs.parents[1]),
    ):
        way, admin = Way(secure_elasticsearch.url, http), ":".join(secure_elasticsearch.auth)
        for index in ("shop-a", "shop-b"):
            rows = [
                line
                for number, word in enumerate(["laptop", "notebook", "laptop sleeve"])
                for line in ({"index": {"_id": str(number)}}, {"title": f"{word} of {index}"})
            ]
            assert (
                way.ask(admin, "POST", f"/{index}/_bulk?refresh=true", rows).status == HTTPStatus.OK
            )
        for user, indices in RIGHTS.items():
            known(way.ask, f"{user}:password-of-{user}", "GET", "/_security/_authenticate")
            if user != "dave":
                known(way.ask, f"{user}:password-of-{user}", "POST", f"/{indices[0]}/_search")
        yield way
        way.ask(admin, "DELETE", "/shop-a,shop-b")


@pytest.fixture(scope="module")
def through(proxy, secure_elasticsearch, tmp_path_factory) -> Iterator[tuple[Way, Any]]:
    """The proxy, with a rule and two merge policies."""
    rules = tmp_path_factory.mktemp("rules") / "rules.txt"
    rules.write_text("laptop =>\n  SYNONYM: notebook\n")
    slots = {"timeout_ms": 5000, "rewriters": [{"plugin": "rules", "path": str(rules)}]}
    started = proxy(
        secure_elasticsearch,
        pipelines={
            "default": {**slots, "merge": {"boost": 0.5}},
            "fused": {**slots, "merge": {"policy": "rrf"}},
        },
        upstream={"connections_per_node": 4},
        log={"level": "debug", "access": True},
    )
    with urllib3.PoolManager(timeout=60, maxsize=THREADS) as http:
        yield Way(started.url, http), started


def seen(reply: Any) -> tuple[int, set[str]]:
    """The status, and whose documents or whose name are in a reply."""
    text = reply.data.decode()
    words = (
        *(f"of {index}" for index in ("shop-a", "shop-b")),
        *(f'"username":"{u}"' for u in RIGHTS),
    )
    found = {word for word in words if word in text}
    if '"count"' in text:
        found.add(f"{json.loads(text)['count']} documents")
    return reply.status, found


def test_interleaved_users_see_what_they_see_directly(direct, through):
    way, started = through
    auths = [f"{user}:password-of-{user}" for user in RIGHTS]
    auths += ["alice:password-of-bob", "bob:wrong", "nobody:password-of-alice", ""]
    expected = {
        (auth, target): seen(
            direct.ask(auth, method, target.replace("?qrm_pipeline=fused", ""), body)
        )
        for auth in auths
        for method, target, body in ASKED
    }
    draws = random.Random(7)  # noqa: S311 can be repeated
    asked = [(draws.choice(auths), *draws.choice(ASKED)) for _ in range(REQUESTS)]

    with ThreadPoolExecutor(THREADS) as threads:
        replies = list(threads.map(lambda each: seen(way.ask(*each)), asked))

    for (auth, _, target, _), (status, found) in zip(asked, replies, strict=True):
        direct_status, direct_found = expected[auth, target]
        assert status == direct_status, (auth, target)
        if "_count" not in target:  # rewritten: it finds more, of the same indices
            assert found == direct_found, (auth, target)
    assert {status for status, _ in expected.values()} >= {200, 401, 403}
    log = started.log.read_text()
    assert "/shop-a/_search" in log
    assert "password-of" not in log
    for auth in auths:
        assert not auth or urllib3.make_headers(basic_auth=auth)["authorization"][6:] not in log


def test_counts_are_of_what_a_user_may_see(direct, through):
    way, _ = through
    counts = {
        user: json.loads(way.ask(f"{user}:password-of-{user}", *ASKED[4]).data)["count"]
        for user in RIGHTS
    }

    assert counts == {"alice": 3, "bob": 3, "carol": 6, "dave": 0}
