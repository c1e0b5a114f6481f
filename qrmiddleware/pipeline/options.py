"""What a pipeline may be told; built by ``config``, never read from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

Policy: TypeAlias = Literal["dis_max", "should", "rrf", "linear", "append", "quota"]

IN_QUERY: Final = frozenset({"dis_max", "should"})
"""Policies that need one search only."""


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """How the rankings of several wordings become one.

    Attributes:
        policy: See ``docs/merging.md``.
        boost: Weight of every rewrite relative to the user's own wording, times its own weight.
        tie_breaker: For ``dis_max``: the share of the other wordings' scores that is added.
        rank_constant: For ``rrf``: the larger, the less the first ranks stand out.
        min_hits: For ``append``: rewrites are searched only if fewer hits were found.
        places: For ``quota``: places out of ``per`` that go to rewrites.
        per: For ``quota``: see ``places``.
    """

    policy: Policy = "dis_max"
    boost: float = 0.6
    tie_breaker: float = 0.0
    rank_constant: int = 60
    min_hits: int = 10
    places: int = 3
    per: int = 10


@dataclass(frozen=True, slots=True)
class Options:
    """What one pipeline does.

    Attributes:
        merge: How rewrites are merged.
        max_rewrites: Rewrites admitted to one search, of all plugins together.
        min_weight: Rewrites of less weight are not admitted.
        keep_identifiers: Rewrites must keep the query's article numbers, EANs, model numbers.
        rank_window_size: Hits that filter and reward plugins see.
        filters: What each filter plugin does to the hits it flags, by its name: demote them
            below the others, or drop them.
        reward_weights: Weight of each reward plugin, by its name.
        engine_weight: Weight of the engine's own score beside the rewards.
        fields: Fields that plugins see of a hit; empty for the whole source.
        text_paths: Dotted paths into the body where the user's text is looked for first.
        attribution: Name each wording's copy, to know which found a hit.
    """

    merge: MergeOptions = MergeOptions()
    max_rewrites: int = 5
    min_weight: float = 0.0
    keep_identifiers: bool = True
    rank_window_size: int = 100
    filters: Mapping[str, Literal["demote", "drop"]] = field(default_factory=dict)
    reward_weights: Mapping[str, float] = field(default_factory=dict[str, float])
    engine_weight: float = 0.0
    fields: tuple[str, ...] = ()
    text_paths: tuple[str, ...] = ()
    attribution: bool = True

    @property
    def judges(self) -> bool:
        """Whether hits are filtered or rewarded."""
        return bool(self.filters or self.reward_weights)

    @property
    def drops(self) -> bool:
        """Whether any filter takes hits out."""
        return "drop" in self.filters.values()
