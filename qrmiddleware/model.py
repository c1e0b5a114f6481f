"""The values that travel through the pipeline: frozen, typed, without behaviour."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Query:
    """What the user asked for, in the user's own words.

    Attributes:
        text: As typed, neither lower-cased nor trimmed.
        query_id: The request's id, for joining logs.
        index: The index expression of the URL, such as ``"products,archive-*"``; empty for all.
    """

    text: str
    query_id: str = ""
    index: str = ""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Another wording of a query.

    Attributes:
        text: The wording, analysed by the engine as the user's own would be.
        weight: Boost relative to the user's own wording, 0 < weight <= 1.
        replaces: Search for this wording instead of the user's own, not beside it.
        note: Why it was proposed, for people: a rule's id and line, a model's name.
    """

    text: str
    weight: float = 1.0
    replaces: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Boost:
    """Raises or lowers hits that match a text or an engine clause; finds nothing by itself.

    Attributes:
        text: Words to match as the user's own would be; empty if ``clause`` is given.
        clause: A query clause in the engine's own language; ``None`` if ``text`` is given.
        weight: Above 0, its score times ``weight`` is added; below 0, the score of what
            matches is divided by ``1 - weight`` (``-1`` halves it).
        note: Why it was proposed, for people.
    """

    text: str = ""
    clause: Mapping[str, Any] | None = None
    weight: float = 1.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Restriction:
    """Keeps only the documents that match a text or an engine clause, or only the others.

    Attributes:
        text: Words to match as the user's own would be; empty if ``clause`` is given.
        clause: A query clause in the engine's own language; ``None`` if ``text`` is given.
        excludes: Keep what does not match, instead of what does.
        note: Why it was proposed, for people.
    """

    text: str = ""
    clause: Mapping[str, Any] | None = None
    excludes: bool = False
    note: str = ""


Proposal: TypeAlias = Rewrite | Boost | Restriction
"""What a rewriter may answer with."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One retrieved document of the rerank window.

    Attributes:
        doc_id: The document's ``_id``.
        score: The engine's score, higher is better.
        source: The pipeline's ``fields``, by field path; a value is a string, a number,
            or a list of them.
        index: The index that holds the document.
        found_by: The wordings that matched it, the user's own first if it did.
    """

    doc_id: str
    score: float
    source: Mapping[str, Any] = field(default_factory=dict[str, Any])
    index: str = ""
    found_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one proposal.

    Attributes:
        plugin: Who proposed it.
        proposal: What was proposed.
        admitted: Whether it was used.
        reason: ``"admitted"``, or why not, for people: ``"echo of the query"``, ``"repeat"`` …
    """

    plugin: str
    proposal: Proposal
    admitted: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Call:
    """One plugin's hook, as it went in one search.

    Attributes:
        plugin: Entry-point name, or the configured ``tag``.
        hook: Name of the hook, such as ``"qrm_reward"``.
        status: ``"success"``, ``"no_opinion"``, or why it does not count: ``"timeout"``,
            ``"saturated"`` (no free thread, or no room in the plugin itself),
            ``"open_circuit"``, ``"error"``.
        duration_ms: From asking to answer or giving up.
        problem: What went wrong, for people; empty where nothing did.
    """

    plugin: str
    hook: str
    status: str
    duration_ms: float
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """What happened to one search, for ``qrm_observe``, debug output and logs.

    Attributes:
        query: The query as typed.
        pipeline: Name of the pipeline.
        outcome: ``"handled"``, or why the pipeline left the search alone.
        policy: The merge policy that was used, such as ``"dis_max"``.
        decisions: Every proposal, in plugin order, with what became of it.
        calls: Every plugin call, in order.
        degraded: What was skipped and why, such as ``{"rules": "timeout"}``.
        doc_ids: The page that was answered with, best first.
        total: The engine's ``hits.total``, or ``None`` where it was not asked for.
        found_by_rewrites: Hits of the page that rewrites found and the first wording did not; 0
            where hits are not attributed.
        duration_ms: From request to answer, the upstream's time included.
    """

    query: Query
    pipeline: str
    outcome: str
    policy: str = ""
    decisions: tuple[Decision, ...] = ()
    calls: tuple[Call, ...] = ()
    degraded: Mapping[str, str] = field(default_factory=dict[str, str])
    doc_ids: tuple[str, ...] = ()
    total: int | None = None
    found_by_rewrites: int = 0
    duration_ms: float = 0.0
