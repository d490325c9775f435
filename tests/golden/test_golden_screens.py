"""The main screens at three widths and without a terminal, as they are kept in `screens/`.

To renew them after a change, and then to look at each of them:
    BOT_TEST_RENEW=1 python -m pytest tests/golden/test_golden_screens.py
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bot.app.environment import account
from bot.lifecycle.commands import CommandType
from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.cli_screens import screen_at
from tests.fakes.kept_screens import WIDTHS, KeptScreens, width_name

KEPT = KeptScreens(Path(__file__).parent / "screens")
SCREENS = {
    "status": ("status",),
    "holdings_ls": ("holdings", "ls"),
    "holdings_show": ("holdings", "show", "ETH"),
    "proposals_ls": ("proposals", "ls"),
    "proposals_show": ("proposals", "show", "SOL"),
    "commands_ls": ("commands", "ls"),
    "commands_tail": ("commands", "tail", "-n", "5"),
    "audit_tail": ("audit", "tail", "-n", "8"),
    "explain_coin": ("explain", "ETH"),
    "explain_frozen": ("explain", "DOGE"),
    "explain_code": ("explain", "pause_first"),
    "override": ("override", "ETH", "--stop-loss", "2950", "--reason", "support moved", "--dry-run"),
    "drift": ("drift", "--offline"),
}
WALLET = {"SOL": "25", "ETH": "2", "DOGE": "12000", "USDT": "10000"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BotWorld]:
    """SOL proposed, ETH in the bot's hands and paused, DOGE frozen, one refusal; all at fixed times."""
    root = tmp_path_factory.mktemp("screens") / "home"
    wallet = {name: Decimal(amount) for name, amount in WALLET.items()}
    with bot_world(root, seed=22, wallet=wallet, baseline=False) as made:
        file = root / "bot.toml"
        text = re.sub(r"\[users\.\w+\]", "[users.ann]", file.read_text(encoding="utf-8"))
        assert f'os_user = "{account()}"' in text
        file.write_text(text, encoding="utf-8")
        made.restart()
        made.apply_baseline()
        made.hand_over("ETH")
        made.wait(600)
        made.ask(CommandType.RELEASE_MANAGED_ASSET, "ETH", mode="graceful")
        made.pause("ETH", "on")
        made.wait(60)
        made.propose("SOL")
        made.wait(3_600)
        yield made


@pytest.mark.parametrize("columns", WIDTHS, ids=width_name)
@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_looks_as_it_was_looked_at(world: BotWorld, name: str, columns: int | None) -> None:
    shown = screen_at(world.root, *SCREENS[name], columns=columns, clock=world.clock)
    KEPT.assert_as_kept(name, columns, shown)


@pytest.mark.parametrize("name", SCREENS)
def test_a_kept_screen_fits_its_width_and_cuts_no_number(name: str) -> None:
    KEPT.assert_fits_and_cuts_no_number(name)


def test_no_kept_screen_is_left_over() -> None:
    KEPT.assert_none_left_over(SCREENS)
