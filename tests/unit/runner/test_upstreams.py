import pytest

from qrmiddleware.config.settings import UpstreamSettings
from qrmiddleware.runner.upstreams import cluster_options, make_upstream
from qrmiddleware.upstream.cluster import ClusterUpstream
from qrmiddleware.upstream.embedded import EmbeddedUpstream


def options(**settings):
    return cluster_options(UpstreamSettings.model_validate(settings))


def test_a_cluster_is_reached_as_configured():
    made = options(
        urls=["https://a:9200", "https://b:9200"],
        timeout_ms=500,
        connect_timeout_ms=50,
        connections_per_node=8,
        max_retries=1,
        verify_certs=False,
        ca_certs="/ca.pem",
    )

    assert made.urls == ("https://a:9200", "https://b:9200")
    assert (made.timeout_ms, made.connect_timeout_ms) == (500, 50)
    assert (made.connections_per_node, made.max_retries) == (8, 1)
    assert (made.tls.verify_certs, made.tls.ca_certs, made.tls.client_cert) == (
        False,
        "/ca.pem",
        None,
    )


@pytest.mark.parametrize(
    ("settings", "authorization"),
    [
        ({}, None),
        ({"username": "Aladdin", "password": "open sesame"}, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ({"api_key": "abc=="}, "ApiKey abc=="),
    ],
)
def test_credentials_become_an_authorization(settings, authorization):
    assert options(**settings).authorization == authorization


def test_the_settings_say_which_engine_answers(tmp_path):
    assert isinstance(make_upstream(UpstreamSettings()), ClusterUpstream)
    assert isinstance(make_upstream(UpstreamSettings(embedded=True)), EmbeddedUpstream)
    assert isinstance(make_upstream(UpstreamSettings(embedded=tmp_path)), EmbeddedUpstream)
