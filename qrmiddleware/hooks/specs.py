"""Hook specifications: one hook per decision, one call per search, ``None`` for no opinion."""

from collections.abc import Mapping, Sequence

from qrmiddleware.hooks import hookspec
from qrmiddleware.model import Hit, Proposal, Query, Trace


@hookspec
def qrm_startup() -> None:
    """Load what later calls need; called once, before the first search.

    A plugin that raises here keeps the middleware from starting.
    """


@hookspec
def qrm_status() -> Mapping[str, object] | None:
    """Say what has been loaded, where it runs and how it does, for operators.

    Called by ``qrm check`` and for ``/_qrm/pipelines``, at any time after the start and while
    searches are served; must be quick.

    Returns:
        What JSON can hold, by name; ``None`` for nothing to say.
    """
    return None


@hookspec
def qrm_shutdown() -> None:
    """Let go of files, connections and models; called once, after the last search."""


@hookspec
def qrm_rewrite(query: Query) -> Sequence[Proposal] | None:
    """Propose other wordings, boosts and restrictions for a query.

    Called once per search, before the engine is asked. Every plugin is given the
    user's own wording, never another plugin's; the pipeline merges the answers.

    Args:
        query: The query as typed, neither lower-cased nor trimmed.

    Returns:
        Rewrites (best first), boosts and restrictions, or ``None`` for no opinion. The
        pipeline decides which are admitted, and records why.
    """
    return None


@hookspec
def qrm_filter(query: Query, hits: Sequence[Hit]) -> Sequence[bool] | None:
    """Say which hits are relevant enough to keep their place.

    Args:
        query: The query as typed.
        hits: The rerank window, best first; shape (window,).

    Returns:
        One flag per hit, in the order of ``hits``; ``None`` keeps them all. Hits flagged
        ``False`` are demoted below the others, or dropped, as the pipeline is configured.
    """
    return None


@hookspec
def qrm_reward(query: Query, hits: Sequence[Hit]) -> Sequence[float] | None:
    """Score hits for reranking.

    Args:
        query: The query as typed.
        hits: The rerank window after filtering, best first; shape (window,).

    Returns:
        One finite reward per hit, in the order of ``hits``. Higher is better; no other
        scale is promised. ``None`` leaves the engine's order.
    """
    return None


@hookspec
def qrm_explain(
    query: Query, hits: Sequence[Hit]
) -> Sequence[str | Mapping[str, object] | None] | None:
    """Say why hits were judged as they were, for people.

    Called only for searches with debug output, after filters and rewards have answered; it
    changes nothing about the page, and may take as long as the search's plugins together.

    Args:
        query: The query as typed.
        hits: The hits that this plugin was asked to judge, in the same order: of a filter the
            rerank window, of a reward what no filter flagged.

    Returns:
        In the order of ``hits``, a text or what JSON can hold by name; ``None`` for a hit, or
        for all of them, with nothing to say.
    """
    return None


@hookspec
def qrm_observe(trace: Trace) -> None:
    """Take note of a search that has been answered; called after the reply was sent."""
