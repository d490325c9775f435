"""Times as people type them: `3 days ago`, `yesterday`, or ISO-8601 with a zone (rule 11)."""

import datetime as dt
import re

import click
from dateutil import parser as date_parser
from dateutil.relativedelta import relativedelta

from bot.app.clock import SystemClock
from bot.kernel.clock import to_utc

_RELATIVE = re.compile(
    r"\s*(?:(\d{1,6}|an?)\s*(second|minute|hour|day|week|month|year)s?)\b\s*(?:,|and)?", re.IGNORECASE
)
_SHORT = re.compile(r"(\d{1,6})\s*([smhdw])", re.IGNORECASE)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_KNOWN_DAYS = {"now": 0, "today": 0, "yesterday": 1}


def moment_of(words: str, now: dt.datetime) -> dt.datetime:
    """Return the UTC time that somebody means.

    Args:
        words: `3 days ago`, `1 month and 2 days ago`, `90m`, `yesterday` (its midnight, UTC), or
            ISO-8601 with a zone.
        now: What "ago" counts from.

    Raises:
        ValueError: It is no time, or names no zone.
    """
    text = words.strip().lower()
    if text == "now":
        return now
    if text in _KNOWN_DAYS:
        day = now - dt.timedelta(days=_KNOWN_DAYS[text])
        return day.replace(hour=0, minute=0, second=0, microsecond=0)
    if short := _SHORT.fullmatch(text.removesuffix("ago").strip()):
        return _ago(now, {_UNITS[short[2]]: int(short[1])})
    if text.endswith("ago"):
        return _ago(now, _amounts(text.removesuffix("ago").strip()))
    try:
        moment = date_parser.isoparse(words.strip())
    except ValueError as error:
        raise ValueError(
            f"{words!r} is no time; type '3 days ago', 90m, yesterday or 2026-05-01T12:00Z"
        ) from error
    try:
        return to_utc(moment)
    except ValueError as error:
        raise ValueError(f"{words!r} names no zone; add one, for example Z or +02:00") from error


class Moment(click.ParamType[dt.datetime]):
    """A time as people type it; UTC for the program."""

    name = "time"

    def convert(
        self, value: str | dt.datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.datetime:
        """Return the UTC time."""
        if isinstance(value, dt.datetime):
            return value
        try:
            return moment_of(value, SystemClock().now())
        except ValueError as error:
            self.fail(str(error), param, ctx)


def zone_named(name: str) -> dt.tzinfo:
    """Return a time zone by its name, such as `Europe/Berlin`, or `local`.

    Raises:
        ValueError: There is no such zone.
    """
    from dateutil import tz

    zone = tz.tzlocal() if name == "local" else tz.gettz(name) if name else None
    if zone is None:
        raise ValueError(f"{name!r} is no time zone; type for example Europe/Berlin, UTC or local")
    return zone


def _amounts(text: str) -> dict[str, int]:
    amounts: dict[str, int] = {}
    place = 0
    while place < len(text):
        found = _RELATIVE.match(text, place)
        if found is None:
            break
        unit = f"{found[2].lower()}s"
        amounts[unit] = amounts.get(unit, 0) + (1 if found[1].startswith("a") else int(found[1]))
        place = found.end()
    if not amounts or text[place:].strip():
        raise ValueError(f"'{text} ago' is no time; type for example '3 days ago' or '1 week and 2 days ago'")
    return amounts


def _ago(now: dt.datetime, amounts: dict[str, int]) -> dt.datetime:
    try:
        return now - relativedelta(**amounts)  # type: ignore[arg-type]  # whole numbers by unit
    except (OverflowError, ValueError) as error:
        raise ValueError("that is before the calendar begins") from error
