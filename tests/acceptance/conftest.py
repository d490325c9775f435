"""Prepared homes: made once, copied for each test."""

import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bot.app.clock import SystemClock
from tests.fakes.bot_world import BotWorld, bot_world

WALLET = {"SOL": "25", "ETH": "2", "DOGE": "12000", "USDT": "10000"}


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BotWorld]:
    """A home with its box running: SOL proposed, ETH in the bot's hands, DOGE frozen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("BOT_ENVIRONMENT", raising=False)
        wallet = {name: Decimal(amount) for name, amount in WALLET.items()}
        folder = tmp_path_factory.mktemp("prepared") / "home"
        with bot_world(folder, clock=SystemClock(), seed=22, wallet=wallet) as world:
            world.hand_over("ETH")
            world.propose("SOL")
            world.app.close()
            yield world


@pytest.fixture
def home(prepared: BotWorld, tmp_path: Path) -> Path:
    """A copy of the prepared home; its box answers."""
    return Path(shutil.copytree(prepared.root, tmp_path / "home"))
