"""The main screens at three widths and without a terminal, as they are kept in `screens/`.

To renew them after a change, and then to look at each of them:
    BOT_TEST_RENEW=1 python -m pytest tests/golden/test_golden_screens.py
"""

import os
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bot.app.environment import account
from bot.lifecycle.commands import CommandType
from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.cli_screens import screen_at

FOLDER = Path(__file__).parent / "screens"
RENEWS = bool(os.environ.get("BOT_TEST_RENEW"))
WIDTHS = (60, 100, 160, None)
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
NUMBERS = re.compile(r"\d[\d,]*\.?\d*")


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


@pytest.mark.parametrize("columns", WIDTHS, ids=lambda width: str(width or "plain"))
@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_looks_as_it_was_looked_at(world: BotWorld, name: str, columns: int | None) -> None:
    shown = screen_at(world.root, *SCREENS[name], columns=columns, clock=world.clock)
    file = FOLDER / f"{name}.{columns or 'plain'}.txt"
    if RENEWS:
        file.parent.mkdir(exist_ok=True)
        file.write_text(shown, encoding="utf-8")
    assert shown == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SCREENS)
def test_a_kept_screen_fits_its_width_and_cuts_no_number(name: str) -> None:
    plain = (FOLDER / f"{name}.plain.txt").read_text(encoding="utf-8")
    for columns in (60, 100, 160):
        shown = (FOLDER / f"{name}.{columns}.txt").read_text(encoding="utf-8")
        assert max(len(line) for line in shown.splitlines()) <= columns
        assert set(NUMBERS.findall(plain)) - set(NUMBERS.findall(shown)) == set()
        assert [line for line in shown.splitlines() if line != line.rstrip()] == []
        assert "\x1b" not in shown
        assert "…" not in shown


def test_no_kept_screen_is_left_over() -> None:
    wanted = {f"{name}.{columns or 'plain'}.txt" for name in SCREENS for columns in WIDTHS}
    assert {path.name for path in FOLDER.iterdir()} == wanted
