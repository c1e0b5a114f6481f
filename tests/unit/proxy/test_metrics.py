"""What is counted."""

from prometheus_client.parser import text_string_to_metric_families

from qrmiddleware.proxy.metrics import Metrics


async def test_a_search_is_counted_with_its_stages_and_plugin_calls(proxied, one_synonym, laptop):
    proxy = await proxied(pipelines=one_synonym)

    await proxy.ask("/p/_search", laptop)

    text = proxy.service.metrics.render().decode()
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["qrm_searches_total", "default", "handled"] == 1
    call = ("default", "qrm_rewrite", "success", "synonyms")
    assert samples["qrm_plugin_calls_total", *call] == 1
    assert samples["qrm_stage_seconds_count", "default", "rewrite"] == 1
    assert samples["qrm_stage_seconds_count", "default", "search"] == 1
    assert samples["qrm_request_seconds_count", "search"] == 1
    assert samples["qrm_requests_in_flight",] == 0


def test_two_processes_count_apart():
    assert Metrics().registry is not Metrics().registry
