"""``prepare``: what to ask the engine, decided before it is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from qrmiddleware.dsl.merge import (
    Wording,
    boosted,
    merged,
    restricted,
    single,
    supplement,
)
from qrmiddleware.dsl.raw import Json, read_value
from qrmiddleware.dsl.search import SearchRequest, own_form_patterns, render_search
from qrmiddleware.dsl.wildcards import overlap
from qrmiddleware.model import Boost, Decision, Proposal, Restriction
from qrmiddleware.pipeline.admission import admit, boosts_of, restrictions_of, rewrites_of
from qrmiddleware.pipeline.options import IN_QUERY, Options

_OF_THE_UNION: Final = ("aggs", "aggregations", "suggest", "profile")
"""What only the search for the union of all wordings is asked."""

FUSED: Final = frozenset({"rrf", "linear", "quota"})
"""Policies that fetch several rankings, each from its first hit."""

MAX_RESULT_WINDOW: Final = 10_000
"""Hits that an index gives at most, unless its settings say otherwise."""

_ONLY_HITS: Final = {"track_total_hits": False}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask of the engine, and what ``finish`` needs to know again.

    Attributes:
        request: The client's search.
        options: The pipeline's.
        decisions: Every proposal, with what became of it.
        wordings: What is searched for; the first is the user's own, or what replaced it.
        boosts: Admitted boosts.
        restrictions: Admitted restrictions.
        policy: The merge policy in use, which may be simpler than the configured one.
        policy_note: Why it is.
        reranks: Whether the window of this page goes to filter and reward plugins.
        start: Place in the ranking of the first hit that is fetched.
        depth: Hits to fetch from there.
    """

    request: SearchRequest
    options: Options
    decisions: tuple[Decision, ...]
    wordings: tuple[Wording, ...]
    boosts: tuple[Boost, ...]
    restrictions: tuple[Restriction, ...]
    policy: str
    policy_note: str
    reranks: bool
    start: int
    depth: int

    @property
    def acts(self) -> bool:
        """Whether anything is done that the engine would not do by itself."""
        return self.reranks or self.rewrites

    @property
    def rewrites(self) -> bool:
        """Whether any proposal was admitted."""
        return any(decision.admitted for decision in self.decisions)

    @property
    def fuses(self) -> bool:
        """Whether rankings of several searches become one."""
        return self.policy not in IN_QUERY

    @property
    def paged(self) -> bool:
        """Whether other hits are fetched than the client's ``from`` and ``size`` say."""
        return self.reranks or self.fuses

    @property
    def extra_fields(self) -> tuple[str, ...]:
        """Fields that are fetched for the plugins beside what the client asked for."""
        return _extra_fields(self.request, self.options) if self.reranks else ()


def prepare(
    request: SearchRequest, proposals: Mapping[str, Sequence[Proposal]], options: Options
) -> Plan:
    """Decide what to ask: the wordings, how they are merged, and how deep to look.

    Args:
        request: The client's search.
        proposals: The rewriters' answers, by plugin.
        options: The pipeline's.
    """
    decisions = admit(request.query, proposals, options)
    rewrites = rewrites_of(decisions)
    base = next((r.text for r in rewrites if r.replaces), request.query.text)
    added = [rewrite for rewrite in rewrites if not rewrite.replaces]
    wordings = (
        Wording(base),
        *(
            Wording(rewrite.text, options.merge.boost * rewrite.weight, position)
            for position, rewrite in enumerate(added, start=1)
        ),
    )
    request = _read_by_plugins(request, options)
    policy, note = _policy(request, options, several=bool(added))
    window, drop = options.rank_window_size, options.drops
    reranks = options.judges and not request.keeps_order and (drop or request.offset < window)
    start, depth = request.offset, request.size
    if reranks:
        end = request.offset + request.size
        depth = min(end + (window if drop else 0), max(end, MAX_RESULT_WINDOW))
        start, depth = 0, max(window, depth)
    if policy in FUSED:
        start, depth = 0, max(depth, request.offset + request.size)
    return Plan(
        request=request,
        options=options,
        decisions=decisions,
        wordings=wordings,
        boosts=boosts_of(decisions),
        restrictions=restrictions_of(decisions),
        policy=policy,
        policy_note=note,
        reranks=reranks,
        start=start,
        depth=depth,
    )


def first_searches(plan: Plan) -> tuple[bytes, ...]:
    """Return the bodies of the first trip."""
    match plan.policy:
        case "rrf" | "linear":
            lists = (
                _hits_only(plan, _one(plan, wording), plan.options.rank_window_size)
                for wording in plan.wordings
            )
            tail = plan.depth if plan.depth > plan.options.rank_window_size else 0
            return (*lists, union_search(plan, tail))
        case "quota":
            return (
                _hits_only(plan, _own(plan), plan.depth),
                _hits_only(plan, _supplement(plan), plan.depth),
                union_search(plan, 0),
            )
        case "append":
            own = _own(plan)
            return (_render(plan, own, offset=plan.start, size=plan.depth, extra=_counted(plan)),)
        case _:
            return (_in_query_search(plan),)


def second_searches(plan: Plan, found: int, fetched: int) -> tuple[bytes, ...]:
    """Return the bodies of the second trip, which only ``append`` makes.

    Args:
        plan: The search.
        found: Documents that the first wording found.
        fetched: Hits of them that the first trip returned.
    """
    if plan.policy != "append" or found >= plan.options.merge.min_hits:
        return ()
    more = _hits_only(
        plan, _supplement(plan), plan.depth - fetched, offset=max(0, plan.start - found)
    )
    bodies = (more, union_search(plan, 0))
    if found and not fetched:  # the last hit before the page: no score behind it is higher
        return (_hits_only(plan, _own(plan), 1, offset=found - 1), *bodies)
    return bodies


def union_search(plan: Plan, size: int) -> bytes:
    """Return the body that finds what any wording finds; for totals, facets and the tail."""
    return _render(plan, _union(plan), offset=0, size=size)


def count_body(plan: Plan, *, union: bool) -> bytes:
    """Return a ``_count`` body; of the union of all wordings, or of the first one only."""
    slots = plan.request.slots
    query = merged(slots, plan.wordings, named=False) if union else single(slots, plan.wordings[0])
    return render_search(plan.request, restricted(query, slots, plan.restrictions))


def unnamed_search(plan: Plan) -> bytes:
    """Return one body with nothing in it that a reply would have to be rid of again."""
    query = _union(plan, named=False) if len(plan.wordings) > 1 else _own(plan)
    return _render(plan, query)


def _in_query_search(plan: Plan) -> bytes:
    query = _union(plan) if len(plan.wordings) > 1 else _own(plan)
    if plan.paged:
        return _render(plan, query, offset=plan.start, size=plan.depth)
    return _render(plan, query)


def _own(plan: Plan) -> Json:
    return _one(plan, plan.wordings[0])


def _one(plan: Plan, wording: Wording) -> Json:
    return _adjusted(plan, single(plan.request.slots, wording))


def _supplement(plan: Plan) -> Json:
    """Return the query for what only rewrites find."""
    return supplement(_merged(plan, plan.wordings[1:]), _own(plan))


def _union(plan: Plan, *, named: bool = True) -> Json:
    return _merged(plan, plan.wordings, named=named)


def _merged(plan: Plan, wordings: Sequence[Wording], *, named: bool = True) -> Json:
    query = merged(
        plan.request.slots,
        wordings,
        combine="should" if plan.policy == "should" else "dis_max",
        tie_breaker=plan.options.merge.tie_breaker,
        named=named and plan.options.attribution,
    )
    return _adjusted(plan, query)


def _adjusted(plan: Plan, query: Json) -> Json:
    slots = plan.request.slots
    return restricted(boosted(query, slots, plan.boosts), slots, plan.restrictions)


def _hits_only(plan: Plan, query: Json, size: int, *, offset: int = 0) -> bytes:
    return _render(
        plan, query, offset=offset, size=max(0, size), extra=_ONLY_HITS, without=_OF_THE_UNION
    )


def _render(
    plan: Plan,
    query: Json,
    *,
    offset: int | None = None,
    size: int | None = None,
    extra: Mapping[str, Json] | None = None,
    without: Sequence[str] = (),
) -> bytes:
    return render_search(
        plan.request,
        query,
        offset=offset,
        size=size,
        fields=plan.extra_fields,
        extra=extra,
        without=without,
    )


def _counted(plan: Plan) -> dict[str, Json]:
    """Have hits counted to ``min_hits`` where the client asked for less."""
    tree, enough = plan.request.tree, plan.options.merge.min_hits
    asked = read_value(tree["track_total_hits"]) if "track_total_hits" in tree else True
    less = asked is False or (asked is not True and int(asked) < enough)
    return {"track_total_hits": enough} if less else {}


def _extra_fields(request: SearchRequest, options: Options) -> tuple[str, ...]:
    return () if request.whole_source else options.fields or ("*",)


def _read_by_plugins(request: SearchRequest, options: Options) -> SearchRequest:
    """Leave the order to the engine where hits cannot hold what plugins and client both want."""
    if request.keeps_order or not options.judges:
        return request
    own = own_form_patterns(request)
    extra = _extra_fields(request, options)
    if not any(overlap(pattern, wanted) for pattern in own for wanted in extra):
        return request
    return replace(request, keeps_order="plugins read fields that the client wants in another form")


def _policy(request: SearchRequest, options: Options, *, several: bool) -> tuple[str, str]:
    wanted = options.merge.policy
    if wanted in IN_QUERY:
        return wanted, ""
    if not several:
        return "dis_max", "there is one wording only"
    if request.single_trip:
        return "dis_max", request.single_trip
    return wanted, ""
