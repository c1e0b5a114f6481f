"""Draws charts as SVG: colours come from the page, so that they are right by day and by night."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from qrmiddleware.evaluation.comparison import QueryDelta
from qrmiddleware.evaluation.report.axes import Axis, spread
from qrmiddleware.evaluation.report.markup import Html, join, tag
from qrmiddleware.evaluation.report.wording import signed_text, value_text

WIDTHS: Final = (("wide", 760), ("narrow", 350))
"""Every chart is drawn for screens and for telephones; the page shows one of them."""
MOST_BARS: Final = 400


@dataclass(frozen=True, slots=True)
class ArmPoint:
    """An arm in the chart of quality against latency.

    Attributes:
        name: Of the arm.
        quality: Its mean.
        low: Lower end of the mean's interval.
        high: Upper end.
        beside: Its mean in another measure, for a hollow mark; ``None`` for none.
        p50: Milliseconds; ``None`` if it was not timed.
        p95: Likewise.
    """

    name: str
    quality: float
    low: float
    high: float
    beside: float | None = None
    p50: float | None = None
    p95: float | None = None


def for_screens(draw: Callable[[int], Html]) -> Html:
    """Draw a chart in all widths."""
    return join(*(tag("div", draw(width), class_=f"chart {name}") for name, width in WIDTHS))


def quality_chart(points: Sequence[ArmPoint], measure: str, beside: str, *, width: int) -> Html:
    """Draw arms: quality with its interval upwards, latency to the right if it is known."""
    height, left, top, bottom, right = 340, 46, 30, 46, 16
    timed = all(point.p95 is not None for point in points)
    up = _upward(points, height - bottom, top)
    slowest = max([point.p95 or 0.0 for point in points] + [1e-3])
    along = Axis(0.0, slowest * 1.25, left, width - right)
    between = (width - right - left) / (len(points) + 1)
    places = [
        along.place(point.p50 or 0.0) if timed else left + between * (number + 1)
        for number, point in enumerate(points)
    ]
    ends = [
        along.place(point.p95 or 0.0) if timed else place + 4
        for point, place in zip(points, places, strict=True)
    ]
    label = f"{measure} by arm" + (", against latency" if timed else "")
    return tag(
        "svg",
        _upward_grid(up, left, width - right),
        _along_grid(along, height - bottom, top) if timed else None,
        _label(left, 14, f"↑ {measure}", "start"),
        _label(width - right, height - 8, "latency in ms →", "end") if timed else None,
        *(
            _arm(point, number, place, up, along if timed else None)
            for number, (point, place) in enumerate(zip(points, places, strict=True))
        ),
        _arm_names(points, ends, up, width),
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_label=f"{label}; hollow marks are {beside}" if beside else label,
    )


def _upward(points: Sequence[ArmPoint], start: float, end: float) -> Axis:
    """Fit an axis to all marks and whiskers."""
    found = [each for point in points for each in (point.low, point.high, point.quality)]
    found += [point.beside for point in points if point.beside is not None]
    pad = max(0.01, (max(found) - min(found)) * 0.12)
    return Axis(max(0.0, min(found) - pad), min(1.05, max(found) + pad), start, end)


def _upward_grid(up: Axis, left: float, right: float) -> Html:
    return join(
        *(
            join(
                tag("line", x1=left, x2=right, y1=up.place(tick), y2=up.place(tick), class_="grid"),
                _label(left - 6, up.place(tick) + 4, f"{tick:.2f}", "end"),
            )
            for tick in up.ticks()
        )
    )


def _along_grid(along: Axis, low: float, top: float) -> Html:
    return join(
        *(
            join(
                tag("line", x1=along.place(t), x2=along.place(t), y1=low, y2=top, class_="grid"),
                _label(along.place(t), low + 18, f"{t:g}", "middle"),
            )
            for t in along.ticks()
        )
    )


def _label(x: float, y: float, label: str, anchor: str, class_: str = "axis") -> Html:
    return tag("text", label, x=x, y=y, text_anchor=anchor, class_=class_)


def _arm(point: ArmPoint, number: int, x: float, up: Axis, along: Axis | None) -> Html:
    """Draw an arm's mark, its whiskers, and what is to be read of it when it is pointed at."""
    y = up.place(point.quality)
    told = f"{point.name}: {value_text(point.quality)}"
    told += f" ({value_text(point.low)} to {value_text(point.high)})"
    if point.p50 is not None and point.p95 is not None:
        told += f", p50 {point.p50:.1f} ms, p95 {point.p95:.1f} ms"
    beside = None if point.beside is None else up.place(point.beside)
    return tag(
        "g",
        tag("title", told),
        tag("line", x1=x, x2=x, y1=up.place(point.low), y2=up.place(point.high), class_="whisker"),
        tag("line", x1=x, x2=along.place(point.p95 or 0.0), y1=y, y2=y, class_="whisker thin")
        if along
        else None,
        None if beside is None else tag("circle", cx=x, cy=beside, r=5, class_="hollow"),
        tag("circle", cx=x, cy=y, r=6, class_="mark"),
        class_=f"arm arm{number % 6}",
    )


def _arm_names(points: Sequence[ArmPoint], ends: Sequence[float], up: Axis, width: int) -> Html:
    """Write names where whiskers end, none over another."""
    heights = spread([up.place(point.quality) for point in points], 17)
    return join(
        *(
            _label(
                end + 7 if end < width * 0.66 else end,
                y + 4 if end < width * 0.66 else y - 6,
                _short(point.name, width // 24),
                "start" if end < width * 0.66 else "end",
                f"name arm{number % 6}",
            )
            for number, (point, end, y) in enumerate(zip(points, ends, heights, strict=True))
        )
    )


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


@dataclass(frozen=True, slots=True)
class _Bars:
    """Where the bars of a chart stand.

    Attributes:
        shown: From left to right.
        up: The axis of differences.
        left: Pixel where the first begins.
        right: Pixel where the last ends.
        sign: -1 where a lower value is better.
    """

    shown: Sequence[QueryDelta]
    up: Axis
    left: float
    right: float
    sign: int

    @property
    def step(self) -> float:
        """Pixels from one bar to the next."""
        return (self.right - self.left) / max(1, len(self.shown))

    def middle(self, number: int) -> float:
        """Pixel of a bar's middle."""
        return round(self.left + self.step * (number + 0.5), 1)


def delta_chart(
    deltas: Sequence[QueryDelta], *, lower_is_better: bool, width: int, labelled: int = 5
) -> Html:
    """Draw every query's difference as a bar, best to the left, with the extremes named.

    More than some hundred queries are drawn as so many bars, each the middle one of its share.
    """
    sign = -1 if lower_is_better else 1
    ordered = sorted(deltas, key=lambda delta: -sign * delta.difference)
    height, top, bottom = 320, 24, 16
    reach = max([0.05, *(abs(delta.difference) for delta in ordered)]) * 1.08
    up = Axis(-reach, reach, height - bottom, top)
    bars = _Bars(_thinned(ordered), up, 46, width - 10, sign)
    return tag(
        "svg",
        _delta_grid(bars),
        *(_bar(bars, number) for number, delta in enumerate(bars.shown) if delta.difference != 0),
        _names(bars, labelled, width // 16),
        _label(46, 14, "↑ difference", "start"),
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_label="Difference of every query, sorted",
    )


def _thinned(deltas: Sequence[QueryDelta]) -> Sequence[QueryDelta]:
    if len(deltas) <= MOST_BARS:
        return deltas
    last = len(deltas) - 1
    return [deltas[round(number * last / (MOST_BARS - 1))] for number in range(MOST_BARS)]


def _delta_grid(bars: _Bars) -> Html:
    rows: list[Html] = []
    for tick in bars.up.ticks():
        y = bars.up.place(tick)
        kind = "zero" if tick == 0 else "grid"
        rows += [
            tag("line", x1=bars.left, x2=bars.right, y1=y, y2=y, class_=kind),
            _label(bars.left - 6, y + 4, signed_text(tick, digits=2) if tick else "0", "end"),
        ]
    return join(*rows)


def _bar(bars: _Bars, number: int) -> Html:
    delta = bars.shown[number]
    zero, end = bars.up.place(0.0), bars.up.place(delta.difference)
    told = (
        f"{delta.query.text}: {signed_text(delta.difference)} "
        f"({value_text(delta.baseline)} to {value_text(delta.value)})"
    )
    return tag(
        "rect",
        tag("title", told),
        x=round(bars.left + bars.step * number, 2),
        y=min(zero, end),
        width=round(max(bars.step * 0.86, 0.5), 2),
        height=round(abs(end - zero), 1),
        class_="better" if bars.sign * delta.difference > 0 else "worse",
    )


def _names(bars: _Bars, labelled: int, longest: int) -> Html:
    """Name the first and the last bars in the empty half beyond zero.

    The outermost bar's name is farthest from zero, so that no leader crosses a name.
    """
    signs = [bars.sign * delta.difference for delta in bars.shown]
    first = [number for number, sign in enumerate(signs) if sign > 0][:labelled]
    last = [number for number, sign in enumerate(signs) if sign < 0][-labelled:][::-1]
    return join(
        *(
            _name(bars, number, len(numbers) - place, anchor, longest)
            for anchor, numbers in (("start", first), ("end", last))
            for place, number in enumerate(numbers)
        )
    )


def _name(bars: _Bars, number: int, row: int, anchor: str, longest: int) -> Html:
    delta = bars.shown[number]
    zero, x = bars.up.place(0.0), bars.middle(number)
    away = 1 if delta.difference > 0 else -1
    y = zero + away * (15 * row + 2)
    return join(
        tag("line", x1=x, x2=x, y1=zero, y2=y, class_="leader"),
        _label(
            x + (3 if anchor == "start" else -3),
            y + (2 if away > 0 else 8),
            _short(delta.query.text, longest),
            anchor,
            "query",
        ),
    )
