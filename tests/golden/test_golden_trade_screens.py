"""The screens about orders, positions, baseline and settings, as they are kept in `trade_screens/`.

To renew them after a change, and then to look at each of them:
    BOT_TEST_RENEW=1 python -m pytest tests/golden/test_golden_trade_screens.py
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.cli_screens import screen_at
from tests.fakes.kept_screens import WIDTHS, KeptScreens, width_name

KEPT = KeptScreens(Path(__file__).parent / "trade_screens")
SCREENS = {
    "baseline_show": ("baseline", "show"),
    "settings_show": ("settings", "show"),
    "orders_ls": ("orders", "ls"),
    "positions_ls": ("positions", "ls"),
}
WALLET = {"SOL": "25", "ETH": "2", "DOGE": "12000", "USDT": "10000"}
ORDER_ID = re.compile(r"\b(mh-SOL-)[0-9a-f]{24}\b")
"""It follows from the proposal's own id, which is random; a kept one is as long."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BotWorld]:
    """SOL sold at its stop, one sale of the owner's, ETH in the bot's hands, DOGE frozen."""
    root = tmp_path_factory.mktemp("screens") / "home"
    wallet = {name: Decimal(amount) for name, amount in WALLET.items()}
    with bot_world(root, seed=22, wallet=wallet) as made:
        made.hand_over("SOL")
        made.hand_over("ETH")
        made.box.control.external_trade("SOL/USDT", "SELL", "1")
        made.wait(600)
        made.fall_to_stop("SOL")
        made.cycle()
        made.wait(600)
        made.cycle()
        yield made


@pytest.mark.parametrize("columns", WIDTHS, ids=width_name)
@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_looks_as_it_was_looked_at(world: BotWorld, name: str, columns: int | None) -> None:
    shown = screen_at(world.root, *SCREENS[name], columns=columns, clock=world.clock)
    KEPT.assert_as_kept(name, columns, ORDER_ID.sub(rf"\g<1>{'0' * 24}", shown))


@pytest.mark.parametrize("name", SCREENS)
def test_a_kept_screen_fits_its_width_and_cuts_no_number(name: str) -> None:
    KEPT.assert_fits_and_cuts_no_number(name)


def test_no_kept_screen_is_left_over() -> None:
    KEPT.assert_none_left_over(SCREENS)
