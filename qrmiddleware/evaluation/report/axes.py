"""Places numbers on an axis."""

from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, log10


@dataclass(frozen=True, slots=True)
class Axis:
    """Maps numbers to pixels, in a straight line.

    Attributes:
        low: Number at ``start``.
        high: Number at ``end``; above ``low``.
        start: Pixel.
        end: Pixel; below ``start`` on an axis that goes up.
    """

    low: float
    high: float
    start: float
    end: float

    def place(self, number: float) -> float:
        """Return the pixel of a number, to a tenth."""
        share = (number - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, most: int = 6) -> tuple[float, ...]:
        """Return round numbers on the axis, at most so many."""
        step = round_step((self.high - self.low) / max(1, most - 1))
        first = ceil(self.low / step - 1e-9)
        last = floor(self.high / step + 1e-9)
        return tuple(round(number * step, 12) for number in range(first, last + 1))


def round_step(least: float) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten that is not below ``least``."""
    power = 10.0 ** floor(log10(least))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least * (1 - 1e-9))


def spread(places: list[float], gap: float) -> list[float]:
    """Move places apart until none is nearer than ``gap`` to the next; their order stays."""
    order = sorted(range(len(places)), key=lambda number: places[number])
    moved = list(places)
    for _ in range(50):
        for below, above in pairwise(order):
            lack = gap - (moved[above] - moved[below])
            if lack > 0:
                moved[below] -= lack / 2
                moved[above] += lack / 2
    return moved
