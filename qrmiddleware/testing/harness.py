"""Hits to test with, and a harness that holds a plugin to its contract."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from qrmiddleware.errors import PluginError
from qrmiddleware.hooks.manager import Hooks
from qrmiddleware.model import Hit, Query, Trace

AWKWARD_QUERIES: Final = (
    "",
    " ",
    "red shoe",
    "RED  shoe\t",
    'tn-2110 "toner" (black) AND 50%',
    "красные туфли",
    "赤い靴",
    "حذاء أحمر",
    "👟",
    "e\u0301cran",
    "\x00\ufffd",
    "a" * 10_000,
    "word " * 500,
)
"""Texts that real shoppers, and real bots, send."""


def make_hits(*texts: str, field: str = "title") -> tuple[Hit, ...]:
    """Make hits d1, d2, ... with falling scores."""
    return tuple(
        Hit(doc_id=f"d{n}", score=float(len(texts) - n), source={field: text})
        for n, text in enumerate(texts, start=1)
    )


def doc_ids(hits: Iterable[Hit]) -> list[str]:
    """Return only the ids, the form in which rankings are compared."""
    return [hit.doc_id for hit in hits]


def check_plugin(plugin: object, *, queries: Sequence[str] = ()) -> None:
    """Start a plugin, call every hook of it with awkward input, and shut it down.

    Each question is asked twice in a row and once more from several threads at a time, as
    the middleware will: the answers must be the same.

    Args:
        plugin: The plugin, made but not started.
        queries: Queries of its own domain, asked beside the awkward ones.

    Raises:
        ConfigError: If a hook is misspelt or not marked, or the plugin cannot start.
        PluginError: If a hook raised, or broke its hookspec.
        AssertionError: If the same question got two answers.
    """
    hooks = Hooks({"plugin": plugin})
    hooks.startup()
    try:
        with ThreadPoolExecutor(4) as pool:
            for text in (*AWKWARD_QUERIES, *queries):
                for question in _questions(hooks, Query(text, query_id="q1", index="products")):
                    _check_same(question, pool)
        problems = hooks.observe(Trace(Query("red shoe"), "default", "handled"))
        _check_status(hooks)
    finally:
        problems_at_end = hooks.shutdown()
    for problem in (*problems, *problems_at_end):
        raise problem


def _questions(hooks: Hooks, query: Query) -> Iterable[Callable[[], object]]:
    implemented = hooks.of("plugin")
    if "qrm_rewrite" in implemented:
        yield partial(hooks.rewrite, "plugin", query)
    for hits in ((), make_hits("red shoe"), (Hit("bare", 0.0),), make_hits(*["x"] * 100)):
        if "qrm_filter" in implemented:
            yield partial(hooks.filter, "plugin", query, hits)
        if "qrm_reward" in implemented:
            yield partial(hooks.reward, "plugin", query, hits)
        if "qrm_explain" in implemented:
            yield partial(hooks.explain, "plugin", query, hits)


def _check_status(hooks: Hooks) -> None:
    name = "plugin"
    status = hooks.status(name)
    if status is not None and "problem" in status:
        raise PluginError(name, "qrm_status", str(status["problem"]))


def _check_same(question: Callable[[], object], pool: ThreadPoolExecutor) -> None:
    first = question()
    again = [question(), *(future.result() for future in [pool.submit(question) for _ in range(4)])]
    for answer in again:
        if answer != first:
            problem = f"two answers to one question: {first!r} and {answer!r}"
            raise AssertionError(problem)
