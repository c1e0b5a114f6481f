"""Reranking and filtering with a student in a real ``qrm serve``, in front of every engine."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic, sleep
from typing import Any

import pytest
import urllib3
import yaml

from qrmiddleware.students.opening import open_student
from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware.testing.students import make_student

RUNTIME = {"device": "cpu", "compute_type": "float32", "inter_threads": 1, "intra_threads": 1}
NARROW = {**RUNTIME, "max_waiting": 1, "batch_tokens": 64}
"""Of a student for which hardly anything may wait."""
QUERY = "acme laptop"


@dataclass(frozen=True)
class Shop:
    """The catalogue behind a proxy with a pipeline for each way to use students."""

    engine: str
    url: str
    admin_url: str
    http: urllib3.PoolManager
    scores: Callable[[list[str]], list[float]]
    floor: float

    def search(
        self, pipeline: str = "_none", text: str = QUERY, headers: Any = None, **body: Any
    ) -> Any:
        search = {"query": {"match": {"title": text}}, "size": 60, **body}
        return self.http.request(
            "POST",
            f"{self.url}/reranked/_search?qrm_pipeline={pipeline}",
            body=json.dumps(search).encode(),
            headers={"content-type": "application/json", **(headers or {})},
            timeout=20,
        )

    def put(self, target: str, body: Any) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        reply = self.http.request("PUT", self.url + target, body=data)
        assert reply.status in {200, 201}, reply.data

    def hits(self, *args: Any, **how: Any) -> list[dict[str, Any]]:
        return self.search(*args, **how).json()["hits"]["hits"]


@pytest.fixture(scope="module")
def students(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("students")
    return {
        "cross": make_student(folder / "cross"),
        "why": make_student(folder / "why", gains=(1.0, 0.5, 0.0), aspects=("category", "brand")),
        "slow": make_student(folder / "slow", layers=6, hidden=64),
        "bi": make_student(folder / "bi", "bi_encoder", seed=3),
    }


@pytest.fixture(
    scope="module",
    params=[
        "embedded",
        pytest.param("elasticsearch_url", marks=pytest.mark.elasticsearch),
        pytest.param("opensearch_url", marks=pytest.mark.opensearch),
    ],
)
def shop(request, proxy, catalogue, students) -> Iterator[Shop]:
    scorer = open_student(students["cross"], RuntimeSettings(**RUNTIME))

    def scores(texts: list[str]) -> list[float]:
        return scorer.scores(QUERY, texts).tolist()

    floor = median(scores([product["title"] for product in catalogue]))
    embedded = request.param == "embedded"
    url = "http://127.0.0.1:1" if embedded else request.getfixturevalue(request.param)
    started = proxy(
        url,
        pipelines=pipelines(students, floor),
        upstream={"embedded": True} if embedded else {},
        limits={"breaker_failures": 3},
    )
    lines = (
        json.dumps(line)
        for number, product in enumerate(catalogue)
        for line in ({"index": {"_id": str(number)}}, product)
    )
    settings = b'{"settings": {"number_of_shards": 1, "number_of_replicas": 0}}'
    with urllib3.PoolManager(retries=False, headers={"content-type": "application/json"}) as http:
        http.request("PUT", f"{started.url}/reranked", body=settings)
        kind = {"content-type": "application/x-ndjson"}
        body = "\n".join((*lines, "")).encode()
        reply = http.request(
            "POST", f"{started.url}/reranked/_bulk?refresh=true", body=body, headers=kind
        )
        assert not reply.json()["errors"]
        yield Shop(
            request.param.removesuffix("_url"),
            started.url,
            started.admin_url,
            http,
            scores,
            floor,
        )
        http.request("DELETE", f"{started.url}/reranked")
    scorer.close()


def pipelines(students: dict[str, Path], floor: float) -> dict[str, Any]:
    cross = {"plugin": "walmart_kd", "model": str(students["cross"]), "runtime": RUNTIME}
    cascade = {**cross, "first": str(students["bi"]), "keep": 5}
    narrow = {"plugin": "walmart_kd", "model": str(students["slow"]), "runtime": NARROW}
    towers = {**cross, "model": str(students["bi"]), "vector_field": "embedding"}
    common = {"timeout_ms": 10_000, "fields": ["title"], "rank_window_size": 60}
    why = {**cross, "model": str(students["why"]), "min_score": 0.4, "tag": "floor"}
    drop = {**cross, "min_score": floor, "action": "drop", "tag": "floor"}
    return {
        "reranked": {**common, "rewards": [cross]},
        "blended": {**common, "rewards": [cross], "engine_weight": 1.0},
        "floored": {**common, "filters": [drop], "rewards": [cross]},
        "cascade": {**common, "rewards": [cascade]},
        "narrow": {**common, "rewards": [narrow]},
        "explained": {**common, "filters": [why]},
        "vectors": {**common, "fields": ["title", "embedding"], "rewards": [towers]},
    }


def ids(hits: list[dict[str, Any]]) -> list[str]:
    return [hit["_id"] for hit in hits]


def until_there_is_room(search: Callable[[], Any]) -> Any:
    """Search until nothing is skipped for want of room: work that nobody waits for ends too."""
    deadline = monotonic() + 10
    while True:
        reply = search()
        if "saturated" not in reply.headers.get("x-qrm-degraded", "") or monotonic() > deadline:
            return reply
        sleep(0.01)


def saturated(shop: Shop) -> int:
    """Return how many opinions were skipped so far since too much waited."""
    metrics = shop.http.request("GET", f"{shop.admin_url}/_qrm/metrics").data.decode()
    return sum(
        int(float(line.split()[-1]))
        for line in metrics.splitlines()
        if line.startswith("qrm_plugin_calls_total") and 'outcome="saturated"' in line
    )


def titles(hits: list[dict[str, Any]]) -> list[str]:
    return [hit["_source"]["title"] for hit in hits]


def best_first(hits: list[dict[str, Any]], scores: list[float]) -> list[str]:
    return [
        hit["_id"] for hit, _ in sorted(zip(hits, scores, strict=True), key=lambda pair: -pair[1])
    ]


def test_hits_come_in_the_order_of_the_students_scores(shop):
    plain = shop.hits()

    reply = shop.search("reranked")

    assert reply.headers["x-qrm-applied"] == "rerank"
    assert "x-qrm-degraded" not in reply.headers
    found = reply.json()["hits"]["hits"]
    assert ids(found) == best_first(plain, shop.scores(titles(plain)))
    assert ids(found) != ids(plain)
    assert [hit["_source"] for hit in sorted(found, key=lambda hit: hit["_id"])] == [
        hit["_source"] for hit in sorted(plain, key=lambda hit: hit["_id"])
    ]


def test_a_client_that_asks_for_no_source_gets_the_same_order_and_no_source(shop):
    with_source = shop.hits("reranked")

    without = shop.hits("reranked", _source=False)

    assert ids(without) == ids(with_source)
    assert all("_source" not in hit and "fields" not in hit for hit in without)


@pytest.mark.parametrize("pipeline", ["reranked", "blended", "cascade", "floored"])
def test_pages_are_cut_from_one_ranking(shop, pipeline):
    whole = ids(shop.hits(pipeline))

    pages = [
        hit
        for start in range(0, len(whole), 7)
        for hit in ids(shop.hits(pipeline, **{"from": start, "size": 7}))
    ]

    assert pages == whole
    assert len(set(pages)) == len(pages)


def test_debug_output_shows_each_hits_reward_and_how_the_plugin_did(shop):
    reply = shop.search("reranked", headers={"x-qrm-debug": "true"}, size=5).json()

    hits = reply["hits"]["hits"]
    rewards = [hit["_qrm"]["reward"] for hit in hits]
    assert rewards == sorted(rewards, reverse=True)
    assert len(set(rewards)) == 5
    calls = reply["ext"]["qrm"]["processor_results"]
    assert [(call["processor_name"], call["tag"], call["status"]) for call in calls] == [
        ("qrm_reward", "walmart_kd", "success"),
        ("qrm_explain", "walmart_kd", "success"),
    ]
    by_title = dict(zip(ids(hits), shop.scores(titles(hits)), strict=True))
    said = {hit["_id"]: hit["_qrm"]["explanations"]["walmart_kd"]["score"] for hit in hits}
    assert said == pytest.approx(by_title, abs=1e-4)


def test_debug_output_says_why_a_hit_was_demoted_and_other_searches_compute_no_reason(shop):
    def explained() -> int:
        seen = shop.http.request("GET", f"{shop.admin_url}/_qrm/pipelines").json()
        (floor,) = seen["explained"]["plugins"]
        return int(floor["status"]["model"]["texts"]["explained"])

    plain = shop.search("explained", size=10).json()
    before = explained()
    reply = shop.search("explained", headers={"x-qrm-debug": "true"}, size=10).json()

    assert before == 0
    assert explained() > 0
    assert "ext" not in plain
    assert ids(plain["hits"]["hits"]) == ids(reply["hits"]["hits"])
    window = reply["ext"]["qrm"]["window"]
    demoted = [hit for hit in window if hit.get("demoted")]
    assert demoted
    for hit in demoted:
        said = hit["explanations"]["floor"]
        assert hit["flagged_by"] == ["floor"]
        assert said["score"] < said["min_score"]
        assert said["class"] in said["classes"]
        assert said["aspects"].keys() == {"category", "brand"}
    assert all("_source" not in hit for hit in window)


def test_hits_below_the_floor_are_dropped_and_counted(shop):
    plain = shop.hits()
    scores = shop.scores(titles(plain))

    reply = shop.search("floored").json()

    below = sum(score < shop.floor for score in scores)
    assert 0 < below < len(plain)
    assert reply["ext"]["qrm"]["filtered"] == below
    assert ids(reply["hits"]["hits"]) == best_first(plain, scores)[: len(plain) - below]


def test_a_cascade_puts_the_hits_that_the_second_student_saw_first(shop):
    plain = shop.hits()
    by_title = dict(zip(ids(plain), shop.scores(titles(plain)), strict=True))

    head = ids(shop.hits("cascade"))[:5]

    assert head == sorted(head, key=lambda doc_id: -by_title[doc_id])


@pytest.fixture
def vectored(shop, students) -> Iterator[list[str]]:
    """An index whose vectors say the opposite of its titles; titles by falling score of these."""
    texts = [f"acme laptop {word}" for word in ("sleeve", "14 inch", "stand", "mouse", "15 inch")]
    student = open_student(students["bi"], RuntimeSettings(**RUNTIME))
    by_score = [
        text
        for text, _ in sorted(
            zip(texts, student.scores(QUERY, texts).tolist(), strict=True),
            key=lambda pair: -pair[1],
        )
    ]
    vectors = student.vectors(by_score[::-1]).tolist()
    student.close()
    mapping = {"type": "dense_vector", "dims": 16} if shop.engine == "elasticsearch" else None
    mapping = {"type": "float", "index": False} if shop.engine == "opensearch" else mapping
    included = {"index.mapping.exclude_source_vectors": False}
    shop.put(
        "/vectored",
        {
            "settings": included if shop.engine == "elasticsearch" else {},
            "mappings": {"properties": {"embedding": mapping} if mapping else {}},
        },
    )
    for number, (text, vector) in enumerate(zip(by_score, vectors, strict=True)):
        shop.put(f"/vectored/_doc/{number}?refresh=true", {"title": text, "embedding": vector})
    yield by_score
    shop.http.request("DELETE", f"{shop.url}/vectored")


def test_vectors_that_qrm_embed_writes_are_those_that_a_search_goes_by(shop, students):
    if shop.engine == "embedded":
        pytest.skip("the embedded engine keeps no place between pages")
    texts = ["laptop sleeve", "acme laptop", "laptop mouse"]
    included = {"index.mapping.exclude_source_vectors": False}
    shop.put("/written", {"settings": included if shop.engine == "elasticsearch" else {}})
    for number, text in enumerate(texts):
        shop.put(f"/written/_doc/{number}?refresh=true", {"title": text})
    told = ("--url", shop.url, "--index", "written", "--fields", "title")

    done = subprocess.run(
        [sys.executable, "-m", "qrmiddleware.cli", "embed", students["bi"], *told],
        capture_output=True,
        text=True,
        check=False,
    )
    found = shop.http.request(
        "POST",
        f"{shop.url}/written/_search?qrm_pipeline=vectors",
        body=json.dumps({"query": {"match": {"title": QUERY}}}).encode(),
    ).json()["hits"]["hits"]
    shop.http.request("DELETE", f"{shop.url}/written")

    assert done.returncode == 0, done.stderr
    assert "3 documents of written" in done.stdout
    assert all(len(hit["_source"]["embedding"]) == 16 for hit in found)
    student = open_student(students["bi"], RuntimeSettings(**RUNTIME))
    scores = student.scores(QUERY, texts).tolist()
    student.close()
    assert ids(found) == [str(n) for n in sorted(range(3), key=lambda n: -scores[n])]


@pytest.mark.parametrize("source", [True, False])
def test_a_bi_encoder_goes_by_the_vectors_that_the_index_holds(shop, vectored, source):
    body = {"query": {"match": {"title": QUERY}}, "_source": source}

    found = shop.http.request(
        "POST",
        f"{shop.url}/vectored/_search?qrm_pipeline=vectors",
        body=json.dumps(body).encode(),
    )

    assert "x-qrm-degraded" not in found.headers
    assert ids(found.json()["hits"]["hits"]) == ["4", "3", "2", "1", "0"]


def test_a_student_that_is_late_costs_its_opinion_only(shop):
    text = "globex laptop sleeve"
    plain = ids(shop.hits(text=text))

    late = shop.search("narrow", text, headers={"x-qrm-timeout-ms": "0.1"})
    in_time = until_there_is_room(lambda: shop.search("narrow", text))

    assert late.headers["x-qrm-degraded"] == "walmart_kd=timeout"
    assert ids(late.json()["hits"]["hits"]) == plain
    assert "x-qrm-degraded" not in in_time.headers
    assert ids(in_time.json()["hits"]["hits"]) != plain


def test_a_student_for_which_too_much_waits_is_skipped_and_says_so(shop):
    def ask(number):
        return shop.search("narrow", f"laptop notebook mouse {number}")

    before = saturated(shop)
    with ThreadPoolExecutor(12) as threads:
        replies = list(threads.map(ask, range(36)))
    skipped = saturated(shop) - before
    after = until_there_is_room(lambda: shop.search("narrow", "laptop 14"))

    degraded = [reply.headers.get("x-qrm-degraded") for reply in replies]
    assert {reply.status for reply in replies} == {200}
    assert set(degraded) == {None, "walmart_kd=saturated"}
    assert "x-qrm-degraded" not in after.headers  # not switched off by having no room
    assert skipped == degraded.count("walmart_kd=saturated")


def test_a_tampered_student_keeps_the_server_from_starting_and_is_named(tmp_path):
    folder = make_student(tmp_path / "student")
    (folder / "tokenizer.json").write_text("{}")
    config = {
        "upstream": {"embedded": True},
        "pipelines": {"shop": {"rewards": [{"plugin": "walmart_kd", "model": "student"}]}},
    }
    file = tmp_path / "qrmiddleware.yaml"
    file.write_text(yaml.safe_dump(config))

    ended = subprocess.run(
        [str(Path(sys.executable).with_name("qrm")), "serve", "--config", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 2
    assert "pipeline 'shop'" in ended.stderr
    assert "tokenizer.json" in ended.stderr
    assert "Traceback" not in ended.stderr
