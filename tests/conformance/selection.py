"""The cases of the short form: all that hold a text search, and those of the search APIs."""

import json
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlencode

from yaml_suite import Case

from qrmiddleware.dsl.raw import NotJsonError
from qrmiddleware.dsl.search import SearchRequest, parse_search, read_body
from qrmiddleware.dsl.uri import Parameters

GROUPS: Final = frozenset({"bulk", "count", "explain", "get", "msearch", "scroll"})
"""APIs of which every case belongs to the short form."""

_SEARCHES: Final = frozenset({"count", "msearch", "search"})


def in_short_form(case: Case) -> bool:
    """Whether a case is run where minutes count."""
    return case.group in GROUPS or has_text(case)


def has_text(case: Case) -> bool:
    """Whether a case holds a search that a pipeline takes up."""
    return any(_has_text(search) for search in _searches(case))


def _searches(case: Case) -> Iterator[dict[str, Any]]:
    for verb, what in (*case.setup, *case.steps):
        if verb == "do":
            yield from (what[api] for api in _SEARCHES & what.keys() if what[api])


def _has_text(search: dict[str, Any]) -> bool:
    asked = search.get("body") or {}
    words = Parameters.parse(urlencode({"q": search["q"]} if "q" in search else {}))
    for body in asked if isinstance(asked, list) else [asked]:
        text = body if isinstance(body, str) else json.dumps(body)
        try:
            tree = read_body(text.encode()).tree
        except NotJsonError:
            continue
        if isinstance(parse_search(tree, words), SearchRequest):
            return True
    return False
