"""Promises to come round."""

from bot.observability.progress import Progress
from tests.fakes.fake_clock import FakeClock


def test_a_thread_is_late_only_after_its_own_promise() -> None:
    clock = FakeClock()
    progress = Progress(clock.monotonic)
    progress.back_within("commands", 10)
    progress.back_within("trading", 30)
    clock.advance(10)
    assert progress.late() == {}
    clock.advance(2)
    assert progress.late() == {"commands": 2.0}
    progress.back_within("commands", 10)
    assert progress.late() == {}
    clock.advance(60)
    assert progress.late() == {"commands": 50.0, "trading": 42.0}


def test_who_has_ended_or_never_promised_is_not_late() -> None:
    clock = FakeClock()
    progress = Progress(clock.monotonic)
    assert progress.late() == {}
    progress.back_within("trading", 1)
    clock.advance(5)
    progress.ended("trading")
    progress.ended("trading")
    assert progress.late() == {}


def test_a_step_of_the_wall_clock_makes_nobody_late() -> None:
    clock = FakeClock()
    progress = Progress(clock.monotonic)
    progress.back_within("commands", 10)
    clock.set_wall(clock.now().replace(year=2030))
    assert progress.late() == {}
