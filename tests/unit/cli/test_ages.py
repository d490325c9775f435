"""Ages in words, and STALE above the limit."""

import pytest

from bot.cli.ages import age_words, aged


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "119 min"), (7_200, "2 h"), (172_800, "2 d")],
)
def test_an_age_is_told_in_the_unit_that_people_use(seconds: float, words: str) -> None:
    assert age_words(seconds) == words


def test_what_is_older_than_its_limit_is_marked_stale() -> None:
    assert aged(10, 10) == "10 s ago"
    assert aged(11, 10) == "11 s ago STALE"
