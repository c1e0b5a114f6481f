from datetime import UTC, datetime

import pytest

from qrmiddleware.upstream.embedded.problems import ApiError
from qrmiddleware.upstream.embedded.values import (
    COERCIONS,
    from_millis,
    looks_like_date,
    parse_date,
    read_bound,
)

NOW = datetime(2024, 5, 17, 13, 45, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2024-05-17", "2024-05-17T00:00:00.000Z"),
        ("2024/05/17", "2024-05-17T00:00:00.000Z"),
        ("2024-05", "2024-05-01T00:00:00.000Z"),
        ("2024", "2024-01-01T00:00:00.000Z"),
        ("2024-05-17T10:00:00+02:00", "2024-05-17T08:00:00.000Z"),
        ("2024-05-17 10:00:00.5", "2024-05-17T10:00:00.500Z"),
        (1715904000000, "2024-05-17T00:00:00.000Z"),
        ("1715904000000", "2024-05-17T00:00:00.000Z"),
        ("now", "2024-05-17T13:45:30.000Z"),
        ("now-1d/d", "2024-05-16T00:00:00.000Z"),
        ("now/w", "2024-05-13T00:00:00.000Z"),
        ("now+1M", "2024-06-17T13:45:30.000Z"),
        ("now-1y/y", "2023-01-01T00:00:00.000Z"),
        ("now-90m", "2024-05-17T12:15:30.000Z"),
        ("2024-01-31||+1M", "2024-02-28T00:00:00.000Z"),
    ],
)
def test_dates_are_read_as_elasticsearch_reads_them(text, shown):
    assert from_millis(parse_date(text, now=NOW)) == shown


@pytest.mark.parametrize("value", ["soon", "2024-13-01", True, "now"])
def test_what_is_no_date_is_refused(value):
    with pytest.raises((ValueError, TypeError)):
        parse_date(value)


def test_dynamic_dates_are_full_dates_only():
    assert looks_like_date("2024-05-17")
    assert looks_like_date("2024-05-17T10:00:00Z")
    assert not looks_like_date("2024")
    assert not looks_like_date("13-5")
    assert not looks_like_date("2024-99-99")


@pytest.mark.parametrize(
    ("family", "raw", "value"),
    [
        ("text", 5, "5"),
        ("text", True, "true"),
        ("integer", "12", 12),
        ("integer", 12.9, 12),
        ("integer", "9007199254740993", 9007199254740993),
        ("float", "1.5", 1.5),
        ("boolean", "false", False),
        ("boolean", "", False),
        ("boolean", True, True),
    ],
)
def test_values_are_coerced_as_elasticsearch_coerces_them(family, raw, value):
    assert COERCIONS[family](raw) == value


@pytest.mark.parametrize(
    ("family", "raw"),
    [
        ("integer", "many"),
        ("integer", True),
        ("integer", 2**63),
        ("float", False),
        ("float", "NaN"),
        ("boolean", "yes"),
        ("boolean", 1),
        ("date", "soon"),
    ],
)
def test_a_bound_that_the_field_cannot_hold_is_refused(family, raw):
    with pytest.raises(ApiError, match="failed to parse"):
        read_bound(family, raw)
