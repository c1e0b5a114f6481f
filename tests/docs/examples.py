"""Examples that are made by running them."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from qrmiddleware.cli.asking import ask_search
from qrmiddleware.config.load import load_settings
from qrmiddleware.dsl.search import SearchRequest, parse_search, read_body
from qrmiddleware.dsl.uri import Parameters
from qrmiddleware.model import Boost, Proposal, Restriction, Rewrite
from qrmiddleware.pipeline.options import MergeOptions, Options
from qrmiddleware.pipeline.plan import Plan, first_searches, prepare, second_searches
from qrmiddleware.runner.upstreams import make_upstream
from qrmiddleware.upstream.exchange import UpstreamRequest

_REWRITES: Final = (Rewrite("trainers"),)
_SEARCH: Final = {"query": {"match": {"title": "sneakers"}}}
_SHOP_SEARCH: Final = {
    "query": {
        "bool": {
            "must": [{"multi_match": {"query": "sneakers", "fields": ["title^2", "brand"]}}],
            "filter": [{"term": {"in_stock": True}}],
        }
    }
}
_CONFIG: Final = """
upstream: {embedded: data}
log: {level: error}
pipelines:
  shop:
    index: products
    rewriters: [{plugin: rules, path: rules.txt}]
"""


def asked(policy: str) -> Callable[[], str]:
    """Return what writes the bodies that a policy sends."""

    def bodies() -> str:
        plan = _plan(_SEARCH, _REWRITES, policy)
        first = [_block(json.loads(body)) for body in first_searches(plan)]
        second = [_block(json.loads(body)) for body in second_searches(plan, found=1, fetched=1)]
        then = ["then, as only 1 hit was found and `min_hits` is 10:"] if second else []
        return "\n\n".join([*first, *then, *second])

    return bodies


def asked_for_bool() -> str:
    """Write what dis_max makes of a query with a filter."""
    return _asked_in_query(_SHOP_SEARCH, _REWRITES)


def asked_for_boost() -> str:
    """Write what becomes of a boost and a restriction."""
    wishes = (
        Boost(text="white", weight=2.0),
        Boost(clause={"term": {"category": "shoe care"}}, weight=-1.0),
        Restriction(clause={"range": {"price": {"lte": 100}}}),
    )
    return _asked_in_query(_SEARCH, wishes)


def _asked_in_query(search: dict[str, Any], proposals: tuple[Proposal, ...]) -> str:
    (body,) = first_searches(_plan(search, proposals, "dis_max"))
    return _block(json.loads(body))


def _plan(search: dict[str, Any], proposals: tuple[Proposal, ...], policy: Any) -> Plan:
    request = parse_search(read_body(json.dumps(search).encode()).tree, Parameters())
    assert isinstance(request, SearchRequest)
    options = Options(merge=replace(MergeOptions(), policy=policy), rank_window_size=100)
    return prepare(request, {"rules": proposals}, options)


def debug_output() -> str:
    """Write the reply to a search that asked for debug output."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "rules.txt").write_text("sneakers =>\n    SYNONYM: trainers\n")
        (folder / "qrmiddleware.yaml").write_text(_CONFIG)
        reply = asyncio.run(_debugged(folder / "qrmiddleware.yaml"))
        return _block(reply).replace(f"{folder}/", "")


async def _debugged(config: Path) -> dict[str, Any]:
    settings = load_settings(config, environment={})
    upstream = make_upstream(settings.upstream)
    await upstream.start()
    for doc_id, title in (("1", "White trainers"), ("2", "Sneakers cleaning kit")):
        body = json.dumps({"title": title}).encode()
        target = f"/products/_doc/{doc_id}?refresh=true"
        headers = [("content-type", "application/json")]
        await (await upstream.send(UpstreamRequest("PUT", target, headers, body))).read()
    await upstream.close()
    reply = await ask_search(settings, _SEARCH, "products", None)
    del reply["_shards"], reply["took"], reply["timed_out"]
    return reply


def _block(value: object) -> str:
    return f"```json\n{_folded(value)}\n```"


def _folded(value: object, indent: str = "") -> str:
    """Write JSON with short objects and lists on one line."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(indent + flat) <= 96 or not isinstance(value, dict | list) or not value:
        return flat
    inner = indent + "  "
    if isinstance(value, dict):
        items = [f"{json.dumps(k)}: {_folded(v, inner)}" for k, v in value.items()]
        left, right = "{", "}"
    else:
        items = [_folded(item, inner) for item in value]
        left, right = "[", "]"
    body = f",\n{inner}".join(items)
    return f"{left}\n{inner}{body}\n{indent}{right}"
