"""One exit code for several coins (Q-MH-5)."""

import pytest

from bot.cli.bulk import code_of_all


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ((0,), 0),
        ((0, 0), 0),
        ((5, 5), 5),
        ((0, 5), 8),
        ((0, 8, 5), 8),
        ((5, 7), 7),
        ((0, 130), 130),
        ((5, 130), 130),
    ],
)
def test_all_alike_is_that_code_some_well_is_partly_done(codes: tuple[int, ...], code: int) -> None:
    assert code_of_all(codes) == code
