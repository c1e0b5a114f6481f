"""What is counted."""

import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from qrmiddleware.proxy.metrics import Metrics


def samples_of(proxy):
    text = proxy.service.metrics.render().decode()
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_search_is_counted_with_its_stages_and_plugin_calls(proxied, one_synonym, laptop):
    proxy = await proxied(pipelines=one_synonym)

    await proxy.ask("/p/_search", laptop)

    samples = samples_of(proxy)
    assert samples["qrm_searches_total", "default", "handled"] == 1
    call = ("default", "qrm_rewrite", "success", "synonyms")
    assert samples["qrm_plugin_calls_total", *call] == 1
    assert samples["qrm_stage_seconds_count", "default", "rewrite"] == 1
    assert samples["qrm_stage_seconds_count", "default", "search"] == 1
    assert samples["qrm_request_seconds_count", "search"] == 1
    assert samples["qrm_requests_in_flight",] == 0


def test_two_processes_count_apart():
    assert Metrics().registry is not Metrics().registry


@pytest.fixture
def engine_that_says(reply_with, write_http):
    """Answer searches, alone and in batches, with this beside the hits."""

    def engine(**said):
        one = reply_with("acme laptop", **said)
        return lambda asked: write_http({"responses": [one]} if "_m" in asked.target else one)

    return engine


@pytest.mark.parametrize("failed", [0, 1])
@pytest.mark.parametrize("timed_out", [True, False])
async def test_answers_that_lack_shards_are_counted(
    proxied, one_synonym, laptop, engine_that_says, *, failed, timed_out
):
    shards = {"total": 2, "failed": failed}
    engine = engine_that_says(_shards=shards, timed_out=timed_out)
    proxy = await proxied(engine, pipelines=one_synonym)

    alone = await proxy.ask("/p/_search", laptop)
    batch = json.dumps({}) + "\n" + json.dumps(laptop) + "\n"
    await proxy.ask("/p/_msearch", batch.encode(), content_type="application/x-ndjson")

    partial = timed_out or bool(failed)
    assert (alone.json["_shards"], alone.json["timed_out"]) == (shards, timed_out)
    assert samples_of(proxy).get(("qrm_partial_replies_total", "default"), 0) == 2 * partial


async def test_nodes_that_fail_are_counted(proxied, laptop):
    proxy = await proxied(b"no HTTP", upstream={"max_retries": 1})

    await proxy.ask("/p/_search", laptop)

    (found,) = [key for key in samples_of(proxy) if key[0] == "qrm_upstream_node_failures_total"]
    assert found[1] == "broken_off"
    assert samples_of(proxy)[found] == 2


def test_memory_and_the_time_of_the_start_are_shown():
    text = Metrics().render().decode()

    assert "process_resident_memory_bytes" in text
    assert "process_start_time_seconds" in text
