"""Until when people may answer."""

from datetime import UTC, datetime, timedelta

import pytest

from perdure.policy.expiry import expiry_text, time_left
from perdure.policy.reading import parse_policy

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "left", "text"),
    [
        ("30m", timedelta(minutes=30), "within 0:30:00"),
        ("2d", timedelta(days=2), "within 2 days, 0:00:00"),
        ("17:00Z", timedelta(hours=5), "until 17:00:00+00:00"),
        ("17:00+02:00", timedelta(hours=3), "until 17:00:00+02:00"),
        # Of the next day: that of today is over.
        ("12:00Z", timedelta(days=1), "until 12:00:00+00:00"),
        ("11:59:30Z", timedelta(hours=23, minutes=59, seconds=30), "until 11:59:30+00:00"),
        # Where the clocks that are meant show another day already.
        ("01:00+14:00", timedelta(hours=23), "until 01:00:00+14:00"),
        ("23:00-12:00", timedelta(hours=23), "until 23:00:00-12:00"),
        (
            "2099-03-02T12:00:00+01:00",
            datetime(2099, 3, 2, 11, tzinfo=UTC) - NOON,
            "until 2099-03-02T12:00:00+01:00",
        ),
        (
            "2099-03-02 12:00Z",
            datetime(2099, 3, 2, 12, tzinfo=UTC) - NOON,
            "until 2099-03-02T12:00:00+00:00",
        ),
    ],
)
def test_how_long_people_have(written: str, left: timedelta, text: str) -> None:
    rule = f"{{name: one, when: {{tool: x}}, then: ask, expires: '{written}'}}"
    [read] = parse_policy(f"rules: [{rule}]", source="p.yaml").rules
    assert read.expires is not None
    assert time_left(read.expires, NOON) == left
    assert expiry_text(read.expires) == text
