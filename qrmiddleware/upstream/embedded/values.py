"""Field values: from what JSON holds to what is indexed, compared and aggregated."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from qrmiddleware.upstream.embedded.problems import unparsable

Json: TypeAlias = Any
"""What JSON can hold: null, a boolean, a number, a string, a list or an object."""

LONG_MAX = 2**63 - 1
LONG_MIN = -(2**63)

_DATE_LIKE = re.compile(r"\d{4}[-/]\d{2}([-/]\d{2}([T ][\d:.,]+(Z|[+-]\d{2}:?\d{2})?)?)?")
_DATE_MATH = re.compile(r"(?P<anchor>now|.+\|\|)(?P<steps>([+-]\d+[yMwdhHms]|/[yMwdhHms])*)")
_STEP = re.compile(r"([+-]\d+|/)([yMwdhHms])")
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "H": "hours", "m": "minutes", "s": "seconds"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def looks_like_date(text: str) -> bool:
    """Whether dynamic mapping takes a string for a date."""
    if not _DATE_LIKE.fullmatch(text):
        return False
    try:
        parse_date(text)
    except (ValueError, TypeError):
        return False
    return True


def to_millis(moment: datetime) -> int:
    """Milliseconds since 1970; a moment without a zone is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(milliseconds=1)


def from_millis(millis: float) -> str:
    """An ISO 8601 date-time with milliseconds, in UTC."""
    moment = _EPOCH + timedelta(milliseconds=int(millis))
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_date(value: Json, *, now: datetime | None = None) -> int:
    """Milliseconds since 1970, from an ISO date, epoch milliseconds or date math on ``now``.

    Raises:
        ValueError: If it is none of these, or a ``TypeError``.
    """
    if isinstance(value, bool):
        message = f"failed to parse date field [{value}]"
        raise TypeError(message)
    if isinstance(value, int | float):
        return int(value)
    math = _DATE_MATH.fullmatch(value)
    if math and now is not None:
        anchor = math["anchor"]
        start = now if anchor == "now" else _read_moment(anchor[:-2])
        return to_millis(_shift(start, math["steps"]))
    return to_millis(_read_moment(value))


def _read_moment(text: str) -> datetime:
    if re.fullmatch(r"-?\d{5,}", text):
        return _EPOCH + timedelta(milliseconds=int(text))
    plain = text.replace("/", "-")
    if re.fullmatch(r"\d{4}", plain):
        plain += "-01-01"
    elif re.fullmatch(r"\d{4}-\d{2}", plain):
        plain += "-01"
    moment = datetime.fromisoformat(plain)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _shift(moment: datetime, steps: str) -> datetime:
    for amount, unit in _STEP.findall(steps):
        if amount == "/":
            moment = _round_down(moment, unit)
        elif unit in _UNITS:
            moment += timedelta(**{_UNITS[unit]: int(amount)})
        else:
            months = int(amount) * (12 if unit == "y" else 1) + moment.year * 12 + moment.month - 1
            year, month = divmod(months, 12)
            moment = moment.replace(year=year, month=month + 1, day=min(moment.day, 28))
    return moment


def _round_down(moment: datetime, unit: str) -> datetime:
    if unit == "w":
        moment -= timedelta(days=moment.weekday())
    for part, units, lowest in (
        ("minute", "hHdwMy", 0),
        ("hour", "dwMy", 0),
        ("day", "My", 1),
        ("month", "y", 1),
    ):
        if unit in units:
            moment = moment.replace(**{part: lowest})  # type: ignore[arg-type]  # whole numbers
    return moment.replace(microsecond=0, second=moment.second if unit == "s" else 0)


def _text(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def _integer(value: Json) -> int:
    if isinstance(value, bool):
        message = f"[{value}] is not a number"
        raise TypeError(message)
    number = int(value) if isinstance(value, int) else int(float(value))
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+", value):
        number = int(value)
    if not LONG_MIN <= number <= LONG_MAX:
        message = f"Value [{value}] is out of range for a long"
        raise ValueError(message)
    return number


def _float(value: Json) -> float:
    if isinstance(value, bool):
        message = f"[{value}] is not a number"
        raise TypeError(message)
    number = float(value)
    if number != number or number in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN
        message = f"[{value}] is not a finite number"
        raise ValueError(message)
    return number


def _boolean(value: Json) -> bool:
    choices = {True: True, False: False, "true": True, "false": False, "": False}
    if value not in choices or (isinstance(value, int | float) and not isinstance(value, bool)):
        message = f"Failed to parse value [{value}] as only [true] or [false] are allowed."
        raise ValueError(message)
    return choices[value]


COERCIONS: Mapping[str, Callable[[Any], Any]] = {
    "text": _text,
    "keyword": _text,
    "integer": _integer,
    "float": _float,
    "boolean": _boolean,
    "date": parse_date,
}
"""How each family of field types reads JSON; ``ValueError`` or ``TypeError`` if it cannot."""


def read_bound(family: str, value: Json) -> Json:
    """A value in a query, read as the documents' values are; dates may use date math.

    Raises:
        ApiError: If the field cannot hold such a value.
    """
    try:
        if family == "date":
            return parse_date(value, now=datetime.now(UTC))
        return COERCIONS[family](value)
    except (ValueError, TypeError, OverflowError) as error:
        raise unparsable(reason=f"failed to parse [{value}] as {family}: {error}") from error
