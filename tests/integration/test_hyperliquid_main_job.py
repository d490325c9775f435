"""The main job at Hyperliquid's counterpart: a coin is handed over, followed, and sold once in USDC."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bot.lifecycle.states import AssetState
from tests.fakes.home_checks import assert_home_is_whole
from tests.fakes.hyperliquid_exchange import AGENT_KEY, Fault
from tests.fakes.hyperliquid_ledger import FEE
from tests.fakes.hyperliquid_world import HELD, HyperliquidWorld, hyperliquid_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[HyperliquidWorld]:
    with hyperliquid_world(tmp_path / "home") as made:
        yield made


def words_of(world: HyperliquidWorld) -> list[str]:
    return [step.what for step in world.cycle().steps]


def assert_sold_once(world: HyperliquidWorld) -> None:
    """The approved quantity left once, its proceeds less the fee came, and no other coin moved."""
    entry, held = world.entry("SOL"), world.exchange.ledger.held
    assert entry.state is AssetState.EXIT_EXECUTED
    quote = entry.sold_quote or Decimal(0)
    assert entry.sold_quantity == entry.approved_quantity
    assert held["SOL"] == HELD["SOL"] - (entry.approved_quantity or Decimal(0))
    assert held["ETH"] == HELD["ETH"]
    assert held["USDC"] == HELD["USDC"] + quote * (1 - FEE)
    assert_home_is_whole(world.app)


def test_a_handed_over_coin_is_followed_and_sold_once_at_its_stop(world: HyperliquidWorld) -> None:
    entry = world.hand_over("SOL")
    assert entry.state is AssetState.MANAGED_ACTIVE
    assert world.exchange.actions == [], "following a coin signs nothing"
    assert words_of(world) == []
    world.fall_to_stop("SOL")
    assert words_of(world) == ["exit_sent", "exit_filled", "closed"]
    assert_sold_once(world)
    assert words_of(world) == []
    assert world.exchange.actions == ["order"], "no builder, no referrer, no second order"


def test_an_exit_whose_answer_is_lost_is_found_by_its_id_and_sold_once(world: HyperliquidWorld) -> None:
    world.hand_over("SOL")
    world.fall_to_stop("SOL")
    world.exchange.faults.append(Fault("order", executed=True))
    assert "exit_sent" in words_of(world)
    assert world.entry("SOL").exit_intent is not None, "unknown is not booked"
    world.restart()
    words = words_of(world)
    assert "exit_filled" in words, words
    assert_sold_once(world)
    assert world.exchange.actions == ["order"]


def test_the_private_key_stands_nowhere_in_the_home(world: HyperliquidWorld) -> None:
    world.hand_over("SOL")
    world.fall_to_stop("SOL")
    world.cycle()
    digits = AGENT_KEY.removeprefix("0x").encode()
    files = [path for path in world.root.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not [path for path in files if digits in path.read_bytes()]
