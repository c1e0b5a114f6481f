"""One query through a pipeline, without a proxy process."""

import pytest

from qrmiddleware.cli.asking import ask_search, proposals_for
from qrmiddleware.config.load import load_settings
from qrmiddleware.errors import ConfigError


@pytest.fixture
def settings(config):
    return load_settings(config, environment={})


async def test_proposals_come_with_their_decisions(settings):
    section, decisions = await proposals_for(settings, "laptop", "", None)

    assert section["pipeline"] == "default"
    assert [(item["text"], item["admitted"]) for item in decisions] == [("notebook", True)]


async def test_without_a_pipeline_there_is_nobody_to_ask(tmp_path):
    with pytest.raises(ConfigError, match="no pipeline to ask"):
        await proposals_for(load_settings(environment={}), "laptop", "", None)


async def test_a_search_is_answered_with_debug_output(settings):
    search = {"query": {"match": {"title": "laptop"}}}

    reply = await ask_search(settings, search, "", None)

    assert reply["hits"]["hits"] == []
    assert reply["ext"]["qrm"]["pipeline"] == "default"


async def test_what_the_engine_says_is_returned_too(settings):
    reply = await ask_search(settings, {"query": {"match_all": {}}}, "nowhere", None)

    assert reply["status"] == 404
