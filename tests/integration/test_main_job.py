"""The main job in one process on real parts: from frozen to the agreed exit, and nothing besides."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.states import AssetState
from bot.storage.documents import BASELINE_HOLDINGS
from tests.fakes.bot_world import WALLET, BotWorld, bot_world, words_of
from tests.fakes.home_checks import (
    assert_documents_are_valid,
    assert_home_is_whole,
    audit_of,
    audit_types,
    command_states,
)

FEE = Decimal("0.001")
PROMOTED = [
    "asset_proposal_requested",
    "asset_proposal_begun",  # the engine took it up
    "asset_proposal_generated",
    "asset_promoted",
    "synthetic_entry_set",
]
EXITED = ["exit_intent_opened", "exit_executed"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        yield made


def assert_the_sale_explains_the_balances(world: BotWorld, asset: str, before: dict[str, Decimal]) -> None:
    """The approved quantity left, its proceeds less the fee came, and no other coin moved."""
    entry, after = world.entry(asset), world.balances()
    assert entry.sold_quantity == entry.approved_quantity
    sale = next(r for r in audit_of(world.app, asset) if r["type"] == "managed.exit_executed")
    fees = {fee["asset"]: Decimal(str(fee["amount"])) for fee in sale["data"]["fees"]}
    quote = entry.sold_quote or Decimal(0)
    assert fees.keys() == {"USDT"}
    assert abs(fees["USDT"] - quote * FEE) < Decimal("0.000001")
    expected = before | {
        asset: before[asset] - (entry.approved_quantity or Decimal(0)),
        "USDT": before["USDT"] + quote - fees["USDT"],
    }
    assert after == expected


@pytest.mark.smoke
@pytest.mark.parametrize("reason", ["stop_loss", "take_profit"])
def test_a_handed_over_coin_is_followed_and_sold_once_at_its_agreed_exit(
    world: BotWorld, reason: str
) -> None:
    before = world.balances()
    assert world.propose("SOL").state is AssetState.RISK_PROPOSED
    outcome = world.ask(CommandType.APPROVE_MANAGED_PROPOSAL, "SOL", **world.approval("SOL"))
    assert (outcome.detail["from"], outcome.detail["to"]) == ("risk_proposed", "managed_active")
    assert words_of(world.cycle()) == ["taken_over"]
    assert world.balances() == before, "taking over buys nothing"

    entry = world.entry("SOL")
    stop, target = entry.stop_loss or Decimal(0), entry.take_profit or Decimal(0)
    world.set_price("SOL", stop + Decimal("0.05"))
    assert words_of(world.cycle()) == []
    band = (entry.reference_price or Decimal(0)) + 2 * (entry.atr or Decimal(0))  # beyond it: drift
    world.set_price("SOL", min(target, band) - Decimal("0.05"))
    assert words_of(world.cycle()) == []
    assert world.orders_sent() == 0

    world.set_price("SOL", stop if reason == "stop_loss" else target)
    assert words_of(world.cycle()) == ["exit_sent", "exit_filled", "closed"]
    entry = world.entry("SOL")
    assert entry.state is AssetState.EXIT_EXECUTED
    assert entry.reason is not None
    assert entry.reason.code == f"exit_{reason}"
    assert audit_types(world.app, "SOL") == PROMOTED + EXITED
    assert_the_sale_explains_the_balances(world, "SOL", before)

    for _ in range(3):
        assert world.cycle().watched == ()
    assert world.orders_sent() == 1
    assert command_states(world.app) == {CommandState.APPLIED}
    assert_home_is_whole(world.app)


def test_never_more_is_sold_than_was_handed_over_and_the_rest_stays_the_owners(world: BotWorld) -> None:
    before = world.balances()
    entry = world.hand_over("SOL", quantity=Decimal("3.5"))
    assert entry.approved_quantity == Decimal("3.5")
    assert world.position("SOL").quantity == Decimal("3.5")
    world.box.control.deposit("SOL", "100")  # more of the coin does not become the bot's
    world.fall_to_stop("SOL")
    world.cycle()
    world.cycle()
    assert world.entry("SOL").sold_quantity == Decimal("3.5")
    assert world.balances()["SOL"] == before["SOL"] + 100 - Decimal("3.5")
    assert_home_is_whole(world.app)


def test_each_coin_follows_its_own_agreement(world: BotWorld) -> None:
    before = world.balances()
    sol, eth = world.hand_over("SOL"), world.hand_over("ETH")
    assert world.cycle().watched == ("ETH", "SOL")
    world.set_price("ETH", (eth.take_profit or Decimal(0)) + 1)
    world.cycle()
    assert world.managed.state_of("ETH") is AssetState.EXIT_EXECUTED
    assert world.entry("SOL") == sol
    world.fall_to_stop("SOL")
    world.cycle()
    after = world.balances()
    for asset, entry in (("SOL", sol), ("ETH", eth)):
        assert before[asset] - after[asset] == entry.approved_quantity
    proceeds = sum((world.entry(a).sold_quote or Decimal(0) for a in ("SOL", "ETH")), Decimal(0))
    assert abs(after["USDT"] - before["USDT"] - proceeds * (1 - FEE)) < Decimal("0.000001")
    assert world.orders_sent() == 2
    assert_home_is_whole(world.app)


def test_a_promotion_writes_nothing_into_the_baseline(world: BotWorld) -> None:
    before = world.app.store.read(BASELINE_HOLDINGS)  # DR-7
    world.hand_over("SOL")
    assert world.app.store.read(BASELINE_HOLDINGS) == before
    assert {name: item.quantity for name, item in before.content.assets.items()} == WALLET


def test_a_restart_in_every_phase_changes_nothing(world: BotWorld) -> None:
    world.propose("SOL")
    world.restart()
    words = world.approval("SOL")
    world.ask(CommandType.APPROVE_MANAGED_PROPOSAL, "SOL", **words)
    world.restart()
    assert words_of(world.cycle()) == ["taken_over"]
    world.restart()
    assert words_of(world.cycle()) == []
    world.fall_to_stop("SOL")
    world.restart()
    assert words_of(world.cycle()) == ["exit_sent", "exit_filled", "closed"]
    world.restart()
    assert words_of(world.cycle()) == []
    assert world.orders_sent() == 1
    assert_home_is_whole(world.app)


def test_after_the_exit_only_a_person_brings_the_coin_back(world: BotWorld) -> None:
    world.hand_over("SOL")
    world.fall_to_stop("SOL")
    world.cycle()
    world.wait(90 * 86_400)
    assert world.app.scheduler.run_due(world.clock.now()) == []  # DR-11
    assert world.managed.state_of("SOL") is AssetState.EXIT_EXECUTED
    assert world.ask(CommandType.REQUEST_MANAGED_PROPOSAL, "SOL").code == "reengage_via_frozen"
    assert world.ask(CommandType.RELEASE_MANAGED_ASSET, "SOL", mode="graceful").code == "applied"
    assert world.managed.state_of("SOL") is AssetState.FROZEN
    world.set_price("SOL", Decimal(1))
    assert world.cycle().watched == ()
    assert world.orders_sent() == 1
    assert_home_is_whole(world.app)


def test_the_independent_validator_can_find_a_fault(world: BotWorld) -> None:
    path = world.app.home.positions
    path.write_bytes(path.read_bytes().replace(b'"positions"', b'"posturing"'))
    with pytest.raises(AssertionError, match="positions"):
        assert_documents_are_valid(world.app)
