"""Suggestions are words: they point at frozen coins, and leave everything as it is."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.app.suggestions import suggest
from bot.kernel.errors import ExchangeError
from bot.storage.documents import MANAGED_STATE
from tests.fakes.bot_world import BotWorld, bot_world

ON = {"BOT_PROPOSALS_SUGGESTIONS": "on"}
WALLET = {
    "SOL": Decimal(25),
    "ETH": Decimal(2),
    "DOGE": Decimal(12_000),
    "LINK": Decimal("0.5"),
    "USDC": Decimal(4_000),
    "FOO": Decimal(7),
    "USDT": Decimal(10_000),
}


def world_of(tmp_path: Path, environ: dict[str, str], **box: Any) -> Any:
    return bot_world(tmp_path / "home", environ=environ, wallet=WALLET, **box)


def everything(world: BotWorld) -> tuple[int, int, int]:
    """Return what a change of any kind would move: serial, audit records, commands."""
    app = world.app
    serial = app.store.read(MANAGED_STATE).meta.serial
    return serial, len(list(app.store.audit.records())), len(app.queue.list(limit=1_000))


def test_frozen_coins_that_matter_are_pointed_at_the_most_valuable_first(tmp_path: Path) -> None:
    with world_of(tmp_path, ON) as world:
        before = everything(world)
        found = suggest(world.app)
        assert everything(world) == before, "a suggestion changes nothing"
        assert world.orders_sent() == 0
        worth = [coin.worth_usdt for coin in found.coins]
        assert {coin.asset for coin in found.coins} == {"SOL", "ETH", "DOGE"}
        assert worth == sorted(worth, reverse=True)
        assert {coin.ask for coin in found.coins} == {
            f"bot propose {name}" for name in ("SOL", "ETH", "DOGE")
        }
        assert set(found.passed_over) == {"LINK", "USDC", "FOO"}
        assert "of the portfolio" in found.passed_over["LINK"]
        assert "stablecoin" in found.passed_over["USDC"]
        assert found.passed_over["FOO"] == "no open market"


def test_they_are_off_until_somebody_wants_them_and_then_ask_the_exchange_nothing(tmp_path: Path) -> None:
    with world_of(tmp_path, {}) as world:
        asked = len(world.box.control.requests())
        found = suggest(world.app)
        assert (found.enabled, found.coins, found.passed_over) == (False, (), {})
        assert len(world.box.control.requests()) == asked


def test_a_coin_that_is_asked_for_in_hand_or_black_listed_is_not_pointed_at(tmp_path: Path) -> None:
    with world_of(tmp_path, ON | {"BOT_RISK_BLACKLIST": "DOGE"}) as world:
        world.hand_over("ETH")
        world.propose("SOL")
        found = suggest(world.app)
        assert found.coins == ()
        assert found.passed_over["DOGE"] == "on the blacklist"
        assert not {"ETH", "SOL"} & set(found.passed_over), "they are not frozen any more"


def test_without_an_answer_of_the_exchange_nothing_is_said(tmp_path: Path) -> None:
    with world_of(tmp_path, ON) as world:
        world.app.gateway.markets()
        world.box.control.add_fault("drop_before", times=1_000)
        with pytest.raises(ExchangeError):
            suggest(world.app)
        world.box.control.clear_faults()
