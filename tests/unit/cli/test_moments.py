"""Rule 11: times as people type them."""

import datetime as dt

import pytest

from bot.cli.moments import moment_of, zone_named

NOW = dt.datetime(2026, 5, 31, 12, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("words", "moment"),
    [
        ("now", "2026-05-31T12:30"),
        ("today", "2026-05-31T00:00"),
        ("Yesterday", "2026-05-30T00:00"),
        ("3 days ago", "2026-05-28T12:30"),
        ("1 month ago", "2026-04-30T12:30"),
        ("an hour ago", "2026-05-31T11:30"),
        ("1 week and 2 days ago", "2026-05-22T12:30"),
        ("2 hours, 5 minutes ago", "2026-05-31T10:25"),
        ("90m", "2026-05-31T11:00"),
        ("2h ago", "2026-05-31T10:30"),
        ("7d", "2026-05-24T12:30"),
        ("2026-05-01T12:00Z", "2026-05-01T12:00"),
        ("2026-05-01T12:00+02:00", "2026-05-01T10:00"),
    ],
)
def test_what_people_type_is_understood(words: str, moment: str) -> None:
    assert moment_of(words, NOW) == dt.datetime.fromisoformat(f"{moment}+00:00")


@pytest.mark.parametrize(
    ("words", "tells"),
    [
        ("2026-05-01T12:00", "names no zone"),
        ("2026-05-01", "names no zone"),
        ("soon", "is no time"),
        ("", "is no time"),
        ("ago", "is no time"),
        ("3 moons ago", "is no time"),
        ("3 days and something ago", "is no time"),
        ("999999 years ago", "before the calendar begins"),
    ],
)
def test_what_is_no_time_or_names_no_zone_is_an_error(words: str, tells: str) -> None:
    with pytest.raises(ValueError, match=tells):
        moment_of(words, NOW)


def test_a_zone_is_named_as_the_world_names_it() -> None:
    assert NOW.astimezone(zone_named("Europe/Berlin")).hour == 14
    assert zone_named("local") is not None
    with pytest.raises(ValueError, match="is no time zone"):
        zone_named("Moon/Tranquility")
