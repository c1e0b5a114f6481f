"""One query out of several wordings: what each merge policy asks the engine.

The clause that holds all of the user's text is copied once per wording; filters and whatever
else stands around it are shared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from qrmiddleware.dsl.raw import Json
from qrmiddleware.dsl.text import (
    Path,
    TextLeaf,
    common_clause,
    get_at,
    plain_clause,
    with_part,
    with_text,
)
from qrmiddleware.model import Boost, Restriction

NAME_PREFIX: Final = "_qrm."
"""Prefix of the ``_name`` that each wording's copy carries; its position follows."""

Clause = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Wording:
    """One text that is searched for.

    Attributes:
        text: The user's own words, or a rewrite's.
        boost: Multiplies the scores of what it matches.
        position: 0 for the user's own words; names its copy in the query.
    """

    text: str
    boost: float = 1.0
    position: int = 0


@dataclass(frozen=True, slots=True)
class Slots:
    """Where the user's text sits in a query, and so what a merge copies.

    Attributes:
        query: The ``query`` clause, whole.
        leaves: The leaves that carry the text.
    """

    query: Json
    leaves: tuple[TextLeaf, ...]

    @property
    def clause(self) -> Path:
        """The clause that is copied once per wording."""
        return common_clause(self.leaves)


def single(slots: Slots, wording: Wording) -> Json:
    """Return the query with the user's text exchanged for one wording."""
    return with_text(slots.query, slots.leaves, (), wording.text)


def merged(
    slots: Slots,
    wordings: Sequence[Wording],
    *,
    combine: Literal["dis_max", "should"] = "dis_max",
    tie_breaker: float = 0.0,
    named: bool = True,
) -> Json:
    """Return a query that finds what any wording finds.

    Args:
        slots: The client's query.
        wordings: The first is searched for as the client wrote the query.
        combine: ``dis_max`` scores a hit by its best wording, ``should`` by their sum.
        tie_breaker: Share of the other wordings' scores that ``dis_max`` adds.
        named: Name the copies, so that ``matched_queries`` says which wording found a hit.
    """
    at = slots.clause
    shared, own = _split(get_at(slots.query, at), at, slots.leaves)
    copies = [
        _copy(with_text(own, slots.leaves, at, wording.text), wording, named=named)
        for wording in wordings
    ]
    if combine == "dis_max":
        alternatives: Clause = {"dis_max": {"queries": copies, "tie_breaker": tie_breaker}}
    else:
        alternatives = {"bool": {"should": copies, "minimum_should_match": 1}}
    if shared is not None:
        alternatives = {"bool": {**shared, "must": [alternatives]}}
    return with_part(slots.query, at, alternatives)


def supplement(slots: Slots, wordings: Sequence[Wording], *, tie_breaker: float = 0.0) -> Json:
    """Return a query for what the rewrites find and the first wording does not."""
    first, rewrites = wordings[0], wordings[1:]
    anchor = plain_clause(slots.query, slots.clause)
    found = merged(slots, rewrites, tie_breaker=tie_breaker)
    original = with_text(get_at(slots.query, anchor), slots.leaves, anchor, first.text)
    return with_part(
        slots.query,
        anchor,
        {"bool": {"must": [get_at(found, anchor)], "must_not": [original]}},
    )


def adjusted(
    query: Json, slots: Slots, boosts: Sequence[Boost], restrictions: Sequence[Restriction]
) -> Json:
    """Return a query whose hits are also raised, lowered and restricted.

    Texts are matched by a copy of the client's own clause, so in the client's own fields.

    Args:
        query: ``slots.query``, or what one of the functions above made of it.
        slots: The client's query.
        boosts: See ``Boost.weight`` for what the sign means.
        restrictions: All of them hold.
    """
    anchor = plain_clause(slots.query, slots.clause)
    template = get_at(slots.query, anchor)

    def clause_of(wish: Boost | Restriction) -> Clause:
        if wish.clause is not None:
            return dict(wish.clause)
        copy: Clause = with_text(template, slots.leaves, anchor, wish.text)
        return copy

    wrapped = get_at(query, anchor)
    raising = [_weighted(clause_of(boost), boost.weight) for boost in boosts if boost.weight > 0]
    kept = [clause_of(wish) for wish in restrictions if not wish.excludes]
    barred = [clause_of(wish) for wish in restrictions if wish.excludes]
    parts = {"should": raising, "filter": kept, "must_not": barred}
    if any(parts.values()):
        wrapped = {
            "bool": {"must": [wrapped], **{key: part for key, part in parts.items() if part}}
        }
    for boost in boosts:
        if boost.weight < 0:
            wrapped = {
                "boosting": {
                    "positive": wrapped,
                    "negative": clause_of(boost),
                    "negative_boost": 1 / (1 - boost.weight),
                }
            }
    return with_part(query, anchor, wrapped)


def _copy(clause: Json, wording: Wording, *, named: bool) -> Json:
    """Wrap a wording's clause so that it can carry a boost and a name."""
    if not named and wording.boost == 1.0:
        return clause
    wrapper: Clause = {"must": [clause], "boost": wording.boost}
    if named:
        wrapper["_name"] = f"{NAME_PREFIX}{wording.position}"
    return {"bool": wrapper}


def _weighted(clause: Clause, weight: float) -> Clause:
    return {"bool": {"must": [clause], "boost": weight}}


def _split(clause: Json, at: Path, leaves: Sequence[TextLeaf]) -> tuple[Clause | None, Json]:
    """Part a ``bool`` into what its copies share and what is copied; ``None`` shares nothing.

    Only a ``bool`` that must match something can be parted: beside a filter alone its
    ``should`` is optional, and would not be in a ``bool`` of its own.
    """
    body = clause.get("bool") if isinstance(clause, Mapping) else None
    if not isinstance(body, dict):
        return None, clause
    own = {key: body[key] for key in ("must", "should", "minimum_should_match") if key in body}
    shared = {key: value for key, value in body.items() if key not in own}
    must = any(leaf.path[len(at) :][:2] == ("bool", "must") for leaf in leaves)
    explicit = "minimum_should_match" in body and body["minimum_should_match"] not in (0, "0", None)
    if not shared or ("filter" in shared and not must and not explicit):
        return None, clause
    return shared, {"bool": own}
