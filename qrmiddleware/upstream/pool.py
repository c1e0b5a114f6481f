"""Whose turn it is: nodes in turn, those that failed left alone for a while."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Generic, TypeVar

_Node = TypeVar("_Node")
_MOST_DOUBLINGS = 30


@dataclass(slots=True)
class _Seat(Generic[_Node]):
    """A node's place in the pool.

    Attributes:
        node: Who sits there.
        failures: In a row; 0 if it is well.
        rests_until: When it may be tried again, by the pool's clock.
        on_trial: Whether a request is trying it.
        turn: When it was chosen last; the higher, the later.
    """

    node: _Node
    failures: int = 0
    rests_until: float = 0.0
    on_trial: bool = False
    turn: int = 0


@dataclass(slots=True)
class NodePool(Generic[_Node]):
    """Chooses nodes.

    A node that failed rests, twice as long each time; then one request tries it while the others
    go on elsewhere, so that a node that is still down costs one request and not all of a second.

    Attributes:
        nodes: At least one.
        rest_s: How long a node rests after its first failure.
        longest_rest_s: How long it rests at most.
        clock: Seconds that only go forward: nobody sets it to another time of day.
    """

    nodes: Sequence[_Node]
    rest_s: float
    longest_rest_s: float
    clock: Callable[[], float] = monotonic
    _seats: list[_Seat[_Node]] = field(init=False)
    _turn: int = 0

    def __post_init__(self) -> None:
        self._seats = [_Seat(node) for node in self.nodes]

    @property
    def any_well(self) -> bool:
        """Whether there is a node that did not fail when it was asked last."""
        return any(not seat.failures for seat in self._seats)

    def choose(self) -> _Node:
        """Return the node whose turn it is; where all have failed, one of them all the same."""
        now = self.clock()
        rested = [seat for seat in self._seats if seat.failures and now >= seat.rests_until]
        well = [seat for seat in self._seats if not seat.failures]
        seat = min(rested or well or self._seats, key=lambda seat: seat.turn)
        if rested:
            seat.on_trial = True
            seat.rests_until = now + self._rest_s(seat.failures)
        self._turn += 1
        seat.turn = self._turn
        return seat.node

    def note_answer(self, node: _Node) -> None:
        """Learn that a node answered."""
        seat = self._seat(node)
        seat.failures, seat.on_trial = 0, False

    def note_failure(self, node: _Node) -> None:
        """Learn that a node failed; many requests that it failed at once are one failure."""
        seat = self._seat(node)
        if seat.failures and not seat.on_trial:
            return
        seat.failures += 1
        seat.on_trial = False
        seat.rests_until = self.clock() + self._rest_s(seat.failures)

    def _seat(self, node: _Node) -> _Seat[_Node]:
        return next(seat for seat in self._seats if seat.node is node)

    def _rest_s(self, failures: int) -> float:
        doublings = min(failures - 1, _MOST_DOUBLINGS)
        return min(self.rest_s * 2.0**doublings, self.longest_rest_s)
