"""A version on trial in two running proxies that share a folder of versions."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

import pytest
import urllib3

from qrmiddleware.testing.generators import make_generator
from qrmiddleware_rl_qr.versions.folder import VersionFolder
from qrmiddleware_rl_qr.versions.state import promote, roll_back, try_out

RUNTIME = {"device": "cpu", "compute_type": "float32", "inter_threads": 1, "intra_threads": 1}
REWRITER = {"plugin": "rl_qr", "n": 1, "runtime": RUNTIME, "watch_s": 0.2, "min_queries": 20}
SHARE = 0.3
HEADERS = {"content-type": "application/json", "x-qrm-debug": "true"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> VersionFolder:
    """0001 turns every query into what the shop has, 0002 likewise, 0003 into what nobody has."""
    place = tmp_path_factory.mktemp("rl_qr")
    versions = VersionFolder(place / "versions")
    for name, term in (("first", "laptop"), ("second", "mouse"), ("bad", "xyzzy")):
        versions.add(make_generator(place / name, terms=(term,), name=name))
    return versions


class Shops:
    """Two proxies in front of the same products."""

    def __init__(self, proxies: list[Any], http: urllib3.PoolManager) -> None:
        self.proxies, self._http = proxies, http

    def search(self, text: str, number: int = 0) -> Any:
        body = json.dumps({"query": {"match": {"title": text}}})
        url = f"{self.proxies[number % 2].url}/products/_search"
        return self._http.request("POST", url, body=body, headers=HEADERS, timeout=20)

    def statuses(self) -> list[dict[str, Any]]:
        found = []
        for each in self.proxies:
            told = self._http.request("GET", f"{each.admin_url}/_qrm/pipelines").json()
            found.append(told["shop"]["plugins"][0]["status"])
        return found

    def wait(self, until: Callable[[dict[str, Any]], bool]) -> None:
        deadline = monotonic() + 30
        while not all(map(until, self.statuses())):
            assert monotonic() < deadline, self.statuses()
            sleep(0.1)

    @contextmanager
    def searching(self) -> Iterator[list[Any]]:
        """Search all the while; the replies are there afterwards."""
        ended, replies = threading.Event(), []

        def ask(number: int) -> None:
            while not ended.is_set():
                replies.append(self.search(f"zorb {len(replies)}", number))

        with ThreadPoolExecutor(2) as pool:
            asking = [pool.submit(ask, number) for number in range(2)]
            try:
                yield replies
            finally:
                ended.set()
            for each in asking:
                each.result(30)


@pytest.fixture(scope="module")
def shops(proxy, catalogue, folder) -> Iterator[Shops]:
    rewriter = {**REWRITER, "versions": str(folder.path)}
    pipelines = {"shop": {"timeout_ms": 10_000, "rewriters": [rewriter]}}
    lines = [
        line
        for number, product in enumerate(catalogue)
        for line in ({"index": {"_id": str(number)}}, product)
    ]
    body = "".join(json.dumps(line) + "\n" for line in lines)
    with urllib3.PoolManager(retries=False, maxsize=8) as http:
        started = [
            proxy("http://127.0.0.1:1", pipelines=pipelines, upstream={"embedded": True})
            for _ in range(2)
        ]
        for each in started:
            kind = {"content-type": "application/x-ndjson"}
            target = f"{each.url}/products/_bulk?refresh=true"
            assert not http.request("POST", target, body=body, headers=kind).json()["errors"]
        yield Shops(started, http)


def who_wrote(reply: Any) -> str:
    (decision,) = reply.json()["ext"]["qrm"]["decisions"]
    return decision["note"].partition(",")[0].removeprefix("version ")


def went_back(folder: VersionFolder, version: str) -> bool:
    last = folder.read().events[-1]
    return (last.what, last.version) == ("rolled back", version)


def test_a_canary_gets_its_share_of_the_queries_the_same_ones_in_both_proxies(shops, folder):
    folder.change(lambda state: try_out(state, "0002", SHARE))
    shops.wait(lambda status: status["canary"] == "0002")

    texts = [f"zorb {n}" for n in range(150)]
    wrote = [who_wrote(shops.search(text, 0)) for text in texts]

    assert set(wrote) == {"0001", "0002"}
    assert abs(wrote.count("0002") / len(texts) - SHARE) < 0.15
    assert [who_wrote(shops.search(text, 1)) for text in texts[:40]] == wrote[:40]
    folder.change(lambda state: roll_back(state, "enough seen"))
    shops.wait(lambda status: status["canary"] == "")


def test_a_bad_version_goes_back_by_itself_and_no_search_fails_meanwhile(shops, folder):
    with shops.searching() as replies:
        command = ("rl-qr", "versions", "canary", str(folder.path), "0003", "--share", str(SHARE))
        subprocess.run([sys.executable, "-m", "qrmiddleware.cli", *command], check=True)
        # nobody need see it on trial: at this pace it is back in less than a second
        shops.wait(lambda status: went_back(folder, "0003") and status["canary"] == "")
    later = [shops.search(f"zorb {number}", number) for number in range(40)]

    assert {reply.status for reply in replies} == {200}
    assert {reply.headers.get("x-qrm-degraded") for reply in replies} == {None}
    assert {who_wrote(reply) for reply in replies} == {"0001", "0003"}
    assert {who_wrote(reply) for reply in later} == {"0001"}
    assert folder.read().events[-1].reason.startswith("found nothing: ")


def test_a_promoted_version_answers_in_all_proxies_without_a_restart(shops, folder):
    with shops.searching() as replies:
        folder.change(lambda state: promote(state, "0002"))
        shops.wait(lambda status: status["serving"] == "0002")

    assert {reply.headers.get("x-qrm-degraded") for reply in replies} == {None}
    assert [who_wrote(shops.search("zorb", number)) for number in range(2)] == ["0002"] * 2
