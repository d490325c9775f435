"""The contract of `bot.kernel.clock.Clock`, on every implementation."""

import datetime as dt
import importlib
from collections.abc import Callable

import pytest

from bot.kernel.clock import Clock
from tests.fakes.fake_clock import START, FakeClock

BRIEF_S = 0.01


def _fake() -> Clock:
    return FakeClock()


def _system() -> Clock:
    clock: Clock = importlib.import_module("bot.app.clock").SystemClock()
    return clock


@pytest.fixture(params=[_fake, _system], ids=["fake", "system"])
def any_clock(request: pytest.FixtureRequest) -> Clock:
    make: Callable[[], Clock] = request.param
    return make()


def test_now_is_aware_and_in_utc(any_clock: Clock) -> None:
    assert any_clock.now().utcoffset() == dt.timedelta(0)
    assert any_clock.now().tzinfo is dt.UTC


def test_sleep_lets_at_least_that_time_pass_on_the_monotonic_clock(any_clock: Clock) -> None:
    before = any_clock.monotonic()
    any_clock.sleep(BRIEF_S)
    assert any_clock.monotonic() - before >= BRIEF_S


def test_the_monotonic_clock_never_steps_back(any_clock: Clock) -> None:
    readings = [any_clock.monotonic() for _ in range(100)]
    assert readings == sorted(readings)


def test_sleeping_for_no_time_is_allowed(any_clock: Clock) -> None:
    any_clock.sleep(0)


def test_the_fake_wall_clock_steps_back_without_the_monotonic_one() -> None:
    clock = FakeClock()
    clock.advance(60)
    clock.set_wall(START - dt.timedelta(hours=1))
    assert clock.now() == START - dt.timedelta(hours=1)
    assert clock.monotonic() == 60


def test_the_fake_clock_refuses_a_naive_time() -> None:
    with pytest.raises(ValueError, match="naive"):
        FakeClock(START.replace(tzinfo=None))
