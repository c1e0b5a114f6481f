"""What the headers of a reply say about its pipeline."""

import pytest
from pydantic import BaseModel

from qrmiddleware.hooks import hookimpl


async def test_the_url_wins_over_headers_and_headers_over_the_body(proxied, one_synonym, laptop):
    proxy = await proxied(pipelines=dict.fromkeys("abc", one_synonym["default"]))
    body = {**laptop, "ext": {"qrm": {"pipeline": "c"}}}

    in_url = await proxy.ask("/p/_search?qrm_pipeline=a", body, x_qrm_pipeline="b")
    in_header = await proxy.ask("/p/_search", body, x_qrm_pipeline="b")
    in_body = await proxy.ask("/p/_search", body)

    pipelines = [answer.field("x-qrm-pipeline") for answer in (in_url, in_header, in_body)]
    assert pipelines == ["a", "b", "c"]


async def test_a_search_without_an_id_is_given_one_of_its_own(proxied, one_synonym, laptop):
    proxy = await proxied(pipelines=one_synonym)

    answers = [await proxy.ask("/p/_search", laptop) for _ in range(2)]

    assert len({answer.field("x-qrm-request-id") for answer in answers}) == 2


@pytest.mark.parametrize("tag", ["über", "a\nb", "слово"])
async def test_names_that_are_no_header_text_are_spelt_as_one(proxied, laptop, tag):
    class Broken:
        class Settings(BaseModel):
            pass

        def __init__(self, settings):
            pass

        @hookimpl
        def qrm_rewrite(self, query):
            return 5

    slot = {"plugin": "broken", "tag": tag}
    pipeline = {"timeout_ms": 1000, "rewriters": [slot]}
    proxy = await proxied(plugins={"broken": Broken}, pipelines={"default": pipeline})

    answer = await proxy.ask("/p/_search", laptop)

    degraded = answer.field("x-qrm-degraded").encode("latin-1").decode()
    assert degraded == f"{tag}=error".replace("\n", " ")
