"""One query out of several wordings: what each merge policy asks the engine.

The clause that holds all of the user's text is copied once per wording; filters and whatever
else stands around it are shared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Final, Literal

from qrmiddleware.dsl.raw import Json
from qrmiddleware.dsl.text import (
    MARKS,
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
        """The clause that is copied once per wording.

        The smallest that holds every leaf; where that is inside ``nested``, whose names no
        engine reports, ``nested`` itself, unless its inner hits would be asked for twice.
        """
        at = common_clause(self.leaves)
        node = self.query
        for length, step in enumerate(at):
            if step == "nested" and len(node) == 1 and "inner_hits" not in node["nested"]:
                return at[:length]
            node = node[step]
        return at


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

    The client's own names and inner hits stay with the first wording.

    Args:
        slots: The client's query.
        wordings: The first is searched for as the client wrote the query.
        combine: ``dis_max`` scores a hit by its best wording, ``should`` by their sum.
        tie_breaker: Share of the other wordings' scores that ``dis_max`` adds.
        named: Name the copies, so that ``matched_queries`` says which wording found a hit.
    """
    at = slots.clause
    shared, own = _split(get_at(slots.query, at), at, slots.leaves)
    plain = _unmarked(own)
    copies = [
        _copy(with_text(template, slots.leaves, at, wording.text), wording, named=named)
        for wording, template in zip(wordings, chain([own], repeat(plain)), strict=False)
    ]
    if combine == "dis_max":
        alternatives: Clause = {"dis_max": {"queries": copies, "tie_breaker": tie_breaker}}
    else:
        alternatives = {"bool": {"should": copies, "minimum_should_match": 1}}
    if shared is not None:
        alternatives = {"bool": {**shared, "must": [alternatives]}}
    return with_part(slots.query, at, alternatives)


def supplement(found: Json, own: Json) -> Json:
    """Return a query for what one query finds and another does not.

    Args:
        found: For rewrites; scores the hits.
        own: For the user's own wording.
    """
    return {"bool": {"must": [found], "must_not": [_unmarked(own)]}}


def boosted(query: Json, slots: Slots, boosts: Sequence[Boost]) -> Json:
    """Return a query that finds the same, some of it raised or lowered.

    Args:
        query: ``slots.query``, or what ``single`` or ``merged`` made of it.
        slots: The client's query; texts are matched by a copy of its clause.
        boosts: See ``Boost.weight`` for what the sign means.
    """
    anchor = plain_clause(slots.query, slots.clause)
    wrapped = get_at(query, anchor)
    raising = [
        {"bool": {"must": [_clause_of(boost, slots)], "boost": boost.weight}}
        for boost in boosts
        if boost.weight > 0
    ]
    if raising:
        wrapped = {"bool": {"must": [wrapped], "should": raising}}
    for boost in boosts:
        if boost.weight < 0:
            wrapped = {
                "boosting": {
                    "positive": wrapped,
                    "negative": _clause_of(boost, slots),
                    "negative_boost": 1 / (1 - boost.weight),
                }
            }
    return with_part(query, anchor, wrapped)


def restricted(query: Json, slots: Slots, restrictions: Sequence[Restriction]) -> Json:
    """Return a query that finds less, at the same scores.

    Args:
        query: Any query.
        slots: The client's query; texts are matched by a copy of its clause.
        restrictions: All of them hold.
    """
    if not restrictions:
        return query
    kept = [_clause_of(wish, slots) for wish in restrictions if not wish.excludes]
    barred = [_clause_of(wish, slots) for wish in restrictions if wish.excludes]
    parts = {"must": [query], "filter": kept, "must_not": barred}
    return {"bool": {key: part for key, part in parts.items() if part}}


def _clause_of(wish: Boost | Restriction, slots: Slots) -> Clause:
    """Return the clause that a boost or restriction matches with."""
    if wish.clause is not None:
        return dict(wish.clause)
    anchor = plain_clause(slots.query, slots.clause)
    template = _unmarked(get_at(slots.query, anchor))
    copy: Clause = with_text(template, slots.leaves, anchor, wish.text)
    return copy


def _unmarked(clause: Json) -> Json:
    """Return a clause without its names and inner hits, which may stand in a query only once."""
    if isinstance(clause, dict):
        return {key: _unmarked(part) for key, part in clause.items() if key not in MARKS}
    return [_unmarked(part) for part in clause] if isinstance(clause, list) else clause


def _copy(clause: Json, wording: Wording, *, named: bool) -> Json:
    """Wrap a wording's clause so that it can carry a boost and a name."""
    if not named and wording.boost == 1.0:
        return clause
    wrapper: Clause = {"must": [clause], "boost": wording.boost}
    if named:
        wrapper["_name"] = f"{NAME_PREFIX}{wording.position}"
    return {"bool": wrapper}


def _split(clause: Json, at: Path, leaves: Sequence[TextLeaf]) -> tuple[Clause | None, Json]:
    """Part a ``bool`` into what its copies share and what is copied; ``None`` shares nothing.

    Only a ``bool`` that must match something can be parted: beside a filter alone its
    ``should`` is optional (and at, say, 30% it may be), and would not be in a ``bool`` of
    its own.
    """
    body = clause.get("bool") if isinstance(clause, Mapping) else None
    if not isinstance(body, dict):
        return None, clause
    own = {key: body[key] for key in ("must", "should", "minimum_should_match") if key in body}
    shared = {key: value for key, value in body.items() if key not in own}
    must = any(leaf.path[len(at) :][:2] == ("bool", "must") for leaf in leaves)
    explicit = _is_count(body.get("minimum_should_match"))
    if not shared or ("filter" in shared and not must and not explicit):
        return None, clause
    return shared, {"bool": own}


def _is_count(value: object) -> bool:
    """Whether ``minimum_should_match`` is a number above 0, not a share and not a condition."""
    text = str(value) if isinstance(value, int | str) else ""
    return text.isdecimal() and text.strip("0") != ""
