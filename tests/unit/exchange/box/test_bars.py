from itertools import pairwise

from bot.exchange.box.bars import Bar, join, part_of, price_at, segments_of, volume_between

RISING = Bar(0, 100, 130, 90, 120, 300)
FALLING = Bar(0, 120, 130, 90, 100, 300)
LENGTH = 3_600


def test_a_rising_bar_visits_its_low_first() -> None:
    assert [price_at(RISING, LENGTH, at) for at in (0, 1_200, 2_400, 3_600)] == [100, 90, 130, 120]


def test_a_falling_bar_visits_its_high_first() -> None:
    assert [price_at(FALLING, LENGTH, at) for at in (0, 1_200, 2_400, 3_600)] == [120, 130, 90, 100]


def test_a_part_shows_only_what_the_path_has_visited() -> None:
    assert part_of(RISING, LENGTH, 0, 600) == Bar(0, 100, 100, 95, 95, 50)
    assert part_of(RISING, LENGTH, 0, 1_800).high == 110
    assert part_of(RISING, LENGTH, 0, LENGTH) == RISING


def test_adjacent_parts_join_to_the_whole() -> None:
    parts = [part_of(RISING, LENGTH, at, at + 400) for at in range(0, LENGTH, 400)]
    assert join(parts) == RISING


def test_the_volume_of_adjacent_parts_adds_up_when_it_does_not_divide() -> None:
    bar = RISING._replace(volume=1_001)
    assert (
        sum(volume_between(bar, LENGTH, at, at + 7) for at in range(0, 3_598, 7)) == 1_001 * 3_598 // LENGTH
    )


def test_nothing_joined_is_nothing() -> None:
    assert join([]) is None


def test_segments_follow_each_other_without_holes() -> None:
    lines = list(segments_of(RISING, LENGTH, 100, 3_000))
    assert (lines[0].started_ms, lines[-1].ended_ms) == (100, 3_000)
    assert all(a.ended_ms == b.started_ms and a.end == b.start for a, b in pairwise(lines))
