"""Search bodies of any kind: read without a fault, and given on as they came."""

import json
import random
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.dsl.raw import NotJsonError
from qrmiddleware.dsl.search import SearchRequest, Untouched, parse_search, read_body, render_search
from qrmiddleware.dsl.uri import Parameters
from qrmiddleware.model import Boost, Restriction, Rewrite
from qrmiddleware.pipeline.options import IN_QUERY, MergeOptions, Options
from qrmiddleware.pipeline.search import Answer, blind_search, count, search
from qrmiddleware.pipeline.steps import AskExplanations, AskFilters, AskRewards, AskRewriters, Trip

POLICIES = (*sorted(IN_QUERY), "rrf", "linear", "append", "quota")
REPLY = json.dumps(
    {
        "took": 1,
        "hits": {
            "total": {"value": 1, "relation": "eq"},
            "max_score": 1.0,
            "hits": [{"_index": "p", "_id": "1", "_score": 1.0, "_source": {"title": "laptop"}}],
        },
    }
).encode()
PROPOSALS = {
    "a": [Rewrite("notebook"), Rewrite("other words", 0.5), Rewrite("quite other", replaces=True)],
    "b": [Boost(text="acme", weight=2.0), Boost(clause={"term": {"a": 1}}, weight=-2.0)],
    "c": [Restriction(text="case", excludes=True)],
}
PARAMETERS = (
    *(
        "",
        "q=laptop",
        "q=a%20AND%20b",
        "from=5&size=%FF",
        "size=99999999999999999999",
        "sort=_score",
    ),
    *(
        "sort=price:asc",
        "source=%7B%7D",
        "track_total_hits=",
        "track_total_hits=%22",
        "filter_path=a.*",
    ),
    *(
        "scroll=1m",
        "_source=false",
        "stored_fields=_none_",
        "from=1e9",
        "size=\u0661",
        "&&=&q",
        "%ff=%",
    ),
)


def loads(data: bytes) -> dict:
    """Read JSON as Python does, numbers of any length and broken UTF-8 too."""
    return json.loads(data.decode(errors="surrogateescape"), parse_int=str)


def parsed(data: bytes, parameters: str = "") -> SearchRequest | Untouched | None:
    """What is made of a body; ``None`` if it is left to the engine."""
    try:
        body = read_body(data)
    except NotJsonError:
        return None
    return parse_search(body.tree, Parameters.parse(parameters), text_paths=("query.match.title",))


def run(request: SearchRequest, options: Options, steps) -> object:
    """Drive a search to its end, with plugins that propose, flag and reward."""
    generator = steps(request, options)
    answer = None
    while True:
        try:
            step = generator.send(answer)
        except StopIteration as end:
            return end.value
        answer = answered(step, b'{"count":1}' if steps is count else REPLY)


def answered(step, reply: bytes) -> object:
    """What a search waits for."""
    match step:
        case Trip(bodies):
            for body in bodies:
                loads(body)
            return [reply] * len(bodies)
        case AskRewriters():
            return PROPOSALS
        case AskFilters(_, hits):
            return {"f": [False] * len(hits)}
        case AskRewards(_, hits):
            return {"r": [0.5] * len(hits)}
        case AskExplanations(_, judged):
            return {name: ["so"] * len(hits) for name, hits in judged.items()}


@given(st.data(), st.sampled_from(PARAMETERS))
def test_any_body_is_read_or_left_to_the_engine(bodies, data, parameters):
    parsed(data.draw(bodies), parameters)


@given(st.binary(max_size=400), st.sampled_from(PARAMETERS))
def test_any_bytes_are_read_or_left_to_the_engine(data, parameters):
    parsed(data, parameters)


@given(st.data())
def test_what_is_not_changed_is_written_as_it_was_given(bodies, data):
    given_body = data.draw(bodies)
    request = parsed(given_body)
    if not isinstance(request, SearchRequest):
        return

    rendered = loads(render_search(request, request.slots.query))

    expected = loads(given_body)
    extensions = expected.get("ext", {})
    if "qrm" in extensions:
        del extensions["qrm"]
        if not extensions:
            del expected["ext"]
    assert rendered == expected


@given(st.data())
def test_a_body_without_words_for_us_is_sent_as_it_came(bodies, data):
    given_body = data.draw(bodies)
    if b"qrm" in given_body:
        return
    try:
        assert read_body(given_body).sent == given_body
    except NotJsonError:
        return


@given(
    data=st.data(),
    parameters=st.sampled_from(PARAMETERS),
    policy=st.sampled_from(POLICIES),
    steps=st.sampled_from([search, count, blind_search]),
    judges=st.booleans(),
)
def test_any_search_that_is_ours_runs_to_its_end(
    bodies, *, data, parameters, policy, steps, judges
):
    request = parsed(data.draw(bodies), parameters)
    if not isinstance(request, SearchRequest):
        return
    judging = {"filters": {"f": "demote"}, "reward_weights": {"r": 1.0}} if judges else {}
    options = Options(merge=MergeOptions(policy=policy), **judging)

    end = run(request, options, steps)

    if isinstance(end, Answer):
        loads(end.render())


MATCH = b'{"match":{"title":"laptop"}}'
BOMBS = {
    "deep bool": b'{"query":' + b'{"bool":{"must":' * 100_000 + MATCH + b"}}" * 100_000 + b"}",
    "deep enough to be read": b'{"query":' + b'{"bool":{"must":' * 400 + MATCH + b"}}" * 400 + b"}",
    "deep beside the text": b'{"query":{"bool":{"must":['
    + MATCH
    + b'],"filter":'
    + b'{"bool":{"must":' * 440
    + b"{}"
    + b"}}" * 440
    + b"}}}",
    "deep in the text's own clause": b'{"query":{"bool":{"must":['
    + MATCH
    + b","
    + b'{"bool":{"must":' * 440
    + b"{}"
    + b"}}" * 440
    + b"]}}}",
    "deep aggregation": b'{"query":'
    + MATCH
    + b',"aggs":'
    + b'{"a":' * 900
    + b"1"
    + b"}" * 900
    + b"}",
    "deep sort": b'{"query":' + MATCH + b',"sort":' + b"[" * 950 + b"]" * 950 + b"}",
    "unclosed": b"[" * 1_000_000,
    "many filters": b'{"query":{"bool":{"must":['
    + MATCH
    + b'],"filter":['
    + b",".join([b'{"term":{"a":1}}'] * 100_000)
    + b"]}}}",
    "a million numbers": b'{"query":{"bool":{"must":['
    + MATCH
    + b'],"filter":{"terms":{"id":['
    + b",".join([b"123456"] * 1_000_000)
    + b"]}}}}}",
    "many keys": b'{"query":'
    + MATCH
    + b',"runtime_mappings":{'
    + b",".join(b'"k%d":1' % number for number in range(200_000))
    + b"}}",
    "ten thousand texts": b'{"query":{"dis_max":{"queries":['
    + b",".join([MATCH] * 10_000)
    + b"]}}}",
    "a long number": b'{"query":' + MATCH + b',"size":' + b"9" * 1_000_000 + b"}",
    "a long number in the query": b'{"query":{"bool":{"must":['
    + MATCH
    + b'],"boost":'
    + b"9" * 1_000_000
    + b"}}}",
    "a long count": b'{"query":{"bool":{"should":['
    + MATCH
    + b'],"filter":[],'
    + b'"minimum_should_match":"'
    + b"9" * 1_000_000
    + b'"}}}',
    "a long text": b'{"query":{"match":{"title":"' + b"a " * 2_000_000 + b'"}}}',
    "a long query string": b'{"query":{"query_string":{"query":"' + b"\\\\" * 1_000_000 + b'"}}}',
    "half pairs": b'{"query":{"match":{"title":"\\ud800\\ud800 laptop"}},"sort":"\\udfff"}',
}
"""Bodies that should cost no more than their size."""


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("policy", ["dis_max", "rrf"])
def test_a_bomb_costs_no_more_than_its_size(name, policy):
    began = process_time()

    request = parsed(BOMBS[name])
    if isinstance(request, SearchRequest):
        run(request, Options(merge=MergeOptions(policy=policy)), search)

    assert process_time() - began < 10


@given(st.integers(0, 2**32))
def test_the_text_is_found_at_any_depth_up_to_a_bound(seed):
    rng = random.Random(seed)  # noqa: S311 can be repeated
    depth = rng.randint(0, 40)
    clause = '{"match":{"title":"laptop"}}'
    for _ in range(depth):
        clause = rng.choice(['{"bool":{"must":%s}}', '{"dis_max":{"queries":[%s]}}']) % clause

    request = parsed(b'{"query":' + clause.encode() + b"}")

    assert isinstance(request, SearchRequest)
    assert request.query.text == "laptop"
