"""What a search waits for while it runs; whoever drives it answers each step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from qrmiddleware.model import Hit, Proposal, Query


@dataclass(frozen=True, slots=True)
class AskRewriters:
    """Answered with the proposals of each plugin that has an opinion, in plugin order."""

    query: Query


@dataclass(frozen=True, slots=True)
class AskFilters:
    """Answered with one flag per hit of each plugin that has an opinion."""

    query: Query
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class AskRewards:
    """Answered with one reward per hit of each plugin that has an opinion."""

    query: Query
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class AskExplanations:
    """Answered with one explanation per hit of each plugin that has something to say.

    Attributes:
        query: The query as typed.
        judged: The hits that each filter and reward plugin was asked about, by its name.
    """

    query: Query
    judged: Mapping[str, tuple[Hit, ...]]


@dataclass(frozen=True, slots=True)
class Trip:
    """Bodies for the engine; answered with one reply each, in order.

    Attributes:
        bodies: What is asked, each a search (or a count) of its own.
        paged: Whether they say ``from`` and ``size`` themselves.
        name: What the trip is for, in traces.
    """

    bodies: tuple[bytes, ...]
    paged: bool = False
    name: str = "search"


@dataclass(frozen=True, slots=True)
class Relay:
    """The end of a search that is answered with whatever the engine answers ``body`` with."""

    body: bytes


Step: TypeAlias = AskRewriters | AskFilters | AskRewards | AskExplanations | Trip
Proposals: TypeAlias = Mapping[str, Sequence[Proposal]]
Flags: TypeAlias = Mapping[str, Sequence[bool]]
Rewards: TypeAlias = Mapping[str, Sequence[float]]
Explanations: TypeAlias = Mapping[str, Sequence[str | Mapping[str, Any] | None]]
