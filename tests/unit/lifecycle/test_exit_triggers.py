"""When an agreed exit is due."""

from decimal import Decimal

import pytest

from bot.lifecycle.documents import ExitReason
from bot.lifecycle.exit_triggers import due_exit


def due(last: str, *, forced: bool = False) -> ExitReason | None:
    return due_exit(last=Decimal(last), stop_loss=Decimal(90), take_profit=Decimal(130), forced=forced)


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        ("89.99", ExitReason.STOP_LOSS),
        ("90", ExitReason.STOP_LOSS),
        ("90.01", None),
        ("129.99", None),
        ("130", ExitReason.TAKE_PROFIT),
        ("131", ExitReason.TAKE_PROFIT),
    ],
)
def test_a_price_at_a_level_has_reached_it(last: str, reason: ExitReason | None) -> None:
    assert due(last) is reason


@pytest.mark.parametrize("last", ["50", "100", "200"])
def test_an_ordered_exit_is_due_at_any_price_and_keeps_its_name(last: str) -> None:
    assert due(last, forced=True) is ExitReason.FORCE_EXIT


def test_where_the_levels_cross_the_stop_goes_first() -> None:
    assert (
        due_exit(last=Decimal(100), stop_loss=Decimal(110), take_profit=Decimal(95)) is ExitReason.STOP_LOSS
    )
