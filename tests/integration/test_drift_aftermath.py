"""After a person has overruled a drift: the stop counts, a moved one too, after a restart too."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.holdings.positions import PositionsContent
from bot.kernel.market import Ticker
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.drift_kinds import drifts_of
from bot.lifecycle.states import AssetState
from bot.storage.documents import POSITIONS
from bot.storage.positions_writer import write_positions
from tests.fakes.bot_world import WALLET, BotWorld, bot_world, words_of
from tests.fakes.home_checks import assert_home_is_whole

D = Decimal


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        made.hand_over("SOL")
        yield made
        assert_home_is_whole(made.app)


def told(world: BotWorld, command: CommandType, **words: Any) -> None:
    outcome = world.ask(command, "SOL", **words)
    assert outcome.state is CommandState.APPLIED, outcome


def overrule(world: BotWorld, **words: Any) -> None:
    told(world, CommandType.RESUME_MANAGED_ASSET, override=True, reason="I looked at it", **words)
    assert world.managed.state_of("SOL") is AssetState.MANAGED_ACTIVE


def shrink_the_position(world: BotWorld) -> Decimal:
    """Let `positions.json` hold a tenth less than was agreed, and the bot stop itself for it."""
    with world.app.store.transaction() as transaction:
        positions = transaction.current(POSITIONS).content.positions
        found = positions["SOL/USDT"]
        less = (found.quantity * D("0.9")).quantize(D("0.001"))
        changed = {**positions, "SOL/USDT": msgspec.structs.replace(found, quantity=less)}
        write_positions(transaction, PositionsContent(positions=changed))
    assert words_of(world.cycle()) == ["drift"]
    assert world.managed.state_of("SOL") is AssetState.MANAGED_DRIFT_ALERT
    return less


def withdraw_until(world: BotWorld, left: Decimal) -> None:
    world.box.control.withdraw("SOL", WALLET["SOL"] - left)


def test_a_stop_that_is_moved_counts_although_a_difference_of_quantity_is_tolerated(world: BotWorld) -> None:
    less = shrink_the_position(world)
    overrule(world)
    entry = world.entry("SOL")
    assert entry.stop_loss is not None
    assert entry.reference_price is not None
    higher = ((entry.stop_loss + entry.reference_price) / 2).quantize(D("0.01"))
    world.wait(1)
    told(world, CommandType.OVERRIDE_MANAGED_LEVELS, stop_loss=higher, reason="support moved")
    world.cycle()
    assert (world.position("SOL").stop_loss, world.position("SOL").quantity) == (higher, less)
    world.set_price("SOL", higher * D("0.995"))
    assert "exit_sent" in words_of(world.cycle())


def test_a_tolerated_difference_keeps_the_stop_armed_after_a_restart(world: BotWorld) -> None:
    withdraw_until(world, (world.entry("SOL").approved_quantity or D(0)) - 2)
    assert words_of(world.cycle()) == ["drift"]
    overrule(world)
    world.cycle()
    world.restart()
    world.fall_to_stop("SOL")
    assert "exit_sent" in words_of(world.cycle())


def test_a_difference_that_grew_while_nobody_ran_is_not_covered_by_the_old_word(world: BotWorld) -> None:
    withdraw_until(world, (world.entry("SOL").approved_quantity or D(0)) - 2)
    world.cycle()
    overrule(world)
    world.cycle()
    world.app.close()
    world.box.control.withdraw("SOL", D(4))
    world.restart()
    world.fall_to_stop("SOL")
    words = words_of(world.cycle())
    assert "exit_sent" not in words
    assert {"unverified", "drift"} <= set(words)


def test_an_ordered_sale_that_a_drift_held_up_does_not_wake_up_at_the_resume(world: BotWorld) -> None:
    told(world, CommandType.FORCE_MANAGED_EXIT, confirm="SOL:exit", reason="out")
    shrink_the_position(world)
    world.wait(3 * 86_400)
    overrule(world, accept="current")
    assert world.entry("SOL").force_exit is None
    assert "exit_sent" not in words_of(world.cycle())


def test_without_a_tolerance_what_was_accepted_alarms_again_when_more_is_gone(world: BotWorld) -> None:
    setting = {"lifecycle.quantity_drift_pct": D(0)}
    applied = world.ask(CommandType.APPLY_RUNTIME_CONFIG, "*", settings=setting)
    assert applied.state is CommandState.APPLIED, applied
    withdraw_until(world, (world.entry("SOL").approved_quantity or D(0)) - 1)
    assert words_of(world.cycle()) == ["drift"]
    overrule(world)
    assert words_of(world.cycle()) == []
    world.box.control.withdraw("SOL", D(10))
    assert words_of(world.cycle()) == ["drift"]
    assert world.managed.state_of("SOL") is AssetState.MANAGED_DRIFT_ALERT


def test_a_nonsense_price_does_not_explain_a_missing_quantity_away(world: BotWorld) -> None:
    world.pause("SOL", "on")
    withdraw_until(world, D(5))
    assert words_of(world.cycle()) == ["drift"]
    real = world.app.gateway.tickers

    def nonsense(symbols: Sequence[str]) -> Mapping[str, Ticker]:
        cent = D("0.01")
        return {
            name: msgspec.structs.replace(ticker, last=cent, bid=cent, ask=cent)
            for name, ticker in real(symbols).items()
        }

    world.app.gateway.tickers = nonsense  # type: ignore[method-assign]  # one odd answer of the exchange
    assert "drift_gone" not in words_of(world.cycle())
    assert "wallet_external" in {drift.kind for drift in drifts_of(world.entry("SOL"))}
